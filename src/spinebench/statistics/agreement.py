"""Agreement of raters on categories and scores, beyond what chance gives.

Ratings are raters x items, nan (or None among texts) where a rater gave none. With r_ic the number
of raters who put item i into category c, r_i their sum, over items with r_i >= 2:

    pa = mean of sum_c r_ic (r_ic - 1) / (r_i (r_i - 1))         observed agreement of pairs
    pi_c = mean over items with a rating of r_ic / r_i            use of category c
    Fleiss' kappa = (pa - pe) / (1 - pe),  pe = sum pi_c^2
    Gwet's AC1    = (pa - pe) / (1 - pe),  pe = sum pi_c (1 - pi_c) / (number of categories - 1)

(Fleiss 1971, Psychol Bull 76:378, with missing ratings as in Gwet 2014, Handbook of Inter-Rater
Reliability, 4th ed., chapters 3 and 5; Gwet 2008, Br J Math Stat Psychol 61:29; Krippendorff 2011,
Computing Krippendorff's Alpha-Reliability; Cohen 1960 and 1968.) Kappas fall where one category is
rare although raters agree; AC1 does not, so both belong on a page. `None` = not defined: chance
alone would give full agreement, or no item has two ratings.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinebench.statistics.clusters import check_finite, is_missing, keep_missing

MeasurementLevel: TypeAlias = Literal["nominal", "ordinal", "interval", "ratio"]
Weights: TypeAlias = Literal["linear", "quadratic"] | None

_TINY = np.finfo(np.float64).tiny
_EVEN = 1e-12  # chance agreement nearer to 1 leaves nothing to divide by


def cohen_kappa(
    a: ArrayLike,
    b: ArrayLike,
    *,
    weights: Weights = None,
    categories: Sequence[Any] | None = None,
) -> float | None:
    """Cohen's kappa of two raters of the same items; 1 = agreement, 0 = chance.

    Weights grow with the distance, or its square, of the two categories in `categories` (default:
    those that occur, sorted: name them all where the scale has a step that nobody used). Raises
    ValueError for a missing rating and for one outside the categories.
    """
    if not (weights is None or (isinstance(weights, str) and weights in ("linear", "quadratic"))):
        raise ValueError(f"unknown weights {weights!r}; there are linear, quadratic and None")
    first, second, size = _coded_pair(a, b, categories)
    if len(first) == 0:
        return None
    table = np.zeros((size, size))
    np.add.at(table, (first, second), 1.0)
    table /= len(first)
    chance = np.outer(table.sum(1), table.sum(0))
    steps = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(np.float64)
    apart = {None: (steps > 0).astype(np.float64), "linear": steps, "quadratic": steps**2}[weights]
    expected = float((apart * chance).sum())
    if expected < _EVEN:
        return None
    return 1 - float((apart * table).sum()) / expected


def fleiss_kappa(ratings: ArrayLike) -> float | None:
    """Fleiss' kappa of raters x items; the raters may be others for each item."""
    counts, _ = _count_categories(ratings)
    pairs, shares = _agreement(counts)
    return None if pairs is None else _beyond_chance(pairs, float((shares**2).sum()))


def gwet_ac1(ratings: ArrayLike, *, categories: int | None = None) -> float | None:
    """Gwet's AC1 of raters x items; `categories` counts the scale where not all of it was used."""
    counts, _ = _count_categories(ratings)
    pairs, shares = _agreement(counts)
    number = len(shares) if categories is None else categories
    if number < len(shares):
        raise ValueError(f"{len(shares)} categories occur, more than {number}")
    if pairs is None or number < 2:
        return None
    return _beyond_chance(pairs, float((shares * (1 - shares)).sum()) / (number - 1))


def krippendorff_alpha(ratings: ArrayLike, *, level: MeasurementLevel) -> float | None:
    """Krippendorff's alpha of raters x items; 1 = agreement, 0 = chance, below 0 = worse.

    `level` says what a distance between two ratings is: none but same or other (nominal), the
    ratings between them (ordinal), their difference (interval), or that by their sum (ratio, for
    ratings of at least 0). Items with one rating are left out, as published.
    """
    if level not in ("nominal", "ordinal", "interval", "ratio"):
        raise ValueError(f"unknown level {level!r}; nominal, ordinal, interval and ratio are known")
    counts, values = _count_categories(ratings)
    counts = counts[counts.sum(1) >= 2]
    used = counts.sum(0) > 0
    counts, values = counts[:, used], values[used]
    if len(values) < 2:
        return None
    if level != "nominal" and values.dtype.kind not in "fiu":
        raise ValueError(f"ratings that are no numbers have no {level} distance")
    if values.dtype.kind in "fiu":
        values = values.astype(np.float64)
        check_finite(values)
        if level == "ratio" and values[0] < 0:
            raise ValueError(f"a ratio scale has no rating below 0, found {values[0]:g}")
        values = values / max(float(np.abs(values).max()), _TINY)  # a distance here has no unit
    raters = counts.sum(1)
    weighted = counts / (raters - 1)[:, None]
    observed = counts.T @ weighted - np.diag(weighted.sum(0))
    totals = observed.sum(1)
    distances = _distances(level, values, totals)
    expected = float((np.outer(totals, totals) * distances).sum())
    return 1 - float(totals.sum() - 1) * float((observed * distances).sum()) / expected


def _distances(
    level: MeasurementLevel, values: NDArray[Any], totals: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Squared distance of each pair of values, which are sorted."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    if level == "interval":
        return np.asarray(np.subtract.outer(values, values) ** 2)
    if level == "ordinal":
        # ratings up to the middle of each value: their difference is what lies between two
        middles = np.cumsum(totals) - totals / 2
        return np.asarray(np.subtract.outer(middles, middles) ** 2)
    sums = np.add.outer(values, values)
    shares = np.subtract.outer(values, values) / np.where(sums > 0, sums, 1.0)  # 0 and 0 are alike
    return np.asarray(shares**2)


def _agreement(counts: NDArray[np.float64]) -> tuple[float | None, NDArray[np.float64]]:
    """Observed agreement of pairs (None without any), and each category's share."""
    raters = counts.sum(1)
    rated = raters >= 1
    shares = (counts[rated] / raters[rated, None]).mean(0) if rated.any() else np.zeros(0)
    several = counts[raters >= 2]
    if not len(several):
        return None, shares
    number = several.sum(1)
    return float(((several * (several - 1)).sum(1) / (number * (number - 1))).mean()), shares


def _beyond_chance(observed: float, chance: float) -> float | None:
    return None if 1 - chance < _EVEN else (observed - chance) / (1 - chance)


def _count_categories(ratings: ArrayLike) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Items x categories counts, and the categories, sorted."""
    table = keep_missing(ratings)
    if table.dtype.kind == "b":
        table = table.astype(np.float64)
    if table.ndim != 2:
        raise ValueError(f"ratings are raters x items, not an array of {table.ndim} dimensions")
    given = ~is_missing(table)
    if table.dtype.kind == "O":
        table = _plain(table, given)
    values, codes = np.unique(table[given], return_inverse=True)
    counts = np.zeros((table.shape[1], len(values)))
    np.add.at(counts, (np.nonzero(given)[1], codes), 1.0)
    return counts, values


def _plain(table: NDArray[Any], given: NDArray[np.bool_]) -> NDArray[Any]:
    """The same ratings as numbers if all are, else as texts."""
    numbers = all(isinstance(v, int | float | np.number) for v in table[given])
    plain = np.empty(table.shape, dtype=np.float64 if numbers else object)
    plain[given] = [float(v) if numbers else str(v) for v in table[given]]
    return plain


def _coded_pair(
    a: ArrayLike, b: ArrayLike, categories: Sequence[Any] | None
) -> tuple[NDArray[np.intp], NDArray[np.intp], int]:
    pair = [keep_missing(rating).reshape(-1) for rating in (a, b)]
    if len(pair[0]) != len(pair[1]):
        raise ValueError(f"{len(pair[0])} ratings of one rater but {len(pair[1])} of the other")
    if any(is_missing(rating[None]).any() for rating in pair):
        raise ValueError("a rating is missing; leave the item out for both raters")
    names = sorted({*pair[0].tolist(), *pair[1].tolist()}) if categories is None else categories
    place = {name: number for number, name in enumerate(names)}
    try:
        first, second = ([place[value] for value in rating.tolist()] for rating in pair)
    except KeyError as error:
        raise ValueError(f"rating {error.args[0]!r} is none of the categories") from None
    return np.array(first, dtype=np.intp), np.array(second, dtype=np.intp), len(place)
