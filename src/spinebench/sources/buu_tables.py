"""The table of one BUU-LSPINE film: its end plates and class codes as typed rows.

A table has no header: row 1 is the upper plate of L1. Each row is one end plate, cranial to
caudal, as `x1,y1,x2,y2,class`: L1a, L1b, L2a, ... L5b (a = upper, b = lower plate of a vertebra),
and S1a on a lateral film. Coordinates are pixels of the film.
"""

import functools
import math
from dataclasses import dataclass
from pathlib import Path

from spinebench.anatomy.column import STANDARD_COLUMN
from spinebench.anatomy.levels import parse_endplate
from spinebench.errors import DataError
from spinebench.imaging.raster import read_picture, read_picture_shape
from spinebench.records import SideName, View
from spinebench.sources.buu_layout import FilmFile
from spinebench.sources.csvfile import load_data_rows, parse_number

PointPx = tuple[float, float]
# Eleven rows take about 500 bytes; forty times that is no table of one film.
_MOST_BYTES = 20_000
_TAIL_BYTES = 4096
_END_OF_JPEG = b"\xff\xd9"
_VERTEBRAE = ("L1", "L2", "L3", "L4", "L5")
PLATES: dict[View, tuple[str, ...]] = {
    "AP": tuple(f"{name}{plate}" for name in _VERTEBRAE for plate in "ab"),
    "LAT": (*(f"{name}{plate}" for name in _VERTEBRAE for plate in "ab"), "S1a"),
}
# The disc that a vertebra stands on, and the plate below that disc.
LEVEL_BELOW = {
    name: str(STANDARD_COLUMN.disc_below(parse_endplate(f"{name}b")[0])) for name in _VERTEBRAE
}
PLATE_BELOW = {name: f"{level.split('/')[1]}a" for name, level in LEVEL_BELOW.items()}


@dataclass(frozen=True, slots=True)
class ClassCode:
    """One class code and what it says."""

    code: int
    view: View | None  # that it is read on; None = any
    words: str
    side: SideName | None

    @property
    def source_words(self) -> str:
        """Code and words, as a finding keeps them."""
        return f"{self.code} {self.words}"


@dataclass(frozen=True, slots=True)
class PlateRow:
    """One end plate, its end points by column."""

    row: int  # from 1
    plate: str  # "L4b"
    start_px: PointPx  # (x, y) of the end towards the left of the image: on LA films anterior
    end_px: PointPx
    is_swapped: bool  # the table has them the other way round
    code: int | None  # None = the table has no fifth column

    @property
    def middle_px(self) -> PointPx:
        """Middle between the end points."""
        (x1, y1), (x2, y2) = self.start_px, self.end_px
        return (0.5 * (x1 + x2), 0.5 * (y1 + y2))


@dataclass(frozen=True, slots=True)
class PlateTable:
    """The table of one film; `refused` are the rows that cannot be used: row, reason, detail."""

    units: int = 0
    rows: tuple[PlateRow, ...] = ()
    refused: tuple[tuple[int, str, str], ...] = ()
    failure: tuple[str, str] | None = None  # reason, detail where no row could be read at all


@dataclass(frozen=True, slots=True)
class FilmContent:
    """What the files of one film hold. `failure` is why its picture cannot be used."""

    film: FilmFile
    table: PlateTable
    failure: tuple[str, str] | None = None
    rows: int = 0
    cols: int = 0
    size: int = 0  # of the picture's file in bytes


@functools.cache
def load_class_codes() -> dict[int, ClassCode]:
    """The class codes by number."""
    views: dict[str, View | None] = {"AP": "AP", "LAT": "LAT", "": None}
    sides: dict[str, SideName | None] = {"left": "left", "right": "right", "": None}
    return {
        int(row["code"]): ClassCode(
            int(row["code"]), views[row["view"]], row["words"], sides[row["side"]]
        )
        for row in load_data_rows("buu_classes.csv")
    }


def read_film(root: Path, film: FilmFile) -> FilmContent:
    """Table and picture header of one film. What cannot be read is a reason, never an error."""
    table = PlateTable() if film.table is None else _read_table(root / film.table, film.view)
    if film.picture is None:
        return FilmContent(film, table, ("missing_file", "no picture of this name"))
    path = root / film.picture
    try:
        size = path.stat().st_size
        rows, cols = read_picture_shape(path)
        if not _is_complete(path, size):
            read_picture(path)  # an odd end may still be a whole picture: only decoding can tell
    except PermissionError:
        return FilmContent(film, table, ("permission_denied", "this user may not read the file"))
    except OSError as error:
        return FilmContent(film, table, ("unreadable_file", f"{film.stem}: {error.strerror}"))
    except DataError as error:
        reason = "permission_denied" if error.found == "permission denied" else "unreadable_file"
        return FilmContent(film, table, (reason, f"found {error.found}"))
    return FilmContent(film, table, None, rows, cols, size)


def _is_complete(path: Path, size: int) -> bool:
    """Whether the last bytes hold the marker that ends a JPEG; its coded pixels never do."""
    with path.open("rb") as handle:
        handle.seek(max(0, size - _TAIL_BYTES))
        return _END_OF_JPEG in handle.read()


def _read_table(path: Path, view: View) -> PlateTable:
    try:
        if path.stat().st_size > _MOST_BYTES:
            found = f"{path.stat().st_size} bytes"
            return PlateTable(failure=("unreadable_table", found))
        text = path.read_text(encoding="utf-8-sig")
    except PermissionError:
        return PlateTable(failure=("permission_denied", "this user may not read the file"))
    except UnicodeDecodeError:
        return PlateTable(failure=("unreadable_table", "bytes that are no UTF-8"))
    except OSError as error:
        return PlateTable(failure=("unreadable_table", str(error.strerror)))
    return parse_plates(text, view)


def parse_plates(text: str, view: View) -> PlateTable:
    """Rows of a film's table. All are refused where their number is not that of the view."""
    lines = [
        (row, line.split(",")) for row, line in enumerate(text.splitlines(), 1) if line.strip()
    ]
    plates = PLATES[view]
    if not lines:
        return PlateTable(failure=("wrong_row_count", f"0 rows instead of {len(plates)}"))
    if len(lines) != len(plates):
        detail = f"{len(lines)} rows instead of {len(plates)}"
        refused = tuple((row, "wrong_row_count", detail) for row, _ in lines)
        return PlateTable(len(lines), refused=refused)
    codes = load_class_codes()
    # one answer for the whole film: a row that lost its code is not a table without codes
    has_codes = any(len(cells) >= 5 for _, cells in lines)
    rows, refused_rows = [], []
    for (row, cells), plate in zip(lines, plates, strict=True):
        parsed = _parse_plate(row, plate, [cell.strip() for cell in cells], has_codes)
        if not isinstance(parsed, PlateRow):
            refused_rows.append((row, *parsed))
            continue
        problem = None if parsed.code is None else check_code(parsed.code, view, codes)
        if problem is None:
            rows.append(parsed)
        else:
            refused_rows.append((row, *problem))
    return PlateTable(len(lines), tuple(rows), tuple(refused_rows))


def check_code(code: int, view: View, codes: dict[int, ClassCode]) -> tuple[str, str] | None:
    """(reason, detail) where the code says nothing on a film of this view."""
    if code not in codes:
        return "unknown_class", f"class {code}"[:60]
    if codes[code].view not in (None, view):
        return "class_of_other_view", f"class {codes[code].source_words} on a film {view}"
    return None


def parse_code(text: str) -> int | None:
    """A class code, also where it is written as 3.0; None where it is no whole number."""
    number = parse_number(text)
    return int(number) if number is not None and number == math.floor(number) else None


def _parse_plate(
    row: int, plate: str, cells: list[str], has_code: bool
) -> PlateRow | tuple[str, str]:
    """The row, or (reason, detail)."""
    wanted = 5 if has_code else 4
    if len(cells) != wanted:
        return "malformed_row", f"{len(cells)} cells instead of {wanted}"
    x1, y1, x2, y2 = (parse_number(text) for text in cells[:4])
    if x1 is None or y1 is None or x2 is None or y2 is None:
        return "malformed_coordinate", ", ".join(text[:12] or "empty" for text in cells[:4])
    code = parse_code(cells[4]) if has_code else None
    if has_code and code is None:
        return "unknown_class", f"class {cells[4][:12] or 'empty'}"
    ends: tuple[PointPx, PointPx] = ((x1, y1), (x2, y2))
    is_swapped = x1 > x2
    start, end = ends[::-1] if is_swapped else ends
    return PlateRow(row, plate, start, end, is_swapped, code)
