"""CSXA's datasets.xlsx as typed rows; what cannot be typed goes to the ledger.

Only two of its headers are known word for word, so columns are found by the patterns of
`data/sources/csxa_headers.csv`, and codes by what their own header says they mean.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spinebench.errors import DataError
from spinebench.sources.csvfile import load_data_rows, parse_number
from spinebench.sources.xlsxfile import XlsxSheet, read_xlsx
from spinebench.tables import Ledger

SHEET_FILE = "datasets.xlsx"
NORMAL = "normal"  # meaning of a word that says that nothing is wrong
_HEADER_WITHIN = 20  # rows from the top: a title, a licence, a legend may stand above the header
_REQUIRED = ("number", "curvature")
# "1.Lordotic, 2.Straight, 3.Sigmoid1": a digit belongs to the word unless it is the next code
_CODE = re.compile(
    r"(?<![\w.])(\d{1,2})\s*[.:=)]\s*([A-Za-z][A-Za-z -]*(?:\d(?!\s*[.:=]|\)\s*[A-Za-z]))?)"
)
_LARGEST_NUMBER = 9999  # four digits of the file's name
_SPACING_MM = (0.01, 2.0)  # of a radiograph, with room


@dataclass(frozen=True, slots=True)
class Word:
    """What a cell says: the source's own word and its meaning (see csxa_vocabulary.csv)."""

    word: str
    meaning: str


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One row of the sheet: one case."""

    file: str  # the sheet's, relative to the root
    row: int  # as Excel numbers it
    number: int
    curvature: Word | None  # None: empty, or no known word
    curvature_text: str  # the cell as written
    disease: Word | None
    sex: str | None
    age_years: float | None
    spacing_mm: float | None

    @property
    def says(self) -> tuple[object, ...]:
        """All that it states, without its place and how it is written."""
        statements = (self.curvature, self.disease, self.sex, self.age_years, self.spacing_mm)
        return (self.number, *statements)


@dataclass(frozen=True, slots=True)
class Column:
    """One column that was found, with the words of its codes."""

    index: int
    header: str
    codes: dict[str, Word]  # by code as a text


def read_cases(root: Path, file: str, ledger: Ledger) -> tuple[list[CaseRow], set[int]]:
    """(cases that can be used, numbers that any row names).

    Dropped: rows without a case number, rows that repeat another, all rows of a case that
    contradict one another, and rows that say neither a shape nor that nothing is wrong. Raises
    DataError for a workbook that cannot be read or lacks a column.
    """
    sheet, header_row = _find_header(read_xlsx(root, file), file)
    columns = _find_columns(sheet, header_row, file, ledger)
    cases: list[CaseRow] = []
    unknown: Counter[str] = Counter()
    for row, cells in enumerate(sheet.rows[header_row:], start=header_row + 1):
        if not any(cells):
            continue
        ledger.count_read(file)
        number = _parse_number(cells[columns["number"].index])
        if number is None:
            ledger.drop(file, row, "malformed_id", "no case number of one to four digits")
            continue
        cases.append(_parse_case(file, row, number, cells, columns, unknown))
    for reason, times in sorted(unknown.items()):
        ledger.drop(file, None, reason, f"{times} rows")
    named = {case.number for case in cases}
    return _drop_shapeless(_drop_repeated(cases, ledger), ledger), named


# --- columns -----------------------------------------------------------------------------------


def _find_header(sheets: Sequence[XlsxSheet], file: str) -> tuple[XlsxSheet, int]:
    """The sheet with the cases and the row (from 1) of its header: the first that names both."""
    for sheet in sheets:
        for row, cells in enumerate(sheet.rows[:_HEADER_WITHIN], start=1):
            if len(_found(cells)) == len(_REQUIRED):
                return sheet, row
    raise _no_header(sheets, file)


def _no_header(sheets: Sequence[XlsxSheet], file: str) -> DataError:
    """What to say: the likeliest header is the row that has most of it, then most words."""
    rows = [
        (sheet.name, row, cells)
        for sheet in sheets
        for row, cells in enumerate(sheet.rows[:_HEADER_WITHIN], start=1)
        if any(cells)
    ]
    if not rows:
        return DataError(file=file, found="no cells", expected="columns Number and Curvature")
    name, row, cells = max(rows, key=lambda found: (len(_found(found[2])), _words(found[2])))
    missing = [field for field in _REQUIRED if field not in _found(cells)]
    return DataError(
        file=file,
        place=f"sheet {name[:40]}, row {row}",
        field=f"column {missing[0].capitalize()}",
        found=_short([cell for cell in cells if cell]),
        expected="columns Number and Curvature: 1.Lordotic, 2.Straight, ... in one row",
    )


def _found(cells: Sequence[str]) -> list[str]:
    return [field for field in _REQUIRED if _match(field, cells)]


def _words(cells: Sequence[str]) -> int:
    return sum(parse_number(cell) is None for cell in cells if cell)


def _find_columns(
    sheet: XlsxSheet, header_row: int, file: str, ledger: Ledger
) -> dict[str, Column]:
    """Columns by field. Raises DataError where a required one stands there twice."""
    headers = sheet.rows[header_row - 1]
    columns: dict[str, Column] = {}
    for field in ("number", "curvature", "disease", "sex", "age", "spacing"):
        places = _match(field, headers)
        if field == "disease" and not places:
            places = _find_by_content(sheet.rows[header_row:], taken=columns)
        found = _short([headers[place] for place in places])
        if len(places) == 1:
            header = headers[places[0]]
            columns[field] = Column(places[0], header, _parse_codes(field, header))
        elif places and field in _REQUIRED:
            raise DataError(
                file=file,
                place=header_row,
                field=f"column {field.capitalize()}",
                found=f"{len(places)} columns that may be it: {found}",
                expected="one",
            )
        elif places:
            ledger.drop(file, None, f"{field}_column_ambiguous", found)
        else:
            ledger.drop(file, None, f"{field}_column_missing", "no header that says it")
    return columns


@cache
def _load_patterns() -> dict[str, dict[int, list[re.Pattern[str]]]]:
    """Patterns by field and tier."""
    patterns: dict[str, dict[int, list[re.Pattern[str]]]] = defaultdict(lambda: defaultdict(list))
    for row in load_data_rows("csxa_headers.csv"):
        pattern = re.compile(row["pattern"], re.IGNORECASE)
        patterns[row["field"]][int(row["tier"])].append(pattern)
    return patterns


def _match(field: str, headers: Sequence[str]) -> list[int]:
    """Places of the headers that fit the lowest tier that fits any."""
    tidy = [re.sub(r"\s+", " ", header).strip() for header in headers]
    for _, patterns in sorted(_load_patterns()[field].items()):
        fits = [
            place
            for place, header in enumerate(tidy)
            if header and any(pattern.search(header) for pattern in patterns)
        ]
        if fits:
            return fits
    return []


def _find_by_content(rows: Sequence[Sequence[str]], taken: dict[str, Column]) -> list[int]:
    """Columns whose every cell is a word for disease or health."""
    places = {column.index for column in taken.values()}
    found = []
    for place in range(len(rows[0]) if rows else 0):
        cells = {row[place] for row in rows} - {""}
        if place not in places and cells and all(_look_up("disease", cell) for cell in cells):
            found.append(place)
    return found


# --- words -------------------------------------------------------------------------------------


@cache
def _load_vocabulary() -> dict[str, list[dict[str, str]]]:
    """Rows of the vocabulary by column, the longest word first."""
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in sorted(load_data_rows("csxa_vocabulary.csv"), key=lambda row: -len(row["word"])):
        rows[row["column"]].append(row)
    return rows


def _look_up(column: str, text: str) -> Word | None:
    """What a word of a cell or of a header's explanation means."""
    tidy = re.sub(r"\s+", " ", text).strip().casefold()
    for row in _load_vocabulary()[column]:
        # a shape is known by its stem; "healthy" must stand alone, as it makes a normal
        if tidy == row["word"] or (column == "curvature" and tidy.startswith(row["word"])):
            return Word(text.strip(), row["meaning"])
    return None


def _parse_codes(field: str, header: str) -> dict[str, Word]:
    """Codes that a header explains ("1.Lordotic, 2.Straight"), else those that are published."""
    codes = {}
    for code, text in _CODE.findall(header):
        word = _look_up(field, text)
        if word is not None:
            codes[code] = word
    if not codes:
        for row in _load_vocabulary()[field]:
            if row["code"]:
                codes[row["code"]] = Word(row["word"].capitalize(), row["meaning"])
    return codes


def _read_word(field: str, cells: Sequence[str], columns: dict[str, Column]) -> Word | None:
    if field not in columns:
        return None
    text = cells[columns[field].index]
    number = parse_number(text)
    if number is not None and number.is_integer():
        return columns[field].codes.get(str(int(number)))
    return _look_up(field, text)


# --- rows --------------------------------------------------------------------------------------


def _parse_number(text: str) -> int | None:
    number = parse_number(text)
    if number is None or not number.is_integer() or not 0 <= number <= _LARGEST_NUMBER:
        return None
    return int(number)


def _parse_case(
    file: str,
    row: int,
    number: int,
    cells: Sequence[str],
    columns: dict[str, Column],
    unknown: Counter[str],
) -> CaseRow:
    """The typed row; `unknown` counts cells of its further columns that say nothing known."""
    words = {field: _read_word(field, cells, columns) for field in ("curvature", "disease", "sex")}
    age = _read_quantity("age", cells, columns, 0.0, 130.0)
    spacing = _read_quantity("spacing", cells, columns, *_SPACING_MM)
    values = {"disease": words["disease"], "sex": words["sex"], "age": age, "spacing": spacing}
    for field, value in values.items():
        if value is None and field in columns and cells[columns[field].index]:
            unknown[f"unknown_{field}"] += 1
    return CaseRow(
        file=file,
        row=row,
        number=number,
        curvature=words["curvature"],
        curvature_text=cells[columns["curvature"].index],
        disease=words["disease"],
        sex=None if words["sex"] is None else words["sex"].meaning,
        age_years=age,
        spacing_mm=spacing,
    )


def _read_quantity(
    field: str, cells: Sequence[str], columns: dict[str, Column], low: float, high: float
) -> float | None:
    number = parse_number(cells[columns[field].index]) if field in columns else None
    return number if number is not None and low <= number <= high else None


def _drop_repeated(cases: list[CaseRow], ledger: Ledger) -> list[CaseRow]:
    """One row for each case: the first of rows that say the same, none of rows that do not."""
    of_number: dict[int, list[CaseRow]] = defaultdict(list)
    for case in cases:
        of_number[case.number].append(case)
    kept = []
    for rows in of_number.values():
        first = rows[0]
        if len({row.says for row in rows}) == 1:
            kept.append(first)
            for row in rows[1:]:
                ledger.drop(row.file, row.row, "duplicate_row", f"as row {first.row}")
        else:
            names = ", ".join(str(row.row) for row in rows)
            for row in rows:
                ledger.drop(row.file, row.row, "contradictory_rows", f"one case in rows {names}")
    return sorted(kept, key=lambda case: case.row)


def _drop_shapeless(cases: list[CaseRow], ledger: Ledger) -> list[CaseRow]:
    kept = []
    for case in cases:
        normal = case.disease is not None and case.disease.meaning == NORMAL
        if case.curvature is None:
            detail = f"{case.curvature_text[:40] or 'an empty cell'} is none of the shapes"
            ledger.drop(case.file, None if normal else case.row, "no_curvature", detail)
        if case.curvature is not None or normal:
            kept.append(case)
    return kept


def _short(names: Sequence[str], most: int = 6) -> str:
    shown = ", ".join(name[:80] for name in names[:most])
    return f"{shown}, ... {len(names)} in all" if len(names) > most else shown
