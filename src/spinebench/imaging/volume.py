"""NIfTI volumes to 2D slices in radiological display, with their place in the patient.

NIfTI stores RAS (x to the patient's right is negative, y forward, z up); all affines that leave
here are LPS, as DICOM's. Display: the patient's left on the right of the image (AX, COR), the
front on the left (SAG), the head at the top (SAG, COR), the front at the top (AX).
"""

from __future__ import annotations

import gzip
import logging
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import io_orientation
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from spinebench.errors import DataError, UsageError
from spinebench.imaging.geometry import Affine, Plane
from spinebench.imaging.raster import (
    Raster,
    check_decoded_bytes,
    check_pixel_count,
    file_errors,
)

# Stored voxels of one 3D volume: 512 x 512 x 1,900 of 16 bits. Refused from the header beyond.
MAX_VOLUME_BYTES = 1_000_000_000

_HEADER_BYTES = 540  # of NIfTI-2; NIfTI-1 has 348
_CHUNK_BYTES = 1 << 20
# Looked at behind the voxels, for the checksum that ends a gzip file; extensions lie before them.
_TAIL_BYTES = 1 << 24

_BROKEN = (
    ImageFileError,
    HeaderDataError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
)
_MM_PER_UNIT = {"meter": 1000.0, "micron": 0.001}

# Per plane: LPS axis of the normal, then (axis, sign) of growing columns and of growing rows.
_DISPLAY: dict[Plane, tuple[int, tuple[int, int], tuple[int, int]]] = {
    "SAG": (0, (1, +1), (2, -1)),
    "COR": (1, (0, +1), (2, -1)),
    "AX": (2, (0, +1), (1, +1)),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class VolumeSpace:
    """A 3D image without its voxels: shape, scaling and place."""

    file: str
    """Path as given."""
    shape: tuple[int, int, int]
    """(i, j, k); of a 4D file that of one volume."""
    rescale: tuple[float, float]
    """(slope, intercept): scl_slope and scl_inter."""
    affine_lps: Affine
    """4x4 from (i, j, k, 1) to LPS mm; voxel centres at whole numbers."""
    lps_axes: tuple[int, int, int]
    """For each LPS axis (left, back, head), the array axis nearest to it."""
    lps_signs: tuple[int, int, int]
    """For each LPS axis, +1 where the array index grows with it, else -1."""
    notes: tuple[str, ...] = ()
    """What was assumed on reading."""

    def slice_axis(self, plane: Plane) -> int:
        """The array axis along which slices of a plane are counted."""
        return self.lps_axes[_DISPLAY[plane][0]]

    def slice_count(self, plane: Plane) -> int:
        """Number of slices of a plane."""
        return self.shape[self.slice_axis(plane)]

    def slice_shape(self, plane: Plane) -> tuple[int, int]:
        """(rows, cols) of a slice of a plane."""
        _, (col_lps, _), (row_lps, _) = _DISPLAY[plane]
        return self.shape[self.lps_axes[row_lps]], self.shape[self.lps_axes[col_lps]]

    def nearest_index(self, plane: Plane, position_mm: float) -> int:
        """Slice whose centre is nearest to a coordinate on the plane's LPS axis, within range."""
        lps_axis, axis = _DISPLAY[plane][0], self.slice_axis(plane)
        centre = (np.array(self.shape, np.float64) - 1) / 2
        at_zero = centre.copy()
        at_zero[axis] = 0.0
        start = float((self.affine_lps @ np.append(at_zero, 1.0))[lps_axis])
        index = round((position_mm - start) / float(self.affine_lps[lps_axis, axis]))
        return int(np.clip(index, 0, self.slice_count(plane) - 1))


@dataclass(frozen=True, eq=False, kw_only=True)
class Volume(VolumeSpace):
    """A 3D image: stored values, their scaling and their place."""

    stored: NDArray[Any]
    """(i, j, k) stored values, before `rescale`."""


def read_volume_space(path: str | Path) -> VolumeSpace:
    """Shape, scaling and place from the header alone. Raises DataError as `read_volume` does."""
    with _open_volume(str(path)) as opened:
        return opened.space


def read_volume(path: str | Path) -> Volume:
    """A NIfTI-1 or NIfTI-2 file, gzipped or not. Of a 4D file the first volume (noted).

    Raises DataError: not NIfTI, truncated, complex or RGB voxels, an affine without inverse, more
    than `MAX_VOLUME_BYTES`. No more is unpacked than the header's one volume, whatever follows.
    """
    with _open_volume(str(path)) as opened:
        space, dtype = opened.space, opened.dtype
        count = space.shape[0] * space.shape[1] * space.shape[2]
        flat = np.frombuffer(_read_exactly(opened.stream, count * dtype.itemsize), dtype)
        _check_tail(opened)
        stored = _native(flat.reshape(space.shape, order="F"))
        return Volume(**vars(space), stored=stored)


def read_slice(path: str | Path, plane: Plane, index: int) -> Raster:
    """`extract_slice(read_volume(path), plane, index=index)` with one layer in memory at a time."""
    with _open_volume(str(path)) as opened:
        space, dtype = opened.space, opened.dtype
        axis = space.slice_axis(plane)
        _check_index(space, plane, index)
        others = [n for n in range(3) if n != axis]
        slab = np.empty((space.shape[others[0]], space.shape[others[1]]), dtype.newbyteorder("="))
        for k in range(space.shape[2]):
            raw = _read_exactly(opened.stream, space.shape[0] * space.shape[1] * dtype.itemsize)
            layer = np.frombuffer(raw, dtype).reshape(space.shape[:2], order="F")
            if axis < 2:
                slab[:, k] = layer[index] if axis == 0 else layer[:, index]
            elif k == index:
                slab[...] = layer
        _check_tail(opened)
        return _build_slice(space, plane, index, slab)


def extract_slice(
    volume: Volume, plane: Plane, *, index: int | None = None, position_mm: float | None = None
) -> Raster:
    """One slice in display convention, with its affine; the middle slice by default.

    `index` counts along the file's own array axis (the voxel index that annotations use), not
    from any side of the patient; `position_mm` is an LPS coordinate on the plane's axis. For an
    oblique volume the slice follows the array axes nearest to the plane. Raises UsageError.
    """
    if index is not None and position_mm is not None:
        raise UsageError("give a slice by index or by position, not both")
    if position_mm is not None:
        index = volume.nearest_index(plane, position_mm)
    index = volume.slice_count(plane) // 2 if index is None else index
    _check_index(volume, plane, index)
    slab = np.take(volume.stored, index, axis=volume.slice_axis(plane))
    return _build_slice(volume, plane, index, slab)


def _check_index(space: VolumeSpace, plane: Plane, index: int) -> None:
    if not 0 <= index < space.slice_count(plane):
        last = space.slice_count(plane) - 1
        raise UsageError(f"{space.file}: {plane} slice {index} is outside 0..{last}")


def _build_slice(space: VolumeSpace, plane: Plane, index: int, slab: NDArray[Any]) -> Raster:
    """Raster of a slice in display convention; `slab` has the other two array axes in order."""
    _, (col_lps, col_sign), (row_lps, row_sign) = _DISPLAY[plane]
    col_axis, row_axis = space.lps_axes[col_lps], space.lps_axes[row_lps]
    pixels = slab if row_axis < col_axis else slab.T
    to_voxel = np.zeros((4, 4))
    to_voxel[space.slice_axis(plane), 3] = index
    to_voxel[3, 3] = 1.0
    for column, axis, wanted, lps in (
        (0, col_axis, col_sign, col_lps),
        (1, row_axis, row_sign, row_lps),
    ):
        is_flipped = space.lps_signs[lps] != wanted
        if is_flipped:
            pixels = np.flip(pixels, axis=1 - column)
            to_voxel[axis, 3] = space.shape[axis] - 1
        to_voxel[axis, column] = -1.0 if is_flipped else 1.0
    return _slice_raster(space, np.ascontiguousarray(pixels), index, to_voxel)


def _slice_raster(
    space: VolumeSpace, pixels: NDArray[Any], index: int, to_voxel: NDArray[np.float64]
) -> Raster:
    affine = space.affine_lps @ to_voxel
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    affine[:3, 2] = normal / np.linalg.norm(normal)
    spacing = (float(np.linalg.norm(affine[:3, 1])), float(np.linalg.norm(affine[:3, 0])))
    return Raster(
        file=space.file,
        pixels=pixels,
        frame=index,
        rescale=space.rescale,
        spacing_mm=spacing,
        pixel_aspect=spacing[0] / spacing[1],
        affine_lps=affine,
        source_notes=space.notes,
    )


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Opened(NamedTuple):
    """A volume whose header was read."""

    space: VolumeSpace
    dtype: np.dtype[Any]  # of a stored voxel
    stream: _Readable  # unpacked, from the first voxel on
    is_last: bool  # no further volume follows


@contextmanager
def _open_volume(file: str) -> Iterator[_Opened]:
    with file_errors(file):
        if Path(file).stat().st_size == 0:
            raise DataError(file=file, found="0 bytes", expected="a NIfTI file")
        try:
            with _quiet_nibabel(), Path(file).open("rb") as handle:
                is_packed = handle.read(2) == b"\x1f\x8b"  # by content, whatever the name
                handle.seek(0)
                stream: _Readable = gzip.GzipFile(fileobj=handle) if is_packed else handle
                header, read = _read_header(stream)
                space = _build_space(file, header)
                for size in _chunks(header.get_data_offset() - read):
                    _read_exactly(stream, size)
                is_last = len(header.get_data_shape()) < 4 or header.get_data_shape()[3] == 1
                yield _Opened(space, header.get_data_dtype(), stream, is_last)
        except (PermissionError, FileNotFoundError, IsADirectoryError):
            raise
        except _BROKEN as error:
            raise DataError(
                file=file,
                found=f"damaged or foreign bytes ({type(error).__name__})",
                expected="a complete NIfTI file",
            ) from error


def _read_header(stream: _Readable) -> tuple[Any, int]:
    """(nibabel's header, bytes read). Extensions are not read: their length is only a claim."""
    raw = _read_exactly(stream, 348)
    if raw[4:8] != b"n+2\0":
        return nib.Nifti1Header(raw), 348  # type: ignore[no-untyped-call]
    raw += _read_exactly(stream, _HEADER_BYTES - 348)
    return nib.Nifti2Header(raw), _HEADER_BYTES  # type: ignore[no-untyped-call]


def _read_exactly(stream: _Readable, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError(f"{len(data)} bytes instead of {size}")
    return data


def _chunks(size: int) -> Iterator[int]:
    """Sizes that add up to `size`, each small."""
    for start in range(0, size, _CHUNK_BYTES):
        yield min(_CHUNK_BYTES, size - start)


def _check_tail(opened: _Opened) -> None:
    """Read on to the end, where it must be near: only there does gzip compare its checksum."""
    if not opened.is_last:
        return
    for size in _chunks(_TAIL_BYTES):
        if not opened.stream.read(size):
            return
    raise DataError(
        file=opened.space.file,
        field="size",
        found=f"more than {_TAIL_BYTES} bytes behind the voxels",
        expected="the end of the file",
    )


def _native(stored: NDArray[Any]) -> NDArray[Any]:
    return stored if stored.dtype.isnative else stored.astype(stored.dtype.newbyteorder("="))


def _build_space(file: str, header: Any) -> VolumeSpace:
    notes: list[str] = []
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise DataError(
            file=file, field="datatype", found=f"{dtype}", expected="whole or floating numbers"
        )
    shape = tuple(int(n) for n in header.get_data_shape())
    if len(shape) < 2 or any(n != 1 for n in shape[4:]):
        raise DataError(file=file, field="dim", found=f"{shape}", expected="2 to 4 dimensions")
    if min(shape) < 1:
        raise DataError(file=file, field="dim", found=f"{shape}", expected="no empty dimension")
    if len(shape) > 3 and shape[3] > 1:
        notes.append(f"{shape[3]} volumes in one file: the first is used")
    i, j, k = (*shape, 1)[:3]
    check_pixel_count(file, *sorted((i, j, k))[-2:])
    check_decoded_bytes(file, i * j * k * dtype.itemsize, MAX_VOLUME_BYTES)
    affine = _affine_lps(file, header, notes)
    axes, signs = _nearest_axes(affine)
    slope, intercept = header.get_slope_inter()  # None where unset
    return VolumeSpace(
        file=file,
        shape=(i, j, k),
        rescale=(1.0 if slope is None else float(slope), float(intercept or 0.0)),
        affine_lps=affine,
        lps_axes=axes,
        lps_signs=signs,
        notes=tuple(notes),
    )


def _affine_lps(file: str, header: Any, notes: list[str]) -> Affine:
    if not int(header["sform_code"]) and not int(header["qform_code"]):
        notes.append("neither sform nor qform is set: orientation is a guess")
    affine = np.array(header.get_best_affine(), dtype=np.float64)
    try:
        affine[:3] *= _MM_PER_UNIT.get(header.get_xyzt_units()[0], 1.0)
    except KeyError:
        notes.append("xyzt_units malformed, read as mm")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise DataError(
            file=file,
            field="affine",
            found="a matrix that is not finite or has no inverse",
            expected="an orientation in sform or qform",
        )
    lps: Affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    return lps


def _nearest_axes(affine_lps: Affine) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    orientation = io_orientation(affine_lps)  # type: ignore[no-untyped-call]
    axes, signs = [0, 0, 0], [1, 1, 1]
    for array_axis, (lps_axis, sign) in enumerate(orientation):
        axes[int(lps_axis)] = array_axis
        signs[int(lps_axis)] = int(sign)
    return (axes[0], axes[1], axes[2]), (signs[0], signs[1], signs[2])


class _quiet_nibabel:  # noqa: N801 - used as a context manager, like the ones of contextlib
    """nibabel logs each repair of a header at level WARNING or above: not for a user to read."""

    def __enter__(self) -> None:
        self._logger = logging.getLogger("nibabel.global")
        self._level = self._logger.level
        self._logger.setLevel(logging.CRITICAL + 1)

    def __exit__(self, *exc: object) -> None:
        self._logger.setLevel(self._level)
