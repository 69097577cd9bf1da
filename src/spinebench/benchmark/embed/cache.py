"""Vectors kept between builds, by embedder and by the hash of the pixels.

One SQLite file per embedder: at 10 million images one file and one index do what 10 million small
files cannot, a lookup costs one page, several builds can share it, and a kill loses one batch.
Only the process that builds opens it, never its workers.
"""

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from spinebench.benchmark.embed import Embedder
from spinebench.errors import DataError, UsageError

_VARIABLE = "SPINEBENCH_CACHE"
_AT_ONCE = 500  # below the least number of parameters that SQLite builds allow (999)
_WAIT_S = 60.0  # for another build that writes at this moment


def choose_cache(embedder: Embedder) -> Path | None:
    """Folder where this embedder's vectors are kept, or None: not kept.

    `SPINEBENCH_CACHE` names it for every embedder; set but empty, nothing is kept. Without it
    `~/.cache/spinebench/embeddings` is used for models only: what is computed faster than an image
    is decoded is not worth the disk.
    """
    named = os.environ.get(_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    if not embedder.in_process:
        return None
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "spinebench" / "embeddings"


class VectorCache:
    """Vectors of one embedder by pixel hash (64 hex digits)."""

    def __init__(self, folder: Path, name: str) -> None:
        readable = re.sub(r"[^A-Za-z0-9.-]+", "_", name)[:60]
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]  # two names may read alike
        self.path = folder / f"{readable}-{digest}.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"no cache can be kept in {folder}: {error.strerror}") from error
        with self._told():
            self._database = sqlite3.connect(self.path, timeout=_WAIT_S)
            with self._database:
                self._database.execute(
                    "CREATE TABLE IF NOT EXISTS vectors (pixels BLOB PRIMARY KEY, vector BLOB)"
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def find(self, keys: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors that are here, by pixel hash."""
        found: dict[str, NDArray[np.float32]] = {}
        with self._told():
            for part in _parts(sorted(set(keys))):
                marks = ",".join("?" * len(part))
                query = f"SELECT pixels, vector FROM vectors WHERE pixels IN ({marks})"
                for pixels, vector in self._database.execute(query, part):
                    found[pixels.hex()] = np.frombuffer(vector, "<f4")
        if len({len(vector) for vector in found.values()}) > 1:
            raise self._damaged("vectors of several lengths")
        return found

    def has(self, keys: Iterable[str]) -> set[str]:
        """Which of the pixel hashes are here."""
        found: set[str] = set()
        with self._told():
            for part in _parts(sorted(set(keys))):
                marks = ",".join("?" * len(part))
                query = f"SELECT pixels FROM vectors WHERE pixels IN ({marks})"
                found.update(pixels.hex() for (pixels,) in self._database.execute(query, part))
        return found

    def add(self, keys: Sequence[str], vectors: Sequence[NDArray[np.float32]]) -> None:
        """Keep vectors; what is here already stays. One transaction: all of them or none."""
        rows = [
            (bytes.fromhex(key), np.ascontiguousarray(vector, "<f4").tobytes())
            for key, vector in zip(keys, vectors, strict=True)
        ]
        with self._told(), self._database:
            self._database.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)

    def _damaged(self, found: str) -> DataError:
        return DataError(
            file=str(self.path), found=found, expected="a cache of vectors; delete the file"
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:  # locked, full, not writable: not its content
            raise UsageError(f"{self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error


def _parts(keys: Sequence[str]) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield [bytes.fromhex(key) for key in keys[start : start + _AT_ONCE]]
