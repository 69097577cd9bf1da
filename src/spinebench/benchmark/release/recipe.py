"""A recipe: what is needed to make the same benchmark again from one's own copies of the images.

recipe.json        kind "recipe"; how the benchmark was made; hashes of its tables and of these
questions.parquet  records.Question: ids, texts, options and right letters, byte for byte
images.parquet     image id (source and path), SHA-256 of the original file and of the pixels
dropped.parquet    rows that were put aside for what their picture is, with the reason

No pixels, no coordinates, no grades, no findings, no patient data beyond the ids that the paths of
the sources hold anyway: those are read again from the source's own files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

import spinebench
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.release.columns import check_unpacked
from spinebench.errors import DataError, UsageError
from spinebench.records import Question
from spinebench.sources.jsonfile import read_json
from spinebench.tables import (
    read_named_frame,
    read_table,
    sha256_of_file,
    write_frame,
    write_json,
    write_table,
)

FILE = "recipe.json"
IMAGE_SCHEMA = "recipe-image/1"
DROP_SCHEMA = "recipe-drop/1"
# Reasons that lie in a picture's pixels. All others follow from the annotations and the label rule,
# and are found again on a rebuild; so no detail that could quote an annotation has to be told.
PICTURE_REASONS = frozenset(
    ("unreadable_pixels", "several_frames", "identical_pixels", "near_duplicates", "unclear")
)
_NOT_TOLD = ("kind", "spinebench", "counts", "tables")
_IMAGES = {"image_id": pl.String, "original_sha256": pl.String, "pixel_sha256": pl.String}
_DROPS = {
    "source": pl.String, "file": pl.String, "row": pl.Int64, "column": pl.String,
    "reason": pl.String, "detail": pl.String,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A recipe as read."""

    about: Mapping[str, Any]  # the manifest of the benchmark, without counts and tables
    counts: Mapping[str, Any]
    tables: Mapping[str, str]  # SHA-256 of the benchmark's tables
    questions: tuple[Question, ...]
    images: Mapping[str, tuple[str, str]]  # SHA-256 of original and of pixels, by image id
    drops: Mapping[tuple[str, str, int, str | None], tuple[str, str]]  # reason, detail by unit


def write_recipe(bench: Benchmark, folder: Path) -> dict[str, Any]:
    """The recipe's note, as in `recipe.json`; the recipe was written into `folder`.

    Raises UsageError for a benchmark that no source folder can give: one that was imported.
    """
    if "imported" in bench.manifest:
        raise UsageError(
            f"{bench.folder} was imported: its images stand in no source's folder, so there is "
            "nothing to rebuild it from; pass on the release that it came from"
        )
    write_table(folder / "questions.parquet", bench.questions, Question)
    images = [(i.image_id, i.original_sha256, i.pixel_sha256) for i in bench.images.values()]
    frame = pl.DataFrame(images, schema=_IMAGES, orient="row")
    write_frame(folder / "images.parquet", frame, schema=IMAGE_SCHEMA)
    drops = [
        (r.source, r.file, r.row, r.column, r.reason, r.detail)
        for r in bench.rejects
        if r.reason in PICTURE_REASONS and r.row is not None
    ]
    frame = pl.DataFrame(drops, schema=_DROPS, orient="row")
    write_frame(folder / "dropped.parquet", frame, schema=DROP_SCHEMA)
    note = {
        "kind": "recipe",
        "spinebench": spinebench.__version__,
        "about": {k: v for k, v in bench.manifest.items() if k not in _NOT_TOLD},
        "counts": bench.manifest["counts"],
        "tables": bench.manifest["tables"],
        "files": {path.name: sha256_of_file(path) for path in sorted(folder.glob("*.parquet"))},
    }
    write_json(folder / FILE, note)
    return note


def read_recipe(folder: Path) -> Recipe:
    """The recipe in a folder. Raises UsageError if there is none, DataError if it was altered."""
    if not (folder / FILE).is_file():
        raise UsageError(f"{folder} is no recipe: looked for {FILE}")
    note = read_json(folder, FILE, limit_bytes=64_000_000)
    if not isinstance(note, dict) or note.get("kind") != "recipe":
        raise DataError(file=FILE, field="kind", found="another", expected="recipe")
    for field in ("about", "counts", "tables", "files"):
        if not isinstance(note.get(field), dict):
            raise DataError(file=FILE, field=field, found="nothing", expected="an object")
    for name in ("questions.parquet", "images.parquet", "dropped.parquet"):
        path = folder / name
        found = sha256_of_file(path) if path.is_file() else "no such file"
        if found != note["files"].get(name):
            raise DataError(
                file=name, field="SHA-256", found=found,
                expected=f"{note['files'].get(name)} ({FILE})",
            )  # fmt: skip
        check_unpacked(path, name, frozenset(pl.read_parquet_schema(path)))
    for field in ("seed", "label_rule", "embedder", "sources"):
        if field not in note["about"]:
            raise DataError(file=FILE, field=f"about.{field}", found="nothing", expected="a value")
    images = _read_rows(folder / "images.parquet", IMAGE_SCHEMA, _IMAGES)
    drops = _read_rows(folder / "dropped.parquet", DROP_SCHEMA, _DROPS)
    recipe = Recipe(
        about=note["about"],
        counts=note["counts"],
        tables=note["tables"],
        questions=tuple(read_table(folder / "questions.parquet", Question)),
        images={image_id: (original, pixels) for image_id, original, pixels in images},
        drops={(s, f, row, column): (why, what) for s, f, row, column, why, what in drops},
    )
    _check_images_known(recipe)
    return recipe


def _read_rows(path: Path, schema: str, columns: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    frame = read_named_frame(path, schema)
    if dict(frame.schema) != dict(columns):
        raise DataError(
            file=path.name, field="columns", found=", ".join(frame.columns)[:200],
            expected=", ".join(columns),
        )  # fmt: skip
    return frame.rows()


def _check_images_known(recipe: Recipe) -> None:
    for question in recipe.questions:
        for image_id in question.image_ids:
            if image_id not in recipe.images:
                raise DataError(
                    file="questions.parquet", place=question.question_id, field="image_ids",
                    found=image_id, expected="an image of images.parquet",
                )  # fmt: skip
