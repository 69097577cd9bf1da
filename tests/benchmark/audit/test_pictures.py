"""Facts of one picture: states, corners, marks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from spinebench.benchmark.audit import pictures
from spinebench.benchmark.audit.pictures import read_facts
from spinebench.imaging.marks import find_marks
from spinebench.tables import sha256_of_file


def save(folder: Path, pixels: np.ndarray, name: str = "a.png") -> Path:
    PillowImage.fromarray(pixels.astype(np.uint8)).save(folder / name)
    return folder / name


def film(seed: int = 0) -> np.ndarray:
    """A dark ground with a bright column in the middle that reaches both ends, like a spine."""
    pixels = np.random.default_rng(seed).integers(10, 40, (256, 200))
    pixels[:, 80:120] = 215
    return pixels


def test_facts_of_a_picture(tmp_path: Path) -> None:
    pixels = np.zeros((80, 80))
    pixels[:10, -10:] = 200
    path = save(tmp_path, pixels)
    facts = read_facts(tmp_path, "a.png")
    assert (facts.state, facts.detail) == ("ok", "")
    assert facts.file_sha256 == sha256_of_file(path)
    assert facts.bytes == path.stat().st_size
    assert facts.corners.tolist() == [0] * 9 + [200] * 9 + [0] * 18
    assert facts.grey.shape == (64, 64)
    assert facts.grey.mean() == pytest.approx(200 / 64, abs=0.1)


def test_equal_pixels_have_equal_hashes_whatever_the_file(tmp_path: Path) -> None:
    save(tmp_path, film(), "a.png")
    save(tmp_path, film(), "b.bmp")
    a, b = read_facts(tmp_path, "a.png"), read_facts(tmp_path, "b.bmp")
    assert a.pixel_sha256 == b.pixel_sha256
    assert a.file_sha256 != b.file_sha256


def test_what_cannot_be_read_has_a_state_and_a_reason(tmp_path, monkeypatch) -> None:
    (tmp_path / "bench").mkdir()
    save(tmp_path, film(), "outside.png")
    whole = save(tmp_path / "bench", film())
    (tmp_path / "bench" / "cut.png").write_bytes(whole.read_bytes()[:300])
    (tmp_path / "bench" / "text.png").write_text("no picture")
    (tmp_path / "bench" / "link.png").symlink_to(tmp_path / "outside.png")
    found = {
        name: (facts.state, facts.detail)
        for name in ("none.png", "cut.png", "text.png", "../outside.png", "link.png", ".")
        for facts in [read_facts(tmp_path / "bench", name)]
    }
    leaves = ("unreadable", "its path leaves the folder")
    assert found["none.png"] == ("missing", "No such file or directory")
    assert found["cut.png"][0] == found["text.png"][0] == "unreadable"
    assert found["../outside.png"] == found["link.png"] == leaves
    assert found["."] == ("unreadable", "Is a directory")
    monkeypatch.setattr(pictures, "_MOST_PIXELS", 1000)
    facts = read_facts(tmp_path / "bench", "a.png")
    assert (facts.state, facts.detail) == ("unreadable", "200 x 256 pixels are too many")


def test_marks_are_counted_by_corner(tmp_path: Path) -> None:
    pixels = film()
    save(tmp_path, pixels, "plain.png")
    pixels[8:22, 8:10] = 255  # an L at the upper left
    pixels[20:22, 8:18] = 255
    pixels[230:244, 170:172] = 255  # a T at the lower right
    pixels[230:232, 165:178] = 255
    save(tmp_path, pixels, "marked.png")
    assert read_facts(tmp_path, "plain.png").marks == (0, 0, 0, 0)
    assert read_facts(tmp_path, "marked.png").marks == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("rows", "cols", "why"),
    [
        (slice(120, 130), slice(50, 52), "far from every border"),
        (slice(2, 4), slice(10, 12), "a dot"),
        (slice(0, 256), slice(0, 6), "a long edge"),
        (slice(5, 25), slice(5, 25), "a block"),
    ],
)
def test_what_is_no_mark(rows: slice, cols: slice, why: str, tmp_path: Path) -> None:
    pixels = film()
    pixels[rows, cols] = 255
    save(tmp_path, pixels)
    assert read_facts(tmp_path, "a.png").marks == (0, 0, 0, 0), why


@pytest.mark.parametrize(("ground", "letters"), [(150, 0), (130, 1)])
def test_a_letter_is_found_on_any_ground_that_is_darker_by_far(
    ground: int, letters: int, tmp_path: Path
) -> None:
    """Soft tissue under the lead letter of a film is grey, not black; a bright one holds none."""
    pixels = np.full((256, 200), ground)
    pixels[8:22, 8:10] = 255
    pixels[20:22, 8:18] = 255
    save(tmp_path, pixels)
    assert read_facts(tmp_path, "a.png").marks == (letters, 0, 0, 0)


def test_what_is_not_at_the_top_of_the_scale_is_no_mark(tmp_path: Path) -> None:
    """Fat within muscle on an axial slice is brighter than that and darker than fat under skin."""
    pixels = np.full((256, 200), 50)
    pixels[240:, :] = 255
    pixels[120:130, 20:22] = 190
    pixels[120:130, 20:27:3] = 190
    pixels[120:122, 20:27] = 190
    save(tmp_path, pixels)
    assert find_marks(pixels.astype(np.uint8)) != []
    assert read_facts(tmp_path, "a.png").marks == (0, 0, 0, 0)


def test_a_black_picture_has_nothing(tmp_path: Path) -> None:
    save(tmp_path, np.zeros((5, 4)))
    facts = read_facts(tmp_path, "a.png")
    assert facts.state == "ok"
    assert facts.marks == (0, 0, 0, 0)
    assert not facts.corners.any()
