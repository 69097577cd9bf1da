"""spinebench.imaging.dicom_values, through files: rescale, LUTs, windows, padding, aspect."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from spinebench.imaging.dicom import read_dicom
from spinebench.imaging.intensity import build_display, modality_values
from spinebench.imaging.raster import ValueLut, Window

DicomWriter = Callable[..., Path]
BUNDLED = Path(pydicom.data.__file__).parent
RAMP = np.array([[0, 100, 200], [300, 400, 500]], np.uint16)


def test_rescale_gives_hounsfield_units(write_dicom: DicomWriter) -> None:
    raster = read_dicom(write_dicom(RAMP, RescaleSlope=2, RescaleIntercept=-1000))[0]
    np.testing.assert_array_equal(raster.pixels, RAMP)
    np.testing.assert_array_equal(modality_values(raster), [[-1000, -800, -600], [-400, -200, 0]])


def test_rescale_slope_zero_is_noted(write_dicom: DicomWriter) -> None:
    raster = read_dicom(write_dicom(RAMP, RescaleSlope=0, RescaleIntercept=5))[0]
    assert raster.rescale == (1.0, 5.0)
    assert raster.source_notes == ("RescaleSlope is 0, read as 1",)


def lut_item(descriptor: list[int], data: list[int]) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", descriptor)
    item.add_new("LUTData", "US", data)
    return item


def test_modality_lut_replaces_rescale(write_dicom: DicomWriter) -> None:
    lut = lut_item([3, 100, 16], [7, 8, 1000])
    path = write_dicom(
        np.array([[50, 100, 101], [102, 103, 999]], np.uint16), ModalityLUTSequence=Sequence([lut])
    )
    raster = read_dicom(path)[0]
    # Below the first and past the last entry the ends hold.
    np.testing.assert_array_equal(modality_values(raster), [[7, 7, 8], [1000, 1000, 1000]])


def test_voi_lut_comes_before_a_window(write_dicom: DicomWriter) -> None:
    lut = lut_item([3, 0, 12], [0, 1365, 4095])
    path = write_dicom(
        np.array([[0, 1, 2]], np.uint16),
        VOILUTSequence=Sequence([lut]),
        WindowCenter=1,
        WindowWidth=2,
    )
    display = build_display(read_dicom(path)[0])
    assert display.method == "voi_lut"
    # 1365 * 255 / 4095 = 85.
    np.testing.assert_array_equal(display.pixels, [[0, 85, 255]])


def test_lut_data_as_words_and_a_signed_first_value(write_dicom: DicomWriter) -> None:
    lut = lut_item([2, 65534, 16], [])
    lut.add_new("LUTData", "OW", np.array([10, 20], "<u2").tobytes())
    path = write_dicom(np.array([[-3, -2, -1, 5]], np.int16), VOILUTSequence=Sequence([lut]))
    voi = read_dicom(path)[0].voi
    assert isinstance(voi, ValueLut)
    assert (voi.first, voi.entries.tolist(), voi.bits) == (-2, [10.0, 20.0], 16)


@pytest.mark.parametrize(("descriptor", "data"), [([4, 0, 12], [0, 1]), ([2, 0, 40], [0, 1])])
def test_a_malformed_lut_is_noted_and_left_out(
    write_dicom: DicomWriter, descriptor: list[int], data: list[int]
) -> None:
    lut = lut_item(descriptor, data)
    raster = read_dicom(write_dicom(RAMP, VOILUTSequence=Sequence([lut])))[0]
    assert raster.voi is None
    assert raster.source_notes == ("VOILUTSequence malformed, not used",)


def test_the_first_of_several_windows(write_dicom: DicomWriter) -> None:
    path = write_dicom(RAMP, WindowCenter=[40, 500], WindowWidth=[400, 2000])
    assert read_dicom(path)[0].voi == Window(40.0, 400.0, "LINEAR")


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
def test_the_window_function_is_kept(write_dicom: DicomWriter, function: str) -> None:
    path = write_dicom(RAMP, WindowCenter=1, WindowWidth=0.5, VOILUTFunction=function)
    assert read_dicom(path)[0].voi == Window(1.0, 0.5, function)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("center", "width", "note"),
    [
        ("250", "0", "WindowWidth too small, window not used"),
        ("250", "-5", "WindowWidth too small, window not used"),
        ("250", "0.5", "WindowWidth too small, window not used"),
        ("250", None, "window incomplete, not used"),
    ],
)
def test_an_invalid_window_is_noted(
    write_dicom: DicomWriter, center: str, width: str | None, note: str
) -> None:
    tags = {} if width is None else {"WindowWidth": width}
    raster = read_dicom(write_dicom(RAMP, WindowCenter=center, **tags))[0]
    assert raster.voi is None
    assert raster.source_notes == (note,)
    assert build_display(raster).method == "percentile"


def test_the_malformed_window_of_vindr(write_dicom: DicomWriter) -> None:
    path = write_dicom(RAMP, WindowCenter="1234", WindowWidth="5678")
    raw = path.read_bytes()
    assert raw.count(b"DS\x04\x001234") == 1
    path.write_bytes(
        raw.replace(b"DS\x04\x001234", b"DS\x06\x0032688,").replace(
            b"DS\x04\x005678", b"DS\x06\x0065535,"
        )
    )
    raster = read_dicom(path)[0]
    assert raster.voi is None
    assert raster.source_notes == ("WindowCenter malformed", "WindowWidth malformed")
    # 0..500 stretched: 100 * 255 / 500 = 51.
    np.testing.assert_array_equal(build_display(raster).pixels, [[0, 51, 102], [153, 204, 255]])


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"PixelPaddingValue": -2000}, (-2000.0, -2000.0)),
        ({"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1500}, (-2000.0, -1500.0)),
        ({"PixelPaddingValue": -1500, "PixelPaddingRangeLimit": -2000}, (-2000.0, -1500.0)),
    ],
)
def test_padding_of_signed_pixels(
    write_dicom: DicomWriter, tags: dict[str, int], expected: tuple[float, float]
) -> None:
    path = write_dicom(np.array([[-2000, -1500, 0, 10]], np.int16), **tags)
    raster = read_dicom(path)[0]
    assert raster.padding == expected


def test_padding_written_without_its_sign_is_wrapped() -> None:
    # The bundled CT writes 63536 for -2000.
    raster = read_dicom(BUNDLED / "test_files/CT_small.dcm")[0]
    assert raster.padding == (-2000.0, -2000.0)


@pytest.mark.filterwarnings("ignore:Invalid value")  # on purpose
def test_an_unknown_window_function_is_linear(write_dicom: DicomWriter) -> None:
    path = write_dicom(RAMP, WindowCenter=1, WindowWidth=2, VOILUTFunction="CUBIC")
    raster = read_dicom(path)[0]
    assert raster.voi == Window(1.0, 2.0, "LINEAR")
    assert raster.source_notes == ("VOILUTFunction unknown, read as LINEAR",)


def test_packed_bytes_as_lut_data(write_dicom: DicomWriter) -> None:
    lut = lut_item([4, 0, 8], [])
    lut.add_new("LUTData", "OW", bytes([0, 10, 200, 255]))
    raster = read_dicom(write_dicom(np.array([[0, 1, 2, 9]], np.uint16), VOILUTSequence=[lut]))[0]
    assert build_display(raster).pixels.tolist() == [[0, 10, 200, 255]]


def test_a_lut_without_data_is_noted(write_dicom: DicomWriter) -> None:
    lut = lut_item([4, 0, 8], [])
    del lut.LUTData
    raster = read_dicom(write_dicom(RAMP, ModalityLUTSequence=[lut]))[0]
    assert raster.modality_lut is None
    assert raster.source_notes == ("ModalityLUTSequence malformed, not used",)


@pytest.mark.parametrize(
    ("ratio", "aspect", "notes"),
    [([2, 1], 2.0, ()), ([1, 4], 0.25, ()), ([0, 1], 1.0, ("PixelAspectRatio not positive",))],
)
def test_pixel_aspect_ratio(
    write_dicom: DicomWriter, ratio: list[int], aspect: float, notes: tuple[str, ...]
) -> None:
    raster = read_dicom(write_dicom(RAMP, PixelAspectRatio=ratio))[0]
    assert (raster.pixel_aspect, raster.source_notes) == (aspect, notes)
    spaced = read_dicom(write_dicom(RAMP, PixelAspectRatio=ratio, PixelSpacing=[3, 1]))[0]
    assert spaced.pixel_aspect == 3.0


def test_float_pixels_with_a_padding_value(write_dicom: DicomWriter) -> None:
    values = np.array([[-1.0, 0.0, 0.2, 1.0]], np.float32)
    path = write_dicom(
        np.zeros((1, 4), np.uint32),
        PixelData=None,
        FloatPixelData=values.tobytes(),
        FloatPixelPaddingValue=-1.0,
    )
    raster = read_dicom(path)[0]
    assert raster.pixels.dtype == np.float32
    assert raster.padding == (-1.0, -1.0)
    assert build_display(raster).pixels.tolist() == [[0, 0, 51, 255]]
