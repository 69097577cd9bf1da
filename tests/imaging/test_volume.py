"""spinebench.imaging.volume: a volume whose every voxel says where in the patient it is."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spinebench.errors import DataError, UsageError
from spinebench.imaging.geometry import Plane, pixel_to_patient_mm, plane_of
from spinebench.imaging.intensity import build_display, modality_values
from spinebench.imaging.volume import (
    extract_slice,
    read_slice,
    read_volume,
    read_volume_space,
)

# LPS extents of the test patient: 3 to the left, 4 to the back, 5 up.
SIZES = (3, 4, 5)


def anatomical() -> np.ndarray:
    """Values 100 * left + 10 * back + up, indexed [left, back, up]."""
    left, back, up = np.indices(SIZES)
    return (100 * left + 10 * back + up).astype(np.int16)


def write_nifti(path: Path, axcodes: str, spacing: tuple[float, float, float] = (1, 1, 1)) -> Path:
    """The same patient stored with other axes: `axcodes` as "LPS", "RAS", "PSR", ..."""
    lps_axis = [0 if c in "LR" else 1 if c in "AP" else 2 for c in axcodes]
    data = anatomical().transpose(lps_axis)
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for array_axis, (code, axis) in enumerate(zip(axcodes, lps_axis, strict=True)):
        sign = 1 if code in "LPS" else -1
        if sign < 0:
            data = np.flip(data, array_axis)
            affine[axis, 3] = (SIZES[axis] - 1) * spacing[axis]
        affine[axis, array_axis] = sign * spacing[axis]
    ras = np.diag([-1.0, -1, 1, 1]) @ affine
    nib.save(nib.Nifti1Image(np.ascontiguousarray(data), ras), path)
    return path


# By hand: rows x cols of each plane at left = 1, back = 2, up = 3.
SAG = [[100 + 10 * back + up for back in range(4)] for up in (4, 3, 2, 1, 0)]
COR = [[100 * left + 20 + up for left in range(3)] for up in (4, 3, 2, 1, 0)]
AX = [[100 * left + 10 * back + 3 for left in range(3)] for back in range(4)]


@pytest.mark.parametrize("axcodes", ["LPS", "RAS", "LAS", "PSR", "ASL", "SRA", "IPL"])
@pytest.mark.parametrize(
    ("plane", "position", "expected"), [("SAG", 1.0, SAG), ("COR", 2.0, COR), ("AX", 3.0, AX)]
)
def test_display_convention_whatever_the_storage(
    tmp_path: Path, axcodes: str, plane: Plane, position: float, expected: list[list[int]]
) -> None:
    volume = read_volume(write_nifti(tmp_path / "v.nii", axcodes))
    raster = extract_slice(volume, plane, position_mm=position)
    assert raster.pixels.tolist() == expected
    assert raster.affine_lps is not None
    assert plane_of(raster.affine_lps) == plane
    # The affine leads every pixel back to the place that its value names.
    for row in range(raster.rows):
        for col in range(raster.cols):
            left, back, up = pixel_to_patient_mm(raster.affine_lps, col, row)
            assert 100 * left + 10 * back + up == pytest.approx(raster.pixels[row, col])


def test_spacing_and_aspect(tmp_path: Path) -> None:
    volume = read_volume(write_nifti(tmp_path / "v.nii", "PSR", (4.0, 0.5, 2.0)))
    raster = extract_slice(volume, "SAG", position_mm=4.1)
    assert raster.pixels.tolist() == SAG
    # Rows are 2 mm apart (up), columns 0.5 mm (back).
    assert (raster.spacing_mm, raster.pixel_aspect) == ((2.0, 0.5), 4.0)


def test_index_is_the_voxel_index_of_the_file(tmp_path: Path) -> None:
    volume = read_volume(write_nifti(tmp_path / "v.nii", "RAS"))
    # Stored right to left reversed: voxel 0 along x is the leftmost (left = 2).
    assert extract_slice(volume, "SAG", index=0).pixels[4, 0] == 200
    assert (volume.slice_count("SAG"), volume.slice_count("COR"), volume.slice_count("AX")) == SIZES
    assert extract_slice(volume, "AX").frame == 2
    assert volume.nearest_index("SAG", -50.0) == 2
    assert volume.nearest_index("AX", 50.0) == 4


def test_slice_arguments(tmp_path: Path) -> None:
    volume = read_volume(write_nifti(tmp_path / "v.nii", "LPS"))
    with pytest.raises(UsageError, match=r"AX slice 5 is outside 0\.\.4"):
        extract_slice(volume, "AX", index=5)
    with pytest.raises(UsageError, match="not both"):
        extract_slice(volume, "AX", index=1, position_mm=1.0)


def test_scaling_is_kept_apart_from_the_stored_values(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.arange(8, dtype=np.int16).reshape(2, 2, 2), np.eye(4))
    image.header.set_slope_inter(2.5, -10)
    raw = bytearray(image.to_bytes())
    # nibabel writes its own scaling: put ours into the header (scl_slope at 112, scl_inter 116).
    raw[112:120] = np.array([2.5, -10], "<f4").tobytes()
    path = tmp_path / "s.nii"
    path.write_bytes(bytes(raw))
    raster = extract_slice(read_volume(path), "AX", index=1)
    assert (raster.pixels.dtype, raster.rescale) == (np.int16, (2.5, -10.0))
    # Voxels [:, :, 1] hold 1, 3, 5, 7; x and y of RAS both turn.
    assert modality_values(raster).tolist() == [[7.5, -2.5], [2.5, -7.5]]


def test_float_volume_and_gzip_under_any_name(tmp_path: Path) -> None:
    data = np.linspace(0, 1, 8, dtype=np.float32).reshape(2, 2, 2)
    path = tmp_path / "volume.bin"
    path.write_bytes(gzip.compress(nib.Nifti1Image(data, np.eye(4)).to_bytes()))
    raster = extract_slice(read_volume(path), "AX", index=0)
    assert raster.pixels.dtype == np.float32
    # Stored [0, 2/7], [4/7, 6/7], both axes turned: 2/7 of 6/7 is a third of 255.
    assert build_display(raster).pixels.tolist() == [[255, 85], [170, 0]]


def test_big_endian_and_nifti_2(tmp_path: Path) -> None:
    data = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
    big = nib.Nifti1Image(data, np.eye(4), nib.Nifti1Header(endianness=">"))
    (tmp_path / "big.nii").write_bytes(big.to_bytes())
    (tmp_path / "two.nii").write_bytes(nib.Nifti2Image(data, np.eye(4)).to_bytes())
    for name in ("big.nii", "two.nii"):
        volume = read_volume(tmp_path / name)
        np.testing.assert_array_equal(volume.stored, data)
        assert volume.stored.dtype.isnative


def test_of_four_dimensions_the_first_volume(tmp_path: Path) -> None:
    data = np.stack([np.full((2, 3, 4), 7), np.full((2, 3, 4), 9)], axis=-1).astype(np.int16)
    nib.save(nib.Nifti1Image(data, np.eye(4)), tmp_path / "4d.nii")
    volume = read_volume(tmp_path / "4d.nii")
    assert (volume.stored.shape, set(volume.stored.ravel().tolist())) == ((2, 3, 4), {7})
    assert volume.notes == ("2 volumes in one file: the first is used",)


def test_two_dimensions_are_one_slice(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.ones((3, 4), np.int16), np.eye(4)), tmp_path / "2d.nii")
    assert extract_slice(read_volume(tmp_path / "2d.nii"), "AX").pixels.shape == (4, 3)


def test_units_become_millimetres(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.ones((2, 2, 2), np.int16), np.diag([500.0, 500, 500, 1]))
    image.header.set_xyzt_units("micron")
    nib.save(image, tmp_path / "u.nii")
    assert extract_slice(read_volume(tmp_path / "u.nii"), "AX").spacing_mm == (0.5, 0.5)


def test_without_an_orientation_there_is_a_note(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.ones((2, 2, 2), np.int16), None)
    nib.save(image, tmp_path / "n.nii")
    assert read_volume(tmp_path / "n.nii").notes == (
        "neither sform nor qform is set: orientation is a guess",
    )


def nifti_bytes(data: np.ndarray) -> bytes:
    return bytes(nib.Nifti1Image(data, np.eye(4)).to_bytes())


def without_x_axis() -> bytes:
    """A volume whose first row of the sform (srow_x, byte 280) is all zero."""
    raw = bytearray(nifti_bytes(np.ones((2, 2, 2), np.int16)))
    raw[280:296] = bytes(16)
    return bytes(raw)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found 0 bytes"),
        (b"not a volume" * 50, "found damaged or foreign bytes"),
        (nifti_bytes(np.ones((9, 9, 9), np.int16))[:-100], "found damaged or foreign bytes"),
        (gzip.compress(nifti_bytes(np.ones((9, 9, 9))))[:-10], "found damaged or foreign bytes"),
        (nifti_bytes(np.ones((2, 2, 2), np.complex64)), "datatype: found complex64"),
        (nifti_bytes(np.ones((2, 2, 2, 1, 2), np.int16)), "dim: found"),
        (without_x_axis(), "affine: found"),
    ],
)
def test_malformed_volumes(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.nii"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"bad\.nii: {message}"):
        read_volume(path)


def test_missing_volume(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_volume(tmp_path / "none.nii")


@pytest.mark.parametrize("axcodes", ["LPS", "RAS", "PSR", "SRA", "IPL"])
@pytest.mark.parametrize("plane", ["SAG", "COR", "AX"])
@pytest.mark.parametrize("suffix", ["nii", "nii.gz"])
def test_one_slice_read_alone_is_the_same(
    tmp_path: Path, axcodes: str, plane: Plane, suffix: str
) -> None:
    path = write_nifti(tmp_path / f"v.{suffix}", axcodes, (4.0, 0.5, 2.0))
    volume, space = read_volume(path), read_volume_space(path)
    assert (space.shape, space.rescale) == (volume.stored.shape, volume.rescale)
    for index in range(space.slice_count(plane)):
        alone, expected = read_slice(path, plane, index), extract_slice(volume, plane, index=index)
        np.testing.assert_array_equal(alone.pixels, expected.pixels)
        np.testing.assert_array_equal(alone.affine_lps, expected.affine_lps)
        assert alone.pixels.shape == space.slice_shape(plane)
        assert (alone.spacing_mm, alone.frame) == (expected.spacing_mm, index)


def test_one_slice_of_a_damaged_or_foreign_volume(tmp_path: Path) -> None:
    raw = gzip.compress(nifti_bytes(np.ones((9, 9, 9), np.int16)))
    path = tmp_path / "v.nii.gz"
    path.write_bytes(raw[:-6] + bytes([raw[-6] ^ 1]) + raw[-5:])  # the checksum
    for plane in ("SAG", "AX"):
        with pytest.raises(DataError, match=r"v\.nii\.gz: found damaged or foreign bytes"):
            read_slice(path, plane, 0)
    path.write_bytes(raw)
    with pytest.raises(UsageError, match=r"AX slice 9 is outside 0\.\.8"):
        read_slice(path, "AX", 9)


def test_one_slice_of_a_big_endian_volume(tmp_path: Path) -> None:
    data = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
    big = nib.Nifti1Image(data, np.eye(4), nib.Nifti1Header(endianness=">"))
    (tmp_path / "big.nii").write_bytes(big.to_bytes())
    # voxels [:, :, 1], both axes turned
    assert read_slice(tmp_path / "big.nii", "AX", 1).pixels.tolist() == [[7, 3], [5, 1]]
