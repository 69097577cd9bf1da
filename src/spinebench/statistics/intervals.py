"""Intervals that know that several answers belong to one patient.

Questions on one patient are alike, so the patient is the unit that is drawn at random (the
cluster). Every interval here takes one value and one cluster name per item.

`cluster_interval`, for right or wrong (0 or 1), with n items in m clusters and k_c, s_c the items
and the sum of values in cluster c:

    p      = sum(s_c) / n
    v      = m / (m - 1) * sum((s_c - k_c p)^2) / n^2      variance of p, whole clusters drawn
    v0     = p (1 - p) / (n - 1)                           the same, items drawn one by one
    df     = max(1, n^2 / sum(k_c^2) - 1)                  m - 1 where clusters are of one size
    design = max(q, v / v0)                                design effect; q = 5 % quantile of
                                                           chi-square(df) / df
    n_eff  = n / design                                    effective sample size
    t      = quantile of Student's t, df degrees of freedom
    centre = (p + t^2 / 2 n_eff) / (1 + t^2 / n_eff)       Wilson's interval at n_eff
    half   = t / (1 + t^2 / n_eff) * sqrt(p (1 - p) / n_eff + t^2 / 4 n_eff^2)

With one item per cluster this is Wilson's interval with a t quantile. An estimated design effect
below 1 is mostly chance, but cutting it at 1 makes intervals too wide where answers are not alike
(97 % instead of 95 % at 20 patients), so it is cut where chance alone seldom gets. The effective
number of clusters n^2 / sum(k_c^2) takes the place of m in df because a few patients with most of
the images say little about patients. Where all values are equal the design effect cannot be
estimated and n_eff = m is taken, the worst case.
(Kish 1965 for the design effect and the effective number; Korn & Graubard 1998, Survey Methodology
24:193, for n_eff; Dean & Pagano 2015, J Surv Stat Methodol 3:484, for Wilson with n_eff. What the
two changes gain stands in docs/statistics.md, measured by benchmarks/bench_coverage.py.)
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from spinebench.statistics.clusters import Interval, Labels, check_level, sum_by_cluster, union_of

_SAME_MEAN = 1e-12  # clusters whose means differ by less have the same, but for rounding
_ROUNDING = 1e-9
_SELDOM = 0.05  # how often chance alone gives a design effect below the one that is cut at


def cluster_interval(values: ArrayLike, clusters: Labels, *, level: float = 0.95) -> Interval:
    """Share of ones with Wilson's interval on the effective sample size (see the module).

    Raises ValueError for a value outside 0 to 1, and as `sum_by_cluster` does.
    """
    sums, sizes = sum_by_cluster(values, clusters)
    _check_range(values, 1.0)
    return _share_interval(sums, sizes, level)


def cluster_mean_interval(
    values: ArrayLike, clusters: Labels, *, level: float = 0.95, highest: float | None = 1.0
) -> Interval:
    """Plain mean of values from 0 to `highest`, fractions too, with the cluster-robust t interval.

    Half width = t * sqrt(m / (m - 1) * sum((s_c - k_c mean)^2)) / n with the module's df, cut at 0
    and at `highest` (None = values have no upper end). Where all clusters have the same mean the
    variance cannot be estimated: Wilson's interval with n_eff = m is taken, as in
    `cluster_interval`, and without an upper end there is no interval.
    """
    check_level(level)
    sums, sizes = sum_by_cluster(values, clusters)
    _check_range(values, highest)
    m, n = len(sizes), float(sizes.sum())
    if m == 0:
        return Interval(None, None, None)
    mean = float(sums.sum() / n)
    if m == 1:
        return Interval(mean, None, None)
    t = float(stats.t.ppf((1 + level) / 2, degrees_of_freedom(sizes)))
    if np.ptp(sums / sizes) < _SAME_MEAN:
        if highest is None:
            return Interval(mean, None, None)
        low, high = _wilson(np.array(mean / highest), np.array(float(m)), np.array(t))
        return Interval(mean, float(low) * highest, float(high) * highest)
    half = t * float(np.sqrt(_variance(sums, sizes)))
    high_end = mean + half if highest is None else min(highest, mean + half)
    return Interval(mean, max(0.0, mean - half), high_end)


def cluster_ratio_interval(
    numerators: ArrayLike, denominators: ArrayLike, clusters: Labels, *, level: float = 0.95
) -> Interval:
    """Pooled ratio sum(numerators) / sum(denominators), for 0 <= numerator <= denominator.

    The interval of `cluster_interval` with the denominators as numbers of items: a pooled
    precision is the share of right ones among all levels named.
    """
    tops, _ = sum_by_cluster(numerators, clusters)
    bottoms, _ = sum_by_cluster(denominators, clusters)
    used = bottoms > 0
    return _share_interval(tops[used], bottoms[used], level)


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


def share_bounds(
    sums: NDArray[np.float64],
    sizes: NDArray[np.float64],
    *,
    level: float = 0.95,
    alike: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds of `cluster_interval` from sums and sizes of at least two clusters.

    Clusters lie along the last axis; other axes are independent data sets, so that a simulation of
    thousands of runs is one call. `alike` is the effective sample size where all values are equal
    (default: the number of clusters, the worst case).
    """
    check_level(level)
    p = sums.sum(-1) / sizes.sum(-1)
    effective = effective_size(sums, sizes)
    if alike is not None:
        effective = np.where((p > 0) & (p < 1), effective, alike)
    low, high = _wilson(p, effective, stats.t.ppf((1 + level) / 2, degrees_of_freedom(sizes)))
    # where a cluster or two dominate, design can fall so low that rounding would pass the ends
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


def effective_size(sums: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """n_eff of the module; the number of clusters where all values are equal."""
    n, m = sizes.sum(-1), sizes.shape[-1]
    p = sums.sum(-1) / n
    df = degrees_of_freedom(sizes)
    with np.errstate(divide="ignore", invalid="ignore"):
        design = _variance(sums, sizes) / (p * (1 - p) / (n - 1))
    least = stats.chi2.ppf(_SELDOM, df) / df
    return np.asarray(np.where((p > 0) & (p < 1), n / np.fmax(least, design), m))


def degrees_of_freedom(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Effective number of clusters less one, at least 1; clusters lie along the last axis."""
    effective = sizes.sum(-1) ** 2 / (sizes**2).sum(-1)
    return np.asarray(np.maximum(1.0, effective - 1))


def _check_range(values: ArrayLike, highest: float | None) -> None:
    numbers = np.asarray(values, dtype=np.float64).reshape(-1)
    if not len(numbers):
        return
    low, high = float(numbers.min()), float(numbers.max())
    if low < -_ROUNDING or (highest is not None and high > highest * (1 + _ROUNDING)):
        found = low if low < -_ROUNDING else high
        raise ValueError(f"values lie from 0 to {highest or 'any number'}, found {found:g}")


def _share_interval(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], level: float
) -> Interval:
    if len(sizes) == 0:
        return Interval(None, None, None)
    p = float(sums.sum() / sizes.sum())
    if len(sizes) == 1:
        return Interval(p, None, None)
    low, high = share_bounds(sums, sizes, level=level)
    return Interval(p, float(low), float(high))


def _variance(sums: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance of the mean of all items, whole clusters drawn."""
    m, n = sizes.shape[-1], sizes.sum(-1)
    residuals = sums - sizes * (sums.sum(-1) / n)[..., None]
    return np.asarray(m / (m - 1) * (residuals**2).sum(-1) / n**2)


def _wilson(
    p: NDArray[np.float64], n: NDArray[np.float64], t: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    shrink = 1 + t * t / n
    centre = (p + t * t / (2 * n)) / shrink
    half = t / shrink * np.sqrt(p * (1 - p) / n + t * t / (4 * n * n))
    # exact at the ends: rounding must not exclude the estimate
    return np.where(p == 0, 0.0, centre - half), np.where(p == 1, 1.0, centre + half)


def _residuals_on_union(
    a: ArrayLike, a_clusters: Labels, b: ArrayLike, b_clusters: Labels
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    names = union_of(a_clusters, b_clusters)
    a_sums, a_sizes = sum_by_cluster(a, a_clusters, names)
    b_sums, b_sizes = sum_by_cluster(b, b_clusters, names)
    return (
        a_sums - a_sizes * (a_sums.sum() / a_sizes.sum()),
        b_sums - b_sizes * (b_sums.sum() / b_sizes.sum()),
    )
