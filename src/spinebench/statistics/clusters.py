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

    `names` are sorted and hold every cluster. Raises ValueError for a value that is no finite
    number, for an item without cluster and for unequal lengths.
    """
    numbers = np.asarray(values, dtype=np.float64).reshape(-1)
    labels = cluster_names(clusters)
    if len(numbers) != len(labels):
        raise ValueError(f"{len(numbers)} values but {len(labels)} clusters")
    check_finite(numbers)
    if names is None:
        names, index = np.unique(labels, return_inverse=True)
    else:
        index = np.searchsorted(names, labels)
    sums = np.bincount(index, weights=numbers, minlength=len(names)).astype(np.float64)
    return sums, np.bincount(index, minlength=len(names)).astype(np.float64)


def union_of(a_clusters: Labels, b_clusters: Labels) -> NDArray[Any]:
    """The clusters of either list, sorted, each once."""
    return np.unique(np.concatenate([cluster_names(a_clusters), cluster_names(b_clusters)]))


def cluster_names(clusters: Labels) -> NDArray[Any]:
    """One name for each item, as an array that can be sorted. Raises ValueError where one lacks."""
    names = np.asarray(clusters)
    if names.ndim != 1:
        raise ValueError(f"clusters are one name for each item, not {names.ndim} dimensions")
    if is_missing(keep_missing(clusters)).any():
        raise ValueError("an item has no cluster; leave it out, or give it a name of its own")
    if names.dtype.kind == "O" and len({type(name) for name in names}) > 1:
        return np.array([str(name) for name in names])
    return names  # texts as numpy has them: it sorts them several times as fast as objects


def keep_missing(labels: ArrayLike) -> NDArray[Any]:
    """The labels as an array in which a missing one among texts is still missing.

    numpy makes of nan among texts the text "nan".
    """
    table = np.asarray(labels)
    if table.dtype.kind in "US" and not isinstance(labels, np.ndarray):
        return np.asarray(labels, dtype=object)
    return table


def is_missing(table: NDArray[Any]) -> NDArray[np.bool_]:
    """Where an array of labels or ratings holds nan or None."""
    if table.dtype.kind == "f":
        return np.asarray(np.isnan(table))
    if table.dtype.kind == "O":
        # nan is the one value that is not itself
        found = [value is None or value != value for value in table.reshape(-1)]
        return np.array(found, dtype=bool).reshape(table.shape)
    return np.zeros(table.shape, dtype=bool)


def check_finite(numbers: NDArray[np.float64]) -> None:
    """Raises ValueError for nan and for an infinity."""
    if np.isnan(numbers).any():
        raise ValueError("values contain nan; leave out what was not measured")
    if np.isinf(numbers).any():
        raise ValueError("values contain an infinity")


def check_level(level: float) -> None:
    """Raises ValueError for a level that is no share, such as 95 for 0.95."""
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, as 0.95 does, not at {level}")


def check_resamples(resamples: int) -> None:
    """Raises ValueError where nothing would be drawn."""
    if resamples < 1:
        raise ValueError(f"resamples start at 1, found {resamples}")
