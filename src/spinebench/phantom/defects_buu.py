"""Defects of BUU-LSPINE that can be planted. The list and its sources: docs/sources.md."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from spinebench.phantom.defect_bed import Bed, Row, defect
from spinebench.phantom.write_buu import DIAGNOSIS_FILE, FOLDERS, SIZE_FILES, SPACING_FILE
from spinebench.sources.buu_info import exam_of

# Places in a row of a film's table.
X1, Y1, X2, Y2, CLASS = range(5)
_EARLY_RELEASE = "BUU-LSPINE_400"


@defect("buu", "end_points_swapped")
def plant_swapped_end_points(bed: Bed) -> str:
    """The end points of a plate are the wrong way round, as in 3 of 400 lateral tables."""
    film = _film(bed, "swapped_end_points")
    rows = _read(bed, film)
    rows[4] = [*rows[4][X2:CLASS], *rows[4][:X2], rows[4][CLASS]]
    return _write(bed, film, rows)


@defect("buu", "wrong_row_count", "film_dropped")
def plant_wrong_row_count(bed: Bed) -> str:
    """A table lacks its last row."""
    film = _film(bed, "wrong_row_count", lambda rows: not _slipped(rows))
    return _write(bed, film, _read(bed, film)[:-1])


@defect("buu", "files_without_rows", "film_dropped")
def plant_film_without_table(bed: Bed) -> str:
    """A film has no table."""
    film = _film(bed, "film_without_table", lambda rows: not _slipped(rows))
    _table(bed, film).unlink()
    return film


@defect("buu", "missing_file", "film_dropped")
def plant_missing_file(bed: Bed) -> str:
    """A table has no film."""
    film = _film(bed, "missing_file", lambda rows: not _slipped(rows))
    (bed.root / film).unlink()
    return film


@defect("buu", "unreadable_file", "film_dropped")
def plant_truncated_file(bed: Bed) -> str:
    """A film ends in the middle of its pixels."""
    film = _film(bed, "truncated_file", lambda rows: not _slipped(rows))
    path = bed.root / film
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return film


@defect("buu", "unreadable_file", "film_dropped")
def plant_zero_byte_file(bed: Bed) -> str:
    """A film has 0 bytes."""
    film = _film(bed, "zero_byte_file", lambda rows: not _slipped(rows))
    (bed.root / film).write_bytes(b"")
    return film


@defect("buu", "code_on_upper_plate")
def plant_code_on_upper_plate(bed: Bed) -> str:
    """The class of a slip stands on the upper plate of its vertebra."""
    film = _film(bed, "code_on_upper_plate", _slipped)
    rows = _read(bed, film)
    place = next(n for n, row in enumerate(rows) if row[CLASS] != "0")
    rows[place - 1][CLASS], rows[place][CLASS] = rows[place][CLASS], "0"
    return _write(bed, film, rows)


@defect("buu", "unknown_class", "rows_missing", "film_dropped")
def plant_unknown_class(bed: Bed) -> str:
    """A plate has a class that no code stands for: whether it is normal is not known."""
    film = _film(bed, "unknown_class", lambda rows: not _slipped(rows))
    rows = _read(bed, film)
    rows[5][CLASS] = "7"
    return _write(bed, film, rows)


@defect("buu", "malformed_coordinate", "rows_missing", "film_dropped")
def plant_malformed_number(bed: Bed) -> str:
    """A coordinate is no number."""
    film = _film(bed, "malformed_number", lambda rows: not _slipped(rows))
    rows = _read(bed, film)
    rows[2][Y1] = "1O2.5"
    return _write(bed, film, rows)


@defect("buu", "point_outside_image", "rows_missing", "film_dropped")
def plant_point_outside_image(bed: Bed) -> str:
    """A plate lies beyond the edge of its film."""
    film = _film(bed, "point_outside_image", lambda rows: not _slipped(rows))
    rows = _read(bed, film)
    rows[0][X1], rows[0][X2] = "20000.5", "20080.5"
    return _write(bed, film, rows)


@defect("buu")
def plant_missing_class(bed: Bed) -> str:
    """The table of a slipped film has no fifth column: the diagnoses of csv_info stand in."""
    film = _film(bed, "missing_class", _slipped)
    return _write(bed, film, [row[:CLASS] for row in _read(bed, film)])


@defect("buu", "spacing_missing")
def plant_missing_spacing(bed: Bed) -> str:
    """The spacing table lacks a patient."""
    patient, films = _patient(bed, "missing_spacing")
    path = bed.root / SPACING_FILE
    key = exam_of(Path(films[0]).stem)
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(key)), "utf-8")
    return patient


@defect("buu", "diagnosis_disagrees")
def plant_other_diagnosis(bed: Bed) -> str:
    """The diagnoses of csv_info have another slip than the film's own table."""
    film = _film(bed, "other_diagnosis", _slipped)
    stem = Path(film).stem
    row = next(row for row in bed.load(DIAGNOSIS_FILE) if row[0] == stem)
    row[2] = {"1": "2", "2": "1", "3": "4", "4": "3"}[row[2]]
    return film


@defect("buu", "size_disagrees")
def plant_other_size(bed: Bed) -> str:
    """The sizes of csv_info have another height than the film."""
    film = _film(bed, "other_size")
    file = SIZE_FILES["AP" if film.startswith(FOLDERS["AP"]) else "LAT"]
    row = next(row for row in bed.load(file) if row[0] == Path(film).name)
    row[1] = str(int(row[1]) + 128)
    return film


@defect("buu", "in_another_release", "no_csv_info")
def plant_patient_in_two_releases(bed: Bed) -> str:
    """A patient's films stand in an early release beside this one too."""
    patient, films = _patient(bed, "patient_in_two_releases")
    for film in films:
        for file in (film, str(_table_of(film))):
            copy = bed.root / _EARLY_RELEASE / Path(file).parent.name / Path(file).name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bed.root / file, copy)
    return patient


@defect("buu", "film_of_two_patients", "film_dropped")
def plant_film_of_two_patients(bed: Bed) -> str:
    """The very same film stands under another patient's number too."""
    film = _film(bed, "film_of_two_patients", lambda rows: not _slipped(rows))
    taken = {row.study_id for row in bed.truth}
    number = next(f"{n:04d}" for n in range(9999, 0, -1) if f"{n:04d}" not in taken)
    for file in (film, str(_table_of(film))):
        name = number + Path(file).name[4:]
        shutil.copyfile(bed.root / file, bed.root / Path(file).with_name(name))
    return film


@defect("buu", "malformed_name")
def plant_malformed_name(bed: Bed) -> str:
    """A film stands there again as Roboflow exports it, under a name that says nothing."""
    film = Path(_film(bed, "malformed_name"))
    copy = film.with_name(f"{film.stem}_jpg.rf.0123456789abcdef0123456789abcdef.jpg")
    shutil.copyfile(bed.root / film, bed.root / copy)
    return film.as_posix()


@defect("buu")
def plant_clutter(bed: Bed) -> str:
    """Downloads and a Mac have left .DS_Store, Thumbs.db and ._ files everywhere."""
    for path in (bed.root, *sorted(p for p in bed.root.rglob("*") if p.is_dir())):
        for name in (".DS_Store", "Thumbs.db", "._0001-F-037Y0.jpg"):
            (path / name).write_bytes(b"\x00\x05\x16\x07")
    return "data"


# --- places ------------------------------------------------------------------------------------


def _film(bed: Bed, name: str, fits: Callable[[list[Row]], bool] = lambda rows: True) -> str:
    """A film that nothing has touched and whose rows fit: its picture, relative to the root."""
    films = sorted({row.image_id.removeprefix("buu:") for row in bed.truth})
    whole = [film for film in films if film not in bed.taken and fits(_read(bed, film))]
    return bed.choose(name, [(film,) for film in whole])[0]


def _patient(bed: Bed, name: str) -> tuple[str, tuple[str, ...]]:
    """A patient of whom no film is touched: number, and pictures relative to the root."""
    films: dict[str, set[str]] = {}
    for row in bed.truth:
        films.setdefault(row.study_id, set()).add(row.image_id.removeprefix("buu:"))
    chosen = bed.choose(name, [tuple(sorted(group)) for group in films.values()])
    return Path(chosen[0]).name[:4], chosen


def _slipped(rows: list[Row]) -> bool:
    return any(row[CLASS] != "0" for row in rows)


def _table_of(film: str) -> Path:
    return Path(film).with_suffix(".csv")


def _table(bed: Bed, film: str) -> Path:
    return bed.root / _table_of(film)


def _read(bed: Bed, film: str) -> list[Row]:
    return [line.split(",") for line in _table(bed, film).read_text("utf-8").splitlines()]


def _write(bed: Bed, film: str, rows: list[Row]) -> str:
    """Write a film's table back; returns the film."""
    text = "".join(",".join(row) + "\n" for row in rows)
    _table(bed, film).write_text(text, encoding="utf-8")
    return film
