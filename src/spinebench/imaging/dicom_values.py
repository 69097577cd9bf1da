"""The DICOM attributes that map stored values to greys, read into plain types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydicom.dataset import Dataset

from spinebench.imaging.header import parse_floats, parse_int, parse_text, read_value
from spinebench.imaging.raster import ValueLut, Window

_FUNCTIONS: dict[str, Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]] = {
    "LINEAR": "LINEAR",
    "LINEAR_EXACT": "LINEAR_EXACT",
    "SIGMOID": "SIGMOID",
}


@dataclass(frozen=True)
class ValueTransform:
    """What maps the stored values of one frame to greys; the fields are those of `Raster`."""

    rescale: tuple[float, float]
    """(slope, intercept)."""
    modality_lut: ValueLut | None
    """Replaces `rescale`."""
    voi: Window | ValueLut | None
    """None where there is none, or none that is valid."""
    padding: tuple[float, float] | None
    """Stored values from..to."""
    pixel_aspect: float
    """From PixelAspectRatio: height of a pixel over its width."""


def parse_transform(
    dataset: Dataset,
    groups: dict[str, Dataset | None],
    dtype: np.dtype[Any],
    notes: list[str],
) -> ValueTransform:
    """Transform of one frame: its functional groups first, then the top of the data set.

    `dtype` is that of the decoded stored values. Malformed parts are noted and left out.
    """
    value_source = groups["PixelValueTransformationSequence"]
    voi_source = groups["FrameVOILUTSequence"]
    is_signed = dtype.kind == "i"
    return ValueTransform(
        rescale=_parse_rescale(dataset if value_source is None else value_source, notes),
        modality_lut=_parse_lut(dataset, "ModalityLUTSequence", is_signed, notes),
        voi=parse_voi(dataset if voi_source is None else voi_source, is_signed, notes),
        padding=_parse_padding(dataset, dtype, notes),
        pixel_aspect=_parse_aspect(dataset, notes),
    )


def parse_voi(dataset: Dataset, is_signed: bool, notes: list[str]) -> Window | ValueLut | None:
    """The VOI LUT if there is one, else the first window; None, noted, where it is malformed.

    PS3.3 C.11.2.1.2 wants a width of at least 1 for LINEAR and above 0 for the other functions.
    """
    lut = _parse_lut(dataset, "VOILUTSequence", is_signed, notes)
    if lut is not None:
        return lut
    center = parse_floats(dataset, "WindowCenter", 1, notes)
    width = parse_floats(dataset, "WindowWidth", 1, notes)
    if center is None or width is None:
        if center is not None or width is not None:
            notes.append("window incomplete, not used")
        return None
    name = (parse_text(dataset, "VOILUTFunction", notes) or "LINEAR").upper()
    if name not in _FUNCTIONS:
        notes.append("VOILUTFunction unknown, read as LINEAR")
    function = _FUNCTIONS.get(name, "LINEAR")
    if width[0] <= 0 or (function == "LINEAR" and width[0] < 1):
        notes.append("WindowWidth too small, window not used")
        return None
    return Window(center[0], width[0], function)


def _parse_rescale(dataset: Dataset, notes: list[str]) -> tuple[float, float]:
    slope = parse_floats(dataset, "RescaleSlope", 1, notes)
    intercept = parse_floats(dataset, "RescaleIntercept", 1, notes)
    if slope is not None and slope[0] == 0:
        notes.append("RescaleSlope is 0, read as 1")
        slope = None
    return (1.0 if slope is None else slope[0], 0.0 if intercept is None else intercept[0])


def _parse_lut(
    dataset: Dataset, keyword: str, is_signed: bool, notes: list[str]
) -> ValueLut | None:
    """First item of a LUT sequence (PS3.3 C.11.1.1.1), or None; noted where malformed."""
    sequence = read_value(dataset, keyword, notes)
    if not isinstance(sequence, Sequence) or not sequence:
        return None
    item = sequence[0]
    descriptor = parse_floats(item, "LUTDescriptor", 3, [])
    data = read_value(item, "LUTData", [])
    if descriptor is None or data is None:
        notes.append(f"{keyword} malformed, not used")
        return None
    count, first, bits = (int(number) for number in descriptor[:3])
    # 0 means 65,536 (the field has 16 bits); the first value is signed where the pixels are.
    count = count % 65536 or 65536
    if is_signed and first >= 32768:
        first -= 65536
    entries = _lut_entries(data, count, bits)
    if entries is None or not 8 <= bits <= 16:
        notes.append(f"{keyword} malformed, not used")
        return None
    return ValueLut(first, entries, bits)


def _lut_entries(data: Any, count: int, bits: int) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """LUTData as float64 (count,): US values, or OW bytes of 16-bit words, or packed bytes."""
    if isinstance(data, bytes | bytearray):
        # Words are stored little endian here; a big endian file is rare beyond measure for LUTs.
        is_packed = bits == 8 and len(data) < 2 * count
        values = np.frombuffer(bytes(data), np.uint8 if is_packed else "<u2", count=-1)
    else:
        values = np.atleast_1d(np.asarray(data))
    if values.size < count:
        return None
    return values[:count].astype(np.float64)


def _parse_padding(
    dataset: Dataset, dtype: np.dtype[Any], notes: list[str]
) -> tuple[float, float] | None:
    """Stored values from..to (PS3.3 C.7.5.1.1.2), in the range of the pixels' type.

    A value written with the wrong signedness (63536 for -2000) is wrapped.
    """
    if dtype.kind not in "iu":
        limit = parse_floats(dataset, "FloatPixelPaddingValue", 1, notes)
        return None if limit is None else (limit[0], limit[0])
    value = parse_int(dataset, "PixelPaddingValue", notes)
    if value is None:
        return None
    other = parse_int(dataset, "PixelPaddingRangeLimit", notes)
    ends = [_wrap(end, dtype) for end in (value, value if other is None else other)]
    return float(min(ends)), float(max(ends))


def _wrap(value: int, dtype: np.dtype[Any]) -> int:
    info = np.iinfo(dtype)
    return (value - int(info.min)) % (int(info.max) - int(info.min) + 1) + int(info.min)


def _parse_aspect(dataset: Dataset, notes: list[str]) -> float:
    ratio = parse_floats(dataset, "PixelAspectRatio", 2, notes)
    if ratio is None:
        return 1.0
    if ratio[0] <= 0 or ratio[1] <= 0:
        notes.append("PixelAspectRatio not positive")
        return 1.0
    return ratio[0] / ratio[1]
