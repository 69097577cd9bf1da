"""The column: vertebrae and discs, each with its own frame, chained from the sacrum upwards.

A frame has u to the patient's left, v posterior and w cranial along the axis of the vertebra or
disc; the tilt turns v and w about the left-right axis (positive: the top leans backwards), and
`shear` moves u with w (a gentle scoliosis). Lumbar lordosis therefore is a tilt that grows upwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spinebench.phantom.curves import LesionMap, draw_tilts
from spinebench.phantom.sizes import (
    DISC_NAMES,
    FORAMEN_AP_MM,
    L5_WEDGE_FRACTION,
    NORMAL_CANAL_MM,
    RECESS_HEIGHT_MM,
    SIDES,
    VERTEBRA_NAMES,
    VERTEBRA_NUMBERS,
    Side,
    VertebraNumbers,
    region_of,
)

PointMm = tuple[float, float, float]


@dataclass(frozen=True)
class Frame:
    """Local axes of one structure: centre in LPS mm, tilt in radians, shear du/dw."""

    center_mm: PointMm
    tilt_rad: float
    shear: float

    def to_mm(self, u: float, v: float, w: float) -> PointMm:
        """LPS millimetres of a local point."""
        x, y, z = self.center_mm
        sin, cos = math.sin(self.tilt_rad), math.cos(self.tilt_rad)
        return (x + u + self.shear * w, y + v * cos + w * sin, z - v * sin + w * cos)


@dataclass(frozen=True)
class Vertebra:
    """One vertebra. Heights after collapse; `height_mm` is the unaffected mean height.

    back_mm, front_mm, middle_mm: body height at the posterior wall, the anterior wall and the
        centre of the endplates. canal_*: bony canal. Half widths are not used: `width_mm` is full.
    """

    name: str
    frame: Frame
    width_mm: float
    depth_mm: float
    height_mm: float
    front_mm: float
    back_mm: float
    middle_mm: float
    canal_ap_mm: float
    canal_width_mm: float
    spinous_mm: float
    spinous_drop_rad: float
    transverse_mm: float
    collapse_fraction: float
    collapse_subtype: str | None

    @property
    def region(self) -> str:
        """ "C", "T", "L" or "S"."""
        return region_of(self.name)

    def half_height(self, v: float) -> float:
        """Half of the rim height at depth v (positive backwards), in mm."""
        share = v / self.depth_mm + 0.5
        return 0.5 * (self.front_mm + (self.back_mm - self.front_mm) * share)


@dataclass(frozen=True)
class Disc:
    """One motion segment: disc, and the canal, foramina and recesses at its height.

    Frame: centre of the disc, mean tilt of the endplates. wall_v_mm: where the posterior margin
    lies in that frame. wedge_rad: angle between the endplates, open in front when positive.
    *_expected_mm: unaffected size; *_lost: fraction of it that is lost. half_width_mm: of the
    canal. wear: 0 healthy to 1 degenerate nucleus. slip_v_mm, slip_u_mm: offset of the vertebra
    above against the one below (backwards, to the left).
    """

    name: str
    upper: str
    lower: str
    frame: Frame
    width_mm: float
    depth_mm: float
    height_mm: float
    expected_height_mm: float
    wedge_rad: float
    wall_v_mm: float
    half_width_mm: float
    canal_expected_mm: float
    canal_lost: float
    foramen_expected_mm: float
    foramen_lost: Mapping[Side, float]
    recess_expected_mm: float
    recess_lost: Mapping[Side, float]
    osteophyte_mm: Mapping[Side | None, float]
    wear: float
    slip_v_mm: float
    slip_u_mm: float

    @property
    def region(self) -> str:
        """Region letter of the upper vertebra."""
        return region_of(self.name)

    @property
    def canal_ap_mm(self) -> float:
        """Free canal in the midline, disc margin to flavum."""
        return self.canal_expected_mm * (1.0 - self.canal_lost)

    @property
    def bulge_mm(self) -> float:
        """How far the disc stands into the canal in the midline (55 % of what is lost)."""
        return 0.55 * self.canal_expected_mm * self.canal_lost

    def foramen_ap_mm(self, side: Side) -> float:
        """Free antero-posterior size of the foramen at the root."""
        return self.foramen_expected_mm * (1.0 - self.foramen_lost[side])

    def recess_height_mm(self, side: Side) -> float:
        """Free height of the lateral recess."""
        return self.recess_expected_mm * (1.0 - self.recess_lost[side])

    @property
    def recess_u_mm(self) -> float:
        """Distance from the midline at which the recess is measured."""
        return 0.74 * self.half_width_mm

    @property
    def recess_w_mm(self) -> float:
        """Height at which the recess is measured: just below the middle of a lumbar disc."""
        return -2.5 if self.region in "LS" else 0.0

    @property
    def foramen_u_mm(self) -> float:
        """Distance from the midline of the middle of the foramen."""
        return self.half_width_mm + (4.5 if self.region in "LS" else 3.5)

    @property
    def foramen_w_mm(self) -> float:
        """Height of the exiting root above the middle of the disc."""
        return 0.5 * self.height_mm + {"C": 0.0, "T": 2.0}.get(self.region, 3.0)


def build_column(
    rng: np.random.Generator, sex: str, age: int, lesions: LesionMap
) -> tuple[tuple[Vertebra, ...], tuple[Disc, ...]]:
    """Vertebrae C2..S3 and discs C2/C3..S2/S3, cranial to caudal, for one patient.

    Draws from `rng` in a fixed order that does not depend on the lesions, so that the same patient
    with another lesion keeps the same anatomy.
    """
    scale = (1.04 if sex == "M" else 0.94) * float(np.clip(rng.normal(1.0, 0.035), 0.9, 1.1))
    canal_scale = float(np.clip(rng.normal(1.0, 0.05), 0.9, 1.15))
    disc_scale = float(np.clip(rng.normal(1.0, 0.06), 0.85, 1.15))
    jitter = rng.normal(1.0, 0.02, size=(len(VERTEBRA_NAMES), 6)).clip(0.95, 1.05)
    wear_roll = rng.beta(2.0, 4.0, size=len(VERTEBRA_NAMES))
    sway = (float(rng.normal(0.0, 2.2)), float(rng.uniform(250.0, 450.0)), float(rng.uniform(0, 6)))
    tilts = draw_tilts(rng, lesions)
    bodies = {
        name: _scale_body(name, scale, canal_scale, jitter[index], lesions)
        for index, name in enumerate(VERTEBRA_NAMES)
    }
    heights: dict[str, tuple[float, float]] = {}
    wears: dict[str, float] = {}
    for index, disc in enumerate(DISC_NAMES):
        expected = VERTEBRA_NUMBERS[VERTEBRA_NAMES[index]].disc_mm * scale * disc_scale
        expected *= float(jitter[index, 5])
        lesion = lesions.get(("disc", disc, None))
        lost = lesion.fraction if lesion else 0.0
        heights[disc] = (expected, expected * (1.0 - lost))
        canal = lesions.get(("canal", disc, None))
        worn = float(wear_roll[index]) * min(1.6, max(0.2, (age - 15) / 35.0)) + 0.9 * lost
        wears[disc] = min(1.0, worn + 0.6 * (canal.fraction if canal else 0.0))
    placed, joints = _chain(bodies, heights, tilts, lesions)
    vertebrae = _place_vertebrae(bodies, placed, lesions, sway)
    discs = tuple(
        _build_disc(vertebrae, joints[disc], disc, heights[disc], wears[disc], canal_scale, lesions)
        for disc in DISC_NAMES
    )
    return tuple(vertebrae[name] for name in VERTEBRA_NAMES), discs


def _scale_body(
    name: str, scale: float, canal_scale: float, jitter: np.ndarray, lesions: LesionMap
) -> dict[str, float]:
    row: VertebraNumbers = VERTEBRA_NUMBERS[name]
    height = row.height_mm * scale * float(jitter[2])
    wedge = L5_WEDGE_FRACTION if name == "L5" else -0.03 if region_of(name) == "T" else 0.0
    front = middle = back = height
    front, back = height * (1.0 + 0.5 * wedge), height * (1.0 - 0.5 * wedge)
    collapse = lesions.get(("collapse", name, None))
    if collapse:
        kept = 1.0 - collapse.fraction
        if collapse.subtype == "crush":
            front, middle, back = front * kept, middle * kept, back * kept
        elif collapse.subtype == "wedge":
            front, middle = front * kept, middle * (1.0 - 0.55 * collapse.fraction)
        else:
            middle = middle * kept
    return {
        "width_mm": row.width_mm * scale * float(jitter[0]),
        "depth_mm": row.depth_mm * scale * float(jitter[1]),
        "height_mm": height,
        "front_mm": front,
        "back_mm": back,
        "middle_mm": middle,
        "canal_ap_mm": row.canal_ap_mm * canal_scale * float(jitter[3]),
        "canal_width_mm": row.canal_width_mm * canal_scale * float(jitter[4]),
        "spinous_mm": row.spinous_mm * scale,
        "spinous_drop_rad": math.radians(row.spinous_drop_deg),
        "transverse_mm": row.transverse_mm * scale,
    }


@dataclass(frozen=True)
class _Joint:
    y_mm: float
    z_mm: float
    tilt_rad: float
    wedge_rad: float
    slip_v_mm: float
    slip_u_mm: float


def _rim_tilt(body: Mapping[str, float]) -> float:
    """Angle by which the upper endplate leans back against the middle of the body."""
    return math.atan((body["front_mm"] - body["back_mm"]) / (2.0 * body["depth_mm"]))


def _slip_of(lesions: LesionMap, disc: str) -> tuple[float, float]:
    slip = lesions.get(("slip", disc, None))
    if slip is None:
        return 0.0, 0.0
    if slip.subtype == "laterolisthesis":
        return 0.0, slip.mm if slip.side == "left" else -slip.mm
    return (-slip.mm if slip.subtype == "anterolisthesis" else slip.mm), 0.0


def _chain(
    bodies: Mapping[str, Mapping[str, float]],
    heights: Mapping[str, tuple[float, float]],
    tilts: Mapping[str, float],
    lesions: LesionMap,
) -> tuple[dict[str, tuple[float, float, float]], dict[str, _Joint]]:
    """(y, z, tilt) of every body and the joint at every disc, from S3 upwards."""
    names = list(reversed(VERTEBRA_NAMES))
    natural = {
        name: _rim_tilt({**bodies[name], **_unaffected(bodies[name], name)}) for name in names
    }
    placed = {names[0]: (0.0, 0.0, tilts[names[0]])}
    joints: dict[str, _Joint] = {}
    for lower, upper in pairwise(names):
        disc = f"{upper}/{lower}"
        y, z, tilt = placed[lower]
        height = heights[disc][1]
        depth = 0.5 * (bodies[lower]["depth_mm"] + bodies[upper]["depth_mm"])
        wanted = (tilts[upper] - natural[upper]) - (tilts[lower] + natural[lower])
        # Where a narrowed disc or a wedge bent the column, the next segments balance half of it.
        wanted -= 0.5 * (tilt - tilts[lower])
        # The endplates may not meet at either margin: at most 70 % of the height goes to the wedge.
        limit = math.atan(1.4 * height / depth)
        # Sacral bodies are fused and take their curve as it is.
        wedge = wanted if region_of(disc) == "S" else min(limit, max(-limit, wanted))
        top = tilt + _rim_tilt(bodies[lower])
        bottom = top + wedge
        middle = 0.5 * (top + bottom)
        rise = 0.25 * (bodies[lower]["front_mm"] + bodies[lower]["back_mm"])
        y, z = y + rise * math.sin(tilt), z + rise * math.cos(tilt)
        slip_v, slip_u = _slip_of(lesions, disc)
        half = 0.5 * height
        y, z = y + half * math.sin(middle), z + half * math.cos(middle)
        joints[disc] = _Joint(y, z, middle, wedge, slip_v, slip_u)
        # The fused sacral bodies share their posterior wall; free ones meet middle on middle.
        fused = 0.5 * (bodies[lower]["depth_mm"] - bodies[upper]["depth_mm"])
        ahead = slip_v + (fused if region_of(disc) == "S" else 0.0)
        y += half * math.sin(middle) + ahead * math.cos(middle)
        z += half * math.cos(middle) - ahead * math.sin(middle)
        tilt = bottom + _rim_tilt(bodies[upper])
        rise = 0.25 * (bodies[upper]["front_mm"] + bodies[upper]["back_mm"])
        placed[upper] = (y + rise * math.sin(tilt), z + rise * math.cos(tilt), tilt)
    return placed, joints


def _unaffected(body: Mapping[str, float], name: str) -> dict[str, float]:
    wedge = L5_WEDGE_FRACTION if name == "L5" else -0.03 if region_of(name) == "T" else 0.0
    height = body["height_mm"]
    return {"front_mm": height * (1.0 + 0.5 * wedge), "back_mm": height * (1.0 - 0.5 * wedge)}


def _place_vertebrae(
    bodies: Mapping[str, Mapping[str, float]],
    placed: Mapping[str, tuple[float, float, float]],
    lesions: LesionMap,
    sway: tuple[float, float, float],
) -> dict[str, Vertebra]:
    """Vertebrae with L3's body at the origin; `sway` = scoliosis amplitude, wavelength, phase."""
    y0, z0, _ = placed["L3"]
    amplitude, wave, phase = sway
    turn = 2.0 * math.pi / wave
    slid = 0.0
    result: dict[str, Vertebra] = {}
    below = ""
    for name in reversed(VERTEBRA_NAMES):
        y, z, tilt = placed[name]
        if below:
            slid += _slip_of(lesions, f"{name}/{below}")[1]
        x = amplitude * math.sin(turn * (z - z0) + phase) + slid
        shear = amplitude * turn * math.cos(turn * (z - z0) + phase)
        collapse = lesions.get(("collapse", name, None))
        result[name] = Vertebra(
            name=name,
            frame=Frame((x, y - y0, z - z0), tilt, shear),
            collapse_fraction=collapse.fraction if collapse else 0.0,
            collapse_subtype=collapse.subtype if collapse else None,
            **bodies[name],
        )
        below = name
    return result


def _build_disc(
    vertebrae: Mapping[str, Vertebra],
    joint: _Joint,
    name: str,
    heights: tuple[float, float],
    wear: float,
    canal_scale: float,
    lesions: LesionMap,
) -> Disc:
    upper, lower = (vertebrae[part] for part in name.split("/"))
    region = region_of(name)
    # The joint was placed on the lower body's axis; the disc lies between both bodies, half a slip
    # further, and its wall is where the two posterior corners have their middle.
    frame = _disc_frame(upper, lower, joint)
    depth = 0.5 * (upper.depth_mm + lower.depth_mm)
    canal = max(NORMAL_CANAL_MM + 0.6, 0.5 * (upper.canal_ap_mm + lower.canal_ap_mm))
    if region == "S":
        canal = 0.5 * (upper.canal_ap_mm + lower.canal_ap_mm)

    def lost(kind: str, side: Side | None = None) -> float:
        lesion = lesions.get((kind, name, side))
        return lesion.fraction if lesion else 0.0

    growths = {side: lesions.get(("osteophyte", name, side)) for side in (None, *SIDES)}
    return Disc(
        name=name,
        upper=upper.name,
        lower=lower.name,
        frame=frame,
        width_mm=0.5 * (upper.width_mm + lower.width_mm),
        depth_mm=depth,
        height_mm=heights[1],
        expected_height_mm=heights[0],
        wedge_rad=joint.wedge_rad,
        wall_v_mm=0.5 * depth,
        half_width_mm=0.25 * (upper.canal_width_mm + lower.canal_width_mm),
        canal_expected_mm=canal,
        canal_lost=lost("canal"),
        foramen_expected_mm=FORAMEN_AP_MM[region] * canal_scale,
        foramen_lost={side: lost("foramen", side) for side in SIDES},
        recess_expected_mm=RECESS_HEIGHT_MM[region] * canal_scale,
        recess_lost={side: lost("recess", side) for side in SIDES},
        osteophyte_mm={side: found.mm if found else 0.0 for side, found in growths.items()},
        wear=wear,
        slip_v_mm=joint.slip_v_mm,
        slip_u_mm=joint.slip_u_mm,
    )


def _disc_frame(upper: Vertebra, lower: Vertebra, joint: _Joint) -> Frame:
    below = lower.frame.to_mm(0.0, 0.0, lower.half_height(0.0))
    above = upper.frame.to_mm(0.0, 0.0, -upper.half_height(0.0))
    x, y, z = (0.5 * (a + b) for a, b in zip(below, above, strict=True))
    shear = 0.5 * (upper.frame.shear + lower.frame.shear)
    return Frame((x, y, z), joint.tilt_rad, shear)
