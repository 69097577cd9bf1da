"""One figure with its intervals, and what counts into it. Pure: tables in, figures out."""

from dataclasses import dataclass

import polars as pl

from spinebench import statistics
from spinebench.statistics import Interval

COUNTED = ("answered", "unparsed", "refused", "truncated")
LEFT_OUT = ("failed", "not_run")
NO_INTERVAL = Interval(None, None, None)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One figure with its 95 % intervals."""

    estimate: float | None
    low: float | None
    high: float | None
    bootstrap_low: float | None = None  # percentile interval, whole patients drawn
    bootstrap_high: float | None = None
    items: int  # answers it rests on
    patients: int


def keep_counted(answers: pl.DataFrame) -> pl.DataFrame:
    """The answers that count: all but failed and not-run ones."""
    return answers.filter("counted")


def build_metric(counted: pl.DataFrame, interval: Interval, boot: Interval = NO_INTERVAL) -> Metric:
    """A metric over these answers from its intervals."""
    return Metric(
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        bootstrap_low=boot.low,
        bootstrap_high=boot.high,
        items=counted.height,
        patients=counted["patient_id"].n_unique(),
    )


def score_share(counted: pl.DataFrame, column: str) -> Metric:
    """Share of the answers for which a column of true and false holds; null is false."""
    values = counted[column].fill_null(False).cast(pl.Float64).to_numpy()
    interval = statistics.cluster_interval(values, counted["patient"].to_numpy())
    return build_metric(counted, interval)


def score_mean(counted: pl.DataFrame, column: str, *, highest: float | None = 1.0) -> Metric:
    """Mean of a column from 0 to `highest` (None = no upper end)."""
    values = counted[column].to_numpy()
    patients = counted["patient"].to_numpy()
    interval = statistics.cluster_mean_interval(values, patients, highest=highest)
    return build_metric(counted, interval)


def score_pooled(counted: pl.DataFrame, hits: pl.Expr, of: pl.Expr) -> Metric:
    """Sum of hits among the sum of what they are of, over all answers."""
    parts = counted.select(hits=hits, of=of)
    interval = statistics.cluster_ratio_interval(
        parts["hits"].to_numpy(), parts["of"].to_numpy(), counted["patient"].to_numpy()
    )
    return build_metric(counted, interval)
