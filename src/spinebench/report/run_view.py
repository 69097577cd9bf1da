"""One run as the page shows it. Every figure comes from `score`."""

from collections import Counter
from collections.abc import Sequence

import polars as pl

from spinebench.anatomy.diseases import HEALTHY
from spinebench.evaluation import score
from spinebench.evaluation.extractor_model import count_extractor
from spinebench.evaluation.habits import as_shown
from spinebench.evaluation.run_identity import shown_model
from spinebench.report.estimates import estimate_of
from spinebench.report.level_view import (
    confusion_of,
    level_confusions,
    level_error_rows,
    localization_of,
)
from spinebench.report.runs import LoadedRun
from spinebench.report.views import (
    Breakdown,
    GroupRow,
    LevelRow,
    Position,
    PromptView,
    RunView,
)

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
        " · ".join([shown_model(str(run.manifest["model"])), *_modifiers(run.manifest["protocol"])])
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
    localization = answers.filter(pl.col("task") == "localization")
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
        localization=localization_of(scores["localization"]),
        overall=estimate_of(scores["overall"]),
        overall_pooled=estimate_of(scores["overall_pooled"]),
        breakdowns=tuple(_breakdown(answers, *what) for what in _BREAKDOWNS),
        level_errors=level_error_rows(localization),
        level_confusions=level_confusions(localization),
        levels=_level_rows(localization),
        confusion=confusion_of(score.confusion_matrix(diagnosis), len(score.COUNTED) - 1),
        positions=_positions(as_shown(diagnosis)),
        sensitivity=estimate_of(healthy.get("healthy_sensitivity")),
        specificity=estimate_of(healthy.get("healthy_specificity")),
        cards={},
        group_counts={},
        outside_groups=0,
        extractor=run.extractor,
        extracted=count_extractor(run.frame.select("outcome", "stage", "raw_text").iter_rows()),
    )


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
                localization=localization_of(score.score_localization(localization))
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
