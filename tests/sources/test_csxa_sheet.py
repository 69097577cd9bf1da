from pathlib import Path

import pytest

from spinebench.errors import DataError
from spinebench.sources.csxa_sheet import CaseRow, Word, read_cases
from spinebench.tables import Ledger
from tests.sources.csxa_folder import CURVATURE, workbook

NUMBER = "Number"
LORDOTIC = Word("Lordotic", "cervical Lordosis")


def read(
    tmp_path: Path, header: tuple[str, ...], *rows: tuple, title: bool = True
) -> tuple[list[CaseRow], list[tuple[int | None, str, str]]]:
    (tmp_path / "datasets.xlsx").write_bytes(workbook(list(rows), header=header, title=title))
    ledger = Ledger(source="csxa")
    cases, _ = read_cases(tmp_path, "datasets.xlsx", ledger)
    lines = [(r.row, r.reason, r.detail) for r in ledger.rejects]
    # of the columns that these tests leave out
    return cases, [line for line in lines if line[1] not in IGNORED]


IGNORED = {f"{field}_column_missing" for field in ("sex", "age", "spacing")}
MISSING = (None, "disease_column_missing", "no header that says it")


@pytest.mark.parametrize(
    ("header", "cell", "word"),
    [
        (CURVATURE, 1, LORDOTIC),
        (CURVATURE, 5.0, Word("Kyphotic", "cervical Kyphosis")),
        (CURVATURE, "4", Word("Sigmoid2", "sigmoid cervical vertebrae")),
        (CURVATURE, " lordotic ", Word("lordotic", "cervical Lordosis")),
        (CURVATURE, 1.5, None),
        (CURVATURE, "no", None),
        ("curvature", 3, Word("Sigmoid1", "sigmoid cervical vertebrae")),
        ("CURVATURE  TYPE", 2, Word("Straight", "Straight cervical vertebrae")),
        # a header that numbers them otherwise is believed
        ("Curvature: 1.Kyphotic, 2.Lordotic", 2, LORDOTIC),
        (
            "Curvature (1=Lordotic 2=Sigmoid1 3=Sigmoid2)",
            2,
            Word("Sigmoid1", "sigmoid cervical vertebrae"),
        ),
        (
            "Curvature (1=Lordotic 2=Sigmoid1 3=Sigmoid2)",
            3,
            Word("Sigmoid2", "sigmoid cervical vertebrae"),
        ),
    ],
)
def test_shape_is_what_the_header_says(
    tmp_path: Path, header: str, cell: object, word: Word | None
) -> None:
    cases, lines = read(tmp_path, (NUMBER, header), (12, cell))
    assert [(case.row, case.number, case.curvature) for case in cases] == (
        [] if word is None else [(3, 12, word)]
    )
    assert lines == [MISSING] if word else [MISSING, (3, "no_curvature", lines[-1][2])]


ILL, WELL = "Spondylosis", "normal"


@pytest.mark.parametrize(
    ("header", "cell", "meaning", "reasons"),
    [
        ("Disease: 1.Spondylosis, 2.Healthy", 2, WELL, []),
        ("Disease: 1.Spondylosis, 2.Healthy", 1, ILL, []),
        ("Disease", "Healthy", WELL, []),
        ("diagnosis", "Cervical spondylosis", ILL, []),
        ("1.asymptomatic 2.symptomatic", 1, WELL, []),
        ("Symptoms", "symptomatic", ILL, []),
        ("spondylosis/healthy", "normal", WELL, []),
        ("Group", "healthy", WELL, []),  # found by what its cells say
        ("Group", "healthy volunteer", None, ["disease_column_missing"]),
        ("Disease", 1, None, ["unknown_disease"]),  # a code that nobody explains
        ("Disease", "normal for his age", None, ["unknown_disease"]),
        ("Disease", None, None, []),
    ],
)
def test_disease_column(
    tmp_path: Path, header: str, cell: object, meaning: str | None, reasons: list[str]
) -> None:
    cases, lines = read(tmp_path, (NUMBER, CURVATURE, header), (12, 1, cell))
    (case,) = cases
    assert (case.disease.meaning if case.disease else None) == meaning
    assert [reason for _, reason, _ in lines] == reasons


def test_disease_is_preferred_to_symptoms(tmp_path: Path) -> None:
    header = (
        NUMBER,
        CURVATURE,
        "1.asymptomatic 2.symptomatic",
        "Disease: 1.Spondylosis, 2.Healthy",
    )
    cases, _ = read(tmp_path, header, (12, 1, 1, 1))
    assert cases[0].disease == Word("Spondylosis", "Spondylosis")


def test_two_columns_that_may_be_it_are_a_note(tmp_path: Path) -> None:
    header = (NUMBER, CURVATURE, "Disease A", "Disease B")
    cases, lines = read(tmp_path, header, (12, 1, "healthy", "spondylosis"))
    assert cases[0].disease is None
    assert lines == [(None, "disease_column_ambiguous", "Disease A, Disease B")]


@pytest.mark.parametrize(
    ("header", "cells", "sex", "age", "spacing"),
    [
        (
            ("Gender: 1.Male, 2.Female", "Age", "Pixel equivalent (mm/px)"),
            (2, 41, 0.14),
            "F",
            41,
            0.14,
        ),
        (("Sex", "age (years)", "pixel spacing"), ("M", "41.5", 0.14), "M", 41.5, 0.14),
        (("gender", "AGE", "scale mm/pixel"), ("Female", 41, 0), "F", 41, None),
        (("Sex", "Age", "Pixel size"), (1, -4, "x"), None, None, None),
    ],
)
def test_further_columns(
    tmp_path: Path,
    header: tuple[str, ...],
    cells: tuple,
    sex: str | None,
    age: float | None,
    spacing: float | None,
) -> None:
    cases, _ = read(tmp_path, (NUMBER, CURVATURE, *header), (12, 1, *cells))
    assert (cases[0].sex, cases[0].age_years, cases[0].spacing_mm) == (sex, age, spacing)


def test_header_may_stand_in_another_row_and_column_order_is_free(tmp_path: Path) -> None:
    cases, _ = read(tmp_path, ("x", CURVATURE, "Case No."), (0.5, 1, 12), title=False)
    assert [(case.row, case.number) for case in cases] == [(2, 12)]


def test_empty_rows_are_no_units_and_keep_the_numbering(tmp_path: Path) -> None:
    (tmp_path / "datasets.xlsx").write_bytes(
        workbook([(1, 1), (None, None), (3, 2)], header=(NUMBER, CURVATURE))
    )
    ledger = Ledger(source="csxa")
    cases, named = read_cases(tmp_path, "datasets.xlsx", ledger)
    assert [(case.row, case.number) for case in cases] == [(3, 1), (5, 3)]
    assert (dict(ledger.read), named) == ({"datasets.xlsx": 2}, {1, 3})


@pytest.mark.parametrize("number", [-1, 1.5, 10000, "12a", None])
def test_number_that_is_none(tmp_path: Path, number: object) -> None:
    cases, lines = read(tmp_path, (NUMBER, CURVATURE), (number, 1))
    assert cases == []
    assert lines == [MISSING, (3, "malformed_id", "no case number of one to four digits")]


def test_repeated_rows(tmp_path: Path) -> None:
    cases, lines = read(tmp_path, (NUMBER, CURVATURE), (1, 1), (2, 1), (1, 1), (2, 5), (2, 1))
    assert [(case.row, case.number) for case in cases] == [(3, 1)]
    assert lines == [
        MISSING,
        (5, "duplicate_row", "as row 3"),
        *((row, "contradictory_rows", "one case in rows 4, 6, 7") for row in (4, 6, 7)),
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            (NUMBER, "Age"),
            r"^datasets.xlsx, sheet Sheet1, row 2: column Curvature: found Number, Age, "
            r"expected columns Number and Curvature",
        ),
        (("Age", CURVATURE), r"row 2: column Number: found Age, Curvature: 1.Lordotic"),
        (
            (NUMBER, CURVATURE, "Curvature (lordotic or not)"),
            r"row 2: column Curvature: found 2 columns that may be it: Curvature: 1.Lordotic, "
            r"2.Straight, 3.Sigmoid1, 4.Sigmoid2, 5.Kyphotic, Curvature \(lordotic or not\), "
            r"expected one",
        ),
        ((NUMBER, CURVATURE, "number"), r"row 2: column Number: found 2 columns that may be it"),
    ],
)
def test_required_columns(tmp_path: Path, header: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, header, (1, 1, 1))


def test_empty_workbook_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "datasets.xlsx").write_bytes(workbook([], header=(), title=False))
    with pytest.raises(DataError, match=r"^datasets.xlsx: found no cells, expected columns Number"):
        read_cases(tmp_path, "datasets.xlsx", Ledger(source="csxa"))
