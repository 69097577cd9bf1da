import numpy as np
import pytest

from spinebench.phantom.render_ct import render_ct
from spinebench.phantom.spine import SpineOptions, sample_spine


def test_ct_holds_hounsfield_units_in_the_right_places():
    spine = sample_spine("ct", 4, options=SpineOptions(only_forced=True, age_range=(45, 45)))
    images = render_ct(spine, "SAG", matrix=256, seed=1)
    point = spine.level_point_mm("L3")
    image = min(images, key=lambda item: item.distance_mm(point))
    assert image.pixels.dtype == np.int16
    assert image.pixels.min() >= -1024

    def mean(at) -> float:
        x, y = (round(value) for value in image.project(at))
        return float(image.pixels[y - 3 : y + 4, x - 3 : x + 4].mean())

    body = spine.vertebrae["L3"]
    assert mean(body.frame.to_mm(0.0, -7.0, 4.0)) == pytest.approx(185.0, abs=30.0)
    assert mean(spine.canal_point_mm("L2/L3")) == pytest.approx(15.0, abs=20.0)
    assert image.pixels[:, -3:].mean() == pytest.approx(-1000.0, abs=15.0)


def test_axial_ct_is_reproducible():
    spine = sample_spine("ct", 4)
    first, again = (render_ct(spine, "AX", matrix=96, seed=1) for _ in range(2))
    assert [a.pixels.tobytes() for a in first] == [b.pixels.tobytes() for b in again]
    other = render_ct(spine, "AX", matrix=96, seed=2)
    assert first[0].pixels.tobytes() != other[0].pixels.tobytes()
