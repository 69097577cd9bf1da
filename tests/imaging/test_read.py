"""spinebench.imaging.read: by content, whatever the name."""

import gzip
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from spinebench.errors import DataError
from spinebench.imaging.read import detect_kind, read_image

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
