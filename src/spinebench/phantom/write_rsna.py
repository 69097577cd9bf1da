"""Phantom patients in the layout of RSNA 2024: five tables and MR series.

What the original is like, and this imitates: study and series ids without padding, up to above
2^31; instance numbers that say nothing about left and right; axial slices in one block per disc,
each with its own ImageOrientationPatient; a second axial series in one study of eleven; upper
levels outside the axial slices in one of twelve; a few grades without a point and the reverse.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from spinebench.engine import Engine
from spinebench.phantom.pathology import PhantomFinding, SpineOptions
from spinebench.phantom.render_mr import render_mr
from spinebench.phantom.rendered import RenderedImage
from spinebench.phantom.rng import build_rng
from spinebench.phantom.sizes import LUMBAR_DISCS
from spinebench.phantom.spine import Spine, sample_spine
from spinebench.phantom.truth import ImageKey, TruthRow, build_slice_truth
from spinebench.phantom.write_dicom import MR_IMAGE_STORAGE, decimal_strings, write_dicom
from spinebench.phantom.write_options import PhantomOptions, format_px, write_rows
from spinebench.sources.rsna_tables import (
    GRADES_FILE,
    POINTS_FILE,
    SERIES_FILE,
    UNLABELLED_FILES,
    Condition,
    grade_columns,
    load_conditions,
)

# The lowest and highest study id of the original.
_FIRST_ID, _LAST_ID = 4_003_253, 4_290_709_089
_WORDS = {"none": "Normal/Mild", "mild": "Normal/Mild", "moderate": "Moderate", "severe": "Severe"}
# Shares of the original's studies or cells (docs/sources.md).
_SHARE_TWO_AXIALS = 0.09
_SHARE_WITHOUT_TOP = 0.083
_SHARE_WITHOUT_TWO = 0.5  # of those
_SHARE_NO_LABEL = {"Right Neural Foraminal Narrowing": 0.003, "Left Subarticular Stenosis": 0.0005}
_SHARE_NO_POINT = 0.0006
_SHARE_REVERSED = 0.36  # sagittal series numbered from the other side
_SHARE_INTERLEAVED = 0.1
_SHARE_STIR = 0.15

PointCells = tuple[str, str, int, str, str, str, str]


@dataclass(frozen=True)
class Study:
    """Names of one study, given before the work is spread: no two may be alike."""

    number: int
    split: Literal["train", "test"]
    study: str
    series: tuple[str, str, str, str]

    @property
    def key(self) -> str:
        """The patient's key for every draw."""
        return f"rsna/{self.split}/{self.number:06d}"


@dataclass
class Written:
    """Rows of one study for the tables."""

    study: Study
    grades: dict[str, str] = field(default_factory=dict)  # by column of train.csv
    points: list[PointCells] = field(default_factory=list)
    series: list[tuple[str, str, str]] = field(default_factory=list)
    truth: list[TruthRow] = field(default_factory=list)


@dataclass(frozen=True)
class Series:
    """One series to write: its slices in spatial order with their instance numbers."""

    series: str
    place: int  # among the study's series, from 1
    description: str
    tag: str  # SeriesDescription
    slices: tuple[tuple[int, RenderedImage], ...]

    def nearest(self, finding: PhantomFinding) -> tuple[int, RenderedImage] | None:
        """Slice whose plane is nearest to the finding; axial ones only of the disc's own block."""
        own = [
            item
            for item in self.slices
            if item[1].label in ("sagittal", finding.level) and item[1].contains(finding.point_mm)
        ]
        return min(own, key=lambda s: s[1].distance_mm(finding.point_mm), default=None)


def write_rsna(
    root: Path, *, patients: int, seed: int, options: PhantomOptions, engine: Engine
) -> list[TruthRow]:
    """Write the layout below `root`; returns the truth of every image, study by study."""
    for folder in ("train_images", "test_images"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    studies = name_studies(patients, options.test_patients, seed)
    work = functools.partial(_write_study, root, seed, options)
    written = list(engine.map(work, studies, label="rsna phantoms", shard=4))
    written.sort(key=lambda w: int(w.study.study))
    train = [w for w in written if w.study.split == "train"]
    test = [w for w in written if w.study.split == "test"]
    _write_tables(root, train, test)
    return [row for w in written for row in w.truth]


def name_studies(patients: int, test_patients: int, seed: int) -> list[Study]:
    """Ids of all studies. A study's ids are its own draw, moved on where another has them."""
    taken: set[int] = set()

    def draw(rng: np.random.Generator) -> str:
        number = int(rng.integers(_FIRST_ID, _LAST_ID + 1))
        while number in taken:
            number = number + 1 if number < _LAST_ID else _FIRST_ID
        taken.add(number)
        return str(number)

    studies = []
    for split, count in (("train", patients), ("test", test_patients)):
        for number in range(count):
            rng = build_rng(seed, f"rsna/{split}/{number:06d}", "ids")
            ids = [draw(rng) for _ in range(5)]
            name: Literal["train", "test"] = "train" if split == "train" else "test"
            studies.append(Study(number, name, ids[0], (ids[1], ids[2], ids[3], ids[4])))
    return studies


def _write_study(root: Path, seed: int, options: PhantomOptions, study: Study) -> Written:
    spine = sample_spine(study.key, seed, options=SpineOptions(prevalence=options.prevalence))
    rng = build_rng(seed, study.key, "rsna")
    series = _draw_series(spine, seed, options, study, rng)
    written = Written(study)
    written.series = [(study.study, s.series, s.description) for s in series]
    marked = _mark(spine, series, written, rng)
    for one in series:
        keep = marked[one.series] if not options.all_slices and study.split == "train" else None
        _write_series(root, study, spine, one, keep, written, rng)
    return written


def _draw_series(
    spine: Spine, seed: int, options: PhantomOptions, study: Study, rng: np.random.Generator
) -> list[Series]:
    stir = bool(rng.random() < _SHARE_STIR)
    covered = list(LUMBAR_DISCS)
    if rng.random() < _SHARE_WITHOUT_TOP:
        covered = covered[2 if rng.random() < _SHARE_WITHOUT_TWO else 1 :]
    render = functools.partial(render_mr, spine, matrix=options.matrix, seed=seed)
    t1 = render(orientation="SAG", sequence="T1")
    t2 = render(orientation="SAG", sequence="STIR" if stir else "T2")
    axial = [s for s in render(orientation="AX", sequence="T2") if s.label in covered]
    blocks = [axial]
    if rng.random() < _SHARE_TWO_AXIALS:
        low = ("L4/L5", "L5/S1")
        blocks = [[s for s in axial if (s.label in low) == below] for below in (False, True)]
    parts = [("Sagittal T2/STIR", "STIR" if stir else "T2", t2), ("Sagittal T1", "T1", t1)]
    parts += [("Axial T2", "T2", block) for block in blocks]
    return [
        Series(
            study.series[place],
            place + 1,
            description,
            tag,
            tuple(zip(_draw_numbers(rng, len(slices)), slices, strict=True)),
        )
        for place, (description, tag, slices) in enumerate(parts)
    ]


def _draw_numbers(rng: np.random.Generator, count: int) -> list[int]:
    """Instance number of each slice in spatial order: up, down, or every other one first."""
    numbers = list(range(1, count + 1))
    if rng.random() < _SHARE_INTERLEAVED:
        places = [*range(0, count, 2), *range(1, count, 2)]
        numbers = [place + 1 for place in np.argsort(places).tolist()]
    return numbers[::-1] if rng.random() < _SHARE_REVERSED else numbers


def _mark(
    spine: Spine, series: list[Series], written: Written, rng: np.random.Generator
) -> dict[str, set[int]]:
    """Fill in grades and points; returns the instance numbers that carry a point, by series."""
    cells = {(f.disease, f.level, f.side): f for f in spine.findings}
    marked: dict[str, set[int]] = {one.series: set() for one in series}
    for condition in load_conditions().values():
        for level in LUMBAR_DISCS:
            finding = cells[condition.disease, level, condition.side]  # type: ignore[index]
            no_label = rng.random() < _SHARE_NO_LABEL.get(condition.name, 0.0)
            no_point = rng.random() < _SHARE_NO_POINT
            found = _find_slice(series, condition, finding)
            column = condition.column(level)
            # a level that no axial slice covers was not graded either
            seen = found is not None and not no_label
            written.grades[column] = _WORDS[finding.grade] if seen else ""
            if found is not None and not no_point:
                one, number, image = found
                marked[one.series].add(number)
                x_px, y_px = (format_px(value) for value in image.project(finding.point_mm))
                cell = (written.study.study, one.series, number, condition.name, level, x_px, y_px)
                written.points.append(cell)
    return marked


def _find_slice(
    series: list[Series], condition: Condition, finding: PhantomFinding
) -> tuple[Series, int, RenderedImage] | None:
    for one in series:
        if one.description == condition.series_description:
            nearest = one.nearest(finding)
            if nearest is not None:
                return one, *nearest
    return None


def _write_series(
    root: Path,
    study: Study,
    spine: Spine,
    one: Series,
    keep: set[int] | None,
    written: Written,
    rng: np.random.Generator,
) -> None:
    """Write the slices of a series (all, or those to keep) and note their truth."""
    view, sequence = ("AX", "T2") if one.description == "Axial T2" else ("SAG", "T1")
    sequence = "T2/STIR" if one.description == "Sagittal T2/STIR" else sequence
    first_x, first_y, first_z = (float(v) for v in one.slices[0][1].affine_lps[:3, 3])
    gap_mm = one.slices[1][1].distance_mm((first_x, first_y, first_z))
    # both tags are missing from some of the original's series
    thickness = one.slices[0][1].slice_thickness_mm if rng.random() < 0.85 else None
    between = round(gap_mm, 6) if rng.random() < 0.7 else None
    for number, image in one.slices:
        if keep is not None and number not in keep:
            continue
        path = f"{study.split}_images/{study.study}/{one.series}/{number}.dcm"
        low, high = (float(v) for v in np.percentile(image.pixels[::4, ::4], (1, 99.5)))
        tags = {
            "PatientID": study.study,
            "StudyInstanceUID": study.study,
            "SeriesInstanceUID": f"{study.study}.{one.series}",
            "SOPInstanceUID": f"{study.study}.{one.place}.{number}",
            "Modality": "MR",
            "SeriesDescription": one.tag,
            "PatientPosition": "HFS",
            "InstanceNumber": number,
            "ImagePositionPatient": decimal_strings(image.affine_lps[:3, 3]),
            "ImageOrientationPatient": _orientation(image),
            "PixelSpacing": decimal_strings(image.spacing_mm),
            "SliceThickness": thickness,
            "SpacingBetweenSlices": between,
            "WindowCenter": round((low + high) / 2),
            "WindowWidth": max(round(high - low), 1),
        }
        pixels = image.pixels.astype(np.uint16, copy=False)
        write_dicom(root / path, pixels, tags, sop_class=MR_IMAGE_STORAGE, bits_stored=16)
        key = ImageKey(
            f"rsna:{path}", f"rsna:{study.study}", study.study, one.series, view, sequence
        )
        written.truth += build_slice_truth(key, spine, image, reach_mm=gap_mm / 2 + 1e-6)


def _orientation(image: RenderedImage) -> list[float]:
    column = image.affine_lps[:3, 0] / image.spacing_mm[1]
    row = image.affine_lps[:3, 1] / image.spacing_mm[0]
    return decimal_strings(np.concatenate([column, row]))


def _write_tables(root: Path, train: list[Written], test: list[Written]) -> None:
    columns = grade_columns(load_conditions())
    write_rows(
        root / GRADES_FILE,
        ["study_id", *columns],
        ([w.study.study, *(w.grades[column] for column in columns)] for w in train),
    )
    names = ["study_id", "series_id", "instance_number", "condition", "level", "x", "y"]
    write_rows(root / POINTS_FILE, names, (row for w in train for row in w.points))
    _write_series_table(root / SERIES_FILE, train)
    test_series, submission = UNLABELLED_FILES
    _write_series_table(root / test_series, test)
    write_rows(
        root / submission,
        ["row_id", "normal_mild", "moderate", "severe"],
        (
            [f"{w.study.study}_{column}", *(["0.333333"] * 3)]
            for w in test
            for column in sorted(columns)
        ),
    )


def _write_series_table(path: Path, written: Iterable[Written]) -> None:
    header = ["study_id", "series_id", "series_description"]
    write_rows(path, header, (row for w in written for row in w.series))
