"""The annotation tables of VinDr-SpineXR as typed rows; what cannot be typed goes to the ledger."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from spinebench.sources.csvfile import CsvRow, load_data_rows, parse_number, read_csv
from spinebench.sources.spelling import Vocabulary, note_blanks
from spinebench.tables import Ledger

OfficialSplit = Literal["train", "test"]
SPLITS: tuple[OfficialSplit, ...] = ("train", "test")
NO_FINDING = "No finding"
COLUMNS = (
    "study_id",
    "series_id",
    "image_id",
    "rad_id",
    "lesion_type",
    "xmin",
    "ymin",
    "xmax",
    "ymax",
)
# The release has 32 hex digits; any name that is safe in a path is taken, as mirrors rename.
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class LesionRow:
    """One row of annotations/train.csv or annotations/test.csv."""

    split: OfficialSplit
    row: int
    study: str
    series: str
    image: str
    rater: str
    lesion: str
    box_px: Box | None  # (x_min, y_min, x_max, y_max) as written; None = all four empty

    @property
    def file(self) -> str:
        """The table it stands in."""
        return annotation_file(self.split)

    @property
    def path(self) -> str:
        """Image file, relative to the root."""
        return f"{self.split}_images/{self.image}.dicom"


def annotation_file(split: OfficialSplit) -> str:
    """Path of a split's table, relative to the root."""
    return f"annotations/{split}.csv"


def load_diseases() -> dict[str, str | None]:
    """Class of each lesion type as the source spells it; None for `No finding`."""
    return {
        row["lesion_type"]: row["disease"] or None for row in load_data_rows("vindr_vocabulary.csv")
    }


def read_lesions(
    root: Path, split: OfficialSplit, ledger: Ledger, lesions: frozenset[str]
) -> tuple[list[LesionRow], dict[tuple[str, str], int]]:
    """(rows of a split's table that can be typed, row of the others by image and lesion).

    Dropped: malformed rows, ids and boxes, unknown lesion types, lesions without a box, and rows
    that repeat another in every cell. Raises DataError for a table that cannot be read.
    """
    table = read_csv(root, annotation_file(split), COLUMNS)
    ledger.count_read(table.file, table.units)
    note_blanks(table, ledger)
    words = Vocabulary("lesion_type", lesions)
    for row, found in table.malformed:
        ledger.drop(table.file, row, "malformed_row", found)
    rows: list[LesionRow] = []
    untyped: dict[tuple[str, str], int] = {}
    first_row: dict[tuple[str, ...], int] = {}
    for raw in table.rows:
        word = words.find(raw.cells["lesion_type"]) or raw.cells["lesion_type"]
        line = replace(raw, cells=raw.cells | {"lesion_type": word})
        cells = tuple(line.cells[name] for name in COLUMNS)
        parsed = _parse_lesion(line, split, lesions)
        if not isinstance(parsed, LesionRow):
            ledger.drop(table.file, line.row, *parsed)
            untyped[line.cells["image_id"], line.cells["lesion_type"]] = line.row
        elif cells in first_row:
            ledger.drop(table.file, line.row, "duplicate_row", f"as row {first_row[cells]}")
        else:
            first_row[cells] = line.row
            rows.append(parsed)
    words.note(table.file, ledger)
    return rows, untyped


def _parse_lesion(
    line: CsvRow, split: OfficialSplit, lesions: frozenset[str]
) -> LesionRow | tuple[str, str]:
    """The row, or (reason, detail)."""
    cells = line.cells
    for name in ("study_id", "series_id", "image_id"):
        if not _ID.fullmatch(cells[name]):
            return "malformed_id", f"{name} is no identifier"
    lesion = cells["lesion_type"]
    if lesion not in lesions:
        return "unknown_lesion_type", lesion[:40]
    corners = [cells[name] for name in ("xmin", "ymin", "xmax", "ymax")]
    empty = all(text in ("", "nan", "NaN") for text in corners)
    numbers = [parse_number(text) for text in corners]
    box = tuple(number for number in numbers if number is not None)
    if empty and lesion != NO_FINDING:
        return "missing_box", lesion
    if not empty and lesion == NO_FINDING:
        return "no_finding_with_box", "an explicit normal has no place"
    if not empty and len(box) != 4:
        return "malformed_box", ", ".join(text[:12] or "empty" for text in corners)
    return LesionRow(
        split,
        line.row,
        cells["study_id"],
        cells["series_id"],
        cells["image_id"],
        cells["rad_id"],
        lesion,
        None if empty else (box[0], box[1], box[2], box[3]),
    )
