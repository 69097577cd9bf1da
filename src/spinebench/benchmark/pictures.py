"""One source image to its standard picture: decode, standardise, store by hash, measure.

Runs in worker processes: a plain function of plain values.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spinebench.errors import DataError
from spinebench.imaging.geometry import Affine, Plane
from spinebench.imaging.quality import measure_quality
from spinebench.imaging.raster import Raster
from spinebench.imaging.read import read_image
from spinebench.imaging.standard import DEFAULT_POLICY, encode, pixel_sha256, standardise
from spinebench.records import Image, Quality, View
from spinebench.sources.base import ImageRef
from spinebench.tables import sha256_of_file, write_by_hash


@dataclass(frozen=True)
class PictureJob:
    """What one worker call needs."""

    root: Path  # of the source
    ref: ImageRef
    folder: Path  # of the benchmark


@dataclass(frozen=True)
class Picture:
    """A stored standard picture, and how well it can be read."""

    image: Image
    quality: Quality


@dataclass(frozen=True)
class Unreadable:
    """An image that could not be turned into a picture."""

    image_id: str
    reason: str
    detail: str


def read_picture(job: PictureJob) -> Picture | Unreadable:
    """Picture of one image, or why there is none. Writes `folder/images/ab/ab12….png`."""
    path = job.root / job.ref.path
    try:
        rasters = read_image(path, _plane(job.ref.view), frame=job.ref.frame)
    except DataError as error:
        # the file's name stands in the ledger line already, and its folder must not
        what = "" if error.field is None else f"{error.field}: "
        detail = f"{what}found {error.found}, expected {error.expected}"
        return Unreadable(job.ref.image_id, "unreadable_pixels", detail)
    if len(rasters) != 1:
        return Unreadable(job.ref.image_id, "several_frames", f"{len(rasters)} frames")
    return _store(job, rasters[0], sha256_of_file(path))


def _store(job: PictureJob, raster: Raster, original_sha256: str) -> Picture:
    ref, header = job.ref, raster.header
    if raster.spacing_mm is None and ref.spacing_mm is not None:
        aspect = ref.spacing_mm[0] / ref.spacing_mm[1]
        raster = replace(raster, spacing_mm=ref.spacing_mm, pixel_aspect=aspect)
    age_years = None if header is None else header.patient_age_years
    sex = None if header is None else header.patient_sex
    standard = standardise(raster, DEFAULT_POLICY)
    suffix = "." + DEFAULT_POLICY.format
    relative, file_sha256 = write_by_hash(
        job.folder / "images", encode(standard, DEFAULT_POLICY), suffix
    )
    spacing = raster.spacing_mm or (None, None)
    affine = raster.affine_lps
    scale_x, scale_y = standard.scale_xy
    image = Image(
        image_id=ref.image_id,
        source=ref.source,
        path=f"images/{relative}",
        patient_id=ref.patient_id,
        study_id=ref.study_id,
        series_id=ref.series_id,
        modality=ref.modality,
        view=ref.view,
        sequence=ref.sequence,
        frame=ref.frame,
        instance_number=ref.instance_number,
        slice_position_mm=None if affine is None else _slice_position_mm(affine),
        rows=raster.rows,
        cols=raster.cols,
        file_rows=standard.rgb.shape[0],
        file_cols=standard.rgb.shape[1],
        scale_x=scale_x,
        scale_y=scale_y,
        spacing_row_mm=spacing[0],
        spacing_col_mm=spacing[1],
        affine=None if affine is None else tuple(affine.ravel().tolist()),
        original_sha256=original_sha256,
        file_sha256=file_sha256,
        pixel_sha256=pixel_sha256(standard.rgb),
        policy=DEFAULT_POLICY.name,
        age_years=ref.age_years if age_years is None else age_years,
        sex=ref.sex if sex is None else sex,
        official_split=ref.official_split,
        notes=(*ref.notes, *standard.notes),
    )
    quality = measure_quality(standard.rgb, image_id=ref.image_id, scale_xy=standard.scale_xy)
    return Picture(image, quality)


def _plane(view: View | None) -> Plane:
    """Along which a volume is cut; of no meaning to any other file."""
    return view if view in ("AX", "COR") else "SAG"


def _slice_position_mm(affine: Affine) -> float:
    """Position of the slice's first pixel along the normal, which is the third column."""
    return float(np.dot(affine[:3, 3], affine[:3, 2]))
