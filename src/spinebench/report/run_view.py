"""One run as the page shows it. Every figure comes from `score`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from spinebench.anatomy.diseases import HEALTHY
from spinebench.evaluation import score
from spinebench.evaluation.habits import as_shown
from spinebench.evaluation.score import Metric
from spinebench.report.runs import LoadedRun
from spinebench.report.views import (
    Breakdown,
    Confusion,
    Estimate,
    GroupRow,
    LevelRow,
    Localization,
    Position,
    PromptView,
    RunView,
)

NOTHING = Estimate(value=None, low=None, high=None, items=0, patients=0)

_WORDS = {"truncated": "cut off"}

# column of score.build_answers, key, title, head of the first column, note
_BREAKDOWNS = (
    ("disease", "disease", "By disease", "Truth", ""),
    (
        "levels",
        "level",
        "By level",
        "Level of the truth",
        "A question on two levels stands in both rows; questions without a level are not here.",
    ),
    ("source", "source", "By source", "Source", ""),
    (
        "sequence",
        "sequence",
        "By sequence",
        "Sequence",
        "Images without a sequence stand under their modality.",
    ),
    ("view", "view", "By view", "View", ""),
)


def build_run_views(runs: Sequence[LoadedRun], *, seed: int) -> list[RunView]:
    """The runs, each under a label of its own."""
    labels = [
        " · ".join([str(run.manifest["model"]), *_modifiers(run.manifest["protocol"])])
        for run in runs
    ]
    times = Counter(labels)
    views = []
    for number, (run, label) in enumerate(zip(runs, labels, strict=True), 1):
        own = f"{label} · {run.folder.name}" if times[label] > 1 else label
        views.append(_run_view(run, key=f"m{number}", label=own, seed=seed))
    return views


def _modifiers(protocol: str) -> list[str]:
    """What is changed about the protocol: circular, shuffle-7, no image."""
    return [name.replace("no-image", "no image") for name in protocol.split("+")[1:]]


def _run_view(run: LoadedRun, *, key: str, label: str, seed: int) -> RunView:
    answers, manifest = run.answers, run.manifest
    scores = score.score_answers(answers, seed=seed)
    diagnosis = answers.filter(pl.col("task") == "diagnosis")
    healthy = scores["diagnosis"] or {}
    model = str(manifest["model"])
    return RunView(
        key=key,
        label=label,
        model=model,
        run_id=str(run.frame["run_id"][0]),
        baseline=run.is_baseline,
        control=run.is_control,
        protocol=manifest["protocol"],
        prompts=tuple(
            PromptView(task=task, sha256=prompt["sha256"], text=prompt["text"])
            for task, prompt in sorted(manifest["prompts"].items())
        ),
        settings=str(run.frame["settings"][0]),
        complete=bool(scores["complete"] and manifest["complete"]),
        asked=answers.height,
        outcomes=score.count_outcomes(answers)["counts"],
        diagnosis=estimate_of(healthy.get("accuracy")),
        localization=_localization(scores["localization"]),
        overall=estimate_of(scores["overall"]),
        overall_pooled=estimate_of(scores["overall_pooled"]),
        breakdowns=tuple(_breakdown(answers, *what) for what in _BREAKDOWNS),
        **_level_errors(scores["localization"]),
        levels=_level_rows(answers.filter(pl.col("task") == "localization")),
        confusion=_confusion(diagnosis),
        positions=_positions(as_shown(diagnosis)),
        sensitivity=estimate_of(healthy.get("healthy_sensitivity")),
        specificity=estimate_of(healthy.get("healthy_specificity")),
        cards={},
        group_counts={},
        outside_groups=0,
    )


def estimate_of(metric: Metric | None) -> Estimate:
    """A metric as the page shows it; bounds are cut at 0 and 1, beyond which no share lies."""
    if metric is None:
        return NOTHING
    return Estimate(
        value=metric.estimate,
        low=None if metric.low is None else max(0.0, metric.low),
        high=None if metric.high is None else min(1.0, metric.high),
        items=metric.items,
        patients=metric.patients,
    )


def _localization(scores: Mapping[str, Any] | None) -> Localization:
    found = scores or {}
    return Localization(
        exact=estimate_of(found.get("accuracy")),
        precision=estimate_of(found.get("precision_per_item")),
        recall=estimate_of(found.get("recall_per_item")),
        pooled_precision=estimate_of(found.get("precision_pooled")),
        pooled_recall=estimate_of(found.get("recall_pooled")),
    )


# key of levels.score_level_errors, words
_LEVEL_ERRORS = (
    ("exact_level", "Exactly the right levels"),
    ("off_by_one", "One level off at most"),
    ("farther", "Farther off"),
    ("without_level", "No level named"),
    ("side_error", "Right level, wrong side"),
)


def _level_errors(scores: Mapping[str, Any] | None) -> dict[str, Any]:
    """The level-aware fields of a `RunView`."""
    if scores is None:
        return {}
    found = scores["level_errors"]
    f1 = estimate_of(scores["f1_per_item"]), estimate_of(scores["f1_pooled"])
    if found is None:
        return {"f1": f1}
    distance = found["distance_per_item"]  # not a share: it has no upper end
    return {
        "f1": f1,
        "level_errors": tuple(
            (words, estimate_of(found[key])) for key, words in _LEVEL_ERRORS if found[key]
        ),
        "level_distance": Estimate(
            value=distance.estimate,
            low=distance.low,
            high=distance.high,
            items=distance.items,
            patients=distance.patients,
        ),
    }


def _breakdown(
    answers: pl.DataFrame, column: str, key: str, title: str, head: str, note: str
) -> Breakdown:
    """Both tasks by the values of a column; localization by level has its own table."""
    answers = answers.filter(pl.col("task").is_in(["diagnosis", "localization"]))
    if answers.schema[column].is_nested():
        answers = answers.filter(pl.col("task") == "diagnosis").explode(column).drop_nulls(column)
    rows = []
    for (value,), group in answers.group_by([column], maintain_order=True):
        diagnosis = group.filter(pl.col("task") == "diagnosis")
        localization = group.filter(pl.col("task") == "localization")
        rows.append(
            GroupRow(
                name="not known" if value is None else str(value),
                diagnosis=estimate_of(score.score_accuracy(diagnosis))
                if diagnosis.height
                else None,
                localization=_localization(score.score_localization(localization))
                if localization.height
                else None,
            )
        )
    return Breakdown(
        key=key, title=title, head=head, note=note, rows=tuple(sorted(rows, key=_row_order))
    )


def _row_order(row: GroupRow) -> tuple[bool, str]:
    # Healthy last, as in the confusion matrix
    return row.name in (HEALTHY, "not known"), row.name.casefold()


def _level_rows(localization: pl.DataFrame) -> tuple[LevelRow, ...]:
    if not localization.height:
        return ()
    return tuple(
        LevelRow(
            level=row["value"],
            offered=row["offered"],
            right=row["right"],
            named=row["named"],
            recall=estimate_of(row["recall"]),
            precision=estimate_of(row["precision"]),
        )
        for row in score.score_levels(localization)
    )


def _confusion(diagnosis: pl.DataFrame) -> Confusion:
    matrix = score.confusion_matrix(diagnosis)
    return Confusion(
        rows=tuple(matrix["rows"]),
        columns=tuple(_WORDS.get(name, name) for name in matrix["columns"]),
        counts=tuple(tuple(row) for row in matrix["counts"]),
        without_class=tuple(_WORDS.get(name, name) for name in score.COUNTED[1:]),
    )


def _positions(diagnosis: pl.DataFrame) -> tuple[Position, ...]:
    return tuple(
        Position(
            letter=row["value"],
            accuracy=estimate_of(row["recall"]),
            gold=row["right"],
            named=row["named"],
        )
        for row in score.score_positions(diagnosis)
    )
