"""Any supported image file to rasters, told apart by content, never by file name."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from spinebench.errors import DataError
from spinebench.imaging.dicom import is_bare_dicom, read_dicom, read_dicom_header
from spinebench.imaging.geometry import Plane
from spinebench.imaging.header import DicomHeader
from spinebench.imaging.raster import (
    Raster,
    check_frame,
    check_pixel_count,
    file_errors,
    read_picture,
    read_picture_shape,
)
from spinebench.imaging.volume import extract_slice, read_slice, read_volume, read_volume_space

Kind = Literal["dicom", "nifti", "picture"]

# Enough for the DICOM preamble, and for both NIfTI headers.
_HEAD_BYTES = 1024
_PLANES: tuple[Plane, ...] = get_args(Plane)


def detect_kind(path: str | Path) -> Kind:
    """The kind of a file from its first bytes. Raises DataError for anything else."""
    file = str(path)
    with file_errors(file), Path(path).open("rb") as handle:
        head = handle.read(_HEAD_BYTES)
    if head[128:132] == b"DICM":
        return "dicom"
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        return "picture"
    if _is_nifti(_gunzipped(head) if head.startswith(b"\x1f\x8b") else head):
        return "nifti"
    if is_bare_dicom(head):
        return "dicom"
    raise DataError(
        file=file,
        found="0 bytes" if not head else f"a file that begins with {head[:8].hex(' ')}",
        expected="DICOM, NIfTI, PNG or JPEG",
    )


def read_image(path: str | Path, plane: Plane = "SAG", *, frame: int | None = None) -> list[Raster]:
    """All rasters of a file: the frames of a DICOM file, the one image of a PNG or JPEG, every
    slice of a NIfTI volume along `plane` (in the order of the file's array). With `frame` only
    that one, counted from 0. Raises DataError.
    """
    kind = detect_kind(path)
    if kind == "dicom":
        return read_dicom(path, frame)
    if kind == "picture":
        check_frame(str(path), frame, 1)
        return [read_picture(path)]
    if frame is not None:
        check_frame(str(path), frame, read_volume_space(path).slice_count(plane))
        return [read_slice(path, plane, frame)]
    volume = read_volume(path)
    return [extract_slice(volume, plane, index=k) for k in range(volume.slice_count(plane))]


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What a file says of itself before any pixel is decoded."""

    kind: Kind
    frames: dict[Plane | None, int]
    """Frames or slices by plane; of DICOM, PNG and JPEG under None."""
    shapes: dict[Plane | None, tuple[int, int]]
    """(rows, cols) of a frame or slice, by plane as `frames`."""
    header: DicomHeader | None = None
    """The DICOM header, for DICOM."""


def read_outline(path: str | Path) -> Outline:
    """Kind, frames and sizes of a file, from its header. Raises DataError."""
    kind = detect_kind(path)
    if kind == "picture":
        return Outline(kind=kind, frames={None: 1}, shapes={None: read_picture_shape(path)})
    if kind == "dicom":
        header = read_dicom_header(path)
        if not header.rows or not header.cols:
            raise DataError(
                file=str(path), field="Rows, Columns", found="no usable value",
                expected="the size of an image",
            )  # fmt: skip
        shape = (header.rows, header.cols)
        check_pixel_count(str(path), *shape)
        return Outline(kind=kind, frames={None: header.frames}, shapes={None: shape}, header=header)
    space = read_volume_space(path)
    return Outline(
        kind=kind,
        frames={plane: space.slice_count(plane) for plane in _PLANES},
        shapes={plane: space.slice_shape(plane) for plane in _PLANES},
    )


def _is_nifti(head: bytes) -> bool:
    return head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0"


def _gunzipped(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, 1024)
    except zlib.error:
        return b""
