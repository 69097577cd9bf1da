"""Sums and numbers of items by cluster: what every interval and test by patient starts from."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEW_PATIENTS = 50  # below it coverage is not what an interval promises (docs/statistics.md)
Labels: TypeAlias = Sequence[str] | Sequence[int] | NDArray[Any]


class Interval(NamedTuple):
    """An estimate with its bounds. `None` = nothing to average, or one cluster: no interval."""

    estimate: float | None
    low: float | None
    high: float | None


def sum_by_cluster(
    values: ArrayLike, clusters: Labels, names: NDArray[Any] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum of values and number of items of each cluster; of `names` where given, zeros included.

    `names` are sorted and hold every cluster. Raises ValueError for nan and for unequal lengths.
    """
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


def union_of(a_clusters: Labels, b_clusters: Labels) -> NDArray[Any]:
    """The clusters of either list, sorted, each once."""
    return np.unique(np.concatenate([np.asarray(a_clusters), np.asarray(b_clusters)]))
