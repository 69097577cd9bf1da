"""Results of finished shards on disk, so that a run that was killed goes on where it stood.

A worker writes a shard's results under a temporary name, then renames. The name says what was
asked (a hash of the items' keys) and what the file holds (a hash of its bytes): a file that was cut
or altered is found out, whatever its format.
"""

import hashlib
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from spinebench.errors import DataError

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class ShardStore(Generic[T, U]):
    """A folder of results by shard. Everything in it must be picklable.

    `key` says all that an item's result depends on besides the function: the item, its file's size
    and modification time, options, versions. `write` and `read` are the format; `read` gives back
    what was written and raises DataError if it is no longer of use (a file that it names is gone).
    Another size of shard asks other questions: nothing is found.
    """

    folder: Path
    key: Callable[[T], str]
    write: Callable[[Path, list[U]], None]
    read: Callable[[Path], list[U]]
    suffix: str = ""  # of the files, for writers that insist on one

    def find(self, items: Sequence[T]) -> list[U] | None:
        """Results of these items, or None: never computed, or damaged (said on stderr)."""
        stem = self._stem(items)
        if not stem.parent.is_dir():
            return None
        found = sorted(stem.parent.glob(f"{stem.name}-*{self.suffix}"))
        for path in found:
            try:
                return self._read_whole(path, len(items))
            except DataError as error:
                print(f"a stored result is computed again: {error}", file=sys.stderr, flush=True)
                path.unlink(missing_ok=True)
        return None

    def keep(self, items: Sequence[T], results: list[U]) -> list[U]:
        """The results as they are read back, once they are stored."""
        stem = self._stem(items)
        stem.parent.mkdir(parents=True, exist_ok=True)
        # on a shared file system two workers may compute the same shard at once
        own = f"{stem.name}.{platform.node()}.{os.getpid()}.tmp{self.suffix}"
        temporary = stem.with_name(own)
        self.write(temporary, results)
        path = stem.with_name(f"{stem.name}-{_hash_of_file(temporary)}{self.suffix}")
        temporary.replace(path)
        return self._read_whole(path, len(items))

    def _stem(self, items: Sequence[T]) -> Path:
        """`ab/cd/abcd…`: two levels, so that a folder stays short with millions of shards."""
        digest = hashlib.sha256()
        for item in items:
            key = self.key(item).encode()
            digest.update(len(key).to_bytes(8, "big") + key)
        name = digest.hexdigest()
        return self.folder / name[:2] / name[2:4] / name

    def _read_whole(self, path: Path, expected: int) -> list[U]:
        named = path.name.removesuffix(self.suffix).rpartition("-")[2]
        found = _hash_of_file(path)
        if found != named:
            raise DataError(file=path.name, field="SHA-256", found=found, expected=named)
        results = self.read(path)
        if len(results) != expected:
            raise DataError(
                file=path.name, field="results", found=str(len(results)), expected=str(expected)
            )
        return results


def _hash_of_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:32]
