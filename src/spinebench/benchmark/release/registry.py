"""Release formats by name: one file each, one line here.

A new format is one file in this folder with `write(selection, folder, options)` and, where it can
be read back, `read(incoming)`, and one entry in the table.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from spinebench.benchmark.release.incoming import Entry, Incoming
from spinebench.benchmark.release.options import ExportOptions
from spinebench.benchmark.release.rows import Selection
from spinebench.errors import UsageError

PIXEL_FORMATS = ("released", "hf", "vlmeval", "lmms", "croissant")
RECIPE = "recipe"
FORMATS = (*PIXEL_FORMATS, RECIPE)


class Format(Protocol):
    """One release format that carries pictures."""

    NAME: str
    LOADING: str  # how the release is used, for the page that goes with it

    def write(self, selection: Selection, folder: Path, options: ExportOptions) -> dict[str, Any]:
        """Write the release into a new folder and return its note (`release.json`)."""
        ...

    def read(self, incoming: Incoming) -> Iterator[Entry]:
        """Entries of a release. Raises UsageError if the folder is none, DataError if damaged."""
        ...


def load_format(name: str) -> Format:
    """Format by name. Raises UsageError listing those that there are."""
    if name not in PIXEL_FORMATS:
        raise UsageError(f"no release format {name!r}; there are: {', '.join(FORMATS)}")
    return cast(Format, import_module(f"spinebench.benchmark.release.{name}"))
