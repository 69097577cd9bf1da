"""Intra-class correlation of numeric ratings, and Pearson's correlation, each with its interval.

`icc` follows Shrout & Fleiss (1979, Psychol Bull 86:420), intervals McGraw & Wong (1996, Psychol
Methods 1:30). Which one: ICC1, each item was rated by other raters; ICC2, the same raters, who
stand for others like them, and their severity matters; ICC3, these raters only, severity set aside.
With `k` it is the reliability of the mean of the raters, without of a single one.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from spinebench.statistics.clusters import Interval, check_finite, check_level

IccKind: TypeAlias = Literal["ICC1", "ICC2", "ICC3", "ICC1k", "ICC2k", "ICC3k"]
_TINY = np.finfo(np.float64).tiny
_KINDS = ("ICC1", "ICC2", "ICC3", "ICC1k", "ICC2k", "ICC3k")


def icc(ratings: ArrayLike, *, kind: IccKind = "ICC2k") -> float | None:
    """Intra-class correlation of items x raters. None where it is not defined.

    That is where nothing varies, and for ICC2 where raters contradict each other so far that the
    variance it divides by comes out negative. Raises ValueError for a missing rating, and below two
    items or two raters.
    """
    squares, n, k = _mean_squares(ratings, kind)
    return _estimate(squares, n, k, kind)


def icc_interval(ratings: ArrayLike, *, kind: IccKind = "ICC2k", level: float = 0.95) -> Interval:
    """`icc` with its interval; no interval where raters agree to the last digit."""
    check_level(level)
    squares, n, k = _mean_squares(ratings, kind)
    estimate = _estimate(squares, n, k, kind)
    within = squares.within if kind.startswith("ICC1") else squares.error
    if estimate is None or within == 0:
        return Interval(estimate, None, None)
    if kind.startswith("ICC2"):
        single = _estimate(squares, n, k, "ICC2")
        if single is None or single >= 1:
            return Interval(estimate, None, None)
        low, high = _absolute_bounds(squares, n, k, level, single)
    else:
        df = n * (k - 1) if kind.startswith("ICC1") else (n - 1) * (k - 1)
        ratio = squares.items / within
        lower = ratio / stats.f.ppf((1 + level) / 2, n - 1, df)
        upper = ratio * stats.f.ppf((1 + level) / 2, df, n - 1)
        low, high = ((bound - 1) / (bound + k - 1) for bound in (lower, upper))
    if kind.endswith("k"):
        low, high = (k * bound / (1 + (k - 1) * bound) for bound in (low, high))
    return Interval(estimate, float(low), float(high))


def pearson(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> Interval:
    """Pearson's r with Fisher's interval; no estimate for a constant, no bounds below 4 pairs.

    r = 1 and r = -1 have themselves as bounds. Raises ValueError for nan and unequal lengths.
    """
    x = np.asarray(a, dtype=np.float64).reshape(-1)
    y = np.asarray(b, dtype=np.float64).reshape(-1)
    if len(x) != len(y):
        raise ValueError(f"{len(x)} values but {len(y)} to go with them")
    check_level(level)
    check_finite(x)
    check_finite(y)
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Interval(None, None, None)
    u, v = _centred(x), _centred(y)
    r = float(np.clip(u @ v / np.sqrt((u @ u) * (v @ v)), -1, 1))
    if len(x) < 4:
        return Interval(r, None, None)
    if abs(r) == 1:
        return Interval(r, r, r)
    half = stats.norm.ppf((1 + level) / 2) / np.sqrt(len(x) - 3)
    centre = np.arctanh(r)
    return Interval(r, float(np.tanh(centre - half)), float(np.tanh(centre + half)))


def _centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances from the mean, the largest 1: their squares are neither too large nor too small."""
    scaled = values / np.abs(values).max()
    distances = scaled - scaled.mean()
    return np.asarray(distances / np.abs(distances).max())


@dataclass(frozen=True)
class _Squares:
    """Mean squares of the two-way table."""

    items: float
    raters: float
    error: float
    within: float  # of ratings of one item, raters and error together


def _mean_squares(ratings: ArrayLike, kind: str) -> tuple[_Squares, int, int]:
    if kind not in _KINDS:
        raise ValueError(f"unknown kind {kind!r}; there are {', '.join(_KINDS)}")
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2:
        raise ValueError("ratings are items x raters, at least two of each")
    if np.isnan(table).any():
        raise ValueError("a rating is missing; leave the item out, or take krippendorff_alpha")
    check_finite(table)
    n, k = table.shape
    # ratings that are the same must leave exactly no squares, whatever their mean rounds to
    centred = table - table[0, 0]
    centred /= max(float(np.abs(centred).max()), _TINY)  # a ratio of squares has no unit
    by_item, by_rater, mean = centred.mean(1), centred.mean(0), centred.mean()
    items = k * float(((by_item - mean) ** 2).sum())
    raters = n * float(((by_rater - mean) ** 2).sum())
    within = float(((centred - by_item[:, None]) ** 2).sum())
    error = float(((centred - by_item[:, None] - by_rater + mean) ** 2).sum())
    total = items + within
    rest = [0.0 if part < 1e-14 * total else part for part in (items, raters, error, within)]
    return (
        _Squares(
            rest[0] / (n - 1), rest[1] / (k - 1), rest[2] / ((n - 1) * (k - 1)),
            rest[3] / (n * (k - 1)),
        ),
        n,
        k,
    )  # fmt: skip


def _estimate(squares: _Squares, n: int, k: int, kind: str) -> float | None:
    rest = squares.within if kind.startswith("ICC1") else squares.error
    severity = (squares.raters - squares.error) / n if kind.startswith("ICC2") else 0.0
    if kind.endswith("k"):
        bottom = squares.items + severity
    else:
        bottom = squares.items + (k - 1) * rest + k * severity
    return None if bottom <= 0 else (squares.items - rest) / bottom


def _absolute_bounds(
    squares: _Squares, n: int, k: int, level: float, single: float
) -> tuple[float, float]:
    """Bounds of ICC2 for a single rater, `single` (McGraw & Wong, table 7, ICC(A,1))."""
    a = k * single / (n * (1 - single))
    b = 1 + k * single * (n - 1) / (n * (1 - single))
    raters, error = a * squares.raters, b * squares.error
    df = (raters + error) ** 2 / (raters**2 / (k - 1) + error**2 / ((n - 1) * (k - 1)))
    lower = stats.f.ppf((1 + level) / 2, n - 1, df)
    upper = stats.f.ppf((1 + level) / 2, df, n - 1)
    spread = k * squares.raters + (k * n - k - n) * squares.error
    low = n * (squares.items - lower * squares.error) / (lower * spread + n * squares.items)
    high = n * (upper * squares.items - squares.error) / (spread + n * upper * squares.items)
    return low, high
