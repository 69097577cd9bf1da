"""Every change in numbers, and the same for the same seed."""

import numpy as np
import pytest

from spinebench.errors import UsageError
from spinebench.evaluation.perturb import (
    KINDS,
    STRENGTHS,
    Change,
    NotPerturbed,
    Perturbed,
    list_changes,
    perturb,
)
from tests.imaging.test_marks import film, rgb_of, with_letter


def picture(rows: int = 120, cols: int = 100) -> np.ndarray:
    ramp = np.linspace(40, 200, cols).astype(np.uint8)
    grey = np.random.default_rng(1).integers(0, 10, (rows, cols)).astype(np.uint8) + ramp
    return rgb_of(grey)


def changed(kind: str, step: int = 1, *, key: str = "a", keep=(), rgb=None) -> Perturbed:  # type: ignore[no-untyped-def]
    done = perturb(
        picture() if rgb is None else rgb,
        Change(kind, step), key=key, seed=0, keep=keep,  # type: ignore[arg-type]
    )  # fmt: skip
    assert isinstance(done, Perturbed)
    return done


def test_all_changes_in_their_order() -> None:
    names = [change.name for change in list_changes()]
    assert names[:4] == ["brightness-1", "brightness-2", "brightness-3", "contrast-1"]
    assert names[-1] == "marker-1"
    assert len(names) == 19
    assert next(c.name for c in list_changes(["jpeg", "crop"])) == "crop-1"
    assert Change("jpeg", 3).amount == 20.0
    with pytest.raises(UsageError, match=r"no perturbation 'blur'; there are brightness, contrast"):
        list_changes(["crop", "blur"])


def test_brightness_shifts_every_grey() -> None:
    done = changed("brightness", 2)
    shift = done.parameters["shift"]
    assert abs(shift) == 0.16  # type: ignore[arg-type]
    expected = np.clip(np.rint(picture() + 255 * float(shift)), 0, 255)
    assert (done.rgb == expected).all()


def test_contrast_turns_around_the_mean() -> None:
    done = changed("contrast", 3)
    factor = float(done.parameters["factor"])
    assert factor in (1.45, pytest.approx(1 / 1.45, abs=1e-6))
    plain = picture().astype(float)
    assert done.rgb.mean() == pytest.approx(plain.mean(), abs=1)
    assert done.rgb.std() / plain.std() == pytest.approx(factor, abs=0.03)


def test_rotation_loses_no_corner() -> None:
    rgb = np.full((100, 100, 3), 90, np.uint8)
    rgb[0, 0] = 255
    rgb[40:60, 40:60] = 200
    done = changed("rotation", 3, rgb=rgb)
    assert abs(float(done.parameters["degrees"])) == 10.0
    side = 100 * (np.cos(np.radians(10)) + np.sin(np.radians(10)))
    assert done.rgb.shape[0] == pytest.approx(side, abs=2)
    # the corners that turned in have the border's grey, and the bright middle kept its size
    assert (done.rgb[0, 0] == 90).all()
    assert (done.rgb[-1, -1] == 90).all()
    assert (done.rgb[..., 0] > 145).sum() == pytest.approx(400, abs=25)


def test_crop_takes_its_share_and_leaves_what_must_stay() -> None:
    rgb = picture(400, 300)
    done = changed("crop", 3, rgb=rgb)
    cut = done.parameters
    assert (cut["left"] + cut["right"], cut["top"] + cut["bottom"]) == (36, 48)  # type: ignore[operator]
    assert done.rgb.shape == (352, 264, 3)
    top, left = int(cut["top"]), int(cut["left"])
    assert (done.rgb[0, 0] == rgb[top, left]).all()
    for place in range(40):
        box = (10.0, 350.0, 60.0, 380.0)
        part = changed("crop", 3, key=str(place), keep=[box], rgb=rgb).parameters
        assert part["left"] == 0  # the margin of 24 reaches the border
        assert part["bottom"] == 0
        assert int(part["right"]) <= 36
        assert int(part["top"]) <= 48


def test_a_crop_with_nothing_to_take_is_told() -> None:
    everything = [(0.0, 0.0, 99.0, 119.0)]
    done = perturb(picture(), Change("crop", 3), key="a", seed=0, keep=everything)
    assert done == NotPerturbed("nothing_to_crop")
    small = perturb(picture(20, 20), Change("crop", 3), key="a", seed=0)
    assert small == NotPerturbed("nothing_to_crop")


def test_jpeg_costs_more_the_lower_its_quality() -> None:
    plain = picture().astype(float)
    errors = [np.abs(changed("jpeg", step).rgb - plain).mean() for step in (1, 2, 3)]
    assert 0 < errors[0] < errors[1] < errors[2] < 15
    assert changed("jpeg", 3).parameters["quality"] == 20


def test_resolution_keeps_the_size_and_drops_detail() -> None:
    rgb = np.zeros((200, 200, 3), np.uint8)
    rgb[::2] = 255
    done = changed("resolution", 2, rgb=rgb)
    assert done.rgb.shape == rgb.shape
    assert done.parameters == {"rows": 100, "cols": 100}
    assert done.rgb.min() >= 127
    assert done.rgb.max() <= 128
    too_small = perturb(picture(), Change("resolution", 3), key="a", seed=0)
    assert too_small == NotPerturbed("few_pixels")


def test_the_marker_goes_where_there_is_one() -> None:
    done = changed("marker", rgb=rgb_of(with_letter(film(), "R", 12, 20)))
    assert done.parameters["marks"] == 1
    assert done.rgb[15:45, 5:35].max() < 90
    none = perturb(rgb_of(film()), Change("marker", 1), key="a", seed=0)
    assert none == NotPerturbed("no_marker")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "marker"])
def test_seeded_by_picture_and_never_in_place(kind: str) -> None:
    rgb = picture(200, 200)
    kept = rgb.copy()
    first = changed(kind, 2, rgb=rgb)
    assert (first.rgb == changed(kind, 2, rgb=rgb).rgb).all()
    assert (rgb == kept).all()
    assert first.rgb.dtype == np.uint8


@pytest.mark.parametrize(("kind", "name"), [("brightness", "shift"), ("rotation", "degrees")])
def test_the_steps_of_a_picture_go_the_same_way(kind: str, name: str) -> None:
    signs = set()
    for key in map(str, range(20)):
        steps = [float(changed(kind, step, key=key).parameters[name]) for step in (1, 2, 3)]
        assert [abs(value) for value in steps] == list(STRENGTHS[kind])  # type: ignore[index]
        assert len({np.sign(value) for value in steps}) == 1
        signs.add(np.sign(steps[0]))
    assert signs == {-1.0, 1.0}  # both ways over many pictures


def test_equal_pixels_are_told() -> None:
    even = np.full((80, 80, 3), 90, np.uint8)
    assert perturb(even, Change("contrast", 1), key="a", seed=0) == NotPerturbed("same_pixels")
