"""Posterior elements: pedicles, laminae, the processes, sacral wings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spinebench.phantom.canvas import Canvas, Float32, Patch, coverage
from spinebench.phantom.column import Vertebra
from spinebench.phantom.facets import has_facets, inferior_solid, superior_solid
from spinebench.phantom.sizes import SIDES, Side
from spinebench.phantom.spine import Spine

ARCH_CORTEX_MM = 0.8
PEDICLE_WIDTH_MM = {"C": 5.0, "T": 6.0, "L": 9.5, "S": 12.0}
PEDICLE_HEIGHT_MM = {"C": 6.5, "T": 11.0, "L": 14.0, "S": 14.0}


@dataclass(frozen=True)
class Bar:
    """A rounded bar between two local points (|u|, v, w), radius in mm; `flat` > 1 makes it taller
    than wide."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: float
    flat: float = 1.0


def _distance(patch: Patch, u: Float32, bar: Bar, shift_v: Float32 | float = 0.0) -> Float32:
    """Signed distance from a bar; `u` is |u|, `shift_v` moves the far end (per point)."""
    squeeze = 1.0 / bar.flat
    (u0, v0, w0), (u1, v1, w1) = bar.start, bar.end
    du, dv, dw = u1 - u0, v1 - v0, (w1 - w0) * squeeze
    pu = u - u0
    pv = patch.v - v0 - shift_v
    pw = (patch.w - w0) * squeeze
    along = pu * du + (pv * dv + pw * dw)
    along *= 1.0 / max(1e-6, du * du + dv * dv + dw * dw)
    np.clip(along, 0.0, 1.0, out=along)
    found: Float32 = np.square(pu - along * du)
    found += np.square(pv - along * dv)
    found += np.square(pw - along * dw)
    np.sqrt(found, out=found)
    found -= bar.radius
    return found


def pedicle_bar(vertebra: Vertebra) -> Bar:
    """The pedicle, from the upper half of the body's back to the articular pillar."""
    half_canal, wall = 0.5 * vertebra.canal_width_mm, 0.5 * vertebra.depth_mm
    width = pedicle_width_mm(vertebra)
    u, w = half_canal + 0.5 * width, pedicle_w_mm(vertebra)
    flat = PEDICLE_HEIGHT_MM[vertebra.region] / PEDICLE_WIDTH_MM[vertebra.region]
    start = (u - 0.5, wall - 0.5 * width, w)
    return Bar(start, (u + 1.0, wall + 0.5 * vertebra.canal_ap_mm, w), 0.5 * width, flat)


def pedicle_width_mm(vertebra: Vertebra) -> float:
    """Width of a pedicle; L5's are about half as wide again as L1's."""
    wider = {"L1": 0.85, "L2": 0.9, "L4": 1.1, "L5": 1.4}.get(vertebra.name, 1.0)
    return PEDICLE_WIDTH_MM[vertebra.region] * wider


def pedicle_w_mm(vertebra: Vertebra) -> float:
    """Height of the pedicle's axis above the middle of the body."""
    return (0.18 if vertebra.region in "TL" else 0.08) * vertebra.height_mm


def _bars(vertebra: Vertebra) -> list[Bar]:
    """Paired bars of the arch, on |u|; sizes in terms of body height h, canal ap a and width."""
    h, a = vertebra.height_mm, vertebra.canal_ap_mm
    wall, half = 0.5 * vertebra.depth_mm, 0.5 * vertebra.canal_width_mm
    back, pw = wall + a, pedicle_w_mm(vertebra)
    bars = [pedicle_bar(vertebra)]
    if vertebra.region == "C":
        pillar = half + 4.5
        return [
            *bars,
            Bar((pillar, wall + 4.0, 0.45 * h), (pillar, wall + 8.0, -0.55 * h), 4.6),
            Bar((half - 1.0, wall + 0.75 * a, 0.0), (1.5, back + 2.4, -0.15 * h), 1.9, 2.4),
            Bar((half + 3.0, 2.0, 0.0), (half + 2 + vertebra.transverse_mm, 3.0, -2.0), 2.4),
        ]
    thick = 3.0 if vertebra.region == "T" else 3.4
    low = -0.38 if vertebra.region == "L" else -0.28
    lamina = Bar((half - 0.5, wall + 0.85 * a, 0.02 * h), (1.5, back + 3.2, low * h), thick, 2.6)
    if vertebra.region == "S":
        return [*bars, Bar(lamina.start, lamina.end, 2.4, 4.0)]
    lower = Bar((half - 0.5, back + 2.0, -0.25 * h), (half + 0.5, back + 2.5, -0.90 * h), 5.0)
    pars = Bar((half + 3.0, wall + 0.7 * a, pw), (half + 0.5, back + 1.0, -0.3 * h), 3.8)
    tip = half + pedicle_width_mm(vertebra) + vertebra.transverse_mm
    if vertebra.region == "T":
        start, end = (half + 3.0, wall + 0.8 * a, pw), (tip, wall + a + 8.0, pw + 4.0)
    else:
        start, end = (half + 6.0, wall + 4.0, pw), (tip, wall + 7.0, pw + 2.0)
    bars += [lamina, pars, Bar(start, end, 2.3, 2.0)]
    return bars if vertebra.region == "L" else [*bars, lower]


def superior_process(vertebra: Vertebra) -> Bar | None:
    """Superior articular process where facets are not drawn as joints (thoracic, L1)."""
    if vertebra.region == "C":
        return None
    h, a = vertebra.height_mm, vertebra.canal_ap_mm
    wall, half = 0.5 * vertebra.depth_mm, 0.5 * vertebra.canal_width_mm
    high = 0.82 * h if vertebra.region == "L" else 0.75 * h
    return Bar(
        (half + 4.5, wall + 0.62 * a, pedicle_w_mm(vertebra)),
        (half + 6.0, wall + 0.84 * a, high),
        5.0 if vertebra.region != "T" else 3.2,
    )


def paint_arch(canvas: Canvas, vertebra: Vertebra, spine: Spine) -> None:
    """All posterior elements of a vertebra; hypertrophic facets come forward into the foramen."""
    h = vertebra.height_mm
    wall = 0.5 * vertebra.depth_mm
    back = wall + vertebra.canal_ap_mm
    drop = vertebra.spinous_mm * math.sin(vertebra.spinous_drop_rad)
    wide = 0.5 * vertebra.canal_width_mm + 16.0 + vertebra.transverse_mm
    deep = back + vertebra.spinous_mm + 8.0
    low = -max(1.25 * h, drop + 0.9 * h)
    patch = canvas.patch(vertebra.frame, (-wide, wide), (-2.0, deep), (low, 1.25 * h))
    if patch is None:
        return
    u = np.abs(patch.u)
    solid = _distance(patch, u, _bars(vertebra)[0])
    for bar in _bars(vertebra)[1:]:
        np.minimum(solid, _distance(patch, u, bar), out=solid)
    for disc in spine.discs.values():
        if has_facets(disc) and vertebra.name == disc.upper:
            solid = np.minimum(solid, inferior_solid(patch, vertebra, disc))
        elif has_facets(disc) and vertebra.name == disc.lower:
            solid = np.minimum(solid, superior_solid(patch, vertebra, disc))
        elif vertebra.name == disc.lower:
            process = superior_process(vertebra)
            if process is not None:
                solid = np.minimum(solid, _facet(patch, u, process, disc.foramen_lost))
    solid = np.minimum(solid, _spinous(patch, vertebra, back))
    marrow = solid + ARCH_CORTEX_MM
    if vertebra.region == "S":
        wing, inside = _wing(patch, u, vertebra)
        solid, marrow = np.minimum(solid, wing), np.minimum(marrow, inside)
    # Slices cut the arch obliquely and average it over their thickness: softer edges than a body's.
    edge_mm = 1.5 * patch.edge_mm
    patch.paint(coverage(solid, edge_mm), canvas.palette["cortex"])
    patch.paint(coverage(marrow, edge_mm), canvas.palette["marrow"])


def _facet(patch: Patch, u: Float32, bar: Bar, lost: Mapping[Side, float]) -> Float32:
    left, right = (lost[side] for side in SIDES)
    forward = np.where(patch.u > 0.0, np.float32(-6.5 * left), np.float32(-6.5 * right))
    swell = np.where(patch.u > 0.0, np.float32(2.0 * left), np.float32(2.0 * right))
    return _distance(patch, u, bar, forward) - swell


def _spinous(patch: Patch, vertebra: Vertebra, back: float) -> Float32:
    """Spinous process: a plate in the midline, in the lumbar spine a hatchet with a narrow neck,
    a nearly straight upper edge and a lower one that hangs down towards the tip."""
    h, length, drop = vertebra.height_mm, vertebra.spinous_mm, vertebra.spinous_drop_rad
    sin, cos = math.sin(drop), math.cos(drop)
    v, w = patch.v - (back + 2.0), patch.w + 0.28 * h
    along = v * cos - w * sin
    across = v * sin + w * cos
    tall = {"C": 2.6, "T": 4.2, "L": 8.4, "S": 5.0}[vertebra.region]
    share = np.clip(along * (1.0 / length), 0.0, 1.0)
    hang = 0.75 if vertebra.region == "L" else 0.35
    upper = tall * (0.80 - 0.22 * share)
    lower = tall * (0.55 + hang * share * share * (3.0 - 2.0 * share))
    middle, half = 0.5 * (upper - lower), 0.5 * (upper + lower)
    corner = 0.62 * tall
    # The tip is rounded, and the upper corner further in front than the lower one.
    lean = 0.12 * across if vertebra.region == "L" else 0.0
    off_a = np.maximum(np.abs(along + lean - 0.5 * length) - 0.5 * length + corner, 0.0)
    off_b = np.maximum(np.abs(across - middle) - half + corner, 0.0)
    plate = np.sqrt(np.square(off_a) + np.square(off_b)) - corner
    # Thin in the middle, a knob at the tip.
    thin = 2.3 if vertebra.region == "L" else 2.1
    side = np.abs(patch.u) - thin - 2.2 * np.square(share)
    return np.asarray(np.maximum(plate, side))


def _wing(patch: Patch, u: Float32, vertebra: Vertebra) -> tuple[Float32, Float32]:
    """Sacral ala, a thick sheet beside the body that tapers outwards and from S1 to S3: signed
    distances of the whole and of its marrow, which goes over into that of the body."""
    inner = 0.6 * 0.5 * vertebra.width_mm
    span = {"S1": 36.0, "S2": 28.0, "S3": 20.0}[vertebra.name]
    share = np.clip((u - inner) * (1.0 / span), 0.0, 1.0)
    tall = 0.48 * vertebra.height_mm * (1.0 - 0.3 * share * share)
    middle = 4.0 + 12.0 * share
    thick = (12.0 - 3.0 * share) * span / 36.0
    sheet = np.maximum(np.abs(patch.w + 3.0 * share) - tall, np.abs(patch.v - middle) - thick)
    solid = np.maximum(sheet, u - inner - span)
    marrow = np.maximum(solid + ARCH_CORTEX_MM, inner - u)
    return np.asarray(np.maximum(solid, inner - u)), np.asarray(marrow)
