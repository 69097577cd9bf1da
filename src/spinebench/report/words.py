"""Sentences that are worked out from the numbers, so that they stay true whichever way they fall.

One rule throughout: a share is called higher than another only where its interval lies wholly
above the other's; anything else is "cannot be told apart" or is left to the figures.
"""

from collections.abc import Mapping, Sequence

from spinebench.evaluation.metric import COUNTED
from spinebench.report.estimates import Estimate
from spinebench.report.plots import percent
from spinebench.report.verdicts import listed, share_words
from spinebench.report.views import AlignmentView, Origin, Position, RunView
from spinebench.report.views_pairs import Standing

FEW_PATIENTS = 50  # below it the intervals' coverage is not what they promise
MOST_READ = 0.9  # of the answers: where fewer name an option, the page warns
METADATA = "spinebench/metadata"
NEAREST = "spinebench/nearest"
BLIND = "spinebench/blind"
SUBSET_WORDS = (
    "Only the evaluation subset of this split was asked: clear images, about as many of each "
    "class. Figures on the whole split may differ."
)

# what a reader must know of a label rule before believing a figure
RULE_NOTES = {
    "released/1": (
        "The label rule released/1 follows the published benchmark, its faults included: severity "
        "is ignored, so an image that the source grades normal for a disease still counts as that "
        "disease. Healthy comes only from an explicit normal."
    )
}


def summary_words(
    origin: Origin,
    runs: Sequence[RunView],
    standings: Sequence[Standing],
    *,
    split: str,
    patients: int,
    diagnosis: int,
    localization: int,
    diagnosis_chance: float | None,
    localization_chance: float | None,
) -> tuple[str, ...]:
    """The page in a few paragraphs, for a person who was not there."""
    sources = listed([source.title for source in origin.sources])
    return (
        f"This page measures how well {_models_and_baselines(runs)} "
        f"read images of the spine. The questions were built from {sources}: {origin.images:,} "
        f"images of {origin.patients:,} patients. Patients were divided into splits, so that "
        f"nobody stands in two; measured here is the split “{split}” with {patients:,} patients.",
        f"There are two tasks. In diagnosis ({diagnosis:,} questions) a model sees one image and "
        "names one of the options, of which one is true; Healthy is always among them. In "
        f"localization ({localization:,} questions) it sees one image and names every disc level "
        "at which the disease lies; several may be true.",
        _leader_words(
            "diagnosis",
            [(r, r.diagnosis) for r in runs],
            diagnosis_chance,
            _standing_of("diagnosis", standings),
        ),
        _leader_words(
            "localization (exactly the right set)",
            [(r, r.localization.exact) for r in runs],
            localization_chance,
            _standing_of("localization", standings),
        ),
    )


def alignment_words(view: AlignmentView) -> tuple[str, ...]:
    """The third task in one paragraph."""
    return (
        f"A third task, alignment ({view.questions:,} questions), asks for the shape of the neck "
        "on a lateral film, one of four. How a neck is held is no disease, so it is no part of the "
        "diagnosis and of the overall score; “Alignment” has its figures.",
    )


def giveaway_words(
    comparisons: Sequence[tuple[str, Estimate | None, float | None]],
) -> tuple[str, ...]:
    """One paragraph on the sources in which `metadata` beats chance; none if there is no such.

    Rows: title of the source, accuracy of `metadata` in it (None if not run), chance level.
    """
    given_away = [
        f"{title} at {share_words(estimate)}"
        for title, estimate, chance in comparisons
        if estimate is not None
        and chance is not None
        and estimate.low is not None
        and estimate.low > chance
    ]
    if not given_away:
        return ()
    return (
        "Part of the answer can be had without looking at the image: knowing only sequence, view, "
        f"size and source, {METADATA} is above guessing in {listed(given_away)}. “Image or "
        "metadata” holds every model against that.",
    )


def habit_words(named: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """One paragraph that names the runs with a habit that their score hides; none without one."""
    verdicts = {
        "favours a place": ("favours a place among the options", "favour places among the options"),
        "blind": (
            "is no better with the image than without: blind",
            "are no better with the image than without: blind",
        ),
        "flip-flops": (
            "changes its answer to the same question: it flip-flops",
            "change their answers to the same question: they flip-flop",
        ),
    }
    words = [
        f"{listed(labels)} {verdicts[tag][len(labels) > 1]}."
        for tag, labels in named.items()
        if labels
    ]
    if not words:
        return ()
    return (f"{' '.join(words)} “What the scores hide” has the figures and the rules.",)


def blind_words(runs: Sequence[RunView], chance: float | None) -> tuple[str, ...]:
    """One paragraph if `blind` beats chance in diagnosis; none otherwise, or if it was not run."""
    blind = next((run.diagnosis for run in runs if run.model == BLIND), None)
    if blind is None or chance is None or blind.low is None or blind.low <= chance:
        return ()
    return (
        f"{BLIND} never sees an image and knows nothing of one; from the question, the options "
        f"and their places alone it reaches {share_words(blind)} in diagnosis, above the "
        f"{percent(chance)} % of guessing. So the options themselves give away part of the "
        "answer, and a score up to that height is no evidence of reading an image.",
    )


def warning_words(
    runs: Sequence[RunView], *, patients: int, rule: str, split: str
) -> tuple[str, ...]:
    """What a reader must know before believing the figures."""
    warnings = []
    if patients < FEW_PATIENTS:
        warnings.append(
            f"The split {split} has {patients:,} patients. Under {FEW_PATIENTS} the intervals are "
            "approximate and may hold the truth less often than 95 times in 100: take differences "
            "between models as hints. The same goes for any row of a table under that number."
        )
    broken = [run for run in runs if not run.complete]
    if broken:
        counts = [
            f"{run.label} ({run.outcomes['failed']} failed, {run.outcomes['not_run']} not run)"
            for run in broken
        ]
        warnings.append(
            f"Incomplete: {listed(counts)}. The figures of these runs rest on the other questions "
            "and may not be compared with complete runs."
        )
    unread = [run for run in runs if _counted(run) > 0 and _read(run) < MOST_READ * _counted(run)]
    if unread:
        shares = [
            f"{run.label} ({percent(_read(run) / _counted(run))} % name an option)"
            for run in unread
        ]
        warnings.append(
            f"Few readable answers: {listed(shares)}. An answer that names no option counts as not "
            "correct, so these scores tell more of the form of the answers than of what was seen. "
            "“What became of every question” has the numbers."
        )
    if len({(run.protocol, run.prompts) for run in runs if not run.control}) > 1:
        warnings.append(
            "The runs were not all asked in the same way: protocol and prompt of each stand "
            "under “How it was measured”."
        )
    if rule in RULE_NOTES:
        warnings.append(RULE_NOTES[rule])
    return tuple(warnings)


def _counted(run: RunView) -> int:
    """Answers in the denominator."""
    return sum(run.outcomes.get(outcome, 0) for outcome in COUNTED)


def _read(run: RunView) -> int:
    """Answers that name an option."""
    return run.outcomes.get("answered", 0)


def comparison_words(rows: Sequence[tuple[str, str, Estimate]], chance: float | None) -> str:
    """What `metadata` beside `nearest` means within one source. Rows: label, model, accuracy."""
    by_model = {model: estimate for _, model, estimate in rows}
    metadata = by_model.get(METADATA)
    if metadata is None or metadata.value is None:
        return (
            f"{METADATA} was not measured here, so this page cannot say how much of this source "
            "is given away by how its images were taken."
        )
    words = [
        f"Measured on {metadata.items:,} questions of {metadata.patients:,} patients. Metadata "
        f"alone reaches {share_words(metadata)}{_against_chance(metadata, chance)}."
    ]
    if chance is not None and metadata.low is not None and metadata.high is not None:
        words.append(_giveaway(metadata.low > chance, metadata.high < chance))
    others = [
        (label, estimate)
        for label, model, estimate in rows
        if model != METADATA and estimate.value is not None and not _is_blind_baseline(model)
    ]
    above = [label for label, e in others if _is_above(e, metadata)]
    below = [label for label, e in others if _is_above(metadata, e)]
    level = [label for label, e in others if label not in above and label not in below]
    nearest = by_model.get(NEAREST)
    if nearest is not None and nearest.value is not None:
        words.append(f"The most similar training images reach {share_words(nearest)}.")
    if above:
        words.append(
            f"The interval of {listed(above)} lies above it: that much comes from more than this "
            "metadata."
        )
    if level:
        words.append(
            f"{listed(level)} cannot be told apart from it: in this source these figures are no "
            "evidence of reading the image."
        )
    if below:
        words.append(
            f"{listed(below)} {'lies' if len(below) == 1 else 'lie'} below it: knowing only how "
            "an image was taken serves better here than these answers."
        )
    return " ".join(words)


def position_words(positions: Sequence[Position]) -> str:
    """Whether accuracy hangs on the letter under which the truth stood."""
    known = [p for p in positions if p.accuracy.value is not None]
    if len(known) < 2:
        return "There are too few letters with answers to say anything."
    pairs = [(a, b) for a in known for b in known if _is_above(a.accuracy, b.accuracy)]
    if pairs:
        best, worst = max(pairs, key=_gap)
        return (
            f"Yes: with the truth under {best.letter} the accuracy is "
            f"{share_words(best.accuracy)}, under {worst.letter} it is "
            f"{share_words(worst.accuracy)}, and the intervals do not overlap. The model favours "
            "places, not only contents."
        )
    best = max(known, key=lambda p: p.accuracy.value or 0.0)
    worst = min(known, key=lambda p: p.accuracy.value or 0.0)
    if best.accuracy.value == worst.accuracy.value:
        return (
            "These data do not show it: the accuracy is "
            f"{percent(best.accuracy.value)} % under every letter."
        )
    return (
        "These data do not show it: no letter’s interval lies wholly above another’s "
        f"(from {percent(worst.accuracy.value)} % under {worst.letter} to "
        f"{percent(best.accuracy.value)} % under {best.letter})."
    )


def _gap(pair: tuple[Position, Position]) -> float:
    return (pair[0].accuracy.value or 0.0) - (pair[1].accuracy.value or 0.0)


def _standing_of(measure: str, standings: Sequence[Standing]) -> Standing | None:
    return next((one for one in standings if one.measure == measure), None)


def _leader_words(
    task: str,
    results: Sequence[tuple[RunView, Estimate]],
    chance: float | None,
    standing: Standing | None,
) -> str:
    known = [(run, e) for run, e in results if e.value is not None]
    if not known:
        return f"No run has an answered question in {task}."
    known.sort(key=lambda pair: -(pair[1].value or 0.0))
    leader, best = known[0]
    words = (
        f"In {task} the highest accuracy is that of {leader.label}: {share_words(best)}"
        f"{_against_chance(best, chance)}."
    )
    others = _told_from(leader.label, standing)
    if others is None:
        return words
    alike = [label for label, apart in others if not apart]
    if alike:
        return f"{words} Paired by patient it cannot be told apart from {listed(alike)}."
    return f"{words} Paired by patient it is above each of the others by more than chance."


def _told_from(label: str, standing: Standing | None) -> list[tuple[str, bool]] | None:
    """Every other run of a standing and whether it is told apart; None if nothing was compared."""
    found = [
        (pair.second if pair.first == label else pair.first, pair.apart)
        for pair in (standing.pairs if standing else ())
        if label in (pair.first, pair.second)
    ]
    return found or None


def _giveaway(above: bool, below: bool) -> str:
    if above:
        return (
            "So in this source the way an image was taken gives away part of the answer, and part "
            "of any good score here may be had without anatomy."
        )
    if below:
        return "So in this source going by how images were taken misleads."
    return "So these data do not show that the way an image was taken gives away the answer."


def _against_chance(estimate: Estimate, chance: float | None) -> str:
    if chance is None or estimate.low is None or estimate.high is None:
        return ""
    if estimate.low > chance:
        verdict = "above"
    elif estimate.high < chance:
        verdict = "below"
    else:
        verdict = "not to be told from"
    return f", {verdict} the {percent(chance)} % of guessing"


def _models_and_baselines(runs: Sequence[RunView]) -> str:
    models = [run.label for run in runs if not run.baseline]
    baselines = [run.label for run in runs if run.baseline]
    parts = []
    if models:
        parts.append(listed(models))
    if baselines:
        kind = "baseline" if len(baselines) == 1 else "baselines"
        parts.append(f"{len(baselines)} simple {kind} ({', '.join(baselines)})")
    return (", and " if len(models) > 1 else " and ").join(parts) or "no model"


def _is_blind_baseline(model: str) -> bool:
    """Baselines that look at no image: beating metadata or not says nothing about images."""
    return model in ("spinebench/random", BLIND)


def _is_above(a: Estimate, b: Estimate) -> bool:
    return a.low is not None and b.high is not None and a.low > b.high
