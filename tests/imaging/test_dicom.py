"""spinebench.imaging.dicom against hand-computed values and pydicom's own bundled files."""

import csv
import importlib
import os
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence

from spinebench.errors import DataError
from spinebench.imaging.dicom import read_dicom, read_dicom_header
from spinebench.imaging.intensity import build_display
from spinebench.imaging.raster import Window

DicomWriter = Callable[..., Path]
BUNDLED = Path(pydicom.data.__file__).parent
TABLE = Path(__file__).with_name("bundled_dicom.csv")
NOT_DICOM = {".py", ".pyc", ".json", ".txt", ".md", ".icc", ".dump", ".gz"}
RAMP = np.array([[0, 100, 200], [300, 400, 500]], np.uint16)


def bundled_rows() -> list[dict[str, str]]:
    lines = TABLE.read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@pytest.mark.parametrize("row", bundled_rows(), ids=lambda row: row["path"])
def test_every_bundled_file_decodes_or_has_its_named_error(row: dict[str, str]) -> None:
    path = BUNDLED / row["path"]
    if row["error"]:
        if "12-bit" in row["error"] and importlib.util.find_spec("imagecodecs"):
            pytest.skip("decodes here: see test_jpeg_extended_decodes_with_imagecodecs")
        with pytest.raises(DataError) as caught:
            read_dicom(path)
        assert row["error"] in str(caught.value)
        assert str(path) in str(caught.value)
        return
    rasters = read_dicom(path)
    channels = (3,) if row["channels"] == "3" else ()
    assert len(rasters) == int(row["frames"])
    assert {r.pixels.shape for r in rasters} == {(int(row["rows"]), int(row["cols"]), *channels)}
    assert [r.frame for r in rasters] == list(range(len(rasters)))
    assert all(build_display(r).pixels.dtype == np.uint8 for r in rasters)


def test_the_table_names_every_bundled_file() -> None:
    files = {
        path.relative_to(BUNDLED).as_posix()
        for path in BUNDLED.rglob("*")
        if path.is_file() and path.suffix not in NOT_DICOM and path.name != "README"
    }
    # 1,000 like it, none with pixels, in one folder: the first stands for all.
    tiny = {name for name in files if "TINY_ALPHA/PT" in name and not name.endswith("IM000000")}
    assert {row["path"] for row in bundled_rows()} >= files - tiny


@pytest.mark.parametrize(
    "name", ["RLE", "bigendian", "expb", "implicit", "jp2klossless", "jpeg_ls_lossless", "padded"]
)
def test_one_image_in_eight_encodings_has_one_set_of_values(name: str) -> None:
    # The header of MR_small is 1638 bytes, its 64 x 64 int16 pixels the next 8192.
    raw = (BUNDLED / "test_files/MR_small.dcm").read_bytes()
    start = raw.index(b"\xe0\x7f\x10\x00OW\0\0") + 12
    expected = np.frombuffer(raw, "<i2", count=4096, offset=start).reshape(64, 64)
    raster = read_dicom(BUNDLED / f"test_files/MR_small_{name}.dcm")[0]
    np.testing.assert_array_equal(raster.pixels, expected)
    assert raster.voi == Window(600.0, 1600.0)


def test_a_wrongly_declared_sign_in_jpeg_2000_is_corrected() -> None:
    raster = read_dicom(BUNDLED / "test_files/J2K_pixelrep_mismatch.dcm")[0]
    assert (raster.pixels.min(), raster.pixels.max()) == (-2000, 1896)


@pytest.mark.parametrize("name", ["JPGExtended", "JPEG-lossy"])
def test_jpeg_extended_decodes_with_imagecodecs(name: str) -> None:
    pytest.importorskip("imagecodecs")
    raster = read_dicom(BUNDLED / f"test_files/{name}.dcm")[0]
    # 244 is what pydicom's own tests expect of other decoders at this place.
    assert (raster.pixels.shape, raster.pixels.dtype) == ((1024, 256), np.uint16)
    assert (raster.pixels[420, 140], raster.pixels.max()) == (244, 264)


def test_jpeg_extended_without_imagecodecs_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imagecodecs", None)
    with pytest.raises(DataError, match=r"pip install 'spinebench\[codecs\]'"):
        read_dicom(BUNDLED / "test_files/JPGExtended.dcm")


def fake_codecs(monkeypatch: pytest.MonkeyPatch, decoded: np.ndarray | Exception) -> None:
    def jpeg_decode(data: bytes) -> np.ndarray:
        assert data[:2] == b"\xff\xd8"
        if isinstance(decoded, Exception):
            raise decoded
        return decoded

    module = types.SimpleNamespace(jpeg_decode=jpeg_decode)
    monkeypatch.setitem(__import__("sys").modules, "imagecodecs", module)


def test_jpeg_extended_frames_go_to_imagecodecs(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = np.arange(1024 * 256, dtype=np.uint16).reshape(1024, 256) % 4096
    fake_codecs(monkeypatch, decoded)
    rasters = read_dicom(BUNDLED / "test_files/JPGExtended.dcm")
    assert len(rasters) == 1
    np.testing.assert_array_equal(rasters[0].pixels, decoded)


@pytest.mark.parametrize(
    ("decoded", "message"),
    [
        (np.zeros((3, 3), np.uint16), r"shape \(3, 3\), expected .* \(1024, 256\)"),
        (RuntimeError("bad"), r"do not decode \(RuntimeError\)"),
    ],
)
def test_jpeg_extended_that_is_damaged(
    monkeypatch: pytest.MonkeyPatch, decoded: np.ndarray | Exception, message: str
) -> None:
    fake_codecs(monkeypatch, decoded)
    with pytest.raises(DataError, match=message):
        read_dicom(BUNDLED / "test_files/JPGExtended.dcm")


def test_garbage_above_bits_stored_is_cleared(write_dicom: DicomWriter) -> None:
    dirty = RAMP | np.array([[0xF000, 0x8000, 0x1000], [0, 0xA000, 0x7000]], np.uint16)
    raster = read_dicom(write_dicom(dirty, BitsStored=12, HighBit=11))[0]
    np.testing.assert_array_equal(raster.pixels, RAMP)


def test_signed_values_are_extended_from_bits_stored(write_dicom: DicomWriter) -> None:
    # -1 and -2048 in 12 bits, the upper nibble left at 0.
    pixels = np.array([[0x0FFF, 0x0800, 5]], np.int16)
    raster = read_dicom(write_dicom(pixels, BitsStored=12, HighBit=11))[0]
    assert raster.pixels.tolist() == [[-1, -2048, 5]]


def test_values_in_the_upper_bits_are_shifted_down(write_dicom: DicomWriter) -> None:
    raster = read_dicom(write_dicom(RAMP << 4, BitsStored=12, HighBit=15))[0]
    np.testing.assert_array_equal(raster.pixels, RAMP)


def test_monochrome1_is_inverted_and_its_padding_black(write_dicom: DicomWriter) -> None:
    path = write_dicom(RAMP, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=500, Rows=2)
    display = build_display(read_dicom(path)[0])
    # 0..400 stretched, inverted: 100 * 255 / 400 = 63.75 -> 64 -> 191; 127.5 -> 128 -> 127.
    np.testing.assert_array_equal(display.pixels, [[255, 191, 127], [64, 0, 0]])


def test_eight_bits_without_a_window_are_shown_as_stored(write_dicom: DicomWriter) -> None:
    pixels = np.array([[3, 7], [100, 250]], np.uint8)
    display = build_display(read_dicom(write_dicom(pixels))[0])
    assert display.method == "as_stored"
    np.testing.assert_array_equal(display.pixels, pixels)


def test_palette_color(write_dicom: DicomWriter) -> None:
    def entries(values: list[int]) -> bytes:
        return np.array(values, "<u2").tobytes()

    path = write_dicom(
        np.array([[0, 1], [2, 2]], np.uint8),
        PhotometricInterpretation="PALETTE COLOR",
        RedPaletteColorLookupTableDescriptor=[3, 0, 16],
        GreenPaletteColorLookupTableDescriptor=[3, 0, 16],
        BluePaletteColorLookupTableDescriptor=[3, 0, 16],
        RedPaletteColorLookupTableData=entries([65535, 0, 0]),
        GreenPaletteColorLookupTableData=entries([0, 65535, 0]),
        BluePaletteColorLookupTableData=entries([0, 257, 32768]),
    )
    raster = read_dicom(path)[0]
    # 32768 / 257 = 127.5019 -> 128.
    assert raster.pixels.tolist() == [[[255, 0, 0], [0, 255, 1]], [[0, 0, 128], [0, 0, 128]]]
    assert raster.display_ready


def test_palette_without_tables(write_dicom: DicomWriter) -> None:
    path = write_dicom(np.zeros((2, 2), np.uint8), PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(DataError, match="a palette that does not decode"):
        read_dicom(path)


def test_sixteen_bit_rgb_becomes_eight(write_dicom: DicomWriter) -> None:
    pixels = np.array([[[0, 257, 65535], [128, 129, 32768]]], np.uint16)
    raster = read_dicom(write_dicom(pixels))[0]
    # 128 / 257 = 0.498 -> 0; 129 / 257 = 0.502 -> 1.
    assert raster.pixels.tolist() == [[[0, 1, 255], [0, 1, 128]]]


def test_ybr_full_becomes_rgb(write_dicom: DicomWriter) -> None:
    # Y = 100, Cb = 128, Cr = 228: R = 100 + 1.402 * 100, G = 100 - 0.714136 * 100, B = 100.
    path = write_dicom(
        np.array([[[100, 128, 228], [50, 128, 128]]], np.uint8),
        PhotometricInterpretation="YBR_FULL",
    )
    raster = read_dicom(path)[0]
    assert raster.pixels.tolist() == [[[240, 29, 100], [50, 50, 50]]]


def functional_group(name: str, **tags: object) -> Dataset:
    inner, outer = Dataset(), Dataset()
    for tag, value in tags.items():
        setattr(inner, tag, value)
    setattr(outer, name, Sequence([inner]))
    return outer


def test_enhanced_multi_frame_has_geometry_and_values_per_frame(write_dicom: DicomWriter) -> None:
    frames = np.stack([RAMP[:, :2], RAMP[:, :2] + 1])
    shared = functional_group("PixelMeasuresSequence", PixelSpacing=[0.5, 0.25])
    shared.update(
        functional_group("PlaneOrientationSequence", ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    )
    own = []
    for index in range(2):
        item = functional_group("PlanePositionSequence", ImagePositionPatient=[4.0 * index, 5, 6])
        item.update(
            functional_group(
                "FrameVOILUTSequence", WindowCenter=100 + index, WindowWidth=200 + index
            )
        )
        item.update(
            functional_group(
                "PixelValueTransformationSequence", RescaleSlope=1 + index, RescaleIntercept=-index
            )
        )
        own.append(item)
    path = write_dicom(
        frames,
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence(own),
    )
    first, second = read_dicom(path)
    assert (first.voi, second.voi) == (Window(100, 200), Window(101, 201))
    assert (first.rescale, second.rescale) == ((1.0, 0.0), (2.0, -1.0))
    assert (second.spacing_mm, second.pixel_aspect) == ((0.5, 0.25), 2.0)
    np.testing.assert_array_equal(second.pixels, RAMP[:, :2] + 1)
    # A row runs to the back at 0.25 mm, a column down at 0.5 mm; the normal is y x -z = -x.
    assert second.affine_lps is not None
    np.testing.assert_array_equal(
        second.affine_lps, [[0, 0, -1, 4], [0.25, 0, 0, 5], [0, -0.5, 0, 6], [0, 0, 0, 1]]
    )
    header = read_dicom_header(path)
    assert (header.frames, header.spacing_mm) == (2, (0.5, 0.25))
    assert header.image_position_mm == (0.0, 5.0, 6.0)


def test_a_position_at_the_top_is_that_of_the_first_frame_only(write_dicom: DicomWriter) -> None:
    path = write_dicom(
        np.stack([RAMP[:, :2], RAMP[:, :2]]),
        ImagePositionPatient=[1, 2, 3],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[1, 1],
    )
    first, second = read_dicom(path)
    assert first.affine_lps is not None
    assert first.affine_lps[:3, 3].tolist() == [1, 2, 3]
    assert second.affine_lps is None


@pytest.mark.parametrize(
    ("removed", "note"),
    [
        ("BitsStored", "BitsStored missing or malformed, read as 16"),
        ("PixelRepresentation", "PixelRepresentation missing or malformed, read as 0"),
        ("SamplesPerPixel", "SamplesPerPixel missing or malformed, read as 1"),
        ("PhotometricInterpretation", "PhotometricInterpretation missing, read as MONOCHROME2"),
    ],
)
def test_missing_tags_are_assumed_and_noted(
    write_dicom: DicomWriter, removed: str, note: str
) -> None:
    raster = read_dicom(write_dicom(RAMP, **{removed: None}))[0]
    np.testing.assert_array_equal(raster.pixels, RAMP)
    assert raster.source_notes == (note,)


@pytest.mark.parametrize("removed", ["Rows", "Columns", "BitsAllocated"])
def test_tags_that_cannot_be_assumed(write_dicom: DicomWriter, removed: str) -> None:
    with pytest.raises(DataError, match=rf"image\.dcm: {removed}: found no usable value"):
        read_dicom(write_dicom(RAMP, **{removed: None}))


def test_a_data_set_without_preamble_or_meta(
    build_dataset: Callable[..., FileDataset], tmp_path: Path
) -> None:
    dataset = build_dataset(RAMP)
    del dataset.file_meta
    dataset.preamble = None
    path = tmp_path / "bare"
    dataset.save_as(path, implicit_vr=True, little_endian=True)
    assert path.read_bytes()[:2] == b"\x08\0"
    raster = read_dicom(path)[0]
    np.testing.assert_array_equal(raster.pixels, RAMP)
    assert raster.source_notes == ("TransferSyntaxUID missing, read as uncompressed",)


def test_an_unknown_transfer_syntax_is_named(write_dicom: DicomWriter) -> None:
    path = write_dicom(RAMP)
    raw = path.read_bytes()
    # A UID that stands for no encoding.
    path.write_bytes(raw.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0", 1))
    with pytest.raises(DataError, match=r"found transfer syntax 1\.2\.840\.10008\.1\.2\.9"):
        read_dicom(path)


def test_colour_without_its_photometric_interpretation(write_dicom: DicomWriter) -> None:
    pixels = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    raster = read_dicom(write_dicom(pixels, PhotometricInterpretation=None))[0]
    np.testing.assert_array_equal(raster.pixels, pixels)
    assert raster.source_notes == ("PhotometricInterpretation missing, read as RGB",)


def test_bits_stored_beyond_bits_allocated_are_corrected(write_dicom: DicomWriter) -> None:
    raster = read_dicom(write_dicom(RAMP, BitsStored=24))[0]
    np.testing.assert_array_equal(raster.pixels, RAMP)
    assert raster.source_notes == ("BitsStored missing or malformed, read as 16",)


def test_pixel_data_of_no_length(write_dicom: DicomWriter) -> None:
    with pytest.raises(DataError, match="PixelData: found 0 bytes, expected pixel data"):
        read_dicom(write_dicom(RAMP, PixelData=b""))


def test_truncated_pixels_name_file_and_lengths(write_dicom: DicomWriter) -> None:
    path = write_dicom(RAMP)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match=r"image\.dcm: PixelData: found 7 bytes, expected 12 bytes"):
        read_dicom(path)


def test_a_truncated_compressed_file_is_refused(tmp_path: Path) -> None:
    raw = (BUNDLED / "test_files/MR_small_jp2klossless.dcm").read_bytes()
    path = tmp_path / "cut.dcm"
    path.write_bytes(raw[:-900])
    with pytest.raises(DataError, match=r"cut\.dcm: found an empty or cut-off data set"):
        read_dicom(path)


@pytest.mark.parametrize("content", [b"", b"no DICOM at all" * 20, b"\x08\0"])
@pytest.mark.parametrize("read", [read_dicom, read_dicom_header])
def test_what_is_not_dicom(tmp_path: Path, content: bytes, read: object) -> None:
    path = tmp_path / "other.dcm"
    path.write_bytes(content)
    found = "bytes that are not DICOM" if content else "0 bytes"
    with pytest.raises(DataError, match=rf"other\.dcm: found {found}, expected a DICOM file"):
        read(path)  # type: ignore[operator]


def test_a_preamble_and_nothing_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "empty.dcm"
    path.write_bytes(b"\0" * 128 + b"DICM")
    with pytest.raises(DataError, match="an empty or cut-off data set"):
        read_dicom(path)


def test_missing_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found no such file"):
        read_dicom(tmp_path / "none.dcm")
    with pytest.raises(DataError, match="found a folder"):
        read_dicom_header(tmp_path)


def test_permission_denied(write_dicom: DicomWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_dicom(RAMP)
    if os.geteuid() == 0:
        # Root may read anything: the refusal comes from the operating system's own error type.
        def refuse(*args: object, **kwargs: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    else:
        path.chmod(0)
    with pytest.raises(DataError, match=r"image\.dcm: found permission denied"):
        read_dicom(path)


def test_too_many_pixels_are_refused_before_decoding(write_dicom: DicomWriter) -> None:
    path = write_dicom(RAMP, Rows=60000, Columns=60000)
    with pytest.raises(DataError, match="found 60000 x 60000 pixels, expected at most 150000000"):
        read_dicom(path)


def test_no_patient_data_in_messages_or_repr(write_dicom: DicomWriter) -> None:
    path = write_dicom(
        RAMP, PatientID="SECRET1", PatientName="Secret^Name", PatientAge="077Y", PatientSex="F"
    )
    header = read_dicom_header(path)
    assert (header.patient_id, header.patient_age_years, header.patient_sex) == ("SECRET1", 77, "F")
    for text in (repr(header), repr(read_dicom(path)[0])):
        shown = text.replace(str(path), "")  # a temporary folder's name may hold any number
        assert "SECRET" not in shown
        assert "77" not in shown
