"""The one form in which every image is sent: 8-bit RGB, square pixels, a limited long side.

`StandardPolicy` is the versioned rule; `docs/imaging.md` says it in words.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spinebench.imaging.intensity import Display8, Method, build_display
from spinebench.imaging.raster import Raster

_FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
}


@dataclass(frozen=True)
class StandardPolicy:
    """How rasters become images to send. Another value of any field is another policy: name it."""

    name: str = "rgb-v1"
    """Name and version, stored with every benchmark."""
    long_side_px: int = 1024
    """The longer side is scaled down to this; smaller images keep their size."""
    resample: Literal["lanczos", "bicubic", "box"] = "lanczos"
    """Pillow's antialiased filter, on 8-bit display values."""
    low_permille: int = 5
    """Order statistic shown black where the file has no valid VOI."""
    high_permille: int = 995
    """Order statistic shown white where the file has no valid VOI."""
    square_tolerance: float = 0.01
    """Pixels whose height and width differ by at most this part count as square."""
    max_aspect: float = 20.0
    """Beyond this ratio a spacing is taken for an error and the pixels for square."""
    format: Literal["png", "jpeg"] = "png"
    """Of the encoded bytes; PNG is lossless."""
    png_compress_level: int = 3
    """zlib level. On MR slices 3 is smaller than 4 to 6 and 2.5 times as fast as 6."""
    jpeg_quality: int = 95
    """Only for JPEG; without chroma subsampling."""

    def __post_init__(self) -> None:
        if self.long_side_px < 1 or not 0 <= self.low_permille < self.high_permille <= 1000:
            raise ValueError("a policy wants long_side_px >= 1 and 0 <= low < high <= 1000")
        if self.max_aspect < 1 or self.square_tolerance < 0:
            raise ValueError("a policy wants max_aspect >= 1 and square_tolerance >= 0")


DEFAULT_POLICY = StandardPolicy()


@dataclass(frozen=True, eq=False)
class StandardImage:
    """An image as it is sent, and the way back to the original's pixels."""

    rgb: NDArray[np.uint8]
    """(rows, cols, 3); three equal channels for grey."""
    scale_xy: tuple[float, float]
    """Standard pixels per original pixel, along a row and down a column."""
    method: Method
    """Where the greys come from (see `intensity.Display`)."""
    notes: tuple[str, ...]
    """Of reading, display and scaling; never a value of a patient."""
    is_grey: bool
    """The three channels are equal by construction."""

    def to_standard_px(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Standard (x, y) of an original (x, y); pixel centres at whole numbers in both."""
        return (
            (x_px + 0.5) * self.scale_xy[0] - 0.5,
            (y_px + 0.5) * self.scale_xy[1] - 0.5,
        )

    def to_original_px(self, x_px: float, y_px: float) -> tuple[float, float]:
        """The inverse of `to_standard_px`."""
        return (
            (x_px + 0.5) / self.scale_xy[0] - 0.5,
            (y_px + 0.5) / self.scale_xy[1] - 0.5,
        )


def standardise(raster: Raster, policy: StandardPolicy = DEFAULT_POLICY) -> StandardImage:
    """A raster as it is sent under a policy."""
    display = build_display(
        raster, low_permille=policy.low_permille, high_permille=policy.high_permille
    )
    notes = [*raster.source_notes, *display.notes]
    rows, cols = standard_shape(raster.rows, raster.cols, raster.pixel_aspect, policy, notes)
    pixels = _resize(display.pixels, rows, cols, policy)
    is_grey = pixels.ndim == 2
    if is_grey:
        rgb = np.empty((rows, cols, 3), np.uint8)
        rgb[...] = pixels[..., np.newaxis]
    else:
        rgb = np.ascontiguousarray(pixels)
    scale_xy = (cols / raster.cols, rows / raster.rows)
    return StandardImage(rgb, scale_xy, display.method, tuple(notes), is_grey)


def standard_shape(
    rows: int, cols: int, pixel_aspect: float, policy: StandardPolicy, notes: list[str]
) -> tuple[int, int]:
    """(rows, cols) after making pixels square and limiting the long side.

    `pixel_aspect` is height over width. The coarser axis is stretched to the pitch of the finer
    one, so that no detail is lost before the limit applies; nothing else is ever enlarged.
    """
    height, width = float(rows), float(cols)
    ratio = max(pixel_aspect, 1 / pixel_aspect)
    if ratio > policy.max_aspect:
        notes.append(f"pixel aspect beyond {policy.max_aspect:g}: taken as square")
    elif ratio > 1 + policy.square_tolerance:
        height *= max(pixel_aspect, 1.0)
        width *= max(1 / pixel_aspect, 1.0)
        notes.append("pixels made square")
    scale = min(1.0, policy.long_side_px / max(height, width))
    return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))


def encode(image: StandardImage, policy: StandardPolicy = DEFAULT_POLICY) -> bytes:
    """The bytes to send. PNG decodes to `image.rgb` exactly.

    The same bytes on every run with one build of Pillow; the compressed bytes may differ between
    builds (they bundle different zlibs), the decoded pixels never do for PNG.
    """
    picture = Image.fromarray(image.rgb)
    buffer = io.BytesIO()
    if policy.format == "png":
        picture.save(buffer, "PNG", compress_level=policy.png_compress_level)
    else:
        picture.save(buffer, "JPEG", quality=policy.jpeg_quality, subsampling=0)
    return buffer.getvalue()


def media_type(policy: StandardPolicy = DEFAULT_POLICY) -> str:
    """MIME type of what `encode` gives."""
    return f"image/{policy.format}"


def pixel_sha256(rgb: NDArray[np.uint8]) -> str:
    """Hex SHA-256 over "rows x cols x channels" and the pixels, row by row.

    Equal pixels have equal hashes whatever file or encoder they come from.
    """
    digest = hashlib.sha256("x".join(str(n) for n in rgb.shape).encode() + b"\n")
    digest.update(np.ascontiguousarray(rgb).data)
    return digest.hexdigest()


def _resize(pixels: Display8, rows: int, cols: int, policy: StandardPolicy) -> Display8:
    if pixels.shape[:2] == (rows, cols):
        return pixels
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize((cols, rows), _FILTERS[policy.resample]))
