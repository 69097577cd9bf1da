"""Letters burnt into a picture, such as a film's side marker: where they are, and without them.

A mark is small, far brighter than all that lies right around it, and near the left or right border
without touching it. Bone is none of it: it is larger than the opening below, or bright structures
go on beside it. What is looked at is a copy with a long side of 256 pixels, so that films of any
size are held to the same rule.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy import ndimage

MARKS_VERSION = "marks/1"

_COPY_PX = 256  # long side of the copy
_OPENING_PX = 15  # a stroke is thinner than this; what is wider belongs to the ground
_LEAST_RISE = 85.0  # grey levels above the ground, of a mark's pixels
_LEAST_PEAK = 110.0  # the same of its brightest pixel
_SIDES_PX = (5, 26)  # of a letter's box: about 2 to 10 % of the long side
_LEAST_WIDTH_PX = 2  # of its narrower side: an I
_BORDER_SHARE = 0.22  # of the width, on the left and on the right, where marks are looked for
_FILL = (0.12, 0.92)  # of its box; a letter is neither a dot nor a block
_RING_PX = 3  # around the box: ground only
_MOST_RING_SHARE = 0.04  # of the ring's pixels may rise as a mark does: noise
_MARGIN_PX = 3  # of the copy; around a letter is its blur
_MOST_GRAIN = 3.0  # times the median deviation of the ring's pixels
_GRAIN_PX = 6  # width of the ring that grain is drawn from, in pixels of the picture


@dataclass(frozen=True, slots=True)
class Mark:
    """Box of one mark in whole pixels of the picture, the ends left out, its blur included."""

    top: int
    bottom: int
    left: int
    right: int


def find_marks(grey: NDArray[np.uint8]) -> list[Mark]:
    """Marks of a picture (rows, cols), from top to bottom."""
    rows, cols = grey.shape
    scale = min(1.0, _COPY_PX / max(rows, cols))
    size = (max(1, round(cols * scale)), max(1, round(rows * scale)))
    copy = np.asarray(PillowImage.fromarray(grey).resize(size, PillowImage.Resampling.BOX))
    if min(copy.shape) <= 2 * _RING_PX:
        return []
    rise = copy.astype(np.float64) - ndimage.grey_opening(copy, (_OPENING_PX, _OPENING_PX))
    labels, _ = ndimage.label(rise >= _LEAST_RISE, np.ones((3, 3)))
    found = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if _is_mark(rise, labels == number, box):
            found.append(_to_picture(box, (rows / copy.shape[0], cols / copy.shape[1]), grey.shape))
    return sorted(found, key=lambda mark: (mark.top, mark.left))


def remove_marks(
    rgb: NDArray[np.uint8], generator: np.random.Generator
) -> tuple[NDArray[np.uint8], list[Mark]]:
    """The picture (rows, cols, 3) with its marks filled in from around them, and where they were.

    A whole box is filled, so that no letter can be read from the shape of the patch: between its
    borders evenly, with grain drawn from the ring around it.
    """
    grey = np.asarray(PillowImage.fromarray(rgb).convert("L"))
    marks = find_marks(grey)
    if not marks:
        return rgb, marks
    filled = rgb.astype(np.float64)
    for mark in marks:
        _fill(filled, mark, generator)
    return np.clip(np.rint(filled), 0, 255).astype(np.uint8), marks


def _fill(pixels: NDArray[np.float64], mark: Mark, generator: np.random.Generator) -> None:
    """Replace the mark's box in (rows, cols, 3) by a blend of its edges and the ring's grain."""
    rows, cols = pixels.shape[:2]
    top, bottom = max(0, mark.top - 1), min(rows - 1, mark.bottom)
    left, right = max(0, mark.left - 1), min(cols - 1, mark.right)
    smooth = ndimage.uniform_filter(pixels, (5, 5, 0), mode="nearest")
    y = np.arange(mark.top, mark.bottom, dtype=np.float64)[:, None, None]
    x = np.arange(mark.left, mark.right, dtype=np.float64)[None, :, None]
    # each edge counts by how near it is
    edges = (
        (smooth[top, mark.left : mark.right][None], y - top),
        (smooth[bottom, mark.left : mark.right][None], bottom - y),
        (smooth[mark.top : mark.bottom, left][:, None], x - left),
        (smooth[mark.top : mark.bottom, right][:, None], right - x),
    )
    weights = [1.0 / np.maximum(distance, 0.5) for _, distance in edges]
    blend = sum(edge * weight for (edge, _), weight in zip(edges, weights, strict=True))
    ground = blend / sum(weights)
    around = (
        slice(max(0, mark.top - _GRAIN_PX), mark.bottom + _GRAIN_PX),
        slice(max(0, mark.left - _GRAIN_PX), mark.right + _GRAIN_PX),
    )
    outside = np.ones((rows, cols), np.bool_)
    outside[mark.top : mark.bottom, mark.left : mark.right] = False
    grain = (pixels - smooth)[around][outside[around]]
    size = np.abs(grain).max(axis=1)
    grain = grain[size <= _MOST_GRAIN * np.median(size)]  # an edge that runs through is no grain
    # one draw for all channels: a grey picture stays grey
    drawn = generator.integers(0, len(grain), size=ground.shape[:2])
    pixels[mark.top : mark.bottom, mark.left : mark.right] = ground + grain[drawn]


def _is_mark(rise: NDArray[np.float64], own: NDArray[np.bool_], box: tuple[slice, slice]) -> bool:
    sides = [part.stop - part.start for part in box]
    if not _SIDES_PX[0] <= max(sides) <= _SIDES_PX[1] or min(sides) < _LEAST_WIDTH_PX:
        return False
    across, width = box[1], rise.shape[1]
    near = across.stop <= _BORDER_SHARE * width or across.start >= (1 - _BORDER_SHARE) * width
    near &= all(
        part.start >= _RING_PX and part.stop <= side - _RING_PX
        for part, side in zip(box, rise.shape, strict=True)
    )
    inside = own[box]
    narrow = min(sides) <= _LEAST_WIDTH_PX + 1  # an I fills its box
    if not near or not _FILL[0] <= float(inside.mean()) <= (1.0 if narrow else _FILL[1]):
        return False
    if float(rise[box][inside].max()) < _LEAST_PEAK:
        return False
    around = tuple(slice(part.start - _RING_PX, part.stop + _RING_PX) for part in box)
    ring = np.ones(rise[around].shape, np.bool_)
    ring[_RING_PX:-_RING_PX, _RING_PX:-_RING_PX] = False
    return float((rise[around][ring] >= _LEAST_RISE).mean()) <= _MOST_RING_SHARE


def _to_picture(
    box: tuple[slice, slice], scale: tuple[float, float], shape: tuple[int, ...]
) -> Mark:
    ends = [
        (
            max(0, int((part.start - _MARGIN_PX) * factor)),
            min(side, int(np.ceil((part.stop + _MARGIN_PX) * factor))),
        )
        for part, factor, side in zip(box, scale, shape, strict=False)
    ]
    return Mark(*ends[0], *ends[1])
