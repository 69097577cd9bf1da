"""How commands speak: data on stdout, as lines or as JSON; everything else on stderr."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Seed = Annotated[int, typer.Option("--seed", help="Of every random choice.", min=0)]
Workers = Annotated[
    int | None,
    typer.Option("--workers", help="Processes (default: one per core). Changes no result.", min=1),
]


def print_result(result: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """Print a command's result: `result` as one JSON object, or the lines."""
    if as_json:
        print(json.dumps(result, indent=2, sort_keys=True, ensure_ascii=False))
        return
    for line in lines:
        print(line)


def table_lines(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    """Rows in columns; numbers to the right."""
    cells = [header, *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return [
        "  ".join(
            cell.rjust(width) if cell[:1].isdigit() and cell is not row[0] else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    ]
