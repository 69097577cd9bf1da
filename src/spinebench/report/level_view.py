"""How far off the levels of a run's answers are, for all of them and class by class."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from spinebench.evaluation import score
from spinebench.evaluation.levels import level_confusion
from spinebench.evaluation.metric import COUNTED
from spinebench.report.estimates import NOTHING, Estimate, estimate_from, estimate_of
from spinebench.report.views import Confusion, LevelErrorRow, Localization
from spinebench.statistics import Interval

_OUTCOME_HEADS = {"truncated": "cut off"}  # what a column of a confusion matrix is called


def localization_of(scores: Mapping[str, Any] | None) -> Localization:
    """The published metrics from `score.score_localization`."""
    found = scores or {}
    return Localization(
        exact=estimate_of(found.get("accuracy")),
        precision=estimate_of(found.get("precision_per_item")),
        recall=estimate_of(found.get("recall_per_item")),
        pooled_precision=estimate_of(found.get("precision_pooled")),
        pooled_recall=estimate_of(found.get("recall_pooled")),
    )


def level_error_rows(localization: pl.DataFrame) -> tuple[LevelErrorRow, ...]:
    """Rows for all answers, then by class where there are two or more; none without a level."""
    return tuple(
        row for name, part in _parts(localization) if (row := _row(name, part)) is not None
    )


def level_confusions(
    localization: pl.DataFrame,
) -> tuple[tuple[str | None, Confusion], ...]:
    """Right level by named level, for all answers (None), then by class."""
    found = []
    for name, part in _parts(localization):
        matrix = level_confusion(part)
        if any(map(sum, matrix["counts"])):
            found.append((name, confusion_of(matrix, len(COUNTED))))
    return tuple(found)


def _parts(localization: pl.DataFrame) -> Iterator[tuple[str | None, pl.DataFrame]]:
    if not localization.height:
        return
    yield None, localization
    classes = sorted(localization["disease"].unique())
    if len(classes) > 1:
        for name in classes:
            yield name, localization.filter(pl.col("disease") == name)


def _row(name: str | None, answers: pl.DataFrame) -> LevelErrorRow | None:
    scores = score.score_localization(answers)
    errors = scores["level_errors"]
    if errors is None:
        return None
    return LevelErrorRow(
        name=name,
        exact=estimate_of(errors["exact_level"]),
        off_by_one=estimate_of(errors["off_by_one"]),
        farther=estimate_of(errors["farther"]),
        without=estimate_of(errors["without_level"]),
        wrong_side=estimate_of(errors["side_error"]) if errors["side_error"] else None,
        distance=_distance(errors["distance_per_item"]),
        localization=localization_of(scores),
        f1=estimate_of(scores["f1_per_item"]),
        pooled_f1=estimate_of(scores["f1_pooled"]),
    )


def _distance(metric: score.Metric) -> Estimate:
    """A distance is no share: it has no upper end."""
    if metric.estimate is None:
        return NOTHING
    interval = Interval(metric.estimate, metric.low, metric.high)
    return estimate_from(interval, items=metric.items, patients=metric.patients)


def confusion_of(matrix: Mapping[str, Any], without: int) -> Confusion:
    """A matrix of `score` or `levels`; its last `without` columns name no class, or no level."""
    heads = [_OUTCOME_HEADS.get(name, name) for name in matrix["columns"]]
    return Confusion(
        rows=tuple(matrix["rows"]),
        columns=tuple(heads),
        counts=tuple(tuple(row) for row in matrix["counts"]),
        without_class=tuple(heads[-without:]),
    )
