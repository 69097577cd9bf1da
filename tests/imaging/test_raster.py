"""spinebench.imaging.raster: PNG and JPEG of every mode, against pixels written here."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spinebench.errors import DataError
from spinebench.imaging import raster as raster_module
from spinebench.imaging.intensity import build_display
from spinebench.imaging.raster import read_picture

GREY = np.array([[0, 50, 100], [150, 200, 255]], np.uint8)
RGB = np.stack([GREY, GREY[::-1], np.full_like(GREY, 9)], axis=-1)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def test_grey_and_rgb_png(tmp_path: Path) -> None:
    grey = read_picture(save(tmp_path / "g.png", Image.fromarray(GREY)))
    np.testing.assert_array_equal(grey.pixels, GREY)
    rgb = read_picture(save(tmp_path / "c.png", Image.fromarray(RGB)))
    np.testing.assert_array_equal(rgb.pixels, RGB)
    for raster in (grey, rgb):
        assert raster.display_ready
        assert (raster.spacing_mm, raster.affine_lps, raster.source_notes) == (None, None, ())
        assert (raster.rows, raster.cols) == (2, 3)


def test_sixteen_bit_grey_is_windowed_by_percentiles(tmp_path: Path) -> None:
    values = np.array([[1000, 20000], [40000, 60000]], np.uint16)
    raster = read_picture(save(tmp_path / "x.png", Image.fromarray(values)))
    np.testing.assert_array_equal(raster.pixels, values)
    assert raster.pixels.dtype == np.uint16
    # 1000..60000: 19000 * 255 / 59000 = 82.1; 39000 * 255 / 59000 = 168.6.
    display = build_display(raster)
    assert (display.method, display.pixels.tolist()) == ("percentile", [[0, 82], [169, 255]])


def test_one_bit(tmp_path: Path) -> None:
    raster = read_picture(save(tmp_path / "b.png", Image.fromarray(GREY > 99)))
    assert raster.pixels.tolist() == [[0, 0, 255], [255, 255, 255]]


def test_palette(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "L")
    image = image.convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    raster = read_picture(save(tmp_path / "p.png", image))
    assert raster.pixels.tolist() == [[[10, 20, 30], [40, 50, 60]]]


def test_palette_with_a_transparent_entry(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    raster = read_picture(save(tmp_path / "p.png", image, transparency=1))
    assert raster.pixels.tolist() == [[[10, 20, 30], [0, 0, 0]]]
    assert raster.source_notes == ("alpha composited on black",)


def test_alpha_is_composited_on_black(tmp_path: Path) -> None:
    alpha = np.array([[0, 128, 255], [255, 1, 100]], np.uint8)
    rgba = np.dstack([RGB, alpha])
    raster = read_picture(save(tmp_path / "a.png", Image.fromarray(rgba)))
    np.testing.assert_array_equal(raster.pixels, np.rint(RGB * (alpha[..., None] / 255.0)))
    grey = read_picture(save(tmp_path / "la.png", Image.fromarray(np.dstack([GREY, alpha]))))
    # 50 * 128 / 255 = 25.1, 200 * 1 / 255 = 0.8, 255 * 100 / 255 = 100.
    assert grey.pixels.tolist() == [[0, 25, 100], [150, 1, 100]]


def test_cmyk_jpeg(tmp_path: Path) -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    raster = read_picture(save(tmp_path / "c.jpg", image, quality=100))
    # No cyan, full magenta and yellow, no black: red.
    assert np.abs(raster.pixels.astype(int) - [255, 0, 0]).max() <= 2
    assert raster.source_notes == ("CMYK converted to RGB",)


def test_grey_and_colour_jpeg(tmp_path: Path) -> None:
    flat = np.full((16, 24), 77, np.uint8)
    grey = read_picture(save(tmp_path / "g.jpg", Image.fromarray(flat), quality=95))
    np.testing.assert_array_equal(grey.pixels, flat)
    colour = read_picture(save(tmp_path / "c.jpg", Image.new("RGB", (24, 16), (200, 30, 60))))
    assert colour.pixels.shape == (16, 24, 3)
    assert np.abs(colour.pixels.astype(int) - [200, 30, 60]).max() <= 3


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, GREY),
        (2, GREY[:, ::-1]),
        (3, GREY[::-1, ::-1]),
        (4, GREY[::-1]),
        (5, GREY.T),
        (6, np.rot90(GREY, -1)),
        (7, GREY[::-1, ::-1].T),
        (8, np.rot90(GREY)),
    ],
)
def test_exif_orientation(tmp_path: Path, orientation: int, expected: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    raster = read_picture(save(tmp_path / "o.png", Image.fromarray(GREY), exif=exif))
    np.testing.assert_array_equal(raster.pixels, expected)
    notes = () if orientation == 1 else (f"EXIF orientation {orientation} applied",)
    assert raster.source_notes == notes


def test_the_first_of_several_pictures(tmp_path: Path) -> None:
    pages = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    path = save(tmp_path / "a.png", pages[0], save_all=True, append_images=pages[1:])
    raster = read_picture(path)
    np.testing.assert_array_equal(raster.pixels, GREY)
    assert raster.source_notes == ("2 pictures in one file: the first is used",)


@pytest.mark.parametrize("format_", ["PNG", "JPEG"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_truncated(tmp_path: Path, format_: str, part: float) -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, format_)
    path = tmp_path / "cut.img"
    path.write_bytes(buffer.getvalue()[: int(len(buffer.getvalue()) * part)])
    with pytest.raises(DataError, match=r"cut\.img: pixels: found a truncated or damaged image"):
        read_picture(path)


def test_empty_foreign_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"x\.png: found 0 bytes, expected a PNG or JPEG"):
        read_picture(path)
    path.write_bytes(b"GIF89a" + b"\0" * 40)
    with pytest.raises(DataError, match="found bytes that are not one"):
        read_picture(path)
    with pytest.raises(DataError, match="no such file"):
        read_picture(tmp_path / "none.png")


def png_header(cols: int, rows: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", cols, rows, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + b"\0\0\0\0IDAT"
    )


@pytest.mark.parametrize("side", [12_500, 60_000])
def test_a_decompression_bomb_is_refused_from_its_header(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(side, side))
    with pytest.raises(DataError, match="expected at most 150000000 pixels"):
        read_picture(path)


def test_a_large_film_is_not_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Pillow warns (here: fails) above its own limit; ours is the one that counts.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
    path = save(tmp_path / "f.png", Image.fromarray(GREY))
    np.testing.assert_array_equal(read_picture(path).pixels, GREY)
    monkeypatch.setattr(raster_module, "MAX_PIXELS", 5)
    with pytest.raises(DataError, match="found 3 x 2 pixels, expected at most 5 pixels"):
        read_picture(path)
