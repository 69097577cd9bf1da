"""The one writer of a benchmark folder: its tables, its counts and its manifest.

A build, an import and a mended copy differ in what they were made from (`about`); everything else
is the same for all of them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

import spinebench
from spinebench.anatomy.diseases import CLASSES
from spinebench.benchmark.bundle import EMBEDDING_SCHEMA
from spinebench.benchmark.embed.rowfile import read_rows
from spinebench.errors import DataError
from spinebench.records import Finding, Image, Quality, Question, Reject
from spinebench.tables import SCHEMA_KEY, sha256_of_file, write_json, write_table

_ROWS_AT_ONCE = 512  # of vectors; also a row group of their table


@dataclass(frozen=True, kw_only=True)
class BenchmarkContent:
    """All records of a benchmark. The order of each is that of its table."""

    images: Sequence[Image]
    findings: Sequence[Finding]
    questions: Sequence[Question]
    rejects: Sequence[Reject]
    vectors: NDArray[np.float32] | None = None  # (images, length), in the order of `images`
    quality: Sequence[Quality] = ()  # empty: not measured


def write_benchmark(
    folder: Path, content: BenchmarkContent, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Manifest of the benchmark whose tables were written into `folder`, images being there.

    `about` is what it was made from: at least `seed`, `label_rule`, `sources` (by name: title,
    terms, images, patients, accounting). Pictures that no image names are removed. Raises
    DataError if a question names an image that is not there, or two have one id.
    """
    known = {image.image_id for image in content.images}
    counts = Counter(question.question_id for question in content.questions)
    for question in content.questions:
        if counts[question.question_id] > 1:
            raise DataError(
                file="questions", place=question.question_id, field="question_id",
                found=f"{counts[question.question_id]} questions", expected="one of each id",
            )  # fmt: skip
        missing = sorted(set(question.image_ids) - known)
        if missing:
            raise DataError(
                file="questions", place=question.question_id, field="image_ids",
                found=missing[0], expected="an image of this benchmark",
            )  # fmt: skip
    write_table(folder / "images.parquet", content.images, Image)
    write_table(folder / "findings.parquet", content.findings, Finding)
    write_table(folder / "questions.parquet", content.questions, Question)
    write_table(folder / "rejects.parquet", content.rejects, Reject)
    if content.quality:
        write_table(folder / "quality.parquet", content.quality, Quality)
    if content.vectors is not None:
        ids = [image.image_id for image in content.images]
        write_embeddings(folder / "embeddings.parquet", ids, content.vectors)
    _remove_unreferenced(folder, {image.path for image in content.images})
    tables = sorted(folder.glob("*.parquet"))
    manifest = {
        "kind": "benchmark",
        "spinebench": spinebench.__version__,
        **about,
        "counts": count_content(content.images, content.questions),
        "tables": {path.name: sha256_of_file(path) for path in tables},
    }
    write_json(folder / "manifest.json", manifest)
    return manifest


def write_embeddings(path: Path, image_ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
    """Table of image ids and vectors (images, length), in the order given.

    Written block by block: `vectors` may be a mapped file that is larger than the memory.
    """

    def iter_blocks(
        columns: list[str] | None, predicate: object, rows: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        for start in range(0, len(image_ids), _ROWS_AT_ONCE):
            stop = start + _ROWS_AT_ONCE
            ids = pl.Series("image_id", image_ids[start:stop], pl.String)
            block = pl.Series("vector", np.ascontiguousarray(read_rows(vectors, start, stop)))
            yield pl.DataFrame([ids, block.cast(pl.List(pl.Float32))])

    schema = pl.Schema([("image_id", pl.String()), ("vector", pl.List(pl.Float32()))])
    temporary = path.with_name(path.name + ".tmp")
    register_io_source(iter_blocks, schema=schema).sink_parquet(
        temporary,
        compression="zstd",
        row_group_size=_ROWS_AT_ONCE,
        maintain_order=True,
        metadata={SCHEMA_KEY: EMBEDDING_SCHEMA},
    )
    temporary.replace(path)


def count_content(images: Sequence[Image], questions: Sequence[Question]) -> dict[str, Any]:
    """Questions by task, split and class, classes without any question included as 0."""
    by_split: dict[str, dict[str, int]] = {}
    subset: Counter[str] = Counter()
    patients: dict[str, set[str]] = defaultdict(set)
    for question in questions:
        cell = by_split.setdefault(question.task, {})
        cell[question.split] = cell.get(question.split, 0) + 1
        patients[question.split].add(question.patient_id)
        subset[question.task] += question.in_subset
    asked = Counter(q.disease for q in questions if q.task == "diagnosis")
    return {
        "images": len(images),
        "patients": len({image.patient_id for image in images}),
        "patients_by_split": {split: len(ids) for split, ids in sorted(patients.items())},
        "questions": len(questions),
        "questions_by_task_and_split": by_split,
        "subset_by_task": dict(sorted(subset.items())),
        "diagnosis_by_class": {name: asked[name] for name in CLASSES},
        "negatives_outside_library": sum(
            similarity is None for q in questions for similarity in q.similarities
        ),
    }


def _remove_unreferenced(folder: Path, paths: set[str]) -> None:
    """Delete pictures that were written before their image was dropped."""
    for file in (folder / "images").glob("*/*"):
        if file.relative_to(folder).as_posix() not in paths:
            file.unlink()
            if not any(file.parent.iterdir()):
                file.parent.rmdir()
