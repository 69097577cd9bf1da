"""Where a film lies, and which findings its projection can show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from spinebench.phantom.column import Frame, PointMm, Vertebra
from spinebench.phantom.pathology import CERVICAL_RANGE, PhantomFinding
from spinebench.phantom.rng import build_rng
from spinebench.phantom.sizes import LUMBAR_DISCS, VERTEBRA_NAMES
from spinebench.phantom.spine import Spine

View = Literal["AP", "LAT"]
FilmRegion = Literal["lumbar", "cervical", "thoracolumbar"]
BoxPx = tuple[float, float, float, float]

# Length of the film along the spine in mm, and the first and last vertebra drawn.
FILM_HEIGHT_MM: dict[str, float] = {"lumbar": 390.0, "cervical": 235.0, "thoracolumbar": 430.0}
FILM_VERTEBRAE: dict[str, tuple[str, str]] = {
    "lumbar": ("T9", "S3"),
    "cervical": ("C2", "T4"),
    "thoracolumbar": ("T4", "S2"),
}
# Vertebrae that are clear enough on the film to be read.
READ_VERTEBRAE: dict[str, tuple[str, str]] = {
    "lumbar": ("T11", "S1"),
    "cervical": ("C2", "C7"),
    "thoracolumbar": ("T6", "L5"),
}
# A disc space shows on a frontal film only where the ray runs about along it.
AP_DISC_TILT_RAD = 0.27


@dataclass(frozen=True)
class Film:
    """Geometry of one film: columns to the patient's left (AP) or backwards (LAT), rows caudal.

    origin_mm: (across, z) of the centre of the first pixel; across is x (AP) or y (LAT).
    """

    view: View
    region: FilmRegion
    rows: int
    cols: int
    spacing_mm: float
    origin_mm: tuple[float, float]

    @property
    def affine_lps(self) -> npt.NDArray[np.float64]:
        """See RenderedImage: third column is the direction of the rays, their depth is 0."""
        affine = np.eye(4)
        across, z = self.origin_mm
        if self.view == "AP":
            affine[:3, 0] = (self.spacing_mm, 0.0, 0.0)
            affine[:3, 2] = (0.0, 1.0, 0.0)
            affine[:3, 3] = (across, 0.0, z)
        else:
            affine[:3, 0] = (0.0, self.spacing_mm, 0.0)
            affine[:3, 2] = (-1.0, 0.0, 0.0)
            affine[:3, 3] = (0.0, across, z)
        affine[:3, 1] = (0.0, 0.0, -self.spacing_mm)
        return affine

    def to_px(self, point_mm: PointMm) -> tuple[float, float]:
        """(column, row) of a point; the depth along the ray is lost."""
        across = point_mm[0] if self.view == "AP" else point_mm[1]
        return (
            (across - self.origin_mm[0]) / self.spacing_mm,
            (self.origin_mm[1] - point_mm[2]) / self.spacing_mm,
        )


def place_film(spine: Spine, view: View, region: FilmRegion, rows: int, cols: int) -> Film:
    """The film of a patient; it depends on the spine alone: truth needs no rendering."""
    rng = build_rng(spine.seed, spine.key, "film", view, region)
    height_mm = FILM_HEIGHT_MM[region] * float(rng.uniform(0.95, 1.05))
    spacing = height_mm / rows
    first, last = READ_VERTEBRAE[region]
    top, low = spine.vertebrae[first].frame.center_mm, spine.vertebrae[last].frame.center_mm
    middle_z = 0.5 * (top[2] + low[2]) + float(rng.normal(0.0, 5.0))
    middle_z += {"lumbar": -22.0, "cervical": 6.0, "thoracolumbar": 0.0}[region]
    lines = [body.frame.center_mm for body in read_bodies(spine, region)]
    axis = 0 if view == "AP" else 1
    values = [point[axis] for point in lines]
    middle = 0.5 * (min(values) + max(values)) + float(rng.normal(0.0, 4.0))
    middle += 8.0 if view == "LAT" and region != "cervical" else 0.0
    half_w, half_h = 0.5 * (cols - 1) * spacing, 0.5 * (rows - 1) * spacing
    return Film(view, region, rows, cols, spacing, (middle - half_w, middle_z + half_h))


def read_bodies(spine: Spine, region: FilmRegion) -> list[Vertebra]:
    """Vertebrae that can be read on a film of this region, cranial to caudal."""
    first, last = (VERTEBRA_NAMES.index(name) for name in READ_VERTEBRAE[region])
    return [spine.vertebrae[name] for name in VERTEBRA_NAMES[first : last + 1]]


def visible_findings(
    spine: Spine, view: View, region: FilmRegion, *, rows: int, cols: int
) -> tuple[tuple[PhantomFinding, BoxPx], ...]:
    """Findings that this film shows, each with its box (x0, y0, x1, y1) in pixels, clipped.

    LAT: antero- and retrolisthesis, anterior osteophytes, disc narrowing, collapse, lumbar
    foramina from moderate on, cervical shape on cervical films. AP: laterolisthesis, lateral
    osteophytes, disc narrowing and collapse from moderate on (narrowing only where the ray runs
    along the disc). Canal and recesses never. Order as in `spine.findings`.
    """
    film = place_film(spine, view, region, rows, cols)
    names = {body.name for body in read_bodies(spine, region)}
    shown: list[tuple[PhantomFinding, BoxPx]] = []
    for finding in spine.findings:
        if not finding.is_present or not _is_shown(finding, spine, view, region):
            continue
        if finding.level != CERVICAL_RANGE and not set(finding.level.split("/")) <= names:
            continue
        box = _box_px(finding, spine, film)
        if box is not None:
            shown.append((finding, box))
    return tuple(shown)


def _is_shown(finding: PhantomFinding, spine: Spine, view: View, region: FilmRegion) -> bool:
    disease, strong = finding.disease, finding.grade in ("moderate", "severe")
    if finding.level == CERVICAL_RANGE:
        return view == "LAT" and region == "cervical"
    if disease == "Spondylolisthesis":
        return (finding.subtype == "laterolisthesis") == (view == "AP")
    if disease == "Osteophytes":
        return (finding.side is not None) == (view == "AP")
    if disease == "Disc space narrowing":
        along = abs(spine.discs[finding.level].frame.tilt_rad) <= AP_DISC_TILT_RAD
        return view == "LAT" or (strong and along)
    if disease == "Vertebral collapse":
        return view == "LAT" or strong
    if disease == "Foraminal stenosis":
        return view == "LAT" and strong and finding.level in LUMBAR_DISCS
    return False


def _box_px(finding: PhantomFinding, spine: Spine, film: Film) -> BoxPx | None:
    points = _outline(finding, spine)
    pixels = np.array([film.to_px(point) for point in points])
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    full = float((high[0] - low[0]) * (high[1] - low[1]))
    x0, x1 = (float(np.clip(value, 0.0, film.cols - 1.0)) for value in (low[0], high[0]))
    y0, y1 = (float(np.clip(value, 0.0, film.rows - 1.0)) for value in (low[1], high[1]))
    # A finding mostly off the film is not on it.
    return (x0, y0, x1, y1) if (x1 - x0) * (y1 - y0) >= 0.6 * full else None


def _outline(finding: PhantomFinding, spine: Spine) -> list[PointMm]:
    if finding.level == CERVICAL_RANGE:
        bodies = read_bodies(spine, "cervical")
        return [
            point
            for body in bodies
            for point in _corners(
                body.frame, 0.5 * body.width_mm, 0.5 * body.depth_mm, 0.5 * body.height_mm
            )
        ]
    if finding.disease == "Vertebral collapse":
        body = spine.vertebrae[finding.level]
        half = 0.5 * max(body.front_mm, body.back_mm) + 3.0
        sizes = (0.5 * body.width_mm + 3.0, 0.5 * body.depth_mm + 3.0, half)
        return _corners(body.frame, *sizes)
    disc = spine.discs[finding.level]
    if finding.disease in ("Osteophytes", "Foraminal stenosis"):
        half = 0.5 * finding.measure + 4.0 if finding.disease == "Osteophytes" else 8.0
        tall = 0.5 * disc.height_mm + 6.0 if finding.disease == "Osteophytes" else 11.0
        frame = Frame(finding.point_mm, disc.frame.tilt_rad, disc.frame.shear)
        return _corners(frame, half, half, tall)
    tall = 0.5 * disc.height_mm + (12.0 if finding.disease == "Spondylolisthesis" else 4.0)
    return _corners(disc.frame, 0.5 * disc.width_mm + 4.0, 0.5 * disc.depth_mm + 5.0, tall)


def _corners(frame: Frame, u: float, v: float, w: float) -> list[PointMm]:
    return [frame.to_mm(a, b, c) for a in (-u, u) for b in (-v, v) for c in (-w, w)]
