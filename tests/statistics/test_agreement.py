"""Agreement against statsmodels and published worked examples."""

from typing import Any

import numpy as np
import pytest
from statsmodels.stats import inter_rater

from spinebench.statistics import cohen_kappa, fleiss_kappa, gwet_ac1, krippendorff_alpha

N = float("nan")
# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", example C: 4 observers, 12 units
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]
# Fleiss 1971 as worked out in Fleiss, Levin & Paik: 10 subjects, 14 raters, 5 categories
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


@pytest.mark.parametrize(
    ("level", "expected"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_alpha_is_that_of_the_published_example(level: Any, expected: float) -> None:
    assert krippendorff_alpha(KRIPPENDORFF, level=level) == pytest.approx(expected, abs=5e-4)


def test_the_same_ratings_under_gwet_and_fleiss_as_gwet_prints_them() -> None:
    # Gwet 2014, Handbook of Inter-Rater Reliability, example of 12 units with missing ratings
    assert gwet_ac1(KRIPPENDORFF) == pytest.approx(0.77544, abs=5e-6)
    assert fleiss_kappa(KRIPPENDORFF) == pytest.approx(0.76117, abs=5e-6)


def test_alpha_of_two_observers_without_gaps() -> None:
    # example A of the same paper: 10 units, 2 observers, binary
    a = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    b = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha([a, b], level="nominal") == pytest.approx(0.095, abs=5e-4)
    # example B: 12 units, 2 observers, categories a to e
    found = krippendorff_alpha([list("aabbdcccedda"), list("babbbccceddd")], level="nominal")
    assert found == pytest.approx(0.692, abs=5e-4)


def test_texts_are_as_good_as_numbers_for_what_is_nominal() -> None:
    names: list[list[str | None]] = [
        [None if v != v else "?abcde"[int(v)] for v in row] for row in KRIPPENDORFF
    ]
    assert krippendorff_alpha(names, level="nominal") == pytest.approx(
        krippendorff_alpha(KRIPPENDORFF, level="nominal")
    )
    assert gwet_ac1(names) == pytest.approx(gwet_ac1(KRIPPENDORFF))
    with pytest.raises(ValueError, match="no ordinal distance"):
        krippendorff_alpha(names, level="ordinal")
    mixed = [[None, 1, 2, 2.0], [1, 1, 2, 2]]
    assert krippendorff_alpha(mixed, level="interval") == 1


def test_fleiss_kappa_of_the_textbook_and_of_statsmodels() -> None:
    ratings = np.array([np.repeat(np.arange(5), row) for row in FLEISS]).T
    assert fleiss_kappa(ratings) == pytest.approx(0.2099, abs=5e-5)
    assert fleiss_kappa(ratings) == pytest.approx(inter_rater.fleiss_kappa(np.array(FLEISS)))


def test_ac1_where_kappa_breaks_down() -> None:
    # Gwet 2002: 125 items, 118 yes/yes, 5 yes/no, 2 no/yes: agreement 94 %, kappa below 0
    a = [1] * 123 + [0] * 2
    b = [1] * 118 + [0] * 5 + [1] * 2
    assert cohen_kappa(a, b) == pytest.approx(-0.0234, abs=5e-5)
    assert gwet_ac1([a, b]) == pytest.approx(0.9408, abs=5e-5)


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_cohen_kappa_is_that_of_statsmodels(weights: Any) -> None:
    generator = np.random.default_rng(1)
    a = generator.integers(0, 4, size=200)
    b = np.clip(a + generator.integers(-1, 2, size=200), 0, 3)
    table, _ = inter_rater.to_table(np.column_stack([a, b]))
    expected = inter_rater.cohens_kappa(
        table, wt={"linear": "linear", "quadratic": "quadratic"}.get(weights), return_results=False
    )
    assert cohen_kappa(a, b, weights=weights) == pytest.approx(expected)


def test_cohen_kappa_of_the_textbook() -> None:
    # Cohen 1960, table 1 as frequencies of 200: kappa 0.492
    table = [[88, 10, 2], [14, 40, 6], [18, 10, 12]]
    a = [i for i, row in enumerate(table) for n in row for _ in range(n)]
    b = [j for row in table for j, n in enumerate(row) for _ in range(n)]
    assert cohen_kappa(a, b) == pytest.approx(0.492, abs=5e-4)


def test_the_whole_scale_counts_where_it_is_named() -> None:
    a, b = ["mild", "severe", "mild", "none"], ["mild", "none", "none", "none"]
    scale = ["none", "mild", "moderate", "severe"]
    # by hand, linear: observed 3 + 1 = 4 of 4 items -> 1; chance: a is none 1/4, mild 1/2, severe
    # 1/4; b is none 3/4, mild 1/4: 1/4 * 1/4 + 1/2 * 3/4 + 1/4 * (3/4 * 3 + 1/4 * 2) = 1.125
    assert cohen_kappa(a, b, weights="linear", categories=scale) == pytest.approx(1 - 1 / 1.125)
    unnamed = cohen_kappa(a, b, weights="linear")  # sorted by the alphabet: another order
    assert unnamed != pytest.approx(1 - 1 / 1.125)
    assert gwet_ac1([[0, 1], [0, 1]], categories=4) == 1
    with pytest.raises(ValueError, match="rating 'severe' is none of the categories"):
        cohen_kappa(a, b, categories=scale[:3])
    with pytest.raises(ValueError, match="2 categories occur, more than 1"):
        gwet_ac1([[0, 1], [0, 1]], categories=1)


def test_agreement_that_chance_alone_would_give_is_not_defined() -> None:
    assert cohen_kappa([1, 1], [1, 1]) is None
    assert cohen_kappa([], []) is None
    assert fleiss_kappa([[1, 1], [1, 1]]) is None
    assert gwet_ac1([[1, 1], [1, 1]]) is None
    assert gwet_ac1([[1, 1], [1, 1]], categories=2) == 1
    assert krippendorff_alpha([[1, 1], [1, 1]], level="nominal") is None
    assert krippendorff_alpha([[1, N], [N, 2]], level="interval") is None
    assert fleiss_kappa([[1, N], [N, 2]]) is None


def test_bad_ratings_are_refused() -> None:
    with pytest.raises(ValueError, match="a rating is missing"):
        cohen_kappa([1, N], [1, 2])
    with pytest.raises(ValueError, match="2 ratings of one rater but 1 of the other"):
        cohen_kappa([1, 2], [1])
    with pytest.raises(ValueError, match="unknown weights 'cubic'"):
        cohen_kappa([1], [1], weights="cubic")  # type: ignore[arg-type]  # what is tested
    with pytest.raises(ValueError, match="unknown level 'metric'"):
        krippendorff_alpha([[1]], level="metric")  # type: ignore[arg-type]  # what is tested
    with pytest.raises(ValueError, match="an array of 1 dimensions"):
        krippendorff_alpha([1, 2], level="nominal")
    with pytest.raises(ValueError, match="no rating below 0, found -1"):
        krippendorff_alpha([[-1, 2], [1, 2]], level="ratio")
