import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

from spinebench.benchmark.embed.gradient import GradientHistograms
from spinebench.benchmark.embed.stage import embed_images
from spinebench.engine import LocalEngine
from spinebench.errors import DataError
from spinebench.imaging.standard import pixel_sha256
from spinebench.records import Image
from spinebench.tables import write_by_hash
from tests.examples import an_image

ENGINE = LocalEngine(1)


class Counting:
    """The mean of each channel; counts what it was asked, in this process."""

    name = "counting/1"
    batch = 3
    in_process = True

    def __init__(self) -> None:
        self.batches: list[int] = []

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        self.batches.append(len(images))
        means = np.stack([rgb.reshape(-1, 3).mean(axis=0) + 1 for rgb in images])
        unit: NDArray[np.float32] = np.float32(means / np.linalg.norm(means, axis=1)[:, None])
        return unit


def pixels(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (6 + number, 9, 3), dtype=np.uint8)


def stored(folder: Path, numbers: Sequence[int]) -> list[Image]:
    images = []
    for place, number in enumerate(numbers):
        rgb, stream = pixels(number), io.BytesIO()
        PillowImage.fromarray(rgb).save(stream, "PNG")
        path, _ = write_by_hash(folder / "images", stream.getvalue(), ".png")
        images.append(
            an_image(
                image_id=f"x:{place}", path=f"images/{path}", file_rows=rgb.shape[0], file_cols=9,
                pixel_sha256=pixel_sha256(rgb),
            )
        )  # fmt: skip
    return images


def test_every_row_is_the_vector_of_its_image(tmp_path: Path) -> None:
    images = stored(tmp_path, [4, 1, 3])
    found = embed_images(
        images, tmp_path, GradientHistograms(), ENGINE, cache=None, out=tmp_path / "v.npy"
    )
    expected = GradientHistograms().embed([pixels(4), pixels(1), pixels(3)])
    assert np.array_equal(found, expected)
    assert np.array_equal(np.load(tmp_path / "v.npy"), expected)


def test_in_workers_the_same(tmp_path: Path) -> None:
    images = stored(tmp_path, range(70))
    found = [
        embed_images(
            images, tmp_path, GradientHistograms(), LocalEngine(n), cache=None, out=tmp_path / "v"
        )
        for n in (1, 2)
    ]
    assert np.array_equal(found[0], found[1])


@pytest.mark.parametrize("cached", [False, True])
def test_no_image_is_embedded_twice(tmp_path: Path, cached: bool) -> None:
    images = stored(tmp_path, [1, 2, 1, 3, 4, 2, 1])
    model = Counting()
    found = embed_images(
        images, tmp_path, model, ENGINE, cache=tmp_path / "c" if cached else None,
        out=tmp_path / "v.npy",
    )  # fmt: skip
    assert model.batches == [3, 1]
    assert np.array_equal(found[0], found[2])
    assert np.array_equal(found, Counting().embed([pixels(n) for n in (1, 2, 1, 3, 4, 2, 1)]))


def test_nor_in_another_build(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    before = stored(tmp_path / "a", [1, 2, 3, 4])
    after = stored(tmp_path / "b", [5, 4, 2, 6, 1])
    out, cache = tmp_path / "v.npy", tmp_path / "cache"
    embed_images(before, tmp_path / "a", first, ENGINE, cache=cache, out=out)
    found = embed_images(after, tmp_path / "b", second, ENGINE, cache=cache, out=out)
    assert (first.batches, second.batches) == ([3, 1], [2])
    assert np.array_equal(found, Counting().embed([pixels(n) for n in (5, 4, 2, 6, 1)]))
    third = Counting()
    embed_images(after, tmp_path / "b", third, ENGINE, cache=cache, out=out)
    assert third.batches == []


def test_what_was_embedded_before_a_failure_is_kept(tmp_path: Path) -> None:
    images = stored(tmp_path, [1, 2, 3, 4, 5, 6, 7])
    (tmp_path / images[6].path).write_bytes(b"\x89PNG damaged")
    model, out = Counting(), tmp_path / "v.npy"
    with pytest.raises(DataError, match="found a damaged picture, expected 9 x 13 pixels"):
        embed_images(images, tmp_path, model, ENGINE, cache=tmp_path / "c", out=out)
    assert model.batches == [3, 3]
    assert not out.exists()
    again = Counting()
    embed_images(images[:6], tmp_path, again, ENGINE, cache=tmp_path / "c", out=out)
    assert again.batches == []


def test_other_pixels_than_the_record_says_are_refused(tmp_path: Path) -> None:
    images = stored(tmp_path, [1, 2])
    for file, found in (
        (pixels(2), "9 x 8 pixels"),
        (255 - pixels(1), "pixel_sha256: found other"),
    ):
        PillowImage.fromarray(file).save(tmp_path / images[0].path, "PNG")
        with pytest.raises(DataError, match=found):
            embed_images(
                images[:1], tmp_path, Counting(), ENGINE, cache=tmp_path / "c", out=tmp_path / "v"
            )
    (tmp_path / images[1].path).unlink()
    with pytest.raises(DataError, match="found no such file"):
        embed_images(images[1:], tmp_path, Counting(), ENGINE, cache=None, out=tmp_path / "v")


def test_no_images_no_vectors(tmp_path: Path) -> None:
    found = embed_images([], tmp_path, Counting(), ENGINE, cache=None, out=tmp_path / "v.npy")
    assert found.shape == (0, 0)


def test_what_workers_finished_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = stored(tmp_path, range(1, 41))
    embed, out, store = GradientHistograms(), tmp_path / "v.npy", tmp_path / "store"
    damaged = tmp_path / images[39].path
    whole = damaged.read_bytes()
    damaged.write_bytes(b"")  # in the second shard
    with pytest.raises(DataError, match="a damaged picture"):
        embed_images(images, tmp_path, embed, ENGINE, cache=None, out=out, store=store)
    damaged.write_bytes(whole)
    asked: list[int] = []
    original = GradientHistograms.embed

    def counted(self: GradientHistograms, pictures: Sequence[np.ndarray]) -> np.ndarray:
        asked.append(len(pictures))
        return original(self, pictures)

    monkeypatch.setattr(GradientHistograms, "embed", counted)
    found = embed_images(images, tmp_path, embed, ENGINE, cache=None, out=out, store=store)
    assert sum(asked) == 8
    assert np.array_equal(found, original(embed, [pixels(n) for n in range(1, 41)]))
