"""ICC against the published table and its intervals in R's psych; Pearson against scipy."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from spinebench.statistics import icc, icc_interval, pearson

# Shrout & Fleiss 1979, table 2: six subjects rated by four judges
RATINGS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]


@pytest.mark.parametrize(
    # estimates: their table 4; bounds: psych::ICC of the same table (rounded as printed)
    ("kind", "expected", "low", "high"),
    [
        ("ICC1", 0.17, -0.133, 0.72),
        ("ICC2", 0.29, 0.019, 0.76),
        ("ICC3", 0.71, 0.342, 0.95),
        ("ICC1k", 0.44, -0.884, 0.91),
        ("ICC2k", 0.62, 0.071, 0.93),
        ("ICC3k", 0.91, 0.676, 0.99),
    ],
)
def test_icc_is_that_of_shrout_and_fleiss(
    kind: Any, expected: float, low: float, high: float
) -> None:
    found = icc_interval(RATINGS, kind=kind)
    assert found.estimate == icc(RATINGS, kind=kind)
    assert found.estimate == pytest.approx(expected, abs=5e-3)
    assert found.low == pytest.approx(low, abs=1e-3)
    assert found.high == pytest.approx(high, abs=5e-3)


def test_the_default_is_the_mean_of_raters_with_their_severity() -> None:
    assert icc(RATINGS) == icc(RATINGS, kind="ICC2k") != icc(RATINGS, kind="ICC3k")


def test_a_rater_who_is_always_one_stricter_lowers_icc2_but_not_icc3() -> None:
    table = np.column_stack([np.arange(8.0), np.arange(8.0) + 1])
    assert icc(table, kind="ICC3") == pytest.approx(1)
    # mean squares: items 12, raters 4, error 0: 12 / (12 + 2 * 4 / 8)
    assert icc(table, kind="ICC2") == pytest.approx(12 / 13)
    assert icc_interval(table, kind="ICC3") == (1.0, None, None)


def test_icc_of_known_components_comes_back_within_its_interval() -> None:
    generator = np.random.default_rng(1)
    runs, covered = 600, 0
    for _ in range(runs):
        ratings = generator.normal(size=(40, 1)) + generator.normal(size=(40, 3))
        found = icc_interval(ratings, kind="ICC1")
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.5 <= found.high
    assert covered / runs == pytest.approx(0.95, abs=0.027)


def test_icc_without_variation_or_with_gaps() -> None:
    assert icc([[2, 2], [2, 2]]) is None
    assert icc_interval([[0.1, 0.1], [0.1, 0.1]], kind="ICC1") == (None, None, None)
    with pytest.raises(ValueError, match="a rating is missing"):
        icc([[1, float("nan")], [2, 2]])
    with pytest.raises(ValueError, match="at least two of each"):
        icc([[1, 2]])
    with pytest.raises(ValueError, match="unknown kind 'ICC4'"):
        icc(RATINGS, kind="ICC4")  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_pearson_is_that_of_scipy(level: float) -> None:
    generator = np.random.default_rng(2)
    x = generator.normal(size=30)
    y = x + generator.normal(size=30)
    expected = stats.pearsonr(x, y)
    bounds = expected.confidence_interval(level)
    assert pearson(x, y, level=level) == pytest.approx(
        (expected.statistic, bounds.low, bounds.high)
    )


def test_pearson_at_its_ends() -> None:
    assert pearson([1, 2, 3, 4], [2, 4, 6, 8]) == (1, 1, 1)
    assert pearson([1, 2, 3], [3, 2, 0]) == pytest.approx((-0.98198, None, None), abs=1e-5)
    assert pearson([1, 1, 1, 1], [1, 2, 3, 4]) == (None, None, None)
    assert pearson([1], [1]) == (None, None, None)
    with pytest.raises(ValueError, match="2 values but 1"):
        pearson([1, 2], [1])
    with pytest.raises(ValueError, match="contain nan"):
        pearson([1, float("nan")], [1, 2])
