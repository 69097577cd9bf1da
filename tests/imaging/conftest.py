"""Small DICOM files, written tag by tag."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

DicomWriter = Callable[..., Path]


def _build_dataset(pixels: np.ndarray, **tags: Any) -> FileDataset:
    """A data set with `pixels` (rows, cols) or (rows, cols, 3) or (frames, rows, cols)."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, "1.2.3.4"
    is_rgb = pixels.ndim == 3 and pixels.shape[-1] == 3
    if pixels.ndim == 3 and not is_rgb:
        dataset.NumberOfFrames = pixels.shape[0]
    dataset.Rows, dataset.Columns = pixels.shape[:2] if is_rgb else pixels.shape[-2:]
    dataset.SamplesPerPixel = 3 if is_rgb else 1
    dataset.PhotometricInterpretation = "RGB" if is_rgb else "MONOCHROME2"
    if is_rgb:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    for name, value in tags.items():
        if value is not None:
            setattr(dataset, name, value)
    data = np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder("<")).tobytes()
    # An explicit None means no PixelData at all.
    if "PixelData" not in tags:
        dataset.PixelData = data + b"\0" * (len(data) % 2)
    if dataset.get("PixelData"):
        dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"
    for name in (name for name, value in tags.items() if value is None and name in dataset):
        dataset.pop(name)
    return dataset


@pytest.fixture
def build_dataset() -> Callable[..., FileDataset]:
    """`build_dataset(pixels, Tag=value, ...)`."""
    return _build_dataset


@pytest.fixture
def write_dicom(tmp_path: Path) -> DicomWriter:
    """`write_dicom(pixels, Tag=value, ...)`; None removes a tag; returns the path."""

    def write(pixels: np.ndarray, name: str = "image.dcm", **tags: Any) -> Path:
        path = tmp_path / name
        _build_dataset(pixels, **tags).save_as(path)
        return path

    return write
