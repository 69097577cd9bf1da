"""The stages that a build and a rebuild share; a killed run goes on from what they have kept.

Results stand in `STAGES` inside the unfinished folder until the folder is finished.
"""

import shutil
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spinebench.benchmark.embed import Embedder
from spinebench.benchmark.embed.cache import choose_cache
from spinebench.benchmark.embed.stage import embed_images
from spinebench.benchmark.picture_store import PictureResult, picture_store
from spinebench.benchmark.pictures import PictureJob, read_picture
from spinebench.engine import Engine
from spinebench.records import Image
from spinebench.sources.base import Reading

STAGES = ".stages"
# Raised when a stage's function gives other results for the same input.
STAGE_VERSION = "stages/1"
PICTURES_PER_SHARD = 16  # pictures that travel together: what a kill can cost each worker


def picture_jobs(
    readings: Sequence[Reading], wanted: Container[str], folder: Path
) -> list[PictureJob]:
    """A job for each image of the readings whose id is wanted, by source and id."""
    return [
        PictureJob(reading.root, reading.images[image_id], folder)
        for reading in readings
        for image_id in sorted(reading.images)
        if image_id in wanted
    ]


def iter_pictures(
    jobs: Sequence[PictureJob], folder: Path, engine: Engine
) -> Iterator[PictureResult]:
    """Picture of each job, or why there is none; the pictures are stored in `folder`."""
    return engine.map(
        read_picture,
        jobs,
        label="reading images",
        shard=PICTURES_PER_SHARD,
        store=picture_store(folder, folder / STAGES / "pictures"),
        name=lambda job: job.ref.image_id,
    )


def embed_stage(
    images: Sequence[Image], folder: Path, embedder: Embedder, engine: Engine, cache: Path | None
) -> NDArray[np.float32]:
    """Vectors (images, length), mapped from a file; `cache` None: the embedder's own, if any."""
    return embed_images(
        images,
        folder,
        embedder,
        engine,
        cache=cache or choose_cache(embedder),
        out=folder / STAGES / "vectors.npy",
        store=folder / STAGES / "vectors",
    )


def remove_stages(folder: Path) -> None:
    """Remove what the stages have kept, once all tables are written."""
    if (folder / STAGES).exists():  # a rebuild without images has none
        shutil.rmtree(folder / STAGES)
