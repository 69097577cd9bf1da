"""CSXA's datasets.xlsx written: a title, the long headers in the second row, one row per case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import xlsxwriter  # type: ignore[import-untyped]  # it has no stubs

Cell = str | int | float | None
TITLE = "Cervical Spine X-ray Atlas: phantom, computed films of nobody"
# The headers of the first and the last of these are verified; the others stand for what the paper
# names without their wording (see data/sources/csxa_headers.csv).
NUMBER, SEX, AGE, SPACING, DISEASE, CURVATURE = range(6)
HEADERS: tuple[str, ...] = (
    "Number",
    "Gender: 1.Male, 2.Female",
    "Age",
    "Pixel equivalent (mm/px)",
    "Disease: 1.Cervical spondylosis, 2.Healthy",
    "Curvature: 1.Lordotic, 2.Straight, 3.Sigmoid1, 4.Sigmoid2, 5.Kyphotic",
)
FIRST_ROW = 3  # of a case, as Excel counts


def write_workbook(path: Path, headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Write the workbook; the same cells give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(str(path), {"in_memory": True}) as book:
        book.set_properties({"created": datetime(2024, 1, 1)})  # else the time of writing
        sheet = book.add_worksheet("Sheet1")
        sheet.write_string(0, 0, TITLE)
        for row, cells in enumerate((headers, *rows), start=1):
            for column, cell in enumerate(cells):
                if isinstance(cell, str):
                    sheet.write_string(row, column, cell)
                elif cell is not None:
                    sheet.write_number(row, column, cell)
