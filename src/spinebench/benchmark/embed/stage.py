"""The stage of a build that embeds the stored pictures: no image twice, memory bounded."""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from spinebench.benchmark.embed import Embedder
from spinebench.benchmark.embed.cache import VectorCache
from spinebench.benchmark.embed.rowfile import RowFile, load_rows
from spinebench.engine import Engine, ShardStore
from spinebench.errors import DataError
from spinebench.imaging.standard import pixel_sha256
from spinebench.progress import iter_with_progress
from spinebench.records import Image

_LABEL = "embedding images"
_WINDOW = 1024  # images whose cached vectors are held at once
_KEEP = 256  # vectors put into the cache at once: what a kill can lose
_SHARD = 32


@dataclass(frozen=True)
class EmbedJob:
    """What one worker call needs: the embedder and a stored picture with what it must be."""

    embedder: Embedder
    path: str
    rows: int
    cols: int
    pixel_sha256: str


def embed_images(
    images: Sequence[Image],
    folder: Path,
    embedder: Embedder,
    engine: Engine,
    *,
    cache: Path | None,
    out: Path,
    store: Path | None = None,
) -> NDArray[np.float32]:
    """Vectors (n, length) of the images' standard files in `folder`, in their order.

    They are written to `out` (a `.npy` file) and mapped from it; `rowfile.read_rows` reads blocks
    of them. Images of the same pixels are embedded once, and those in the `cache` folder not at
    all. With a `store` folder, what workers finished is found there after a kill (what a model in
    this process finished is found in the cache). Raises DataError if a file is damaged or its
    pixels are not those of the record.
    """
    with ExitStack() as stack:
        kept = None if cache is None else stack.enter_context(VectorCache(cache, embedder.name))
        first = {image.pixel_sha256: image for image in reversed(images)}
        cached = set() if kept is None else kept.has(first)
        jobs = [
            EmbedJob(
                embedder, str(folder / image.path), image.file_rows, image.file_cols, key
            )
            for image in images
            if (key := image.pixel_sha256) not in cached and first[key] is image
        ]  # fmt: skip
        fresh = stack.enter_context(closing(_iter_fresh(embedder, jobs, engine, store)))
        if kept is not None:
            # closed before the cache is: whatever stops the build, what was embedded is kept
            fresh = stack.enter_context(closing(_iter_kept(fresh, jobs, kept)))
        rows = stack.enter_context(RowFile(out, len(images)))
        _write_rows(images, cached, kept, fresh, rows)
    return load_rows(out) if len(images) else np.zeros((0, 0), np.float32)


def _write_rows(
    images: Sequence[Image],
    cached: set[str],
    kept: VectorCache | None,
    fresh: Iterator[NDArray[np.float32]],
    rows: RowFile,
) -> None:
    row_of: dict[str, int] = {}
    for start in range(0, len(images), _WINDOW):
        window = images[start : start + _WINDOW]
        known = {} if kept is None else kept.find(cached & {i.pixel_sha256 for i in window})
        for row, image in enumerate(window, start):
            key = image.pixel_sha256
            if key in known:
                rows.append(known[key])
            elif key in row_of:
                rows.append(rows.read(row_of[key]))
            else:
                rows.append(next(fresh))
                row_of[key] = row
    if next(fresh, None) is not None:
        raise ValueError("more vectors than images")


def _iter_fresh(
    embedder: Embedder, jobs: Sequence[EmbedJob], engine: Engine, store: Path | None
) -> Generator[NDArray[np.float32]]:
    if embedder.in_process:
        yield from iter_with_progress(_iter_here(embedder, jobs), total=len(jobs), label=_LABEL)
    else:
        kept = None if store is None else _vector_store(store)
        yield from engine.map(embed_picture, jobs, label=_LABEL, shard=_SHARD, store=kept)


def _vector_store(folder: Path) -> ShardStore[EmbedJob, NDArray[np.float32]]:
    return ShardStore(folder, _key_of, _write_vectors, _read_vectors, suffix=".npy")


def _key_of(job: EmbedJob) -> str:
    return f"{job.embedder.name}\x1f{job.pixel_sha256}"


def _write_vectors(path: Path, vectors: list[NDArray[np.float32]]) -> None:
    np.save(path, np.stack(vectors))


def _read_vectors(path: Path) -> list[NDArray[np.float32]]:
    return list(np.load(path))


def _iter_here(embedder: Embedder, jobs: Sequence[EmbedJob]) -> Iterator[NDArray[np.float32]]:
    """Batch by batch in this process; threads decode the next batch meanwhile."""
    batches = [
        jobs[start : start + embedder.batch] for start in range(0, len(jobs), embedder.batch)
    ]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        waiting = _submit(pool, read_pixels, batches[0]) if batches else []
        for number in range(len(batches)):
            pixels = [future.result() for future in waiting]
            following = batches[number + 1] if number + 1 < len(batches) else ()
            waiting = _submit(pool, read_pixels, following)
            yield from embedder.embed(pixels)


def _submit(
    pool: ThreadPoolExecutor,
    function: Callable[[EmbedJob], NDArray[np.uint8]],
    jobs: Sequence[EmbedJob],
) -> list[Future[NDArray[np.uint8]]]:
    return [pool.submit(function, job) for job in jobs]


def _iter_kept(
    fresh: Iterator[NDArray[np.float32]], jobs: Sequence[EmbedJob], kept: VectorCache
) -> Generator[NDArray[np.float32]]:
    """The same vectors, put into the cache on their way, also when the reader stops early."""
    waiting: list[NDArray[np.float32]] = []
    done = 0

    def keep() -> None:
        nonlocal done
        keys = [job.pixel_sha256 for job in jobs[done : done + len(waiting)]]
        kept.add(keys, waiting)
        done += len(waiting)
        waiting.clear()

    try:
        for vector in fresh:
            waiting.append(vector)
            if len(waiting) >= _KEEP:
                keep()
            yield vector
    finally:
        keep()


def embed_picture(job: EmbedJob) -> NDArray[np.float32]:
    """Vector of one stored picture. Runs in workers: a plain function of plain values."""
    vector: NDArray[np.float32] = job.embedder.embed([read_pixels(job)])[0]
    return vector


def read_pixels(job: EmbedJob) -> NDArray[np.uint8]:
    """RGB pixels (rows, cols, 3) of a stored picture; DataError unless they are the record's."""
    path = Path(job.path)
    expected = f"{job.cols} x {job.rows} pixels as in images.parquet"
    try:
        with PillowImage.open(path) as picture:
            if picture.size != (job.cols, job.rows):  # before anything is decoded
                size = f"{picture.width} x {picture.height} pixels"
                raise DataError(file=str(path), found=size, expected=expected)
            pixels = np.asarray(picture.convert("RGB"))
    except FileNotFoundError as error:
        raise DataError(file=str(path), found="no such file", expected=expected) from error
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises on damaged files
        raise DataError(file=str(path), found="a damaged picture", expected=expected) from error
    # the cache is addressed by the record's hash: other pixels would poison it for all builds
    if pixel_sha256(pixels) != job.pixel_sha256:
        raise DataError(
            file=str(path), field="pixel_sha256", found="other pixels", expected=job.pixel_sha256
        )
    return pixels
