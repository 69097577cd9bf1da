"""What is painted has the size that the findings state, measured on noise-free tissue."""

from dataclasses import replace

import numpy as np
import pytest

from spinebench.phantom.column import Frame
from spinebench.phantom.sizes import LUMBAR_DISCS
from spinebench.phantom.spine import Lesion, Spine, SpineOptions, sample_spine
from spinebench.phantom.tissue import build_canvas, build_indicator, build_palette, paint_spine

STEP_MM = 0.1
CONTENTS = ("csf", "cord", "fat", "dura", "vessel")


def forced(*lesions: Lesion, key: str = "p1") -> Spine:
    return sample_spine(key, 3, options=SpineOptions(only_forced=True, forced=lesions))


def probe(
    spine: Spine, frame: Frame, u: float, w: float, v: tuple[float, float], *tissues: str
) -> np.ndarray:
    """Tissue share along the antero-posterior line at (u, w) of a frame, every STEP_MM."""
    depth = np.arange(v[0], v[1], STEP_MM)
    points = np.array([frame.to_mm(u, value, w) for value in depth], dtype=np.float32)
    return measure(spine, points, *tissues)


def measure(spine: Spine, points: np.ndarray, *tissues: str) -> np.ndarray:
    """Tissue share at points (n, 3) that share one x."""
    x = np.full((1, 1, 1), points[0, 0], dtype=np.float32)
    y, z = points[:, 1].reshape(1, 1, -1), points[:, 2].reshape(1, 1, -1)
    canvas = build_canvas(x, y, z, STEP_MM, build_indicator(*tissues))
    paint_spine(canvas, spine, surroundings=False)
    return canvas.data[0, 0, 0]


def extent_mm(line: np.ndarray) -> float:
    inside = np.flatnonzero(line > 0.5)
    return float((inside[-1] - inside[0] + 1) * STEP_MM) if inside.size else 0.0


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.5, 0.82])
@pytest.mark.parametrize("level", [*LUMBAR_DISCS, "C5/C6"])
def test_canal_has_the_stated_depth(level: str, fraction: float):
    spine = forced(Lesion("canal", level, fraction=fraction))
    disc = spine.discs[level]
    window = (disc.wall_v_mm - 1.0, disc.wall_v_mm + disc.canal_expected_mm + 0.5)
    line = probe(spine, disc.frame, 0.0, 0.0, window, *CONTENTS)
    assert extent_mm(line) == pytest.approx(disc.canal_expected_mm * (1 - fraction), abs=0.8)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.82])
@pytest.mark.parametrize(("level", "side"), [("L3/L4", "left"), ("L4/L5", "right")])
def test_foramen_has_the_stated_depth_and_the_other_side_is_spared(level, side, fraction: float):
    spine = forced(Lesion("foramen", level, side, fraction=fraction))
    disc = spine.discs[level]
    window = (disc.wall_v_mm - 1.0, disc.wall_v_mm + disc.foramen_expected_mm + 1.0)
    sign = 1.0 if side == "left" else -1.0
    for factor, lost in ((sign, fraction), (-sign, 0.0)):
        u = factor * disc.foramen_u_mm
        line = probe(spine, disc.frame, u, disc.foramen_w_mm, window, *CONTENTS)
        assert extent_mm(line) == pytest.approx(disc.foramen_expected_mm * (1 - lost), abs=0.8)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.82])
@pytest.mark.parametrize(("level", "side"), [("L3/L4", "right"), ("L4/L5", "left")])
def test_recess_has_the_stated_height_and_the_other_side_is_spared(level, side, fraction: float):
    spine = forced(Lesion("recess", level, side, fraction=fraction))
    disc = spine.discs[level]
    window = (disc.wall_v_mm - 1.5, disc.wall_v_mm + disc.recess_expected_mm + 1.0)
    sign = 1.0 if side == "left" else -1.0
    for factor, lost in ((sign, fraction), (-sign, 0.0)):
        u = factor * disc.recess_u_mm
        line = probe(spine, disc.frame, u, disc.recess_w_mm, window, *CONTENTS)
        assert extent_mm(line) == pytest.approx(disc.recess_expected_mm * (1 - lost), abs=0.9)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5])
def test_a_wedge_loses_the_stated_height_in_front_and_none_behind(fraction: float):
    spine = forced(Lesion("collapse", "L1", fraction=fraction, subtype="wedge"))
    body = spine.vertebrae["L1"]

    def height(v: float) -> float:
        reach = body.half_height(v) + 2.0  # not as far as the neighbours
        rise = np.arange(-reach, reach, STEP_MM)
        points = np.array([body.frame.to_mm(0.0, v, value) for value in rise], dtype=np.float32)
        line = measure(spine, points, "marrow", "cortex")
        return extent_mm(line)

    front = height(-0.42 * body.depth_mm)
    assert front == pytest.approx(2.0 * body.half_height(-0.42 * body.depth_mm), abs=1.2)
    assert body.front_mm == pytest.approx((1.0 - fraction) * body.height_mm)
    assert body.back_mm == pytest.approx(body.height_mm)


@pytest.mark.parametrize("length_mm", [3.0, 8.0])
def test_an_anterior_osteophyte_reaches_as_far_as_stated(length_mm: float):
    spine = forced(Lesion("osteophyte", "L3/L4", mm=length_mm))
    body = spine.vertebrae["L4"]
    front = 0.5 * body.depth_mm
    reach = 0.0
    for below in np.arange(-2.0, 4.0, 0.5):
        w = body.half_height(-front) - below
        line = probe(spine, body.frame, 0.0, w, (-front - 15.0, 0.0), "cortex", "marrow")
        inside = np.flatnonzero(line > 0.5)
        if inside.size:
            reach = max(reach, 15.0 - STEP_MM * float(inside[0]))
    assert reach == pytest.approx(length_mm, abs=1.0)


def test_signal_of_the_sac_falls_from_fluid_to_dark_as_the_canal_closes():
    values = []
    for fraction in (0.0, 0.5, 0.82):
        spine = forced(Lesion("canal", "L4/L5", fraction=fraction))
        x, y, z = (np.full((1, 1, 1), value, np.float32) for value in spine.canal_point_mm("L4/L5"))
        canvas = build_canvas(x, y, z, 0.3, build_palette(spine, ("T2",)))
        paint_spine(canvas, spine, surroundings=False)
        values.append(float(canvas.data[0, 0, 0, 0]))
    assert values[0] > 0.5
    assert values[2] < 0.4
    assert values[0] > values[1] > values[2]


def test_marrow_gets_yellower_with_age():
    young = replace(forced(), marrow_fat=0.0)
    old = replace(forced(), marrow_fat=1.0)
    signals = [float(build_palette(spine, ("T1",))["marrow"][0]) for spine in (young, old)]
    assert signals == pytest.approx([0.496, 0.631], abs=0.001)


def test_the_disc_fills_the_hollow_of_a_biconcave_collapse():
    spine = forced(Lesion("collapse", "L2", fraction=0.5, subtype="biconcave"))
    body = spine.vertebrae["L2"].frame
    points = np.array(
        [body.to_mm(0.0, 0.0, w) for w in np.arange(-24.0, 24.0, STEP_MM)], np.float32
    )
    solid = ("marrow", "cortex", "vein", "annulus", "nucleus_healthy", "nucleus_worn")
    assert measure(spine, points, *solid).min() > 0.9


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_recess_beside_a_sideways_slip_keeps_its_stated_height(side):
    slip = Lesion("slip", "L4/L5", "right", mm=7.0, subtype="laterolisthesis")
    spine = forced(slip, Lesion("recess", "L4/L5", "left", fraction=0.45))
    disc = spine.discs["L4/L5"]
    window = (disc.wall_v_mm - 1.5, disc.wall_v_mm + disc.recess_expected_mm + 1.0)
    u = disc.recess_u_mm if side == "left" else -disc.recess_u_mm
    line = probe(spine, disc.frame, u, disc.recess_w_mm, window, *CONTENTS)
    assert extent_mm(line) == pytest.approx(disc.recess_height_mm(side), abs=0.9)
