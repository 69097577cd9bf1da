import numpy as np
import pytest

from spinebench.phantom.film import place_film
from spinebench.phantom.render_xray import project_bones, render_xray, visible_findings
from spinebench.phantom.scenery import build_film_map
from spinebench.phantom.spine import Lesion, Spine, SpineOptions, sample_spine

ROWS, COLS = 500, 400


def forced(*lesions: Lesion) -> Spine:
    options = SpineOptions(only_forced=True, forced=lesions, age_range=(60, 60))
    return sample_spine("film", 8, options=options)


def labels(spine: Spine, view: str, region: str = "lumbar") -> list[tuple[str, str, str | None]]:
    shown = visible_findings(spine, view, region, rows=ROWS, cols=COLS)
    return [(finding.disease, finding.level, finding.subtype) for finding, _ in shown]


BOTH_FORAMINA = (
    Lesion("foramen", "L3/L4", "left", fraction=0.8),
    Lesion("foramen", "L3/L4", "right", fraction=0.2),
)


@pytest.mark.parametrize(
    ("lesions", "lateral", "frontal"),
    [
        ((), [], []),
        (
            (Lesion("slip", "L4/L5", mm=7.0, subtype="anterolisthesis"),),
            [("Spondylolisthesis", "L4/L5", "anterolisthesis")],
            [],
        ),
        (
            (Lesion("slip", "L4/L5", mm=5.0, subtype="retrolisthesis"),),
            [("Spondylolisthesis", "L4/L5", "retrolisthesis")],
            [],
        ),
        (
            (Lesion("slip", "L3/L4", "left", mm=7.0, subtype="laterolisthesis"),),
            [],
            [("Spondylolisthesis", "L3/L4", "laterolisthesis")],
        ),
        (BOTH_FORAMINA, [("Foraminal stenosis", "L3/L4", None)], []),
        ((Lesion("canal", "L3/L4", fraction=0.9),), [], []),
        ((Lesion("recess", "L3/L4", "left", fraction=0.9),), [], []),
        ((Lesion("osteophyte", "L2/L3", mm=6.0),), [("Osteophytes", "L2/L3", "anterior")], []),
        (
            (Lesion("osteophyte", "L2/L3", "right", mm=6.0),),
            [],
            [("Osteophytes", "L2/L3", "lateral")],
        ),
        (
            (Lesion("disc", "L3/L4", fraction=0.7),),
            [("Disc space narrowing", "L3/L4", None)],
            [("Disc space narrowing", "L3/L4", None)],
        ),
        ((Lesion("disc", "L5/S1", fraction=0.7),), [("Disc space narrowing", "L5/S1", None)], []),
        (
            (Lesion("collapse", "L1", fraction=0.22, subtype="wedge"),),
            [("Vertebral collapse", "L1", "wedge")],
            [],
        ),
        (
            (Lesion("collapse", "L1", fraction=0.5, subtype="crush"),),
            [("Vertebral collapse", "L1", "crush")],
            [("Vertebral collapse", "L1", "crush")],
        ),
    ],
)
def test_a_film_is_labelled_only_with_what_its_view_shows(lesions, lateral, frontal):
    spine = forced(*lesions)
    assert labels(spine, "LAT") == lateral
    assert labels(spine, "AP") == frontal


def test_cervical_shape_is_seen_on_the_lateral_neck_film_alone():
    spine = forced(Lesion("curvature", "C2-C7", subtype="kyphotic"))
    assert labels(spine, "LAT", "cervical") == [("cervical Kyphosis", "C2-C7", "kyphotic")]
    assert labels(spine, "AP", "cervical") == []
    assert labels(spine, "LAT") == []


def test_a_finding_off_the_film_is_not_labelled():
    spine = forced(Lesion("osteophyte", "C4/C5", mm=5.0), Lesion("osteophyte", "T2/T3", mm=5.0))
    assert labels(spine, "LAT") == []
    assert ("Osteophytes", "C4/C5", "anterior") in labels(spine, "LAT", "cervical")


@pytest.mark.parametrize("view", ["AP", "LAT"])
def test_projection_film_geometry_and_boxes_agree(view: str):
    spine = forced(Lesion("collapse", "L2", fraction=0.5, subtype="crush"))
    image = render_xray(spine, view=view, rows=ROWS, cols=COLS, seed=3)
    film = place_film(spine, view, "lumbar", ROWS, COLS)
    point = spine.level_point_mm("L2")
    assert image.project(point) == pytest.approx(film.to_px(point))
    ((_, box),) = visible_findings(spine, view, "lumbar", rows=ROWS, cols=COLS)
    x, y = image.project(point)
    assert box[0] < x < box[2]
    assert box[1] < y < box[3]
    along = image.affine_lps @ np.array([x, y, 123.0, 1.0])
    assert image.project(tuple(along[:3])) == pytest.approx((x, y))
    big = visible_findings(spine, view, "lumbar", rows=2 * ROWS, cols=2 * COLS)[0][1]
    assert np.subtract(big[2], big[0]) == pytest.approx(2.0 * (box[2] - box[0]), rel=0.01)


def test_pixels_are_twelve_bits_reproducible_and_depend_on_the_seed():
    spine = forced()
    first, again = (render_xray(spine, view="LAT", rows=ROWS, cols=COLS, seed=3) for _ in range(2))
    assert first.pixels.tobytes() == again.pixels.tobytes()
    assert first.pixels.shape == (ROWS, COLS)
    assert first.pixels.dtype == np.uint16
    assert 3000 < first.pixels.max() <= 4095
    other = render_xray(spine, view="LAT", rows=ROWS, cols=COLS, seed=4)
    assert other.pixels.tobytes() != first.pixels.tobytes()


def test_bones_are_brighter_than_discs_and_endplates_brighter_than_bodies():
    spine = forced()
    grid = build_film_map(place_film(spine, "LAT", "lumbar", ROWS, COLS), 0.85)
    bone = project_bones(spine, grid)

    def at(point) -> float:
        col, row = grid.to_index(point[1], point[2])
        return float(bone[round(row), round(col)])

    body = spine.vertebrae["L3"]
    inside = at(body.frame.to_mm(0.0, -4.0, 2.0))
    endplate = max(
        at(body.frame.to_mm(0.0, -4.0, 0.5 * body.height_mm - step)) for step in (0.0, 0.8, 1.6)
    )
    # About 4.5 cm of marrow at 0.07 per cm over soft tissue, with two cortical walls.
    assert 0.25 < inside < 0.5
    assert endplate > 1.5 * inside
    assert at(spine.level_point_mm("L3/L4")) < 0.1 * inside


def test_narrowed_disc_space_is_narrower_on_the_film():
    def gap_mm(spine: Spine) -> float:
        grid = build_film_map(place_film(spine, "LAT", "lumbar", ROWS, COLS), 0.5)
        bone = project_bones(spine, grid)
        frame = spine.discs["L3/L4"].frame
        values = []
        steps = np.arange(-9.0, 9.0, 0.25)
        for step in steps:
            point = frame.to_mm(0.0, 0.0, step)
            col, row = grid.to_index(point[1], point[2])
            values.append(float(bone[round(row), round(col)]))
        return float((np.array(values) < 0.12).sum() * 0.25)

    plain, ill = forced(), forced(Lesion("disc", "L3/L4", fraction=0.7))
    lost = plain.discs["L3/L4"].height_mm - ill.discs["L3/L4"].height_mm
    assert gap_mm(plain) - gap_mm(ill) == pytest.approx(lost, abs=1.5)


@pytest.mark.parametrize(("view", "region"), [("AP", "cervical"), ("LAT", "thoracolumbar")])
def test_other_regions_put_their_middle_on_the_film(view: str, region: str):
    spine = forced()
    image = render_xray(spine, view=view, region=region, rows=ROWS, cols=COLS, seed=3)
    level = "C5" if region == "cervical" else "T12"
    assert image.contains(spine.level_point_mm(level))
    middle = image.pixels[ROWS // 4 : -ROWS // 4, COLS // 3 : -COLS // 3]
    assert middle.std() > 150.0


def test_a_narrowed_foramen_is_filled_with_bone_on_the_lateral_film():
    def bone_in_foramen(spine: Spine) -> float:
        grid = build_film_map(place_film(spine, "LAT", "lumbar", ROWS, COLS), 0.85)
        bone = project_bones(spine, grid)
        point = spine.foramen_point_mm("L4/L5", "left")
        col, row = (round(value) for value in grid.to_index(point[1], point[2]))
        return float(bone[row - 3 : row + 4, col - 3 : col + 4].mean())

    both = [Lesion("foramen", "L4/L5", side, fraction=0.8) for side in ("left", "right")]
    assert bone_in_foramen(forced(*both)) > 2.0 * bone_in_foramen(forced())
