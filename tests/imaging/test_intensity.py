"""spinebench.imaging.intensity: greys computed by hand from the formulas of PS3.3 C.11.2."""

import numpy as np
import pytest

from spinebench.imaging.intensity import build_display, modality_values
from spinebench.imaging.raster import Raster, ValueLut, Window


def raster(values: object, dtype: str = "uint16", **fields: object) -> Raster:
    return Raster(file="x", pixels=np.atleast_2d(np.array(values, dtype)), **fields)  # type: ignore[arg-type]


def test_linear_window() -> None:
    # c = 100, w = 51: x <= 74.5 black, x > 124.5 white,
    # 100 -> ((100 - 99.5) / 50 + 0.5) * 255 = 130.05; 75 -> 2.55; 124 -> 252.45.
    display = build_display(raster([0, 74, 75, 100, 124, 125, 9999], voi=Window(100, 51)))
    assert display.pixels.tolist() == [[0, 0, 3, 130, 252, 255, 255]]
    assert (display.method, display.window, display.notes) == ("window", None, ())


def test_linear_window_of_width_one_is_a_threshold() -> None:
    display = build_display(raster([9, 10, 11], voi=Window(10.5, 1)))
    assert display.pixels.tolist() == [[0, 0, 255]]


def test_linear_exact_window() -> None:
    # (x - 100) / 50 + 0.5: 75 is black, 125 white, 100 is 127.5 -> 128, 80 is 25.5 -> 26.
    display = build_display(raster([75, 80, 100, 125, 200], voi=Window(100, 50, "LINEAR_EXACT")))
    assert display.pixels.tolist() == [[0, 26, 128, 255, 255]]


def test_sigmoid_window() -> None:
    # 255 / (1 + exp(-4 (x - 100) / 50)): 100 -> 127.5 -> 128; 125 -> 255 / (1 + e^-2) = 224.6;
    # 50 -> 255 / (1 + e^4) = 4.587.
    display = build_display(raster([0, 50, 100, 125, 65535], voi=Window(100, 50, "SIGMOID")))
    assert display.pixels.tolist() == [[0, 5, 128, 225, 255]]


def test_window_applies_after_rescale() -> None:
    # 1024 - 1024 = 0 HU; c = 0.5, w = 101: (0 / 100 + 0.5) * 255 = 127.5 -> 128.
    display = build_display(raster([924, 1024, 1124], rescale=(1.0, -1024.0), voi=Window(0.5, 101)))
    assert display.pixels.tolist() == [[0, 128, 255]]


def test_signed_values() -> None:
    display = build_display(raster([-300, -1, 0, 299], "int16", voi=Window(0, 601)))
    # ((x + 0.5) / 600 + 0.5) * 255: -300 -> 0.2125, -1 -> 127.2875, 0 -> 127.7125, 299 -> 254.79.
    assert display.pixels.tolist() == [[0, 127, 128, 255]]


def test_signed_bytes_go_through_the_table_too() -> None:
    display = build_display(raster([-128, 0, 127], "int8"))
    assert display.pixels.tolist() == [[0, 128, 255]]


def test_voi_lut_of_fewer_bits() -> None:
    lut = ValueLut(10, np.array([0.0, 100.0, 1023.0]), 10)
    display = build_display(raster([0, 10, 11, 12, 99], voi=lut))
    # 100 * 255 / 1023 = 24.93.
    assert display.pixels.tolist() == [[0, 0, 25, 255, 255]]
    assert display.method == "voi_lut"


def test_percentiles_are_order_statistics_without_interpolation() -> None:
    # 1,001 values 0..1000: number floor(1000 * 5 / 1000) = 5, number ceil(1000 * 995 / 1000) = 995.
    values = np.random.default_rng(0).permutation(1001).reshape(7, 143)
    display = build_display(raster(values))
    assert (display.method, display.window) == ("percentile", (5.0, 995.0))
    expected = np.floor(np.clip((values - 5) * 255.0 / 990, 0, 255) + 0.5)
    np.testing.assert_array_equal(display.pixels, expected)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "uint32", "float32", "float64"])
def test_percentiles_agree_with_numpy_on_every_type(dtype: str) -> None:
    values = np.random.default_rng(3).integers(0, 3000, (37, 41))
    display = build_display(raster(values, dtype), low_permille=20, high_permille=900)
    assert display.window == (
        np.percentile(values, 2, method="lower"),
        np.percentile(values, 90, method="higher"),
    )


def test_a_negative_slope_turns_the_order() -> None:
    display = build_display(raster([0, 50, 100], rescale=(-1.0, 100.0)))
    assert display.window == (0.0, 100.0)
    assert display.pixels.tolist() == [[255, 128, 0]]


def test_padding_is_black_and_outside_the_percentiles() -> None:
    display = build_display(raster([60000, 60001, 0, 51, 255], padding=(60000.0, 60001.0)))
    assert display.window == (0.0, 255.0)
    assert display.pixels.tolist() == [[0, 0, 0, 51, 255]]


def test_padding_stays_black_when_the_rest_is_inverted() -> None:
    display = build_display(raster([7, 0, 51, 255], padding=(7.0, 7.0), inverted=True))
    assert display.pixels.tolist() == [[0, 255, 204, 0]]


def test_padding_and_a_window() -> None:
    display = build_display(raster([9, 0, 100], padding=(9.0, 9.0), voi=Window(50.5, 101)))
    assert display.pixels.tolist() == [[0, 0, 255]]
    assert display.method == "window"


def test_nothing_but_padding() -> None:
    display = build_display(raster([7, 7], padding=(7.0, 7.0), inverted=True))
    assert (display.method, display.pixels.tolist()) == ("padding_only", [[0, 0]])


def test_a_constant_image_is_black() -> None:
    display = build_display(raster([5, 5, 5]))
    assert (display.method, display.pixels.tolist()) == ("constant", [[0, 0, 0]])


def test_a_constant_image_keeps_a_valid_window() -> None:
    display = build_display(raster([5, 5], voi=Window(5.5, 11)))
    assert (display.method, display.pixels.tolist()) == ("window", [[128, 128]])


def test_a_rare_bright_spot_is_not_lost() -> None:
    values = np.zeros((100, 100), np.uint16)
    values[3, 4] = 200
    display = build_display(raster(values))
    assert display.window == (0.0, 200.0)
    assert (display.pixels[3, 4], display.pixels.sum()) == (255, 255)


@pytest.mark.parametrize("padding", [None, (7.0, 7.0)])
def test_a_window_that_shows_one_grey_gives_way(padding: tuple[float, float] | None) -> None:
    display = build_display(raster([7, 1000, 2000], voi=Window(9e4, 100), padding=padding))
    assert display.method == "percentile"
    assert display.notes == ("the file's window shows a single grey: percentiles used",)


def test_values_that_are_no_numbers_count_as_padding() -> None:
    display = build_display(raster([[np.nan, np.inf, 0.0, 0.5, 1.0]], "float32"))
    assert display.pixels.tolist() == [[0, 0, 0, 128, 255]]


def test_modality_lut_and_fractions() -> None:
    lut = ValueLut(1, np.array([5.0, 6.0]), 8)
    assert modality_values(raster([0, 1, 2, 3], modality_lut=lut)).tolist() == [[5, 5, 6, 6]]


def test_display_ready_pixels_are_untouched_but_for_inversion_and_padding() -> None:
    grey = raster([0, 10, 255], "uint8", display_ready=True)
    assert build_display(grey).pixels is grey.pixels
    inverted = raster([0, 10, 255], "uint8", display_ready=True, inverted=True, padding=(0.0, 0.0))
    assert build_display(inverted).pixels.tolist() == [[0, 245, 0]]
