"""Small files that would unpack to gigabytes: refused in one line, and before the memory is taken.

The peak memory is that of a fresh process that reads them all.
"""

import gzip
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from spinebench.errors import DataError
from spinebench.imaging.dicom import read_dicom, read_dicom_header
from spinebench.imaging.limits import _find_size, _unpacks_beyond
from spinebench.imaging.read import read_image, read_outline
from spinebench.imaging.volume import MAX_VOLUME_BYTES, read_volume
from tests.imaging.conftest import _build_dataset

Writer = Callable[..., Path]
SIDE = 32_000  # pixels: a square of 2 GB at 16 bits
GREY = np.zeros((8, 8), np.uint16)
_MOST_BYTES = 200_000_000  # of memory of a reader, its libraries among them
_READER = """
import sys
from spinebench.errors import DataError
from spinebench.imaging.read import read_image
refused = 0
for path in sys.argv[1:]:
    try:
        read_image(path)
    except DataError:
        refused += 1
# not getrusage: its peak counts the parent of this process too
lines = open("/proc/self/status").read().splitlines()
peak = next(line for line in lines if line.startswith("VmHWM"))
print(refused, int(peak.split()[1]) * 1024)
"""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bytes(cols: int, rows: int) -> bytes:
    """A black 16-bit grey PNG, its rows compressed a thousandfold."""
    row = bytes(1 + 2 * cols)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(min(rows, 200))) + packer.flush()
    header = struct.pack(">IIBBBBB", cols, rows, 16, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def jpeg_bytes(cols: int, rows: int, marker: int = 0xC0) -> bytes:
    """As far as a decoder must read to take its memory: the frame header and the scan's start."""
    quant = b"\xff\xdb" + struct.pack(">HB", 67, 0) + b"\x01" * 64
    frame = struct.pack(">BBHBHHBBBB", 0xFF, marker, 11, 8, rows, cols, 1, 1, 0x11, 0)
    scan = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 0, 63, 0)
    return b"\xff\xd8" + quant + frame + scan + b"\0" * 64 + b"\xff\xd9"


def j2k_bytes(cols: int, rows: int, channels: int = 1) -> bytes:
    size = struct.pack(">HIIIIIIIIH", 0, cols, rows, 0, 0, cols, rows, 0, 0, channels)
    size += b"\x07\x01\x01" * channels
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size + b"\xff\xd9"


def rle_bytes(pairs: int) -> bytes:
    """Two segments whose runs give 128 zeros for each two bytes."""
    runs = b"\x81\x00" * pairs
    return struct.pack("<16I", 2, 64, 64 + len(runs), *[0] * 13) + runs + runs


def nifti_header(shape: tuple[int, ...]) -> bytes:
    header = nib.Nifti1Header()
    header.set_data_dtype(np.int16)
    header["dim"] = [len(shape), *shape, *[1] * (7 - len(shape))]
    header["pixdim"][1:4] = 1.0
    header.set_sform(np.eye(4), code=1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    return bytes(header.binaryblock) + bytes(4)


def deflated_bytes(size: int) -> bytes:
    """A deflated data set whose private element of zeros unpacks to `size`."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    element = struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, size)
    data = packer.compress(b"\x08\x00\x60\x00CS\x02\x00MR" + element)
    data += packer.flush(zlib.Z_FULL_FLUSH)
    # after a full flush the same bytes stand for the same million zeros again
    zeros = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    data += zeros * (size >> 20) + packer.flush()
    syntax = DeflatedExplicitVRLittleEndian.encode()
    syntax += b"\0" * (len(syntax) % 2)
    uid = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(syntax)) + syntax
    length = b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<I", len(uid))
    return bytes(128) + b"DICM" + length + uid + data


def write_bomb(name: str, path: Path) -> Path:
    """One hostile file. The zeros are written small enough to make in a moment."""

    def dicom(syntax: str, encoded: bytes, **tags: object) -> bytes:
        dataset = _build_dataset(GREY, **tags)
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.PixelData = encapsulate([encoded])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.save_as(path)
        return path.read_bytes()

    makers: dict[str, Callable[[], bytes]] = {
        "png": lambda: png_bytes(SIDE, SIDE),
        "jpeg": lambda: jpeg_bytes(SIDE, SIDE),
        "dicom, claimed": lambda: dicom(JPEG2000Lossless, b"ab", Rows=SIDE, Columns=SIDE),
        "dicom, frames": lambda: dicom(
            RLELossless, b"\0" * 64, NumberOfFrames=100_000, Rows=128, Columns=128
        ),
        "jpeg 2000": lambda: dicom(JPEG2000Lossless, j2k_bytes(SIDE, SIDE)),
        "jpeg 2000, channels": lambda: dicom(JPEG2000Lossless, j2k_bytes(8, 8, 16_000)),
        "jpeg in dicom": lambda: dicom(
            JPEGBaseline8Bit, jpeg_bytes(SIDE, SIDE), BitsAllocated=8, BitsStored=8, HighBit=7
        ),
        "jpeg-ls": lambda: dicom(JPEGLSLossless, jpeg_bytes(SIDE, SIDE, 0xF7)),
        "rle": lambda: dicom(RLELossless, rle_bytes(4_000_000)),
        "deflated": lambda: deflated_bytes(2_000_000_000),
        "nifti": lambda: nifti_header((1000, 1000, 1000)) + bytes(2000),
        "nifti.gz": lambda: gzip.compress(nifti_header((1024, 1024, 1000)) + bytes(10_000_000)),
        "nifti.gz, tail": lambda: gzip.compress(
            nifti_header((4, 4, 4)) + bytes(128) + bytes(60_000_000)
        ),
        "nifti.gz, offset": lambda: gzip.compress(
            nifti_header((4, 4, 4)).replace(struct.pack("<f", 352), struct.pack("<f", 2e9))
            + bytes(30_000_000)
        ),
    }
    path.write_bytes(makers[name]())
    return path


BOMBS = {
    "png": f"size: found {SIDE} x {SIDE} pixels|more pixels than any film",
    "jpeg": f"size: found {SIDE} x {SIDE} pixels|more pixels than any film",
    "dicom, claimed": f"size: found {SIDE} x {SIDE} pixels, expected at most 150000000",
    "dicom, frames": "size: found 3276800000 bytes once decoded, expected at most 600000000",
    "jpeg 2000": f"found an encoded image of {SIDE} x {SIDE} pixels in 1 channels, expected 8 x 8",
    "jpeg 2000, channels": "found an encoded image of 8 x 8 pixels in 16000 channels",
    "jpeg in dicom": f"found an encoded image of {SIDE} x {SIDE} pixels in 1 channels",
    "jpeg-ls": f"found an encoded image of {SIDE} x {SIDE} pixels in 1 channels",
    "rle": "found an RLE segment of more than 128 bytes, expected 64 bytes",
    "deflated": "size: found 6[0-9]{8} bytes once decoded, expected at most 600000000",
    "nifti": "size: found 2000000000 bytes once decoded, expected at most 1000000000",
    "nifti.gz": "size: found 2097152000 bytes once decoded, expected at most 1000000000",
    "nifti.gz, tail": "size: found more than 16777216 bytes behind the voxels",
    "nifti.gz, offset": r"found damaged or foreign bytes \(EOFError\)",
}


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bombs")
    return {name: write_bomb(name, folder / f"bomb{n}") for n, name in enumerate(BOMBS)}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_one_line(bombs: dict[str, Path], name: str) -> None:
    assert bombs[name].stat().st_size < 20_000_000
    with pytest.raises(DataError, match=BOMBS[name]) as caught:
        read_image(bombs[name])
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's account")
def test_a_reader_of_bombs_stays_small(bombs: dict[str, Path]) -> None:
    """Peak memory of a fresh process that reads them all."""
    done = subprocess.run(
        [sys.executable, "-c", _READER, *map(str, bombs.values())],
        capture_output=True,
        text=True,
        check=True,
    )
    refused, peak = map(int, done.stdout.split())
    assert (refused, done.stderr) == (len(BOMBS), "")
    assert 30_000_000 < peak < _MOST_BYTES


def test_headers_of_bombs_are_refused_too(bombs: dict[str, Path]) -> None:
    for name in ("png", "dicom, claimed", "nifti.gz"):
        with pytest.raises(DataError, match=BOMBS[name]):
            read_outline(bombs[name])
    with pytest.raises(DataError, match=BOMBS["deflated"]):
        read_dicom_header(bombs["deflated"])


def test_a_frame_of_too_many_can_be_read_alone(write_dicom: Writer) -> None:
    pixels = np.arange(40, dtype=np.uint16).reshape(4, 2, 5)
    path = write_dicom(pixels)
    (raster,) = read_dicom(path, frame=2)
    assert (raster.frame, raster.pixels.tolist()) == (2, pixels[2].tolist())
    with pytest.raises(DataError, match=r"frame: found 4, expected 0 to 3"):
        read_dicom(path, frame=4)


def test_the_largest_volume_is_just_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.nii"
    path.write_bytes(nifti_header((1000, 1000, MAX_VOLUME_BYTES // 2_000_000)) + bytes(10))
    with pytest.raises(DataError, match="EOFError"):  # it is read, and ends too soon
        read_volume(path)


@pytest.mark.parametrize(
    ("encoded", "size"),
    [
        (jpeg_bytes(70, 30), (30, 70, 1)),
        (b"\xff\xd8\xff\xff\xe0\x00\x04ab" + jpeg_bytes(70, 30)[2:], (30, 70, 1)),
        (jpeg_bytes(70, 30, 0xF7), (30, 70, 1)),
        (j2k_bytes(70, 30, 3), (30, 70, 3)),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + j2k_bytes(70, 30), (30, 70, 1)),
        (b"\xff\xd8\x00", None),
        (b"", None),
    ],
)
def test_size_of_a_code_stream(encoded: bytes, size: tuple[int, int, int] | None) -> None:
    assert _find_size(encoded) == size


def test_runs_are_counted_as_the_standard_unpacks_them() -> None:
    # 3 + 1 bytes as they are, one byte 4 times, a no-operation, 2 as they are
    segment = b"\x03abcd" + b"\xfdx" + b"\x80" + b"\x01yz"
    assert [_unpacks_beyond(segment, limit) for limit in (9, 10)] == [True, False]
