"""DICOM files to rasters: every transfer syntax that pydicom, GDCM and Pillow decode.

12-bit JPEG Extended (1.2.840.10008.1.2.4.51) needs imagecodecs (BSD), the extra `codecs`; the
pydicom plug-in that could do it is GPL and not used. Values are read as stored; what maps them to
greys (PS3.3 C.7.6.3, C.11) travels along in the `Raster`.
"""

from __future__ import annotations

import importlib
import itertools
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGExtended12Bit,
)

from spinebench.errors import DataError
from spinebench.imaging.dicom_values import ValueTransform, parse_transform
from spinebench.imaging.geometry import build_affine
from spinebench.imaging.header import (
    DicomHeader,
    frame_groups,
    parse_header,
    parse_int,
    parse_placement,
    parse_spacing,
    parse_text,
    quiet_pydicom,
    read_value,
)
from spinebench.imaging.limits import check_encoded, check_inflated
from spinebench.imaging.raster import (
    Pixels,
    Raster,
    check_decoded_bytes,
    check_frame,
    check_pixel_count,
    file_errors,
)

__all__ = ["DicomHeader", "read_dicom", "read_dicom_header"]

_NATIVE = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
_PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

# What pydicom's parser raises on damaged bytes; none of it is a fault of the caller.
_PARSE_ERRORS = (
    InvalidDicomError,
    BytesLengthException,
    EOFError,
    struct.error,
    zlib.error,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    MemoryError,
    OSError,
)
_DECODE_ERRORS = (*_PARSE_ERRORS, RuntimeError, IndexError, SyntaxError, StopIteration)


def read_dicom_header(path: str | Path) -> DicomHeader:
    """The header, without reading the pixels. Raises DataError for what is not DICOM."""
    file = str(path)
    with quiet_pydicom():
        return parse_header(_read_dataset(file, stop_before_pixels=True), file)


def read_dicom(path: str | Path, frame: int | None = None) -> list[Raster]:
    """All frames of a DICOM file in stored order, or only one, counted from 0; never [].

    Raises DataError, also for frames that take more than `raster.MAX_BYTES` together. Grey frames
    carry their stored values with unused high bits cleared; RGB, YBR and PALETTE COLOR frames are
    uint8 RGB. Overlays are not drawn.
    """
    file = str(path)
    with quiet_pydicom():
        dataset = _read_dataset(file, stop_before_pixels=False)
        header = parse_header(dataset, file)
        notes = list(header.notes)
        keyword = _find_pixels(dataset, file)
        syntax = _complete_description(dataset, keyword, file, notes)
        if syntax in _NATIVE:
            _check_length(dataset, keyword, header, file, notes)
        count = parse_int(dataset, "NumberOfFrames", []) or 1
        check_frame(file, frame, count)
        bits = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated
        check_decoded_bytes(file, bits * (count if frame is None else 1) // 8)
        rasters = [
            _build_raster(dataset, header, index, pixels, photometric, tuple(notes))
            for index, (pixels, photometric) in enumerate(
                _decode(dataset, syntax, frame, file), start=frame or 0
            )
        ]
    if not rasters:
        raise _undecodable(file, "no frames", "at least one frame")
    return rasters


def _read_dataset(file: str, *, stop_before_pixels: bool) -> FileDataset:
    with file_errors(file):
        with Path(file).open("rb") as handle:
            start = handle.read(132)
        if not start:
            raise DataError(file=file, found="0 bytes", expected="a DICOM file")
        has_preamble = start[128:132] == b"DICM"
        if not has_preamble and not is_bare_dicom(start):
            raise DataError(file=file, found="bytes that are not DICOM", expected="a DICOM file")
        try:
            check_inflated(Path(file), file)
            dataset = dcmread(file, stop_before_pixels=stop_before_pixels, force=not has_preamble)
        except (PermissionError, FileNotFoundError, IsADirectoryError):
            raise
        except _PARSE_ERRORS as error:
            raise _undecodable(file, f"damaged bytes ({type(error).__name__})", "DICOM") from error
    if not len(dataset):
        # pydicom drops what it has read so far when the pixels lack their end.
        raise DataError(
            file=file, found="an empty or cut-off data set", expected="a complete DICOM file"
        )
    return dataset


def is_bare_dicom(start: bytes) -> bool:
    """Whether bytes look like a DICOM data set without preamble: group 0002 or 0008 comes first.

    Only little endian, the default; an explicit VR, or an implicit length below 64 KB.
    """
    if len(start) < 8 or start[:2] not in (b"\x02\x00", b"\x08\x00") or start[3] != 0:
        return False
    is_explicit = start[4:6].isalpha() and start[4:6].isupper()
    return is_explicit or start[6:8] == b"\x00\x00"


def _find_pixels(dataset: Dataset, file: str) -> str:
    for keyword in _PIXEL_KEYWORDS:
        if keyword in dataset:
            value = read_value(dataset, keyword, [])
            if not isinstance(value, bytes) or not value:
                raise DataError(file=file, field=keyword, found="0 bytes", expected="pixel data")
            return keyword
    raise DataError(
        file=file,
        field="PixelData",
        found="no such element (not an image, or cut off before it)",
        expected="pixel data",
    )


def _complete_description(dataset: FileDataset, keyword: str, file: str, notes: list[str]) -> UID:
    """Fill in what a decoder cannot do without, noting each; returns the transfer syntax."""
    for name in ("Rows", "Columns"):
        if not (parse_int(dataset, name, []) or 0) > 0:
            raise DataError(
                file=file, field=name, found="no usable value", expected="a positive number"
            )
    check_pixel_count(file, dataset.Rows, dataset.Columns)
    if keyword != "PixelData":
        bits = 32 if keyword == "FloatPixelData" else 64
        _set_default(dataset, "BitsAllocated", bits, notes)
    elif parse_int(dataset, "BitsAllocated", []) is None:
        raise DataError(
            file=file, field="BitsAllocated", found="no usable value", expected="1, 8, 16 or 32"
        )
    samples = 3 if parse_text(dataset, "PhotometricInterpretation", []) in _COLOUR else 1
    _set_default(dataset, "SamplesPerPixel", samples, notes)
    _set_default(dataset, "BitsStored", dataset.BitsAllocated, notes)
    _set_default(dataset, "PixelRepresentation", 0, notes)
    if dataset.SamplesPerPixel > 1:
        _set_default(dataset, "PlanarConfiguration", 0, notes)
    if parse_text(dataset, "PhotometricInterpretation", []) is None:
        assumed = "RGB" if dataset.SamplesPerPixel == 3 else "MONOCHROME2"
        dataset.add_new("PhotometricInterpretation", "CS", assumed)
        notes.append(f"PhotometricInterpretation missing, read as {assumed}")
    return _complete_syntax(dataset, notes)


_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420")


def _set_default(dataset: Dataset, keyword: str, value: int, notes: list[str]) -> None:
    number = parse_int(dataset, keyword, [])
    if keyword == "BitsStored" and number is not None and not 1 <= number <= dataset.BitsAllocated:
        number = None
    if number is None:
        # Not setattr: that would first convert the malformed value, and fail.
        dataset.add_new(keyword, "US", value)
        notes.append(f"{keyword} missing or malformed, read as {value}")


def _complete_syntax(dataset: FileDataset, notes: list[str]) -> UID:
    meta = getattr(dataset, "file_meta", None)
    syntax = parse_text(meta, "TransferSyntaxUID", [])
    if syntax:
        return UID(syntax)
    is_implicit, is_little = dataset.original_encoding
    guess = ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
    if is_implicit:
        guess = ImplicitVRLittleEndian
    dataset.file_meta = FileMetaDataset() if meta is None else meta
    dataset.file_meta.add_new("TransferSyntaxUID", "UI", guess)
    notes.append("TransferSyntaxUID missing, read as uncompressed")
    return UID(guess)


def _check_length(
    dataset: Dataset, keyword: str, header: DicomHeader, file: str, notes: list[str]
) -> None:
    """Raise DataError where uncompressed pixels are cut off; repair a malformed frame count."""
    found = len(dataset[keyword].value)
    samples = int(dataset.SamplesPerPixel)
    if parse_text(dataset, "PhotometricInterpretation", []) == "YBR_FULL_422":
        samples = 2
    frame_bits = int(dataset.Rows) * int(dataset.Columns) * samples * int(dataset.BitsAllocated)
    frames = header.frames
    if "NumberOfFrames malformed" in header.notes:
        frames = max(1, found * 8 // frame_bits)
        notes.append(f"{frames} frames, from the length of the pixel data")
    dataset.add_new("NumberOfFrames", "IS", frames)
    expected = (frame_bits * frames + 7) // 8
    if found < expected:
        raise DataError(
            file=file, field=keyword, found=f"{found} bytes", expected=f"{expected} bytes"
        )


def _decode(
    dataset: FileDataset, syntax: UID, frame: int | None, file: str
) -> Iterator[tuple[Pixels, str]]:
    """(pixels of a frame, photometric interpretation after decoding) in stored order."""
    if syntax == JPEGExtended12Bit and int(dataset.BitsStored) > 8:
        end = None if frame is None else frame + 1
        yield from itertools.islice(_decode_jpeg12(dataset, file), frame, end)
        return
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise _undecodable(file, f"transfer syntax {syntax}", "an image encoding") from error
    has_all_bits = dataset.BitsStored == dataset.BitsAllocated
    shift = _left_justified(dataset, syntax)
    options: dict[str, Any] = {}
    if has_all_bits:
        options["view_only"] = True
    elif shift:
        options["correct_unused_bits"] = False
    try:
        if syntax not in _NATIVE:
            check_encoded(dataset, syntax, file)
        # Not iter_array: pydicom 3.0 fails there on a JPEG 2000 whose sign is declared wrongly.
        array, properties = decoder.as_array(dataset, index=frame, raw=False, **options)
    except _DECODE_ERRORS as error:
        raise _undecodable(
            file, f"pixels that do not decode ({type(error).__name__})", f"{syntax.name}"
        ) from error
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if shift:
        array = array >> shift
    is_stack = frame is None and (parse_int(dataset, "NumberOfFrames", []) or 1) > 1
    for pixels in array if is_stack else [array]:
        yield pixels, str(properties["photometric_interpretation"])


def _left_justified(dataset: Dataset, syntax: UID) -> int:
    """Bits below the value in files that store it in the upper bits (HighBit past the usual)."""
    high_bit = parse_int(dataset, "HighBit", [])
    if syntax not in _NATIVE or high_bit is None or high_bit >= int(dataset.BitsAllocated):
        return 0
    # Sign or overlay bits above the value are the usual case, and pydicom's to clear.
    if high_bit != int(dataset.BitsAllocated) - 1:
        return 0
    return high_bit + 1 - int(dataset.BitsStored)


def _decode_jpeg12(dataset: Dataset, file: str) -> Iterator[tuple[Pixels, str]]:
    try:
        imagecodecs = importlib.import_module("imagecodecs")
    except ImportError as error:
        raise DataError(
            file=file,
            field="TransferSyntaxUID",
            found="12-bit JPEG Extended",
            expected="imagecodecs to decode it: pip install 'spinebench[codecs]'",
        ) from error
    shape = (int(dataset.Rows), int(dataset.Columns))
    frames = parse_int(dataset, "NumberOfFrames", []) or 1
    try:
        check_encoded(dataset, JPEGExtended12Bit, file)
        for encoded in generate_frames(dataset.PixelData, number_of_frames=frames):
            pixels: NDArray[Any] = imagecodecs.jpeg_decode(encoded)
            if pixels.shape != shape:
                raise _undecodable(
                    file, f"a JPEG of shape {pixels.shape}", f"one grey channel of shape {shape}"
                )
            yield pixels, str(dataset.PhotometricInterpretation)
    # imagecodecs' own error is a RuntimeError.
    except _DECODE_ERRORS as error:
        raise _undecodable(
            file, f"pixels that do not decode ({type(error).__name__})", "JPEG Extended"
        ) from error


def _build_raster(
    dataset: Dataset,
    header: DicomHeader,
    index: int,
    pixels: Pixels,
    photometric: str,
    notes: tuple[str, ...],
) -> Raster:
    own_notes: list[str] = []
    groups = frame_groups(dataset, index)
    transform = parse_transform(dataset, groups, pixels.dtype, own_notes)
    if photometric == "PALETTE COLOR":
        pixels = _apply_palette(dataset, pixels, header.file, own_notes)
    elif pixels.ndim == 3:
        pixels = _to_rgb8(pixels, int(dataset.BitsStored))
    else:
        pixels = np.asarray(pixels)
    spacing, _ = parse_spacing(groups["PixelMeasuresSequence"], [])
    spacing = spacing or header.spacing_mm
    is_grey = pixels.ndim == 2
    return Raster(
        file=header.file,
        pixels=pixels,
        frame=index,
        display_ready=not is_grey or _is_display8(pixels, dataset, transform),
        inverted=is_grey and photometric == "MONOCHROME1",
        rescale=transform.rescale,
        modality_lut=transform.modality_lut,
        voi=transform.voi,
        padding=transform.padding if is_grey else None,
        spacing_mm=spacing,
        pixel_aspect=spacing[0] / spacing[1] if spacing else transform.pixel_aspect,
        affine_lps=_frame_affine(dataset, groups, index, spacing),
        header=header,
        source_notes=(*notes, *own_notes),
    )


def _is_display8(pixels: Pixels, dataset: Dataset, transform: ValueTransform) -> bool:
    """8-bit grey without any transform: already what is to be shown."""
    is_plain = transform.voi is None and transform.modality_lut is None
    is_byte = pixels.dtype == np.uint8 and int(dataset.BitsStored) == 8
    return is_byte and is_plain and transform.rescale == (1.0, 0.0)


def _frame_affine(
    dataset: Dataset,
    groups: dict[str, Dataset | None],
    index: int,
    spacing: tuple[float, float] | None,
) -> NDArray[np.float64] | None:
    # A position at the top of a multi-frame object is that of its first frame only.
    if index > 0 and groups["PlanePositionSequence"] is None:
        return None
    position, orientation = parse_placement(dataset, groups, [])
    if position is None or orientation is None or spacing is None:
        return None
    try:
        return build_affine(position, orientation, spacing)
    except ValueError:
        return None


def _to_rgb8(pixels: Pixels, bits: int) -> Pixels:
    """uint8 RGB: full range of `bits` to 0..255, floor(y + 0.5)."""
    if pixels.dtype == np.uint8 and bits == 8:
        return pixels
    top = float((1 << bits) - 1)
    return np.floor(pixels.astype(np.float64) * 255.0 / top + 0.5).clip(0, 255).astype(np.uint8)


def _apply_palette(dataset: Dataset, pixels: Pixels, file: str, notes: list[str]) -> Pixels:
    try:
        colours = apply_color_lut(pixels, dataset)
    except _DECODE_ERRORS as error:
        raise _undecodable(file, "a palette that does not decode", "PALETTE COLOR") from error
    # Alpha, where there is one, is the fourth channel: not part of the image proper.
    colours = colours[..., :3]
    if colours.dtype == np.uint8:
        return np.asarray(colours)
    if int(colours.max()) <= 255:
        notes.append("palette declared as 16 bits holds 8-bit values")
        return np.asarray(colours.astype(np.uint8))
    return _to_rgb8(colours, 16)


def _undecodable(file: str, found: str, expected: str) -> DataError:
    return DataError(file=file, field="PixelData", found=found, expected=expected)
