"""The published works' own results as data, each cell held against the formula of its paper.

What a paper prints stays as printed; a cell that its own formula contradicts is marked with what
the formula gives. These figures come from other questions and other runs: they are shown apart
from what is measured here, and take no part in any comparison.
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import resources

_HALF = 0.005  # a figure printed with two decimals lies within this of the true one
_SLACK = 1e-9  # of floating-point arithmetic


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One printed figure, in percent."""

    value: float | None  # None: not printed, or not known to us
    expected: float | None = None  # what the paper's formula gives, where it contradicts the value
    why: str = ""  # in words; empty where nothing contradicts


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """One model as the paper reports it."""

    version: str  # of the table: a date, or the paper's version
    model: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True, kw_only=True)
class PublishedTable:
    """One published table with its source, newest version first."""

    key: str  # results_2510_12267, ...
    title: str
    source: str
    columns: Mapping[str, str]  # heading by column
    rows: tuple[PublishedRow, ...]
    notes: tuple[str, ...]  # what holds for the table as a whole

    @property
    def latest(self) -> tuple[PublishedRow, ...]:
        """Rows of the newest version."""
        return tuple(row for row in self.rows if row.version == self.rows[0].version)

    @property
    def older(self) -> tuple[PublishedRow, ...]:
        """Rows of the versions before it."""
        return tuple(row for row in self.rows if row.version != self.rows[0].version)

    @property
    def marked(self) -> tuple[tuple[PublishedRow, str, Cell], ...]:
        """Every cell that contradicts its paper's formula, with its row and column."""
        return tuple(
            (row, column, cell)
            for row in self.rows
            for column, cell in row.cells.items()
            if cell.why
        )


def load_published() -> tuple[PublishedTable, ...]:
    """Both published result tables, every cell checked."""
    return (
        _load(
            "results_2510_12267",
            "SpineBench, arXiv 2510.12267: twelve models",
            {
                "diagnosis": "Diagnosis accuracy",
                "localization": "Localization exact set",
                "precision": "Localization precision",
                "recall": "Localization recall",
                "overall": "Overall",
            },
            check_overall_row,
            _denominator_notes,
        ),
        _load(
            "results_2510_03160",
            "SpineBench of SpineMed-450k, arXiv 2510.03160: Table 4",
            {
                "text": "Text questions",
                "image": "Image questions",
                "closed": "Both",
                "report": "Reports",
                "total": "Total",
            },
            check_weighted_row,
            lambda rows: (),
        ),
    )


def check_overall_row(values: Mapping[str, float | None]) -> dict[str, Cell]:
    """Cells of arXiv 2510.12267: overall is the mean of the two accuracies."""
    cells = {column: Cell(value=value) for column, value in values.items()}
    diagnosis, localization = values["diagnosis"], values["localization"]
    if diagnosis is not None and localization is not None:
        mean = (diagnosis + localization) / 2
        cells["overall"] = _held(
            cells["overall"], mean, f"the mean of {diagnosis:.2f} and {localization:.2f} is"
        )
    return cells


# questions by part of arXiv 2510.03160; every printed share of text and image but one fits them
PARTS = {"text": 294, "image": 193, "report": 87}


def check_weighted_row(values: Mapping[str, float | None]) -> dict[str, Cell]:
    """Cells of arXiv 2510.03160: shares of whole questions, and means weighted by their number."""
    cells = {column: Cell(value=value) for column, value in values.items()}
    both = PARTS["text"] + PARTS["image"]
    for column, size in (("text", PARTS["text"]), ("image", PARTS["image"]), ("closed", both)):
        value = values[column]
        if value is not None and not fits_count(value, size):
            cells[column] = replace(
                cells[column], why=f"no whole number of {size} questions gives {value:.2f}"
            )
    text, image, report = values["text"], values["image"], values["report"]
    closed = values["closed"]
    if text is not None and image is not None:
        mean = (PARTS["text"] * text + PARTS["image"] * image) / both
        words = f"{PARTS['text']} × {text:.2f} and {PARTS['image']} × {image:.2f} give"
        cells["closed"] = _held(cells["closed"], mean, words)
        closed = mean
    if closed is not None and report is not None:
        mean = (both * closed + PARTS["report"] * report) / (both + PARTS["report"])
        words = f"{both} × {closed:.2f} and {PARTS['report']} × {report:.2f} give"
        cells["total"] = _held(cells["total"], mean, words)
    return cells


def fits_count(value: float, questions: int) -> bool:
    """Whether some whole number of right answers out of `questions` prints as this percentage."""
    nearest = round(value * questions / 100)
    return abs(100 * nearest / questions - value) <= _HALF + _SLACK


def _held(cell: Cell, expected: float, words: str) -> Cell:
    """The cell, marked if no rounding of the printed parts gives its value."""
    if cell.value is None or abs(cell.value - expected) <= 2 * _HALF + _SLACK:
        return cell
    return replace(cell, expected=expected, why=f"{words} {expected:.2f}")


def _denominator_notes(rows: tuple[PublishedRow, ...]) -> tuple[str, ...]:
    """How many accuracies are no share of the questions that the authors state."""
    notes = []
    for column, name, sizes in (
        ("diagnosis", "diagnosis", (1758, 1128)),
        ("localization", "localization", (1000,)),
    ):
        values = [row.cells[column].value for row in rows if row.model != "Random"]
        known = [value for value in values if value is not None]
        misfits = [v for v in known if not any(fits_count(v, size) for size in sizes)]
        if misfits:
            notes.append(
                f"{len(misfits)} of the {len(known)} {name} accuracies are no whole number out of "
                f"{' or '.join(f'{size:,}' for size in sizes)} questions: how many each model "
                "answered is not reported."
            )
    return tuple(notes)


def _load(
    key: str,
    title: str,
    columns: Mapping[str, str],
    check: Callable[[Mapping[str, float | None]], dict[str, Cell]],
    note: Callable[[tuple[PublishedRow, ...]], tuple[str, ...]],
) -> PublishedTable:
    place = resources.files("spinebench").joinpath("data", "published", f"{key}.csv")
    lines = place.read_text("utf-8").splitlines()
    rows = tuple(
        PublishedRow(
            version=row["version"],
            model=row["model"],
            cells=check({c: float(row[c]) if row[c] else None for c in columns}),
        )
        for row in csv.DictReader(line for line in lines if not line.startswith("#"))
    )
    return PublishedTable(
        key=key,
        title=title,
        source=" ".join(line.removeprefix("#").strip() for line in lines if line[:1] == "#"),
        columns=columns,
        rows=rows,
        notes=note(tuple(row for row in rows if row.version == rows[0].version)),
    )
