"""Files of a release: pictures with their hash checked, JSON, and the note of what it is."""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image as PillowImage

import spinebench
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.release.rows import Selection
from spinebench.errors import DataError
from spinebench.imaging.standard import DEFAULT_POLICY
from spinebench.progress import iter_with_progress
from spinebench.records import Image
from spinebench.tables import sha256_of_file, write_json

RELEASE_FILE = "release.json"


def read_picture_bytes(bench: Benchmark, image: Image) -> bytes:
    """Bytes of an image's standard file. Raises DataError if it is missing or was altered."""
    path = bench.image_file(image.image_id)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            file=image.path, found=error.strerror or "unreadable", expected="the image's file"
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != image.file_sha256:
        raise DataError(file=image.path, field="SHA-256", found=digest, expected=image.file_sha256)
    return data


def to_jpeg(data: bytes) -> bytes:
    """The picture as JPEG, as the public release has it: near to the pixels, not the same."""
    buffer = io.BytesIO()
    with PillowImage.open(io.BytesIO(data)) as picture:
        picture.convert("RGB").save(
            buffer, "JPEG", quality=DEFAULT_POLICY.jpeg_quality, subsampling=0
        )
    return buffer.getvalue()


def iter_pictures(selection: Selection, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """(path in the release, bytes) of the pictures at these paths, with progress."""
    wanted = sorted(set(paths))
    for path in iter_with_progress(wanted, total=len(wanted), label="writing pictures"):
        yield path, read_picture_bytes(selection.bench, selection.images[path])


def write_json_lines(path: Path, objects: Iterable[Mapping[str, Any]]) -> None:
    """A JSON list with one object a line: a diff shows which changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as stream:
        stream.write("[")
        for number, value in enumerate(objects):
            text = json.dumps(value, ensure_ascii=False, allow_nan=False)
            stream.write(("," if number else "") + "\n" + text)
        stream.write("\n]\n")


def write_release_note(
    folder: Path, selection: Selection, format_name: str, about: Mapping[str, Any]
) -> dict[str, Any]:
    """What a release is, as written to `release.json`: origin, terms, counts, hashes of its tables.

    Pictures are not listed: their hashes stand in the rows' question ids, and in Croissant.
    """
    manifest = selection.bench.manifest
    counts: dict[str, dict[str, int]] = {}
    for row in selection.rows:
        cell = counts.setdefault(row.task, {})
        cell[row.split] = cell.get(row.split, 0) + 1
    note = {
        "kind": "release",
        "format": format_name,
        "spinebench": spinebench.__version__,
        **about,
        "benchmark": {
            "seed": manifest["seed"],
            "label_rule": manifest["label_rule"],
            "questions_sha256": manifest["tables"]["questions.parquet"],
        },
        "sources": describe_sources(manifest, selection.sources),
        "counts": {
            "images": len(selection.images),
            "patients": len({image.patient_id for image in selection.images.values()}),
            "questions": len(selection.rows),
            "questions_by_task_and_split": counts,
        },
        "tables": {
            path.relative_to(folder).as_posix(): sha256_of_file(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in (".json", ".parquet", ".tsv")
        },
    }
    write_json(folder / RELEASE_FILE, note)
    return note


def describe_sources(manifest: Mapping[str, Any], sources: Iterable[str]) -> dict[str, Any]:
    """Title and terms of the sources, from a benchmark's manifest."""
    described = manifest["sources"]
    return {
        name: {"title": described[name]["title"], "terms": described[name]["terms"]}
        for name in sources
    }
