"""One picture that shows what the phantom can do, with severity and millimetres under each tile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from spinebench.phantom.pathology import CERVICAL_RANGE, PhantomFinding
from spinebench.phantom.render_ct import render_ct
from spinebench.phantom.render_mr import render_mr
from spinebench.phantom.render_xray import render_xray
from spinebench.phantom.rendered import PointMm, RenderedImage
from spinebench.phantom.spine import Lesion, Spine, SpineOptions, sample_spine

TILE_PX = 230
CAPTION_PX = 30
FRACTIONS: tuple[tuple[str, float], ...] = (("normal", 0.0), ("moderate", 0.5), ("severe", 0.82))
LEVEL = "L4/L5"
Tile = tuple[Image.Image, str]


def build_contact_sheet(path: Path, seed: int) -> None:
    """Write the sheet as PNG; one patient throughout, lesions forced one at a time."""
    rows = [
        _canal_row(seed),
        _foramen_recess_row(seed),
        _film_row(seed),
        _neck_row(seed),
        _overview_row(seed),
    ]
    width = max(len(row) for row in rows) * TILE_PX
    sheet = Image.new("L", (width, len(rows) * (TILE_PX + CAPTION_PX)), 255)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=11)
    for index, row in enumerate(rows):
        top = index * (TILE_PX + CAPTION_PX)
        for column, (tile, caption) in enumerate(row):
            sheet.paste(tile, (column * TILE_PX, top))
            place = (column * TILE_PX + 4, top + TILE_PX + 1)
            draw.multiline_text(place, caption, fill=0, font=font, spacing=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    # 64 greys are enough for a picture in a page and keep the file small.
    sheet.quantize(64).save(path, optimize=True)


def _patient(seed: int, *lesions: Lesion, age: int = 52) -> Spine:
    options = SpineOptions(only_forced=True, forced=lesions, age_range=(age, age), sex="M")
    return sample_spine("contact sheet", seed, options=options)


def _finding(spine: Spine, disease: str, side: str | None = None) -> PhantomFinding:
    return next(
        finding
        for finding in spine.findings
        if finding.disease == disease
        and finding.side == side
        and (finding.level == LEVEL or disease == "Vertebral collapse")
    )


def _words(finding: PhantomFinding) -> str:
    return f"{finding.grade}: {finding.measure:.1f} of {finding.expected:.1f} mm"


def _nearest(images: list[RenderedImage], point_mm: PointMm) -> RenderedImage:
    return min(images, key=lambda image: image.distance_mm(point_mm))


def _tile(
    image: RenderedImage, point_mm: PointMm | None, field_mm: float, high: float
) -> Image.Image:
    """A square of `field_mm` around a point (the whole picture without one), 8 bit."""
    pixels: npt.NDArray[np.float64] = image.pixels.astype(np.float64)
    rows, cols = pixels.shape
    low = -200.0 if pixels.min() < 0 else 0.0
    top = float(np.quantile(pixels, high)) if low == 0.0 else 500.0
    grey = np.clip((pixels - low) / (top - low), 0.0, 1.0) * 255.0
    picture = Image.fromarray(grey.astype(np.uint8))
    if point_mm is None:
        side = max(rows, cols)
        square = Image.new("L", (side, side), 0)
        square.paste(picture, ((side - cols) // 2, (side - rows) // 2))
        return square.resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)
    x, y = image.project(point_mm)
    half = 0.5 * field_mm / image.spacing_mm[0]
    box = (x - half, y - half, x + half, y + half)
    size = (TILE_PX, TILE_PX)
    return picture.transform(size, Image.Transform.EXTENT, box, resample=Image.Resampling.BICUBIC)


def _canal_row(seed: int) -> list[Tile]:
    tiles: list[Tile] = []
    for orientation, field_mm in (("SAG", 130.0), ("AX", 105.0)):
        for _, fraction in FRACTIONS:
            spine = _patient(seed, Lesion("canal", LEVEL, fraction=fraction))
            images = render_mr(spine, orientation=orientation, sequence="T2", seed=seed)  # type: ignore[arg-type]
            point = spine.canal_point_mm(LEVEL)
            tile = _tile(_nearest(images, point), point, field_mm, 0.985)
            words = _words(_finding(spine, "Spinal Canal Stenosis"))
            tiles.append((tile, f"{orientation} T2, canal {LEVEL}\n{words}"))
    return tiles


def _foramen_recess_row(seed: int) -> list[Tile]:
    tiles: list[Tile] = []
    for _, fraction in FRACTIONS:
        spine = _patient(seed, Lesion("foramen", LEVEL, "right", fraction=fraction))
        images = render_mr(spine, orientation="SAG", sequence="T1", seed=seed)
        point = spine.foramen_point_mm(LEVEL, "right")
        tile = _tile(_nearest(images, point), point, 110.0, 0.97)
        words = _words(_finding(spine, "Foraminal stenosis", "right"))
        tiles.append((tile, f"SAG T1, right foramen {LEVEL}\n{words}"))
    for _, fraction in FRACTIONS:
        spine = _patient(seed, Lesion("recess", LEVEL, "left", fraction=fraction))
        images = render_mr(spine, orientation="AX", sequence="T2", seed=seed)
        point = spine.recess_point_mm(LEVEL, "left")
        shown = [image for image in images if image.label == LEVEL]
        tile = _tile(_nearest(shown, point), spine.canal_point_mm(LEVEL), 75.0, 0.985)
        words = _words(_finding(spine, "Subarticular Stenosis", "left"))
        tiles.append((tile, f"AX T2, left recess {LEVEL}\n{words}"))
    return tiles


def _film_row(seed: int) -> list[Tile]:
    cases = [
        ("no finding", LEVEL, ()),
        ("Spondylolisthesis", LEVEL, (Lesion("slip", LEVEL, mm=9.0, subtype="anterolisthesis"),)),
        ("Osteophytes", LEVEL, (Lesion("osteophyte", LEVEL, mm=8.0),)),
        ("Disc space narrowing", LEVEL, (Lesion("disc", LEVEL, fraction=0.7),)),
        ("Vertebral collapse", "L2", (Lesion("collapse", "L2", fraction=0.45, subtype="wedge"),)),
        (
            "Foraminal stenosis",
            LEVEL,
            (
                Lesion("foramen", LEVEL, "left", fraction=0.8),
                Lesion("foramen", LEVEL, "right", fraction=0.8),
            ),
        ),
    ]
    tiles: list[Tile] = []
    for disease, level, lesions in cases:
        spine = _patient(seed, *lesions)
        film = render_xray(spine, view="LAT", rows=1000, cols=800, seed=seed)
        tile = _tile(film, spine.level_point_mm(level), 150.0, 0.999)
        words = "LAT film, no finding"
        if lesions:
            side = "left" if disease == "Foraminal stenosis" else None
            finding = _finding(spine, disease, side)
            unit = "of height lost" if disease == "Vertebral collapse" else "mm"
            words = f"{disease} {finding.level}\n"
            words += f"{finding.subtype or finding.grade}: {finding.measure:.2g} {unit}"
        tiles.append((tile, words))
    return tiles


def _neck_row(seed: int) -> list[Tile]:
    tiles: list[Tile] = []
    for shape in ("lordotic", "straight", "sigmoid", "kyphotic"):
        spine = _patient(seed, Lesion("curvature", CERVICAL_RANGE, subtype=shape))
        film = render_xray(spine, view="LAT", region="cervical", rows=800, cols=700, seed=seed)
        finding = next(item for item in spine.findings if item.level == CERVICAL_RANGE)
        tile = _tile(film, spine.level_point_mm("C5"), 150.0, 0.999)
        tiles.append((tile, f"{finding.disease}\nC2-C7 {finding.measure:.0f} degrees"))
    spine = _patient(seed, Lesion("canal", "C5/C6", fraction=0.6))
    images = render_mr(spine, orientation="SAG", sequence="T2", region="cervical", seed=seed)
    tile = _tile(_nearest(images, spine.canal_point_mm("C5/C6")), None, 0.0, 0.985)
    tiles.append((tile, "SAG T2, canal C5/C6 moderate"))
    film = render_xray(spine, view="AP", region="cervical", rows=800, cols=700, seed=seed)
    tiles.append((_tile(film, None, 0.0, 0.999), "AP film, neck"))
    return tiles


def _overview_row(seed: int) -> list[Tile]:
    spine = _patient(seed, Lesion("slip", "L3/L4", "left", mm=8.0, subtype="laterolisthesis"))
    healthy = _patient(seed + 1, age=30)
    tiles: list[Tile] = []
    film = render_xray(spine, view="AP", rows=1000, cols=820, seed=seed)
    tiles.append(
        (_tile(film, None, 0.0, 0.999), "AP film, laterolisthesis L3/L4\n8 mm to the left")
    )
    film = render_xray(healthy, view="LAT", region="thoracolumbar", rows=1000, cols=820, seed=seed)
    tiles.append((_tile(film, None, 0.0, 0.999), "LAT film, thoracolumbar, age 30"))
    for sequence in ("T1", "T2"):
        images = render_mr(healthy, orientation="SAG", sequence=sequence, seed=seed)
        middle = _nearest(images, healthy.level_point_mm("L3"))
        tiles.append((_tile(middle, None, 0.0, 0.985), f"SAG {sequence}, age 30, whole field"))
    for orientation in ("SAG", "AX"):
        slices = render_ct(healthy, orientation, seed=seed)
        shown = _nearest(slices, healthy.level_point_mm(LEVEL))
        tiles.append((_tile(shown, None, 0.0, 1.0), f"{orientation} CT, -200 to 500 HU"))
    return tiles
