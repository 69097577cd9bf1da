"""What the audit needs of every picture, from one pass over the files.

Runs in worker processes: a plain function of plain values. Of each picture stay a grey copy of
64 x 64, its four corners and a count of mark-like blobs near the borders, about 5 kB in all.
"""

import hashlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy import ndimage

from spinebench.engine import Engine
from spinebench.imaging.marks import find_marks
from spinebench.imaging.standard import pixel_sha256
from spinebench.records import Image

State = Literal["ok", "missing", "unreadable"]

SIDE_PX = 64  # of the grey copy
CORNER_SHARE = 8  # a corner is an eighth of the height by an eighth of the width
CORNER_CELLS = 3  # along each side of a corner
CORNER_FEATURES = 4 * CORNER_CELLS**2
MARK_ZONES = 4  # top left, top right, bottom left, bottom right half of the border
_MOST_PIXELS = 64_000_000  # a standard picture has about one million

_BORDER_SHARE = 0.18  # of each side, where marks are looked for
_MARK_LONG_PX = 256  # marks are looked for on a copy with this long side
_MARK_BRIGHT = 0.92  # of the picture's brightest grey: ink is at the top of the scale
_MARK_GROUND = 0.45  # of the brightest grey, at most: the median of a mark's surroundings
_MARK_SIDE_PX = (3, 40)  # of a letter, in pixels of that copy
_MARK_FILL = (0.12, 0.9)  # of its box; a letter is neither a dot nor a block


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """One picture as the audit sees it; arrays are None unless it could be read."""

    state: State
    detail: str  # why it could not be read
    file_sha256: str | None
    pixel_sha256: str | None
    bytes: int
    grey: NDArray[np.uint8] | None  # (64, 64)
    corners: NDArray[np.uint8] | None  # (36,): four corners of 3 x 3 means
    marks: tuple[int, ...] = (0,) * MARK_ZONES  # mark-like blobs by zone


@dataclass(frozen=True, eq=False)
class Pictures:
    """Facts of all images, in the order of `ids`; rows of unread pictures are zero."""

    ids: tuple[str, ...]
    index: dict[str, int]
    state: tuple[State, ...]
    detail: tuple[str, ...]
    file_sha256: tuple[str | None, ...]
    pixel_sha256: tuple[str | None, ...]
    bytes: NDArray[np.int64]
    grey: NDArray[np.uint8]  # (images, 64, 64)
    corners: NDArray[np.uint8]  # (images, 36)
    marks: NDArray[np.int64]  # (images, zones)


def read_pictures(folder: Path, images: Sequence[Image], engine: Engine) -> Pictures:
    """Facts of all images of a benchmark folder, in the order given."""
    paths = [image.path for image in images]
    grey = np.zeros((len(paths), SIDE_PX, SIDE_PX), np.uint8)
    corners = np.zeros((len(paths), CORNER_FEATURES), np.uint8)
    marks = np.zeros((len(paths), MARK_ZONES), np.int64)
    rest: list[tuple[State, str, str | None, str | None, int]] = []
    read = engine.map(partial(read_facts, folder), paths, label="looking at pictures", shard=32)
    for row, facts in enumerate(read):
        rest.append((facts.state, facts.detail, facts.file_sha256, facts.pixel_sha256, facts.bytes))
        if facts.grey is not None and facts.corners is not None:
            grey[row], corners[row], marks[row] = facts.grey, facts.corners, facts.marks
    ids = tuple(image.image_id for image in images)
    return Pictures(
        ids=ids,
        index={image_id: row for row, image_id in enumerate(ids)},
        state=tuple(row[0] for row in rest),
        detail=tuple(row[1] for row in rest),
        file_sha256=tuple(row[2] for row in rest),
        pixel_sha256=tuple(row[3] for row in rest),
        bytes=np.array([row[4] for row in rest], np.int64),
        grey=grey,
        corners=corners,
        marks=marks,
    )


def read_facts(folder: Path, relative: str) -> PictureFacts:
    """Facts of one picture of a benchmark folder."""
    path = folder / relative
    if not path.resolve().is_relative_to(folder.resolve()):
        return _unread("unreadable", "its path leaves the folder")
    try:
        data = path.read_bytes()
    except OSError as error:
        state: State = "missing" if isinstance(error, FileNotFoundError) else "unreadable"
        return _unread(state, error.strerror or "cannot be read")
    digest = hashlib.sha256(data).hexdigest()
    try:
        rgb = decode_rgb(data)
    except (OSError, ValueError, SyntaxError, PillowImage.DecompressionBombError) as error:
        # Pillow raises SyntaxError for some broken PNG files
        return _unread("unreadable", str(error) or type(error).__name__, digest, len(data))
    grey = PillowImage.fromarray(rgb).convert("L")
    small = np.asarray(grey.resize((SIDE_PX, SIDE_PX), PillowImage.Resampling.BOX))
    return PictureFacts(
        state="ok",
        detail="",
        file_sha256=digest,
        pixel_sha256=pixel_sha256(rgb),
        bytes=len(data),
        grey=small,
        corners=_corner_means(np.asarray(grey)),
        marks=_count_marks(grey),
    )


def decode_rgb(data: bytes) -> NDArray[np.uint8]:
    """RGB pixels (rows, cols, 3) of a picture's bytes; raises OSError or ValueError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow on size: it is refused here, before decoding
        with PillowImage.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise ValueError(f"{picture.width} x {picture.height} pixels are too many")
            return np.asarray(picture.convert("RGB"))


def _unread(state: State, detail: str, digest: str | None = None, size: int = 0) -> PictureFacts:
    return PictureFacts(state, detail, digest, None, size, None, None)


def _corner_means(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Means of 3 x 3 cells of each corner, corner by corner: top left, top right, bottom ..."""
    rows, cols = (max(CORNER_CELLS, side // CORNER_SHARE) for side in grey.shape)
    if rows > grey.shape[0] or cols > grey.shape[1]:
        return np.zeros(CORNER_FEATURES, np.uint8)
    corners = (grey[:rows, :cols], grey[:rows, -cols:], grey[-rows:, :cols], grey[-rows:, -cols:])
    size = (CORNER_CELLS, CORNER_CELLS)
    means = [
        np.asarray(PillowImage.fromarray(corner).resize(size, PillowImage.Resampling.BOX)).ravel()
        for corner in corners
    ]
    return np.concatenate(means)


def _count_marks(grey: PillowImage.Image) -> tuple[int, ...]:
    """Marks by quadrant: letters as `imaging.marks` finds them, and blobs on dark ground.

    The first are looked for at the left and the right alone, on any ground, and count where they
    reach the top of the scale, which fat within muscle does not; the second near every border, and
    up to it. A mark that is both counts once.
    """
    letters, blobs = _count_letters(np.asarray(grey)), _count_blobs(grey)
    return tuple(max(both) for both in zip(letters, blobs, strict=True))


def _count_letters(grey: NDArray[np.uint8]) -> list[int]:
    counts = [0] * MARK_ZONES
    least = _MARK_BRIGHT * float(grey.max())
    for mark in find_marks(grey):
        if float(grey[mark.top : mark.bottom, mark.left : mark.right].max()) >= least:
            middle = ((mark.top + mark.bottom) / 2, (mark.left + mark.right) / 2)
            counts[_zone_of(middle, grey.shape)] += 1
    return counts


def _zone_of(middle: Sequence[float], shape: Sequence[int]) -> int:
    below, right = (place > side / 2 for place, side in zip(middle, shape, strict=True))
    return 2 * int(below) + int(right)


def _count_blobs(grey: PillowImage.Image) -> list[int]:
    """Small blobs at the top of the scale, on dark ground, near a border.

    Bone meets none of it: it is large, or its surroundings are bright.
    """
    scale = min(1.0, _MARK_LONG_PX / max(grey.size))
    size = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
    pixels = np.asarray(grey.resize(size, PillowImage.Resampling.BOX), np.float64)
    brightest = float(pixels.max())
    counts = [0] * MARK_ZONES
    if brightest < 1:
        return counts
    labels, _ = ndimage.label(pixels >= _MARK_BRIGHT * brightest, np.ones((3, 3)))
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if _is_mark(pixels, labels, number, box, brightest):
            middle = [(part.start + part.stop) / 2 for part in box]
            counts[_zone_of(middle, pixels.shape)] += 1
    return counts


def _is_mark(
    pixels: NDArray[np.float64],
    labels: NDArray[np.int32],
    number: int,
    box: tuple[slice, slice],
    brightest: float,
) -> bool:
    heights = [part.stop - part.start for part in box]
    if not all(1 <= side <= _MARK_SIDE_PX[1] for side in heights):
        return False
    if max(heights) < _MARK_SIDE_PX[0]:
        return False
    near = any(
        part.stop <= _BORDER_SHARE * side or part.start >= (1 - _BORDER_SHARE) * side
        for part, side in zip(box, pixels.shape, strict=True)
    )
    fill = float((labels[box] == number).mean())
    if not near or not _MARK_FILL[0] <= fill <= _MARK_FILL[1] + (min(heights) < 4):
        return False
    around = tuple(
        slice(max(0, part.start - 3), min(side, part.stop + 3))
        for part, side in zip(box, pixels.shape, strict=True)
    )
    ground = pixels[around][labels[around] != number]
    return ground.size > 0 and float(np.median(ground)) <= _MARK_GROUND * brightest
