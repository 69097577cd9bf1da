"""Percentile intervals of a seeded bootstrap that draws whole clusters, never single items.

(Davison & Hinkley 1997, Bootstrap Methods and their Application, section 3.8: with clusters of
alike items the clusters are drawn, and all items of a drawn cluster are kept.)
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinebench.statistics.clusters import (
    Interval,
    Labels,
    check_level,
    check_resamples,
    cluster_names,
    sum_by_cluster,
    union_of,
)

_BLOCK = 250_000  # draws at once: what stays in a core's cache is drawn twice as fast


def cluster_bootstrap_interval(
    values: ArrayLike, clusters: Labels, *, level: float = 0.95, resamples: int = 2000, seed: int
) -> Interval:
    """Mean with the percentile interval of a bootstrap that draws whole clusters."""
    sums, sizes = sum_by_cluster(values, clusters)
    if len(sizes) == 0:
        return Interval(None, None, None)
    mean = float(sums.sum() / sizes.sum())
    if len(sizes) == 1:
        return Interval(mean, None, None)
    means = [
        (counts @ sums) / (counts @ sizes) for counts in draw_clusters(len(sizes), resamples, seed)
    ]
    return _percentiles(mean, np.concatenate(means), level)


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
    names = union_of(a_clusters, b_clusters)
    a_sums, a_sizes = sum_by_cluster(a, a_clusters, names)
    b_sums, b_sizes = sum_by_cluster(b, b_clusters, names)
    if not a_sizes.sum() or not b_sizes.sum():
        return Interval(None, None, None)
    estimate = float(a_sums.sum() / a_sizes.sum() + b_sums.sum() / b_sizes.sum()) / 2
    if len(names) == 1:
        return Interval(estimate, None, None)
    means: list[NDArray[np.float64]] = []
    for counts in draw_clusters(len(names), resamples, seed):
        a_n, b_n = counts @ a_sizes, counts @ b_sizes
        whole = (a_n > 0) & (b_n > 0)  # a draw without one of the tasks has no overall
        counts = counts[whole]
        means.append(((counts @ a_sums) / a_n[whole] + (counts @ b_sums) / b_n[whole]) / 2)
    return _percentiles(estimate, np.concatenate(means), level)


def bootstrap_statistic_interval(
    statistic: Callable[[NDArray[np.intp]], float | None],
    clusters: Labels,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int,
) -> Interval:
    """Any statistic of items with the percentile interval of a bootstrap of whole clusters.

    `statistic` is given the places of the drawn items, an item as often as its cluster was drawn.
    Draws where it is None (not defined) are left out; no bounds if that is more than one in ten.
    """
    labels = cluster_names(clusters)
    _, index = np.unique(labels, return_inverse=True)
    estimate = statistic(np.arange(len(labels)))
    number = int(index.max()) + 1 if len(index) else 0
    if estimate is None or number < 2:
        return Interval(estimate, None, None)
    found = []
    for block in draw_clusters(number, resamples, seed):
        for counts in block.astype(np.intp):
            found.append(statistic(np.repeat(np.arange(len(labels)), counts[index])))
    defined = np.array([value for value in found if value is not None])
    if len(defined) < 0.9 * resamples:
        return Interval(estimate, None, None)
    return _percentiles(estimate, defined, level)


def draw_clusters(clusters: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each cluster is drawn, resamples x clusters, in blocks of rows.

    Depends on the three numbers only.
    """
    check_resamples(resamples)
    generator = np.random.default_rng([seed, clusters])
    block = max(1, min(resamples, _BLOCK // clusters))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        # ten times as fast as drawing multinomial counts, which are what comes out
        drawn = generator.integers(0, clusters, size=(rows, clusters), dtype=np.int32)
        drawn += (np.arange(rows, dtype=np.int32) * clusters)[:, None]
        counts = np.bincount(drawn.reshape(-1), minlength=rows * clusters)
        yield counts.reshape(rows, clusters).astype(np.float64)


def _percentiles(estimate: float, draws: NDArray[np.float64], level: float) -> Interval:
    check_level(level)
    if len(draws) == 0:
        return Interval(estimate, None, None)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high))
