"""What lies inside the canal and the foramina: fat, flavum, sac, cord, roots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinebench.phantom.arches import PEDICLE_HEIGHT_MM, pedicle_w_mm, pedicle_width_mm
from spinebench.phantom.canvas import (
    Canvas,
    Float32,
    Patch,
    coverage,
    cut,
    iter_strips,
    smoothstep,
)
from spinebench.phantom.column import Disc
from spinebench.phantom.course import Course
from spinebench.phantom.rng import build_rng
from spinebench.phantom.sizes import SIDES, Side
from spinebench.phantom.spine import Spine

CANAL_REACH_MM = 30.0
ROOT_COUNT = 20


@dataclass
class CanalBox:
    """One box in straightened coordinates: u from the middle of the canal, v behind the wall, and
    the sizes of Profiles at every point (broadcastable)."""

    u: Float32
    v: Float32
    size: dict[str, Float32]
    patch: Patch


def paint_canal(canvas: Canvas, spine: Spine, course: Course) -> None:
    """Canal with its contents over the whole course."""
    s, v = course.straighten(canvas.y, canvas.z, CANAL_REACH_MM)
    mask = (s >= 0.0) & (v > -2.0) & (v < 28.0)
    profiles = course.profiles
    rows = {
        "x": profiles.x,
        "ap": profiles.ap,
        "half": profiles.half_width,
        "front": profiles.front,
        "back": profiles.back,
        "recess": profiles.recess,
        "left": profiles.recess_lost[0],
        "right": profiles.recess_lost[1],
        "cord_ap": profiles.cord_ap,
        "cord_width": profiles.cord_width,
        "roots": profiles.roots_mm2,
        "effaced": profiles.effaced,
        "fat": profiles.fat,
        "sac": profiles.sac,
        "lumbar": profiles.lumbar,
    }
    strands = _draw_strands(spine)
    for spans in iter_strips(canvas, mask, 24):
        place = cut(s, spans)
        size = {
            name: np.interp(place, profiles.s_mm, values).astype(np.float32)
            for name, values in rows.items()
        }
        middle, wide = float(size["x"].mean()), float(size["half"].max()) + 4.0
        columns = np.flatnonzero(np.abs(canvas.x.ravel() - middle) < wide + 3.0)
        if columns.size == 0:
            continue
        held = slice(int(columns[0]), int(columns[-1]) + 1)
        spans = (*spans[:2], held) if canvas.x.shape[2] > 1 else (held, *spans[1:])
        u = cut(canvas.x, spans) - size["x"]
        depth = np.where(cut(s, spans) >= 0.0, cut(v, spans), np.float32(-99.0))
        patch = Patch(u, depth, place, canvas.data[(slice(None), *spans)], canvas.edge_mm)
        _paint_box(canvas, CanalBox(u, depth, size, patch), strands)


def _draw_strands(spine: Spine) -> list[tuple[float, float, float]]:
    """(across, depth, radius) of the roots of the cauda equina in sac coordinates; they lie low,
    that is behind, in a patient on the back."""
    rng = build_rng(spine.seed, spine.key, "roots")
    across = np.linspace(-0.80, 0.80, ROOT_COUNT) + rng.uniform(-0.05, 0.05, ROOT_COUNT)
    layer = rng.uniform(0.0, 1.0, ROOT_COUNT)
    # A crescent: layered behind in the midline, further forwards at the sides.
    depth = (0.46 + 0.40 * layer) * np.sqrt(1.0 - np.square(across)) - 0.30 * np.square(across)
    radius = rng.uniform(0.50, 0.75, ROOT_COUNT)
    return list(zip(across.tolist(), depth.tolist(), radius.tolist(), strict=True))


def _walls(box: CanalBox) -> tuple[Float32, Float32, Float32, Float32]:
    """(front, back) of the free canal and (0, back) of the bony one, per u and s."""
    size = box.size
    # In the lumbar spine the laminae and their ligament make a V; 1 from 0.68 of the half width on.
    place = np.abs(box.u) / size["half"]
    lumbar = size["lumbar"]
    flat = smoothstep(0.34, 0.64, place)
    vee = np.clip((place - 0.06) * (1.0 / 0.62), 0.0, 1.0)
    aside = flat + lumbar * (vee * np.sqrt(vee) - flat)
    lost = np.where(box.u > 0.0, size["left"], size["right"])
    bony = size["ap"] + aside * (size["recess"] - size["ap"])
    broad = flat + lumbar * (smoothstep(0.10, 0.68, place) - flat)
    front = size["front"] * (1.0 - broad) + 0.5 * lost * broad
    back = bony - size["back"] * (1.0 - aside) - 0.5 * lost * aside
    return front, back, bony, lost


def _paint_box(canvas: Canvas, box: CanalBox, strands: list[tuple[float, float, float]]) -> None:
    size, u, v, patch = box.size, box.u, box.v, box.patch
    front, back, bony, lost = _walls(box)
    # In the lumbar spine the sides lean inwards from the height of the foramen.
    outside = np.abs(u) - size["half"] + 0.35 * size["lumbar"] * np.abs(v - 4.3)
    # The yellow ligament: from the free canal to some way outside the bony back wall.
    thick = 2.4 + np.maximum(bony - back, 0.0)
    flavum = np.maximum(np.maximum(-v, back - v), np.maximum(v - back - thick, outside - 0.5))
    patch.paint_inside(np.maximum(flavum, -v), canvas.palette["flavum"])
    # The disc that stands into the canal.
    ahead = np.maximum(outside, np.maximum(-0.7 - v, v - front))
    ahead = np.maximum(ahead, 9.0 * (0.05 - front))
    patch.paint_inside(ahead, canvas.palette["annulus"])
    free = np.maximum(outside, np.maximum(front - v, v - back))
    inside = coverage(free, patch.edge_mm)
    patch.paint(inside, canvas.palette["fat"])
    # A tight canal squeezes the fat out of its sides too.
    patch.paint(0.55 * size["effaced"] * inside, canvas.palette["dura"])
    # The long ligament behind the bodies lies on the bony side of the free canal.
    line = np.maximum(np.abs(v - front + 0.5) - 0.6, outside + 0.45 * size["half"])
    patch.paint(0.8 * coverage(line, patch.edge_mm), canvas.palette["ligament"])
    room = size["ap"] - size["front"] - size["back"]
    spare = np.minimum(size["fat"], 0.27 * room) * (1.0 - size["effaced"])
    top = size["front"] + np.minimum(0.5, 0.1 * room)
    half_v = np.maximum(0.5 * (room - spare) - np.minimum(0.5, 0.1 * room), 0.35)
    center = top + half_v
    half_v = np.maximum(half_v * size["sac"], 0.35)
    squeeze = 0.30 * np.clip(lost / size["recess"], 0.0, 1.0)
    half_u = size["half"] * np.where(size["cord_ap"] > 1.0, 0.80, 0.74) * (1.0 - squeeze)
    half_u = np.maximum(half_u * size["sac"], 0.35)
    across, depth = u / half_u, (v - center) / half_v
    # Rounded triangle below the cord: narrower behind.
    slope = 0.16 * (size["cord_ap"] < 3.0)
    radius = np.sqrt(np.square(across * (1.0 + slope * depth)) + np.square(depth))
    # Fold the sac by the free canal: a bulge that is off the midline dents it too.
    sac = np.maximum((radius - 1.0) * np.minimum(half_u, half_v), free + 0.4)
    sac = np.maximum(sac, 9.0 * (0.05 - size["sac"]))
    dura = coverage(sac - 0.5, patch.edge_mm)
    patch.paint(0.65 * dura, canvas.palette["dura"])
    area = 3.14 * half_u * half_v
    crowd = np.clip(size["roots"] / area, 0.0, 0.9) * 0.75 * (size["cord_ap"] < 3.0)
    # Where the fluid is gone, roots and thickened dura give a dark grey.
    crowd = np.maximum(crowd, 0.95 * size["effaced"])
    csf, root, dark = (canvas.palette[name] for name in ("csf", "cord", "dura"))
    share = coverage(sac, patch.edge_mm)
    gone = 0.6 * size["effaced"]
    mixed = np.stack(
        [
            (c + crowd * (r - c)) * (1.0 - gone) + gone * d
            for c, r, d in zip(csf, root, dark, strict=True)
        ]
    )
    patch.paint(share, mixed)
    _paint_nerves(canvas, box, (across, depth, half_u, half_v), strands, sac)


def _paint_nerves(
    canvas: Canvas,
    box: CanalBox,
    sac: tuple[Float32, Float32, Float32, Float32],
    strands: list[tuple[float, float, float]],
    inside: Float32,
) -> None:
    """Cord above the conus, strands of the cauda equina below, roots in the recesses."""
    across, depth, half_u, half_v = sac
    size, patch = box.size, box.patch
    cord_v = np.minimum(0.5 * size["cord_ap"], 0.9 * half_v)
    cord_u = np.minimum(0.5 * size["cord_width"], 0.85 * half_u)
    has_cord = size["cord_ap"] > 1.0
    if has_cord.any():
        shape = np.sqrt(
            np.square(across * half_u / np.maximum(cord_u, 0.3))
            + np.square(depth * half_v / np.maximum(cord_v, 0.3))
        )
        cord = (shape - 1.0) * np.maximum(cord_v, 0.3)
        patch.paint(coverage(cord, patch.edge_mm) * has_cord, canvas.palette["cord"])
    below = smoothstep(7.5, 5.0, size["cord_ap"])
    if below.any():
        thick = 1.6 if box.patch.u.shape[0] > 1 and box.patch.u.shape[2] > 1 else 0.0
        fade = below * coverage(inside + 0.8, patch.edge_mm)
        seen = np.zeros_like(fade)
        for a, d, radius in strands:
            # A thick slice shows a strand that runs anywhere within it, but fainter.
            aside = np.maximum(np.abs(across - a) * half_u - thick, 0.0)
            gap = np.sqrt(np.square(aside) + np.square((depth - d) * half_v))
            share = coverage(gap - radius, patch.edge_mm)
            if thick > 0.0:
                seen = np.minimum(seen + 0.20 * share, 0.6)
            else:
                seen = np.maximum(seen, 0.8 * share)
        patch.paint(seen * fade, canvas.palette["cord"])
        _paint_recess_roots(canvas, box, below)


def _paint_recess_roots(canvas: Canvas, box: CanalBox, below: Float32) -> None:
    """The traversing root lies in the fat of the recess; with the recess it is flattened."""
    size = box.size
    lost = np.where(box.u > 0.0, size["left"], size["right"])
    room = np.maximum(size["recess"] - lost, 0.2)
    half_v = np.minimum(1.7, 0.42 * room)
    gap = np.sqrt(
        np.square((np.abs(box.u) - 0.78 * size["half"]) * (1.0 / 1.9))
        + np.square((box.v - 0.5 * size["recess"]) / half_v)
    )
    share = coverage((gap - 1.0) * half_v, box.patch.edge_mm) * below
    box.patch.paint(share, canvas.palette["cord"])


def paint_foramina(canvas: Canvas, disc: Disc, spine: Spine) -> None:
    """Both foramina of a segment: fat, the exiting root, and what narrows them."""
    upper, lower = spine.vertebrae[disc.upper], spine.vertebrae[disc.lower]
    if disc.region == "S":
        return
    scale = 1.0 if disc.region == "L" else 0.75 if disc.region == "T" else 0.6
    top = 0.5 * disc.height_mm + (0.5 * upper.height_mm + pedicle_w_mm(upper))
    top -= 0.5 * PEDICLE_HEIGHT_MM[upper.region]
    low = 0.5 * disc.height_mm + 0.5 * lower.height_mm - pedicle_w_mm(lower)
    low -= 0.5 * PEDICLE_HEIGHT_MM[lower.region]
    bounds = (-low - 0.5, top - 0.5)
    outer = disc.half_width_mm + pedicle_width_mm(upper) + 3.0 * scale
    for side in SIDES:
        sign = 1.0 if side == "left" else -1.0
        reach = (disc.half_width_mm - 3.0, outer + 2.5)
        u_span = reach if side == "left" else (-reach[1], -reach[0])
        wall = disc.wall_v_mm
        patch = canvas.patch(
            disc.frame,
            u_span,
            (wall - 3.0, wall + disc.foramen_expected_mm + 3.0),
            (bounds[0] - 2.0, bounds[1] + 2.0),
        )
        if patch is not None:
            _paint_foramen(canvas, patch, disc, side, sign, bounds, outer, scale)


def _paint_foramen(
    canvas: Canvas,
    patch: Patch,
    disc: Disc,
    side: Side,
    sign: float,
    bounds: tuple[float, float],
    outer: float,
    scale: float,
) -> None:
    lost, expected = disc.foramen_lost[side], disc.foramen_expected_mm
    free = disc.foramen_ap_mm(side)
    u = sign * patch.u
    # The foramen leads outwards and forwards; at foramen_u_mm it lies right behind the wall.
    depth = patch.v - disc.wall_v_mm - 0.5 * expected + 0.25 * (u - disc.foramen_u_mm)
    across = np.maximum(disc.half_width_mm - 0.5 - u, u - outer)
    root_w = min(disc.foramen_w_mm, bounds[1] - 4.0 * scale)
    # Keyhole: full size around the root, half of it behind the disc, rounded at the top.
    below = smoothstep(root_w - 4.0 * scale, root_w - 11.0 * scale, patch.w)
    shape = 1.0 - 0.45 * below
    middle, half_h = 0.5 * (bounds[0] + bounds[1]), 0.5 * (bounds[1] - bounds[0])

    # Sideways the fat goes over into that around the muscles without an edge.
    ends = np.clip(0.5 - across * (1.0 / 4.5), 0.0, 1.0)

    def hole(size: float, shrink: float) -> Float32:
        tall = np.abs(patch.w - (middle + shrink * (root_w - middle))) - half_h * (1 - shrink)
        flat = np.abs(depth + 0.5 * below * 0.4 * size) - 0.5 * size * shape
        corner = min(4.2 * scale, 0.49 * size)
        rounded = np.sqrt(
            np.square(np.maximum(flat + corner, 0.0)) + np.square(np.maximum(tall + corner, 0.0))
        )
        return np.asarray(coverage(rounded - corner, patch.edge_mm) * ends)

    if lost > 0.05:
        # Disc from the front, the tip of the superior process from behind.
        filled = hole(expected, 0.0)
        patch.paint(filled, canvas.palette["annulus"])
        bone = depth - 0.5 * free
        patch.paint(filled * coverage(-bone, patch.edge_mm), canvas.palette["cortex"])
        patch.paint(filled * coverage(0.9 - bone, patch.edge_mm), canvas.palette["marrow"])
    patch.paint(hole(free, 0.55 * lost), canvas.palette["fat"])
    sink = root_w - 0.45 * (u - disc.foramen_u_mm)
    half_v = min(2.6 * scale, 0.42 * free)
    root = np.sqrt(
        np.square(depth * (1.0 / half_v)) + np.square((patch.w - sink) * (1.0 / (3.2 * scale)))
    )
    distance = np.maximum((root - 1.0) * half_v, across)
    patch.paint_inside(distance, canvas.palette["cord"])
    vessel = np.sqrt(np.square(depth + 0.18 * free) + np.square(patch.w - sink + 5.5 * scale))
    limit = min(1.1 * scale, 0.2 * free)
    patch.paint_inside(np.maximum(vessel - limit, across), canvas.palette["vessel"])
