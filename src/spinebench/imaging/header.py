"""What this project uses of a DICOM header, read so that a malformed tag is a note, not a fall."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException

# What pydicom raises on reaching for a value whose bytes do not fit its type.
_VALUE_ERRORS = (
    BytesLengthException,
    ValueError,
    TypeError,
    OverflowError,
    LookupError,
    NotImplementedError,
    OSError,
)

_AGE = re.compile(r"(\d{1,3})([YMWD])?", re.IGNORECASE)
_YEARS_PER_UNIT = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


@dataclass(frozen=True)
class DicomHeader:
    """The header fields that are used; `None` where the tag is missing, empty or malformed."""

    file: str
    """Path as given."""
    patient_id: str | None = field(repr=False)
    """PatientID, kept out of `repr` so that no log can show it."""
    study_instance_uid: str | None
    """StudyInstanceUID (in some sets not a real UID but the set's own id)."""
    series_instance_uid: str | None
    """SeriesInstanceUID."""
    sop_instance_uid: str | None
    """SOPInstanceUID."""
    instance_number: int | None
    """InstanceNumber. Never an order in space."""
    modality: str | None
    """Modality, upper case: MR, CT, DX, CR, ..."""
    series_description: str | None
    """SeriesDescription."""
    view_position: str | None
    """ViewPosition, upper case: AP, PA, LL, RL, ..."""
    body_part_examined: str | None
    """BodyPartExamined, upper case."""
    patient_sex: str | None = field(repr=False)
    """PatientSex: M, F or O."""
    patient_age_years: float | None = field(repr=False)
    """PatientAge in years ("045Y" is 45.0, "006M" is 0.5)."""
    rows: int | None
    """Rows."""
    cols: int | None
    """Columns."""
    frames: int
    """NumberOfFrames; 1 where missing or malformed."""
    spacing_mm: tuple[float, float] | None
    """(between rows, between columns), of the first frame."""
    spacing_source: str | None
    """The tag behind `spacing_mm`: PixelSpacing, or ImagerPixelSpacing (at the detector, not
    corrected for magnification)."""
    image_position_mm: tuple[float, float, float] | None
    """ImagePositionPatient of the first frame, LPS."""
    image_orientation: tuple[float, ...] | None
    """ImageOrientationPatient of the first frame, six cosines."""
    photometric_interpretation: str | None
    """PhotometricInterpretation as stored."""
    bits_stored: int | None
    """BitsStored."""
    transfer_syntax_uid: str | None
    """TransferSyntaxUID."""
    notes: tuple[str, ...] = ()
    """What was malformed or assumed, by tag; never a value of a patient."""


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Stop pydicom from warning about (and logging) malformed values: we note them by tag.

    Its messages quote the value, which may be a name or a date.
    """
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        yield


def parse_header(dataset: Dataset, file: str) -> DicomHeader:
    """Header of a dataset. Call inside `quiet_pydicom`. Raises nothing for malformed values."""
    notes: list[str] = []
    spacing, source = parse_spacing(dataset, notes)
    frame = frame_groups(dataset, 0)
    spacing_of_frame, _ = parse_spacing(frame["PixelMeasuresSequence"], notes)
    if spacing_of_frame is not None:
        spacing, source = spacing_of_frame, "PixelSpacing"
    position, orientation = parse_placement(dataset, frame, notes)
    syntax = parse_text(getattr(dataset, "file_meta", None), "TransferSyntaxUID", notes)
    return DicomHeader(
        file=file,
        patient_id=parse_text(dataset, "PatientID", notes),
        study_instance_uid=parse_text(dataset, "StudyInstanceUID", notes),
        series_instance_uid=parse_text(dataset, "SeriesInstanceUID", notes),
        sop_instance_uid=parse_text(dataset, "SOPInstanceUID", notes),
        instance_number=parse_int(dataset, "InstanceNumber", notes),
        modality=_upper(parse_text(dataset, "Modality", notes)),
        series_description=parse_text(dataset, "SeriesDescription", notes),
        view_position=_upper(parse_text(dataset, "ViewPosition", notes)),
        body_part_examined=_upper(parse_text(dataset, "BodyPartExamined", notes)),
        patient_sex=_upper(parse_text(dataset, "PatientSex", notes)),
        patient_age_years=parse_age_years(parse_text(dataset, "PatientAge", notes), notes),
        rows=parse_int(dataset, "Rows", notes),
        cols=parse_int(dataset, "Columns", notes),
        frames=_parse_frames(dataset, notes),
        spacing_mm=spacing,
        spacing_source=source,
        image_position_mm=position,
        image_orientation=orientation,
        photometric_interpretation=parse_text(dataset, "PhotometricInterpretation", notes),
        bits_stored=parse_int(dataset, "BitsStored", notes),
        transfer_syntax_uid=syntax,
        notes=tuple(notes),
    )


def parse_age_years(text: str | None, notes: list[str]) -> float | None:
    """Years from a DICOM age string (PS3.5 AS: three digits and one of Y, M, W, D)."""
    if text is None:
        return None
    match = _AGE.fullmatch(text.strip())
    if match is None:
        notes.append("PatientAge malformed")
        return None
    if match[2] is None:
        notes.append("PatientAge without a unit, read as years")
        return float(match[1])
    return int(match[1]) * _YEARS_PER_UNIT[match[2].upper()]


def parse_text(dataset: Dataset | None, keyword: str, notes: list[str]) -> str | None:
    """Text of a tag without padding; None where missing or empty; the first of several values."""
    value = read_value(dataset, keyword, notes)
    if value is None:
        return None
    if not isinstance(value, str | int | float) and isinstance(value, Sequence):
        value = value[0] if len(value) else ""
    return str(value).strip(" \0") or None


def parse_int(dataset: Dataset | None, keyword: str, notes: list[str]) -> int | None:
    """Whole number of a tag, or None (noted where it is there and malformed)."""
    numbers = parse_floats(dataset, keyword, 1, notes)
    if numbers is None:
        return None
    if not numbers[0].is_integer():
        notes.append(f"{keyword} malformed")
        return None
    return int(numbers[0])


def parse_floats(
    dataset: Dataset | None, keyword: str, at_least: int, notes: list[str]
) -> tuple[float, ...] | None:
    """Finite numbers of a tag, or None: missing, or (noted) malformed or fewer than asked for."""
    value = read_value(dataset, keyword, notes)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = value.split("\\")
    values = list(value) if isinstance(value, Sequence) else [value]
    if not values:
        return None
    try:
        numbers = tuple(float(v) for v in values)
    except (ValueError, TypeError):
        numbers = ()
    if len(numbers) < at_least or not all(math.isfinite(n) for n in numbers):
        notes.append(f"{keyword} malformed")
        return None
    return numbers


def read_value(dataset: Dataset | None, keyword: str, notes: list[str]) -> Any:
    """Value of a tag as pydicom converts it, or None (noted where it cannot be converted)."""
    if dataset is None:
        return None
    try:
        return dataset.get(keyword)
    except _VALUE_ERRORS:
        notes.append(f"{keyword} malformed")
        return None


def parse_spacing(
    dataset: Dataset | None, notes: list[str]
) -> tuple[tuple[float, float] | None, str | None]:
    """((between rows, between columns) in mm, tag), or (None, None)."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        numbers = parse_floats(dataset, keyword, 2, notes)
        if numbers is None:
            continue
        if numbers[0] > 0 and numbers[1] > 0:
            return (numbers[0], numbers[1]), keyword
        notes.append(f"{keyword} not positive")
    return None, None


def parse_placement(
    dataset: Dataset, frame: dict[str, Dataset | None], notes: list[str]
) -> tuple[tuple[float, float, float] | None, tuple[float, ...] | None]:
    """(position in LPS mm, six cosines) of a frame: its functional groups first, then the top."""
    position = parse_floats(frame["PlanePositionSequence"], "ImagePositionPatient", 3, notes)
    if position is None:
        position = parse_floats(dataset, "ImagePositionPatient", 3, notes)
    cosines = parse_floats(frame["PlaneOrientationSequence"], "ImageOrientationPatient", 6, notes)
    if cosines is None:
        cosines = parse_floats(dataset, "ImageOrientationPatient", 6, notes)
    place = None if position is None else (position[0], position[1], position[2])
    return place, None if cosines is None else cosines[:6]


FRAME_GROUPS = (
    "PixelMeasuresSequence",
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelValueTransformationSequence",
    "FrameVOILUTSequence",
)


def frame_groups(dataset: Dataset, index: int) -> dict[str, Dataset | None]:
    """The functional groups in use for one frame of an enhanced object (PS3.3 C.7.6.16).

    The frame's own item is preferred, then the shared one; None for each that is in neither.
    """
    own = _item(dataset, "PerFrameFunctionalGroupsSequence", index)
    shared = _item(dataset, "SharedFunctionalGroupsSequence", 0)
    groups: dict[str, Dataset | None] = {}
    for name in FRAME_GROUPS:
        group = _item(own, name, 0)
        groups[name] = group if group is not None else _item(shared, name, 0)
    return groups


def _item(dataset: Dataset | None, keyword: str, index: int) -> Dataset | None:
    sequence = read_value(dataset, keyword, [])
    if not isinstance(sequence, Sequence) or isinstance(sequence, str | bytes):
        return None
    item = sequence[index] if index < len(sequence) else None
    return item if isinstance(item, Dataset) else None


def _parse_frames(dataset: Dataset, notes: list[str]) -> int:
    frames = parse_int(dataset, "NumberOfFrames", notes)
    if frames is None:
        return 1
    if frames < 1:
        notes.append("NumberOfFrames malformed")
        return 1
    return frames


def _upper(text: str | None) -> str | None:
    return None if text is None else text.upper()
