import math
from dataclasses import replace

import pytest

from spinebench.errors import UsageError
from spinebench.phantom.sizes import LUMBAR_DISCS
from spinebench.phantom.spine import Lesion, SpineOptions, sample_spine

NOTHING = SpineOptions(only_forced=True)


def test_same_key_and_seed_give_the_same_spine_and_others_do_not():
    first, again = sample_spine("p1", 3), sample_spine("p1", 3)
    assert first.findings == again.findings
    assert first.vertebrae == again.vertebrae
    assert sample_spine("p2", 3).vertebrae != first.vertebrae
    assert sample_spine("p1", 4).vertebrae != first.vertebrae


def test_a_normal_spine_still_states_the_25_lumbar_cells():
    spine = sample_spine("p1", 3, options=NOTHING)
    cells = {(f.disease, f.level, f.side): f.grade for f in spine.findings if "/" in f.level}
    assert set(cells.values()) == {"none"}
    wanted = {("Spinal Canal Stenosis", disc, None) for disc in LUMBAR_DISCS}
    for disease in ("Foraminal stenosis", "Subarticular Stenosis"):
        wanted |= {(disease, disc, side) for disc in LUMBAR_DISCS for side in ("left", "right")}
    assert set(cells) == wanted
    shapes = [f for f in spine.findings if f.level == "C2-C7"]
    assert len(shapes) == 1


def test_forced_lesion_becomes_a_finding_and_leaves_the_anatomy_alone():
    plain = sample_spine("p1", 3, options=NOTHING)
    lesion = Lesion("canal", "L4/L5", fraction=0.7)
    spine = sample_spine("p1", 3, options=replace(NOTHING, forced=(lesion,)))
    finding = next(
        f for f in spine.findings if (f.disease, f.level) == ("Spinal Canal Stenosis", "L4/L5")
    )
    assert finding.grade == "severe"
    assert finding.measure == pytest.approx(0.3 * finding.expected)
    assert finding.fraction_lost == 0.7
    assert spine.vertebrae == plain.vertebrae


@pytest.mark.parametrize("key", ["a", "b", "c", "d", "e", "f"])
def test_sizes_and_curves_are_within_the_usual_ranges(key: str):
    spine = sample_spine(key, 11, options=NOTHING)
    l3 = spine.vertebrae["L3"]
    assert 38.0 < l3.width_mm < 52.0
    assert 22.0 < l3.height_mm < 31.0
    tilt = {name: math.degrees(v.frame.tilt_rad) for name, v in spine.vertebrae.items()}
    assert 28.0 < -tilt["S1"] < 48.0
    assert 34.0 < tilt["L1"] - tilt["S1"] < 66.0
    assert 12.0 < tilt["T12"] - tilt["T1"] < 50.0
    heights = [v.frame.center_mm[2] for v in spine.vertebrae.values()]
    assert heights == sorted(heights, reverse=True)
    for disc in LUMBAR_DISCS:
        assert spine.discs[disc].canal_expected_mm > 13.0


@pytest.mark.parametrize(
    ("shape", "low", "high"),
    [("lordotic", 12, 35), ("straight", -6, 6), ("sigmoid", -8, 8), ("kyphotic", -28, -7)],
)
def test_cervical_classes_have_their_angles(shape: str, low: float, high: float):
    lesion = Lesion("curvature", "C2-C7", subtype=shape)
    spine = sample_spine("p1", 3, options=replace(NOTHING, forced=(lesion,)))
    finding = next(f for f in spine.findings if f.level == "C2-C7")
    assert finding.subtype == shape
    assert low < finding.measure < high


def test_a_sigmoid_neck_bends_both_ways_where_a_straight_one_does_not():
    def bends(shape: str) -> tuple[float, float]:
        lesion = Lesion("curvature", "C2-C7", subtype=shape)
        spine = sample_spine("p1", 3, options=replace(NOTHING, forced=(lesion,)))
        tilt = [math.degrees(spine.vertebrae[f"C{n}"].frame.tilt_rad) for n in (7, 5, 2)]
        return tilt[1] - tilt[0], tilt[2] - tilt[1]

    lower, upper = bends("sigmoid")
    assert lower > 8.0
    assert upper < -8.0
    assert max(abs(value) for value in bends("straight")) < 6.0


def test_slip_moves_the_vertebra_above_by_its_millimetres():
    for subtype, sign in (("anterolisthesis", -1.0), ("retrolisthesis", 1.0)):
        lesion = Lesion("slip", "L4/L5", mm=6.0, subtype=subtype)
        spine = sample_spine("p1", 3, options=replace(NOTHING, forced=(lesion,)))
        upper, lower = spine.vertebrae["L4"], spine.vertebrae["L5"]
        above = upper.frame.to_mm(0.0, 0.0, -upper.half_height(0.0))
        below = lower.frame.to_mm(0.0, 0.0, lower.half_height(0.0))
        tilt = spine.discs["L4/L5"].frame.tilt_rad
        dy, dz = above[1] - below[1], above[2] - below[2]
        assert dy * math.cos(tilt) - dz * math.sin(tilt) == pytest.approx(sign * 6.0, abs=0.2)
        finding = next(f for f in spine.findings if f.disease == "Spondylolisthesis")
        assert (finding.subtype, finding.measure, finding.grade) == (subtype, 6.0, "ungraded")


def test_lateral_slip_goes_to_its_side_and_a_small_slip_is_no_finding():
    lesion = Lesion("slip", "L3/L4", "left", mm=7.0, subtype="laterolisthesis")
    plain = sample_spine("p1", 3, options=NOTHING)
    spine = sample_spine("p1", 3, options=replace(NOTHING, forced=(lesion,)))
    moved = spine.level_point_mm("L3")[0] - plain.level_point_mm("L3")[0]
    assert moved == pytest.approx(7.0)
    assert spine.level_point_mm("L4")[0] == pytest.approx(plain.level_point_mm("L4")[0])
    small = Lesion("slip", "L3/L4", mm=2.9, subtype="anterolisthesis")
    spine = sample_spine("p1", 3, options=replace(NOTHING, forced=(small,)))
    assert not [f for f in spine.findings if f.disease == "Spondylolisthesis"]


def test_points_lie_on_their_sides_and_behind_the_body():
    spine = sample_spine("p1", 3, options=NOTHING)
    for disc in LUMBAR_DISCS:
        center = spine.level_point_mm(disc)
        for point_of in (spine.foramen_point_mm, spine.recess_point_mm):
            left, right = point_of(disc, "left"), point_of(disc, "right")
            assert left[0] > center[0] > right[0]
        assert spine.canal_point_mm(disc)[1] > center[1] + 10.0
    with pytest.raises(UsageError, match="no disc 'L9/L8'"):
        spine.canal_point_mm("L9/L8")


def test_prevalence_knob_and_film_profile():
    def ill(options: SpineOptions) -> int:
        spines = [sample_spine(f"q{index}", 5, options=options) for index in range(30)]
        return sum(f.grade in ("moderate", "severe") for s in spines for f in s.findings)

    assert ill(SpineOptions(prevalence=0.0)) == 0
    assert ill(SpineOptions(prevalence=2.0)) > ill(SpineOptions(prevalence=0.5)) > 0
    film = SpineOptions(profile="film")
    kinds = []
    for index in range(40):
        found = sample_spine(f"q{index}", 5, options=film).findings
        kinds.append({f.disease for f in found if f.is_present and f.level != "C2-C7"})
    assert sum(not kind for kind in kinds) >= 5
    assert sum(len(kind) == 1 for kind in kinds) >= 12
