"""spinebench.imaging.read: by content, whatever the name."""

import gzip
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from spinebench.errors import DataError
from spinebench.imaging.read import detect_kind, read_image, read_outline

PIXELS = np.array([[1, 2, 3], [4, 5, 600]], np.uint16)


@pytest.mark.parametrize("name", ["x.dicom", "x", "x.png"])
def test_dicom_under_any_name(write_dicom: Callable[..., Path], name: str) -> None:
    rasters = read_image(write_dicom(PIXELS, name=name))
    assert [r.pixels.tolist() for r in rasters] == [PIXELS.tolist()]


@pytest.mark.parametrize("format_", ["PNG", "JPEG"])
def test_pictures_under_a_wrong_name(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "x.dcm"
    Image.fromarray(np.full((8, 16), 70, np.uint8)).save(path, format_)
    (raster,) = read_image(path)
    np.testing.assert_array_equal(raster.pixels, np.full((8, 16), 70))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_every_slice_of_a_volume(
    tmp_path: Path, pack: Callable[[bytes], bytes], kind: Callable[..., nib.Nifti1Image]
) -> None:
    data = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    path = tmp_path / "volume"
    path.write_bytes(pack(kind(data, np.eye(4)).to_bytes()))
    assert detect_kind(path) == "nifti"
    assert [r.pixels.shape for r in read_image(path)] == [(4, 3)] * 2
    axial = read_image(path, "AX")
    assert [r.frame for r in axial] == [0, 1, 2, 3]
    # RAS storage turned to the display: voxel [1, 2, k] is top left.
    assert [int(r.pixels[0, 0]) for r in axial] == [20, 21, 22, 23]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "0 bytes"),
        (b"II*\0rest of a TIFF", "a file that begins with 49 49 2a 00"),
        (b"\x1f\x8bbroken gzip", "a file that begins with 1f 8b"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "x.dcm"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"x\.dcm: found {found}.*, expected DICOM, NIfTI, PNG"):
        read_image(path)


def test_one_frame_of_any_file(write_dicom: Callable[..., Path], tmp_path: Path) -> None:
    stack = np.arange(30, dtype=np.uint16).reshape(3, 2, 5)
    (frame,) = read_image(write_dicom(stack), frame=1)
    assert (frame.frame, frame.pixels.tolist()) == (1, stack[1].tolist())
    data = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    (tmp_path / "v.nii").write_bytes(nib.Nifti1Image(data, np.eye(4)).to_bytes())
    (slice_,) = read_image(tmp_path / "v.nii", "AX", frame=3)
    assert (slice_.frame, int(slice_.pixels[0, 0])) == (3, 23)
    Image.fromarray(np.full((8, 16), 70, np.uint8)).save(tmp_path / "x.png")
    assert read_image(tmp_path / "x.png", frame=0)[0].pixels.shape == (8, 16)
    for name, plane, beyond, last in (
        ("image.dcm", "SAG", 3, 2),
        ("v.nii", "SAG", 2, 1),
        ("x.png", "SAG", 1, 0),
    ):
        with pytest.raises(DataError, match=f"{name}: frame: found {beyond}, expected 0 to {last}"):
            read_image(tmp_path / name, plane, frame=beyond)


def test_outlines(write_dicom: Callable[..., Path], tmp_path: Path) -> None:
    dicom = read_outline(write_dicom(np.zeros((3, 2, 5), np.uint16), Modality="CT"))
    assert (dicom.kind, dicom.frames, dicom.shapes) == ("dicom", {None: 3}, {None: (2, 5)})
    assert dicom.header is not None
    assert dicom.header.modality == "CT"
    data = np.zeros((2, 3, 4), np.int16)
    (tmp_path / "v.nii").write_bytes(nib.Nifti1Image(data, np.eye(4)).to_bytes())
    volume = read_outline(tmp_path / "v.nii")
    assert volume.frames == {"SAG": 2, "COR": 3, "AX": 4}
    assert volume.shapes == {"SAG": (4, 3), "COR": (4, 2), "AX": (3, 2)}
    turned = Image.new("L", (16, 8)).getexif()
    turned[0x0112] = 6
    Image.new("L", (16, 8)).save(tmp_path / "x.jpg", exif=turned)
    picture = read_outline(tmp_path / "x.jpg")
    assert (picture.frames, picture.shapes) == ({None: 1}, {None: (16, 8)})
    assert read_image(tmp_path / "x.jpg")[0].pixels.shape == (16, 8)


def test_an_outline_needs_a_size(write_dicom: Callable[..., Path]) -> None:
    path = write_dicom(PIXELS, Rows=None)
    with pytest.raises(DataError, match=r"Rows, Columns: found no usable value"):
        read_outline(path)
