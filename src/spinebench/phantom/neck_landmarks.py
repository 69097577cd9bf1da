"""The 23 landmarks of a lateral neck film where the bodies truly are, and sizes taken from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from spinebench.phantom.film import Film
from spinebench.phantom.spine import Spine

PointPx = tuple[float, float]
NECK: tuple[str, ...] = ("C2", "C3", "C4", "C5", "C6", "C7")


def place_landmarks(spine: Spine, film: Film) -> dict[str, PointPx]:
    """(x, y) by label, in the order in which they are drawn: C2 to C7.

    Corners are those of the mid-sagittal body, without osteophytes. Left and right are sides of
    the picture; the patient faces left, so left is in front.
    """
    points: dict[str, PointPx] = {}
    for name in NECK:
        body = spine.vertebrae[name]
        if name == "C2":
            points["C2 centroid"] = film.to_px(body.frame.center_mm)
        for end, sign in (("top", 1.0), ("bottom", -1.0)):
            if (name, end) == ("C2", "top"):
                continue  # the dens stands there
            for side, v, height in (
                ("left", -0.5 * body.depth_mm, body.front_mm),
                ("right", 0.5 * body.depth_mm, body.back_mm),
            ):
                corner = body.frame.to_mm(0.0, v, sign * 0.5 * height)
                points[f"{name} {end} {side}"] = film.to_px(corner)
    return points


def measure_neck(points: Mapping[str, PointPx], spacing_mm: float) -> dict[str, float]:
    """Sizes in mm and angles in degrees by name, from the landmarks of a patient who faces left."""

    def apart_mm(a: str, b: str) -> float:
        return spacing_mm * math.dist(points[a], points[b])

    sizes = {
        "C2-C7 Cobb angle (deg)": _fall_deg(points, "C7 bottom") - _fall_deg(points, "C2 bottom"),
        "C7 slope (deg)": _fall_deg(points, "C7 top"),
        "C2-C7 SVA (mm)": spacing_mm * (points["C7 top right"][0] - points["C2 centroid"][0]),
    }
    for name in NECK[1:]:
        for label, side in (("anterior", "left"), ("posterior", "right")):
            height = apart_mm(f"{name} top {side}", f"{name} bottom {side}")
            sizes[f"{name} {label} height (mm)"] = height
        for end in ("top", "bottom"):
            sizes[f"{name} {end} width (mm)"] = apart_mm(
                f"{name} {end} left", f"{name} {end} right"
            )
    for upper, lower in pairwise(NECK):
        for label, side in (("anterior", "left"), ("posterior", "right")):
            gap = apart_mm(f"{upper} bottom {side}", f"{lower} top {side}")
            sizes[f"{upper}/{lower} {label} disc height (mm)"] = gap
    return sizes


def _fall_deg(points: Mapping[str, PointPx], end: str) -> float:
    """How far an endplate falls forwards, that is to the left, in degrees."""
    (left_x, left_y), (right_x, right_y) = points[f"{end} left"], points[f"{end} right"]
    return math.degrees(math.atan2(left_y - right_y, right_x - left_x))
