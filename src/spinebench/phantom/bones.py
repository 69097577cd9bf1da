"""Vertebral bodies, discs and osteophytes, painted in their own frames."""

from __future__ import annotations

import math

import numpy as np

from spinebench.phantom.canvas import Canvas, Float32, Patch, coverage, smoothstep
from spinebench.phantom.column import Disc, Vertebra
from spinebench.phantom.spine import Spine

CORTEX_MM = 0.7
ENDPLATE_MM = 0.9
# How far the waist of a body draws in, as a share of its half size, and how deep endplates dip.
WAIST = 0.05
ENDPLATE_DIP_MM = {"C": 0.6, "T": 0.9, "L": 1.5, "S": 0.5}


def _radius(u: Float32, v: Float32, half_u: float, half_v: float) -> Float32:
    """Radial coordinate of a rounded oval, 1 on its rim: between an ellipse and a box."""
    a = np.square(u * (1.0 / half_u))
    b = np.square(v * (1.0 / half_v))
    oval = np.sqrt(a + b)
    box = np.sqrt(np.sqrt(np.square(a) + np.square(b)))
    mixed: Float32 = 0.62 * oval + 0.38 * box
    return mixed


def _back_wall(u: Float32, half_width: float, half_depth: float) -> Float32:
    """Depth of the posterior wall: flat with a shallow hollow in the midline."""
    hollow: Float32 = np.minimum(np.square(u * (1.0 / (0.5 * half_width))), 1.0)
    return half_depth + 0.045 * half_width * (hollow - 0.25)


def paint_vertebral_body(canvas: Canvas, vertebra: Vertebra, spine: Spine) -> None:
    """Body with waist, hollow endplates, cortical shell, marrow, vein and rim osteophytes."""
    half_u, half_v = 0.5 * vertebra.width_mm, 0.5 * vertebra.depth_mm
    reach = 0.5 * max(vertebra.front_mm, vertebra.back_mm) + 3.0
    spurs = _spurs(vertebra, spine)
    margin = 2.0 + max((length for _, _, length in spurs), default=0.0)
    patch = canvas.patch(
        vertebra.frame,
        (-half_u - margin, half_u + margin),
        (-half_v - margin, half_v + 2.5),
        (-reach, reach),
    )
    if patch is None:
        return
    u, v, w = patch.u, patch.v, patch.w
    share = v * (1.0 / vertebra.depth_mm) + 0.5
    half_h = 0.5 * (vertebra.front_mm + (vertebra.back_mm - vertebra.front_mm) * share)
    inward = 1.0 - np.clip(np.square(w / half_h), 0.0, 1.0)
    waist = 1.0 - WAIST * inward
    deep = 1.12 * half_v  # the oval reaches behind the wall, which cuts it flat
    # Half as much waist sideways, as on frontal films.
    radius = _radius(u / (0.5 + 0.5 * waist), (v + (half_v - deep)) / waist, half_u, deep)
    side = (radius - 1.0) * half_v
    wall = v - _back_wall(u, half_u, half_v) + 0.9 * inward
    around = np.maximum(side, wall)
    dip = ENDPLATE_DIP_MM[vertebra.region] + 0.5 * _middle_loss(vertebra)
    hollow = np.clip(1.0 - np.square(radius), 0.0, 1.0)
    height = np.abs(w) - half_h + dip * hollow
    shell = np.maximum(around, height)
    marrow = np.maximum(around + CORTEX_MM, height + ENDPLATE_MM)
    for up, spur_side, length in spurs:
        claw = _claw(patch, side, half_h, up, spur_side, length, half_u, half_v)
        shell = np.minimum(shell, claw)
        marrow = np.minimum(marrow, claw + 0.9)
    patch.paint_inside(shell, canvas.palette["cortex"])
    patch.paint_inside(marrow, canvas.palette["marrow"])
    if vertebra.region in "LT":
        vein = np.sqrt(
            np.square(u * 0.22) + np.square((v - half_v + 3.5) * 0.24) + np.square(w * 0.55)
        )
        patch.paint(coverage(vein - 1.0, 0.7), canvas.palette["vein"])
    if vertebra.name == "C2":
        _paint_dens(canvas, vertebra)


def _middle_loss(vertebra: Vertebra) -> float:
    return max(0.0, 0.5 * (vertebra.front_mm + vertebra.back_mm) - vertebra.middle_mm)


def _spurs(vertebra: Vertebra, spine: Spine) -> list[tuple[bool, str | None, float]]:
    """(at the upper rim?, side or None for the front, length) of the body's osteophytes."""
    found: list[tuple[bool, str | None, float]] = []
    for disc in spine.discs.values():
        if vertebra.name in (disc.upper, disc.lower):
            for side, length in disc.osteophyte_mm.items():
                if length > 0.5:
                    found.append((disc.lower == vertebra.name, side, length))
    return found


def _claw(
    patch: Patch,
    side: Float32,
    half_h: Float32,
    up: bool,
    spur_side: str | None,
    length: float,
    half_u: float,
    half_v: float,
) -> Float32:
    """Signed distance of a rim spur: thick at the rim, thin at its tip, bent to the disc."""
    rise = (patch.w if up else -patch.w) - half_h
    if spur_side is None:
        off = np.abs(patch.u) * (1.0 / (0.75 * half_u)) - 1.0 + 0.0 * patch.v
        ahead = np.where(patch.v < 0.0, -patch.v - half_v, np.float32(-9.0))
    else:
        sign = 1.0 if spur_side == "left" else -1.0
        off = np.abs(patch.v + 0.1 * half_v) * (1.0 / (0.75 * half_v)) - 1.0
        ahead = sign * patch.u - half_u
    lean = 0.30
    along = np.clip(ahead + 3.0, 0.0, length + 2.4)
    middle = -3.0 + along * lean
    thick = 2.6 - (1.8 / (length + 3.0)) * along
    gap = ahead + 3.0 - along
    claw = np.sqrt(np.square(rise - middle) + np.square(gap)) - thick
    narrow = np.clip(off + 1.0, 0.0, None)
    return np.asarray(claw + 3.0 * smoothstep(0.55, 1.1, narrow) + 0.0 * side, dtype=np.float32)


def _paint_dens(canvas: Canvas, axis: Vertebra) -> None:
    """Dens and arches of the atlas, drawn on the frame of C2."""
    top = 0.5 * axis.height_mm
    patch = canvas.patch(axis.frame, (-24.0, 24.0), (-22.0, 40.0), (top - 6.0, top + 26.0))
    if patch is None:
        return
    u, v, w = patch.u, patch.v, patch.w
    dens = np.sqrt(np.square(u * (1 / 5.2)) + np.square((v + 1.0) * (1 / 5.6)))
    dens = np.maximum((dens - 1.0) * 5.2, np.abs(w - top - 6.0) - 11.0)
    ring = np.sqrt(np.square(u * (1 / 21.0)) + np.square((v - 9.0) * (1 / 23.0)))
    arch = np.sqrt(np.square((ring - 1.0) * 21.0) + np.square(w - top - 8.0)) - 4.0
    for bone in (dens, arch):
        patch.paint_inside(bone, canvas.palette["cortex"])
        patch.paint_inside(bone + 1.0, canvas.palette["marrow"])


def paint_disc(canvas: Canvas, disc: Disc, spine: Spine, nucleus: Float32) -> None:
    """Annulus and nucleus between two endplates; painted before the bodies, which cut it. Into the
    endplate of a biconcave collapse the disc sinks."""
    sunk_up, sunk_low = (
        0.5 * _middle_loss(spine.vertebrae[name]) for name in (disc.upper, disc.lower)
    )
    half_u, half_v = 0.5 * disc.width_mm, 0.5 * disc.depth_mm
    slope = math.tan(0.5 * disc.wedge_rad)
    reach = 0.5 * disc.height_mm + half_v * abs(slope) + 3.0 + max(sunk_up, sunk_low)
    patch = canvas.patch(
        disc.frame, (-half_u - 4, half_u + 4), (-half_v - 4, half_v + 4), (-reach, reach)
    )
    if patch is None:
        return
    u, v, w = patch.u, patch.v, patch.w
    half_gap = np.maximum(0.5 * disc.height_mm - v * slope, 0.15 * disc.height_mm)
    bulge = 1.0 + 1.6 * disc.wear
    deep = 1.12 * half_v
    radius = _radius(u, v + (half_v - deep), half_u, deep)
    bulge = bulge * (1.0 - 0.75 * np.minimum(np.square(u * (1.0 / half_u)), 1.0))
    around = np.maximum((radius - 1.0) * half_v - bulge, v - _back_wall(u, half_u, half_v))
    # Deeper than the dip of the endplates, so that no gap stays open between disc and body.
    half_gap = half_gap + np.where(w > 0.0, np.float32(sunk_up), np.float32(sunk_low))
    across = np.abs(w) - half_gap - 2.2
    patch.paint_inside(np.maximum(around, across), canvas.palette["annulus"])
    dip = ENDPLATE_DIP_MM[disc.region]
    # The inner annulus goes over into the nucleus without a line; above and below it is sharp.
    inner = coverage((radius - 0.75) * half_v + 0.3 * np.abs(w), 3.0 + canvas.edge_mm)
    share = inner * coverage(np.abs(w) - half_gap - dip + 0.8, 1.6 * canvas.edge_mm)
    if disc.wear < 0.6:  # the dark cleft of a healthy adult nucleus
        cleft = np.clip(1.0 - np.abs(w) * 0.9, 0.0, 1.0) * smoothstep(0.62, 0.3, radius)
        share = share * (1.0 - 0.35 * cleft)
    patch.paint(share, nucleus)
