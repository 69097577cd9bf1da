"""What a DICOM file's compressed bytes would unpack to, told before a decoder takes the memory.

The header's size is checked by `raster.check_pixel_count`; here it is the compressed bytes
themselves that may claim another one. Deflated data sets, JPEG, JPEG-LS, JPEG 2000 and RLE.
"""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from spinebench.errors import DataError
from spinebench.imaging.raster import MAX_BYTES, check_decoded_bytes

_CHUNK_BYTES = 1 << 20
# PS3.10 7.1: the meta information is some twelve short elements.
_MOST_META_BYTES = 1 << 16
_TRANSFER_SYNTAX = b"\x02\x00\x10\x00"
_LONG_VRS = (b"OB", b"OW", b"UN", b"SQ", b"UT", b"UC", b"UR")

# Start-of-frame markers: JPEG (all processes but the arithmetic extension C8), JPEG-LS.
_FRAME_MARKERS = frozenset({*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xD0), 0xF7})
_FRAME_MARKERS -= {0xCC}
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_J2K_START = b"\xff\x4f\xff\x51"

# One byte pair of RLE gives at most 128 bytes; below this result nobody needs to count.
_RLE_GAIN = 64
_RLE_COUNT_FROM = 256_000_000


def check_inflated(path: Path, file: str) -> None:
    """Raise DataError for a deflated data set that unpacks to more than `raster.MAX_BYTES`.

    Files that are not deflated cost one look at their meta information.
    """
    with path.open("rb") as handle:
        start = _find_deflated(handle.read(132 + _MOST_META_BYTES), file)
        if start is None:
            return
        handle.seek(start)
        inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while packed := inflater.unconsumed_tail or handle.read(_CHUNK_BYTES):
            size += len(inflater.decompress(packed, _CHUNK_BYTES))
            check_decoded_bytes(file, size)
            if inflater.eof:
                return


def _find_deflated(head: bytes, file: str) -> int | None:
    """Where the deflated data set begins, or None for any other transfer syntax."""
    if head[128:132] != b"DICM":
        return None
    place, syntax = 132, b""
    while head[place : place + 2] == b"\x02\x00" and place + 12 <= len(head):
        vr = head[place + 4 : place + 6]
        if vr in _LONG_VRS:
            value, size = place + 12, struct.unpack_from("<I", head, place + 8)[0]
        else:
            value, size = place + 8, struct.unpack_from("<H", head, place + 6)[0]
        if head[place : place + 4] == _TRANSFER_SYNTAX:
            syntax = head[value : value + size]
        place = value + size
    if place > 132 + _MOST_META_BYTES - 12:
        raise DataError(
            file=file,
            field="meta information",
            found=f"more than {_MOST_META_BYTES} bytes",
            expected="a DICOM file",
        )
    is_deflated = syntax.rstrip(b" \0") == DeflatedExplicitVRLittleEndian.encode()
    return place if is_deflated else None


def check_encoded(dataset: Dataset, syntax: str, file: str) -> None:
    """Raise DataError for an encoded frame that is larger than Rows, Columns and samples allow.

    What cannot be read here is the decoder's to judge; raises what pydicom does for pixel data
    that is not encapsulated.
    """
    rows, cols = int(dataset.Rows), int(dataset.Columns)
    samples = int(dataset.SamplesPerPixel)
    count = int(dataset.get("NumberOfFrames") or 1)
    for encoded in generate_frames(dataset.PixelData, number_of_frames=count):
        if syntax == RLELossless:
            _check_runs(encoded, rows * cols, file)
            continue
        found = _find_size(encoded)
        if found is None:
            continue
        height, width, channels = found
        if height * width > rows * cols or channels > max(samples, 4):
            raise DataError(
                file=file,
                field="PixelData",
                found=f"an encoded image of {width} x {height} pixels in {channels} channels",
                expected=f"{cols} x {rows} pixels in {samples}",
            )


def _find_size(encoded: bytes) -> tuple[int, int, int] | None:
    """(height, width, channels) that a JPEG, JPEG-LS or JPEG 2000 code stream states."""
    if encoded[:2] == b"\xff\xd8":
        return _find_jpeg_size(encoded)
    place = encoded.find(_J2K_START, 0, 1 << 16)
    if place < 0 or len(encoded) < place + 42:
        return None
    width, height, left, top = struct.unpack_from(">IIII", encoded, place + 8)
    return max(0, height - top), max(0, width - left), _u16(encoded, place + 40)


def _find_jpeg_size(encoded: bytes) -> tuple[int, int, int] | None:
    place = 2
    while place + 10 <= len(encoded):
        if encoded[place] != 0xFF:
            return None
        marker = encoded[place + 1]
        if marker in _FRAME_MARKERS:
            height, width = _u16(encoded, place + 5), _u16(encoded, place + 7)
            return height, width, encoded[place + 9]
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker in _BARE_MARKERS:
            place += 2
        else:
            place += 2 + _u16(encoded, place + 2)
    return None


def _u16(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 2], "big")


def _check_runs(encoded: bytes, plane_bytes: int, file: str) -> None:
    """RLE (PS3.5 annex G): each segment holds one byte of every pixel, and may be a little more."""
    if len(encoded) * _RLE_GAIN <= _RLE_COUNT_FROM or len(encoded) < 64:
        return
    count, *offsets = struct.unpack_from("<16I", encoded)
    starts = [*offsets[: min(count, 15)], len(encoded)]
    for start, end in pairwise(starts):
        if _unpacks_beyond(encoded[start:end], 2 * plane_bytes):
            raise DataError(
                file=file,
                field="PixelData",
                found=f"an RLE segment of more than {2 * plane_bytes} bytes",
                expected=f"{plane_bytes} bytes",
            )


def _unpacks_beyond(segment: bytes, limit: int) -> bool:
    place, size = 0, 0
    while place < len(segment) and size <= limit:
        code = segment[place]
        if code > 128:
            place, size = place + 2, size + 257 - code
        elif code < 128:
            place, size = place + code + 2, size + code + 1
        else:
            place += 1
    return size > min(limit, MAX_BYTES)
