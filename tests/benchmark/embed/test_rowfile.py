from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from spinebench.benchmark.embed.rowfile import RowFile, load_rows, read_rows


def written(path: Path, matrix: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    with RowFile(path, len(matrix)) as rows:
        for vector in matrix:
            rows.append(vector)
    return load_rows(path)


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    matrix = np.arange(12, dtype=np.float32).reshape(4, 3)
    found = written(tmp_path / "a" / "v.npy", matrix)
    assert found.dtype == np.float32
    assert np.array_equal(found, matrix)
    assert np.array_equal(np.load(tmp_path / "a" / "v.npy"), matrix)
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["v.npy"]


def test_a_row_can_be_read_while_others_follow(tmp_path: Path) -> None:
    with RowFile(tmp_path / "v.npy", 3) as rows:
        rows.append(np.array([1, 2], np.float32))
        rows.append(np.array([3, 4], np.float32))
        assert rows.read(0).tolist() == [1, 2]
        rows.append(rows.read(1))
    assert load_rows(tmp_path / "v.npy").tolist() == [[1, 2], [3, 4], [3, 4]]


def test_no_rows_are_an_empty_table(tmp_path: Path) -> None:
    with RowFile(tmp_path / "v.npy", 0):
        pass
    assert np.load(tmp_path / "v.npy").shape == (0, 0)


def test_nothing_is_left_of_a_file_that_is_not_whole(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="1 rows were written of 2"),
        RowFile(tmp_path / "v.npy", 2) as rows,
    ):
        rows.append(np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="a vector of 2 numbers among those of 3"):
        written(tmp_path / "v.npy", [np.zeros(3, np.float32), np.zeros(2, np.float32)])
    assert list(tmp_path.iterdir()) == []


def test_blocks_are_read_through_the_file(tmp_path: Path) -> None:
    matrix = np.arange(20, dtype=np.float32).reshape(10, 2)
    mapped = written(tmp_path / "v.npy", matrix)
    block = read_rows(mapped, 4, 7)
    assert not isinstance(block, np.memmap)
    assert np.array_equal(block, matrix[4:7])
    assert np.array_equal(read_rows(mapped, 8, 99), matrix[8:])
    # a part of a mapping does not start where its file does
    assert np.array_equal(read_rows(mapped[3:], 0, 2), matrix[3:5])
    assert np.array_equal(read_rows(matrix, 1, 3), matrix[1:3])
