"""Candidates, confirmation and clusters of near-duplicates."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from spinebench.benchmark.audit.duplicates import (
    correlate_files,
    find_alike,
    iter_candidates,
    join_pairs,
)
from spinebench.benchmark.audit.material import Material
from spinebench.benchmark.bundle import Benchmark
from spinebench.engine import LocalEngine
from tests.benchmark.audit.fixture import Sample


def save(path: Path, pixels: np.ndarray, **options: object) -> str:
    PillowImage.fromarray(pixels.astype(np.uint8)).save(path, **options)
    return path.name


def smooth(seed: int, side: int = 256) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(20, 200, (16, 16)).astype(np.uint8)
    return np.asarray(
        PillowImage.fromarray(coarse).resize((side, side), PillowImage.Resampling.BICUBIC), float
    )


def test_correlation_does_not_see_brightness_encoding_or_size(tmp_path: Path) -> None:
    pixels = smooth(1)
    original = save(tmp_path / "a.png", pixels)
    brighter = save(tmp_path / "b.png", 30 + 0.8 * pixels)
    recoded = save(tmp_path / "c.jpg", pixels, quality=60)
    half = save(tmp_path / "d.png", pixels.reshape(128, 2, 128, 2).mean(axis=(1, 3)))
    other = save(tmp_path / "e.png", smooth(2))
    blank = save(tmp_path / "f.png", np.full((64, 64), 7))
    for copy in (brighter, recoded, half):
        assert correlate_files(tmp_path, (original, copy)) > 0.999
    assert abs(correlate_files(tmp_path, (original, other))) < 0.5
    assert correlate_files(tmp_path, (original, blank)) == 0


def test_correlation_is_numpys(tmp_path: Path) -> None:
    a, b = (np.random.default_rng(seed).integers(0, 255, (40, 50)) for seed in (3, 4))
    pair = (save(tmp_path / "a.png", a), save(tmp_path / "b.png", b))
    assert correlate_files(tmp_path, pair) == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_candidates_leave_out_one_series_and_equal_pixels() -> None:
    first = smooth(1, 64).astype(np.uint8)
    second = smooth(2, 64).astype(np.uint8)
    grey = np.stack([first, second, first, first, second])
    series = np.array([0, 1, 0, 2, 3])
    pixels = np.array([0, 1, 2, 3, 1])
    # 0 and 2 are one series, 1 and 4 the same pixels
    assert sorted(iter_candidates(grey, series, pixels)) == [(0, 3), (2, 3)]


def test_pairs_chain_into_clusters() -> None:
    assert join_pairs([("d", "c"), ("a", "b"), ("b", "d"), ("y", "x")]) == [
        ("a", "b", "c", "d"), ("x", "y"),
    ]  # fmt: skip


def test_slices_of_one_series_are_no_duplicates(spoilable) -> None:
    sample: Sample = spoilable()
    first, second, third = list(sample.images)[:3]
    pixels = sample.pixels(first)
    sample.draw(second, np.clip(pixels + 1.0, 0, 255))
    # two of one patient by the fixture
    assert sample.images[first].patient_id == sample.images[second].patient_id
    sample.change_image(second, series_id=sample.images[first].series_id)
    sample.draw(third, np.clip(pixels * 0.9, 0, 255))
    alike = find_alike(Material(Benchmark.load(sample.write()), LocalEngine(1)))
    assert alike.identical == ()
    # both are near to the third, of another series
    assert alike.near == (tuple(sorted([first, second, third])),)
