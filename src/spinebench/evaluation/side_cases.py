"""Pictures of phantoms whose lesion lies on one side only, from the phantoms' own truth.

A case is an image and a disease: at least one finding that the image shows and that is clearly
there (moderate, severe, or of a kind that has no grades), all of them on one side, and nothing of
the disease, not even mild, on the other. Only views that show both sides at once: axial slices and
frontal films.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from spinebench.errors import UsageError
from spinebench.phantom.truth import TRUTH_FILE, TRUTH_SCHEMA
from spinebench.tables import Ledger, read_named_frame

Side = Literal["left", "right"]

SIDE_VIEWS = ("AX", "AP")
_CLEAR = ("moderate", "severe", "ungraded")
_LEAST_SPREAD_MM = 5.0  # of points from left to right, before they tell how a picture is turned


@dataclass(frozen=True, slots=True)
class SideCase:
    """One image with a lesion on one side."""

    image_id: str
    disease: str
    side: Side
    levels: tuple[str, ...]
    row: int  # of the first of its findings in the table of truth, from 1


def load_truth(folder_or_file: Path) -> pl.DataFrame:
    """Table of truth of a phantom folder, or the file itself, with `row` from 1.

    Raises UsageError where there is none.
    """
    path = folder_or_file / TRUTH_FILE if folder_or_file.is_dir() else folder_or_file
    if not path.is_file():
        raise UsageError(
            f"{folder_or_file}: no {TRUTH_FILE}; it lies beside phantoms (`spinebench phantom"
            " write`)"
        )
    return read_named_frame(path, TRUTH_SCHEMA).with_row_index("row", offset=1)


def list_side_cases(truth: pl.DataFrame, diseases: list[str], ledger: Ledger) -> list[SideCase]:
    """Cases in the order of the table; every image and disease that is none goes to the ledger."""
    shown = truth.filter(
        (pl.col("statement") == "finding")
        & pl.col("visible")
        & pl.col("view").is_in(SIDE_VIEWS)
        & pl.col("side").is_in(["left", "right"])
        & pl.col("disease").is_in(diseases)
        & (pl.col("grade") != "none")
    )
    radiological = _radiological_images(truth)
    cases = []
    for _, rows in shown.group_by(["image_id", "disease"], maintain_order=True):
        ledger.count_read(TRUTH_FILE)
        case = _case(rows)
        first = int(rows["row"][0])
        if isinstance(case, str):
            ledger.drop(TRUTH_FILE, first, case)
        elif case.image_id not in radiological:
            ledger.drop(TRUTH_FILE, first, "not_radiological")
        else:
            cases.append(case)
    return cases


def _case(rows: pl.DataFrame) -> SideCase | str:
    clear = rows.filter(pl.col("grade").is_in(_CLEAR))
    sides = set(clear["side"])
    if not sides:
        return "mild_only"
    if len(sides) > 1:
        return "both_sides"
    if set(rows["side"]) != sides:
        return "mild_on_the_other_side"
    side: Side = "left" if "left" in sides else "right"
    levels = tuple(dict.fromkeys(clear["level"]))
    return SideCase(rows["image_id"][0], rows["disease"][0], side, levels, int(rows["row"][0]))


def _radiological_images(truth: pl.DataFrame) -> set[str]:
    """Images whose columns run to the patient's left, as their own points say."""
    return set(_iter_radiological(truth))


def _iter_radiological(truth: pl.DataFrame) -> Iterator[str]:
    points = truth.filter(pl.col("view").is_in(SIDE_VIEWS))
    for (image_id,), rows in points.group_by(["image_id"], maintain_order=True):
        x_mm, x_px = rows["x_mm"].to_numpy(), rows["x_px"].to_numpy()
        if np.ptp(x_mm) >= _LEAST_SPREAD_MM and np.cov(x_mm, x_px)[0, 1] > 0:
            yield str(image_id)
