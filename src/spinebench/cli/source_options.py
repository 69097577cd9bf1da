"""The options that name source folders, the same for every command that reads them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spinebench.sources.base import Source

Rsna = Annotated[Path | None, typer.Option("--rsna", help="Folder of RSNA 2024 Lumbar Spine.")]
VinDr = Annotated[Path | None, typer.Option("--vindr", help="Folder of VinDr-SpineXR.")]
Buu = Annotated[
    Path | None, typer.Option("--buu", help="Folder of BUU-LSPINE, one release or several.")
]
Csxa = Annotated[
    Path | None, typer.Option("--csxa", help="Folder of the Cervical Spine X-ray Atlas.")
]
Table = Annotated[
    Path | None,
    typer.Option("--table", help="Your own data: a CSV or Parquet table of labels of images."),
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--columns", help="Of a table: ours=theirs, as image=file_name. Repeatable."),
]
Images = Annotated[
    Path | None,
    typer.Option("--images", help="Folder your table's paths start from (default: the table's)."),
]


def gather_sources(
    folders: Mapping[str, Path | None],
    *,
    columns: Sequence[str] | None = None,
    images: Path | None = None,
) -> "tuple[dict[str, Path], dict[str, Source]]":
    """(paths that were given by source name, all sources, the table's with its columns).

    Raises UsageError for a column map that cannot be read.
    """
    from spinebench.errors import UsageError
    from spinebench.sources.registry import SOURCES
    from spinebench.sources.table import TableSource, parse_column_map

    if (columns or images) and folders.get("table") is None:
        raise UsageError("--columns and --images speak of a --table, and there is none")
    sources: dict[str, Source] = dict(SOURCES)
    sources["table"] = TableSource(parse_column_map(columns or []), images)
    return {name: path for name, path in folders.items() if path is not None}, sources
