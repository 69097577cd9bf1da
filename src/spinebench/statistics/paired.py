"""Two models on the same questions: tests that keep the answers about one patient together.

`paired_permutation`: if two models are alike, then for each patient either of the two could have
given either set of answers. With d_c the sum of a - b over the items of patient c, the difference
of the means is sum(d_c) / n, and under that hypothesis every choice of signs of the d_c is equally
likely. p = share of choices whose |sum| is at least the one that was seen, two-sided. It assumes
nothing on how answers within a patient hang together. (Good 2005, Permutation Tests, chapter 3;
for clusters: Dror et al. 2018, ACL, section 3, on why pairs, and Phipson & Smyth 2010, Stat Appl
Genet Mol Biol 9:39, on why +1.)

`paired_difference_interval`: the share of items that a does better (up) and that b does better
(down), each with the interval of `intervals.cluster_interval`, and r, the correlation of the two
over patients, give by MOVER (Zou & Donner 2008, Stat Med 27:1693)

    low  = up - down - sqrt(x^2 + y^2 - 2 r x y),  x = up - low of up,   y = high of down - down
    high = up - down + sqrt(x^2 + y^2 - 2 r x y),  x = high of up - up,  y = down - low of down

Where models differ often this is nearly the cluster-robust t interval of the differences. Where
they seldom do, that one rests on a few differences and holds the truth too seldom; where they never
do it has no width at all, and this one is Wilson's for none of so many patients, to either side.
(Measured by benchmarks/bench_paired.py; docs/statistics.md.)
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from spinebench.statistics.clusters import Interval, Labels, check_resamples, sum_by_cluster
from spinebench.statistics.intervals import effective_size, share_bounds

# up to so many patients in whom the models differ every choice of signs is looked at: 16,384
EXACT_PATIENTS = 14
_TIE = 1e-9  # relative: sums of the same numbers in another order are the same sum
_BLOCK = 4_000_000  # signs drawn at once, 32 MB


def paired_permutation(
    a: ArrayLike, b: ArrayLike, clusters: Labels, *, resamples: int, seed: int
) -> float:
    """Two-sided p of equal means, by swapping the two models' answers for whole patients.

    Exact where at most 14 patients differ; otherwise `resamples` seeded draws with (hits + 1) /
    (resamples + 1), so that p is never 0. `a` and `b` are values of the same items in the same
    order. Raises ValueError without items.
    """
    first, second = _pair(a, b)
    if len(first) == 0:
        raise ValueError("no items to compare")
    sums, _ = sum_by_cluster(first - second, clusters)
    return float(sign_flip_p(sums[:, None], resamples=resamples, seed=seed)[0])


def sign_flip_p(sums: NDArray[np.float64], *, resamples: int, seed: int) -> NDArray[np.float64]:
    """p of each column: the sums of differences by patient (rows). Columns share their draws."""
    check_resamples(resamples)
    differing = (np.abs(sums) > 0).sum(axis=0)
    found = np.empty(sums.shape[1])
    few = differing <= EXACT_PATIENTS
    for column in np.flatnonzero(few):
        found[column] = _exact_p(sums[:, column])
    if not few.all():
        found[~few] = _drawn_p(sums[:, ~few], resamples, seed)
    return found


def paired_difference_interval(
    a: ArrayLike, b: ArrayLike, clusters: Labels, *, level: float = 0.95
) -> Interval:
    """Mean of a - b over the same items, with the interval that the head of this file has."""
    first, second = _pair(a, b)
    better, sizes = sum_by_cluster(np.maximum(first - second, 0), clusters)
    worse, _ = sum_by_cluster(np.maximum(second - first, 0), clusters)
    if len(sizes) == 0:
        return Interval(None, None, None)
    difference = float((better.sum() - worse.sum()) / sizes.sum())
    if len(sizes) == 1:
        return Interval(difference, None, None)
    # weighted values may differ by more than 1
    unit = max(1.0, float(np.abs(first - second).max()))
    low, high = paired_bounds(better / unit, worse / unit, sizes, level=level)
    return Interval(difference, float(low) * unit, float(high) * unit)


def paired_bounds(
    better: NDArray[np.float64],
    worse: NDArray[np.float64],
    sizes: NDArray[np.float64],
    *,
    level: float = 0.95,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds of `paired_difference_interval` from sums by cluster, of at least two clusters.

    `better` and `worse` are the sums of max(a - b, 0) and max(b - a, 0), no item above 1. Clusters
    lie along the last axis; other axes are independent data sets.
    """
    n = sizes.sum(-1)
    up, down = better.sum(-1) / n, worse.sum(-1) / n
    # where only one of the two is ever better, the other's none hangs together as its do
    alike = np.maximum(effective_size(better + worse, sizes), sizes.shape[-1])
    up_low, up_high = share_bounds(better, sizes, level=level, alike=alike)
    down_low, down_high = share_bounds(worse, sizes, level=level, alike=alike)
    u, v = better - sizes * up[..., None], worse - sizes * down[..., None]
    scale = np.sqrt((u * u).sum(-1) * (v * v).sum(-1))
    r = np.divide((u * v).sum(-1), scale, out=np.zeros_like(scale), where=scale > 0)
    low = up - down - _hypotenuse(up - up_low, down_high - down, r)
    high = up - down + _hypotenuse(up_high - up, down - down_low, r)
    return np.asarray(low), np.asarray(high)


def _hypotenuse(
    one: NDArray[np.float64], other: NDArray[np.float64], r: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance of a difference from its bound, by those of its two parts and their correlation."""
    return np.asarray(np.sqrt(np.maximum(0.0, one**2 + other**2 - 2 * r * one * other)))


def mcnemar(a: ArrayLike, b: ArrayLike, clusters: Labels | None = None) -> float:
    """Exact two-sided p of McNemar's test on right or wrong (0 or 1) of the same items.

    p = min(1, 2 P(X <= min(n01, n10))), X binomial (n01 + n10, 1/2) (McNemar 1947; exact form as
    in Fagerland et al. 2013, BMC Med Res Methodol 13:91). It takes items as independent: only with
    one item per patient. Give `clusters` to have that checked; ValueError if one holds two items.
    """
    first, second = _pair(a, b)
    if not (np.isin(first, (0, 1)).all() and np.isin(second, (0, 1)).all()):
        raise ValueError("McNemar's test takes 0 and 1 only")
    if clusters is not None:
        _, sizes = sum_by_cluster(first, clusters)
        if (sizes > 1).any():
            raise ValueError(
                f"McNemar's test needs one item per patient, {int((sizes > 1).sum())} patients have"
                " more: use paired_permutation"
            )
    only_a, only_b = int((first > second).sum()), int((second > first).sum())
    if only_a + only_b == 0:
        return 1.0
    return min(1.0, 2 * float(stats.binom.cdf(min(only_a, only_b), only_a + only_b, 0.5)))


def holm(p: ArrayLike | Sequence[float]) -> NDArray[np.float64]:
    """Adjusted p values in the order given (Holm 1979): reject those at most the level.

    Family-wise error is kept whatever the dependence of the tests.
    """
    values = np.asarray(p, dtype=np.float64).reshape(-1)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p values lie from 0 to 1, nan is none")
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first = np.asarray(a, dtype=np.float64).reshape(-1)
    second = np.asarray(b, dtype=np.float64).reshape(-1)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values of one model but {len(second)} of the other")
    return first, second


def _exact_p(sums: NDArray[np.float64]) -> float:
    differing = sums[sums != 0]
    totals = np.zeros(1)
    for step in differing:
        totals = np.concatenate([totals + step, totals - step])
    return float((np.abs(totals) >= _seen(sums)).mean())


def _drawn_p(sums: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    patients = len(sums)
    generator = np.random.default_rng([seed, patients])
    seen = np.array([_seen(column) for column in sums.T])
    hits = np.zeros(sums.shape[1])
    block = max(1, _BLOCK // patients)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        signs = generator.integers(0, 2, size=(rows, patients), dtype=np.int8) * 2.0 - 1.0
        hits += (np.abs(signs @ sums) >= seen).sum(axis=0)
    return np.asarray((hits + 1) / (resamples + 1))


def _seen(sums: NDArray[np.float64]) -> float:
    return abs(float(sums.sum())) - _TIE * float(np.abs(sums).sum())
