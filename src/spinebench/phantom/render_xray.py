"""Radiographs of a phantom: attenuation along parallel rays, scatter, blur, noise, collimation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from spinebench.phantom.arches import paint_arch
from spinebench.phantom.bones import paint_vertebral_body
from spinebench.phantom.canvas import Canvas, smooth_noise, stretch
from spinebench.phantom.film import (
    FILM_VERTEBRAE,
    Film,
    FilmRegion,
    View,
    place_film,
    visible_findings,
)
from spinebench.phantom.rendered import RenderedImage
from spinebench.phantom.rng import build_rng
from spinebench.phantom.scenery import (
    MU_SOFT,
    FilmMap,
    Map,
    build_film_map,
    draw_other_bones,
    draw_soft_tissue,
)
from spinebench.phantom.sizes import TISSUES, VERTEBRA_NAMES
from spinebench.phantom.spine import Spine, Vertebra

__all__ = ["RenderedImage", "render_xray", "visible_findings"]

DEPTH_STEP_MM = 1.8
FULL_SCALE = 4095


def render_xray(
    spine: Spine, *, view: View, region: FilmRegion = "lumbar", rows: int, cols: int, seed: int
) -> RenderedImage:
    """A film, uint16 with 12 bits, high = dense (MONOCHROME2).

    AP: columns to the patient's left. LAT: columns backwards. Rows caudal. The geometry belongs to
    the patient (see `place_film`); `seed` decides gas, noise, collimation and marker.
    """
    film = place_film(spine, view, region, rows, cols)
    rng = build_rng(seed, spine.key, "xray", view, region)
    # Detail of the projected spine; finer than the focal blur only on large films.
    grid = build_film_map(film, 0.85 if rows <= 1400 else 0.6)
    bone = project_bones(spine, grid)
    soft = draw_soft_tissue(grid, spine, rng)
    other = draw_other_bones(grid, spine)
    dense = _expose(soft, bone + other, grid)
    pixels = _finish(dense, film, grid, rng)
    return RenderedImage(pixels, film.affine_lps, (film.spacing_mm,) * 2, 0.0, view)


def project_bones(spine: Spine, grid: FilmMap) -> Map:
    """Excess attenuation of vertebrae over soft tissue along the rays, (rows, cols) of the map."""
    first, last = (VERTEBRA_NAMES.index(name) for name in FILM_VERTEBRAE[grid.film.region])
    out = np.zeros((len(grid.z), len(grid.across)), dtype=np.float32)
    for name in VERTEBRA_NAMES[first : last + 1]:
        _project_vertebra(out, spine.vertebrae[name], spine, grid)
    return out


def _project_vertebra(out: Map, vertebra: Vertebra, spine: Spine, grid: FilmMap) -> None:
    x0, y0, z0 = vertebra.frame.center_mm
    deep = 0.5 * vertebra.depth_mm + vertebra.canal_ap_mm + vertebra.spinous_mm + 10.0
    wide = 0.5 * vertebra.canal_width_mm + 18.0 + vertebra.transverse_mm
    wide = max(wide, 0.5 * vertebra.width_mm + 12.0)
    tall = 2.6 * vertebra.height_mm + 12.0
    frontal = grid.film.view == "AP"
    near = (x0 - wide, x0 + wide) if frontal else (y0 - 0.5 * vertebra.depth_mm - 14.0, y0 + deep)
    cols = np.flatnonzero((grid.across >= near[0]) & (grid.across <= near[1]))
    rows = np.flatnonzero(np.abs(grid.z - z0) <= tall)
    if cols.size == 0 or rows.size == 0:
        return
    across, z = grid.across[cols].astype(np.float32), grid.z[rows].astype(np.float32)
    low, high = (
        (y0 - 0.5 * vertebra.depth_mm - 14.0, y0 + deep) if frontal else (x0 - wide, x0 + wide)
    )
    depth = np.arange(low, high, DEPTH_STEP_MM, dtype=np.float32)
    x, y = (across, depth) if frontal else (depth, across)
    mu = {
        name: np.array([max(0.0, row[4] - MU_SOFT)], dtype=np.float32)
        for name, row in TISSUES.items()
    }
    data = np.zeros((1, x.size, z.size, y.size), dtype=np.float32)
    canvas = Canvas(data, x.reshape(-1, 1, 1), y.reshape(1, 1, -1), z.reshape(1, -1, 1), 1.1, mu)
    paint_vertebral_body(canvas, vertebra, spine)
    if not frontal:
        # Thin processes seen end-on are hardly visible on real lateral films; parallel rays would
        # make them bright spots.
        vertebra = replace(vertebra, transverse_mm=0.25 * vertebra.transverse_mm)
    # Arches are denser than bodies: a quarter of their inside counts as cortex.
    dense = 0.75 * mu["marrow"] + 0.25 * mu["cortex"]
    paint_arch(replace(canvas, palette={**mu, "marrow": dense}), vertebra, spine)
    cm = 0.1 * DEPTH_STEP_MM
    path = data[0].sum(axis=2).T if frontal else data[0].sum(axis=0)
    out[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1] += cm * path


# Share of the slow differences held back: more where lungs lie beside the column; on a neck so much
# would wash out the body just above the shoulders.
_HELD_BACK: dict[FilmRegion, float] = {"lumbar": 0.82, "cervical": 0.75, "thoracolumbar": 0.93}


def _expose(soft: Map, bone: Map, grid: FilmMap) -> Map:
    """Logarithm of what reaches the detector: primary rays plus scatter, focal blur."""
    total = ndimage.gaussian_filter(soft + bone, 0.35 / grid.pitch_mm)
    rows, cols = total.shape
    # Scatter comes from tissue, not from the open beam: smooth the exponent, not the intensity.
    deep = ndimage.gaussian_filter(total[::8, ::8], 28.0 / (8.0 * grid.pitch_mm))
    deep = stretch(stretch(deep[None].astype(np.float32), rows, 1), cols, 2)[0]
    # Half as much scatter as primary behind a grid.
    dark = -np.log(np.exp(-total.astype(np.float64)) + 0.5 * np.exp(-deep.astype(np.float64)))
    # Display processing of digital radiography: slow differences are held back, detail kept.
    slow = ndimage.gaussian_filter(dark[::8, ::8], 20.0 / (8.0 * grid.pitch_mm))
    slow = stretch(stretch(slow[None].astype(np.float32), rows, 1), cols, 2)[0]
    return np.asarray(dark - _HELD_BACK[grid.film.region] * slow, dtype=np.float32)


def _finish(
    dense: Map, film: Film, grid: FilmMap, rng: np.random.Generator
) -> npt.NDArray[np.uint16]:
    """To the film's pixels: trabecular grain, quantum noise, window, shutters, marker."""
    rows, cols = film.rows, film.cols
    scale = film.spacing_mm / grid.pitch_mm
    picture = _resample(dense, rows, cols, scale)
    # The window follows the column in the middle of the film; what is thinner falls into the toe.
    edge = dense.shape[1] // 3
    middle = dense[::4, edge:-edge:4]
    low, high = (float(value) for value in np.quantile(middle, (0.18, 0.998)))
    least = min(float(dense.min()), low - 0.5)
    picture = np.interp(picture, (least, low, high), (0.0, 0.26, 0.95)).astype(np.float32)
    grain = smooth_noise(rng, (1, rows, cols), (1.1 / film.spacing_mm,) * 2)[0]
    noise = rng.standard_normal((rows, cols), dtype=np.float32)
    level = np.float32(float(rng.uniform(0.007, 0.013)))
    # Fewer photons behind dense parts: more noise there.
    picture += level * (0.6 + 0.9 * np.clip(picture, 0.0, 1.2)) * (noise + 0.8 * grain)
    picture += 0.05
    _shutter(picture, rng)
    _mark(picture, film, rng)
    return np.asarray(np.clip(picture * 0.93 * FULL_SCALE, 0.0, FULL_SCALE), dtype=np.uint16)


def _resample(dense: Map, rows: int, cols: int, scale: float) -> Map:
    """Cubic resampling with the map's first sample on the film's first pixel centre."""
    out: Map = ndimage.affine_transform(
        dense, (scale, scale), output_shape=(rows, cols), order=3, mode="nearest"
    )
    return out


def _shutter(picture: Map, rng: np.random.Generator) -> None:
    rows, cols = picture.shape
    for axis, size in ((0, rows), (1, cols)):
        for end in (False, True):
            margin = int(size * float(rng.uniform(0.0, 0.035)))
            where: list[slice] = [slice(None), slice(None)]
            where[axis] = slice(size - margin, size) if end else slice(0, margin)
            picture[tuple(where)] *= 0.04


def _mark(picture: Map, film: Film, rng: np.random.Generator) -> None:
    """The lead letter: R on the patient's right of a frontal film, L on a left lateral one."""
    letter = "R" if film.view == "AP" else "L"
    size = max(14, int(0.045 * film.rows))
    font = ImageFont.load_default(size=size)
    tile = Image.new("L", (size, int(1.3 * size)), 0)
    ImageDraw.Draw(tile).text((size // 6, 0), letter, fill=255, font=font)
    shape = np.asarray(tile, dtype=np.float32) / 255.0
    row = int(film.rows * float(rng.uniform(0.06, 0.14)))
    col = int(film.cols * (0.07 if film.view == "AP" else 0.84))
    part = picture[row : row + shape.shape[0], col : col + shape.shape[1]]
    part += shape[: part.shape[0], : part.shape[1]] * (1.02 - part)
