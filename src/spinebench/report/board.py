"""From a benchmark and its runs to the values of the page. Every figure comes from `score`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from spinebench.anatomy.diseases import HEALTHY
from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import DataError, UsageError
from spinebench.evaluation import score
from spinebench.evaluation.breakdown import load_answers
from spinebench.evaluation.score import Metric
from spinebench.records import Prediction, Question
from spinebench.report.gallery import count_groups, sample_cards
from spinebench.report.origin import read_origin
from spinebench.report.views import (
    AlignmentView,
    Breakdown,
    Confusion,
    Estimate,
    GroupRow,
    LevelRow,
    Localization,
    PageView,
    Position,
    PromptView,
    RunView,
    SourceComparison,
)
from spinebench.report.words import (
    METADATA,
    NEAREST,
    SUBSET_WORDS,
    alignment_words,
    blind_words,
    comparison_words,
    giveaway_words,
    summary_words,
    warning_words,
)
from spinebench.tables import iter_records, read_frame, read_manifest, sha256_of_file

NOTHING = Estimate(value=None, low=None, high=None, items=0, patients=0)
BASELINES = "spinebench/"
OUTCOMES = (*score.COUNTED, *score.LEFT_OUT)

_WORDS = {"truncated": "cut off"}
# shown first where metadata and image are held against each other
_FIRST = (METADATA, NEAREST)

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


@dataclass(frozen=True, kw_only=True)
class LoadedRun:
    """One run folder, read and held against the benchmark."""

    folder: Path
    manifest: dict[str, Any]
    frame: pl.DataFrame  # predictions
    answers: pl.DataFrame  # score.build_answers


def load_run(folder: Path, bench: Benchmark, bench_sha256: str) -> LoadedRun:
    """Read a run folder. Raises UsageError if it was made on another benchmark."""
    manifest = read_manifest(folder, "run")
    found = manifest["benchmark"]["manifest_sha256"]
    if found != bench_sha256:
        raise UsageError(
            f"{folder} is a run on another benchmark: its manifest has SHA-256 {found[:12]}…, "
            f"that of {bench.folder} has {bench_sha256[:12]}…"
        )
    table = folder / "predictions.parquet"
    digest = sha256_of_file(table) if table.is_file() else "no such file"
    expected = manifest["tables"][table.name]
    if digest != expected:
        raise DataError(
            file=str(table), field="SHA-256", found=digest, expected=f"{expected} (manifest)"
        )
    frame = read_frame(table, Prediction)
    if not frame.height:
        raise DataError(file=str(table), found="no row", expected="predictions")
    answers = load_answers(bench.folder, table)
    return LoadedRun(folder=folder, manifest=manifest, frame=frame, answers=answers)


def build_page_view(
    bench: Benchmark,
    folders: Sequence[Path],
    *,
    title: str,
    preface: Sequence[str],
    seed: int,
) -> tuple[PageView, list[LoadedRun]]:
    """The page without its gallery, and the runs in the board's order."""
    bench_sha256 = sha256_of_file(bench.folder / "manifest.json")
    runs = [load_run(folder, bench, bench_sha256) for folder in folders]
    split, subset = _one_split(runs)
    views = _labelled_views(runs, seed=seed)
    order = sorted(range(len(runs)), key=lambda i: _rank(views[i]))
    views, runs = [views[i] for i in order], [runs[i] for i in order]
    asked = [q for q in bench.questions if q.split == split and (q.in_subset or not subset)]
    diagnosis = [q for q in asked if q.task == "diagnosis"]
    localization = [q for q in asked if q.task == "localization"]
    origin = read_origin(bench)
    patients = len({q.patient_id for q in asked})
    chances = chance_of(diagnosis), chance_of(localization)
    alignment = _alignment(views, runs, [q for q in asked if q.task == "alignment"])
    comparisons = _comparisons(views, runs, diagnosis, {s.name: s.title for s in origin.sources})
    page = PageView(
        title=title,
        summary=(
            *preface,
            *summary_words(
                origin,
                views,
                split=split,
                patients=patients,
                diagnosis=len(diagnosis),
                localization=len(localization),
                diagnosis_chance=chances[0],
                localization_chance=chances[1],
            ),
            *(alignment_words(alignment) if alignment else ()),
            *((SUBSET_WORDS,) if subset else ()),
            *blind_words(views, chances[0]),
            *giveaway_words([(c.title, c.metadata, c.chance) for c in comparisons]),
        ),
        warnings=warning_words(
            views, patients=patients, rule=bench.manifest["label_rule"], split=split
        ),
        origin=origin,
        split=split,
        test_patients=patients,
        test_diagnosis=len(diagnosis),
        test_localization=len(localization),
        diagnosis_chance=chances[0],
        localization_chance=chances[1],
        runs=tuple(views),
        comparisons=comparisons,
        bench_sha256=bench_sha256,
        version=bench.manifest["spinebench"],
        seed=seed,
        subset=subset,
        alignment=alignment,
    )
    return page, runs


def chance_of(questions: Sequence[Question]) -> float | None:
    """What guessing gives: one option of n, or one of all 2^n - 1 non-empty sets."""
    if not questions:
        return None
    shares = [
        1 / (2 ** len(q.options) - 1) if q.multiple else 1 / len(q.options) for q in questions
    ]
    return sum(shares) / len(shares)


def gallery_of(bench: Benchmark, run: LoadedRun, *, seed: int, per_group: int) -> dict[str, Any]:
    """The gallery fields of a `RunView`."""
    predictions = iter_records(run.frame, Prediction)
    counts, outside = count_groups(bench, predictions)
    cards = sample_cards(bench, predictions, seed=seed, per_group=per_group)
    return {"cards": cards, "group_counts": counts, "outside_groups": outside}


def _one_split(runs: Sequence[LoadedRun]) -> tuple[str, bool]:
    """The split of all runs, and whether only its evaluation subset was asked."""
    splits = sorted({run.manifest["split"] for run in runs})
    if len(splits) > 1:
        raise UsageError(f"the runs are on different splits: {', '.join(splits)}")
    subsets = {bool(run.manifest.get("subset")) for run in runs}  # runs before it have no such key
    if len(subsets) > 1:
        raise UsageError(
            "some of the runs asked the evaluation subset only, others the whole split"
        )
    return str(splits[0]), subsets.pop()


def _rank(view: RunView) -> tuple[float, float, float, str]:
    """Overall first; what is not known stands last."""
    values = (view.overall.value, view.diagnosis.value, view.localization.exact.value)
    first, second, third = (1.0 if v is None else -v for v in values)
    return first, second, third, view.label


def _labelled_views(runs: Sequence[LoadedRun], *, seed: int) -> list[RunView]:
    names = Counter(run.manifest["model"] for run in runs)
    views = []
    for number, run in enumerate(runs, 1):
        label = run.manifest["model"]
        if names[label] > 1:
            label += f" · {run.folder.name}"
        views.append(_run_view(run, key=f"m{number}", label=label, seed=seed))
    return views


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
        baseline=model.startswith(BASELINES),
        protocol=manifest["protocol"],
        prompts=tuple(
            PromptView(task=task, sha256=prompt["sha256"], text=prompt["text"])
            for task, prompt in sorted(manifest["prompts"].items())
        ),
        settings=str(run.frame["settings"][0]),
        complete=bool(scores["complete"] and manifest["complete"]),
        asked=answers.height,
        outcomes=score.count_outcomes(answers)["counts"],
        diagnosis=_estimate(healthy.get("accuracy")),
        localization=_localization(scores["localization"]),
        overall=_estimate(scores["overall"]),
        overall_pooled=_estimate(scores["overall_pooled"]),
        breakdowns=tuple(_breakdown(answers, *what) for what in _BREAKDOWNS),
        levels=_level_rows(answers.filter(pl.col("task") == "localization")),
        confusion=_confusion(diagnosis),
        positions=_positions(diagnosis),
        sensitivity=_estimate(healthy.get("healthy_sensitivity")),
        specificity=_estimate(healthy.get("healthy_specificity")),
        cards={},
        group_counts={},
        outside_groups=0,
    )


def _estimate(metric: Metric | None) -> Estimate:
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
        exact=_estimate(found.get("accuracy")),
        precision=_estimate(found.get("precision_per_item")),
        recall=_estimate(found.get("recall_per_item")),
        pooled_precision=_estimate(found.get("precision_pooled")),
        pooled_recall=_estimate(found.get("recall_pooled")),
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
                diagnosis=_estimate(score.score_accuracy(diagnosis)) if diagnosis.height else None,
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
            recall=_estimate(row["recall"]),
            precision=_estimate(row["precision"]),
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
            accuracy=_estimate(row["recall"]),
            gold=row["right"],
            named=row["named"],
        )
        for row in score.score_positions(diagnosis)
    )


def _comparisons(
    views: Sequence[RunView],
    runs: Sequence[LoadedRun],
    questions: Sequence[Question],
    titles: Mapping[str, str],
) -> tuple[SourceComparison, ...]:
    made = []
    for source in sorted({q.source for q in questions}):
        chance = chance_of([q for q in questions if q.source == source])
        rows = [
            (view, _estimate(score.score_accuracy(run.answers.filter(
                (pl.col("task") == "diagnosis") & (pl.col("source") == source)))))
            for view, run in zip(views, runs, strict=True)
        ]  # fmt: skip
        rows.sort(key=lambda row: _FIRST.index(row[0].model) if row[0].model in _FIRST else 2)
        made.append(
            SourceComparison(
                source=source,
                title=titles.get(source, source),
                rows=tuple((view.label, view.baseline, e) for view, e in rows),
                chance=chance,
                words=comparison_words([(v.label, v.model, e) for v, e in rows], chance),
                metadata=next((e for v, e in rows if v.model == METADATA), None),
            )
        )
    return tuple(made)


def _alignment(
    views: Sequence[RunView], runs: Sequence[LoadedRun], questions: Sequence[Question]
) -> AlignmentView | None:
    if not questions:
        return None
    parts = [run.answers.filter(pl.col("task") == "alignment") for run in runs]
    return AlignmentView(
        questions=len(questions),
        patients=len({question.patient_id for question in questions}),
        chance=chance_of(questions),
        rows=tuple(
            (view.label, view.baseline, _estimate(score.score_accuracy(part)))
            for view, part in zip(views, parts, strict=True)
        ),
    )
