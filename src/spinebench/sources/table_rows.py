"""A table of one's own as typed rows: one statement about one image each, or the reason why not."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath, PureWindowsPath
from typing import cast

from spinebench.anatomy.diseases import CLASSES, HEALTHY, find_disease, list_disease_words
from spinebench.anatomy.levels import parse_level, parse_side
from spinebench.errors import UsageError
from spinebench.imaging.header import parse_age_years
from spinebench.records import Grade, Modality, SideName, View
from spinebench.sources.base import UNKNOWN_DISEASE
from spinebench.sources.csvfile import CsvRow, load_data_rows, parse_number

REQUIRED = ("image", "disease")
OPTIONAL = (
    "patient",
    "level",
    "side",
    "grade",
    "view",
    "study",
    "series",
    "modality",
    "sequence",
    "frame",
    "rater",
    "age",
    "sex",
    "spacing",
    "box",
    "point",
)
COLUMNS = (*REQUIRED, *OPTIONAL)

_EMPTY = frozenset({"", "nan", "none", "null", "na", "n/a"})
_NUMBERS = re.compile(r"[\s,;x×\[\]()]+", re.IGNORECASE)
_OLDEST_YEARS = 120.0
_COARSEST_MM = 20.0


class Dropped(Exception):  # noqa: N818 - not an error: the row goes to the ledger
    """A row that cannot be used."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row, typed. None: the cell is empty or there is no such column."""

    row: int
    path: str  # normal form, relative to the image folder, "/" between its parts
    frame: int | None
    disease: str | None  # one of the 11, None = explicit normal
    grade: Grade
    level: str | None
    side: SideName | None
    rater: str | None
    box_px: tuple[float, ...] | None
    point_px: tuple[float, ...] | None
    words: str  # the label as written
    patient: str | None
    study: str | None
    series: str | None
    modality: Modality | None
    view: View | None
    sequence: str | None
    age_years: float | None
    sex: str | None
    spacing_mm: tuple[float, float] | None
    notes: tuple[str, ...]  # what was not understood and is no reason to drop the row

    @property
    def statement(self) -> tuple[object, ...]:
        """What the row is about; two rows that differ in the grade only contradict each other."""
        return (self.path, self.frame, self.view, self.disease, self.level, self.side, self.rater)


def parse_row(line: CsvRow, names: Mapping[str, str]) -> TableRow:
    """The row; `names` gives the table's own name of each of our columns that it has.

    Raises Dropped.
    """
    cells = {ours: line.cells[theirs] for ours, theirs in names.items()}
    path = parse_path(cells["image"])
    disease, said_side = _parse_disease(_cell(cells, "disease"))
    grade = _parse_grade(_cell(cells, "grade", keep_none=True))
    level = _parse_level(_cell(cells, "level"))
    side = _parse_side(_cell(cells, "side"), said_side)
    if disease is None:
        grade = _check_normal(cells, grade, level, side)
    notes: list[str] = []
    spacing = _parse_spacing(_cell(cells, "spacing"), notes)
    return TableRow(
        row=line.row,
        path=path,
        frame=_parse_frame(_cell(cells, "frame")),
        disease=disease,
        grade=grade,
        level=level,
        side=side,
        rater=_cell(cells, "rater"),
        box_px=_parse_box(_cell(cells, "box")),
        point_px=_parse_point(_cell(cells, "point")),
        words=_words(cells),
        patient=_cell(cells, "patient"),
        study=_cell(cells, "study"),
        series=_cell(cells, "series"),
        modality=cast(Modality | None, _look_up("modality", _cell(cells, "modality"))),
        view=cast(View | None, _look_up("view", _cell(cells, "view"))),
        sequence=_cell(cells, "sequence"),
        age_years=_parse_age(_cell(cells, "age"), notes),
        sex=_parse_sex(_cell(cells, "sex"), notes),
        spacing_mm=spacing,
        notes=tuple(notes),
    )


def parse_doubtful(cells: Mapping[str, str]) -> tuple[str | None, str | None]:
    """(disease, level) of a row that was dropped: UNKNOWN_DISEASE for a word that is none, None for
    a normal; the level as far as it can be read.
    """
    try:
        disease, _ = _parse_disease(_cell(cells, "disease"))
    except Dropped:
        disease = UNKNOWN_DISEASE
    try:
        level = _parse_level(_cell(cells, "level"))
    except Dropped:
        level = None
    return disease, level


def parse_path(text: str) -> str:
    """Normal form of a path inside the folder. Raises Dropped for any that leads out of it.

    A backslash parts folders too, as tables written on Windows have it.
    """
    if not text:
        raise Dropped("no_image", "the cell is empty")
    path = PurePosixPath(text.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(text).drive or ".." in path.parts:
        raise Dropped("path_outside_folder", "an absolute path, or one with ..")
    if "\0" in text or not path.parts:
        raise Dropped("no_image", "no file name")
    return path.as_posix()


def find_word(field: str, text: str) -> str | None:
    """Value of a word of `data/sources/table_words.csv`, or None for words not in it."""
    return _words_of()[field].get(_plain(text))


@cache
def _words_of() -> dict[str, dict[str, str]]:
    words: dict[str, dict[str, str]] = {}
    for row in load_data_rows("table_words.csv"):
        words.setdefault(row["field"], {})[row["word"]] = row["value"]
    return words


def _plain(text: str) -> str:
    return re.sub(r"[\s_]+", " ", text).strip().casefold()


def _cell(cells: Mapping[str, str], name: str, *, keep_none: bool = False) -> str | None:
    """The cell, or None where it says nothing. `none` is a grade, and nothing anywhere else."""
    text = cells.get(name, "")
    word = text.casefold()
    return text if word not in _EMPTY or (keep_none and word == "none") else None


def _parse_disease(text: str | None) -> tuple[str | None, SideName | None]:
    """(disease or None for an explicit normal, side that the label carries)."""
    if text is None:
        raise Dropped("no_disease", "the cell is empty; an explicit normal is written Healthy")
    if _plain(text) in _words_of()["normal"]:
        return None, None
    found = find_disease(text)
    if found is None:
        raise Dropped("unknown_disease", f"{text[:40]!r}{_hint(text)}")
    side: SideName | None = None if found.side is None else found.side.value
    return (None if found.disease == HEALTHY else found.disease), side


def _hint(text: str) -> str:
    known = {_plain(words.words): words.words for words in list_disease_words()}
    near = difflib.get_close_matches(_plain(text)[:80], known, n=1, cutoff=0.6)
    return f"; near {known[near[0]]!r}" if near else f"; known are {', '.join(CLASSES)}"


def _parse_grade(text: str | None) -> Grade:
    if text is None:
        return "ungraded"
    number = parse_number(text)
    word = str(int(number)) if number is not None and number.is_integer() else text
    value = find_word("grade", word)
    if value is None:
        raise Dropped("unknown_grade", f"{text[:40]!r}; known are {_known('grade')}")
    return cast(Grade, value)


def _parse_level(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(parse_level(text))
    except UsageError:
        raise Dropped("unknown_level", f"{text[:40]!r}; one like L4 or L4/L5") from None


def _parse_side(text: str | None, said: SideName | None) -> SideName | None:
    if text is None:
        return said
    try:
        side: SideName = parse_side(text).value
    except UsageError:
        raise Dropped("unknown_side", f"{text[:40]!r}") from None
    if said is not None and side != said:
        raise Dropped("side_contradicts_disease", f"{side}, but the label says {said}")
    return side


def _check_normal(
    cells: Mapping[str, str], grade: Grade, level: str | None, side: SideName | None
) -> Grade:
    """Grade of an explicit normal, which is of the whole image and has no place in it."""
    if grade not in ("none", "ungraded"):
        raise Dropped("normal_with_grade", f"a normal that is {grade}")
    if level or side or _cell(cells, "box") or _cell(cells, "point"):
        detail = "a normal has no place; to rule one disease out there, name it with grade none"
        raise Dropped("normal_with_place", detail)
    return "none"


def _parse_frame(text: str | None) -> int | None:
    if text is None:
        return None
    number = parse_number(text)
    if number is None or not number.is_integer() or number < 0:
        raise Dropped("malformed_frame", f"{text[:20]!r}; frames count from 0")
    return int(number)


def _parse_floats(text: str) -> list[float] | None:
    numbers = [parse_number(part) for part in _NUMBERS.split(text) if part]
    return None if None in numbers else cast(list[float], numbers)


def _parse_point(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    numbers = _parse_floats(text)
    if numbers is None or len(numbers) != 2:
        raise Dropped("malformed_point", f"{text[:40]!r}; two numbers: x y")
    return tuple(numbers)


def _parse_box(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    numbers = _parse_floats(text)
    if numbers is None or len(numbers) != 4:
        raise Dropped("malformed_box", f"{text[:40]!r}; four numbers: xmin ymin xmax ymax")
    if numbers[0] >= numbers[2] or numbers[1] >= numbers[3]:
        raise Dropped("empty_box", f"{text[:40]!r}")
    return tuple(numbers)


def _parse_spacing(text: str | None, notes: list[str]) -> tuple[float, float] | None:
    if text is None:
        return None
    numbers = _parse_floats(text) or []
    if len(numbers) in (1, 2) and all(0 < number <= _COARSEST_MM for number in numbers):
        return numbers[0], numbers[-1]
    notes.append("spacing not understood")
    return None


def _parse_age(text: str | None, notes: list[str]) -> float | None:
    if text is None:
        return None
    years = parse_number(text)
    if years is None:
        years = parse_age_years(text, [])
    if years is not None and 0 <= years <= _OLDEST_YEARS:
        return years
    notes.append("age not understood")  # never its value
    return None


def _parse_sex(text: str | None, notes: list[str]) -> str | None:
    if text is None:
        return None
    sex = find_word("sex", text)
    if sex is None:
        notes.append("sex not understood")
    return sex


def _look_up(field: str, text: str | None) -> str | None:
    if text is None:
        return None
    value = find_word(field, text)
    if value is None:
        raise Dropped(f"unknown_{field}", f"{text[:40]!r}; known are {_known(field)}")
    return value


def _known(field: str) -> str:
    return ", ".join(_words_of()[field])


def _words(cells: Mapping[str, str]) -> str:
    grade = _cell(cells, "grade", keep_none=True)
    return cells["disease"] if grade is None else f"{cells['disease']}: {grade}"
