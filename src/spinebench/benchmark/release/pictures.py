"""A picture of a release into a benchmark's folder: the bytes as they are wherever they can be.

Runs in worker processes: a plain function of plain values.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from spinebench.errors import DataError
from spinebench.imaging.quality import measure_quality
from spinebench.imaging.raster import read_picture
from spinebench.imaging.standard import DEFAULT_POLICY, encode, pixel_sha256, standardise
from spinebench.records import Quality
from spinebench.tables import write_by_hash

AS_IMPORTED = "as-imported/1"


@dataclass(frozen=True)
class PictureFile:
    """What one worker call needs."""

    file: Path  # of the release
    folder: Path  # of the benchmark


@dataclass(frozen=True)
class StoredPicture:
    """A stored picture: the fields of `records.Image` that are its file's own."""

    file: Path
    path: str  # relative to the benchmark's folder
    original_sha256: str
    file_sha256: str
    pixel_sha256: str
    policy: str
    rows: int
    cols: int
    file_rows: int
    file_cols: int
    scale_x: float
    scale_y: float
    notes: tuple[str, ...]
    quality: Quality  # its image_id is empty


@dataclass(frozen=True)
class UnreadablePicture:
    """Why a file is no picture."""

    file: Path
    detail: str


def store_picture(job: PictureFile) -> StoredPicture | UnreadablePicture:
    """The stored picture, or why there is none.

    PNG and JPEG bytes are kept, so that a model is sent what the release holds. What a model's
    server could read in two ways (16 bits, alpha, CMYK, a turned or a second picture) is made RGB
    under the standard policy instead, and noted.
    """
    try:
        raster = read_picture(job.file)
        data = job.file.read_bytes()
    except DataError as error:
        what = "" if error.field is None else f"{error.field}: "
        return UnreadablePicture(job.file, f"{what}found {error.found}, expected {error.expected}")
    except OSError as error:
        return UnreadablePicture(job.file, error.strerror or "cannot be read")
    notes: tuple[str, ...] = ()
    as_it_is = raster.display_ready and not raster.source_notes
    if as_it_is:
        rgb = raster.pixels if raster.is_rgb else raster.pixels[..., None].repeat(3, axis=2)
        scale, policy = (1.0, 1.0), AS_IMPORTED
        suffix = ".png" if data.startswith(b"\x89PNG") else ".jpg"
        stored = data
    else:
        standard = standardise(raster, DEFAULT_POLICY)
        rgb, scale, policy = standard.rgb, standard.scale_xy, DEFAULT_POLICY.name
        notes = (*standard.notes, "not the release's bytes: made RGB on import")
        suffix, stored = "." + DEFAULT_POLICY.format, encode(standard, DEFAULT_POLICY)
    relative, file_sha256 = write_by_hash(job.folder / "images", stored, suffix)
    return StoredPicture(
        file=job.file,
        path=f"images/{relative}",
        original_sha256=hashlib.sha256(data).hexdigest(),
        file_sha256=file_sha256,
        pixel_sha256=pixel_sha256(rgb),
        policy=policy,
        rows=raster.rows,
        cols=raster.cols,
        file_rows=int(rgb.shape[0]),
        file_cols=int(rgb.shape[1]),
        scale_x=scale[0],
        scale_y=scale[1],
        notes=notes,
        quality=measure_quality(rgb, image_id=""),
    )
