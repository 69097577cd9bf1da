"""Facet joints of the lumbar spine: two articular processes and the curved space between them.

Both processes are described from the joint, in the frame of the disc in front of it, so that the
space has the same width all along. The upper vertebra's inferior process lies behind and medial,
the lower one's superior process in front and lateral; in a narrowed recess both come forwards and
inwards, in a narrowed foramen the tip of the superior process does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from spinebench.phantom.canvas import Canvas, Float32, Patch, coverage
from spinebench.phantom.column import Disc, Vertebra
from spinebench.phantom.sizes import SIDES, Side
from spinebench.phantom.spine import Spine

# Angle of the joint against the sagittal plane and its distance outside the canal's half width:
# sagittal and narrow above, more coronal and wider below.
FACET_ANGLE_DEG = {"L1/L2": 27.0, "L2/L3": 31.0, "L3/L4": 38.0, "L4/L5": 46.0, "L5/S1": 52.0}
FACET_ASIDE_MM = {"L1/L2": 2.2, "L2/L3": 2.4, "L3/L4": 3.0, "L4/L5": 4.0, "L5/S1": 5.5}
FACET_BEHIND_MM = 15.0
HALF_GAP_MM = 0.7
HALF_LENGTH_MM = 7.6
# Curve of the joint: the superior process is hollow, of this radius.
CURVE_MM = 12.0


def has_facets(disc: Disc) -> bool:
    """Whether the disc's facet joints are drawn as joints: L1/L2 to L5/S1."""
    return disc.name in FACET_ANGLE_DEG


def _by_side(u: Float32, lost: Mapping[Side, float]) -> Float32 | float:
    """What a side has lost, at every point; a plain 0.0 where nothing is lost."""
    left, right = (lost[side] for side in SIDES)
    if left == 0.0 and right == 0.0:
        return 0.0
    return np.where(u > 0.0, np.float32(left), np.float32(right))


def _joint(disc: Disc, u: Float32, v: Float32) -> tuple[Float32, Float32, Float32 | float]:
    """(along, off, swell): mm along the joint (backwards positive), mm off its curved middle
    (towards the inferior process positive), and the scale of an overgrown joint."""
    lost = _by_side(u, disc.recess_lost)
    turn = math.radians(FACET_ANGLE_DEG[disc.name])
    sin, cos = math.sin(turn), math.cos(turn)
    du = np.abs(u) - (disc.half_width_mm + FACET_ASIDE_MM[disc.name]) + 2.0 * lost
    dv = v - (disc.wall_v_mm + FACET_BEHIND_MM) + 3.0 * lost
    along = du * sin + dv * cos
    off = dv * sin - du * cos - np.square(along) * (0.5 / CURVE_MM)
    return along, off, 1.0 + 0.22 * lost


def _cap(share: Float32) -> Float32:
    """Radius of a rounded end: 1 up to share 0, 0 from share 1 on."""
    return np.asarray(np.sqrt(1.0 - np.square(np.clip(share, 0.0, 1.0))))


def _to_disc(patch: Patch, vertebra: Vertebra, disc: Disc) -> tuple[Float32, Float32, Float32]:
    """Local coordinates of a vertebra's patch in the frame of a neighbouring disc."""
    own, other = vertebra.frame, disc.frame
    sin, cos = math.sin(own.tilt_rad), math.cos(own.tilt_rad)
    dy = patch.v * cos + patch.w * sin + (own.center_mm[1] - other.center_mm[1])
    dz = patch.w * cos - patch.v * sin + (own.center_mm[2] - other.center_mm[2])
    sin, cos = math.sin(other.tilt_rad), math.cos(other.tilt_rad)
    w = dy * sin + dz * cos
    slide = own.shear * patch.w - other.shear * w + (own.center_mm[0] - other.center_mm[0])
    return patch.u + slide, dy * cos - dz * sin, w


def superior_solid(patch: Patch, vertebra: Vertebra, disc: Disc) -> Float32:
    """Signed distance of the superior process, `disc` being the one above the vertebra."""
    u, v, w = _to_disc(patch, vertebra, disc)
    along, off, swell = _joint(disc, u, v)
    foramen = _by_side(u, disc.foramen_lost)
    tip = 8.0 + 4.0 * foramen
    low = _cap((-7.0 - w) * (1.0 / 9.0))
    size = swell * low * _cap((w - tip + 8.0) * (1.0 / 8.0))
    oval = np.sqrt(np.square(along / HALF_LENGTH_MM) + np.square((off + 1.0) * (1.0 / 6.2)))
    solid = np.maximum((oval - size) * 6.5, off + HALF_GAP_MM)
    # The mammillary process, at its outer edge.
    knob = np.sqrt(np.square(along - 6.0) + np.square(off + 4.0))
    solid = np.minimum(solid, knob - 3.6 * low * _cap((w + 1.0) * (1.0 / 7.0)))
    if not isinstance(foramen, float):
        ahead = np.square(v - disc.wall_v_mm - 11.0 + 6.5 * foramen)
        aside = np.square(np.abs(u) - disc.foramen_u_mm - 0.8)
        round_off = _cap((w - tip + 6.0) * (1.0 / 6.0)) * _cap((1.0 - w) * (1.0 / 8.0))
        spur = np.sqrt(ahead + aside) - (3.4 + 1.8 * foramen) * round_off
        solid = np.minimum(solid, np.maximum(spur, 9.0 * (0.05 - foramen)))
    return np.asarray(np.maximum(solid, np.maximum(w - tip, -16.0 - w)))


def inferior_solid(patch: Patch, vertebra: Vertebra, disc: Disc) -> Float32:
    """Signed distance of the inferior process, `disc` being the one below the vertebra."""
    u, v, w = _to_disc(patch, vertebra, disc)
    along, off, swell = _joint(disc, u, v)
    size = swell * _cap((-2.0 - w) * (1.0 / 9.0)) * _cap((w - 7.0) * (1.0 / 9.0))
    oval = np.sqrt(
        np.square((along + 0.5) * (1.0 / HALF_LENGTH_MM)) + np.square((off - 1.0) * (1.0 / 7.0))
    )
    solid = np.maximum((oval - size) * 7.0, HALF_GAP_MM - off)
    return np.asarray(np.maximum(solid, np.maximum(w - 15.5, -10.5 - w)))


def paint_facet_joints(canvas: Canvas, spine: Spine) -> None:
    """Fluid and cartilage between the processes, after both vertebrae have been painted."""
    for disc in spine.discs.values():
        if not has_facets(disc):
            continue
        wide = disc.half_width_mm + 18.0
        back = disc.wall_v_mm + FACET_BEHIND_MM
        patch = canvas.patch(disc.frame, (-wide, wide), (back - 14.0, back + 10.0), (-8.5, 7.5))
        if patch is None:
            continue
        along, off, swell = _joint(disc, patch.u, patch.v)
        ends = np.abs(along) - (HALF_LENGTH_MM - 1.2) * swell
        sheet = np.maximum(np.maximum(np.abs(off) - HALF_GAP_MM, ends), np.abs(patch.w + 0.5) - 7.0)
        patch.paint(0.8 * coverage(sheet, patch.edge_mm), canvas.palette["joint"])
