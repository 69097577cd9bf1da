"""What the page says of each run's habits: the figures, the verdict by a stated rule, the words."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from spinebench.evaluation import statistics
from spinebench.evaluation.habits import (
    PLACE_EXCESS,
    UNSEEN_GAIN,
    UNSTEADY,
    PlaceHabit,
    SightHabit,
    SteadyHabit,
    measure_places,
    measure_sight,
    measure_steadiness,
)
from spinebench.evaluation.protocols import parse_protocol
from spinebench.evaluation.run_identity import asked_settings, shown_model
from spinebench.report.estimates import estimate_from
from spinebench.report.plots import interval_words, percent
from spinebench.report.runs import LoadedRun
from spinebench.report.verdicts import points
from spinebench.report.views import HabitView, RunView, SightView

BIASED, UNSEEING, UNSTEADY_TAG = "favours a place", "blind", "flip-flops"

# baselines for which a run without the image would say nothing new
_NO_CONTROL = {
    "spinebench/random": "None: this baseline draws lots.",
    "spinebench/blind": "None: this baseline never looks at the image.",
    "spinebench/metadata": "None: this baseline knows how the image was taken, not the image.",
    "spinebench/nearest": "All: this baseline knows nothing but the image.",
}

RULES = (
    (
        BIASED,
        "the wrong answers to single-choice questions, whose options stand in random order, fall "
        "on the places unevenly: chi-square, p by simulation, at most 0.05 after Holm’s correction "
        f"for all runs of this page, and one place {percent(PLACE_EXCESS, 0)} points or more above "
        "its share",
    ),
    (
        UNSEEING,
        "the accuracy with the image is not above that of the same model without it: the paired "
        "difference’s 95 % interval by patient reaches down to 0, and ends below "
        f"{percent(UNSEEN_GAIN, 0)} points, in every task that was asked both ways",
    ),
    (
        UNSTEADY_TAG,
        "of two askings of the same question, by epoch or with the options turned, more than "
        f"{percent(UNSTEADY, 0)} % name different options: the lower end of the 95 % interval by "
        "patient lies above that",
    ),
)


def build_habits(runs: Sequence[LoadedRun], *, seed: int) -> list[HabitView]:
    """Habits of each run, in their order."""
    places = [measure_places(run.answers, seed=seed) for run in runs]
    tested = [habit.p for habit in places if habit.p is not None]
    adjusted = iter(statistics.holm(tested)) if tested else iter(())
    p_values = [None if habit.p is None else float(next(adjusted)) for habit in places]
    made = []
    for run, place, p in zip(runs, places, p_values, strict=True):
        control = next((other for other in runs if other.is_control_of(run)), None)
        sight = () if control is None else measure_sight(run.answers, control.answers)
        steady = measure_steadiness(run.answers)
        made.append(
            HabitView(
                coverage=_coverage(run.answers),
                place=_place(place),
                sight=tuple(
                    SightView(
                        task=one.task,
                        gain=estimate_from(one.gain, items=one.questions, patients=one.patients),
                        without=one.without,
                    )
                    for one in sight
                ),
                disagreeing=None
                if steady is None
                else estimate_from(
                    steady.disagreeing, items=steady.questions, patients=steady.patients
                ),
                place_words=place_words(place, p),
                sight_words=sight_words(
                    sight, is_control=run.is_control, model=str(run.manifest["model"])
                ),
                steady_words=steady_words(steady),
                tags=_tags(place, p, sight, steady),
                control=None if control is None else control.folder.name,
                control_command=None
                if control is not None or run.is_control or run.manifest["model"] in _NO_CONTROL
                else control_command(run.manifest),
            )
        )
    return made


def with_habits(views: Sequence[RunView], habits: Sequence[HabitView]) -> list[RunView]:
    """The views with what was found of each."""
    return [replace(view, habits=habit) for view, habit in zip(views, habits, strict=True)]


def _tags(
    place: PlaceHabit, p: float | None, sight: Sequence[SightHabit], steady: SteadyHabit | None
) -> tuple[str, ...]:
    tags = []
    if place.is_biased(p):
        tags.append(BIASED)
    if sight and all(one.verdict == "blind" for one in sight):
        tags.append(UNSEEING)
    if steady is not None and steady.is_unsteady:
        tags.append(UNSTEADY_TAG)
    return tuple(tags)


def _place(habit: PlaceHabit) -> tuple[str, float, float] | None:
    if habit.favoured is None:
        return None
    letter = habit.favoured
    return letter, habit.counts[letter] / habit.wrong, habit.expected[letter] / habit.wrong


def _coverage(answers: pl.DataFrame) -> float | None:
    counted = answers.filter("counted")
    if not counted.height:
        return None
    return float((counted["outcome"] == "answered").sum() / counted.height)


def place_words(habit: PlaceHabit, p_adjusted: float | None) -> str:
    """Whether places play a part, in a sentence."""
    if habit.favoured is None or habit.excess is None or p_adjusted is None:
        return "No wrong answer to a single-choice question: nothing to hold against the places."
    count, expected = habit.counts[habit.favoured], habit.expected[habit.favoured]
    figures = (
        f"Of {habit.wrong:,} wrong answers, {percent(count / habit.wrong)} % stand under "
        f"{habit.favoured}, where {percent(expected / habit.wrong)} % would do so by chance "
        f"({_p(p_adjusted)})"
    )
    if habit.is_biased(p_adjusted):
        return f"Favours {habit.favoured}. {figures}."
    if p_adjusted <= 0.05:
        return f"{figures}: more than chance, and too little to matter."
    return f"{figures}: no place is shown to be favoured."


def control_command(manifest: Mapping[str, Any]) -> str:
    """The command that asks the same again without the image; BENCH, OUT, WEIGHTS: fill in."""
    protocol = parse_protocol(manifest["protocol"])
    model = str(manifest["model"])
    if shown_model(model) != model:
        model = f"{model.partition('//')[0]}/WEIGHTS"
    words = ["spinebench", "eval", "run", "BENCH", "--model", model]
    words += ["--protocol", protocol.base] if protocol.base != "released" else []
    words += ["--circular"] if protocol.circular else []
    words += ["--shuffle", str(protocol.shuffle)] if protocol.shuffle is not None else []
    words += ["--split", str(manifest["split"])] if manifest["split"] != "test" else []
    words += ["--subset"] if manifest.get("subset") else []
    for name, number in (("epochs", 1), ("limit", None)):
        value = manifest.get(name, number)
        words += [f"--{name}", str(value)] if value != number else []
    for name, value in sorted(asked_settings(manifest).items()):
        words += ["--setting", f"{name}={value}"]
    return shlex.join([*words, "--no-image", "--out", "OUT"])


def sight_words(habits: Sequence[SightHabit], *, is_control: bool, model: str) -> str:
    """What the image adds, in a sentence for each task."""
    if is_control:
        return "This is the control: no image was sent."
    if not habits:
        return _NO_CONTROL.get(
            model, "Not known: no run of the same model without the image stands on this page."
        )
    return " ".join(_one_sight(habit) for habit in habits)


def _one_sight(habit: SightHabit) -> str:
    gain = habit.gain
    words = (
        f"{habit.task.capitalize()}: {percent(habit.with_image)} % with the image, "
        f"{percent(habit.without)} % without, gain {points(gain.estimate)} points"
    )
    if gain.low is None or gain.high is None:
        return f"{words}; too few patients for an interval."
    words += f" (interval {points(gain.low)} to {points(gain.high)})"
    if habit.verdict == "sees":
        return f"{words}: it uses the image."
    if habit.verdict == "blind":
        return f"{words}: blind, the image adds nothing that could be seen."
    return (
        f"{words}: no gain is shown, but one of {percent(UNSEEN_GAIN, 0)} points cannot be ruled "
        "out with so few patients."
    )


def steady_words(habit: SteadyHabit | None) -> str:
    """Whether it keeps to its answers, in a sentence."""
    if habit is None:
        return "Not measured: each question was asked once; use --circular or --epochs."
    apart, always, mean = habit.disagreeing, habit.always_right, habit.mean_right
    words = (
        f"{habit.questions:,} questions asked {habit.askings:.3g} times each: two askings disagree "
        f"in {percent(apart.estimate)} % (interval {interval_words(apart.low, apart.high)}); right "
        f"every time {percent(always.estimate)} %, right on average {percent(mean.estimate)} %"
    )
    return f"{words}: it flip-flops." if habit.is_unsteady else f"{words}."


def named_habits(views: Sequence[RunView]) -> Mapping[str, list[str]]:
    """Labels of the runs that each tag names, by tag."""
    return {
        tag: [view.label for view in views if view.habits and tag in view.habits.tags]
        for tag, _ in RULES
    }


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
