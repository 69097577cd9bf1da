"""How well a standard picture can be read: sharpness, contrast, clipping, padding, resolution.

All is measured on a copy reduced by a whole factor to a long side of 192 to 383 pixels, so that a
film and a slice are held to the same rule and a build hardly notices the cost.

shown      The bounding box of what is not an even border; inside it, pixels that are not black or
           white all the way to the border along their row or column. Air around the body and the
           black of a collimator are therefore no clipping.
sharpness  Root of (mean squared Laplacian / mean squared gradient) over the strong gradients of
           the smoothed copy, in units of a 192nd of the long side: the wider an edge the smaller,
           whatever the height of its step. What the even parts of the picture
           have of both is taken for noise and subtracted: grain does not pass for detail. Black
           and white areas and their rims are left out: a collimator's edge is always sharp.
contrast   5th to 95th percentile of the shown pixels, as a share of black to white.
clipping   Shares of the shown pixels that are black (0) and white (255).
padding    Share of the picture outside the bounding box.
rows, cols Of the bounding box, in pixels of the original.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from spinebench.records import Quality

_COPY_PX = 192  # least long side of a reduced copy, and the unit of sharpness
_SAMPLE_PX = 20_000  # pixels that sharpness looks at, about; of larger copies every k-th row
_GRID_PX = 128  # of the grid of pixels that contrast and clipping are counted on, about
_EVEN_LEVELS = 6  # a border row or column whose grey levels lie this close together is even
_BLACK, _WHITE = 3, 252  # of the reduced copy: up to and from here a run from the border is no body
_STRONG, _WEAK = 4.0, 0.25  # times the mean squared gradient


@dataclass(frozen=True, kw_only=True)
class QualityPolicy:
    """When a picture is clear. Another value of any field is another policy: name it.

    The limits lie between what phantoms and real volumes measure and what their degraded copies
    do; `docs/benchmark.md` has the table.
    """

    name: str = "quality-1"
    """Name and version, stored with every benchmark that was filtered by it."""
    judged_from_px: int = 256
    """Short side from which sharpness counts, and an unclear original is dropped: of fewer pixels
    even the sharpest picture is as soft as a blurred large one."""
    least_short_side_px: int = 128
    """Of the bounding box, in pixels of the original."""
    most_padding: float = 0.75
    """Share of the picture."""
    least_contrast: float = 0.2
    """Share of the way from black to white."""
    most_clipped_low: float = 0.35
    """Share of the shown pixels; air inside the body is black too."""
    most_clipped_high: float = 0.15
    """Share of the shown pixels; the display of a file without a window makes 0.005 white."""
    least_sharpness: float = 0.38
    """Of a 192nd of the long side, see the head of this file."""


QUALITY_POLICY = QualityPolicy()


@dataclass(frozen=True, kw_only=True)
class QualityFigures:
    """What was measured; the fields are those of `records.Quality`."""

    sharpness: float
    contrast: float
    clipped_low: float
    clipped_high: float
    padding: float


def measure_quality(
    rgb: NDArray[np.uint8],
    *,
    image_id: str,
    scale_xy: tuple[float, float] = (1.0, 1.0),
    policy: QualityPolicy = QUALITY_POLICY,
) -> Quality:
    """Quality of a standard picture (rows, cols, 3) or (rows, cols).

    `scale_xy` is standard pixels per original pixel, as of `StandardImage`.
    """
    figures, box = measure_figures(rgb)
    top, bottom, left, right = box
    rows = max(round((bottom - top) / scale_xy[1]), 0)
    cols = max(round((right - left) / scale_xy[0]), 0)
    clear, reason = judge_quality(figures, rows, cols, policy)
    return Quality(
        image_id=image_id,
        sharpness=figures.sharpness,
        contrast=figures.contrast,
        clipped_low=figures.clipped_low,
        clipped_high=figures.clipped_high,
        padding=figures.padding,
        rows=rows,
        cols=cols,
        clear=clear,
        reason=reason,
    )


def judge_quality(
    figures: QualityFigures, rows: int, cols: int, policy: QualityPolicy = QUALITY_POLICY
) -> tuple[bool, str | None]:
    """Whether a picture is clear, and if not the first rule that it fails.

    Reasons, in this order: `all_border`, `few_pixels`, `low_contrast`, `clipped_black`,
    `clipped_white`, `blurred`. What an earlier rule catches makes the later figures meaningless.
    """
    fails = (
        ("all_border", figures.padding > policy.most_padding),
        ("few_pixels", min(rows, cols) < policy.least_short_side_px),
        ("low_contrast", figures.contrast < policy.least_contrast),
        ("clipped_black", figures.clipped_low > policy.most_clipped_low),
        ("clipped_white", figures.clipped_high > policy.most_clipped_high),
        (
            "blurred",
            figures.sharpness < policy.least_sharpness and min(rows, cols) >= policy.judged_from_px,
        ),
    )
    reason = next((name for name, failed in fails if failed), None)
    return reason is None, reason


def describe_quality(quality: Quality) -> str:
    """Reason and figures in one line, for a ledger."""
    return (
        f"{quality.reason or 'clear'}: sharpness {quality.sharpness:.2f}, contrast "
        f"{quality.contrast:.2f}, black {quality.clipped_low:.2f}, white "
        f"{quality.clipped_high:.2f}, border {quality.padding:.2f}, "
        f"{quality.rows} x {quality.cols} px"
    )


def measure_figures(rgb: NDArray[np.uint8]) -> tuple[QualityFigures, tuple[int, int, int, int]]:
    """Figures, and the bounding box (top, bottom, left, right) in pixels of the picture.

    Of a coloured picture the green channel is measured, which is most of its luminance.
    """
    grey = np.ascontiguousarray(rgb[..., 1]) if rgb.ndim == 3 else rgb
    rows, cols = grey.shape
    factor = max(1, max(rows, cols) // _COPY_PX)
    copy = _reduced(grey, factor)
    top, bottom, left, right = _bounding_box(copy)
    inner = copy[top:bottom, left:right]
    box = (top * factor, min(bottom * factor, rows), left * factor, min(right * factor, cols))
    area = (box[1] - box[0]) * (box[3] - box[2])
    counts = _shown_counts(grey, inner, box, factor)
    figures = QualityFigures(
        sharpness=_sharpness(inner) * max(copy.shape) / _COPY_PX,
        contrast=_contrast(counts),
        clipped_low=float(counts[0] / max(counts.sum(), 1)),
        clipped_high=float(counts[255] / max(counts.sum(), 1)),
        padding=1.0 - area / (rows * cols),
    )
    return figures, box


def _reduced(grey: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    if factor == 1:
        return grey
    return np.asarray(PillowImage.fromarray(grey).reduce(factor))


def _bounding_box(copy: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) without the even rows and columns of the border.

    Stripes have even lines along one axis only: along that axis nothing is border.
    """
    rows = np.flatnonzero(np.ptp(copy, axis=1) > _EVEN_LEVELS)
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, copy.shape[0])
    cols = np.flatnonzero(np.ptp(copy[top:bottom], axis=0) > _EVEN_LEVELS)
    if not len(rows) and not len(cols):
        return 0, 0, 0, 0
    left, right = (int(cols[0]), int(cols[-1]) + 1) if len(cols) else (0, copy.shape[1])
    return top, bottom, left, right


def _shown_counts(
    grey: NDArray[np.uint8],
    inner: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    factor: int,
) -> NDArray[np.int64]:
    """Histogram (256,) of the shown pixels, of a grid of about 128 by 128 of them.

    Which are shown is seen on the reduced copy; grey levels are those of single pixels, for a mean
    of neighbours is rarely quite black.
    """
    step = max(1, round(max(inner.shape) / _GRID_PX))
    shown = _shown(inner[::step, ::step])
    grid = factor * step
    single = grey[box[0] : box[1] : grid, box[2] : box[3] : grid]
    return np.bincount(single[shown[: single.shape[0], : single.shape[1]]], minlength=256)


def _shown(inner: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels are not black, or white, all the way to the border along a row or column."""
    shown = np.ones(inner.shape, np.bool_)
    if not inner.size:
        return shown
    for flat in (inner <= _BLACK, inner >= _WHITE):
        if flat[0].any() or flat[-1].any() or flat[:, 0].any() or flat[:, -1].any():
            shown &= _between_solid(~flat)
            shown &= _between_solid(np.ascontiguousarray(~flat.T)).T
    return shown


def _between_solid(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of each row, from the first solid pixel to the last; nothing of a row without any."""
    cols = solid.shape[1]
    place = np.arange(cols, dtype=np.int32)
    first, last = solid.argmax(1), cols - 1 - solid[:, ::-1].argmax(1)
    first[~solid.any(1)] = cols
    out: NDArray[np.bool_] = (place >= first[:, np.newaxis]) & (place <= last[:, np.newaxis])
    return out


def _contrast(counts: NDArray[np.int64]) -> float:
    """Distance of the 5th and 95th percentile of a histogram of 256 grey levels, as a share."""
    total = int(counts.sum())
    if not total:
        return 0.0
    below = np.cumsum(counts)
    low, high = (int(np.searchsorted(below, share * total)) for share in (0.05, 0.95))
    return (high - low) / 255


def _sharpness(inner: NDArray[np.uint8]) -> float:
    """Root of mean squared Laplacian over mean squared gradient where the gradient is strong.

    In whole numbers up to the last line.
    """
    if min(inner.shape) < 7:
        return 0.0
    # 16 times the grey level, so that every sum below stays within 16 bits
    wide = inner.astype(np.int16)
    wide = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    smooth = wide[:-2] + 2 * wide[1:-1] + wide[2:]
    step = max(1, inner.size // _SAMPLE_PX)
    here, above, below = smooth[1:-1:step], smooth[:-2:step, 1:-1], smooth[2::step, 1:-1]
    left, right, middle = here[:, :-2], here[:, 2:], here[:, 1:-1]
    slope = _squared(right - left) + _squared(below - above)  # 4 times: they span two pixels
    curve = _squared(left + right + above + below - 4 * middle)
    grey = _is_grey(inner)[::step]
    slope, curve = slope[grey], curve[grey]
    if not len(slope):
        return 0.0
    mean = slope.mean()
    strong, weak = slope >= _STRONG * mean, slope <= _WEAK * mean
    if not mean or not strong.any() or not weak.any():
        return 0.0
    bend = curve[strong].mean() - curve[weak].mean()
    rise = slope[strong].mean() - slope[weak].mean()
    if bend <= 0:  # as rough where it is flat as at its edges: noise all over, but no blur
        bend, rise = curve[strong].mean(), slope[strong].mean()
    return float(np.sqrt(max(4 * bend, 0.0) / rise))


def _squared(values: NDArray[np.int16]) -> NDArray[np.int32]:
    out = values.astype(np.int32)
    out *= out
    return out


def _is_grey(inner: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels with no black or white within two pixels around; two fewer on each side."""
    grey = (inner > _BLACK) & (inner < _WHITE)
    lines = grey[:, :-4] & grey[:, 1:-3] & grey[:, 2:-2] & grey[:, 3:-1] & grey[:, 4:]
    out: NDArray[np.bool_] = lines[:-4] & lines[1:-3] & lines[2:-2] & lines[3:-1] & lines[4:]
    return out
