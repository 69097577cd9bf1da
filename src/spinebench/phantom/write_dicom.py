"""Phantom pictures as DICOM files with the tags of the sets they imitate, uncompressed.

The same picture gives the same bytes: no date, no clock, no random identifier.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
DIGITAL_XRAY_STORAGE = "1.2.840.10008.5.1.4.1.1.1.1"


def write_dicom(
    path: Path,
    pixels: npt.NDArray[np.uint16],
    tags: dict[str, Any],
    *,
    sop_class: str,
    bits_stored: int,
    photometric: str = "MONOCHROME2",
) -> None:
    """Write one grey image, Explicit VR Little Endian; `tags` by keyword, None left out."""
    dataset = Dataset()
    dataset.SOPClassUID = UID(sop_class)
    with disable_value_validation():  # VinDr's identifiers are no UIDs, and ours imitate them
        for keyword, value in tags.items():
            if value is not None:
                setattr(dataset, keyword, value)
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = photometric
        dataset.BitsAllocated, dataset.BitsStored = 16, bits_stored
        dataset.HighBit, dataset.PixelRepresentation = bits_stored - 1, 0
        dataset.PixelData = np.ascontiguousarray(pixels, dtype="<u2").tobytes()
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = UID(sop_class)
        meta.MediaStorageSOPInstanceUID = tags["SOPInstanceUID"]
        dataset.file_meta = meta
        path.parent.mkdir(parents=True, exist_ok=True)
        dcmwrite(path, dataset, enforce_file_format=True)


def decimal_strings(values: npt.ArrayLike) -> list[float]:
    """Numbers rounded to six decimals: they fit the 16 characters of a DICOM DS."""
    return [round(float(value), 6) + 0.0 for value in np.ravel(values)]
