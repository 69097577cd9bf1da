"""Intervals that know that several answers belong to one patient. Pure: numpy and scipy only.

Questions on one patient are alike, so the patient is the unit that is drawn at random (the
cluster). Every interval here takes one value and one cluster name per item.

`cluster_interval`, for right or wrong (0 or 1), with n items in m clusters and k_c, s_c the items
and the sum of values in cluster c:

    p      = sum(s_c) / n
    v      = m / (m - 1) * sum((s_c - k_c p)^2) / n^2      variance of p, whole clusters drawn
    v0     = p (1 - p) / (n - 1)                           the same, items drawn one by one
    design = max(1, v / v0)                                design effect
    n_eff  = n / design                                    effective sample size
    t      = quantile of Student's t, m - 1 degrees of freedom
    centre = (p + t^2 / 2 n_eff) / (1 + t^2 / n_eff)       Wilson's interval at n_eff
    half   = t / (1 + t^2 / n_eff) * sqrt(p (1 - p) / n_eff + t^2 / 4 n_eff^2)

With one item per cluster this is Wilson's interval with a t quantile. Where all values are equal
the design effect cannot be estimated and n_eff = m is taken, the worst case.
(Kish 1965 for the design effect; Korn & Graubard 1998, Survey Methodology 24:193, for n_eff;
Dean & Pagano 2015, J Surv Stat Methodol 3:484, for Wilson with n_eff.)
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

_SAME_MEAN = 1e-12  # clusters whose means differ by less have the same, but for rounding
Labels: TypeAlias = Sequence[str] | Sequence[int] | NDArray[Any]


class Interval(NamedTuple):
    """An estimate with its bounds. `None` = nothing to average, or one cluster: no interval."""

    estimate: float | None
    low: float | None
    high: float | None


def cluster_interval(values: ArrayLike, clusters: Labels, *, level: float = 0.95) -> Interval:
    """Share of ones with Wilson's interval on the effective sample size (see the module)."""
    sums, sizes = _by_cluster(values, clusters)
    m, n = len(sizes), float(sizes.sum())
    if m == 0:
        return Interval(None, None, None)
    p = float(sums.sum() / n)
    if m == 1:
        return Interval(p, None, None)
    t = float(stats.t.ppf((1 + level) / 2, m - 1))
    low, high = _wilson(p, _effective_size(sums, sizes, p), t)
    return Interval(p, low, high)


def cluster_mean_interval(values: ArrayLike, clusters: Labels, *, level: float = 0.95) -> Interval:
    """Plain mean of values from 0 to 1, fractions too, with the cluster-robust t interval.

    Half width = t * sqrt(m / (m - 1) * sum((s_c - k_c mean)^2)) / n, t with m - 1 degrees of
    freedom, cut at 0 and 1. Where all clusters have the same mean the variance cannot be
    estimated, and Wilson's interval with n_eff = m is taken, as in `cluster_interval`.
    """
    sums, sizes = _by_cluster(values, clusters)
    m, n = len(sizes), float(sizes.sum())
    if m == 0:
        return Interval(None, None, None)
    mean = float(sums.sum() / n)
    if m == 1:
        return Interval(mean, None, None)
    t = float(stats.t.ppf((1 + level) / 2, m - 1))
    if np.ptp(sums / sizes) < _SAME_MEAN:
        return Interval(mean, *_wilson(mean, float(m), t))
    half = t * float(np.sqrt(_variance(sums, sizes, mean)))
    return Interval(mean, max(0.0, mean - half), min(1.0, mean + half))


def cluster_ratio_interval(
    numerators: ArrayLike, denominators: ArrayLike, clusters: Labels, *, level: float = 0.95
) -> Interval:
    """Pooled ratio sum(numerators) / sum(denominators), for 0 <= numerator <= denominator.

    The interval of `cluster_interval` with the denominators as numbers of items: a pooled
    precision is the share of right ones among all levels named.
    """
    tops, _ = _by_cluster(numerators, clusters)
    bottoms, _ = _by_cluster(denominators, clusters)
    used = bottoms > 0
    tops, bottoms = tops[used], bottoms[used]
    m, n = len(bottoms), float(bottoms.sum())
    if m == 0:
        return Interval(None, None, None)
    p = float(tops.sum() / n)
    if m == 1:
        return Interval(p, None, None)
    t = float(stats.t.ppf((1 + level) / 2, m - 1))
    low, high = _wilson(p, _effective_size(tops, bottoms, p), t)
    return Interval(p, low, high)


def cluster_bootstrap_interval(
    values: ArrayLike, clusters: Labels, *, level: float = 0.95, resamples: int = 2000, seed: int
) -> Interval:
    """Mean with the percentile interval of a bootstrap that draws whole clusters."""
    sums, sizes = _by_cluster(values, clusters)
    if len(sizes) == 0:
        return Interval(None, None, None)
    mean = float(sums.sum() / sizes.sum())
    if len(sizes) == 1:
        return Interval(mean, None, None)
    means = [(counts @ sums) / (counts @ sizes) for counts in _draws(len(sizes), resamples, seed)]
    return _percentiles(mean, np.concatenate(means), level)


def mean_of_two_interval(
    a: ArrayLike, a_clusters: Labels, b: ArrayLike, b_clusters: Labels, *, level: float = 0.95
) -> Interval:
    """Mean of two shares, such as diagnosis and localization accuracy, over shared patients.

    MOVER (Zou & Donner 2008, Stat Med 27:1693) from the two intervals of `cluster_interval`,
    with r the correlation of the two shares, estimated over the patients of either task:

        low = p - 1/2 sqrt(da^2 + db^2 + 2 r da db), da = pa - low_a, db = pb - low_b

    and the upper bound likewise.
    """
    first = cluster_interval(a, a_clusters, level=level)
    second = cluster_interval(b, b_clusters, level=level)
    if first.estimate is None or second.estimate is None:
        return Interval(None, None, None)
    estimate = (first.estimate + second.estimate) / 2
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return Interval(estimate, None, None)
    u, v = _residuals_on_union(a, a_clusters, b, b_clusters)
    scale = float(np.sqrt((u @ u) * (v @ v)))
    r = float(u @ v) / scale if scale > 0 else 0.0

    def half(da: float, db: float) -> float:
        return float(np.sqrt(max(0.0, da * da + db * db + 2 * r * da * db))) / 2

    low = estimate - half(first.estimate - first.low, second.estimate - second.low)
    high = estimate + half(first.high - first.estimate, second.high - second.estimate)
    return Interval(estimate, low, high)


def mean_of_two_bootstrap_interval(
    a: ArrayLike,
    a_clusters: Labels,
    b: ArrayLike,
    b_clusters: Labels,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int,
) -> Interval:
    """Mean of two shares with the percentile interval; a patient is drawn with both tasks."""
    names = _union(a_clusters, b_clusters)
    a_sums, a_sizes = _by_cluster(a, a_clusters, names)
    b_sums, b_sizes = _by_cluster(b, b_clusters, names)
    if not a_sizes.sum() or not b_sizes.sum():
        return Interval(None, None, None)
    estimate = float(a_sums.sum() / a_sizes.sum() + b_sums.sum() / b_sizes.sum()) / 2
    if len(names) == 1:
        return Interval(estimate, None, None)
    means: list[NDArray[np.float64]] = []
    for counts in _draws(len(names), resamples, seed):
        a_n, b_n = counts @ a_sizes, counts @ b_sizes
        whole = (a_n > 0) & (b_n > 0)  # a draw without one of the tasks has no overall
        counts = counts[whole]
        means.append(((counts @ a_sums) / a_n[whole] + (counts @ b_sums) / b_n[whole]) / 2)
    return _percentiles(estimate, np.concatenate(means), level)


def _by_cluster(
    values: ArrayLike, clusters: Labels, names: NDArray[Any] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum of values and number of items of each cluster; of `names` where given, zeros included."""
    numbers = np.asarray(values, dtype=np.float64).reshape(-1)
    labels = np.asarray(clusters).reshape(-1)
    if len(numbers) != len(labels):
        raise ValueError(f"{len(numbers)} values but {len(labels)} clusters")
    if np.isnan(numbers).any():
        raise ValueError("values contain nan; leave out what was not measured")
    if names is None:
        names, index = np.unique(labels, return_inverse=True)
    else:
        index = np.searchsorted(names, labels)
    sums = np.bincount(index, weights=numbers, minlength=len(names)).astype(np.float64)
    return sums, np.bincount(index, minlength=len(names)).astype(np.float64)


def _union(a_clusters: Labels, b_clusters: Labels) -> NDArray[Any]:
    return np.unique(np.concatenate([np.asarray(a_clusters), np.asarray(b_clusters)]))


def _variance(sums: NDArray[np.float64], sizes: NDArray[np.float64], mean: float) -> float:
    m, n = len(sizes), sizes.sum()
    residuals = sums - sizes * mean
    return float(m / (m - 1) * (residuals @ residuals) / n**2)


def _effective_size(sums: NDArray[np.float64], sizes: NDArray[np.float64], p: float) -> float:
    n = float(sizes.sum())
    if not 0 < p < 1:
        return float(len(sizes))
    simple = p * (1 - p) / (n - 1)
    # below 1 only by chance: alike values within a patient cannot make an item worth more
    return n / max(1.0, _variance(sums, sizes, p) / simple)


def _wilson(p: float, n: float, t: float) -> tuple[float, float]:
    shrink = 1 + t * t / n
    centre = (p + t * t / (2 * n)) / shrink
    half = t / shrink * float(np.sqrt(p * (1 - p) / n + t * t / (4 * n * n)))
    # exact at the ends: rounding must not exclude the estimate
    return (0.0 if p == 0 else centre - half), (1.0 if p == 1 else centre + half)


def _residuals_on_union(
    a: ArrayLike, a_clusters: Labels, b: ArrayLike, b_clusters: Labels
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    names = _union(a_clusters, b_clusters)
    a_sums, a_sizes = _by_cluster(a, a_clusters, names)
    b_sums, b_sizes = _by_cluster(b, b_clusters, names)
    return (
        a_sums - a_sizes * (a_sums.sum() / a_sizes.sum()),
        b_sums - b_sizes * (b_sums.sum() / b_sizes.sum()),
    )


def _draws(clusters: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each cluster is drawn, in blocks of rows that stay under about 16 MB."""
    generator = np.random.default_rng([seed, clusters])
    block = max(1, min(resamples, 2_000_000 // clusters))
    shares = np.full(clusters, 1 / clusters)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        yield generator.multinomial(clusters, shares, size=rows).astype(np.float64)


def _percentiles(estimate: float, draws: NDArray[np.float64], level: float) -> Interval:
    if len(draws) == 0:
        return Interval(estimate, None, None)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high))
