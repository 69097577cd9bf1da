"""A release folder to a benchmark folder that evaluates, exports and audits like a built one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinebench.benchmark.embed import DEFAULT_EMBEDDER, load_embedder
from spinebench.benchmark.embed.stage import embed_images
from spinebench.benchmark.release.incoming import Entry, Incoming, MalformedRowError
from spinebench.benchmark.release.pictures import (
    PictureFile,
    StoredPicture,
    store_picture,
)
from spinebench.benchmark.release.registry import RECIPE, load_format
from spinebench.benchmark.release.settle import ImageBook, QuestionBook, classes_of_images
from spinebench.benchmark.write import BenchmarkContent, write_benchmark
from spinebench.engine import Engine
from spinebench.errors import UsageError
from spinebench.folders import check_place, written_whole
from spinebench.records import Image, Quality, sha256_of_json
from spinebench.sources.base import Terms
from spinebench.sources.registry import SOURCES
from spinebench.tables import Ledger, merged_rejects, sha256_of_file

UNKNOWN_TERMS = Terms(
    name="unknown terms",
    url="",
    summary="The release does not say under which terms its images stand; unknown is taken as no.",
    redistribution=False,
    third_party_models=False,
)
_NOTES = {"options_not_given": "all classes, or the five lumbar discs, were taken as options"}


def import_benchmark(
    path: Path, out: Path, *, format_name: str, engine: Engine, embedder: str = DEFAULT_EMBEDDER
) -> dict[str, Any]:
    """Manifest of the benchmark made in `out` from a release folder.

    Rows that cannot be used are in the ledger with a reason. Raises UsageError if the folder is no
    such release, DataError if one of its tables is damaged or nothing usable is in it.
    """
    if format_name == RECIPE:
        raise UsageError("a recipe holds no pictures: spinebench bench rebuild RECIPE --rsna DIR …")
    chosen = load_format(format_name)
    load_embedder(embedder)
    place = check_place(out)
    with written_whole(place) as folder:
        incoming = Incoming(root=path, stage=folder / "images")
        entries = list(chosen.read(incoming))
        ledger = incoming.ledger
        for entry in entries:
            ledger.count_read(entry.place.file)
        pictures = _store_pictures(entries, folder, engine, ledger)
        images, questions = _settle(entries, pictures, ledger)
        if not questions.questions:
            raise UsageError(_nothing_usable(path, ledger))
        records = sorted(images.images.values(), key=lambda image: image.image_id)
        quality = _quality_of(records, pictures)
        with TemporaryDirectory(dir=folder) as work:
            vectors = _embed(records, folder, embedder, engine, Path(work))
            content = BenchmarkContent(
                images=records,
                findings=(),
                questions=sorted(questions.questions.values(), key=lambda q: q.question_id),
                rejects=merged_rejects([ledger]),
                vectors=vectors,
                quality=quality,
            )
            about = _describe(incoming, format_name, embedder, records, ledger)
            manifest = write_benchmark(folder, content, about)
            del vectors, content
        return manifest


def _store_pictures(
    entries: Sequence[Entry], folder: Path, engine: Engine, ledger: Ledger
) -> dict[Path, StoredPicture]:
    """Stored pictures by file; the rows of unreadable ones are dropped."""
    files = sorted({entry.picture for entry in entries if entry.picture is not None})
    jobs = [PictureFile(file, folder) for file in files]
    stored: dict[Path, StoredPicture] = {}
    failed: dict[Path, str] = {}
    for result in engine.map(store_picture, jobs, label="reading pictures"):
        if isinstance(result, StoredPicture):
            stored[result.file] = result
        else:
            failed[result.file] = result.detail
    for entry in entries:
        if entry.picture in failed:
            detail = failed[entry.picture]
            ledger.drop(entry.place.file, entry.place.row, "unreadable_pixels", detail)
    return stored


def _settle(
    entries: Sequence[Entry], pictures: Mapping[Path, StoredPicture], ledger: Ledger
) -> tuple[ImageBook, QuestionBook]:
    images, questions = ImageBook(pictures, ledger), QuestionBook()
    images.count_folders(entries)
    classes = classes_of_images(entries)
    notes: dict[tuple[str, str], int] = {}
    for entry in entries:
        file, number = entry.place.file, entry.place.row
        if entry.row is None:
            ledger.drop(file, number, entry.reason, entry.detail)
            continue
        if entry.picture not in pictures:
            continue  # dropped with its picture
        disease = classes.get(entry.row.image)
        try:
            image = images.find_or_add(entry, entry.row)
            questions.add(entry, entry.row, image, disease)
        except MalformedRowError as error:
            ledger.drop(file, number, error.reason, error.detail)
            continue
        ledger.use(file)
        if entry.row.options is None:
            notes[file, "options_not_given"] = notes.get((file, "options_not_given"), 0) + 1
    used = {image_id for q in questions.questions.values() for image_id in q.image_ids}
    images.images = {i: image for i, image in images.images.items() if i in used}
    for (file, note), times in sorted({**notes, **images.assumed}.items()):
        ledger.drop(
            file, None, note, f"{times} times" + (f": {_NOTES[note]}" if note in _NOTES else "")
        )
    ledger.check()
    return images, questions


def _nothing_usable(path: Path, ledger: Ledger) -> str:
    reasons = sorted({reject.reason for reject in ledger.rejects if reject.row is not None})
    read = sum(ledger.read.values())
    return f"{path}: none of {read} rows could be used ({', '.join(reasons) or 'no rows'})"


def _quality_of(images: Sequence[Image], pictures: Mapping[Path, StoredPicture]) -> list[Quality]:
    by_path = {picture.path: picture.quality for picture in pictures.values()}
    return [replace(by_path[image.path], image_id=image.image_id) for image in images]


def _embed(
    images: Sequence[Image], folder: Path, embedder: str, engine: Engine, work: Path
) -> NDArray[np.float32]:
    out = work / "vectors.npy"
    return embed_images(images, folder, load_embedder(embedder), engine, cache=None, out=out)


def _describe(
    incoming: Incoming, format_name: str, embedder: str, images: Sequence[Image], ledger: Ledger
) -> dict[str, Any]:
    """What the manifest says of an import; terms are those we know, never those a file claims."""
    sources: dict[str, Any] = {}
    for name in sorted({image.source for image in images}):
        own = [image for image in images if image.source == name]
        known = SOURCES.get(name)
        sources[name] = {
            "title": known.title if known else f"{name} (imported)",
            "terms": asdict(known.terms if known else UNKNOWN_TERMS),
            "annotations_sha256": {},
            "images_sha256": sha256_of_json({i.image_id: i.original_sha256 for i in own}),
            "images": len(own),
            "patients": len({image.patient_id for image in own}),
            "accounting": {},
        }
    return {
        "seed": 0,
        "label_rule": "imported/1",
        "policy": "as-imported/1",
        "embedder": load_embedder(embedder).name,
        "sources": sources,
        "imported": {
            "format": format_name,
            "files": {
                file: sha256_of_file(incoming.root / file) for file in sorted(incoming.files)
            },
            "accounting": ledger.summary(),
        },
    }
