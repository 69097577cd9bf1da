"""A recipe and one's own image folders to the benchmark that the recipe was made of.

Each image is found by its path, standardised, and held to the pixel hash of the recipe; findings
and the account of every row are made again from the source's own files.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinebench.benchmark.accounts import Accounts
from spinebench.benchmark.build import describe_source, label_images
from spinebench.benchmark.embed import load_embedder
from spinebench.benchmark.labels import Labelled, load_label_rule, parse_multi_label
from spinebench.benchmark.pictures import Picture
from spinebench.benchmark.release.recipe import Recipe, read_recipe
from spinebench.benchmark.stages import (
    STAGE_VERSION,
    embed_stage,
    iter_pictures,
    picture_jobs,
    remove_stages,
)
from spinebench.benchmark.write import BenchmarkContent, write_benchmark
from spinebench.engine import Engine
from spinebench.errors import DataError, UsageError
from spinebench.folders import check_place, written_whole
from spinebench.imaging.standard import DEFAULT_POLICY
from spinebench.records import Image, Question, question_content_hash
from spinebench.sources.base import Reading, Source
from spinebench.sources.registry import SOURCES
from spinebench.tables import merged_rejects

_NAMED = 3  # images told by id in a message


@dataclass
class Verification:
    """What was held against the recipe, and what did not fit."""

    images: int = 0
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)  # reason, detail by image id
    other_originals: int = 0  # the same pixels from a file with other bytes
    annotations: list[str] = field(default_factory=list)  # files that differ
    tables: dict[str, bool] = field(default_factory=dict)  # the same bytes as the original's?

    def summary(self) -> dict[str, Any]:
        """Plain values for a command's result."""
        return {
            "images": self.images,
            "failed": dict(sorted(Counter(reason for reason, _ in self.failed.values()).items())),
            "failed_images": sorted(self.failed),
            "other_originals": self.other_originals,
            "annotations_that_differ": self.annotations,
            "tables": {name: "same" if same else "differs" for name, same in self.tables.items()},
        }


def rebuild_benchmark(
    recipe_folder: Path,
    folders: Mapping[str, Path],
    out: Path,
    *,
    engine: Engine,
    sources: Mapping[str, Source] = SOURCES,
    partial: bool = False,
    cache: Path | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Manifest of the benchmark rebuilt in `out`, and what was verified.

    Raises DataError if an annotation file, a picture or a question is not what the recipe says;
    with `partial` the images that fail are left out with their questions, and said in the ledger.
    """
    recipe = read_recipe(recipe_folder)
    wanted = _check_can_be_made(recipe, folders, sources)
    place = check_place(out)
    rule = load_label_rule(
        str(recipe.about["label_rule"]),
        parse_multi_label(str(recipe.about.get("multi_label", "drop"))),
    )
    readings = [sources[name].read(folders[name], engine) for name in sources if name in wanted]
    verified = Verification()
    with written_whole(place, keep=f"rebuild of {STAGE_VERSION}") as folder:
        accounts = Accounts(readings)
        labels = label_images(readings, rule, accounts)
        pictures = _read_pictures(recipe, readings, folder, engine, verified)
        images = [picture.image for picture in pictures]
        _check_annotations(recipe, readings, sources, images, verified)
        if not partial:
            _check_complete(recipe, verified)
        _drop_others(recipe, readings, labels, {i.image_id for i in images}, accounts, verified)
        questions = _questions_of(recipe, images)
        accounts.settle(questions)
        measured = "quality.parquet" in recipe.tables
        content = BenchmarkContent(
            images=images,
            findings=accounts.findings_of(images),
            questions=questions,
            rejects=merged_rejects([reading.ledger for reading in readings]),
            vectors=_embed(recipe, images, folder, engine, cache),
            quality=[picture.quality for picture in pictures] if measured else (),
        )
        about = dict(recipe.about) | {
            "sources": {r.source: describe_source(r, sources[r.source], images) for r in readings}
        }
        manifest = write_benchmark(folder, content, about)
        remove_stages(folder)
    verified.tables = {
        name: manifest["tables"].get(name) == digest for name, digest in recipe.tables.items()
    }
    return manifest, verified.summary()


def _check_can_be_made(
    recipe: Recipe, folders: Mapping[str, Path], sources: Mapping[str, Source]
) -> list[str]:
    """Names of the sources that the recipe needs, all of them given."""
    wanted = sorted(recipe.about["sources"])
    for name in wanted:
        if name not in sources:
            raise UsageError(f"the recipe needs source {name!r}, which this version cannot read")
        if name not in folders:
            raise UsageError(f"the recipe needs the images of {name}: --{name} DIR")
    if recipe.about.get("policy") != DEFAULT_POLICY.name:
        raise UsageError(
            f"the recipe's pictures follow policy {recipe.about.get('policy')}, this version "
            f"makes {DEFAULT_POLICY.name}"
        )
    return wanted


def _read_pictures(
    recipe: Recipe,
    readings: Sequence[Reading],
    folder: Path,
    engine: Engine,
    verified: Verification,
) -> list[Picture]:
    """The recipe's images that are as it says, by image id."""
    jobs = picture_jobs(readings, recipe.images, folder)
    found = {job.ref.image_id for job in jobs}
    for image_id in recipe.images:
        if image_id not in found:
            verified.failed[image_id] = ("missing_file", "no such image, or no label of it")
    pictures: list[Picture] = []
    for result in iter_pictures(jobs, folder, engine):
        if not isinstance(result, Picture):
            verified.failed[result.image_id] = (result.reason, result.detail)
            continue
        image = result.image
        original, pixels = recipe.images[image.image_id]
        if image.pixel_sha256 != pixels:
            verified.failed[image.image_id] = ("other_pixels", f"the recipe has {pixels[:12]}…")
            continue
        verified.other_originals += image.original_sha256 != original
        pictures.append(result)
    verified.images = len(pictures)
    return sorted(pictures, key=lambda picture: picture.image.image_id)


def _check_annotations(
    recipe: Recipe,
    readings: Sequence[Reading],
    sources: Mapping[str, Source],
    images: Sequence[Image],
    verified: Verification,
) -> None:
    """Compare the annotation files' hashes: other labels would give other findings."""
    for reading in readings:
        told = recipe.about["sources"][reading.source].get("annotations_sha256", {})
        own = describe_source(reading, sources[reading.source], images)["annotations_sha256"]
        verified.annotations += [
            f"{reading.source}:{file}"
            for file in sorted({*told, *own})
            if told.get(file) != own.get(file)
        ]


def _check_complete(recipe: Recipe, verified: Verification) -> None:
    if verified.annotations:
        raise DataError(
            file=verified.annotations[0], field="SHA-256",
            found=f"{len(verified.annotations)} annotation files that differ from the recipe's",
            expected="those that the benchmark was built from (--partial takes them as they are)",
        )  # fmt: skip
    if verified.failed:
        reasons = Counter(reason for reason, _ in verified.failed.values())
        words = ", ".join(f"{reason} {times}" for reason, times in sorted(reasons.items()))
        first = ", ".join(sorted(verified.failed)[:_NAMED])
        more = " and more" if len(verified.failed) > _NAMED else ""
        raise DataError(
            file="recipe", field="images",
            found=f"{len(verified.failed)} of {len(recipe.images)} that are missing or differ "
            f"({words}): {first}{more}",
            expected="all of them as the recipe says (--partial leaves these out)",
        )  # fmt: skip


def _drop_others(
    recipe: Recipe,
    readings: Sequence[Reading],
    labels: Mapping[str, Sequence[Labelled]],
    kept: set[str],
    accounts: Accounts,
    verified: Verification,
) -> None:
    """Say why each labelled image is not asked about: as the recipe does, or what failed here."""
    source_of = {i: reading.source for reading in readings for i in reading.images}
    for image_id, own in labels.items():
        if image_id in kept:
            continue
        units = [unit for label in own for unit in label.units]
        told = (recipe.drops.get((source_of[image_id], *unit)) for unit in units)
        known = verified.failed.get(image_id) or next((t for t in told if t is not None), None)
        accounts.drop(own, *(known or ("not_in_recipe", "the benchmark does not ask about it")))
    ledgers = {reading.source: reading.ledger for reading in readings}
    for image_id, (reason, detail) in sorted(verified.failed.items()):
        source, _, path = image_id.partition(":")
        if image_id not in labels and source in ledgers:
            ledgers[source].drop(path, None, reason, detail)


def _questions_of(recipe: Recipe, images: Sequence[Image]) -> list[Question]:
    """The recipe's questions on these images, their ids proved against text and pixels."""
    by_id = {image.image_id: image for image in images}
    questions = [q for q in recipe.questions if all(i in by_id for i in q.image_ids)]
    for question in questions:
        content = question_content_hash(
            text=question.text,
            options=question.options,
            gold=question.gold,
            pixel_sha256=tuple(by_id[i].pixel_sha256 for i in question.image_ids),
        )
        if not question.question_id.endswith(f"@{content}"):
            raise DataError(
                file="questions.parquet", place=question.question_id, field="question_id",
                found="a text, option or answer that was altered", expected=f"…@{content}",
            )  # fmt: skip
    if not questions:
        raise UsageError("no question of the recipe is left: none of its images is as it says")
    return questions


def _embed(
    recipe: Recipe, images: Sequence[Image], folder: Path, engine: Engine, cache: Path | None
) -> NDArray[np.float32] | None:
    if "embeddings.parquet" not in recipe.tables:
        return None
    embedder = load_embedder(str(recipe.about["embedder"]))
    return embed_stage(images, folder, embedder, engine, cache)
