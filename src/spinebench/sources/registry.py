"""The sources that spinebench knows. A new one is one file with one class, and one line here."""

from spinebench.errors import UsageError
from spinebench.sources.base import Source
from spinebench.sources.buu import BuuSource
from spinebench.sources.csxa import CsxaSource
from spinebench.sources.rsna import RsnaSource
from spinebench.sources.table import TableSource
from spinebench.sources.vindr import VinDrSource

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (RsnaSource(), VinDrSource(), BuuSource(), CsxaSource(), TableSource())
}


def find_source(name: str) -> Source:
    """Source by name. Raises UsageError naming those that there are."""
    if name not in SOURCES:
        raise UsageError(f"no source {name!r}; there are {', '.join(SOURCES)}")
    return SOURCES[name]
