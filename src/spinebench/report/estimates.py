"""One figure as the page shows it: a share, or a difference, with its 95 % interval by patient."""

from dataclasses import dataclass

from spinebench.evaluation.metric import Metric
from spinebench.statistics import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A share with its 95 % interval by patient, and what it rests on."""

    value: float | None
    low: float | None
    high: float | None
    items: int  # in the denominator
    patients: int


NOTHING = Estimate(value=None, low=None, high=None, items=0, patients=0)


def estimate_of(metric: Metric | None) -> Estimate:
    """A share as the page shows it; bounds are cut at 0 and 1, beyond which no share lies."""
    if metric is None:
        return NOTHING
    return Estimate(
        value=metric.estimate,
        low=None if metric.low is None else max(0.0, metric.low),
        high=None if metric.high is None else min(1.0, metric.high),
        items=metric.items,
        patients=metric.patients,
    )


def estimate_from(interval: Interval, *, items: int, patients: int) -> Estimate:
    """An interval as it is: a difference has no ends at 0 and 1."""
    value, low, high = interval
    return Estimate(value=value, low=low, high=high, items=items, patients=patients)
