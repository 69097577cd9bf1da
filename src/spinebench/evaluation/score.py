"""The published metrics over stored predictions. Pure: tables in, figures out, no calls.

Answered, unparsed, refused and truncated answers are counted, and only an answered one can be
right; failed and not-run ones are left out and make the run incomplete. `None` stands wherever
there is nothing to average. Intervals are by patient (see `statistics`).
"""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

import polars as pl

from spinebench import statistics
from spinebench.anatomy.diseases import CLASSES, HEALTHY
from spinebench.errors import DataError
from spinebench.evaluation.levels import score_level_errors
from spinebench.evaluation.metric import (
    COUNTED,
    LEFT_OUT,
    NO_INTERVAL,
    Metric,
    build_metric,
    keep_counted,
    score_mean,
    score_pooled,
)
from spinebench.evaluation.side import SIDE, SIDE_RULE

__all__ = ["COUNTED", "LEFT_OUT", "RESAMPLES", "Metric"]

RESAMPLES = 2000


def build_answers(
    questions: pl.DataFrame, images: pl.DataFrame, predictions: pl.DataFrame
) -> pl.DataFrame:
    """One row per prediction with what is needed to score it, from the three tables.

    Columns beside those of the tables, of which `task` is "side" for questions of a side task:
    `counted`; `correct` (exact set), `precision`, `recall`, `f1` (per item; an empty answer has 0),
    all four null where not counted; `right` and `named`
    (option texts), `n_right`, `n_named`, `n_hit`; `answer` (the one option named, else the
    outcome, for confusion matrices); `gold_position` (first right letter); `modality`, `view`,
    `sequence` (the modality where there is none) of the first image; `patient`, a number for
    each patient.
    Raises DataError for a prediction whose question is not in the table.
    """
    kept = predictions.select("question_id", "epoch", "model", "outcome", "letters")
    strangers = kept.join(questions, on="question_id", how="anti")
    if strangers.height:
        raise DataError(
            file="predictions.parquet", field="question_id", found=strangers["question_id"][0],
            expected="a question of this benchmark",
        )  # fmt: skip
    shown = images.select(
        "image_id", "modality", "view", pl.coalesce("sequence", "modality").alias("sequence")
    )
    hits = pl.col("letters").list.set_intersection("gold").list.len()
    counted = pl.col("outcome").is_in(COUNTED)
    return (
        kept.join(questions, on="question_id", how="left", maintain_order="left")
        .with_columns(image_id=pl.col("image_ids").list.first())
        .join(shown, on="image_id", how="left", maintain_order="left")
        .with_columns(
            # asked in the words of localization, but not about levels
            task=pl.when(pl.col("rule") == SIDE_RULE).then(pl.lit(SIDE)).otherwise("task"),
            counted=counted,
            n_right=pl.col("gold").list.len(),
            n_named=pl.col("letters").list.len(),
            n_hit=hits,
            right=_texts("gold"),
            named=_texts("letters"),
            gold_position=pl.col("gold").list.first(),
        )
        .with_columns(
            correct=pl.when("counted").then(_exact()),
            precision=pl.when("counted").then(
                pl.when(pl.col("n_named") > 0)
                .then(pl.col("n_hit") / pl.col("n_named"))
                .otherwise(0.0)
            ),
            recall=pl.when("counted").then(pl.col("n_hit") / pl.col("n_right")),
            f1=pl.when("counted").then(
                2 * pl.col("n_hit") / (pl.col("n_named") + pl.col("n_right"))
            ),
            answer=pl.when(pl.col("outcome") == "answered")
            .then(pl.col("named").list.first())
            .otherwise(pl.col("outcome")),
            patient=pl.col("patient_id").rank("dense"),
        )
    )


def _texts(letters: str) -> pl.Expr:
    """Option texts of a column of letters."""
    places = pl.col(letters).list.eval(
        pl.element().replace_strict(list(ascii_uppercase), list(range(26)), return_dtype=pl.Int64)
    )
    return pl.col("options").list.gather(places)


def _exact() -> pl.Expr:
    return (
        (pl.col("outcome") == "answered")
        & (pl.col("n_hit") == pl.col("n_right"))
        & (pl.col("n_hit") == pl.col("n_named"))
    )


def score_answers(answers: pl.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """All headline figures of one run, by task, with `overall` and `overall_pooled`.

    `overall` is the mean of the two published tasks' accuracies, as published; `overall_pooled` the
    share of right answers among all of the two, as others report it. Each is None without answers
    to both. `alignment` is in neither: it was not published; nor is `side`, of a side task.
    """
    diagnosis = answers.filter(pl.col("task") == "diagnosis")
    localization = answers.filter(pl.col("task") == "localization")
    alignment = answers.filter(pl.col("task") == "alignment")
    side = answers.filter(pl.col("task") == SIDE)
    published = pl.concat([diagnosis, localization])
    both = bool(keep_counted(diagnosis).height and keep_counted(localization).height)
    return {
        "complete": not answers["outcome"].is_in(LEFT_OUT).any(),
        "diagnosis": score_diagnosis(diagnosis, seed=seed) if diagnosis.height else None,
        "localization": score_localization(localization, seed=seed)
        if localization.height
        else None,
        "alignment": score_plain(alignment, seed=seed) if alignment.height else None,
        "side": score_plain(side, seed=seed) if side.height else None,
        "overall": score_overall(diagnosis, localization, seed=seed) if both else None,
        "overall_pooled": score_accuracy(published, seed=seed) if both else None,
    }


def score_diagnosis(answers: pl.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """Accuracy, sensitivity and specificity of Healthy, and coverage."""
    return {
        **count_outcomes(answers),
        "accuracy": score_accuracy(answers, seed=seed),
        "healthy_sensitivity": score_healthy(answers)[0],
        "healthy_specificity": score_healthy(answers)[1],
    }


def score_plain(answers: pl.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """Accuracy and coverage: of alignment, and of a side task."""
    return {**count_outcomes(answers), "accuracy": score_accuracy(answers, seed=seed)}


def score_localization(answers: pl.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """Exact-set accuracy, precision, recall and F1 (mean per item, and pooled), and coverage.

    Per item F1 is 2 hits / (named + right), 0 for an empty answer; pooled it is the same of the
    sums over all answers. `level_errors`: see `levels.score_level_errors`.
    """
    counted = keep_counted(answers)
    hits, named, right = pl.col("n_hit"), pl.col("n_named"), pl.col("n_right")
    return {
        **count_outcomes(answers),
        "accuracy": score_accuracy(answers, seed=seed),
        "precision_per_item": score_mean(counted, "precision"),
        "precision_pooled": score_pooled(counted, hits, named),
        "recall_per_item": score_mean(counted, "recall"),
        "recall_pooled": score_pooled(counted, hits, right),
        "f1_per_item": score_mean(counted, "f1"),
        "f1_pooled": score_pooled(counted, 2 * hits, named + right),
        "level_errors": score_level_errors(answers),
    }


def score_accuracy(answers: pl.DataFrame, *, seed: int | None = None) -> Metric:
    """Share of exact answers; the bootstrap's interval beside it where a seed is given."""
    counted = keep_counted(answers)
    values = counted["correct"].cast(pl.Float64).to_numpy()
    patients = counted["patient"].to_numpy()
    boot = NO_INTERVAL
    if seed is not None:
        boot = statistics.cluster_bootstrap_interval(
            values, patients, resamples=RESAMPLES, seed=seed
        )
    return build_metric(counted, statistics.cluster_interval(values, patients), boot)


def score_overall(diagnosis: pl.DataFrame, localization: pl.DataFrame, *, seed: int = 0) -> Metric:
    """Mean of diagnosis accuracy and localization accuracy, as published.

    Both parts come from one table of `build_answers`, so that a patient is the same in both.
    """
    sides: list[Any] = []
    for part in (keep_counted(diagnosis), keep_counted(localization)):
        sides += [part["correct"].cast(pl.Float64).to_numpy(), part["patient"].to_numpy()]
    boot = statistics.mean_of_two_bootstrap_interval(*sides, resamples=RESAMPLES, seed=seed)
    both = pl.concat([diagnosis, localization])
    return build_metric(keep_counted(both), statistics.mean_of_two_interval(*sides), boot)


def score_healthy(answers: pl.DataFrame) -> tuple[Metric, Metric]:
    """Sensitivity and specificity of the answer Healthy.

    Sensitivity: of the healthy, those called Healthy. Specificity: of the ill, those called
    anything else, right or wrong. An answer that names nothing counts against both.
    """
    counted = keep_counted(answers)
    healthy = counted.filter(pl.col("disease") == HEALTHY)
    ill = counted.filter(pl.col("disease") != HEALTHY)
    called_ill = (pl.col("outcome") == "answered") & (pl.col("answer") != HEALTHY)
    ill = ill.with_columns(correct=called_ill)
    return score_accuracy(healthy), score_accuracy(ill)


def score_by(answers: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    """Accuracy by the values of a column (`disease`, `source`, `sequence`, `gold_position`, ...).

    `levels` is taken apart: a question on two levels stands in both rows.
    """
    if answers.schema[column].is_nested():
        answers = answers.explode(column).drop_nulls(column)
    rows = []
    for (value,), group in answers.group_by([column], maintain_order=False):
        rows.append({"value": value, **count_outcomes(group), "accuracy": score_accuracy(group)})
    return sorted(rows, key=lambda row: (row["value"] is None, str(row["value"])))


def score_levels(answers: pl.DataFrame) -> list[dict[str, Any]]:
    """By option of a question with several right ones: how often right, named, both."""
    return _score_texts(answers, "right", "named", offered="options")


def score_positions(answers: pl.DataFrame) -> list[dict[str, Any]]:
    """By letter: how often it was right, named, both. `recall` is accuracy by gold position."""
    return _score_texts(answers, "gold", "letters", offered=None)


def _score_texts(
    answers: pl.DataFrame, right: str, named: str, *, offered: str | None
) -> list[dict[str, Any]]:
    counted = keep_counted(answers)
    values = sorted({*_flat(counted, right), *_flat(counted, named)})
    rows = []
    for value in values:
        of_right = counted.filter(pl.col(right).list.contains(value))
        of_named = counted.filter(pl.col(named).list.contains(value))
        row: dict[str, Any] = {"value": value, "right": of_right.height, "named": of_named.height}
        if offered is not None:
            row["offered"] = counted.filter(pl.col(offered).list.contains(value)).height
        hit_of_right = of_right.with_columns(correct=pl.col(named).list.contains(value))
        hit_of_named = of_named.with_columns(correct=pl.col(right).list.contains(value))
        row["recall"] = score_accuracy(hit_of_right)
        row["precision"] = score_accuracy(hit_of_named)
        rows.append(row)
    return rows


def confusion_matrix(answers: pl.DataFrame) -> dict[str, Any]:
    """True class by answered class, for questions with one right option.

    `rows`: classes that occur, in the published order; `columns`: the same, then unparsed,
    refused, truncated; `counts[row][column]`.
    """
    counted = keep_counted(answers)
    named = counted.filter(pl.col("outcome") == "answered")["answer"]
    present = {*counted["disease"], *named}
    classes = [name for name in CLASSES if name in present]
    classes += sorted(present - set(classes))
    columns = [*classes, *COUNTED[1:]]
    found = {
        (gold, answer): count
        for gold, answer, count in counted.group_by("disease", "answer").len().iter_rows()
    }
    counts = [[found.get((gold, answer), 0) for answer in columns] for gold in classes]
    return {"rows": classes, "columns": columns, "counts": counts}


def count_outcomes(answers: pl.DataFrame) -> dict[str, Any]:
    """Number of answers, of each outcome, and the share of each among those counted."""
    found = dict(answers.group_by("outcome").len().iter_rows())
    counts = {outcome: int(found.get(outcome, 0)) for outcome in (*COUNTED, *LEFT_OUT)}
    total = sum(counts[outcome] for outcome in COUNTED)
    return {
        "questions": answers["question_id"].n_unique(),
        "patients": answers["patient_id"].n_unique(),
        "counts": counts,
        "coverage": {o: counts[o] / total if total else None for o in COUNTED},
    }


def _flat(answers: pl.DataFrame, column: str) -> Sequence[str]:
    return answers.select(column).explode(column).drop_nulls()[column].unique().to_list()
