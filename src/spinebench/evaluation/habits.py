"""Three habits that a score hides: favouring a place, not looking, and changing one's mind.

Each has a measure, and a rule by which a page names a model for it. Pure: tables in, figures out.

Places: where a single-choice answer is wrong and options stand in random order, every wrong place
is as likely as any other. The letters of wrong answers are held against that by chi-square, with a
seeded simulation for its p. Each question's first asking counts, so repeated askings of the same
order add nothing. Right answers are left out: they follow the truth, wherever it happened to stand.

Not looking: the same model with and without the image on the same questions; difference of the two
accuracies with its interval by patient.

Changing: of two askings of one question (epochs, rotations), how often they name different options.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from spinebench.evaluation import statistics
from spinebench.evaluation.compare import question_values
from spinebench.evaluation.metric import COUNTED
from spinebench.statistics import Interval

LEVEL = 0.05
PLACE_EXCESS = 0.05  # of the share of wrong answers: less is real perhaps, but of no weight
UNSEEN_GAIN = 0.10  # where a gain of this size cannot be ruled out, nobody is called blind
UNSTEADY = 0.20  # share of pairs of askings that disagree, surely above it
SIMULATIONS = 10_000


@dataclass(frozen=True, kw_only=True)
class PlaceHabit:
    """Letters of wrong answers, as shown, against places that play no part."""

    wrong: int  # wrong answers looked at
    counts: Mapping[str, int]
    expected: Mapping[str, float]
    favoured: str | None  # letter with the largest excess; None without a wrong answer
    excess: float | None  # of its share of the wrong answers
    p: float | None

    def is_biased(self, p_adjusted: float | None) -> bool:
        """The rule: p, adjusted for the runs of a page, at most 0.05 and an excess of 5 points."""
        return (
            p_adjusted is not None
            and p_adjusted <= LEVEL
            and self.excess is not None
            and self.excess >= PLACE_EXCESS
        )


@dataclass(frozen=True, kw_only=True)
class SightHabit:
    """One task with and without the image."""

    task: str
    with_image: float
    without: float
    gain: Interval
    questions: int
    patients: int

    @property
    def verdict(self) -> str:
        """`sees`, `blind`, or `open`: no gain was shown, and one of ten points is still possible.

        The rule: the gain's interval reaches down to 0 or below, and ends below ten points.
        """
        if self.gain.low is None or self.gain.high is None:
            return "open"
        if self.gain.low > 0:
            return "sees"
        return "blind" if self.gain.high < UNSEEN_GAIN else "open"


@dataclass(frozen=True, kw_only=True)
class SteadyHabit:
    """Askings of the same question, by epoch and by order of options."""

    questions: int  # asked at least twice
    patients: int
    askings: float  # of a question, on average
    disagreeing: Interval  # share of pairs of askings that name different options
    always_right: Interval  # share of these questions that are right in every asking
    mean_right: Interval  # share right of one asking, for the same questions

    @property
    def is_unsteady(self) -> bool:
        """The rule: surely more than one pair of askings in five disagrees."""
        return self.disagreeing.low is not None and self.disagreeing.low > UNSTEADY


def measure_places(answers: pl.DataFrame, *, seed: int) -> PlaceHabit:
    """Place habit over single-choice answers (`score.build_answers` with `letter_map`)."""
    wrong = (
        answers.filter(~pl.col("multiple") & (pl.col("outcome") == "answered"))
        .sort("question_id", "epoch", maintain_order=True)
        .unique("question_id", keep="first", maintain_order=True)
        .filter(~pl.col("correct"))
    )
    groups: dict[tuple[int, int], int] = {}
    found: dict[str, int] = {}
    rows = wrong.select("letter_map", "gold", "letters").iter_rows()
    for letter_map, gold, letters in rows:
        place = letter_map.index(letters[0])
        found[ascii_uppercase[place]] = found.get(ascii_uppercase[place], 0) + 1
        key = (len(letter_map), letter_map.index(gold[0]))
        groups[key] = groups.get(key, 0) + 1
    size = max((options for options, _ in groups), default=0)
    expected = _expected(groups, size)
    counts = np.array([found.get(letter, 0) for letter in ascii_uppercase[:size]], dtype=float)
    total = int(counts.sum())
    excess = (counts - expected) / total if total else np.zeros(0)
    best = int(np.argmax(excess)) if total else None
    return PlaceHabit(
        wrong=total,
        counts={letter: int(n) for letter, n in zip(ascii_uppercase, counts, strict=False)},
        expected={letter: float(n) for letter, n in zip(ascii_uppercase, expected, strict=False)},
        favoured=None if best is None else ascii_uppercase[best],
        excess=None if best is None else float(excess[best]),
        p=_place_p(counts, expected, groups, seed) if total else None,
    )


def measure_sight(with_image: pl.DataFrame, without: pl.DataFrame) -> tuple[SightHabit, ...]:
    """Sight habit by task, over the questions that both runs count."""
    both = question_values(with_image).join(
        question_values(without).select("question_id", "value"),
        on="question_id", suffix="_without", maintain_order="left",
    )  # fmt: skip
    found = []
    for task in ("diagnosis", "localization", "alignment"):
        part = both.filter(pl.col("task") == task)
        if not part.height:
            continue
        seen, unseen = part["value"].to_numpy(), part["value_without"].to_numpy()
        patients = part["patient_id"].to_list()
        found.append(
            SightHabit(
                task=task,
                with_image=float(seen.mean()),
                without=float(unseen.mean()),
                gain=statistics.paired_difference_interval(seen, unseen, patients),
                questions=part.height,
                patients=len(set(patients)),
            )
        )
    return tuple(found)


def measure_steadiness(answers: pl.DataFrame) -> SteadyHabit | None:
    """Steadiness over questions with at least two counted askings; None if there is none.

    What an asking names is its set of options, or that it named none; the outcome counts, not why.
    """
    said = (
        pl.when(pl.col("outcome") == "answered")
        .then(pl.col("letters").list.sort().list.join(""))
        .otherwise(pl.lit("none"))
    )
    repeated = (
        answers.filter(pl.col("outcome").is_in(COUNTED))
        .with_columns(said=said)
        .group_by("question_id", "patient_id", maintain_order=True)
        .agg("said", right=pl.col("correct").cast(pl.Float64).mean(), askings=pl.len())
        .filter(pl.col("askings") >= 2)
    )
    if not repeated.height:
        return None
    patients = repeated["patient_id"].to_list()
    apart = [_disagreement(said) for said in repeated["said"].to_list()]
    right = repeated["right"].to_numpy()
    return SteadyHabit(
        questions=repeated.height,
        patients=len(set(patients)),
        askings=float(repeated["askings"].cast(pl.Float64).to_numpy().mean()),
        disagreeing=statistics.cluster_mean_interval(apart, patients),
        always_right=statistics.cluster_interval((right == 1).astype(float), patients),
        mean_right=statistics.cluster_mean_interval(right, patients),
    )


def _disagreement(said: list[str]) -> float:
    """Share of pairs that are not the same."""
    n = len(said)
    same = sum(said.count(name) * (said.count(name) - 1) for name in set(said))
    return 1 - same / (n * (n - 1))


def _expected(groups: Mapping[tuple[int, int], int], size: int) -> NDArray[np.float64]:
    expected = np.zeros(size)
    for (options, gold), count in groups.items():
        expected[:options] += count / (options - 1)
        expected[gold] -= count / (options - 1)
    return expected


def _place_p(
    counts: NDArray[np.float64],
    expected: NDArray[np.float64],
    groups: Mapping[tuple[int, int], int],
    seed: int,
) -> float:
    """p of the chi-square by simulation, (hits + 1) / (simulations + 1)."""
    generator = np.random.default_rng([seed, int(counts.sum())])
    drawn = np.zeros((SIMULATIONS, len(counts)))
    for (options, gold), count in sorted(groups.items()):
        shares = np.full(options, 1 / (options - 1))
        shares[gold] = 0
        drawn[:, :options] += generator.multinomial(count, shares, size=SIMULATIONS)
    possible = expected > 0

    def distance(table: Any) -> Any:
        return (((table - expected) ** 2)[..., possible] / expected[possible]).sum(axis=-1)

    seen = float(distance(counts))
    hits = int((distance(drawn) >= seen * (1 - 1e-9)).sum())
    return (hits + 1) / (SIMULATIONS + 1)


def as_shown(answers: pl.DataFrame) -> pl.DataFrame:
    """Answers with `gold` and `letters` as the letters that were shown, not the question's own."""
    if (answers["letter_map"] == _plain_order(answers)).all():
        return answers
    columns = {}
    for name in ("gold", "letters"):
        columns[name] = pl.Series(
            [
                sorted(ascii_uppercase[order.index(letter)] for letter in letters)
                for order, letters in answers.select("letter_map", name).iter_rows()
            ],
            dtype=pl.List(pl.String),
        )
    return answers.with_columns(**columns)


def _plain_order(answers: pl.DataFrame) -> pl.Series:
    return (
        answers["letter_map"]
        .str.len_chars()
        .map_elements(lambda size: ascii_uppercase[:size], return_dtype=pl.String)
    )
