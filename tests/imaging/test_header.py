"""spinebench.imaging.header: what is read, and what a malformed tag becomes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spinebench.imaging.dicom import read_dicom_header
from spinebench.imaging.header import DicomHeader, parse_age_years

DicomWriter = Callable[..., Path]
PIXELS = np.zeros((2, 3), np.uint16)


@pytest.mark.filterwarnings("ignore:Invalid value")  # lower case, on purpose
def test_a_full_header(write_dicom: DicomWriter) -> None:
    path = write_dicom(
        PIXELS,
        PatientID="4003253",
        StudyInstanceUID="1.2.1",
        SeriesInstanceUID="1.2.2",
        InstanceNumber=8,
        Modality="mr",
        SeriesDescription="T2",
        ViewPosition="ap",
        BodyPartExamined="Lspine",
        PatientSex="F",
        PatientAge="045Y",
        PixelSpacing=[0.6, 0.5],
        ImagePositionPatient=[1.5, -2, 3],
        ImageOrientationPatient=[0, 1, 0, 0, 0, -1],
    )
    assert read_dicom_header(path) == DicomHeader(
        file=str(path),
        patient_id="4003253",
        study_instance_uid="1.2.1",
        series_instance_uid="1.2.2",
        sop_instance_uid="1.2.3.4",
        instance_number=8,
        modality="MR",
        series_description="T2",
        view_position="AP",
        body_part_examined="LSPINE",
        patient_sex="F",
        patient_age_years=45.0,
        rows=2,
        cols=3,
        frames=1,
        spacing_mm=(0.6, 0.5),
        spacing_source="PixelSpacing",
        image_position_mm=(1.5, -2.0, 3.0),
        image_orientation=(0.0, 1.0, 0.0, 0.0, 0.0, -1.0),
        photometric_interpretation="MONOCHROME2",
        bits_stored=16,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        notes=(),
    )


def test_missing_tags_are_none_without_a_note(write_dicom: DicomWriter) -> None:
    header = read_dicom_header(write_dicom(PIXELS, PatientID="", PatientAge=""))
    assert (header.patient_id, header.patient_age_years, header.modality) == (None, None, None)
    assert (header.spacing_mm, header.spacing_source) == (None, None)
    assert (header.image_position_mm, header.image_orientation) == (None, None)
    assert header.notes == ()


@pytest.mark.parametrize(
    ("text", "years", "notes"),
    [
        ("045Y", 45.0, []),
        ("006M", 0.5, []),
        ("052W", 52 * 7 / 365.25, []),
        ("100D", 100 / 365.25, []),
        ("000Y", 0.0, []),
        ("45", 45.0, ["PatientAge without a unit, read as years"]),
        ("forty", None, ["PatientAge malformed"]),
        ("-05Y", None, ["PatientAge malformed"]),
        (None, None, []),
    ],
)
def test_ages(text: str | None, years: float | None, notes: list[str]) -> None:
    found: list[str] = []
    assert parse_age_years(text, found) == (None if years is None else pytest.approx(years))
    assert found == notes


def test_detector_spacing_is_told_apart(write_dicom: DicomWriter) -> None:
    header = read_dicom_header(write_dicom(PIXELS, ImagerPixelSpacing=[0.14, 0.14]))
    assert (header.spacing_mm, header.spacing_source) == ((0.14, 0.14), "ImagerPixelSpacing")
    both = write_dicom(PIXELS, PixelSpacing=[0.1, 0.1], ImagerPixelSpacing=[0.14, 0.14])
    assert read_dicom_header(both).spacing_source == "PixelSpacing"


@pytest.mark.parametrize(
    ("original", "broken", "field", "note"),
    [
        (b"DS\x04\x00-1\\0", b"DS\x04\x00-1\\x", "image_position_mm", "ImagePositionPatient"),
        (b"DS\x06\x000.5\\1 ", b"DS\x06\x000.5;1 ", "spacing_mm", "PixelSpacing"),
        (b"IS\x02\x0078", b"IS\x02\x007x", "instance_number", "InstanceNumber"),
        (b"IS\x02\x0078", b"IS\x02\x00.5", "instance_number", "InstanceNumber"),
    ],
)
def test_malformed_tags_are_none_and_noted(
    write_dicom: DicomWriter, original: bytes, broken: bytes, field: str, note: str
) -> None:
    if field == "image_position_mm":
        # Two numbers where three are due.
        path = write_dicom(PIXELS, ImagePositionPatient=["-1", "0"], InstanceNumber=78)
    else:
        path = write_dicom(PIXELS, InstanceNumber=78, PixelSpacing=["0.5", "1"])
    raw = path.read_bytes()
    assert raw.count(original) == 1
    path.write_bytes(raw.replace(original, broken))
    header = read_dicom_header(path)
    assert getattr(header, field) is None
    assert header.notes == (f"{note} malformed",)


def test_spacing_of_zero_is_refused(write_dicom: DicomWriter) -> None:
    header = read_dicom_header(write_dicom(PIXELS, PixelSpacing=[0, 0.5]))
    assert header.spacing_mm is None
    assert header.notes == ("PixelSpacing not positive",)


def test_reading_the_header_leaves_the_pixels_alone(write_dicom: DicomWriter) -> None:
    path = write_dicom(PIXELS)
    path.write_bytes(path.read_bytes()[:-6])
    assert read_dicom_header(path).rows == 2
