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
from typing import TextIO

from spinebench.errors import DataError

# The largest public table has 49,000 rows. A row takes about a kilobyte here, so that these keep
# a reading within a gigabyte.
LIMIT_ROWS = 1_000_000
LIMIT_BYTES = 256_000_000
_LIMIT_ROW_CHARACTERS = 1_000_000


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
    padded: int = 0  # cells below the header that had blanks around them

    @property
    def units(self) -> int:
        """Rows below the header, the malformed ones among them."""
        return len(self.rows) + len(self.malformed)


def read_csv(root: Path, file: str, required: Sequence[str]) -> CsvTable:
    """Table of `root/file`; UTF-8 with or without BOM, any line ends, further columns allowed.

    Raises DataError in one line: no file, not readable, no text, no header, a required column
    missing, a column twice, broken quotes, more than `LIMIT_BYTES` or `LIMIT_ROWS`.
    """
    try:
        check_table_size((root / file).stat().st_size, file)
        with (root / file).open(encoding="utf-8-sig") as stream:  # any line end becomes one "\n"
            return _build_table(stream, file, required)
    except FileNotFoundError:
        raise DataError(file=file, found="no such file", expected="a CSV file") from None
    except IsADirectoryError:
        raise DataError(file=file, found="a folder", expected="a CSV file") from None
    except PermissionError:
        raise DataError(
            file=file, found="permission denied", expected="a file this user may read"
        ) from None
    except UnicodeDecodeError:
        raise DataError(
            file=file,
            place=f"byte {_find_no_text(root / file)}",
            found="bytes that are no UTF-8",
            expected="text",
        ) from None


def check_table_size(size: int, file: str) -> None:
    """Raise DataError for a table of more than `LIMIT_BYTES`."""
    if size > LIMIT_BYTES:
        raise DataError(
            file=file,
            field="size",
            found=f"{size} bytes",
            expected=f"a table of at most {LIMIT_BYTES}; build from parts of it",
        )


def check_row_count(rows: int, file: str) -> None:
    """Raise DataError for a table of more than `LIMIT_ROWS`."""
    if rows > LIMIT_ROWS:
        raise DataError(
            file=file,
            field="rows",
            found=f"more than {LIMIT_ROWS}",
            expected="at most that; build from parts of the table",
        )


def _find_no_text(path: Path) -> int:
    """Offset of the first byte that is no UTF-8."""
    try:
        path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return error.start
    return 0


def parse_csv(text: str, file: str, required: Sequence[str]) -> CsvTable:
    """Table of a text. Raises DataError as `read_csv` does."""
    return _build_table(io.StringIO(text), file, required)


def _build_table(stream: TextIO, file: str, required: Sequence[str]) -> CsvTable:
    lines = _iter_lines(stream, file)
    header = next(((row, cells) for row, cells in lines if cells), None)
    if header is None:
        raise DataError(
            file=file, found="an empty file", expected=f"a header {_short(required)}".strip()
        )
    columns = tuple(cell.strip() for cell in header[1])
    check_columns(file, header[0], columns, required)
    rows: list[CsvRow] = []
    malformed: list[tuple[int, str]] = []
    padded = 0
    for row, raw in lines:
        if not raw:
            continue
        cells = [cell.strip() for cell in raw]
        padded += sum(cell != stripped for cell, stripped in zip(raw, cells, strict=True))
        check_row_count(len(rows) + len(malformed) + 1, file)
        if len(cells) == len(columns):
            rows.append(CsvRow(row, dict(zip(columns, cells, strict=True))))
        else:
            malformed.append((row, f"{len(cells)} cells instead of {len(columns)}"))
    return CsvTable(file, columns, tuple(rows), tuple(malformed), padded)


class _BoundedLines:
    """Lines of a text; the cells of one row may take `_LIMIT_ROW_CHARACTERS` and no more."""

    def __init__(self, stream: TextIO, file: str) -> None:
        self.stream, self.file, self.left, self.row = stream, file, _LIMIT_ROW_CHARACTERS, 1

    def __iter__(self) -> Iterator[str]:
        while line := self.stream.readline(self.left + 1):
            self.left -= len(line)
            if self.left < 0:
                raise DataError(
                    file=self.file,
                    place=self.row,
                    found=f"more than {_LIMIT_ROW_CHARACTERS} characters",
                    expected="the row of a table",
                )
            yield line

    def start_row(self, row: int) -> None:
        """A row is complete: the next one may be as long again."""
        self.left, self.row = _LIMIT_ROW_CHARACTERS, row


def _iter_lines(stream: TextIO, file: str) -> Iterator[tuple[int, list[str]]]:
    lines = _BoundedLines(stream, file)
    reader = csv.reader(lines, strict=True)
    row = 0
    try:
        for row, cells in enumerate(reader, start=1):
            lines.start_row(row + 1)
            yield row, cells
    except csv.Error as error:
        raise DataError(
            file=file, place=row + 1, found=str(error), expected="comma-separated values"
        ) from None


def check_columns(
    file: str, row: int | None, columns: Sequence[str], required: Sequence[str]
) -> None:
    """Raise DataError unless every required column is there, and once; `row` is the header's."""
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
