"""A group's own folder by hand: one table over DICOM, NIfTI, PNG and JPEG."""

import gzip
import io
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image

from spinebench.engine import LocalEngine
from spinebench.sources.base import Reading
from spinebench.sources.table import TableSource
from tests.sources.folders import Files, film_bytes, mr_bytes, write_files

SAG, AXI = (0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 1, 0)
HEADER = (
    "image,patient,disease,level,side,grade,view,modality,frame,rater,age,sex,spacing,box,point"
)
ROWS = (
    "mr/a.dcm,,Spinal Canal Stenosis,L4/L5,,Severe,,,,r1,,,,,20 10",
    "mr/a.dcm,,left neural foraminal narrowing,l4_l5,left,normal/mild,,,,r1,,,,,",
    "film.dicom,P2,Spondylolysthesis,L5-S1,,2,LAT,,,,,,,10 5 30 20,",
    "ct.nii.gz,P3,Vertebral collapse,T12,,moderate,sagittal,CT,1,,45Y,female,,,",
    "ct.nii.gz,P3,Vertebral collapse,T12,,,axial,CT,2,,45Y,female,,,",
    'png/x.png,P4,No finding,,,,AP,,,,060Y,M,"0.2, 0.3",,',
    "jpg\\y.jpg,P4,Osteophyte,,R,,lateral,x-ray,0,,,,,,",
)


def table_files(rows: tuple[str, ...] = ROWS, header: str = HEADER) -> Files:
    """The whole folder; `labels.csv` is the table."""
    return {
        "labels.csv": "\n".join((header, *rows, "")),
        "mr/a.dcm": mr_bytes("77", "5", 3, position=(2.0, -50.0, 40.0), orientation=SAG),
        "film.dicom": film_bytes(0, "P1", "LL"),
        "ct.nii.gz": volume_bytes(),
        "png/x.png": picture_bytes("PNG", 40, 30),
        "jpg/y.jpg": picture_bytes("JPEG", 20, 50),
    }


def volume_bytes(shape: tuple[int, ...] = (4, 5, 6)) -> bytes:
    """A gzipped volume stored in LPS, 2 x 1 x 3 mm; voxel values count up along i, then j, k."""
    data = np.arange(np.prod(shape), dtype=np.int16).reshape(shape, order="F")
    affine = np.diag([-2.0, -1.0, 3.0, 1.0])
    return gzip.compress(nib.Nifti1Image(data, affine).to_bytes())


def picture_bytes(format_: str, rows: int, cols: int) -> bytes:
    """A grey wedge."""
    buffer = io.BytesIO()
    grey = np.add.outer(np.arange(rows), np.arange(cols)).astype(np.uint8)
    Image.fromarray(grey).save(buffer, format_)
    return buffer.getvalue()


def read_table(root: Path, files: Files, table: str = "labels.csv", **options: object) -> Reading:
    """Write the files and read them in this process."""
    source = TableSource(**options)  # type: ignore[arg-type] # columns and image_root
    return source.read(write_files(root, files) / table, LocalEngine(1))
