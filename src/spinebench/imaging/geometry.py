"""Patient geometry of slices: affines, positions, planes and stacks.

Patient coordinates are DICOM's LPS in millimetres: +x to the patient's left, +y to the back,
+z to the head (PS3.3 C.7.6.2.1.1). A pixel is named by its centre: (col 0, row 0) is the centre
of the top left pixel. Nothing here looks at file names, file order or InstanceNumber, except
InstanceNumber as the last tie-break between slices at one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from spinebench.errors import DataError

Plane = Literal["SAG", "AX", "COR"]
Affine = NDArray[np.float64]

_PLANE_OF_LPS_AXIS: tuple[Plane, Plane, Plane] = ("SAG", "COR", "AX")

# Direction cosines are stored with 6 to 16 digits; 0.01 (0.6 degrees) joins the noise of one
# stack and keeps apart two axial blocks that follow neighbouring discs.
STACK_TOLERANCE = 0.01


class HasGeometry(Protocol):
    """A slice that can be placed: `DicomHeader` is one."""

    @property
    def file(self) -> str:
        """Path, for messages."""

    @property
    def image_position_mm(self) -> tuple[float, float, float] | None:
        """Centre of the first pixel in LPS."""

    @property
    def image_orientation(self) -> tuple[float, ...] | None:
        """Six direction cosines: along a row (growing column), then down a column."""

    @property
    def instance_number(self) -> int | None:
        """Last tie-break only."""

    @property
    def sop_instance_uid(self) -> str | None:
        """Very last tie-break."""


SliceT = TypeVar("SliceT", bound=HasGeometry)
"""Whatever the caller sorts, given back as it came."""


@dataclass(frozen=True)
class Stack(Generic[SliceT]):
    """Slices of one orientation, in order along the normal."""

    image_orientation: tuple[float, ...]
    """Direction cosines of the first slice."""
    plane: Plane
    """Nearest anatomical plane."""
    slices: tuple[SliceT, ...]
    """Ordered by growing position along `slice_normal`."""


def slice_normal(image_orientation: Sequence[float]) -> NDArray[np.float64]:
    """Unit normal (3,) in LPS: row direction x column direction.

    Raises ValueError where the six cosines do not span a plane.
    """
    cosines = np.asarray(image_orientation, dtype=np.float64)
    if cosines.shape != (6,) or not np.isfinite(cosines).all():
        raise ValueError("an orientation is six finite direction cosines")
    normal = np.cross(cosines[:3], cosines[3:])
    length = float(np.linalg.norm(normal))
    if length < 0.1:
        raise ValueError("the two directions of the orientation are (nearly) parallel")
    return np.asarray(normal / length, dtype=np.float64)


def slice_position_mm(
    image_position_mm: Sequence[float], image_orientation: Sequence[float]
) -> float:
    """Signed distance of the slice from the origin along its normal, in mm."""
    return float(np.dot(np.asarray(image_position_mm, np.float64), slice_normal(image_orientation)))


def build_affine(
    image_position_mm: Sequence[float],
    image_orientation: Sequence[float],
    spacing_mm: tuple[float, float],
) -> Affine:
    """4x4 matrix from (col, row, 0, 1) to LPS mm (PS3.3 equation C.7.6.2.1-1).

    `spacing_mm` is (between rows, between columns), the order of PixelSpacing. The third column
    is the unit normal, so that the matrix can be inverted: a point's third coordinate is then its
    distance from the slice in mm.
    """
    cosines = np.asarray(image_orientation, dtype=np.float64)
    affine = np.eye(4)
    affine[:3, 2] = slice_normal(image_orientation)
    affine[:3, 0] = cosines[:3] * spacing_mm[1]
    affine[:3, 1] = cosines[3:] * spacing_mm[0]
    affine[:3, 3] = image_position_mm
    return affine


def pixel_to_patient_mm(affine: Affine, col_px: float, row_px: float) -> tuple[float, float, float]:
    """LPS mm of a pixel position (pixel centres at whole numbers)."""
    x, y, z = (affine @ np.array([col_px, row_px, 0.0, 1.0]))[:3]
    return float(x), float(y), float(z)


def patient_to_pixel(affine: Affine, point_mm: Sequence[float]) -> tuple[float, float, float]:
    """(col, row, distance from the slice in mm along its normal) of an LPS point.

    The distance is in mm only for affines whose third column is a unit vector, as all here are.
    """
    col, row, off = np.linalg.solve(affine, np.array([*point_mm, 1.0]))[:3]
    return float(col), float(row), float(off)


def plane_of(affine: Affine) -> Plane:
    """Anatomical plane nearest to the slice, from the largest component of its normal."""
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    return _PLANE_OF_LPS_AXIS[int(np.argmax(np.abs(normal)))]


def plane_of_orientation(image_orientation: Sequence[float]) -> Plane:
    """Anatomical plane nearest to six direction cosines."""
    normal = slice_normal(image_orientation)
    return _PLANE_OF_LPS_AXIS[int(np.argmax(np.abs(normal)))]


def sort_slices(slices: Iterable[SliceT]) -> list[SliceT]:
    """Slices of one orientation by growing position along their common normal.

    The normal is that of the whole set (the first in the resulting order decides nothing).
    Raises DataError for a slice without position or orientation.
    """
    items = list(slices)
    for item in items:
        _check_geometry(item)
    if not items:
        return []
    # The reference orientation must not depend on the order of the input.
    reference = min(item.image_orientation for item in items if item.image_orientation is not None)
    return sorted(items, key=lambda item: _sort_key(item, reference))


def group_stacks(slices: Iterable[SliceT]) -> tuple[list[Stack[SliceT]], list[SliceT]]:
    """(stacks of one orientation each, slices without usable geometry).

    A series may hold several stacks (axial blocks, one per disc). Orientations are joined while
    a chain of neighbours differs by at most `STACK_TOLERANCE` in every cosine. Neither result
    depends on the order of the input: stacks are ordered by orientation, the rest by UID.
    """
    placed: dict[tuple[float, ...], list[SliceT]] = {}
    rest: list[SliceT] = []
    for item in slices:
        if _has_geometry(item):
            cosines = tuple(round(c, 4) + 0.0 for c in item.image_orientation or ())
            placed.setdefault(cosines, []).append(item)
        else:
            rest.append(item)
    stacks = []
    for family in _chains(sorted(placed)):
        ordered = sort_slices(item for cosines in family for item in placed[cosines])
        orientation = ordered[0].image_orientation or ()
        stacks.append(Stack(orientation, plane_of_orientation(orientation), tuple(ordered)))
    rest.sort(key=lambda item: (item.sop_instance_uid or "", item.file))
    return stacks, rest


def _chains(orientations: list[tuple[float, ...]]) -> list[list[tuple[float, ...]]]:
    """Single-linkage families of sorted orientations."""
    families: list[list[tuple[float, ...]]] = []
    for cosines in orientations:
        near = [family for family in families if any(_is_near(cosines, m) for m in family)]
        families = [family for family in families if family not in near]
        families.append(sorted([cosines, *(member for family in near for member in family)]))
    return sorted(families)


def _is_near(a: Sequence[float], b: Sequence[float]) -> bool:
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) <= STACK_TOLERANCE + 1e-9


def _has_geometry(item: HasGeometry) -> bool:
    if item.image_position_mm is None or item.image_orientation is None:
        return False
    try:
        slice_normal(item.image_orientation)
    except ValueError:
        return False
    return True


def _check_geometry(item: HasGeometry) -> None:
    if not _has_geometry(item):
        missing = "ImageOrientationPatient"
        if item.image_position_mm is None:
            missing = "ImagePositionPatient"
        raise DataError(
            file=item.file,
            field=missing,
            found="no usable value",
            expected="a position and an orientation, to order slices by",
        )


def _sort_key(item: HasGeometry, reference: Sequence[float]) -> tuple[float, int, str, str]:
    position = slice_position_mm(item.image_position_mm or (), reference)
    number = item.instance_number if item.instance_number is not None else 0
    # A micrometre decides nothing: below that, the tie-breaks do.
    return round(position, 3), number, item.sop_instance_uid or "", item.file
