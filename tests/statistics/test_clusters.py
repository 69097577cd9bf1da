"""What no statistic takes, and what a label that is missing looks like."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from spinebench.statistics import (
    cluster_bootstrap_interval,
    cluster_interval,
    cluster_mean_interval,
    cohen_kappa,
    detectable_difference,
    fleiss_kappa,
    gwet_ac1,
    icc,
    icc_interval,
    krippendorff_alpha,
    paired_permutation,
    patients_needed,
    pearson,
    tiers,
)

NAN = math.nan
ONES: list[float] = [1, 0, 1, 0]


@pytest.mark.parametrize(
    "clusters",
    [
        [1, 2, NAN, NAN],
        ["a", "b", NAN, NAN],
        ["a", "b", None, None],
        pl.Series(["a", "b", None, None]),
        np.array(["a", "b", None, None], dtype=object),
    ],
)
def test_an_item_without_patient_is_refused(clusters: Any) -> None:
    with pytest.raises(ValueError, match="an item has no cluster"):
        cluster_interval(ONES, clusters)


def test_names_of_several_kinds_are_names() -> None:
    mixed = np.array([1, 1, "b", "b"], dtype=object)
    assert cluster_interval(ONES, mixed) == cluster_interval(ONES, ["1", "1", "b", "b"])
    with pytest.raises(ValueError, match="one name for each item, not 2 dimensions"):
        cluster_interval(ONES, [(1, 2)] * 4)  # type: ignore[arg-type]  # what is refused


@pytest.mark.parametrize("level", [95, 1.0, 0, -0.5, NAN])
@pytest.mark.parametrize(
    "call",
    [
        lambda level: cluster_interval(ONES, [1, 2, 3, 4], level=level),
        lambda level: cluster_mean_interval(ONES, [1, 2, 3, 4], level=level),
        lambda level: cluster_bootstrap_interval(ONES, [1, 2, 3, 4], level=level, seed=0),
        lambda level: pearson([1, 2, 3, 4], [1, 3, 2, 4], level=level),
        lambda level: icc_interval([[1, 2], [2, 3], [5, 4]], level=level),
        lambda level: patients_needed(0.1, spread=0.5, level=level),
    ],
)
def test_a_level_is_a_share(call: Callable[[float], Any], level: float) -> None:
    with pytest.raises(ValueError, match="a level lies between 0 and 1, as"):
        call(level)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cluster_interval([5, 2, 9, 1], list("abcd")), "from 0 to 1.0, found 9"),
        (lambda: cluster_interval([1, 0, -1, 0], list("abcd")), "from 0 to 1.0, found -1"),
        (lambda: cluster_interval([1, 0, math.inf, 0], list("abcd")), "an infinity"),
        (lambda: pearson([1, 2, math.inf, 4], [1, 2, 3, 4]), "an infinity"),
        (lambda: icc([[1, math.inf], [2, 3]]), "an infinity"),
        (
            lambda: krippendorff_alpha([[1, 2, math.inf], [1, 2, 3]], level="interval"),
            "an infinity",
        ),
        (
            lambda: paired_permutation(ONES, ONES, range(4), resamples=0, seed=0),
            "resamples start at 1, found 0",
        ),
        (
            lambda: cluster_bootstrap_interval(ONES, range(4), resamples=0, seed=0),
            "resamples start at 1, found 0",
        ),
        (lambda: tiers({"a": ONES, "b": [1, 0]}, range(4), seed=0), "b: 2 values but 4 clusters"),
        (lambda: patients_needed(0.02, spread=-0.5), "a spread is at least 0"),
        (lambda: patients_needed(0.02, spread=0.5, power=0.04), "power lies between 0.05 and 1"),
        (
            lambda: detectable_difference(100, spread=0.5, power=0.04),
            "power lies between 0.05 and 1",
        ),
        (lambda: cohen_kappa([1, 2], [1, 2], weights=np.ones((2, 2))), "unknown weights"),  # type: ignore[arg-type]  # what is refused
        (lambda: cohen_kappa(["a", NAN], ["a", "b"]), "a rating is missing"),
    ],
)
def test_what_has_no_answer_gets_a_reason(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    "statistic",
    [lambda table: krippendorff_alpha(table, level="nominal"), fleiss_kappa, gwet_ac1],
)
def test_nan_among_texts_is_no_category(statistic: Callable[[Any], float | None]) -> None:
    with_nan = statistic([["a", "b", NAN], ["a", "b", "b"]])
    assert with_nan == statistic([["a", "b", None], ["a", "b", "b"]])
    assert with_nan == 1.0


def test_the_unit_of_numbers_changes_nothing() -> None:
    a, b = [1.0, 2, 3, 5], [1.0, 2, 3, 4]
    plain = pearson(a, b)
    assert plain.estimate == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert pearson([1e200 * v for v in a], b).estimate == pytest.approx(plain.estimate)
    ratings = np.array([[1.0, 2, 3, 3], [1, 2, 3, 4]])
    for level in ("interval", "ratio"):
        expected = krippendorff_alpha(ratings, level=level)
        assert krippendorff_alpha(1e-200 * ratings, level=level) == pytest.approx(expected)
    assert icc(1e200 * ratings.T) == pytest.approx(icc(ratings.T))


def test_yes_and_no_are_ratings_too() -> None:
    answers = [[True, False, True, True], [True, True, True, False]]
    expected = krippendorff_alpha(np.array(answers, dtype=float), level="interval")
    assert krippendorff_alpha(answers, level="interval") == expected


@pytest.mark.parametrize("second", [1.0, 1.1])
def test_raters_who_contradict_each_other_have_no_icc(second: float) -> None:
    """The variance that ICC2 divides by is negative: 4.0 would read as reliable."""
    ratings = [[1, 5], [5, second], [2, 4], [4, 2]]
    assert icc(ratings, kind="ICC2k") is None
    assert icc_interval(ratings, kind="ICC2k") == (None, None, None)
    assert icc_interval(ratings, kind="ICC3").estimate == pytest.approx(-1, abs=0.01)
