"""Any supported image file to rasters, told apart by content, never by file name."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Literal

from spinebench.errors import DataError
from spinebench.imaging.dicom import is_bare_dicom, read_dicom
from spinebench.imaging.geometry import Plane
from spinebench.imaging.raster import Raster, file_errors, read_picture
from spinebench.imaging.volume import extract_slice, read_volume

Kind = Literal["dicom", "nifti", "picture"]

# Enough for the DICOM preamble, and for both NIfTI headers.
_HEAD_BYTES = 1024


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


def read_image(path: str | Path, plane: Plane = "SAG") -> list[Raster]:
    """All rasters of a file: the frames of a DICOM file, the one image of a PNG or JPEG, every
    slice of a NIfTI volume along `plane` (in the order of the file's array). Raises DataError.
    """
    kind = detect_kind(path)
    if kind == "dicom":
        return read_dicom(path)
    if kind == "picture":
        return [read_picture(path)]
    volume = read_volume(path)
    return [extract_slice(volume, plane, index=k) for k in range(volume.slice_count(plane))]


def _is_nifti(head: bytes) -> bool:
    return head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0"


def _gunzipped(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, 1024)
    except zlib.error:
        return b""
