"""One image to its standard picture: the frame that is meant, and what only the source knows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from spinebench.benchmark.pictures import Picture, PictureJob, Unreadable, read_picture
from spinebench.records import Image
from spinebench.sources.base import ImageRef
from tests.sources.folders import write_files
from tests.sources.table_folder import picture_bytes, table_files, volume_bytes

REF = ImageRef(
    image_id="table:x",
    source="table",
    path="ct.nii.gz",
    patient_id="table:P",
    study_id="S",
    series_id="",
    modality="CT",
    view="AX",
    sequence=None,
    instance_number=None,
    official_split=None,
    frame=2,
)


def image_of(root: Path, ref: ImageRef) -> tuple[Image, np.ndarray]:
    result = read_picture(PictureJob(root, ref, root / "out"))
    assert isinstance(result, Picture)
    return result.image, np.asarray(PilImage.open(root / "out" / result.image.path))


def test_a_slice_of_a_volume(tmp_path: Path) -> None:
    write_files(tmp_path, {"ct.nii.gz": volume_bytes((4, 5, 6))})
    image, rgb = image_of(tmp_path, REF)
    assert (image.frame, image.view, image.rows, image.cols) == (2, "AX", 5, 4)
    assert (image.spacing_row_mm, image.spacing_col_mm) == (1.0, 2.0)
    # stored up by 3 mm from the origin, which is the first slice
    assert image.slice_position_mm == 6.0
    # pixels are made square: columns lie twice as far apart as rows
    assert rgb.shape == (5, 8, 3)
    assert (rgb[0, 0, 0], rgb[-1, -1, 0]) == (0, 255)
    sagittal, _ = image_of(tmp_path, replace(REF, view="SAG", frame=3))
    assert (sagittal.frame, sagittal.rows, sagittal.cols) == (3, 6, 5)


def test_age_sex_and_spacing_of_the_source_where_no_header_has_them(tmp_path: Path) -> None:
    write_files(tmp_path, table_files() | {"a.png": picture_bytes("PNG", 10, 20)})
    stated = {"age_years": 50.0, "sex": "F", "spacing_mm": (0.4, 0.2)}
    picture = replace(REF, path="a.png", frame=None, view="AP", modality="XR", **stated)
    image, rgb = image_of(tmp_path, picture)
    assert (image.age_years, image.sex) == (50.0, "F")
    assert (image.spacing_row_mm, image.spacing_col_mm, rgb.shape) == (0.4, 0.2, (20, 20, 3))
    # what a header says of its pixels stands
    dicom = replace(picture, path="mr/a.dcm")
    image, _ = image_of(tmp_path, dicom)
    assert (image.spacing_row_mm, image.spacing_col_mm) == (0.6, 0.5)
    assert (image.age_years, image.sex) == (50.0, "F")


@pytest.mark.parametrize(
    ("frame", "reason", "detail"),
    [
        (None, "several_frames", "6 frames"),
        (6, "unreadable_pixels", "frame: found 6, expected 0 to 5"),
    ],
)
def test_frames_that_cannot_be_meant(
    tmp_path: Path, frame: int | None, reason: str, detail: str
) -> None:
    write_files(tmp_path, {"ct.nii.gz": volume_bytes((4, 5, 6))})
    result = read_picture(PictureJob(tmp_path, replace(REF, frame=frame), tmp_path / "out"))
    assert result == Unreadable("table:x", reason, detail)
