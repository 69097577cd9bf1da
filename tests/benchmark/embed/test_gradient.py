import numpy as np
import pytest

from spinebench.benchmark.embed.gradient import LENGTH, GradientHistograms

PINNED = (13.6991348, [0.0, 0.0337982, 0.0001269, 0.0, -0.0513249, 0.0290247, -0.0513249])


def embed(rgb: np.ndarray) -> np.ndarray:
    return GradientHistograms().embed([rgb])[0]


def stripes(angle_deg: float, rows: int = 200, cols: int = 120, period: float = 20) -> np.ndarray:
    y, x = np.mgrid[:rows, :cols]
    phase = x * np.cos(np.deg2rad(angle_deg)) + y * np.sin(np.deg2rad(angle_deg))
    grey = 127 + 100 * np.sin(2 * np.pi * phase / period)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def test_length_and_norm() -> None:
    vector = embed(stripes(0))
    assert vector.shape == (7 * 7 * 36 + 16 * 16,)
    assert vector.dtype == np.float32
    assert float(vector @ vector) == pytest.approx(1, abs=1e-6)


def test_orientation_is_what_is_seen() -> None:
    upright, tilted, level = embed(stripes(0)), embed(stripes(15)), embed(stripes(90))
    assert upright @ tilted > upright @ level
    # the gradient of upright stripes lies along the columns: bins at 0 degrees hold it
    cells = upright[: 7 * 7 * 36].reshape(7, 7, 4, 9)[3, 3, 0]
    assert int(np.argmax(cells)) in (0, 8)


def test_brightness_and_contrast_change_little() -> None:
    dark = (stripes(30) * 0.6).astype(np.uint8)
    assert embed(stripes(30)) @ embed(dark) > 0.99


def test_a_blank_picture_is_the_zero_vector() -> None:
    assert not embed(np.full((50, 50, 3), 0, np.uint8)).any()


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 2000, 3), (2000, 3, 3)])
def test_odd_shapes_do_not_fall(shape: tuple[int, int, int]) -> None:
    assert np.isfinite(embed(np.full(shape, 200, np.uint8))).all()


def test_a_batch_is_its_images_one_by_one() -> None:
    pictures = [stripes(0), stripes(45, rows=90), stripes(90, cols=300)]
    together = GradientHistograms().embed(pictures)
    assert together.shape == (3, LENGTH)
    assert np.array_equal(together, np.stack([embed(rgb) for rgb in pictures]))
    assert GradientHistograms().embed([]).shape == (0, LENGTH)


def test_the_vectors_of_version_1_stay_as_they_are() -> None:
    # written down when version 1 was released: any change of them needs another version
    vector = embed(stripes(30))
    assert float(vector[:1764].astype(np.float64).sum()) == pytest.approx(PINNED[0], abs=1e-4)
    assert [float(vector[i]) for i in (0, 100, 900, 1763, 1764, 1900, 2019)] == pytest.approx(
        PINNED[1], abs=1e-6
    )
