"""Results of the picture stage on disk, so that a build that was killed goes on where it stood."""

import functools
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from spinebench.benchmark.pictures import Picture, PictureJob, Unreadable
from spinebench.engine import ShardStore
from spinebench.errors import DataError
from spinebench.imaging.quality import QUALITY_POLICY
from spinebench.imaging.standard import DEFAULT_POLICY
from spinebench.records import Image, Quality, sha256_of_json

PictureResult = Picture | Unreadable


def picture_store(folder: Path, stage: Path) -> ShardStore[PictureJob, PictureResult]:
    """Store in `stage` of pictures whose files stand in the benchmark's `folder`."""
    return ShardStore(
        folder=stage,
        key=_key,
        write=_write,
        read=functools.partial(_read, folder),
        suffix=".json",
    )


def _key(job: PictureJob) -> str:
    """All that the result depends on: the reference, the file as it is now, the policies."""
    try:
        status = (job.root / job.ref.path).stat()
        state = [status.st_size, status.st_mtime_ns]
    except OSError as error:
        state = [error.errno or -1]
    policies = {"standard": asdict(DEFAULT_POLICY), "quality": asdict(QUALITY_POLICY)}
    return sha256_of_json({"ref": asdict(job.ref), "file": state, **policies})


def _write(path: Path, results: list[PictureResult]) -> None:
    rows = [
        {"image": asdict(r.image), "quality": asdict(r.quality)}
        if isinstance(r, Picture)
        else {"unreadable": asdict(r)}
        for r in results
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")


def _read(folder: Path, path: Path) -> list[PictureResult]:
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return [_parse(folder, row) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(file=path.name, found=str(error), expected="stored pictures") from error


def _parse(folder: Path, row: dict[str, Any]) -> PictureResult:
    if "unreadable" in row:
        return Unreadable(**row["unreadable"])
    image = _restore(Image, row["image"])
    if not (folder / image.path).is_file():
        raise DataError(file=image.path, found="no such file", expected="the picture's file")
    return Picture(image, Quality(**row["quality"]))


def _restore(record_type: Any, row: dict[str, Any]) -> Any:
    """A record whose tuples went through JSON as lists."""
    values = {f.name: row[f.name] for f in fields(record_type)}
    return record_type(
        **{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    )
