"""A CSV file as rows that know where they stand, with the columns that a source needs.

Row numbers are those of a text editor as long as no cell holds a line break: the header is row 1,
blank lines count in the numbering and are no units.
"""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from spinebench.errors import DataError


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row: its number and its cells by column, without blanks around them."""

    row: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class CsvTable:
    """All rows of a file; `malformed` are those with too few or too many cells, and how many."""

    file: str
    columns: tuple[str, ...]
    rows: tuple[CsvRow, ...]
    malformed: tuple[tuple[int, str], ...]

    @property
    def units(self) -> int:
        """Rows below the header, the malformed ones among them."""
        return len(self.rows) + len(self.malformed)


def read_csv(root: Path, file: str, required: Sequence[str]) -> CsvTable:
    """Table of `root/file`; UTF-8 with or without BOM, any line ends, further columns allowed.

    Raises DataError in one line: no file, not readable, no text, no header, a required column
    missing, a column twice, broken quotes.
    """
    try:
        text = (root / file).read_text(encoding="utf-8-sig")  # any line end becomes one "\n"
    except FileNotFoundError:
        raise DataError(file=file, found="no such file", expected="a CSV file") from None
    except IsADirectoryError:
        raise DataError(file=file, found="a folder", expected="a CSV file") from None
    except PermissionError:
        raise DataError(
            file=file, found="permission denied", expected="a file this user may read"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            file=file, place=f"byte {error.start}", found="bytes that are no UTF-8", expected="text"
        ) from None
    return parse_csv(text, file, required)


def parse_csv(text: str, file: str, required: Sequence[str]) -> CsvTable:
    """Table of a text. Raises DataError as `read_csv` does."""
    lines = _iter_lines(text, file)
    header = next(((row, cells) for row, cells in lines if cells), None)
    if header is None:
        raise DataError(
            file=file, found="an empty file", expected=f"a header {_short(required)}".strip()
        )
    columns = tuple(header[1])
    _check_columns(file, header[0], columns, required)
    rows, malformed = [], []
    for row, cells in lines:
        if not cells:
            continue
        if len(cells) == len(columns):
            rows.append(CsvRow(row, dict(zip(columns, cells, strict=True))))
        else:
            malformed.append((row, f"{len(cells)} cells instead of {len(columns)}"))
    return CsvTable(file, columns, tuple(rows), tuple(malformed))


def _iter_lines(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text), strict=True)
    row = 0
    try:
        for row, cells in enumerate(reader, start=1):
            yield row, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise DataError(
            file=file, place=row + 1, found=str(error), expected="comma-separated values"
        ) from None


def _check_columns(file: str, row: int, columns: Sequence[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in columns]
    twice = [name for name, times in Counter(columns).items() if times > 1 and name in required]
    if not missing and not twice:
        return
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        field, found = f"column {missing[0]}{more}", _short(columns)
    else:
        field, found = f"column {twice[0]}", "the column twice"
    raise DataError(
        file=file, place=row, field=field, found=found, expected=f"columns {_short(required)}"
    )


def _short(names: Sequence[str], most: int = 9) -> str:
    shown = [name[:60] or "(no name)" for name in names[:most]]
    rest = f", ... {len(names)} in all" if len(names) > most else ""
    return ", ".join(shown) + rest


def parse_number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def load_data_rows(name: str) -> list[dict[str, str]]:
    """Rows of a data file that comes with the package (`data/sources/NAME`).

    Its first lines start with `#` and say where the data is from.
    """
    text = resources.files("spinebench").joinpath("data", "sources", name).read_text("utf-8")
    body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    return [row.cells for row in parse_csv(body, name, ()).rows]
