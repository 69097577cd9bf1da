"""Histograms of oriented gradients with a coarse copy of the grey values: needs no download."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spinebench.errors import UsageError

_SIDE_PX = 128
_CELLS = 8  # along each side
_BINS = 9  # unsigned orientations, 20 degrees each
_COARSE = 16  # side of the coarse grey copy
LENGTH = 4 * _BINS * (_CELLS - 1) ** 2 + _COARSE**2
_EPSILON = 1e-3  # of a block's norm, in units of grey value / 255


class GradientHistograms:
    """After Dalal and Triggs (CVPR 2005): 8 x 8 cells, 9 bins, blocks of 2 x 2 cells.

    The picture is fitted into a square with its aspect kept (black borders), because the shape of
    a film is part of how it looks. The grey copy, centred, adds what gradients do not hold: which
    parts are bright. Both halves have length one before they are joined.
    """

    name = "gradient-histograms/1"
    batch = 32
    in_process = False

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """L2-normalised vectors (n, 2020) of RGB images: 1,764 gradients, 256 greys."""
        vectors = np.zeros((len(images), LENGTH), np.float32)
        for row, rgb in enumerate(images):
            vectors[row] = _embed_one(rgb)
        return vectors


def load(kind: str, argument: str) -> GradientHistograms:
    """The embedder; it takes no argument."""
    if argument:
        raise UsageError(f"{kind} takes nothing after a colon, found {argument!r}")
    return GradientHistograms()


def _embed_one(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    grey = _fitted_grey(rgb)
    joined = np.concatenate([_unit(_block_histograms(grey)), _unit(_coarse_copy(grey))])
    return _unit(joined).astype(np.float32)


def _fitted_grey(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Grey values 0..1, (128, 128), the picture centred in a black square."""
    picture = Image.fromarray(rgb).convert("L")
    scale = _SIDE_PX / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    square = Image.new("L", (_SIDE_PX, _SIDE_PX))
    fitted = picture.resize((width, height), Image.Resampling.BOX)
    square.paste(fitted, ((_SIDE_PX - width) // 2, (_SIDE_PX - height) // 2))
    return np.asarray(square, dtype=np.float64) / 255


def _block_histograms(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    along_rows, along_cols = np.gradient(grey)
    magnitude = np.hypot(along_rows, along_cols)
    # the bin's place along the half circle; votes go to the two nearest bins
    place = np.arctan2(along_rows, along_cols) / np.pi * _BINS % _BINS
    lower = np.floor(place)
    share = place - lower
    low_bin = lower.astype(np.int64) % _BINS
    cell = np.arange(_SIDE_PX) // (_SIDE_PX // _CELLS)
    cell_index = cell[:, None] * _CELLS + cell[None, :]
    votes = np.zeros(_CELLS * _CELLS * _BINS)
    for bins, weight in ((low_bin, 1 - share), ((low_bin + 1) % _BINS, share)):
        flat = (cell_index * _BINS + bins).ravel()
        votes += np.bincount(flat, (magnitude * weight).ravel(), minlength=votes.size)
    cells = votes.reshape(_CELLS, _CELLS, _BINS)
    blocks = np.concatenate(
        [cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]], axis=-1
    )
    norms = np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + _EPSILON**2)
    histograms: NDArray[np.float64] = (blocks / norms).ravel()
    return histograms


def _coarse_copy(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    step = _SIDE_PX // _COARSE
    means = grey.reshape(_COARSE, step, _COARSE, step).mean(axis=(1, 3)).ravel()
    centred: NDArray[np.float64] = means - means.mean()
    return centred


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """The vector at length one; a vector of nothing (a blank picture) stays nothing."""
    norm = np.sqrt((vector**2).sum())
    return vector / norm if norm > 0 else vector
