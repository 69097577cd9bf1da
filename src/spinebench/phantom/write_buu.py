"""Phantom patients in the layout of BUU-LSPINE version 2: films, end plates, csv_info.

What the original is like, and this imitates: a frontal (AP) and a left lateral (LA) JPEG for each
patient, LA facing the image's left; a table without header for each film, one end plate a row;
patient numbers with gaps; sex and age in the file's name; one spacing for both films, in a table
separated by tabs; slips as often and of such kinds as the authors count in 3,600 patients. The
set labels slips and nothing else, so nothing else is drawn here: a normal film is normal.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from spinebench.engine import Engine
from spinebench.errors import UsageError
from spinebench.phantom.film import View, place_film, visible_findings
from spinebench.phantom.pathology import CERVICAL_RANGE, Lesion, PhantomFinding, SpineOptions
from spinebench.phantom.render_xray import FULL_SCALE, render_xray
from spinebench.phantom.rendered import RenderedImage
from spinebench.phantom.rng import build_rng
from spinebench.phantom.sizes import DISC_NAMES, LUMBAR_DISCS, VERTEBRA_NAMES, Side
from spinebench.phantom.spine import Spine, sample_spine
from spinebench.phantom.truth import ImageKey, TruthRow, build_film_truth
from spinebench.phantom.write_options import PhantomOptions, write_rows
from spinebench.sources.buu_tables import PLATES, load_class_codes

SPACING_FILE = "csv_info/pixel_spacing_BUU_LSPINE_V2.csv"
DIAGNOSIS_FILE = "csv_info/diag_all_BUU_LSPINE_V2.csv"
SIZE_FILES: dict[View, str] = {
    "AP": "csv_info/image_size_AP_BUU_LSPINE_V2.csv",
    "LAT": "csv_info/image_size_LA_BUU_LSPINE_V2.csv",
}
FOLDERS: dict[View, str] = {"AP": "data/AP", "LAT": "data/LA"}
VIEW_DIGITS: dict[View, str] = {"AP": "0", "LAT": "1"}
JPEG_QUALITY = 95
_AGES = (18, 93)
# Klinwichit 2023, table of the 3,600 set: 621 patients with any slip; patients by kind.
SHARE_SLIPPED = 621 / 3600
KINDS: dict[str, int] = {
    "anterolisthesis": 464,
    "retrolisthesis": 194,
    "left laterolisthesis": 61,
    "right laterolisthesis": 69,
}
# 788 kinds on 621 patients: so many of them have a second slip, of another level here.
_SHARE_SECOND = 788 / 621 - 1
# Chance by disc, ours: forward slips of wear at L4/L5, backward ones above and below it, sideways
# ones in the middle; an AP table has no plate of S1, so that none is at L5/S1.
_DISC_WEIGHTS: dict[str, tuple[float, ...]] = {
    "anterolisthesis": (0.02, 0.05, 0.18, 0.52, 0.23),
    "retrolisthesis": (0.12, 0.27, 0.28, 0.13, 0.20),
    "laterolisthesis": (0.15, 0.35, 0.35, 0.15, 0.0),
}
# Slips in mm, from clearly past the 3 mm on that the phantom calls a slip.
_MM: dict[str, tuple[float, float]] = {
    "anterolisthesis": (4.5, 11.0),
    "retrolisthesis": (4.0, 7.5),
    "laterolisthesis": (4.0, 8.0),
}
# Slips become more common with age: relative chance at 20 and at 90 years, 1 on the whole.
_AGE_CHANCE = (0.3, 1.7)
_ASPECT: dict[View, tuple[float, float]] = {"AP": (0.68, 0.85), "LAT": (0.6, 0.8)}
_HIGHEST_NUMBER = 9999  # four digits


@dataclass
class Written:
    """Rows of one patient for the tables."""

    spacing: list[tuple[str, ...]] = field(default_factory=list)
    diagnoses: list[tuple[str, ...]] = field(default_factory=list)
    sizes: dict[View, list[tuple[str, ...]]] = field(default_factory=lambda: {"AP": [], "LAT": []})
    truth: list[TruthRow] = field(default_factory=list)


@dataclass(frozen=True)
class FilmPlan:
    """One film before it is rendered."""

    stem: str
    view: View
    rows: int
    cols: int
    seed: int

    @property
    def path(self) -> str:
        """The picture, relative to the root."""
        return f"{FOLDERS[self.view]}/{self.stem}.jpg"


def write_buu(
    root: Path, *, patients: int, seed: int, options: PhantomOptions, engine: Engine
) -> list[TruthRow]:
    """Write the layout below `root`; returns the truth of every film.

    Raises UsageError for more patients than four digits have numbers.
    """
    if number_of(patients - 1) > _HIGHEST_NUMBER:
        raise UsageError(f"{patients} patients: the names of this set have room for fewer")
    work = functools.partial(_write_patient, root, seed, options)
    written = list(engine.map(work, range(patients), label="buu phantoms", shard=4))
    _write_tabs(root / SPACING_FILE, [row for w in written for row in w.spacing])
    diagnoses = [row for w in written for row in w.diagnoses]
    write_rows(root / DIAGNOSIS_FILE, ("filename", "lumbar", "diagnosis_number"), diagnoses)
    for view, file in SIZE_FILES.items():
        sizes = [row for w in written for row in w.sizes[view]]
        write_rows(root / file, ("filename", "height", "width"), sizes)
    return [row for w in written for row in w.truth]


def number_of(index: int) -> int:
    """Patient number: every eighth is left out, as numbers of the original have gaps."""
    return 1 + index + index // 7


def draw_slips(rng: np.random.Generator, age: int, prevalence: float) -> tuple[Lesion, ...]:
    """Slips of one patient: none, one, or two at different levels."""
    low, high = _AGE_CHANCE
    share = (age - _AGES[0]) / (_AGES[1] - _AGES[0])
    if rng.random() >= SHARE_SLIPPED * prevalence * (low + (high - low) * share):
        return ()
    weights = np.array(list(KINDS.values()), dtype=np.float64)
    slips: dict[str, Lesion] = {}
    for _ in range(2 if rng.random() < _SHARE_SECOND else 1):
        kind = str(rng.choice(list(KINDS), p=weights / weights.sum()))
        side: Side | None = None
        if kind.endswith("laterolisthesis"):
            side = "left" if kind.startswith("left") else "right"
        subtype = kind.split(" ")[-1]
        disc = str(rng.choice(LUMBAR_DISCS, p=_DISC_WEIGHTS[subtype]))
        size_mm = float(rng.uniform(*_MM[subtype]))
        slips.setdefault(disc, Lesion("slip", disc, side, mm=size_mm, subtype=subtype))
    return tuple(slips.values())


def sample_patient(index: int, seed: int, prevalence: float) -> Spine:
    """The spine of a patient: slips and wear of age, nothing else."""
    key = f"buu/{index:06d}"
    rng = build_rng(seed, key, "buu")
    age = int(rng.integers(_AGES[0], _AGES[1] + 1))
    slips = draw_slips(rng, age, prevalence)
    neck = Lesion("curvature", CERVICAL_RANGE, subtype="lordotic")  # not on any of these films
    options = SpineOptions(
        profile="film", age_range=(age, age), forced=(*slips, neck), only_forced=True
    )
    return sample_spine(key, seed, options=options)


def _write_patient(root: Path, seed: int, options: PhantomOptions, index: int) -> Written:
    spine = sample_patient(index, seed, options.prevalence)
    exam = f"{number_of(index):04d}-{spine.sex}-{spine.age:03d}Y"
    written = Written()
    plans, spacing_mm = _plan_films(spine, exam, seed, options.film_px)
    written.spacing.append((exam, f"{spacing_mm:.4g}"))
    for plan in plans:
        _write_film(root, spine, plan, written)
    return written


def _plan_films(
    spine: Spine, exam: str, seed: int, film_px: int | None
) -> tuple[list[FilmPlan], float]:
    """Both films, and the spacing that they share: one detector took them."""
    rng = build_rng(seed, spine.key, "films")
    tallest = int(
        rng.integers(1400, 3001)
        if film_px is None
        else rng.integers(round(0.9 * film_px), film_px + 1)
    )
    views: tuple[View, ...] = ("AP", "LAT")
    heights_mm = {
        view: 1000 * place_film(spine, view, "lumbar", 1000, 800).spacing_mm for view in views
    }
    spacing_mm = max(heights_mm.values()) / tallest
    plans = []
    for view in views:
        rows = round(heights_mm[view] / spacing_mm)
        cols = round(rows * float(rng.uniform(*_ASPECT[view])))
        plans.append(FilmPlan(f"{exam}{VIEW_DIGITS[view]}", view, rows, cols, seed))
    return plans, spacing_mm


def _write_film(root: Path, spine: Spine, plan: FilmPlan, written: Written) -> None:
    size = {"rows": plan.rows, "cols": plan.cols}
    image = render_xray(spine, view=plan.view, region="lumbar", seed=plan.seed, **size)
    shown = visible_findings(spine, plan.view, "lumbar", **size)
    codes = codes_by_vertebra([finding for finding, _ in shown])
    path = root / plan.path
    path.parent.mkdir(parents=True, exist_ok=True)
    save_film(path, image.pixels)
    rows = plate_rows(spine, image, plan.view, codes)
    path.with_suffix(".csv").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    name = path.name
    written.sizes[plan.view].append((name, str(plan.rows), str(plan.cols)))
    written.diagnoses += [(plan.stem, f"{body}b", str(code)) for body, code in codes.items()]
    patient = plan.stem[:4]
    key = ImageKey(f"buu:{plan.path}", f"buu:{patient}", patient, plan.stem, plan.view, None)
    levels = [level for level in (*VERTEBRA_NAMES, *DISC_NAMES) if level[0] in "TLS"]
    written.truth += build_film_truth(key, spine, image, levels, shown)


def codes_by_vertebra(shown: Sequence[PhantomFinding]) -> dict[str, int]:
    """Class code of the upper vertebra of each slip that a film shows, cranial to caudal."""
    number = {code.words: code.code for code in load_class_codes().values()}
    codes: dict[str, int] = {}
    for finding in shown:
        if finding.disease == "Spondylolisthesis":
            words = " ".join(word for word in (finding.side, finding.subtype) if word)
            codes[finding.level.split("/")[0]] = number[words]
    return codes


def plate_rows(
    spine: Spine, image: RenderedImage, view: View, codes: Mapping[str, int]
) -> list[str]:
    """Lines of a film's table: the end points of each plate by column, and its class."""
    lines = []
    for plate in PLATES[view]:
        name, is_upper = plate[:2], plate[2] == "a"
        body = spine.vertebrae[name]
        reach = 0.5 * (body.width_mm if view == "AP" else body.depth_mm)
        ends = []
        for along in (-reach, reach):
            u, v = (along, 0.0) if view == "AP" else (0.0, along)
            half = body.half_height(v)
            ends.append(image.project(body.frame.to_mm(u, v, half if is_upper else -half)))
        code = 0 if is_upper else codes.get(name, 0)
        lines.append(",".join([*(format_plate_px(n) for end in ends for n in end), str(code)]))
    return lines


def format_plate_px(value: float) -> str:
    """A coordinate with at most four decimals, as the original has them."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def save_film(path: Path, pixels: npt.NDArray[np.uint16] | npt.NDArray[np.int16]) -> None:
    """Write 12-bit pixels as an 8-bit JPEG."""
    grey = np.rint(pixels * np.float32(255 / FULL_SCALE)).astype(np.uint8)
    Image.fromarray(grey).save(path, "JPEG", quality=JPEG_QUALITY)


def _write_tabs(path: Path, rows: Sequence[tuple[str, ...]]) -> None:
    """The spacing table: a `.csv` by name, separated by tabs as in the release."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(row) for row in (("filename", "pixel_spacing"), *rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
