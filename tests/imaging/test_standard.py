"""spinebench.imaging.standard: sizes, pixels, mappings and bytes."""

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from spinebench.imaging.raster import Raster, Window
from spinebench.imaging.standard import (
    DEFAULT_POLICY,
    StandardPolicy,
    encode,
    media_type,
    pixel_sha256,
    standard_shape,
    standardise,
)

RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def grey(pixels: np.ndarray, **fields: object) -> Raster:
    return Raster(file="x", pixels=pixels, display_ready=True, **fields)  # type: ignore[arg-type]


def test_a_small_square_image_is_kept_as_it_is() -> None:
    image = standardise(grey(RAMP))
    np.testing.assert_array_equal(image.rgb, np.stack([RAMP] * 3, axis=-1))
    assert (image.scale_xy, image.notes, image.method) == ((1.0, 1.0), (), "as_stored")
    assert image.rgb.flags.c_contiguous


def test_sixteen_bits_to_rgb() -> None:
    raster = Raster(file="x", pixels=np.array([[0, 500, 1000]], np.uint16), voi=Window(500.5, 1001))
    # ((500 - 500) / 1000 + 0.5) * 255 = 127.5 -> 128.
    assert standardise(raster).rgb.tolist() == [[[0, 0, 0], [128, 128, 128], [255, 255, 255]]]


@pytest.mark.parametrize(
    ("rows", "cols", "aspect", "shape"),
    [
        (512, 512, 1.0, (512, 512)),
        (1024, 300, 1.0, (1024, 300)),
        (2874, 1142, 1.0, (1024, 407)),  # 1142 * 1024 / 2874 = 406.9
        (1142, 2874, 1.0, (407, 1024)),
        (100, 200, 2.0, (200, 200)),
        (100, 200, 0.5, (100, 400)),
        (100, 200, 1.009, (100, 200)),
        (1000, 1000, 2.0, (1024, 512)),
        (100, 200, 21.0, (100, 200)),
        (5000, 1, 1.0, (1024, 1)),
    ],
)
def test_shapes(rows: int, cols: int, aspect: float, shape: tuple[int, int]) -> None:
    assert standard_shape(rows, cols, aspect, DEFAULT_POLICY, []) == shape


def test_unlikely_spacings_are_noted() -> None:
    notes: list[str] = []
    standard_shape(10, 10, 100.0, DEFAULT_POLICY, notes)
    standard_shape(10, 10, 3.0, DEFAULT_POLICY, notes)
    assert notes == ["pixel aspect beyond 20: taken as square", "pixels made square"]


def test_box_reduction_is_the_mean() -> None:
    policy = replace(DEFAULT_POLICY, name="test", long_side_px=2, resample="box")
    image = standardise(grey(RAMP[:2]), policy)
    # Means of 2 x 2: (0 + 20 + 80 + 100) / 4 = 50 and (40 + 60 + 120 + 140) / 4 = 90.
    assert image.rgb[..., 0].tolist() == [[50, 90]]
    assert image.scale_xy == (0.5, 0.5)


def test_lanczos_keeps_flat_areas_and_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (2048, 1024))
    image = standardise(grey(stripes))
    assert image.rgb.shape == (1024, 1024, 3)
    # One-pixel stripes average out; a nearest-neighbour reduction would give 0 or 255.
    assert np.abs(image.rgb[10:-10, 10:-10].astype(int) - 127).max() <= 2


def test_points_map_by_pixel_centres() -> None:
    policy = replace(DEFAULT_POLICY, name="test", long_side_px=50)
    image = standardise(grey(np.zeros((100, 80), np.uint8)), policy)
    assert image.rgb.shape == (50, 40, 3)
    # Original pixels 0 and 1 cover standard pixel 0: their common edge 0.5 is its centre.
    assert image.to_standard_px(0.5, 0.5) == (0.0, 0.0)
    assert image.to_standard_px(-0.5, -0.5) == (-0.5, -0.5)
    assert image.to_standard_px(79.5, 99.5) == (39.5, 49.5)
    assert image.to_original_px(*image.to_standard_px(12.3, 45.6)) == pytest.approx((12.3, 45.6))


def test_a_mark_ends_up_where_the_mapping_says() -> None:
    pixels = np.zeros((300, 200), np.uint8)
    pixels[148:153, 58:63] = 255
    policy = replace(DEFAULT_POLICY, name="test", long_side_px=100)
    image = standardise(grey(pixels, pixel_aspect=0.5), policy)
    assert image.rgb.shape == (75, 100, 3)
    weights = image.rgb[..., 0].astype(float)
    x = float((weights.sum(axis=0) * np.arange(100)).sum() / weights.sum())
    y = float((weights.sum(axis=1) * np.arange(75)).sum() / weights.sum())
    assert (x, y) == pytest.approx(image.to_standard_px(60, 150), abs=0.1)


def test_png_is_lossless_and_the_same_twice() -> None:
    image = standardise(grey(np.random.default_rng(0).integers(0, 255, (40, 30), dtype=np.uint8)))
    data = encode(image)
    assert data == encode(image)
    assert (data[:8], media_type()) == (b"\x89PNG\r\n\x1a\n", "image/png")
    with Image.open(io.BytesIO(data)) as decoded:
        assert (decoded.mode, decoded.info) == ("RGB", {})
        np.testing.assert_array_equal(np.asarray(decoded), image.rgb)


def test_jpeg_on_request() -> None:
    policy = replace(DEFAULT_POLICY, name="jpeg-test", format="jpeg")
    image = standardise(grey(np.full((16, 16), 99, np.uint8)), policy)
    data = encode(image, policy)
    assert (data[:3], media_type(policy)) == (b"\xff\xd8\xff", "image/jpeg")
    with Image.open(io.BytesIO(data)) as decoded:
        assert np.abs(np.asarray(decoded).astype(int) - 99).max() <= 1


def test_pixel_hash_is_over_shape_and_values() -> None:
    rgb = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    expected = hashlib.sha256(b"2x3x3\n" + bytes(range(18))).hexdigest()
    assert pixel_sha256(rgb) == expected
    assert pixel_sha256(np.asfortranarray(rgb)) == expected
    assert pixel_sha256(rgb.reshape(3, 2, 3)) != expected


def test_rgb_stays_rgb_and_notes_travel() -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    image = standardise(grey(rgb, source_notes=("from the file",)))
    np.testing.assert_array_equal(image.rgb, rgb)
    assert (image.notes, image.is_grey) == (("from the file",), False)


def test_the_default_policy_is_what_the_docs_say() -> None:
    assert StandardPolicy() == StandardPolicy(
        name="rgb-v1",
        long_side_px=1024,
        resample="lanczos",
        low_permille=5,
        high_permille=995,
        square_tolerance=0.01,
        max_aspect=20.0,
        format="png",
        png_compress_level=3,
        jpeg_quality=95,
    )


@pytest.mark.parametrize(
    "fields", [{"long_side_px": 0}, {"low_permille": 995}, {"max_aspect": 0.5}]
)
def test_senseless_policies(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a policy wants"):
        StandardPolicy(**fields)  # type: ignore[arg-type]
