"""Which bytes of a release are kept, and which are made RGB."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from spinebench.benchmark.release.pictures import (
    PictureFile,
    StoredPicture,
    UnreadablePicture,
    store_picture,
)
from spinebench.imaging.standard import pixel_sha256

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
TURNED = PillowImage.Exif()
TURNED[0x0112] = 6  # a quarter to the right
RGB = np.stack([GREY, GREY.T.reshape(6, 8), 255 - GREY], axis=-1)


def stored(tmp_path: Path, image: PillowImage.Image, kind: str, **save: object) -> StoredPicture:
    stream = io.BytesIO()
    image.save(stream, kind, **save)
    file = tmp_path / "x"
    file.write_bytes(stream.getvalue())
    result = store_picture(PictureFile(file, tmp_path / "bench"))
    assert isinstance(result, StoredPicture)
    return result


@pytest.mark.parametrize(("pixels", "kind", "suffix"), [
    (RGB, "PNG", ".png"), (GREY, "PNG", ".png"), (RGB, "JPEG", ".jpg"), (GREY, "JPEG", ".jpg"),
])  # fmt: skip
def test_plain_pictures_keep_their_bytes(
    tmp_path: Path, pixels: np.ndarray, kind: str, suffix: str
) -> None:
    picture = stored(tmp_path, PillowImage.fromarray(pixels), kind)
    data = (tmp_path / "x").read_bytes()
    assert (tmp_path / "bench" / picture.path).read_bytes() == data
    assert picture.path.endswith(suffix)
    assert picture.file_sha256 == picture.original_sha256 == hashlib.sha256(data).hexdigest()
    with PillowImage.open(io.BytesIO(data)) as opened:
        assert picture.pixel_sha256 == pixel_sha256(np.asarray(opened.convert("RGB")))
    assert (picture.rows, picture.cols, picture.policy, picture.notes) == (
        6,
        8,
        "as-imported/1",
        (),
    )


@pytest.mark.parametrize(
    ("image", "save"),
    [
        (PillowImage.fromarray(np.dstack([RGB, GREY])), {}),  # alpha
        (PillowImage.fromarray(GREY.astype(np.uint16) * 900), {}),
        (PillowImage.fromarray(RGB), {"exif": TURNED}),
    ],
    ids=["alpha", "16 bit", "turned"],
)  # fmt: skip
def test_what_a_server_could_read_in_two_ways_is_made_rgb(
    tmp_path: Path, image: PillowImage.Image, save: dict[str, object]
) -> None:
    picture = stored(tmp_path, image, "PNG", **save)
    assert picture.file_sha256 != picture.original_sha256
    assert picture.policy == "rgb-v1"
    assert picture.notes[-1] == "not the release's bytes: made RGB on import"
    with PillowImage.open(tmp_path / "bench" / picture.path) as opened:
        assert opened.mode == "RGB"
        assert picture.pixel_sha256 == pixel_sha256(np.asarray(opened))


def test_what_is_no_picture_says_why(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"GIF89a")
    result = store_picture(PictureFile(tmp_path / "x", tmp_path / "bench"))
    assert result == UnreadablePicture(
        tmp_path / "x", "found bytes that are not one, expected a PNG or JPEG image"
    )
