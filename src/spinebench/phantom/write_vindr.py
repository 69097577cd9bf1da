"""Phantom patients in the layout of VinDr-SpineXR: two annotation tables and `.dicom` films.

What the original is like, and this imitates: two films per study, an image read by one reader;
hexadecimal names; sizes that differ from film to film; MONOCHROME1 for part of the films; 10, 12
or 14 bits; ViewPosition empty on part of them; some patients with two studies; one study in five
in the test split. Each film is labelled only with what its projection shows and the vocabulary
has: a film of a patient with a lesion that it cannot show says `No finding`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from spinebench.engine import Engine
from spinebench.phantom.film import BoxPx, FilmRegion, View
from spinebench.phantom.pathology import CERVICAL_RANGE, Lesion, PhantomFinding, SpineOptions
from spinebench.phantom.render_xray import FULL_SCALE, render_xray, visible_findings
from spinebench.phantom.rng import build_rng
from spinebench.phantom.sizes import DISC_NAMES, VERTEBRA_NAMES
from spinebench.phantom.spine import Spine, sample_spine
from spinebench.phantom.truth import ImageKey, TruthRow, build_film_truth
from spinebench.phantom.write_dicom import DIGITAL_XRAY_STORAGE, decimal_strings, write_dicom
from spinebench.phantom.write_options import PhantomOptions, format_px, write_rows
from spinebench.sources.vindr_tables import (
    COLUMNS,
    NO_FINDING,
    SPLITS,
    OfficialSplit,
    annotation_file,
    load_diseases,
)
from spinebench.tables import sha256_of_file

LICENSE_TEXT = """These files are a phantom: films that spinebench computed from a model of the
spine. No person was imaged; identifiers, ages and labels are made up. They stand in the layout of
VinDr-SpineXR 1.0.0, so that software for that set can be tried without it; nothing in them comes
from it. You may use them under the Apache License 2.0.
"""
_REGIONS: dict[FilmRegion, float] = {"lumbar": 0.72, "cervical": 0.14, "thoracolumbar": 0.14}
_BODY_PARTS: dict[FilmRegion, str] = {
    "lumbar": "LSPINE",
    "cervical": "CSPINE",
    "thoracolumbar": "SPINE",
}
# Width over height of a film; the release's films go from 0.4 (whole trunk) to square.
_ASPECT: dict[FilmRegion, tuple[float, float]] = {
    "lumbar": (0.62, 0.85),
    "cervical": (0.75, 1.0),
    "thoracolumbar": (0.5, 0.7),
}
_SHARE_TWO_STUDIES = 0.12
_SHARE_TEST = 0.2
_SHARE_MONOCHROME1 = 0.35
_SHARE_WITHOUT_VIEW = 0.2
_SAME_PLACE_IOU = 0.5

LesionCells = tuple[str, ...]


@dataclass(frozen=True)
class Patient:
    """One patient to write."""

    number: int

    @property
    def key(self) -> str:
        """The patient's key for every draw."""
        return f"vindr/{self.number:06d}"


@dataclass
class Written:
    """Rows of one patient for the tables, by split."""

    rows: dict[OfficialSplit, list[LesionCells]] = field(
        default_factory=lambda: {"train": [], "test": []}
    )
    truth: list[TruthRow] = field(default_factory=list)


@dataclass(frozen=True)
class FilmPlan:
    """All that is drawn of one film before it is rendered."""

    split: OfficialSplit
    patient_id: str
    study: str
    series: str
    image: str
    rater: str
    view: View
    region: FilmRegion
    rows: int
    cols: int
    bits_stored: int
    inverted: bool
    has_view_tag: bool
    seed: int

    @property
    def path(self) -> str:
        """Relative to the root."""
        return f"{self.split}_images/{self.image}.dicom"


def write_vindr(
    root: Path, *, patients: int, seed: int, options: PhantomOptions, engine: Engine
) -> list[TruthRow]:
    """Write the layout below `root`, but for the checksums; returns the truth of every film."""
    work = functools.partial(_write_patient, root, seed, options)
    numbers = [Patient(number) for number in range(patients)]
    written = list(engine.map(work, numbers, label="vindr phantoms", shard=4))
    for split in SPLITS:
        (root / f"{split}_images").mkdir(parents=True, exist_ok=True)
        # by image, so that neighbours in the table are not of one patient; readers in order
        rows = sorted((row for w in written for row in w.rows[split]), key=lambda row: row[2])
        write_rows(root / annotation_file(split), COLUMNS, rows)
    (root / "LICENSE.txt").write_text(LICENSE_TEXT, encoding="utf-8")
    return [row for w in written for row in w.truth]


def write_checksums(root: Path) -> None:
    """SHA256SUMS.txt over every file of the layout, as PhysioNet writes it."""
    names = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS.txt"
    )
    lines = [f"{sha256_of_file(root / name)} {name}\n" for name in names]
    (root / "SHA256SUMS.txt").write_text("".join(lines), encoding="utf-8")


def _write_patient(root: Path, seed: int, options: PhantomOptions, patient: Patient) -> Written:
    rng = build_rng(seed, patient.key, "vindr")
    region = cast(FilmRegion, str(rng.choice(list(_REGIONS), p=np.array(list(_REGIONS.values())))))
    spine = sample_spine(patient.key, seed, options=_spine_options(region, options))
    written = Written()
    for visit in range(2 if rng.random() < _SHARE_TWO_STUDIES else 1):
        for plan in _plan_study(seed, patient, visit, region, options):
            _write_film(root, spine, plan, written)
    return written


def _spine_options(region: FilmRegion, options: PhantomOptions) -> SpineOptions:
    # The vocabulary has no word for the shape of the neck: every neck here has the usual one.
    shape = Lesion("curvature", CERVICAL_RANGE, subtype="lordotic")
    return SpineOptions(
        profile="film",
        prevalence=options.prevalence,
        region="cervical" if region == "cervical" else "lumbar",
        forced=(shape,),
    )


def _plan_study(
    seed: int, patient: Patient, visit: int, region: FilmRegion, options: PhantomOptions
) -> list[FilmPlan]:
    """A frontal and a lateral film. The split is the study's own draw, as in the release."""
    key = (patient.key, f"study {visit}")
    rng = build_rng(seed, *key, "plan")
    split: OfficialSplit = "test" if rng.random() < _SHARE_TEST else "train"
    rater = f"rad{int(rng.integers(1, 4))}"
    views: Sequence[View] = ("AP", "LAT")
    plans = []
    for view in views:
        rows, cols = _draw_size(rng, region, options.film_px)
        plans.append(
            FilmPlan(
                split=split,
                patient_id=_hex(seed, patient.key, "patient"),
                study=_hex(seed, *key, "study"),
                series=_hex(seed, *key, view, "series"),
                image=_hex(seed, *key, view, "image"),
                rater=rater,
                view=view,
                region=region,
                rows=rows,
                cols=cols,
                bits_stored=int(rng.choice((10, 12, 14), p=(0.3, 0.5, 0.2))),
                inverted=bool(rng.random() < _SHARE_MONOCHROME1),
                has_view_tag=bool(rng.random() >= _SHARE_WITHOUT_VIEW),
                seed=seed + visit,  # a later visit: other noise, other collimation
            )
        )
    return plans


def _draw_size(
    rng: np.random.Generator, region: FilmRegion, film_px: int | None
) -> tuple[int, int]:
    low, high = (1400, 3000) if film_px is None else (round(0.9 * film_px), film_px)
    rows = int(rng.integers(low, high + 1))
    return rows, round(rows * float(rng.uniform(*_ASPECT[region])))


def _hex(seed: int, *key: str) -> str:
    """32 hexadecimal digits that say nothing."""
    text = "\x1f".join(("vindr phantom", str(seed), *key))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _write_film(root: Path, spine: Spine, plan: FilmPlan, written: Written) -> None:
    size = {"rows": plan.rows, "cols": plan.cols}
    image = render_xray(spine, view=plan.view, region=plan.region, seed=plan.seed, **size)
    shown = visible_findings(spine, plan.view, plan.region, **size)
    pixels = _store(image.pixels.astype(np.uint16, copy=False), plan)
    photometric: Literal["MONOCHROME1", "MONOCHROME2"] = (
        "MONOCHROME1" if plan.inverted else "MONOCHROME2"
    )
    write_dicom(
        root / plan.path,
        pixels,
        _film_tags(spine, plan, image.spacing_mm),
        sop_class=DIGITAL_XRAY_STORAGE,
        bits_stored=plan.bits_stored,
        photometric=photometric,
    )
    names = (plan.study, plan.series, plan.image, plan.rater)
    written.rows[plan.split] += [(*names, *cells) for cells in lesion_cells(shown)]
    key = ImageKey(
        f"vindr:{plan.path}", f"vindr:{plan.patient_id}", plan.study, plan.series, plan.view, None
    )
    levels = [name for pair in zip(VERTEBRA_NAMES, [*DISC_NAMES, ""], strict=True) for name in pair]
    named = [level for level in levels if level]
    written.truth += build_film_truth(key, spine, image, named, shown)


def lesion_cells(shown: Sequence[tuple[PhantomFinding, BoxPx]]) -> list[LesionCells]:
    """lesion_type and box of each finding that the vocabulary has a word for, or `No finding`.

    Left and right of one disc fall on one another in a lateral film: one box for both.
    """
    words = {disease: word for word, disease in load_diseases().items() if disease}
    cells: list[LesionCells] = []
    kept: list[tuple[str, BoxPx]] = []
    for finding, box in shown:
        word = words.get(finding.disease)
        if word is None or any(w == word and _iou(box, b) > _SAME_PLACE_IOU for w, b in kept):
            continue
        kept.append((word, box))
        cells.append((word, *(format_px(value) for value in box)))
    return cells or [(NO_FINDING, "", "", "", "")]


def _iou(a: BoxPx, b: BoxPx) -> float:
    common = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0) * max(
        min(a[3], b[3]) - max(a[1], b[1]), 0.0
    )
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return common / (areas - common)


def _store(pixels: npt.NDArray[np.uint16], plan: FilmPlan) -> npt.NDArray[np.uint16]:
    """12-bit pixels in the film's own depth, turned over for MONOCHROME1."""
    top = (1 << plan.bits_stored) - 1
    scaled = np.rint(pixels * np.float32(top / FULL_SCALE)).astype(np.uint16)
    return np.asarray(top - scaled if plan.inverted else scaled, dtype=np.uint16)


def _film_tags(spine: Spine, plan: FilmPlan, spacing_mm: tuple[float, float]) -> dict[str, object]:
    half = 1 << (plan.bits_stored - 1)
    return {
        "PatientID": plan.patient_id,
        "PatientSex": spine.sex,
        "PatientAge": f"{spine.age:03d}Y",
        "StudyInstanceUID": plan.study,
        "SeriesInstanceUID": plan.series,
        "SOPInstanceUID": plan.image,
        "Modality": "DX",
        "InstanceNumber": 1,
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "BodyPartExamined": _BODY_PARTS[plan.region],
        "ProtocolName": f"{_BODY_PARTS[plan.region]} {plan.view}",
        "StationName": "PHANTOM",
        "ViewPosition": {"AP": "AP", "LAT": "LL"}[plan.view] if plan.has_view_tag else "",
        "ImagerPixelSpacing": decimal_strings(spacing_mm),
        "WindowCenter": half,
        "WindowWidth": 2 * half,
    }
