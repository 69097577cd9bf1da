"""Defects of CSXA that can be planted. The list and its sources: docs/sources.md."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spinebench.phantom.csxa_workbook import (
    AGE,
    CURVATURE,
    DISEASE,
    FIRST_ROW,
    NUMBER,
    Cell,
    write_workbook,
)
from spinebench.phantom.defect_bed import Bed, defect
from spinebench.phantom.write_csxa import FILM_FOLDER, LANDMARK_FOLDER, MOST_PATIENTS
from spinebench.sources.csvfile import parse_number
from spinebench.sources.csxa_sheet import SHEET_FILE
from spinebench.sources.xlsxfile import read_xlsx

_NESTED = 100_000


# --- the sheet ---------------------------------------------------------------------------------


@defect("csxa", "row_without_image")
def plant_row_without_image(bed: Bed) -> str:
    """The sheet has a case without a film."""
    with _edited_sheet(bed) as rows:
        number = _free_number(rows)
        rows.append([number, *rows[0][1:]])
    return f"{number:04d}"


@defect("csxa", "files_without_rows")
def plant_image_without_row(bed: Bed) -> str:
    """A film's case does not stand in the sheet."""
    stem = _choose(bed, "image_without_row")
    with _edited_sheet(bed) as rows:
        rows.remove(_row_of(rows, stem))
    return _film(stem)


@defect("csxa", "no_curvature")
def plant_no_curvature(bed: Bed) -> str:
    """A case that is not healthy has no number for its shape."""
    with _edited_sheet(bed) as rows:
        ill = {row[NUMBER] for row in rows if row[DISEASE] == 1}
        stem = _choose(bed, "no_curvature", lambda stem: int(stem[:4]) in ill)
        _row_of(rows, stem)[CURVATURE] = "unclear"
    return _film(stem)


@defect("csxa", "age_in_name_disagrees")
def plant_age_disagrees(bed: Bed) -> str:
    """The age in a film's name is not the sheet's."""
    stem = _choose(bed, "age_disagrees")
    with _edited_sheet(bed) as rows:
        row = _row_of(rows, stem)
        row[AGE] = int(row[AGE] or 0) + 1
    return _film(stem)


@defect("csxa", "duplicate_row")
def plant_duplicate_row(bed: Bed) -> str:
    """A case stands in the sheet twice, in the same words."""
    stem = _choose(bed, "duplicate_row")
    with _edited_sheet(bed) as rows:
        row = _row_of(rows, stem)
        rows.insert(rows.index(row) + 1, list(row))
    return _film(stem)


@defect("csxa", "contradictory_rows")
def plant_contradictory_rows(bed: Bed) -> str:
    """A case stands in the sheet twice, with two shapes."""
    stem = _choose(bed, "contradictory_rows")
    with _edited_sheet(bed) as rows:
        row = _row_of(rows, stem)
        other = 1 + int(row[CURVATURE] or 0) % 5
        rows.insert(rows.index(row) + 1, [*row[:CURVATURE], other, *row[CURVATURE + 1 :]])
    return _film(stem)


# --- landmark files ----------------------------------------------------------------------------


@defect("csxa", "duplicate_landmark")
def plant_duplicate_landmark(bed: Bed) -> str:
    """`C3 top right` stands there twice and `C3 top left` is missing, as in 2548130."""
    stem = _choose(bed, "duplicate_landmark")
    with _edited_drawing(bed, stem) as drawing:
        _shape(drawing, "C3 top left")["label"] = "C3 top right"
    return _film(stem)


@defect("csxa", "landmark_outside_image")
def plant_landmark_outside(bed: Bed) -> str:
    """A landmark lies beyond the edge of the film."""
    stem = _choose(bed, "landmark_outside")
    with _edited_drawing(bed, stem) as drawing:
        _shape(drawing, "C7 bottom left")["points"] = [[-12.5, drawing["imageHeight"] + 40.25]]
    return _film(stem)


@defect("csxa", "image_size_disagrees")
def plant_json_size(bed: Bed) -> str:
    """A landmark file gives another size than the film has."""
    stem = _choose(bed, "json_size")
    with _edited_drawing(bed, stem) as drawing:
        drawing["imageHeight"] += 16
    return _film(stem)


@defect("csxa", "landmarks_missing")
def plant_missing_json(bed: Bed) -> str:
    """A film has no landmark file."""
    stem = _choose(bed, "missing_json")
    _drawing_path(bed, stem).unlink()
    return _film(stem)


@defect("csxa", "unreadable_landmarks")
def plant_broken_json(bed: Bed) -> str:
    """A landmark file ends in the middle."""
    stem = _choose(bed, "broken_json")
    path = _drawing_path(bed, stem)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return _film(stem)


@defect("csxa", "unreadable_landmarks")
def plant_nested_json(bed: Bed) -> str:
    """A landmark file is 100,000 brackets, one in the other."""
    stem = _choose(bed, "nested_json")
    _drawing_path(bed, stem).write_text("[" * _NESTED + "]" * _NESTED)
    return _film(stem)


# --- films -------------------------------------------------------------------------------------


@defect("csxa", "unreadable_file")
def plant_truncated_file(bed: Bed) -> str:
    """A film ends in the middle of its pixels."""
    stem = _choose(bed, "truncated_file")
    path = bed.root / _film(stem)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return _film(stem)


@defect("csxa", "unreadable_file")
def plant_zero_byte_file(bed: Bed) -> str:
    """A film has 0 bytes."""
    stem = _choose(bed, "zero_byte_file")
    (bed.root / _film(stem)).write_bytes(b"")
    return _film(stem)


@defect("csxa", "identical_film")
def plant_identical_film(bed: Bed) -> str:
    """A film is there a second time, as that of another case with the same labels."""
    stem = _choose(bed, "identical_film")
    with _edited_sheet(bed) as rows:
        number = _free_number(rows)
        rows.append([number, *_row_of(rows, stem)[1:]])
    copy = f"{number:04d}{stem[4:]}"
    shutil.copyfile(bed.root / _film(stem), bed.root / _film(copy))
    shutil.copyfile(_drawing_path(bed, stem), _drawing_path(bed, copy))
    bed.added += [
        row._replace(
            image_id=f"csxa:{_film(copy)}",
            patient_id=f"csxa:{copy[:4]}",
            study_id=copy[:4],
            series_id=copy,
        )
        for row in bed.truth
        if row.series_id == stem
    ]
    return _film(copy)


@defect("csxa")
def plant_clutter(bed: Bed) -> str:
    """An archive unpacked on a Mac has left .DS_Store and its own shadows of files."""
    shadows = bed.root / "__MACOSX" / FILM_FOLDER
    shadows.mkdir(parents=True)
    for stem in _stems(bed):
        (shadows / f"._{stem}.png").write_bytes(b"\x00\x05\x16\x07")
    for folder in (bed.root, bed.root / FILM_FOLDER, bed.root / LANDMARK_FOLDER):
        (folder / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    return FILM_FOLDER


# --- places ------------------------------------------------------------------------------------


def _stems(bed: Bed) -> list[str]:
    """Names of all films, without the suffix."""
    return sorted(path.stem for path in (bed.root / FILM_FOLDER).glob("*.png"))


def _choose(bed: Bed, name: str, fits: Callable[[str], bool] = lambda stem: True) -> str:
    """The name of a film that no other defect has touched."""
    return bed.choose(name, ((stem,) for stem in _stems(bed) if fits(stem)))[0]


def _film(stem: str) -> str:
    return f"{FILM_FOLDER}/{stem}.png"


def _drawing_path(bed: Bed, stem: str) -> Path:
    return bed.root / LANDMARK_FOLDER / f"{stem}.json"


@contextmanager
def _edited_sheet(bed: Bed) -> Iterator[list[list[Cell]]]:
    """The rows of all cases, below the header; what is changed in them is written back."""
    (sheet,) = read_xlsx(bed.root, SHEET_FILE)
    rows: list[list[Cell]] = [[_cell(text) for text in row] for row in sheet.rows[FIRST_ROW - 1 :]]
    yield rows
    write_workbook(bed.root / SHEET_FILE, sheet.rows[FIRST_ROW - 2], rows)


def _cell(text: str) -> Cell:
    number = parse_number(text)
    if number is None:
        return text or None
    return int(number) if number.is_integer() else number


def _row_of(rows: list[list[Cell]], stem: str) -> list[Cell]:
    return next(row for row in rows if row[NUMBER] == int(stem[:4]))


def _free_number(rows: list[list[Cell]]) -> int:
    """The largest case number that no row has."""
    taken = {row[NUMBER] for row in rows}
    return next(number for number in range(MOST_PATIENTS, 0, -1) if number not in taken)


@contextmanager
def _edited_drawing(bed: Bed, stem: str) -> Iterator[dict[str, Any]]:
    """A LabelMe drawing whose changes are written back."""
    path = _drawing_path(bed, stem)
    drawing = json.loads(path.read_text(encoding="utf-8"))
    yield drawing
    path.write_text(json.dumps(drawing, indent=2, ensure_ascii=False), encoding="utf-8")


def _shape(drawing: dict[str, Any], label: str) -> dict[str, Any]:
    return next(shape for shape in drawing["shapes"] if shape["label"] == label)
