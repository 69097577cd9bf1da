"""What a model does when the picture is mirrored: does its answer change sides?

A pair counts where both of its pictures were counted (see `score.COUNTED`). `flipped`: each answer
names one side, and not the same; `stayed`: each names the same side; `unclear`: one of them names
no side, or both. The three add up to 1. Who guesses flips half the time and stays half the time;
who reads the picture flips always (or stays, where the marker went along); who knows the side by
heart, or answers a constant letter, always stays.
"""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from spinebench import statistics
from spinebench.errors import UsageError
from spinebench.evaluation.breakdown import load_answers
from spinebench.evaluation.side_task import FLIP_SCHEMA, FLIP_TABLE
from spinebench.statistics import Interval
from spinebench.tables import read_named_frame

MIRRORED = ("mirrored", "mirrored_with_marker")
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class FlipRow:
    """Pairs of a plain picture and one variant of it."""

    variant: str
    expected: str  # "flipped" or "stayed"
    disease: str  # or "all"
    flipped: Interval
    stayed: Interval
    unclear: Interval
    right_on_plain: Interval
    right_on_mirrored: Interval
    right_on_both: Interval
    drop: Interval  # right on plain minus right on mirrored, in pairs
    said_left: Interval  # of all answers that name one side
    pairs: int
    patients: int


def score_flips(bench: Path, run: Path) -> list[FlipRow]:
    """Rows by variant, for all diseases together and for each. Raises UsageError without pairs."""
    if not (bench / FLIP_TABLE).is_file():
        raise UsageError(
            f"{bench} is no side task: it has no {FLIP_TABLE} (`spinebench eval flip-task`)"
        )
    flips = read_named_frame(bench / FLIP_TABLE, FLIP_SCHEMA)
    pairs = pair_flips(load_answers(bench, run / "predictions.parquet"), flips)
    if not pairs.height:
        raise UsageError(f"{run}: no pair of pictures was answered on both")
    rows = []
    for variant in MIRRORED:
        part = pairs.filter(pl.col("variant") == variant)
        if part.height:
            rows.append(_row(variant, ALL, part))
            diseases = sorted(part["disease"].unique())
            rows += [
                _row(variant, name, part.filter(pl.col("disease") == name))
                for name in diseases
                if len(diseases) > 1
            ]
    return rows


def pair_flips(answers: pl.DataFrame, flips: pl.DataFrame) -> pl.DataFrame:
    """One row per mirrored picture, variant and epoch that was counted with its plain one.

    Columns: `pair`, `variant`, `disease`, `patient_id`, `epoch`; `named` and `plain_named` (the one
    side that was named, else null); `correct`, `plain_correct`.
    """
    one = pl.col("named").list.len() == 1
    seen = (
        answers.filter("counted")
        .select(
            "question_id", "epoch", "patient_id", "correct",
            pl.when(one).then(pl.col("named").list.first()).alias("named"),
        )
        .join(flips.select("question_id", "pair", "variant", "disease"), on="question_id")
    )  # fmt: skip
    plain = seen.filter(pl.col("variant") == "plain").select(
        "pair", "epoch", pl.col("named").alias("plain_named"),
        pl.col("correct").alias("plain_correct"),
    )  # fmt: skip
    return (
        seen.filter(pl.col("variant") != "plain")
        .drop("question_id")
        .join(plain, on=["pair", "epoch"])
        .sort("pair", "variant", "epoch")
    )


def _row(variant: str, disease: str, pairs: pl.DataFrame) -> FlipRow:
    both = pl.col("named").is_not_null() & pl.col("plain_named").is_not_null()
    named = pl.concat(
        [
            pairs.select("patient_id", "named"),
            pairs.select("patient_id", pl.col("plain_named").alias("named")),
        ]
    ).drop_nulls("named")

    def share(expression: pl.Expr, frame: pl.DataFrame = pairs) -> Interval:
        values = frame.select(expression.cast(pl.Float64).alias("value"))["value"].to_numpy()
        return statistics.cluster_interval(values, frame["patient_id"].to_numpy())

    return FlipRow(
        variant=variant,
        expected="flipped" if variant == "mirrored" else "stayed",
        disease=disease,
        flipped=share(both & (pl.col("named") != pl.col("plain_named")).fill_null(False)),
        stayed=share(both & (pl.col("named") == pl.col("plain_named")).fill_null(False)),
        unclear=share(~both),
        right_on_plain=share(pl.col("plain_correct")),
        right_on_mirrored=share(pl.col("correct")),
        right_on_both=share(pl.col("plain_correct") & pl.col("correct")),
        drop=statistics.paired_difference_interval(
            pairs["plain_correct"].cast(pl.Float64).to_numpy(),
            pairs["correct"].cast(pl.Float64).to_numpy(),
            pairs["patient_id"].to_numpy(),
        ),
        said_left=share(pl.col("named") == "Left", named),
        pairs=pairs.height,
        patients=pairs["patient_id"].n_unique(),
    )
