"""Which models can be told apart, and the tiers of those that cannot.

Every pair is compared by `paired_permutation` on the questions that both answered, and all p values
are corrected together by Holm's method. Tiers are cut walking down from the best mean: a model
joins the tier while it cannot be told apart from any model in it, otherwise it opens the next. So
no two models of one tier can be told apart; two of neighbouring tiers may still be alike, which the
table of pairs shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinebench.statistics.clusters import Interval, Labels, cluster_names, sum_by_cluster
from spinebench.statistics.paired import (
    holm,
    paired_difference_interval,
    sign_flip_p,
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two models on the items that both have; `first` has the higher mean over all its items."""

    first: str
    second: str
    items: int
    patients: int
    difference: Interval  # mean of first - second with its 95 % interval, not corrected
    p: float  # by permutation of whole patients
    p_holm: float  # corrected for all pairs


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """Models from best to worst in tiers, and every pair."""

    groups: tuple[tuple[str, ...], ...]  # from the best; within one nobody can be told apart
    pairs: tuple[Pair, ...]
    level: float  # the family-wise error that pairs are told apart at is 1 - level

    def tier_of(self, model: str) -> int:
        """Number of the model's tier, from 1."""
        return next(n for n, names in enumerate(self.groups, 1) if model in names)

    def told_apart(self, one: str, other: str) -> bool:
        """Whether the two differ by more than chance, all pairs considered."""
        return any(
            {pair.first, pair.second} == {one, other} and _is_small(pair, self.level)
            for pair in self.pairs
        )


def tiers(
    values: Mapping[str, ArrayLike],
    clusters: Labels,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int,
) -> Tiers:
    """Tiers of models by mean value; values of all models over the same items in the same order.

    nan marks an item that a model did not answer at all (failed, not run): each pair is compared
    on the items that both have. Raises ValueError for a model without any value, and for a pair
    without common items.
    """
    columns = {name: np.asarray(v, dtype=np.float64).reshape(-1) for name, v in values.items()}
    labels = cluster_names(clusters)
    for name, column in columns.items():
        if len(column) != len(labels):
            raise ValueError(f"{name}: {len(column)} values but {len(labels)} clusters")
    empty = [name for name, column in columns.items() if np.isnan(column).all()]
    if empty:
        raise ValueError(f"no values of {', '.join(empty)}")
    means = {name: float(np.nanmean(column)) for name, column in columns.items()}
    order = sorted(columns, key=lambda name: (-means[name], name))
    pairs = _compare_all(columns, order, labels, resamples=resamples, seed=seed)
    apart = {frozenset((pair.first, pair.second)) for pair in pairs if _is_small(pair, level)}
    return Tiers(groups=_cut(order, apart), pairs=pairs, level=level)


def _compare_all(
    columns: Mapping[str, NDArray[np.float64]],
    order: Sequence[str],
    clusters: NDArray[np.generic],
    *,
    resamples: int,
    seed: int,
) -> tuple[Pair, ...]:
    names = np.unique(clusters)
    pairs = list(combinations(order, 2))
    if not pairs:
        return ()
    sums, counts, intervals = [], [], []
    for first, second in pairs:
        both = ~(np.isnan(columns[first]) | np.isnan(columns[second]))
        if not both.any():
            raise ValueError(f"{first} and {second} have no common items")
        a, b, kept = columns[first][both], columns[second][both], clusters[both]
        total, sizes = sum_by_cluster(a - b, kept, names)
        sums.append(total)
        counts.append((int(sizes.sum()), int((sizes > 0).sum())))
        intervals.append(paired_difference_interval(a, b, kept))
    # all pairs share the draws of signs: one matrix product instead of one simulation per pair
    p = sign_flip_p(np.stack(sums, axis=1), resamples=resamples, seed=seed)
    return tuple(
        Pair(
            first=first, second=second, items=counts[i][0], patients=counts[i][1],
            difference=intervals[i], p=float(p[i]), p_holm=float(adjusted),
        )
        for i, ((first, second), adjusted) in enumerate(zip(pairs, holm(p), strict=True))
    )  # fmt: skip


def _is_small(pair: Pair, level: float) -> bool:
    return pair.p_holm <= 1 - level + 1e-12  # 1 - 0.95 is a little more than 0.05


def _cut(order: Sequence[str], apart: set[frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    found: list[list[str]] = []
    for name in order:
        if found and all(frozenset((name, other)) not in apart for other in found[-1]):
            found[-1].append(name)
        else:
            found.append([name])
    return tuple(tuple(names) for names in found)
