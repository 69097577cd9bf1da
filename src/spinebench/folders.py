"""Places to write to: free, writable, and never half written.

An artefact stands under `NAME.partial` beside its place until all of it is there.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spinebench.errors import UsageError


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
def written_whole(place: Path) -> Iterator[Path]:
    """A new folder that takes the place (of `check_place`) when the block ends well.

    What an interrupted block left is removed by the next one.
    """
    partial = _partial_of(place)
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    yield partial
    if place.exists():
        place.rmdir()  # empty, as checked
    partial.replace(place)


def _partial_of(place: Path) -> Path:
    return place.with_name(place.name + ".partial")
