"""An Excel workbook as sheets of text cells, with bounds on what it may unpack to.

Rows are those that Excel shows: the first row of the sheet is row 1, whether it is empty or not.
"""

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import fastexcel
import polars as pl

from spinebench.errors import DataError

# Wide statistics sheets of a few thousand patients unpack to about a hundred megabytes.
LIMIT_UNPACKED_BYTES = 400_000_000
# The parser lays a sheet out as a full grid, so two cells at far corners would fill the memory.
LIMIT_CELLS = 8_000_000
_PARTS = re.compile(r"\[Content_Types\]\.xml|_rels/.*|xl/.*\.(?:xml|rels)", re.IGNORECASE)
_SHEET = re.compile(r"xl/worksheets/[^/]*\.xml", re.IGNORECASE)
_CELL = re.compile(rb'\sr="([A-Z]{1,7})([0-9]{1,9})"')
_EXPECTED = "an Excel workbook (.xlsx)"


@dataclass(frozen=True, slots=True)
class XlsxSheet:
    """One sheet: rows of equal length, from the sheet's first row on; "" is an empty cell.

    Cells are stripped of blanks around them; a whole number has no point ("2", not "2.0").
    """

    name: str
    rows: tuple[tuple[str, ...], ...]


def read_xlsx(root: Path, file: str) -> tuple[XlsxSheet, ...]:
    """Sheets of `root/file` in their order; sheets that are charts are left out.

    Raises DataError in one line: no file, not readable, no workbook, damaged, or one that unpacks
    to more than `LIMIT_UNPACKED_BYTES` or lays out more than `LIMIT_CELLS`.
    """
    data = _repack(root / file, file)
    try:
        book = fastexcel.read_excel(data)
        frames = {name: _load_frame(book, name) for name in book.sheet_names}
    except fastexcel.FastExcelError as error:
        raise _damaged(file, str(error).splitlines()[0][:120]) from None
    return tuple(XlsxSheet(name, _rows_of(frame)) for name, frame in frames.items())


def _load_frame(book: fastexcel.ExcelReader, name: str) -> pl.DataFrame:
    # Without `skip_rows` empty rows at the top would be left out, and all row numbers be wrong.
    sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    return sheet.to_polars()


def _rows_of(frame: pl.DataFrame) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple((cell or "").strip() for cell in row) for row in frame.iter_rows())


def _repack(path: Path, file: str) -> bytes:
    """The workbook's own parts, unpacked within the limits and stored anew.

    The parser gets only bytes that were counted here: what a file says about its sizes is not
    believed.
    """
    try:
        with zipfile.ZipFile(path) as book:
            return _copy_parts(book, file)
    except FileNotFoundError:
        raise DataError(file=file, found="no such file", expected=_EXPECTED) from None
    except IsADirectoryError:
        raise DataError(file=file, found="a folder", expected=_EXPECTED) from None
    except PermissionError:
        raise DataError(
            file=file, found="permission denied", expected="a file this user may read"
        ) from None
    except zipfile.BadZipFile:
        empty = path.stat().st_size == 0
        raise _damaged(file, "0 bytes" if empty else "bytes that are no zip archive") from None
    except (zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError):
        # broken or encrypted members, unknown compression, seeks beyond the end
        raise _damaged(file, "an archive that cannot be unpacked") from None


def _copy_parts(book: zipfile.ZipFile, file: str) -> bytes:
    parts = [part for part in book.infolist() if _PARTS.fullmatch(part.filename)]
    if "xl/workbook.xml" not in {part.filename.lower() for part in parts}:
        raise _damaged(file, "a zip archive that is no workbook")
    left = LIMIT_UNPACKED_BYTES
    if sum(part.file_size for part in parts) > left:
        raise _too_large(file)
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as copy:
        for part in parts:
            with book.open(part) as stream:
                content = stream.read(left + 1)
            left -= len(content)
            if left < 0:
                raise _too_large(file)
            if _SHEET.fullmatch(part.filename):
                _check_extent(content, file)
            copy.writestr(part.filename, content)
    return stored.getvalue()


def _check_extent(sheet: bytes, file: str) -> None:
    """Raise DataError where the grid from A1 to the farthest cell is larger than any table."""
    last_row, widest = 0, b""
    for match in _CELL.finditer(sheet):
        last_row = max(last_row, int(match[2]))
        if (len(match[1]), match[1]) > (len(widest), widest):
            widest = match[1]
    cols = 0
    for letter in widest:
        cols = cols * 26 + letter - ord("A") + 1
    if last_row * cols > LIMIT_CELLS:
        raise DataError(
            file=file,
            field="size",
            found=f"a sheet of {last_row} rows and {cols} columns",
            expected=f"at most {LIMIT_CELLS} cells",
        )


def _too_large(file: str) -> DataError:
    return DataError(
        file=file,
        field="size",
        found=f"a workbook that unpacks to more than {LIMIT_UNPACKED_BYTES} bytes",
        expected="the table of a data set",
    )


def _damaged(file: str, found: str) -> DataError:
    return DataError(file=file, found=found, expected=_EXPECTED)
