"""Phantom patients in the layout of CSXA: a sheet, PNG films of the neck, LabelMe landmarks.

What the original is like, and this imitates: one lateral film per case, 8 bit; names of seven
digits, the case number and what seems to be sex and age; a sheet with a title above its header;
23 landmarks per film, some of them called polygons; shapes as common as in the published labels;
almost everybody has spondylosis. Every patient faces the left of the picture, as the renderer has
it: the original does not say.
"""

from __future__ import annotations

import base64
import functools
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from spinebench.engine import Engine
from spinebench.errors import UsageError
from spinebench.phantom.csxa_workbook import HEADERS, Cell, write_workbook
from spinebench.phantom.film import place_film
from spinebench.phantom.neck_landmarks import PointPx, measure_neck, place_landmarks
from spinebench.phantom.pathology import CERVICAL_RANGE, Lesion, SpineOptions
from spinebench.phantom.prevalence import WEAR
from spinebench.phantom.render_xray import FULL_SCALE, render_xray, visible_findings
from spinebench.phantom.rng import build_rng
from spinebench.phantom.sizes import CERVICAL_DISCS
from spinebench.phantom.spine import Spine, sample_spine
from spinebench.phantom.truth import ImageKey, TruthRow, build_film_truth
from spinebench.phantom.write_options import PhantomOptions
from spinebench.sources.csxa_sheet import SHEET_FILE

FILM_FOLDER, LANDMARK_FOLDER = "datasets-PNG", "datasets-JSON"
LEVELS = ("C2", "C2/C3", "C3", "C3/C4", "C4", "C4/C5", "C5", "C5/C6", "C6", "C6/C7", "C7", "C7/T1")
# Code of each shape. The header does not say how its two sigmoids differ: here 3 is lordotic below
# and kyphotic above, 4 the reverse.
CODES = {"lordotic": 1, "straight": 2, "sigmoid": 3, "reverse sigmoid": 4, "kyphotic": 5}
# Cases of each class in the published labels (SpineBench, train and test together); both sigmoids
# are one class there and equally common here.
SHAPE_COUNTS = {
    "lordotic": 1694,
    "straight": 1637,
    "sigmoid": 482,
    "reverse sigmoid": 482,
    "kyphotic": 486,
}
SHARE_ILL = 4818 / 4999
MOST_PATIENTS = 9999  # four digits
_ASPECT = (0.75, 1.0)  # width over height
_SHARE_POLYGON = 0.1
_FILM_ROWS = (700, 1100)


@dataclass(frozen=True)
class Patient:
    """One patient to write. `case`: the number in names and sheet."""

    index: int
    case: int

    @property
    def key(self) -> str:
        """The patient's key for every draw."""
        return f"csxa/{self.index:06d}"


@dataclass(frozen=True)
class Written:
    """What one patient adds to the sheet and to the truth."""

    cells: tuple[Cell, ...]
    sizes: tuple[tuple[str, float], ...]
    truth: tuple[TruthRow, ...]


def write_csxa(
    root: Path, *, patients: int, seed: int, options: PhantomOptions, engine: Engine
) -> list[TruthRow]:
    """Write the layout below `root`; returns the truth of every film."""
    if patients > MOST_PATIENTS:
        raise UsageError(f"{patients} patients: case numbers of csxa end at {MOST_PATIENTS}")
    # the same number for the same patient, however many are written
    order = build_rng(seed, "csxa", "case numbers").permutation(MOST_PATIENTS)
    numbers = [Patient(index, 1 + int(order[index])) for index in range(patients)]
    for folder in (FILM_FOLDER, LANDMARK_FOLDER):
        (root / folder).mkdir(parents=True, exist_ok=True)
    work = functools.partial(_write_patient, root, seed, options)
    written = list(engine.map(work, numbers, label="csxa phantoms", shard=4))
    rows = sorted((w for w in written), key=lambda w: int(w.cells[0] or 0))
    headers = (*HEADERS, *(name for name, _ in rows[0].sizes))
    cells = [(*w.cells, *(round(size, 2) for _, size in w.sizes)) for w in rows]
    write_workbook(root / SHEET_FILE, headers, cells)
    return [row for w in written for row in w.truth]


def _write_patient(root: Path, seed: int, options: PhantomOptions, patient: Patient) -> Written:
    rng = build_rng(seed, patient.key, "csxa")
    shape = str(rng.choice(list(SHAPE_COUNTS), p=_shares()))
    ill = bool(rng.random() < SHARE_ILL * options.prevalence)
    spine = _sample_neck(rng, patient.key, seed, shape, ill=ill, prevalence=options.prevalence)
    low, high = _FILM_ROWS
    if options.film_px is not None:
        low, high = round(0.9 * options.film_px), options.film_px
    rows = int(rng.integers(low, high + 1))
    cols = round(rows * float(rng.uniform(*_ASPECT)))
    image = render_xray(spine, view="LAT", region="cervical", rows=rows, cols=cols, seed=seed)
    film = place_film(spine, "LAT", "cervical", rows, cols)
    points = place_landmarks(spine, film)
    stem = f"{patient.case:04d}{1 if spine.sex == 'M' else 0}{spine.age:02d}"
    grey = np.rint(image.pixels * np.float32(255.0 / FULL_SCALE)).astype(np.uint8)
    png = _encode_png(Image.fromarray(grey))
    (root / FILM_FOLDER / f"{stem}.png").write_bytes(png)
    drawing = build_drawing(stem, points, png, size=(rows, cols), rng=rng)
    text = json.dumps(drawing, indent=2, ensure_ascii=False)
    (root / LANDMARK_FOLDER / f"{stem}.json").write_text(text, encoding="utf-8")
    case = f"{patient.case:04d}"
    key = ImageKey(f"csxa:{FILM_FOLDER}/{stem}.png", f"csxa:{case}", case, stem, "LAT", None)
    shown = visible_findings(spine, "LAT", "cervical", rows=rows, cols=cols)
    return Written(
        cells=(
            patient.case,
            1 if spine.sex == "M" else 2,
            spine.age,
            round(film.spacing_mm, 6),
            1 if ill else 2,
            CODES[shape],
        ),
        sizes=tuple(measure_neck(points, film.spacing_mm).items()),
        truth=tuple(build_film_truth(key, spine, image, LEVELS, shown)),
    )


def _shares() -> list[float]:
    total = sum(SHAPE_COUNTS.values())
    return [count / total for count in SHAPE_COUNTS.values()]


def _sample_neck(
    rng: np.random.Generator, key: str, seed: int, shape: str, *, ill: bool, prevalence: float
) -> Spine:
    """A neck of this shape: without any other finding, or with at least one sign of wear."""
    curve = Lesion("curvature", CERVICAL_RANGE, subtype=shape)
    wear = np.array([WEAR[disc] for disc in CERVICAL_DISCS])
    disc = CERVICAL_DISCS[int(rng.choice(len(CERVICAL_DISCS), p=wear / wear.sum()))]
    spur = Lesion("osteophyte", disc, mm=float(rng.uniform(2.5, 6.0)))
    if not ill:
        options = SpineOptions(only_forced=True, forced=(curve,))
        return sample_spine(key, seed, options=options)
    options = SpineOptions(
        profile="film", prevalence=prevalence, region="cervical", forced=(curve, spur)
    )
    return sample_spine(key, seed, options=options)


def _encode_png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def build_drawing(
    stem: str,
    points: Mapping[str, PointPx],
    png: bytes,
    *,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> dict[str, object]:
    """A LabelMe drawing with its picture inside; a few points are called polygons, as there."""
    shapes: list[dict[str, object]] = [
        {
            "label": label,
            "points": [[round(x, 3), round(y, 3)]],
            "group_id": None,
            "shape_type": "polygon" if rng.random() < _SHARE_POLYGON else "point",
            "flags": {},
        }
        for label, (x, y) in points.items()
    ]
    return {
        "version": "5.1.1",
        "flags": {},
        "shapes": shapes,
        "imagePath": f"{stem}.png",
        "imageData": base64.b64encode(png).decode("ascii"),
        "imageHeight": size[0],
        "imageWidth": size[1],
    }
