"""Rows of a phantom's table of truth, by hand."""

from typing import Any

import polars as pl

from spinebench.phantom.truth import truth_schema


def truth_row(image_id: str, **values: Any) -> dict[str, Any]:
    """A visible finding on an axial slice; everything can be said otherwise."""
    side = values.get("side")
    x_mm = {"left": 15.0, "right": -15.0, None: 0.0}[side]
    row = {
        "image_id": image_id, "patient_id": f"rsna:{image_id}", "study_id": "s", "series_id": "1",
        "view": "AX", "sequence": "T2", "statement": "finding", "level": "L4/L5", "side": side,
        "x_px": 64.0 + x_mm, "y_px": 60.0, "x_mm": x_mm, "y_mm": 0.0, "z_mm": 0.0,
        "distance_mm": 0.0, "disease": "Subarticular Stenosis", "grade": "severe", "measure": 2.0,
        "measure_kind": "recess_height_mm", "expected": 7.0, "fraction_lost": 5 / 7,
        "subtype": None, "box_px": None, "visible": True,
    }  # fmt: skip
    return {**row, **values}


def truth_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The table."""
    return pl.DataFrame(rows, schema=truth_schema(), orient="row")
