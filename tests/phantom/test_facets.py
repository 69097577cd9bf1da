"""The facet joints as painted: where they lie, how they turn, and what a narrowed recess does."""

import math

import numpy as np
import pytest

from spinebench.phantom.facets import FACET_ANGLE_DEG, HALF_GAP_MM
from spinebench.phantom.spine import Lesion, Spine, SpineOptions, sample_spine
from spinebench.phantom.tissue import build_canvas, build_indicator, paint_spine

STEP_MM = 0.2
REACH_MM = 12.0


def forced(*lesions: Lesion) -> Spine:
    return sample_spine("facets", 3, options=SpineOptions(only_forced=True, forced=lesions))


def joint_map(
    spine: Spine, level: str, side: str, *tissues: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(|u|, v behind the wall, share) of a tissue on the plane of the disc, around a joint."""
    disc = spine.discs[level]
    sign = 1.0 if side == "left" else -1.0
    steps = np.arange(-REACH_MM, REACH_MM, STEP_MM)
    u, v = disc.half_width_mm + 3.0 + steps, disc.wall_v_mm + 15.0 + steps
    points = np.array([disc.frame.to_mm(0.0, value, 0.0) for value in v], dtype=np.float32)
    x = (disc.frame.center_mm[0] + sign * u).astype(np.float32)
    order = slice(None) if side == "left" else slice(None, None, -1)
    canvas = build_canvas(
        x[order].reshape(1, 1, -1),
        points[:, 1].reshape(1, -1, 1),
        points[:, 2].reshape(1, -1, 1),
        STEP_MM,
        build_indicator(*tissues),
    )
    paint_spine(canvas, spine, surroundings=False)
    share = canvas.data[0, 0][:, order]
    return np.broadcast_to(u, share.shape), (v - disc.wall_v_mm)[:, None] + 0 * share, share


def middle_and_turn(u: np.ndarray, v: np.ndarray, share: np.ndarray) -> tuple[float, float, float]:
    """Centroid (|u|, v) and angle of the long axis against the sagittal plane in degrees."""
    total = share.sum()
    mean_u, mean_v = (u * share).sum() / total, (v * share).sum() / total
    du, dv = u - mean_u, v - mean_v
    uu, vv, uv = ((a * b * share).sum() / total for a, b in ((du, du), (dv, dv), (du, dv)))
    return mean_u, mean_v, math.degrees(0.5 * math.atan2(2.0 * uv, vv - uu))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("level", ["L1/L2", "L3/L4", "L4/L5", "L5/S1"])
def test_joint_space_turns_from_sagittal_above_to_coronal_below(level: str, side: str):
    u, v, share = joint_map(forced(), level, side, "joint")
    _, _, turn = middle_and_turn(u, v, share)
    assert turn == pytest.approx(FACET_ANGLE_DEG[level], abs=6.0)


def test_joint_space_is_thin_and_has_bone_on_both_sides():
    spine = forced()
    u, v, share = joint_map(spine, "L4/L5", "left", "joint")
    mean_u, mean_v, turn = middle_and_turn(u, v, share)
    # Painted at four fifths, over the width of the gap and some 13 mm of length.
    area = float(share.sum()) * STEP_MM**2
    assert area == pytest.approx(0.8 * 2.0 * HALF_GAP_MM * 13.0, rel=0.15)
    _, _, bone = joint_map(spine, "L4/L5", "left", "marrow")
    sin, cos = math.sin(math.radians(turn)), math.cos(math.radians(turn))
    for sign in (-1.0, 1.0):  # 4 mm to the superior and to the inferior process
        place = np.hypot(u - mean_u + sign * 4.0 * cos, v - mean_v - sign * 4.0 * sin)
        assert bone[place < 1.0].mean() > 0.95


def test_a_narrowed_recess_brings_its_own_joint_forwards_and_inwards():
    spine = forced(Lesion("recess", "L4/L5", "left", fraction=0.8))
    left, right = (
        middle_and_turn(*joint_map(spine, "L4/L5", side, "joint")) for side in ("left", "right")
    )
    assert right[0] - left[0] == pytest.approx(1.6, abs=0.5)
    assert right[1] - left[1] == pytest.approx(2.4, abs=0.5)
