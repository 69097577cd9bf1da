import numpy as np
import pytest

from spinebench.benchmark.embed import load_embedder
from spinebench.benchmark.embed.gradient import GradientHistograms
from spinebench.errors import UsageError

EMBED = GradientHistograms().embed


def stripes(angle_deg: float, rows: int = 200, cols: int = 120, period: float = 20) -> np.ndarray:
    y, x = np.mgrid[:rows, :cols]
    phase = x * np.cos(np.deg2rad(angle_deg)) + y * np.sin(np.deg2rad(angle_deg))
    grey = 127 + 100 * np.sin(2 * np.pi * phase / period)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def test_length_and_norm() -> None:
    vector = EMBED(stripes(0))
    assert vector.shape == (7 * 7 * 36 + 16 * 16,)
    assert vector.dtype == np.float32
    assert float(vector @ vector) == pytest.approx(1, abs=1e-6)


def test_orientation_is_what_is_seen() -> None:
    upright, tilted, level = EMBED(stripes(0)), EMBED(stripes(15)), EMBED(stripes(90))
    assert upright @ tilted > upright @ level
    # the gradient of upright stripes lies along the columns: bins at 0 degrees hold it
    cells = upright[: 7 * 7 * 36].reshape(7, 7, 4, 9)[3, 3, 0]
    assert int(np.argmax(cells)) in (0, 8)


def test_brightness_and_contrast_change_little() -> None:
    dark = (stripes(30) * 0.6).astype(np.uint8)
    assert EMBED(stripes(30)) @ EMBED(dark) > 0.99


def test_a_blank_picture_is_the_zero_vector() -> None:
    assert not EMBED(np.full((50, 50, 3), 0, np.uint8)).any()


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 2000, 3), (2000, 3, 3)])
def test_odd_shapes_do_not_fall(shape: tuple[int, int, int]) -> None:
    assert np.isfinite(EMBED(np.full(shape, 200, np.uint8))).all()


def test_embedders_by_name() -> None:
    assert isinstance(load_embedder("gradient-histograms/1"), GradientHistograms)
    with pytest.raises(UsageError, match="no embedder 'x'; there are: gradient-histograms/1"):
        load_embedder("x")
