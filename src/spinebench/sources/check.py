"""What a folder is and what building from it would take, before anything is built."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from spinebench.engine import Engine
from spinebench.errors import DataError, UsageError
from spinebench.imaging.read import read_image
from spinebench.imaging.standard import encode, standardise
from spinebench.records import Reject, item_seed
from spinebench.sources.base import FolderReport, ImageRef, Reading, Source
from spinebench.sources.layout import check_is_folder, describe_found, find_roots
from spinebench.sources.registry import SOURCES
from spinebench.sources.table import SUFFIXES as TABLE_SUFFIXES
from spinebench.sources.table import TableSource

_SAMPLE = 8
_FILES_TOLD = 8  # of one folder and ending; more are told together
_GIGABYTE = 1e9


def detect_source(folder: Path) -> tuple[Source, Path]:
    """The source that a folder is, and its root (the folder or one or two levels below).

    The root is the folder itself where the source is in it more than once: a source may read
    several releases together, and finds its own root when it reads. A file that ends as a table
    does is a table of one's own. Raises UsageError in one line: what was looked for and what was
    found, or that it is two sources.
    """
    if folder.suffix.lower() in TABLE_SUFFIXES and folder.is_file():
        return SOURCES[TableSource.name], folder
    check_is_folder(folder)
    in_folders = [source for source in SOURCES.values() if source.looked_for]
    matching = [source for source in in_folders if find_roots(folder, source.looked_for)]
    if len(matching) == 1:
        roots = find_roots(folder, matching[0].looked_for)
        return matching[0], roots[0] if len(roots) == 1 else folder
    if matching:
        names = ", ".join(
            f"{source.name} in {find_roots(folder, source.looked_for)[0]}" for source in matching
        )
        raise UsageError(f"{folder} holds more than one source: {names}; name one of them")
    looked = "; ".join(f"{s.name} ({', '.join(s.looked_for)})" for s in in_folders)
    raise UsageError(
        f"{folder} is no source that spinebench knows: looked for {looked}; "
        f"{describe_found(folder)}"
    )


def check_folder(
    folder: Path, engine: Engine, *, seed: int = 0, source: Source | None = None
) -> FolderReport:
    """Counts, defects, size and time of a folder, from its tables, its headers and a few images.

    Which source it is is found out, unless `source` says so. Minutes are the time that reading
    took here plus the sample's time for each image, shared by the engine's workers; a question's
    negatives and texts add little to that.
    """
    if source is None:
        source, _ = detect_source(folder)
    started = time.monotonic()
    reading = source.read(folder, engine)
    reading_s = time.monotonic() - started
    root, images = reading.root, list(reading.images.values())
    sample = _draw_sample(images, source.name, seed)
    bytes_out, seconds, unreadable = _try_images(root, sample)
    defects = Counter(reject.reason for reject in reading.ledger.rejects)
    if unreadable:
        defects["unreadable_in_sample"] = unreadable
    done = max(len(sample) - unreadable, 1)
    workers = getattr(engine, "workers", 1)
    return FolderReport(
        source=source.name,
        root=str(root),
        counts=_count(reading),
        defects=dict(sorted(defects.items())),
        first=_first_of_each(reading.ledger.rejects),
        gigabytes_in=sum((root / path).stat().st_size for path in {image.path for image in images})
        / _GIGABYTE,
        gigabytes_out=bytes_out / done * len(images) / _GIGABYTE,
        minutes=(reading_s + seconds / max(len(sample), 1) * len(images) / workers) / 60,
        sampled_images=len(sample),
    )


def _first_of_each(rejects: Iterable[Reject]) -> dict[str, str]:
    found: dict[str, str] = {}
    for reject in rejects:
        place = ":".join(str(part) for part in (reject.file, reject.row, reject.column) if part)
        found.setdefault(reject.reason, f"{place}: {reject.detail}" if reject.detail else place)
    return dict(sorted(found.items()))


def _draw_sample(images: Sequence[ImageRef], source: str, seed: int) -> list[ImageRef]:
    """A few images, the same for the same folder and seed."""
    ordered = sorted(images, key=lambda image: image.image_id)
    rng = np.random.default_rng(item_seed(seed, "check", source))
    chosen = rng.choice(len(ordered), size=min(_SAMPLE, len(ordered)), replace=False)
    return [ordered[index] for index in sorted(chosen)]


def _try_images(root: Path, images: Sequence[ImageRef]) -> tuple[int, float, int]:
    """(bytes as sent, seconds, how many could not be read) of the sample."""
    bytes_out, unreadable, started = 0, 0, time.monotonic()
    for image in images:
        try:
            plane = image.view if image.view in ("AX", "COR") else "SAG"
            raster = read_image(root / image.path, plane, frame=image.frame)[0]
        except DataError:
            unreadable += 1
        else:
            bytes_out += len(encode(standardise(raster)))
    return bytes_out, time.monotonic() - started, unreadable


def _count(reading: Reading) -> dict[str, int]:
    images = reading.images.values()
    counts = {
        "patients": len({image.patient_id for image in images}),
        "studies": len({image.study_id for image in images}),
        "series": len({(image.study_id, image.series_id) for image in images}),
        "images": len(images),
        "findings": len(reading.findings),
    }
    dropped = reading.ledger.dropped()
    for name, files in _alike(reading.ledger.read).items():
        counts[f"{name} read"] = sum(reading.ledger.read[file] for file in files)
        counts[f"{name} dropped"] = sum(dropped[file] for file in files)
    return counts


def _alike(files: Iterable[str]) -> dict[str, list[str]]:
    """Files by the name to tell them under: many of one folder and ending are told together."""
    groups: dict[str, list[str]] = defaultdict(list)
    for file in sorted(files):
        groups[str(PurePosixPath(file).parent / f"*{PurePosixPath(file).suffix}")].append(file)
    named: dict[str, list[str]] = {}
    for pattern, group in groups.items():
        if len(group) > _FILES_TOLD:
            named[f"{pattern} ({len(group)} files)"] = group
        else:
            named.update((file, [file]) for file in group)
    return dict(sorted(named.items()))
