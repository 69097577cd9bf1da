import numpy as np
import pytest

from spinebench.phantom import render_mr as render_mr_module
from spinebench.phantom.render_mr import _coarsen, _enlarge, render_mr
from spinebench.phantom.rendered import RenderedImage
from spinebench.phantom.sizes import LUMBAR_DISCS
from spinebench.phantom.spine import Lesion, Spine, SpineOptions, sample_spine

MATRIX = 192


def forced(*lesions: Lesion, age: int = 50) -> Spine:
    options = SpineOptions(only_forced=True, forced=lesions, age_range=(age, age))
    return sample_spine("mr", 8, options=options)


def nearest(images: list[RenderedImage], point) -> RenderedImage:
    return min(images, key=lambda image: image.distance_mm(point))


def patch_mean(image: RenderedImage, point, half_px: int = 1) -> float:
    x, y = (round(value) for value in image.project(point))
    box = image.pixels[y - half_px : y + half_px + 1, x - half_px : x + half_px + 1]
    return float(box.mean())


@pytest.fixture(scope="module")
def healthy() -> Spine:
    return forced()


@pytest.fixture(scope="module")
def stacks(healthy: Spine) -> dict[tuple[str, str], list[RenderedImage]]:
    return {
        (orientation, sequence): render_mr(
            healthy, orientation=orientation, sequence=sequence, matrix=MATRIX, seed=2
        )
        for orientation, sequence in (("SAG", "T1"), ("SAG", "T2"), ("SAG", "STIR"), ("AX", "T2"))
    }


def test_sagittal_stack_runs_from_right_to_left_and_covers_both_foramina(healthy, stacks):
    images = stacks["SAG", "T2"]
    assert 15 <= len(images) <= 19
    xs = [float(image.affine_lps[0, 3]) for image in images]
    steps = np.diff(xs)
    assert steps.min() == pytest.approx(steps.max())
    assert 4.0 <= steps[0] <= 4.5
    for disc in LUMBAR_DISCS:
        for side in ("left", "right"):
            point = healthy.foramen_point_mm(disc, side)
            image = nearest(images, point)
            assert image.distance_mm(point) <= 0.5 * steps[0] + 1e-6
            assert image.contains(point)
    assert images[0].pixels.shape == (MATRIX, MATRIX)
    assert images[0].pixels.dtype == np.uint16


def test_projection_inverts_the_affine(stacks):
    for images in stacks.values():
        image = images[3]
        point = image.affine_lps @ np.array([17.25, 101.5, 0.0, 1.0])
        assert image.project(tuple(point[:3])) == pytest.approx((17.25, 101.5))
        assert image.distance_mm(tuple(point[:3])) == pytest.approx(0.0, abs=1e-9)
        off = image.affine_lps @ np.array([17.25, 101.5, 3.0, 1.0])
        assert image.distance_mm(tuple(off[:3])) == pytest.approx(3.0)
        assert image.project(tuple(off[:3])) == pytest.approx((17.25, 101.5))
        normal = np.cross(image.affine_lps[:3, 0], image.affine_lps[:3, 1])
        assert normal / np.linalg.norm(normal) == pytest.approx(image.affine_lps[:3, 2])


def test_axial_slices_lie_in_their_discs_with_left_on_the_right_of_the_picture(healthy, stacks):
    images = stacks["AX", "T2"]
    assert [image.label for image in images] == [d for d in LUMBAR_DISCS for _ in range(4)]
    heights = [float(image.affine_lps[2, 3] + image.affine_lps[2, 1] * 96) for image in images]
    assert heights == sorted(heights, reverse=True)
    for disc in LUMBAR_DISCS:
        own = [image for image in images if image.label == disc]
        image = nearest(own, healthy.level_point_mm(disc))
        assert image.distance_mm(healthy.level_point_mm(disc)) < 0.01
        left, right = (healthy.recess_point_mm(disc, side) for side in ("left", "right"))
        assert image.project(left)[0] > image.project(right)[0] + 10
        assert nearest(own, left).distance_mm(left) <= 2.0


def test_same_arguments_give_the_same_bytes_and_another_seed_other_noise(healthy, stacks):
    again = render_mr(healthy, orientation="SAG", sequence="T2", matrix=MATRIX, seed=2)
    other = render_mr(healthy, orientation="SAG", sequence="T2", matrix=MATRIX, seed=3)
    for image, same, differs in zip(stacks["SAG", "T2"], again, other, strict=True):
        assert image.pixels.tobytes() == same.pixels.tobytes()
        assert image.pixels.tobytes() != differs.pixels.tobytes()
        assert np.array_equal(image.affine_lps, differs.affine_lps)


def test_tissues_have_their_order_of_signal(healthy, stacks):
    canal, body = healthy.canal_point_mm("L2/L3"), healthy.level_point_mm("L3")
    t1, t2, stir = (nearest(stacks["SAG", s], canal) for s in ("T1", "T2", "STIR"))
    assert patch_mean(t2, canal) > 1.4 * patch_mean(t2, body)
    assert patch_mean(t1, canal) < 0.7 * patch_mean(t1, body)
    assert patch_mean(stir, canal) > 3.0 * patch_mean(stir, body)
    # T1 and T2 lie on one another.
    assert np.array_equal(t1.affine_lps, t2.affine_lps)


def test_severe_canal_stenosis_puts_the_fluid_out():
    ratios = []
    for fraction in (0.0, 0.5, 0.85):
        spine = forced(Lesion("canal", "L4/L5", fraction=fraction))
        images = render_mr(spine, orientation="SAG", sequence="T2", matrix=384, seed=2)
        point, above = spine.canal_point_mm("L4/L5"), spine.canal_point_mm("L2/L3")
        image = nearest(images, point)
        ratios.append(patch_mean(image, point) / patch_mean(image, above))
    assert ratios[0] > 0.7
    assert ratios[2] < 0.5
    assert ratios[0] > ratios[1] > ratios[2]


def test_foraminal_stenosis_takes_the_fat_around_the_root_on_its_side_only():
    def bright_fat(spine: Spine, side: str) -> float:
        images = render_mr(spine, orientation="SAG", sequence="T1", matrix=384, seed=2)
        point = spine.foramen_point_mm("L4/L5", side)
        image = nearest(images, point)
        x, y = (round(value) for value in image.project(point))
        box = image.pixels[y - 12 : y + 13, x - 9 : x + 10].astype(float)
        return float((box > 0.75 * np.quantile(image.pixels, 0.95)).mean())

    plain, ill = forced(), forced(Lesion("foramen", "L4/L5", "right", fraction=0.85))
    assert bright_fat(ill, "right") < 0.4 * bright_fat(plain, "right")
    assert bright_fat(ill, "left") == pytest.approx(bright_fat(plain, "left"), rel=0.1)


def test_recess_stenosis_darkens_its_side_on_axial_t2():
    def recess(spine: Spine, side: str) -> float:
        images = render_mr(spine, orientation="AX", sequence="T2", matrix=384, seed=2)
        own = [image for image in images if image.label == "L4/L5"]
        point = spine.recess_point_mm("L4/L5", side)
        return patch_mean(nearest(own, point), point, half_px=5)

    plain, ill = forced(), forced(Lesion("recess", "L4/L5", "left", fraction=0.85))
    assert recess(ill, "left") < 0.6 * recess(plain, "left")
    assert recess(ill, "right") == pytest.approx(recess(plain, "right"), rel=0.1)


def test_cervical_stack_shows_the_cord_in_fluid(healthy: Spine):
    images = render_mr(
        healthy, orientation="SAG", sequence="T2", region="cervical", matrix=256, seed=2
    )
    disc = healthy.discs["C4/C5"]
    middle = healthy.canal_point_mm("C4/C5")
    front = disc.frame.to_mm(0.0, disc.wall_v_mm + 2.2, 0.0)
    image = nearest(images, middle)
    assert patch_mean(image, front, 0) > 1.4 * patch_mean(image, middle)
    axial = render_mr(
        healthy, orientation="AX", sequence="T2", region="cervical", matrix=64, seed=2
    )
    assert len(axial) == 15
    assert axial[0].label == "C3/C4"


def test_acquired_pixels_cover_the_same_field_as_the_matrix():
    fine = np.eye(4)
    fine[:3, 0], fine[:3, 1], fine[:3, 3] = (0.0, 0.5, 0.0), (0.0, 0.0, -0.5), (3.0, -40.0, 60.0)
    coarse = _coarsen(fine, 300, 240)
    for corner, same in (((-0.5, -0.5), (-0.5, -0.5)), ((299.5, 99.5), (239.5, 79.5))):
        expected = fine @ np.array([*corner, 0.0, 1.0])
        assert coarse @ np.array([*same, 0.0, 1.0]) == pytest.approx(expected)


@pytest.mark.parametrize(("count", "size"), [(80, 100), (64, 64), (90, 128)])
def test_interpolation_moves_nothing_and_keeps_a_ramp(count: int, size: int):
    ramp = np.repeat(np.arange(count, dtype=np.float32)[:, None], 3, axis=1)
    place = (np.arange(size) + 0.5) * (count / size) - 0.5
    inner = (place > 2.0) & (place < count - 3.0)
    assert _enlarge(ramp, size)[inner, 1] == pytest.approx(place[inner], abs=1e-4)


def test_a_slice_is_the_mean_of_planes_across_its_thickness(monkeypatch: pytest.MonkeyPatch):
    paint = render_mr_module._paint.__wrapped__
    spine = forced()
    thick = paint(spine, "AX", "lumbar", 48, ("T2",))
    planes = []
    for offset_mm in (-4.0 / 3.0, 0.0, 4.0 / 3.0):
        monkeypatch.setattr(render_mr_module, "SUB_SLICES_MM", (offset_mm,))
        planes.append(paint(spine, "AX", "lumbar", 48, ("T2",)))
    assert thick == pytest.approx(np.mean(planes, axis=0), abs=1e-5)
    # At edges that cross the slice it lies between its planes, not on the middle one.
    assert np.abs(thick - planes[1]).max() > 0.1
