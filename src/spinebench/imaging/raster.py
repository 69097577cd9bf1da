"""One 2D image as read from any file, and the reader of PNG and JPEG."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from spinebench.errors import DataError
from spinebench.imaging.header import DicomHeader

Pixels = NDArray[Any]

# A stitched whole-spine film at 0.1 mm is about 40 million pixels. Pillow would only warn from
# 89 million and refuse from 179 million; one limit for all formats, and an error, is ours.
MAX_PIXELS = 150_000_000

# What one file may take in memory once decoded, all its frames together: the largest film with
# four bytes a pixel. A small file that would unpack to gigabytes is refused before it does.
MAX_BYTES = 600_000_000

# Rows of an image with alpha that are composited at a time.
_BLOCK_ROWS = 256

_ORIENTATION = 0x0112  # EXIF tag

# What Pillow's PNG and JPEG readers raise on broken bytes.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error, zlib.error)


@dataclass(frozen=True)
class Window:
    """A VOI window in units after the modality transform (PS3.3 C.11.2.1.2)."""

    center: float
    """WindowCenter."""
    width: float
    """WindowWidth: at least 1 for LINEAR, more than 0 for the others."""
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] = "LINEAR"
    """VOILUTFunction."""


@dataclass(frozen=True, eq=False)
class ValueLut:
    """A lookup table (PS3.3 C.11.1.1): values below the first and past the last take the ends."""

    first: int
    """The value that the first entry stands for."""
    entries: NDArray[np.float64]
    """Output values (n,)."""
    bits: int
    """Bits of the output: the full range is 0 to 2**bits - 1."""


@dataclass(frozen=True, eq=False)
class Raster:
    """One frame, slice or picture with all that is needed to show and to place it."""

    file: str
    """Path as given."""
    pixels: Pixels
    """(rows, cols) stored values (any integer or float type), or (rows, cols, 3) uint8 RGB.
    May be a read-only view of the file's bytes."""
    frame: int = 0
    """Frame of a multi-frame file, or slice index of a volume."""
    display_ready: bool = False
    """Pixels are already 8-bit grey or RGB: shown as they are."""
    inverted: bool = False
    """MONOCHROME1: the lowest value is white."""
    rescale: tuple[float, float] = (1.0, 0.0)
    """(slope, intercept) of the modality transform."""
    modality_lut: ValueLut | None = None
    """Modality LUT; replaces `rescale`."""
    voi: Window | ValueLut | None = None
    """The file's own window or VOI LUT, where it has a valid one."""
    padding: tuple[float, float] | None = None
    """Stored values from..to (inclusive) that are no image: black, and out of any window."""
    spacing_mm: tuple[float, float] | None = None
    """(between rows, between columns), if the file says."""
    pixel_aspect: float = 1.0
    """Height of a pixel over its width."""
    affine_lps: NDArray[np.float64] | None = None
    """4x4 from (col, row, 0, 1) to LPS mm; pixel centres at whole numbers."""
    header: DicomHeader | None = None
    """The DICOM header, for DICOM."""
    source_notes: tuple[str, ...] = ()
    """What was malformed or assumed on reading; never a value of a patient."""

    @property
    def rows(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])

    @property
    def cols(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def is_rgb(self) -> bool:
        """Three channels."""
        return self.pixels.ndim == 3


def check_pixel_count(file: str, rows: int, cols: int) -> None:
    """Raise DataError for an image past `MAX_PIXELS`, before its memory is taken."""
    if rows * cols > MAX_PIXELS:
        raise DataError(
            file=file,
            field="size",
            found=f"{cols} x {rows} pixels",
            expected=f"at most {MAX_PIXELS} pixels",
        )


def check_decoded_bytes(file: str, size: int, limit: int = MAX_BYTES) -> None:
    """Raise DataError for content of more than `limit` bytes, before its memory is taken."""
    if size > limit:
        raise DataError(
            file=file,
            field="size",
            found=f"{size} bytes once decoded",
            expected=f"at most {limit} bytes",
        )


def check_frame(file: str, frame: int | None, count: int) -> None:
    """Raise DataError for a frame (from 0) that a file of `count` frames does not have."""
    if frame is not None and not 0 <= frame < count:
        raise DataError(file=file, field="frame", found=str(frame), expected=f"0 to {count - 1}")


@contextmanager
def file_errors(file: str) -> Iterator[None]:
    """Turn the operating system's refusals into a DataError that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(file=file, found="no such file", expected="an image file") from error
    except PermissionError as error:
        raise DataError(
            file=file, found="permission denied", expected="a file this user may read"
        ) from error
    except IsADirectoryError as error:
        raise DataError(file=file, found="a folder", expected="an image file") from error


def read_picture(path: str | Path) -> Raster:
    """The image of a PNG or JPEG file: 8-bit grey or RGB, or 16-bit grey.

    Palettes are resolved, CMYK becomes RGB, alpha is composited on black, EXIF orientation is
    applied. `spacing_mm` is None: the resolution in such a file is of a screen or a printer.
    Raises DataError.
    """
    file = str(path)
    with _open_picture(file) as image:
        try:
            return _build_raster(file, image)
        except _BROKEN as error:
            raise _broken(file, error) from error


def read_picture_shape(path: str | Path) -> tuple[int, int]:
    """(rows, cols) of a PNG or JPEG as `read_picture` gives them, from its header alone.

    Raises DataError as `read_picture` does, but for pixels that are damaged.
    """
    file = str(path)
    with _open_picture(file) as image:
        try:
            is_turned = image.getexif().get(_ORIENTATION, 1) in range(5, 9)
        except _BROKEN as error:
            raise _broken(file, error) from error
        return (image.width, image.height) if is_turned else (image.height, image.width)


@contextmanager
def _open_picture(file: str) -> Iterator[Image.Image]:
    """The picture with its header read and its size checked; its pixels are not decoded yet."""
    with file_errors(file), warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        if Path(file).stat().st_size == 0:
            raise DataError(file=file, found="0 bytes", expected="a PNG or JPEG image")
        try:
            image = Image.open(file, formats=("PNG", "JPEG"))
        except UnidentifiedImageError as error:
            raise DataError(
                file=file, found="bytes that are not one", expected="a PNG or JPEG image"
            ) from error
        except (PermissionError, FileNotFoundError, IsADirectoryError):
            raise
        except (*_BROKEN, Image.DecompressionBombError) as error:
            raise _broken(file, error) from error
        with image:
            check_pixel_count(file, image.height, image.width)
            yield image


def _broken(file: str, error: BaseException) -> DataError:
    if isinstance(error, Image.DecompressionBombError):
        return DataError(
            file=file,
            field="size",
            found="more pixels than any film has",
            expected=f"at most {MAX_PIXELS} pixels",
        )
    return DataError(
        file=file,
        field="pixels",
        found=f"a truncated or damaged image ({type(error).__name__})",
        expected="a complete PNG or JPEG image",
    )


def _build_raster(file: str, image: Image.Image) -> Raster:
    notes = []
    if getattr(image, "n_frames", 1) > 1:
        notes.append(f"{getattr(image, 'n_frames', 1)} pictures in one file: the first is used")
    orientation = image.getexif().get(_ORIENTATION, 1)
    image.load()
    upright = ImageOps.exif_transpose(image)
    if orientation in range(2, 9):
        notes.append(f"EXIF orientation {orientation} applied")
    pixels = _picture_pixels(upright, notes)
    return Raster(
        file=file,
        pixels=pixels,
        display_ready=pixels.dtype == np.uint8,
        source_notes=tuple(notes),
    )


def _picture_pixels(image: Image.Image, notes: list[str]) -> Pixels:
    """uint8 (rows, cols) or (rows, cols, 3), or uint16 (rows, cols)."""
    if image.mode.startswith("I"):
        # 16-bit grey is "I;16", or "I" in Pillow before 11.
        return np.asarray(image).astype(np.uint16)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        notes.append("alpha composited on black")
        return _on_black(image)
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    if image.mode == "CMYK":
        notes.append("CMYK converted to RGB")
    return np.asarray(image.convert("RGB"))


def _on_black(image: Image.Image) -> Pixels:
    """value x alpha / 255, rounded to nearest (never a tie: 255 is odd)."""
    is_grey = image.mode in ("1", "L", "LA", "La")
    layers = np.asarray(image.convert("LA" if is_grey else "RGBA"))
    composed = np.empty(layers.shape[:2] if is_grey else (*layers.shape[:2], 3), np.uint8)
    for start in range(0, layers.shape[0], _BLOCK_ROWS):  # wide numbers for a few rows at a time
        rows = slice(start, start + _BLOCK_ROWS)
        colour, alpha = layers[rows, :, :-1].astype(np.uint16), layers[rows, :, -1:]
        block = (colour * alpha + 127) // 255  # at most 65,152
        composed[rows] = block[..., 0] if is_grey else block
    return composed
