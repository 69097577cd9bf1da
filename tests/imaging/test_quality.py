"""Figures of pictures whose quality is known because it was made."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageFilter

from spinebench.imaging.quality import (
    QUALITY_POLICY,
    QualityFigures,
    judge_quality,
    measure_figures,
    measure_quality,
)
from spinebench.records import Quality

GOOD = QualityFigures(
    sharpness=0.7, contrast=0.6, clipped_low=0.01, clipped_high=0.005, padding=0.1
)


def bones(rows: int, cols: int, *, low: float = 60, high: float = 180) -> NDArray[np.uint8]:
    """Ellipses of many sizes on a wavy ground, drawn at four times the size."""
    y, x = np.mgrid[: 4 * rows, : 4 * cols] / (4 * max(rows, cols))
    field = low + 12 * np.sin(30 * (x + y))
    for k in range(1, 7):
        for j in range(1, 7):
            inside = ((x - k / 7) / 0.05) ** 2 + ((y - j / 7) / (0.02 + 0.004 * k)) ** 2 < 1
            field = np.where(inside, high - 5 * j, field)
    small = field.reshape(rows, 4, cols, 4).mean((1, 3))
    return np.rint(small).astype(np.uint8)


def as_rgb(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(grey[..., np.newaxis], 3, axis=2)


def blurred(grey: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    radius = share * max(grey.shape)
    return np.asarray(PillowImage.fromarray(grey).filter(ImageFilter.GaussianBlur(radius)))


def sharpness(grey: NDArray[np.uint8]) -> float:
    return measure_figures(grey)[0].sharpness


BONES = bones(384, 320)
LARGE = bones(1024, 900)


def test_a_clear_picture_with_all_its_figures() -> None:
    found = measure_quality(as_rgb(BONES), image_id="rsna:1")
    assert found == Quality(
        image_id="rsna:1", sharpness=found.sharpness, contrast=found.contrast, clipped_low=0.0,
        clipped_high=0.0, padding=0.0, rows=384, cols=320, clear=True, reason=None,
    )  # fmt: skip
    assert found.sharpness > 0.6
    low, high = np.percentile(BONES, [5, 95])
    assert found.contrast == pytest.approx((high - low) / 255, abs=0.02)
    assert measure_quality(BONES, image_id="rsna:1") == found  # two dimensions do as well


@pytest.mark.parametrize("picture", [BONES, LARGE], ids=["slice", "film"])
def test_a_blur_of_one_percent_of_the_long_side_is_seen_at_every_size(
    picture: NDArray[np.uint8],
) -> None:
    found = measure_quality(blurred(picture, 0.01), image_id="x")
    assert (found.clear, found.reason) == (False, "blurred")
    assert found.sharpness == pytest.approx(0.18, abs=0.02)


def test_sharpness_falls_with_blur_and_not_with_contrast() -> None:
    falling = [sharpness(blurred(BONES, share)) for share in (0, 0.0025, 0.005, 0.01, 0.02)]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > 1.3 * falling[2] > 1.3 * falling[3]
    faint = (BONES // 2 + 40).astype(np.uint8)
    assert sharpness(faint) == pytest.approx(falling[0], rel=0.05)


def test_grain_does_not_pass_for_detail() -> None:
    soft = blurred(BONES, 0.01)
    grain = np.random.default_rng(0).normal(0, 8, soft.shape)
    noisy = np.clip(soft + grain, 0, 255).astype(np.uint8)
    assert sharpness(noisy) < 1.4 * sharpness(soft)
    assert measure_quality(noisy, image_id="x").reason == "blurred"


def test_a_collimator_s_edge_does_not_make_a_blurred_film_sharp() -> None:
    soft = blurred(BONES, 0.01).copy()
    y, x = np.mgrid[:384, :320]
    soft[(x + y < 160) | (x - y > 200)] = 0  # corners, so that no row is even
    assert measure_quality(soft, image_id="x").reason == "blurred"


def test_an_even_border_is_padding_and_no_clipping() -> None:
    padded = np.zeros((600, 700), np.uint8)
    padded[100:484, 300:620] = BONES
    found = measure_quality(padded, image_id="x")
    assert found.padding == pytest.approx(1 - 384 * 320 / (600 * 700), abs=0.01)
    assert (found.rows, found.cols) == pytest.approx((384, 320), abs=8)
    assert found.clipped_low < 0.03
    assert found.reason is None
    wide = np.zeros((800, 1000), np.uint8)
    wide[192:576, 300:620] = BONES
    assert measure_quality(wide, image_id="x").reason == "all_border"


def test_rows_and_columns_are_of_the_original() -> None:
    # 1024 x 900 from an original twice as high and four times as wide
    found = measure_quality(LARGE, image_id="x", scale_xy=(0.25, 0.5))
    assert (found.rows, found.cols) == (2048, 3600)
    tiny = measure_quality(bones(100, 220), image_id="x")
    assert (tiny.rows, tiny.cols, tiny.reason) == (100, 220, "few_pixels")


def test_air_around_the_body_is_no_clipping_and_black_inside_is() -> None:
    y, x = np.mgrid[:384, :320]
    body = ((x - 160) / 140) ** 2 + ((y - 192) / 170) ** 2 < 1
    slice_ = np.where(body, BONES, 0).astype(np.uint8)
    slice_[0, 0] = slice_[-1, -1] = slice_[0, -1] = slice_[-1, 0] = 30  # no even border
    found = measure_quality(slice_, image_id="x")
    assert found.clipped_low < 0.015
    assert found.clear
    hole = ((x - 160) / 100) ** 2 + ((y - 192) / 120) ** 2 < 1
    holed = np.where(hole, 0, slice_).astype(np.uint8)
    found = measure_quality(holed, image_id="x")
    assert found.clipped_low == pytest.approx(hole.sum() / body.sum(), abs=0.02)
    assert found.reason == "clipped_black"


def test_burnt_out_white_is_clipping() -> None:
    bright = np.clip(BONES.astype(float) * 1.8, 0, 255).astype(np.uint8)
    found = measure_quality(bright, image_id="x")
    assert found.clipped_high == pytest.approx((bright == 255).mean(), abs=0.02)
    assert found.clipped_high > QUALITY_POLICY.most_clipped_high
    assert found.reason == "clipped_white"


def test_a_faint_picture() -> None:
    faint = (BONES * 0.25 + 60).astype(np.uint8)
    found = measure_quality(faint, image_id="x")
    assert found.contrast == pytest.approx(measure_figures(BONES)[0].contrast / 4, abs=0.02)
    assert found.reason == "low_contrast"


@pytest.mark.parametrize("value", [0, 120, 255])
@pytest.mark.parametrize("shape", [(1, 1), (5, 900), (400, 300)])
def test_an_even_picture_is_all_border(shape: tuple[int, int], value: int) -> None:
    found = measure_quality(as_rgb(np.full(shape, value, np.uint8)), image_id="x")
    assert (found.padding, found.contrast, found.sharpness) == (1.0, 0.0, 0.0)
    assert (found.rows, found.cols, found.reason) == (0, 0, "all_border")


@pytest.mark.parametrize(
    ("changed", "rows", "reason"),
    [
        ({}, 128, None),
        ({"padding": 0.76, "contrast": 0.0, "sharpness": 0.0}, 4, "all_border"),
        ({"contrast": 0.0}, 127, "few_pixels"),
        ({"contrast": 0.19, "clipped_low": 0.5}, 128, "low_contrast"),
        ({"clipped_low": 0.36, "clipped_high": 0.5}, 128, "clipped_black"),
        ({"clipped_high": 0.16, "sharpness": 0.1}, 128, "clipped_white"),
        ({"sharpness": 0.37}, 256, "blurred"),
        ({"sharpness": 0.37}, 255, None),  # of so few pixels every picture is soft
    ],
)
def test_the_first_rule_that_fails_is_the_reason(
    changed: dict[str, float], rows: int, reason: str | None
) -> None:
    assert judge_quality(replace(GOOD, **changed), rows, 300) == (reason is None, reason)


@pytest.mark.parametrize("axis", [0, 1])
def test_stripes_have_no_border_along_themselves(axis: int) -> None:
    ramp = np.linspace(0, 255, 300).astype(np.uint8)
    picture = np.repeat(np.expand_dims(ramp, axis), 300, axis=axis)
    assert measure_quality(picture, image_id="x").padding == 0.0
