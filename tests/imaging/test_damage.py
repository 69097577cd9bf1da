"""Damaged bytes of every format: either pixels or a DataError that names the file, never a fall."""

import gzip
import io
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom.data
import pytest
from PIL import Image

from spinebench.errors import DataError
from spinebench.imaging.dicom import read_dicom_header
from spinebench.imaging.read import read_image
from spinebench.imaging.standard import standardise

BUNDLED = Path(pydicom.data.__file__).parent / "test_files"
NOISE = np.random.default_rng(0).integers(0, 255, (24, 20, 3), dtype=np.uint8)


def encoded(format_: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, format_)
    return buffer.getvalue()


FILES = {
    "native": (BUNDLED / "MR_small.dcm").read_bytes(),
    "rle": (BUNDLED / "SC_rgb_rle_2frame.dcm").read_bytes(),
    "deflated": (BUNDLED / "image_dfl.dcm").read_bytes(),
    "png": encoded("PNG"),
    "jpeg": encoded("JPEG"),
    "nifti": nib.Nifti1Image(NOISE.astype(np.int16), np.eye(4)).to_bytes(),
    "nifti.gz": gzip.compress(nib.Nifti1Image(NOISE.astype(np.int16), np.eye(4)).to_bytes()),
}


def is_named(path: Path, error: DataError) -> bool:
    """False, after checking that the message names the file."""
    assert str(path) in str(error)
    return False


def is_readable(path: Path) -> bool:
    """False for a DataError that names the file; anything else escapes."""
    try:
        for raster in read_image(path):
            standardise(raster)
    except DataError as error:
        return is_named(path, error)
    return True


@pytest.mark.parametrize("kind", FILES)
def test_truncated_at_any_place(tmp_path: Path, kind: str) -> None:
    raw, path = FILES[kind], tmp_path / "cut"
    path.write_bytes(raw)
    assert is_readable(path)
    # Behind the pixels of the DICOM files lie at most 142 bytes of padding, of the others 12.
    end = len(raw) - 150
    for k in range(12):
        path.write_bytes(raw[: end * k // 11])
        assert not is_readable(path)


@pytest.mark.parametrize("kind", FILES)
def test_four_bytes_changed_anywhere(tmp_path: Path, kind: str) -> None:
    raw, path = FILES[kind], tmp_path / "changed"
    rng = np.random.default_rng(len(raw))
    for k in range(40):
        # Every other time among the headers, where a byte means most.
        places = rng.integers(0, len(raw) if k % 2 else min(1500, len(raw)), 4)
        changed = np.frombuffer(raw, np.uint8).copy()
        changed[places] = rng.integers(0, 256, 4)
        path.write_bytes(changed.tobytes())
        is_readable(path)
        if kind in ("native", "rle", "deflated"):
            try:
                read_dicom_header(path)
            except DataError as error:
                is_named(path, error)
