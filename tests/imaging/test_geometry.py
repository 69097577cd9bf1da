"""spinebench.imaging.geometry with positions worked out by hand."""

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
import pytest

from spinebench.errors import DataError
from spinebench.imaging.geometry import (
    build_affine,
    group_stacks,
    patient_to_pixel,
    pixel_to_patient_mm,
    plane_of,
    plane_of_orientation,
    slice_normal,
    slice_position_mm,
    sort_slices,
)

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


@dataclass(frozen=True)
class Slice:
    file: str
    image_position_mm: tuple[float, float, float] | None
    image_orientation: tuple[float, ...] | None = AXIAL
    instance_number: int | None = None
    sop_instance_uid: str | None = None


def tilted(degrees: float) -> tuple[float, ...]:
    """Axial, the front tipped down."""
    return (1.0, 0.0, 0.0, 0.0, cos(radians(degrees)), sin(radians(degrees)))


def test_affine_puts_rows_and_columns_where_they_belong() -> None:
    affine = build_affine((10.0, 20.0, 30.0), SAGITTAL, (2.0, 0.5))
    # A column further is 0.5 mm to the back, a row further 2 mm down.
    assert pixel_to_patient_mm(affine, 0, 0) == (10.0, 20.0, 30.0)
    assert pixel_to_patient_mm(affine, 4, 3) == (10.0, 22.0, 24.0)
    assert patient_to_pixel(affine, (10.0, 22.0, 24.0)) == pytest.approx((4.0, 3.0, 0.0))
    # The normal of (back) x (down) is to the right: -x. 5 mm to the left is -5 off the slice.
    assert slice_normal(SAGITTAL).tolist() == [-1.0, 0.0, 0.0]
    assert patient_to_pixel(affine, (15.0, 22.0, 24.0))[2] == pytest.approx(-5.0)


@pytest.mark.parametrize(
    ("orientation", "plane"),
    [
        (AXIAL, "AX"),
        (SAGITTAL, "SAG"),
        (CORONAL, "COR"),
        (tilted(40), "AX"),
        (tilted(50), "COR"),
        ((0.0, -1.0, 0.0, 0.0, 0.0, 1.0), "SAG"),
    ],
)
def test_planes(orientation: tuple[float, ...], plane: str) -> None:
    assert plane_of(build_affine((0, 0, 0), orientation, (1, 3))) == plane
    assert plane_of_orientation(orientation) == plane


def test_position_along_the_normal() -> None:
    assert slice_position_mm((7, 8, 9), AXIAL) == 9.0
    # The normal of a 30 degree tilt is (0, -0.5, cos 30).
    assert slice_position_mm((7, 8, 9), tilted(30)) == pytest.approx(9 * cos(radians(30)) - 4)


@pytest.mark.parametrize(
    "orientation", [(1, 0, 0, 1, 0, 0), (0, 0, 0, 0, 0, 0), (1, 0, 0), (1, 0, 0, 0, np.nan, 0)]
)
def test_orientations_without_a_plane(orientation: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="orientation"):
        slice_normal(orientation)


def test_slices_are_sorted_by_position_whatever_their_names_and_numbers() -> None:
    slices = [
        Slice("1.dcm", (0, 0, 5.0), instance_number=1),
        Slice("2.dcm", (0, 0, -5.0), instance_number=2),
        Slice("3.dcm", (0, 0, 0.0), instance_number=3),
    ]
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        assert [s.file for s in sort_slices(slices[k] for k in order)] == [
            "2.dcm",
            "3.dcm",
            "1.dcm",
        ]
    assert sort_slices([]) == []


def test_slices_at_one_place_go_by_instance_number() -> None:
    same = [Slice("b", (0, 0, 1), instance_number=2), Slice("a", (0, 0, 1), instance_number=10)]
    assert [s.file for s in sort_slices(reversed(same))] == ["b", "a"]


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (Slice("x.dcm", None), "ImagePositionPatient"),
        (Slice("x.dcm", (0, 0, 0), None), "ImageOrientationPatient"),
        (Slice("x.dcm", (0, 0, 0), (1, 0, 0, 1, 0, 0)), "ImageOrientationPatient"),
    ],
)
def test_sorting_refuses_slices_without_geometry(broken: Slice, field: str) -> None:
    with pytest.raises(DataError, match=rf"x\.dcm: {field}"):
        sort_slices([Slice("y.dcm", (0, 0, 0)), broken])


def test_axial_blocks_of_one_series_become_stacks() -> None:
    flat = [Slice(f"flat{k}", (0, 0, 4.0 * k), AXIAL) for k in range(3)]
    # The noise that scanners write: a hundred-thousandth.
    noisy = Slice("noisy", (0, 0, 6.0), (0.99999, 0.00001, 0.0, 0.0, 0.99999, 0.00002))
    steep = [Slice(f"steep{k}", (0, 0, 100 + 4.0 * k), tilted(20)) for k in range(2)]
    lost = Slice("lost", None)
    slices = [steep[1], lost, flat[2], noisy, flat[0], steep[0], flat[1]]
    stacks, rest = group_stacks(slices)
    assert [[s.file for s in stack.slices] for stack in stacks] == [
        ["steep0", "steep1"],
        ["flat0", "flat1", "noisy", "flat2"],
    ]
    assert [stack.plane for stack in stacks] == ["AX", "AX"]
    assert rest == [lost]
    again, _ = group_stacks(reversed(slices))
    assert again == stacks


def test_orientations_are_joined_along_a_chain() -> None:
    # 0.0, 0.4 and 0.8 degrees: neighbours within 0.01, the ends 0.014 apart.
    slices = [Slice(f"{k}", (0, 0, k), tilted(0.4 * k)) for k in (0, 2, 1)]
    stacks, _ = group_stacks(slices)
    assert [[s.file for s in stack.slices] for stack in stacks] == [["0", "1", "2"]]
    apart, _ = group_stacks(slices[:2])
    assert len(apart) == 2
