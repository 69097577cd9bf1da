"""Letters near a border are found, and nothing else; removed, they cannot be read any more."""

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from spinebench.imaging.marks import find_marks, remove_marks


def film(seed: int = 0, rows: int = 256, cols: int = 200) -> np.ndarray:
    """Dark ground with grain, and a bright column in the middle with gaps, like a spine."""
    pixels = np.random.default_rng(seed).integers(40, 60, (rows, cols)).astype(np.uint8)
    pixels[:, 80:120] = 220
    pixels[::24, 80:120] = 70
    return pixels


def with_letter(pixels: np.ndarray, letter: str, x: int, y: int, size: int = 16) -> np.ndarray:
    picture = PillowImage.fromarray(pixels)
    ImageDraw.Draw(picture).text((x, y), letter, fill=245, font=ImageFont.load_default(size=size))
    return np.asarray(picture)


def rgb_of(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def test_the_letter_is_found_where_it_stands() -> None:
    plain = film()
    for letter, x in (("R", 12), ("L", 172)):
        marked = with_letter(plain, letter, x, 20)
        rows, cols = np.nonzero(marked != plain)
        (mark,) = find_marks(marked)
        assert mark.top <= rows.min()
        assert mark.bottom > rows.max()
        assert mark.left <= cols.min()
        assert mark.right > cols.max()
        assert (mark.bottom - mark.top) * (mark.right - mark.left) < 400


def test_the_size_of_the_film_makes_no_difference() -> None:
    large = np.kron(film(), np.ones((4, 4), np.uint8))
    (mark,) = find_marks(with_letter(large, "R", 48, 80, size=64))
    assert 36 <= mark.left < 70 < mark.right < 110


def test_bone_noise_and_what_touches_the_border_are_no_marks() -> None:
    assert find_marks(film()) == []
    assert find_marks(np.zeros((256, 200), np.uint8)) == []
    assert find_marks(np.full((4, 4), 200, np.uint8)) == []
    cut = film()
    cut[30:44, 0:8] = 250  # runs out of the picture
    cut[100:160, 180:188] = 250  # too long
    cut[60:64, 20:24] = 250  # a dot
    assert find_marks(cut) == []
    middle = with_letter(np.full((256, 200), 50, np.uint8), "R", 95, 20)
    assert find_marks(middle) == []


def test_removed_without_a_trace_and_nothing_else_touched() -> None:
    plain = rgb_of(film())
    marked = rgb_of(with_letter(film(), "R", 12, 20))
    without, (mark,) = remove_marks(marked, np.random.default_rng(3))
    inside = without[mark.top : mark.bottom, mark.left : mark.right]
    assert inside.max() < 75  # the letter had 245
    assert abs(float(inside.mean()) - 49.5) < 3
    assert inside[..., 0].std() > 3  # grain, no flat patch
    assert (inside[..., 0] == inside[..., 2]).all()
    outside = np.ones(plain.shape[:2], bool)
    outside[mark.top : mark.bottom, mark.left : mark.right] = False
    assert (without[outside] == plain[outside]).all()
    assert find_marks(without[..., 0]) == []


def test_the_same_generator_gives_the_same_patch() -> None:
    marked = rgb_of(with_letter(film(), "R", 12, 20))
    first, _ = remove_marks(marked, np.random.default_rng(3))
    again, _ = remove_marks(marked, np.random.default_rng(3))
    other, _ = remove_marks(marked, np.random.default_rng(4))
    assert (first == again).all()
    assert (first != other).any()


def test_a_picture_without_marks_comes_back_as_it_is() -> None:
    plain = rgb_of(film())
    without, marks = remove_marks(plain, np.random.default_rng(0))
    assert marks == []
    assert without is plain
