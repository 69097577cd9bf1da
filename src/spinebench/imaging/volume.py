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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import io_orientation
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from spinebench.errors import DataError, UsageError
from spinebench.imaging.geometry import Affine, Plane
from spinebench.imaging.raster import Raster, check_pixel_count, file_errors

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


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3D image: stored values, their scaling and their place."""

    file: str
    """Path as given."""
    stored: NDArray[Any]
    """(i, j, k) stored values, before `rescale`."""
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
        return int(self.stored.shape[self.slice_axis(plane)])

    def nearest_index(self, plane: Plane, position_mm: float) -> int:
        """Slice whose centre is nearest to a coordinate on the plane's LPS axis, within range."""
        lps_axis, axis = _DISPLAY[plane][0], self.slice_axis(plane)
        centre = (np.array(self.stored.shape, np.float64) - 1) / 2
        at_zero = centre.copy()
        at_zero[axis] = 0.0
        start = float((self.affine_lps @ np.append(at_zero, 1.0))[lps_axis])
        index = round((position_mm - start) / float(self.affine_lps[lps_axis, axis]))
        return int(np.clip(index, 0, self.slice_count(plane) - 1))


def read_volume(path: str | Path) -> Volume:
    """A NIfTI-1 or NIfTI-2 file, gzipped or not. Of a 4D file the first volume (noted).

    Raises DataError: not NIfTI, truncated, complex or RGB voxels, an affine without inverse.
    """
    file = str(path)
    with file_errors(file):
        if Path(path).stat().st_size == 0:
            raise DataError(file=file, found="0 bytes", expected="a NIfTI file")
        try:
            with _quiet_nibabel():
                return _build_volume(file, _open_nifti(path))
        except (PermissionError, FileNotFoundError, IsADirectoryError):
            raise
        except _BROKEN as error:
            raise DataError(
                file=file,
                found=f"damaged or foreign bytes ({type(error).__name__})",
                expected="a complete NIfTI file",
            ) from error


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
    count = volume.slice_count(plane)
    if position_mm is not None:
        index = volume.nearest_index(plane, position_mm)
    index = count // 2 if index is None else index
    if not 0 <= index < count:
        raise UsageError(f"{volume.file}: {plane} slice {index} is outside 0..{count - 1}")
    _, (col_lps, col_sign), (row_lps, row_sign) = _DISPLAY[plane]
    col_axis, row_axis = volume.lps_axes[col_lps], volume.lps_axes[row_lps]
    slice_axis = volume.slice_axis(plane)
    pixels = volume.stored.transpose(row_axis, col_axis, slice_axis)[:, :, index]
    to_voxel = np.zeros((4, 4))
    to_voxel[slice_axis, 3] = index
    to_voxel[3, 3] = 1.0
    for column, axis, wanted, lps in (
        (0, col_axis, col_sign, col_lps),
        (1, row_axis, row_sign, row_lps),
    ):
        is_flipped = volume.lps_signs[lps] != wanted
        if is_flipped:
            pixels = np.flip(pixels, axis=1 - column)
            to_voxel[axis, 3] = volume.stored.shape[axis] - 1
        to_voxel[axis, column] = -1.0 if is_flipped else 1.0
    return _slice_raster(volume, np.ascontiguousarray(pixels), index, to_voxel)


def _slice_raster(
    volume: Volume, pixels: NDArray[Any], index: int, to_voxel: NDArray[np.float64]
) -> Raster:
    affine = volume.affine_lps @ to_voxel
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    affine[:3, 2] = normal / np.linalg.norm(normal)
    spacing = (float(np.linalg.norm(affine[:3, 1])), float(np.linalg.norm(affine[:3, 0])))
    return Raster(
        file=volume.file,
        pixels=pixels,
        frame=index,
        rescale=volume.rescale,
        spacing_mm=spacing,
        pixel_aspect=spacing[0] / spacing[1],
        affine_lps=affine,
        source_notes=volume.notes,
    )


def _open_nifti(path: str | Path) -> Any:
    """The nibabel image, chosen by content: a `.nii.gz` may be named anything."""
    raw = Path(path).read_bytes()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    kind = nib.Nifti2Image if raw[4:8] == b"n+2\0" else nib.Nifti1Image
    return kind.from_bytes(raw)


def _build_volume(file: str, image: Any) -> Volume:
    notes: list[str] = []
    header = image.header
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise DataError(
            file=file, field="datatype", found=f"{dtype}", expected="whole or floating numbers"
        )
    shape = tuple(header.get_data_shape())
    if len(shape) < 2 or any(n != 1 for n in shape[4:]):
        raise DataError(file=file, field="dim", found=f"{shape}", expected="2 to 4 dimensions")
    if not shape or min(shape) < 1:
        raise DataError(file=file, field="dim", found=f"{shape}", expected="no empty dimension")
    stored = np.asanyarray(image.dataobj.get_unscaled())
    stored = stored.reshape(shape + (1,) * max(0, 3 - len(shape)))
    if stored.ndim > 3:
        if stored[0, 0, 0].size > 1:
            notes.append(f"{stored.shape[3]} volumes in one file: the first is used")
        stored = stored.reshape(*stored.shape[:3], -1)[..., 0]
    largest = sorted(stored.shape)[-2:]
    check_pixel_count(file, largest[0], largest[1])
    if not stored.dtype.isnative:
        stored = stored.astype(stored.dtype.newbyteorder("="))
    affine = _affine_lps(file, image, notes)
    axes, signs = _nearest_axes(affine)
    # nibabel moves the scaling from the header to the data on reading, 1 and 0 where unset.
    rescale = (float(image.dataobj.slope), float(image.dataobj.inter))
    return Volume(file, stored, rescale, affine, axes, signs, tuple(notes))


def _affine_lps(file: str, image: Any, notes: list[str]) -> Affine:
    header = image.header
    if not int(header["sform_code"]) and not int(header["qform_code"]):
        notes.append("neither sform nor qform is set: orientation is a guess")
    affine = np.array(image.affine, dtype=np.float64)
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
