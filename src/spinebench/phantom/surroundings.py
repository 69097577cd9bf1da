"""Everything around the column: skin, fat, muscle, vessels, bowel; in the neck airway and skull.

Painted coarsely (half the pixels each way) and before the bones. Depth is measured behind the line
of the posterior body walls, so that muscles and skin follow the curves of the back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spinebench.phantom.canvas import Canvas, Float32, Patch, smooth_noise, smoothstep
from spinebench.phantom.spine import Spine

SKIN_MM = 2.0


@dataclass(frozen=True)
class BackLines:
    """Lines of the back by height z (ascending, mm): posterior body wall, tips of the spinous
    processes (smoothed), skin, middle; body half width and depth."""

    z: npt.NDArray[np.float64]
    wall_y: npt.NDArray[np.float64]
    tip_y: npt.NDArray[np.float64]
    skin_y: npt.NDArray[np.float64]
    x: npt.NDArray[np.float64]
    half_width: npt.NDArray[np.float64]
    depth: npt.NDArray[np.float64]


def build_back_lines(spine: Spine) -> BackLines:
    """Lines on a grid of 4 mm, from below S3 to above C2."""
    bodies = list(reversed(list(spine.vertebrae.values())))
    walls = [body.frame.to_mm(0.0, 0.5 * body.depth_mm, 0.0) for body in bodies]
    z = np.array([wall[2] for wall in walls])
    tips = []
    for body, wall in zip(bodies, walls, strict=True):
        # Processes point down and back: their tips are found at the height they reach.
        reach = body.canal_ap_mm + 2.0
        reach += body.spinous_mm * math.cos(body.spinous_drop_rad - 0.5 * body.frame.tilt_rad)
        tips.append(wall[1] + reach * math.cos(body.frame.tilt_rad))
    fine = np.arange(z[0] - 90.0, z[-1] + 90.0, 4.0)

    def along(values: list[float], smooth_mm: float) -> npt.NDArray[np.float64]:
        line = np.interp(fine, z, values)
        return np.asarray(ndimage.gaussian_filter1d(line, smooth_mm / 4.0, mode="nearest"))

    tip = along(tips, 20.0)
    tip += 0.8 * max(0.0, float((np.interp(fine, z, tips) - tip).max()))
    height = (fine - z[0]) / (z[-1] - z[0])
    # Fat is thickest over the sacrum and lower lumbar spine and thin between the shoulders.
    fat = spine.fat_mm * np.interp(height, (0.0, 0.15, 0.4, 1.0), (1.35, 1.3, 0.75, 0.6))
    return BackLines(
        z=fine,
        wall_y=along([wall[1] for wall in walls], 2.0),
        tip_y=tip,
        skin_y=tip + ndimage.gaussian_filter1d(fat, 8.0, mode="nearest") + 2.0,
        x=along([wall[0] for wall in walls], 4.0),
        half_width=along([0.5 * body.width_mm for body in bodies], 4.0),
        depth=along([body.depth_mm for body in bodies], 4.0),
    )


def _line(lines: BackLines, z: Float32, values: npt.NDArray[np.float64]) -> Float32:
    return np.interp(z, lines.z, values).astype(np.float32)


class _Scene:
    """Local arrays for one canvas: u from the middle, v behind the wall line, and depth under the
    back's fascia and skin."""

    def __init__(self, canvas: Canvas, lines: BackLines) -> None:
        z = canvas.z
        self.canvas = canvas
        self.wall = _line(lines, z, lines.wall_y)
        self.u = canvas.x - _line(lines, z, lines.x)
        self.v = canvas.y - self.wall
        self.half_width = _line(lines, z, lines.half_width)
        self.depth = _line(lines, z, lines.depth)
        across = np.abs(self.u)
        # The back bulges over the erectors and falls away towards the flanks.
        form = 5.0 * smoothstep(2.0, 26.0, across) - np.square(across * (1.0 / 95.0)) * 20.0
        self.under_fascia = _line(lines, z, lines.tip_y) + 2.0 + form - canvas.y
        self.under_skin = _line(lines, z, lines.skin_y) + 0.8 * form - canvas.y
        self.across = across

    def paint(self, share: Float32, name: str) -> None:
        whole = Patch(self.u, self.v, self.v, self.canvas.data, self.canvas.edge_mm)
        whole.paint(share, self.canvas.palette[name])

    def soft(self, distance: Float32, edge_mm: float = 1.6) -> Float32:
        # Never sharper than the coarse pixels, or thin oblique bands break up into dots.
        edge = max(edge_mm, 1.3 * self.canvas.edge_mm)
        return np.asarray(np.clip(0.5 - distance * (1.0 / edge), 0.0, 1.0))


def paint_surroundings(canvas: Canvas, spine: Spine, rng: np.random.Generator) -> None:
    """Soft tissue of trunk and neck over the whole canvas."""
    lines = build_back_lines(spine)
    scene = _Scene(canvas, lines)
    neck_z = spine.vertebrae["T2"].frame.center_mm[2]
    trunk = np.clip((neck_z - canvas.z) * (1.0 / 60.0) + 0.5, 0.0, 1.0)
    half, deep = spine.girth_mm
    # An oval from 55 mm (neck) or most of the girth (trunk) before the wall to the same behind it,
    # cut off by the skin of the back.
    ahead = 62.0 + (deep * 1.45 - 62.0) * trunk
    wide = 66.0 + (half - 66.0) * trunk
    oval = np.square((scene.v + 0.35 * ahead) / (0.65 * ahead + 14.0 * trunk))
    oval = np.where(scene.v < -0.35 * ahead, oval, np.float32(0.0))
    body = (np.sqrt(oval + np.square(scene.across / wide)) - 1.0) * 60.0
    body = np.maximum(-scene.under_skin, body)
    scene.paint(scene.soft(body + 0.0 * scene.u), "muscle")
    scene.paint(scene.soft(body + SKIN_MM), "fat")
    shape = canvas.data.shape[1:]
    tall = canvas.x.shape[2] == 1  # sagittal: fat streaks run along the back
    if tall:
        streaks = smooth_noise(rng, shape, (14.0, 3.5))
    else:  # cut across, the streaks are small flecks
        streaks = rng.standard_normal(shape, dtype=np.float32)
        streaks = 2.9 * ndimage.gaussian_filter(streaks, (0.0, 1.0, 0.7), truncate=2.5)
    grain = smooth_noise(rng, shape, (11.0, 11.0) if tall else (14.0, 14.0))
    _paint_front(scene, spine, grain, streaks)
    _paint_muscle(scene, spine, streaks, grain)
    if float(canvas.z.max()) > spine.vertebrae["C6"].frame.center_mm[2]:
        _paint_neck(scene, spine)


def _paint_muscle(scene: _Scene, spine: Spine, streaks: Float32, grain: Float32) -> None:
    """Erectors and multifidus behind, psoas and quadratus beside; more fat in them with age."""
    z = scene.canvas.z
    low, top = (spine.vertebrae[name].frame.center_mm[2] for name in ("L5", "T12"))
    full = np.clip((top - z) * (1.0 / (0.75 * (top - low))), 0.0, 1.0)
    fatty = 0.20 + 0.45 * max(0.0, (spine.age - 35) / 50.0) + (0.1 if spine.sex == "F" else 0.0)
    # Fat collects first in the multifidus over the lower lumbar spine.
    inner = np.clip(1.2 - scene.across * (1.0 / 24.0), 0.0, 1.0) * full
    bias = fatty * (1.0 + 1.2 * inner) - 1.40
    marbling = np.clip((0.70 * streaks + 0.60 * grain + bias) * 0.50, 0.0, 0.65)
    marbling = marbling + 0.04 + 0.05 * np.clip(streaks, -0.5, 1.5)
    slant = 0.18 * np.clip(scene.across - 24.0, 0.0, 40.0)
    erector = np.maximum(-scene.under_fascia, 6.0 + slant - scene.v)
    neck_z = spine.vertebrae["T1"].frame.center_mm[2]
    slim = 24.0 * np.clip((z - neck_z) * (1.0 / 40.0), 0.0, 1.0)
    erector = np.maximum(erector, scene.across - 74.0 + slim + 0.011 * np.square(scene.v - 30.0))
    scene.paint(scene.soft(erector) * (1.0 - marbling), "muscle")
    # Planes of fat: between multifidus and longissimus from the facets outwards, wider below,
    # and between longissimus and iliocostalis from the tips of the transverse processes.
    deep = np.clip((scene.v - 14.0) * (1.0 / 34.0), 0.0, 1.2)
    deep = deep * np.sqrt(deep)
    first = scene.across - 19.0 - (3.0 + 11.0 * full) * deep - 0.8 * grain
    second = scene.across - 41.0 - 7.0 * deep + 1.2 * grain
    for plane, start_mm, strength in ((first, 17.0, 0.75), (second, 10.0, 0.5)):
        line = np.maximum(np.abs(plane) - 0.35 - 0.5 * fatty, start_mm - scene.v)
        share = scene.soft(np.maximum(line, erector + 1.5), 1.8)
        scene.paint(share * strength * np.clip(0.75 + 0.25 * streaks, 0.2, 1.0), "fat")
    # Between the spinous processes: ligament with fat, bright in T1 as in most adults.
    between = np.maximum(erector, scene.across - 3.6)
    # Fibres fan upwards and backwards from one process to the next.
    fibres = np.sin((z * 0.8 - scene.canvas.y * 0.55) * 1.15 + 0.8 * grain)
    share = np.clip(0.46 + 0.05 * fibres + 0.16 * streaks + 0.14 * grain, 0.12, 0.9)
    scene.paint(scene.soft(between) * share, "fat")
    supra = np.abs(scene.under_fascia + 0.5) - 1.3
    scene.paint(scene.soft(np.maximum(supra, scene.across - 5.0)), "ligament")
    size = 5.0 + 17.0 * full
    ring = np.sqrt(
        np.square(scene.across - scene.half_width - 0.72 * size)
        + np.square((scene.v + 0.35 * scene.depth) * 0.85)
    )
    present = (full > 0.0).astype(np.float32)
    light = 1.0 - 0.35 * np.clip(streaks - 2.0 + fatty, 0.0, 0.8)
    scene.paint(scene.soft(ring - size) * present * light, "muscle")
    square = np.sqrt(np.square((scene.across - 64.0) * 0.55) + np.square(scene.v - 4.0)) - 9.0
    scene.paint(scene.soft(square) * present, "muscle")
    kidney_z = spine.vertebrae["L2"].frame.center_mm[2]
    kidney = np.square((scene.across - 68.0 - 0.1 * (kidney_z - z)) * (1 / 24.0))
    kidney = np.sqrt(
        kidney + np.square((scene.v + 20.0) * (1 / 22.0)) + np.square((z - kidney_z) * (1 / 55.0))
    )
    scene.paint(scene.soft((kidney - 1.0) * 24.0), "organ")
    scene.paint(0.6 * scene.soft((kidney - 0.42) * 24.0, 6.0), "fat")


def _paint_front(scene: _Scene, spine: Spine, grain: Float32, fine: Float32) -> None:
    """Retroperitoneum: bowel loops and organs in fat, great vessels as flow voids."""
    z = scene.canvas.z
    anterior = -scene.v - scene.depth
    chest = spine.vertebrae["T10"].frame.center_mm[2]
    abdomen = np.clip((chest - z) * (1.0 / 15.0), 0.0, 1.0)
    loops = np.clip(grain * 2.6 + 0.8, 0.0, 1.0) * scene.soft(16.0 - anterior, 12.0)
    loops = loops * np.clip(0.75 + 0.25 * fine, 0.0, 1.0)
    scene.paint(loops * abdomen, "organ")
    gas = np.clip(grain * 3.0 - 3.6, 0.0, 1.0) * scene.soft(34.0 - anterior, 8.0)
    scene.paint(gas * abdomen, "air")
    lung = scene.soft(np.maximum(16.0 - anterior, scene.across * 0.0 - 1.0), 10.0)
    scene.paint(lung * (1.0 - abdomen) * (z < spine.vertebrae["T1"].frame.center_mm[2]), "air")
    fork = spine.vertebrae["L4"].frame.center_mm[2]
    spread = np.clip((fork - z) * (1.0 / 45.0), 0.0, 1.0)
    split = 22.0 * spread
    size = 8.5 - 3.0 * spread
    present = (z < spine.vertebrae["T4"].frame.center_mm[2]).astype(np.float32)
    # Aorta before the left half of the bodies, cava to the right and an oval; both lie on them.
    ahead = anterior - size - 2.5 - 0.0035 * np.square(scene.u)
    aorta = np.hypot(scene.u - 8.0 + 5.0 * _to_midline(spread) - split, ahead)
    cava = np.hypot((scene.u + 15.0 + split - 8.0 * spread) * 0.85, (ahead + 1.0) * 1.15)
    for tube in (aorta, cava):
        scene.paint(scene.soft(tube - size - 1.0) * present, "muscle")
        scene.paint(scene.soft(tube - size) * present, "vessel")
    # The anterior longitudinal ligament and crura: a thin dark band before the bodies.
    band = np.maximum(np.abs(anterior - 1.2) - 0.8, scene.across - 0.7 * scene.half_width)
    scene.paint(scene.soft(band, 1.2) * 0.8, "ligament")


def _to_midline(spread: Float32) -> Float32:
    """The aorta comes to the midline before it divides."""
    return np.asarray(np.minimum(spread * 2.0, 1.0))


def _paint_neck(scene: _Scene, spine: Spine) -> None:
    """Prevertebral muscle, airway, base of the skull, cerebellum and brainstem."""
    z = scene.canvas.z
    base = spine.vertebrae["C2"].frame.center_mm[2]
    end = spine.vertebrae["T2"].frame.center_mm[2]
    anterior = -scene.v - scene.depth
    neck = np.clip((z - end) * (1.0 / 15.0), 0.0, 1.0) * np.clip((base + 12 - z) * 0.1, 0.0, 1.0)
    ring = np.square((anterior - 14.0) * (1 / 24.0)) + np.square(scene.across * (1 / 44.0))
    front = np.maximum((np.sqrt(ring) - 1.0) * 24.0, 1.0 - anterior)
    scene.paint(scene.soft(front) * neck, "muscle")
    strap = np.square((scene.across - 42.0) * (1 / 11.0)) + np.square((anterior - 2.0) * (1 / 20.0))
    scene.paint(scene.soft((np.sqrt(strap) - 1.0) * 11.0) * neck, "muscle")
    jugular = np.hypot(scene.across - 27.0, anterior - 12.0) - 5.5
    scene.paint(scene.soft(jugular) * neck, "vessel")
    airway = np.sqrt(np.square(scene.u * (1 / 9.0)) + np.square((anterior - 15.0) * (1 / 7.5)))
    scene.paint(scene.soft((airway - 1.0) * 7.0) * neck, "air")
    rise = z - base

    def oval(v: float, w: float, half_v: float, half_w: float, half_u: float) -> Float32:
        ring = np.square((scene.v - v) * (1.0 / half_v)) + np.square((rise - w) * (1.0 / half_w))
        radius = np.sqrt(ring + np.square(scene.u * (1.0 / half_u)))
        return np.asarray((radius - 1.0) * min(half_v, half_w))

    def block(low_v: float, high_v: float, bottom: float, lean: float) -> Float32:
        place = scene.v + lean * (rise - bottom)
        return np.asarray(np.maximum(np.maximum(low_v - place, place - high_v), bottom - rise))

    face = block(-90.0, -14.0, 14.0, 0.0)
    scene.paint(scene.soft(np.maximum(face, scene.across - 58.0)), "organ")
    throat = np.maximum(block(-34.0, -24.0, 4.0, 0.0), scene.across - 12.0)
    scene.paint(scene.soft(throat), "air")
    for grow, name in ((5.0, "cortex"), (4.0, "marrow"), (1.0, "cortex"), (0.0, "csf")):
        fossa = oval(34.0, 58.0, 46.0 + grow, 34.0 + grow, 58.0 + grow)
        scene.paint(scene.soft(fossa), name)
    clivus = np.maximum(block(-16.0, -5.0, 22.0, 0.55), scene.across - 14.0)
    scene.paint(scene.soft(clivus - 0.8), "cortex")
    scene.paint(scene.soft(clivus), "marrow")
    scene.paint(scene.soft(oval(48.0, 52.0, 27.0, 22.0, 46.0)), "brain")
    stem = np.maximum(block(3.0, 17.0, 26.0, 0.30), scene.across - 11.0)
    scene.paint(scene.soft(stem), "brain")
