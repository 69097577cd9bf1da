"""The tables about all films of a BUU-LSPINE release (`csv_info`): spacing, diagnoses, sizes.

They come with version 2. Names in them are keys to look films up by, never paths.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from spinebench.errors import DataError
from spinebench.records import View
from spinebench.sources.buu_layout import Release
from spinebench.sources.buu_tables import check_code, load_class_codes, parse_code
from spinebench.sources.csvfile import parse_number, read_csv
from spinebench.tables import Ledger

K = TypeVar("K")
W = TypeVar("W")
Cells = tuple[str, ...]  # values of the columns asked for
# Pixels of films measure 0.1 to 0.2 mm; more than this is another unit.
_LARGEST_SPACING_MM = 10.0
_LEVEL = re.compile(r"(L[1-5])([ab]?)")
_EXAM = re.compile(r"\d{4}-[FM]-\d{3}Y")
_VIEW_OF_DIGIT: dict[str, View] = {"0": "AP", "1": "LAT"}


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a row is not taken."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a row of an information table stands."""

    file: str
    row: int


@dataclass
class FilmInfo:
    """What a release says of its films beside their own tables. Empty where it has no csv_info."""

    folder: str | None
    spacing_mm: dict[str, tuple[Entry, float]] = field(default_factory=dict)  # by exam: no view
    diagnosis: dict[tuple[str, str], tuple[Entry, int]] = field(default_factory=dict)  # stem, "L4"
    size: dict[str, tuple[Entry, tuple[int, int]]] = field(default_factory=dict)  # (cols, rows)
    diagnosis_file: str | None = None
    spacing_file: str | None = None

    def diagnoses_of(self, stem: str) -> dict[str, tuple[Entry, int]]:
        """Class code other than 0 of each vertebra of a film."""
        found = {name: self.diagnosis.get((stem, name)) for name in ("L1", "L2", "L3", "L4", "L5")}
        return {name: value for name, value in found.items() if value is not None and value[1] != 0}

    def entries(self) -> Iterator[tuple[Entry, str]]:
        """Every row that was taken: where it stands, and the film or exam it speaks of."""
        yield from ((entry, exam) for exam, (entry, _) in self.spacing_mm.items())
        yield from ((entry, stem) for (stem, _), (entry, _) in self.diagnosis.items())
        yield from ((entry, stem) for stem, (entry, _) in self.size.items())


def exam_of(stem: str) -> str:
    """Key of both films of an exam: the film's name without its view digit."""
    return stem[:-1]


def read_info(root: Path, release: Release, ledger: Ledger) -> FilmInfo:
    """The information tables of a release. Raises DataError where one cannot be read."""
    if release.info is None:
        ledger.drop(_join(release.folder, "csv_info"), None, "no_csv_info", "no spacing is known")
        return FilmInfo(None)
    info = FilmInfo(release.info)
    for file in _files(root, release.info, "pixel_spacing"):
        info.spacing_file = file
        rows = _read(root, file, ("filename", "pixel_spacing"), ledger)
        _take(info.spacing_mm, rows, _parse_spacing, ledger)
    if info.spacing_file is None:
        ledger.drop(release.info, None, "no_spacing_table", "no spacing is known")
    for file in _files(root, release.info, "diag"):
        info.diagnosis_file = file
        rows = _read(root, file, ("filename", "lumbar", "diagnosis_number"), ledger)
        _take(info.diagnosis, rows, _parse_diagnosis, ledger)
    for file in _files(root, release.info, "image_size"):
        rows = _read(root, file, ("filename", "width", "height"), ledger)
        _take(info.size, rows, _parse_size, ledger)
    return info


def _join(folder: str, name: str) -> str:
    return (Path(folder) / name).as_posix()


def _files(root: Path, folder: str, start: str) -> list[str]:
    try:
        names = sorted(path.name for path in (root / folder).iterdir())
    except PermissionError as error:
        raise DataError(
            file=folder, found="permission denied", expected="a folder to list"
        ) from error
    return [
        f"{folder}/{name}" for name in names if name.startswith(start) and name.endswith(".csv")
    ]


def _read(
    root: Path, file: str, columns: tuple[str, ...], ledger: Ledger
) -> list[tuple[Entry, Cells]]:
    """Cells of the columns asked for; separated by tabs or, as its name says, by commas."""
    table = read_csv(root, file, ())
    ledger.count_read(file, table.units)
    for row, found in table.malformed:
        ledger.drop(file, row, "malformed_row", found)
    names, lines = list(table.columns), [(r.row, list(r.cells.values())) for r in table.rows]
    if len(names) == 1 and "\t" in names[0]:
        names = [name.strip() for name in names[0].split("\t")]
        lines = [(row, [cell.strip() for cell in cells[0].split("\t")]) for row, cells in lines]
    missing = [name for name in columns if names.count(name) != 1]
    if missing:
        raise DataError(
            file=file,
            place=1,
            field=f"column {missing[0]}",
            found=", ".join(name[:60] for name in names[:9]),
            expected=f"columns {', '.join(columns)}",
        )
    places = [names.index(name) for name in columns]
    kept: list[tuple[Entry, Cells]] = []
    for row, cells in lines:
        if len(cells) == len(names):
            kept.append((Entry(file, row), tuple(cells[place] for place in places)))
        else:
            ledger.drop(file, row, "malformed_row", f"{len(cells)} cells instead of {len(names)}")
    return kept


def _take(
    kept: dict[K, tuple[Entry, W]],
    rows: Iterable[tuple[Entry, Cells]],
    parse: Callable[[Cells], tuple[K, W] | Refused],
    ledger: Ledger,
) -> None:
    """Parse rows into `kept`; of two with the same key the first stands."""
    for entry, cells in rows:
        parsed = parse(cells)
        if isinstance(parsed, Refused):
            ledger.drop(entry.file, entry.row, parsed.reason, parsed.detail)
        elif parsed[0] in kept:
            detail = f"as row {kept[parsed[0]][0].row}"
            ledger.drop(entry.file, entry.row, "duplicate_row", detail)
        else:
            kept[parsed[0]] = (entry, parsed[1])


def _parse_spacing(cells: Cells) -> tuple[str, float] | Refused:
    key, text = cells
    exam = key.removesuffix(".jpg")
    spacing = parse_number(text)
    if not _EXAM.fullmatch(exam.rstrip("01")):
        return Refused("malformed_name", key[:40])
    if spacing is None or not 0.0 < spacing <= _LARGEST_SPACING_MM:
        return Refused("malformed_spacing", f"{text[:12] or 'empty'} mm")
    return exam.rstrip("01"), spacing


def _parse_diagnosis(cells: Cells) -> tuple[tuple[str, str], int] | Refused:
    stem, plate = cells[0].removesuffix(".jpg"), _LEVEL.fullmatch(cells[1])
    view = _VIEW_OF_DIGIT.get(stem[-1:])
    if not _EXAM.fullmatch(stem[:-1]) or view is None:
        return Refused("malformed_name", cells[0][:40])
    if plate is None:
        return Refused("unknown_level", cells[1][:20])
    code = parse_code(cells[2])
    if code is None:
        return Refused("unknown_class", f"class {cells[2][:12] or 'empty'}")
    problem = check_code(code, view, load_class_codes())
    return ((stem, plate[1]), code) if problem is None else Refused(*problem)


def _parse_size(cells: Cells) -> tuple[str, tuple[int, int]] | Refused:
    stem = cells[0].removesuffix(".jpg")
    width, height = parse_code(cells[1]), parse_code(cells[2])
    if not _EXAM.fullmatch(stem[:-1]) or stem[-1:] not in _VIEW_OF_DIGIT:
        return Refused("malformed_name", cells[0][:40])
    if width is None or height is None:
        return Refused("malformed_size", f"{cells[1][:12]} x {cells[2][:12]}")
    return stem, (width, height)
