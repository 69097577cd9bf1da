"""The tables of RSNA 2024 as typed rows. What cannot be typed goes to the ledger at once."""

import re
from dataclasses import dataclass
from pathlib import Path

from spinebench.errors import DataError
from spinebench.records import Grade, SideName, View
from spinebench.sources.csvfile import CsvRow, CsvTable, load_data_rows, parse_number, read_csv
from spinebench.sources.spelling import Vocabulary, note_blanks
from spinebench.tables import Ledger

GRADES_FILE = "train.csv"
POINTS_FILE = "train_label_coordinates.csv"
SERIES_FILE = "train_series_descriptions.csv"
# files of the layout that hold no label that is public
UNLABELLED_FILES = ("test_series_descriptions.csv", "sample_submission.csv")

LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
# Normal and mild are one class in the source and not to be told apart: `none` is "not abnormal",
# and `Finding.source_words` keeps what was written.
GRADE_OF_WORD: dict[str, Grade] = {
    "Normal/Mild": "none",
    "Moderate": "moderate",
    "Severe": "severe",
}
VIEW_OF_SERIES: dict[str, tuple[View, str]] = {
    "Sagittal T1": ("SAG", "T1"),
    "Sagittal T2/STIR": ("SAG", "T2/STIR"),
    "Axial T2": ("AX", "T2"),
}
_ID = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the five conditions as the source names them."""

    name: str
    disease: str
    side: SideName | None
    series_description: str  # of the series that it is marked on

    def column(self, level: str) -> str:
        """Column of train.csv that holds its grade at a level ("L4/L5")."""
        return f"{self.name} {level}".lower().replace(" ", "_").replace("/", "_")


@dataclass(frozen=True, slots=True)
class Cell:
    """One readable grade of train.csv."""

    row: int
    column: str
    word: str  # one of GRADE_OF_WORD


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One row of train_series_descriptions.csv."""

    row: int
    study: str
    series: str
    description: str


@dataclass(frozen=True, slots=True)
class PointRow:
    """One row of train_label_coordinates.csv."""

    row: int
    study: str
    series: str
    instance: int
    condition: Condition
    level: str
    x_px: float
    y_px: float

    @property
    def path(self) -> str:
        """Image file, relative to the root."""
        return f"train_images/{self.study}/{self.series}/{self.instance}.dcm"

    @property
    def key(self) -> tuple[str, str]:
        """Study, and column of train.csv that holds its grade."""
        return self.study, self.condition.column(self.level)


def load_conditions() -> dict[str, Condition]:
    """The five conditions by the source's name."""
    sides: dict[str, SideName | None] = {"left": "left", "right": "right", "": None}
    return {
        row["condition"]: Condition(
            row["condition"], row["disease"], sides[row["side"]], row["series_description"]
        )
        for row in load_data_rows("rsna_vocabulary.csv")
    }


def grade_columns(conditions: dict[str, Condition]) -> list[str]:
    """The 25 grade columns of train.csv in their published order."""
    return [condition.column(level) for condition in conditions.values() for level in LEVELS]


def read_grades(
    root: Path, ledger: Ledger, conditions: dict[str, Condition]
) -> tuple[dict[tuple[str, str], Cell], dict[str, int]]:
    """(readable grades by study and column, row of each study), from train.csv by cell.

    Dropped: cells of malformed or repeated rows, empty cells, words that are no grade.
    """
    columns = grade_columns(conditions)
    table = read_csv(root, GRADES_FILE, ["study_id", *columns])
    ledger.count_read(GRADES_FILE, table.units * len(columns))
    note_blanks(table, ledger)
    words = Vocabulary("grade", GRADE_OF_WORD)
    for row, found in table.malformed:
        _drop_cells(ledger, row, columns, "malformed_row", found)
    grades: dict[tuple[str, str], Cell] = {}
    first_row: dict[str, int] = {}
    for line in table.rows:
        study = line.cells["study_id"]
        if not _ID.fullmatch(study):
            _drop_cells(ledger, line.row, columns, "malformed_id", "study_id is no whole number")
        elif study in first_row:
            where = f"study {study} stands in row {first_row[study]}"
            _drop_cells(ledger, line.row, columns, "duplicate_row", where)
        else:
            first_row[study] = line.row
            for column in columns:
                _read_cell(ledger, line, column, words, grades)
    words.note(GRADES_FILE, ledger)
    return grades, first_row


def _read_cell(
    ledger: Ledger,
    line: CsvRow,
    column: str,
    words: Vocabulary,
    grades: dict[tuple[str, str], Cell],
) -> None:
    study, text = line.cells["study_id"], line.cells[column]
    word = words.find(text)
    if word is not None:
        grades[study, column] = Cell(line.row, column, word)
    elif not text or text.lower() == "nan":
        ledger.drop(GRADES_FILE, line.row, "empty_cell", f"study {study}", column)
    else:
        ledger.drop(GRADES_FILE, line.row, "unknown_grade", f"study {study}: {text[:40]}", column)


def _drop_cells(ledger: Ledger, row: int, columns: list[str], reason: str, detail: str) -> None:
    for column in columns:
        ledger.drop(GRADES_FILE, row, reason, detail, column)


def read_series(
    root: Path, ledger: Ledger
) -> tuple[dict[tuple[str, str], SeriesRow], dict[tuple[str, str], str]]:
    """(usable series by study and series, reason for each that is not), by row.

    Dropped: malformed and repeated rows, unknown descriptions, a series id in two studies (whose
    picture is it?).
    """
    table = read_csv(root, SERIES_FILE, ["study_id", "series_id", "series_description"])
    _count(ledger, table)
    words = Vocabulary("series_description", VIEW_OF_SERIES)
    usable: dict[tuple[str, str], SeriesRow] = {}
    refused: dict[tuple[str, str], str] = {}
    studies_of: dict[str, set[str]] = {}
    for line in table.rows:
        key = (line.cells["study_id"], line.cells["series_id"])
        text = line.cells["series_description"]
        if not all(_ID.fullmatch(part) for part in key):
            ledger.drop(SERIES_FILE, line.row, "malformed_id", "an id is no whole number")
            continue
        if key in usable or key in refused:
            ledger.drop(SERIES_FILE, line.row, "duplicate_row", f"series {key[1]} again")
            continue
        studies_of.setdefault(key[1], set()).add(key[0])
        description = words.find(text)
        if description is not None:
            usable[key] = SeriesRow(line.row, *key, description)
        else:
            refused[key] = "unknown_series_description"
            ledger.drop(SERIES_FILE, line.row, refused[key], text[:40])
    words.note(SERIES_FILE, ledger)
    for key in [key for key in usable if len(studies_of[key[1]]) > 1]:
        refused[key] = "series_in_two_studies"
        studies = ", ".join(sorted(studies_of[key[1]]))
        ledger.drop(SERIES_FILE, usable.pop(key).row, refused[key], f"series {key[1]}: {studies}")
    return usable, refused


def read_points(root: Path, ledger: Ledger, conditions: dict[str, Condition]) -> list[PointRow]:
    """Rows of train_label_coordinates.csv that can be typed, in their order.

    Dropped: malformed rows, ids and coordinates, unknown conditions and levels, and a second row
    for the same study, condition and level.
    """
    names = ["study_id", "series_id", "instance_number", "condition", "level", "x", "y"]
    table = read_csv(root, POINTS_FILE, names)
    _count(ledger, table)
    points: list[PointRow] = []
    words = (Vocabulary("condition", conditions), Vocabulary("level", LEVELS))
    first_row: dict[tuple[str, str], int] = {}
    for line in table.rows:
        point = _parse_point(line, conditions, *words)
        if not isinstance(point, PointRow):
            ledger.drop(POINTS_FILE, line.row, *point)
        elif point.key in first_row:
            where = f"study {point.study}, {point.key[1]}: as row {first_row[point.key]}"
            ledger.drop(POINTS_FILE, line.row, "duplicate_row", where)
        else:
            first_row[point.key] = line.row
            points.append(point)
    for vocabulary in words:
        vocabulary.note(POINTS_FILE, ledger)
    return points


def _parse_point(
    line: CsvRow, conditions: dict[str, Condition], names: Vocabulary, levels: Vocabulary
) -> PointRow | tuple[str, str]:
    """The row, or (reason, detail)."""
    cells = line.cells
    for name in ("study_id", "series_id", "instance_number"):
        if not _ID.fullmatch(cells[name]):
            return "malformed_id", f"{name} is no whole number: {cells[name][:40]}"
    condition, level = names.find(cells["condition"]), levels.find(cells["level"])
    if condition is None:
        return "unknown_condition", cells["condition"][:40]
    if level is None:
        return "unknown_level", cells["level"][:40]
    x_px, y_px = parse_number(cells["x"]), parse_number(cells["y"])
    if x_px is None or y_px is None:
        return "malformed_coordinate", f"x {cells['x'][:20]!r}, y {cells['y'][:20]!r}"
    return PointRow(
        line.row,
        cells["study_id"],
        cells["series_id"],
        int(cells["instance_number"]),
        conditions[condition],
        level,
        x_px,
        y_px,
    )


def drop_unlabelled(root: Path, ledger: Ledger) -> None:
    """Count and drop the rows of the files for the hidden test set, where they are there."""
    for file in UNLABELLED_FILES:
        if not (root / file).exists():
            continue
        try:
            table = read_csv(root, file, [])
        except DataError as error:  # nothing rests on it: a note, not an end
            ledger.drop(file, None, "unreadable_file", f"found {error.found}")
            continue
        ledger.count_read(file, table.units)
        for row in sorted([line.row for line in table.rows] + [row for row, _ in table.malformed]):
            ledger.drop(file, row, "no_labels", "the test set's labels are not public")


def _count(ledger: Ledger, table: CsvTable) -> None:
    ledger.count_read(table.file, table.units)
    note_blanks(table, ledger)
    for row, found in table.malformed:
        ledger.drop(table.file, row, "malformed_row", found)
