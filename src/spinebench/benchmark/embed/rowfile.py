"""Vectors on disk: written row by row, read block by block, so that memory stays bounded.

A mapped file counts towards a process's memory page by page as it is touched; rows are therefore
read through the file where the array is a mapping of one.
"""

import mmap
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray


class RowFile:
    """Writes a `.npy` file (rows, length) of float32 in the order of rows, then renames it.

    The length is that of the first row. As a context manager it leaves nothing behind on an error.
    """

    def __init__(self, path: Path, rows: int) -> None:
        self._path, self._rows = path, rows
        self._temporary = path.with_name(path.name + ".tmp")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._temporary.open("w+b")
        self._length = 0
        self._start = 0  # of the rows in the file
        self._written = 0

    def append(self, vector: NDArray[np.float32]) -> None:
        """Write the next row; raises ValueError if its length is another than before."""
        if not self._written:
            self._length = len(vector)
            shape = (self._rows, self._length)
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(self._stream, header)
            self._start = self._stream.tell()
        if len(vector) != self._length:
            raise ValueError(f"a vector of {len(vector)} numbers among those of {self._length}")
        self._stream.write(np.ascontiguousarray(vector, "<f4").tobytes())
        self._written += 1

    def read(self, row: int) -> NDArray[np.float32]:
        """A row that was written before."""
        self._stream.seek(self._start + row * self._length * 4)
        data = self._stream.read(self._length * 4)
        self._stream.seek(0, 2)
        return np.frombuffer(data, "<f4")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        complete = kind is None and self._written == self._rows
        if complete and not self._rows:
            np.save(self._stream, np.zeros((0, 0), np.float32))
        self._stream.close()
        if complete:
            self._temporary.replace(self._path)
            return
        self._temporary.unlink()
        if kind is None:
            raise ValueError(f"{self._written} rows were written of {self._rows}")


def load_rows(path: Path) -> NDArray[np.float32]:
    """The rows of a file that `RowFile` wrote, mapped read-only, not read."""
    rows: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return rows


def read_rows(vectors: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
    """Rows `start` to `stop` of an array; of a mapped file through the file, without its pages."""
    stop = min(stop, len(vectors))
    whole_file = isinstance(vectors, np.memmap) and isinstance(vectors.base, mmap.mmap)
    if not whole_file or not vectors.flags.c_contiguous or vectors.dtype != np.float32:
        return np.asarray(vectors[start:stop])
    assert isinstance(vectors, np.memmap)
    length = vectors.shape[1]
    found: NDArray[np.float32] = np.fromfile(
        str(vectors.filename),
        dtype=np.float32,
        count=(stop - start) * length,
        offset=vectors.offset + start * length * vectors.itemsize,
    )
    return found.reshape(stop - start, length)
