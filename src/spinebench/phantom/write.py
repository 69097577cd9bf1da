"""Write phantom patients into a folder in the exact layout of a public set, defects on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spinebench.engine import Engine
from spinebench.errors import UsageError
from spinebench.folders import check_place, written_whole
from spinebench.phantom.defects import Planted, parse_defects, plant_defects
from spinebench.phantom.truth import TRUTH_FILE, write_truth
from spinebench.phantom.write_buu import write_buu
from spinebench.phantom.write_csxa import write_csxa
from spinebench.phantom.write_options import PhantomOptions
from spinebench.phantom.write_rsna import write_rsna
from spinebench.phantom.write_vindr import write_checksums, write_vindr

_IMAGE_SUFFIXES = (".dcm", ".dicom", ".jpg", ".png")
WRITERS = {"rsna": write_rsna, "vindr": write_vindr, "csxa": write_csxa, "buu": write_buu}


@dataclass(frozen=True, kw_only=True)
class PhantomSummary:
    """What was written."""

    source: str
    folder: str
    patients: int
    seed: int
    images: int
    gigabytes: float
    truth_rows: int
    planted: tuple[Planted, ...]


def write_phantom(
    source: str,
    folder: Path,
    *,
    patients: int,
    seed: int,
    engine: Engine,
    options: PhantomOptions | None = None,
    defects: Sequence[str] = (),
) -> PhantomSummary:
    """Write `patients` phantoms into `folder`, which must be new or empty.

    `defects`: names, or `all` (see `defects.load_defects`). The folder appears when it is whole;
    the same arguments give the same bytes, whatever the number of workers. Beside the layout
    stands `phantom_truth.parquet`. Raises UsageError for an unknown source or defect, a folder
    that holds something, or more defects than the patients have room for.
    """
    if source not in WRITERS:
        raise UsageError(f"no phantom layout {source!r}; there are {', '.join(WRITERS)}")
    if patients < 1:
        raise UsageError(f"{patients} patients: at least 1 is needed")
    names = parse_defects(source, defects)
    check_is_free(folder)
    place = check_place(folder)
    write = WRITERS[source]
    with written_whole(place) as partial:
        truth = write(
            partial,
            patients=patients,
            seed=seed,
            options=options or PhantomOptions(),
            engine=engine,
        )
        planted, truth = plant_defects(partial, source, names, seed=seed, truth=truth)
        if source == "vindr":
            write_checksums(partial)
        write_truth(partial, truth)
        files = [path for path in partial.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
    return PhantomSummary(
        source=source,
        folder=str(folder),
        patients=patients,
        seed=seed,
        images=sum(
            path.suffix in _IMAGE_SUFFIXES and not path.name.startswith(".") for path in files
        ),
        gigabytes=size / 1e9,
        truth_rows=len(truth),
        planted=tuple(planted),
    )


def check_is_free(folder: Path) -> None:
    """Raise UsageError unless the folder does not exist or is empty."""
    if folder.is_dir() and next(folder.iterdir(), None) is None:
        return
    if folder.exists():
        what = f"holds {TRUTH_FILE}" if (folder / TRUTH_FILE).exists() else "is not empty"
        raise UsageError(f"{folder} {what}; name a new folder")
