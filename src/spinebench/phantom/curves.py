"""The curves of the column: a target tilt for every vertebra."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from spinebench.phantom.pathology import Lesion
from spinebench.phantom.sizes import Side

LesionMap = Mapping[tuple[str, str, Side | None], Lesion]


def draw_tilts(rng: np.random.Generator, lesions: LesionMap) -> dict[str, float]:
    """Target tilt of every vertebra in radians.

    Sacral slope 30-45, lordosis L1-S1 40-60, thoracic kyphosis 20-45 degrees as usually taught;
    C2-C7 by curvature class (see docs/phantom.md).
    """
    slope = float(np.clip(rng.normal(38.0, 4.0), 29.0, 47.0))
    lordosis = float(np.clip(rng.normal(50.0, 5.0) + 0.6 * (slope - 38.0), 38.0, 62.0))
    kyphosis = float(np.clip(rng.normal(33.0, 6.0), 20.0, 45.0))
    shape = str(lesions[("curvature", "C2-C7", None)].subtype)
    neck_roll, neck_lean = float(rng.uniform()), float(rng.normal(0.0, 3.0))
    if shape in ("straight", "kyphotic", "reverse sigmoid"):
        kyphosis *= 0.75  # a neck without lordosis stands on a flatter thoracic spine
    # The sacrum is kyphotic: hollow in front.
    tilts = {"S3": -slope + 17.0, "S2": -slope + 7.0, "S1": -slope}
    shares = {"L5": 0.37, "L4": 0.61, "L3": 0.79, "L2": 0.91, "L1": 1.0}
    tilts.update({name: -slope + lordosis * share for name, share in shares.items()})
    for step in range(12):  # T12 up to T1; slow at both ends
        share = (step + 0.5) / 11.5
        tilts[f"T{12 - step}"] = tilts["L1"] - kyphosis * share * share * (3.0 - 2.0 * share)
    tilts["C7"] = tilts["T1"] + 6.0 + neck_lean
    if shape == "reverse sigmoid":
        tilts["C7"] += 8.0  # kyphotic from here on: a level start keeps the head above the trunk
    steps = _neck_steps(shape, neck_roll)
    for index, step_deg in enumerate(steps):
        tilts[f"C{6 - index}"] = tilts[f"C{7 - index}"] + step_deg
    return {name: math.radians(value) for name, value in tilts.items()}


def _neck_steps(shape: str, roll: float) -> tuple[float, ...]:
    """Degrees added from C7 to C6, C6 to C5 ... C3 to C2; positive makes lordosis."""
    if shape == "lordotic":
        total = 17.0 + 10.0 * roll
        return tuple(total * share for share in (0.18, 0.22, 0.24, 0.21, 0.15))
    if shape == "kyphotic":
        total = -10.0 - 10.0 * roll
        return tuple(total * share for share in (0.12, 0.26, 0.30, 0.22, 0.10))
    if shape == "straight":
        return tuple((2.0 * roll - 1.0) * 0.7 for _ in range(5))
    bend = (7.5 + 3.0 * roll) * (-1.0 if shape == "reverse sigmoid" else 1.0)
    return (bend, bend, 0.0, -bend, -bend)
