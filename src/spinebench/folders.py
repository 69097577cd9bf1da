"""Places to write to: free, writable, and never half written.

An artefact stands under `NAME.partial` beside its place until all of it is there.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spinebench.errors import UsageError

_KEEP_FILE = ".keep"


def check_free(out: Path) -> None:
    """Raise UsageError unless `out` is new or empty: a finished artefact is never written over."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} already exists and is not empty; choose another --out")


def check_writable(out: Path, *, by_rename: bool = False) -> None:
    """Create the folders above `out`. Raises UsageError if this user cannot write there.

    `by_rename`: the folder above must be writable even where `out` exists.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}") from error
    folder = out if out.is_dir() and not by_rename else out.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{out} cannot be written: this user may not write in {folder}")


def check_place(out: Path) -> Path:
    """Where `written_whole` may put a folder: the path of `out` itself, links followed.

    Raises UsageError unless it is free, not the folder one stands in (it is renamed over), and the
    folder above it can be written.
    """
    check_free(out)
    place = out.resolve()
    if place == Path.cwd():
        raise UsageError(f"{out} is the folder you stand in; name a new one with --out")
    check_writable(place, by_rename=True)
    return place


@contextmanager
def written_whole(place: Path, *, keep: str | None = None) -> Iterator[Path]:
    """A new folder that takes the place (of `check_place`) when the block ends well.

    What an interrupted block left is removed by the next one, unless both name the same `keep`:
    then the next one finds what there is, and goes on. Raises UsageError while another process
    writes to the same place.
    """
    partial = _partial_of(place)
    mark = partial / _KEEP_FILE
    with _only_writer(place):
        if partial.exists() and (keep is None or _read_mark(mark) != keep):
            shutil.rmtree(partial)
        partial.mkdir(parents=True, exist_ok=True)
        if keep is not None:
            mark.write_text(keep, encoding="utf-8")
        yield partial
        mark.unlink(missing_ok=True)
        if place.exists():
            place.rmdir()  # empty, as checked
        partial.replace(place)


@contextmanager
def _only_writer(place: Path) -> Iterator[None]:
    """Hold the place until the block ends; the lock goes with its process, however that ends."""
    lock = place.with_name(place.name + ".lock")
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = os.fstat(handle.fileno()).st_ino == lock.stat().st_ino
        except (BlockingIOError, FileNotFoundError):
            mine = False
        if not mine:  # held by another, or removed by one that had just ended
            raise UsageError(f"{place} is being written by another process")
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _read_mark(mark: Path) -> str | None:
    return mark.read_text(encoding="utf-8") if mark.is_file() else None


def _partial_of(place: Path) -> Path:
    return place.with_name(place.name + ".partial")
