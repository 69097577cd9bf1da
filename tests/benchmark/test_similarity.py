import numpy as np
import pytest

from spinebench.anatomy.diseases import DISEASES
from spinebench.benchmark.similarity import BlockScores, Library, check_aggregate
from spinebench.errors import UsageError

NONE = (np.zeros(0, np.int64), np.zeros(0, np.int64))


def vectors(*rows: list[float]) -> np.ndarray:
    matrix = np.array(rows, np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def test_a_library_is_ordered_by_disease_then_row() -> None:
    table = vectors([1, 0], [0, 1], [1, 1], [1, 2])
    library = Library.build(table, [3, 1, 0], [DISEASES[2], DISEASES[0], DISEASES[2]])
    assert library.rows.tolist() == [1, 0, 3]
    assert library.edges.tolist() == [0, 1, 1] + [3] * 9
    assert np.array_equal(library.vectors, table[[1, 0, 3]])
    assert library.pages_of(2) == slice(1, 3)


@pytest.mark.parametrize("aggregate", ["max", "mean", "top5"])
def test_exact_only_where_needed_and_minus_infinity_where_nothing_counts(aggregate: str) -> None:
    table = vectors([1, 0], [0, 1], [1, 1])
    library = Library.build(table, [0, 1], [DISEASES[0], DISEASES[1]])
    barred = (np.array([0]), np.array([1]))  # page 0 does not count for the second image
    scores = BlockScores(library, table[[0, 2]], barred, check_aggregate(aggregate))
    needed = np.zeros((11, 2), bool)
    needed[:2] = True
    needed[1, 0] = False
    found = scores.exact(needed)
    assert found[:2].tolist() == [
        [pytest.approx(1), -np.inf],
        [-np.inf, pytest.approx(np.sqrt(0.5))],
    ]
    assert np.isneginf(found[2:]).all()
    coarse = scores.coarse()
    assert np.isneginf(coarse[0, 1])
    assert np.abs(coarse[:2, 0] - [1, 0]).max() <= scores.error


@pytest.mark.parametrize("aggregate", ["max", "mean", "top5"])
def test_coarse_scores_keep_their_promise(aggregate: str) -> None:
    rng = np.random.default_rng(0)
    table = vectors(*rng.normal(size=(400, 300)).tolist())
    library = Library.build(table, list(range(110)), [DISEASES[n % 11] for n in range(110)])
    scores = BlockScores(library, table, NONE, check_aggregate(aggregate))
    exact = scores.exact(np.ones((11, 400), bool))
    assert np.abs(scores.coarse() - exact).max() <= scores.error
    # against the definition
    cosines = table.astype(float) @ table[:110].astype(float).T
    top = {"max": 1, "top5": 5, "mean": 10}[aggregate]
    expected = np.sort(cosines.reshape(400, 10, 11), axis=1)[:, -top:].mean(axis=1)
    assert np.abs(exact.T - expected).max() < 1e-14


def test_aggregates_by_name() -> None:
    assert check_aggregate("top5") == "top5"
    with pytest.raises(UsageError, match="no aggregate 'median'; there are: max, mean, top5"):
        check_aggregate("median")
