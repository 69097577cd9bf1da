"""Magnetic resonance slices of a phantom: sagittal stacks and axial stacks along the discs."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from spinebench.phantom.canvas import Canvas, Float32, smooth_noise
from spinebench.phantom.rendered import RenderedImage
from spinebench.phantom.rng import build_rng
from spinebench.phantom.sizes import CERVICAL_DISCS, LUMBAR_DISCS
from spinebench.phantom.spine import Spine
from spinebench.phantom.tissue import build_canvas, build_palette, paint_around, paint_spine

__all__ = ["RenderedImage", "render_mr"]

Orientation = Literal["SAG", "AX"]
Sequence = Literal["T1", "T2", "STIR"]
MrRegion = Literal["lumbar", "cervical"]
# Finest acquired pixel; a larger matrix is interpolated, as scanners do.
ACQUIRED_MM = {"SAG": 0.82, "AX": 0.60}
SLICE_MM = 4.0
# Planes within a slice whose mean stands for its thickness, in mm from its middle.
SUB_SLICES_MM = (-SLICE_MM / 3.0, 0.0, SLICE_MM / 3.0)


def render_mr(
    spine: Spine,
    *,
    orientation: Orientation,
    sequence: Sequence,
    region: MrRegion = "lumbar",
    matrix: int = 384,
    seed: int,
) -> list[RenderedImage]:
    """Slices of one series in spatial order, uint16 (matrix, matrix).

    SAG: patient's right to left, rows caudal, columns posterior; 15 to 19 slices of 4 mm at 4.0
    to 4.5 mm through both rows of foramina. AX: four slices per disc at 4 mm, angled along it
    (`label` names the disc), from the top down; columns to the patient's left. Signal per
    docs/phantom.md, a coil's bias field and Rician noise; the scale of the numbers is arbitrary
    and differs between patients and series.
    """
    planes = _planes(spine, orientation, region, matrix)
    # Sagittal T1 and T2 of a patient are asked for in turn and share one pass.
    pair = orientation == "SAG" and sequence != "STIR"
    channels: tuple[Sequence, ...] = ("T1", "T2") if pair else (sequence,)
    signal = _paint(spine, orientation, region, matrix, channels)[channels.index(sequence)]
    rng = build_rng(seed, spine.key, "mr", orientation, sequence, region)
    pixels = _acquire(signal, matrix, rng, orientation, sequence)
    return [
        RenderedImage(pixels[index], affine, (spacing, spacing), SLICE_MM, label)
        for index, (affine, spacing, label) in enumerate(planes)
    ]


@lru_cache(maxsize=1)
def _paint(
    spine: Spine,
    orientation: Orientation,
    region: MrRegion,
    matrix: int,
    channels: tuple[Sequence, ...],
) -> Float32:
    """Noise-free signal (channels, slices, rows, cols) at the acquired resolution, the mean over
    the slice's thickness; the last answer is kept for the next call."""
    planes = _planes(spine, orientation, region, matrix)
    size = min(matrix, round(matrix * planes[0][1] / ACQUIRED_MM[orientation]))
    affines = [_coarsen(plane[0], matrix, size) for plane in planes]
    spacing = planes[0][1] * matrix / size
    palette = build_palette(spine, channels)
    around = build_canvas(*plane_positions(affines, size, size), spacing, palette)
    paint_around(around, spine)
    total = np.zeros_like(around.data)
    for offset_mm in SUB_SLICES_MM:
        moved = [affine.copy() for affine in affines]
        for affine in moved:
            affine[:3, 3] += offset_mm * affine[:3, 2]
        x, y, z = plane_positions(moved, size, size)
        canvas = Canvas(around.data.copy(), x, y, z, spacing, palette)
        paint_spine(canvas, spine, surroundings=False)
        total += canvas.data
    total *= np.float32(1.0 / len(SUB_SLICES_MM))
    return total


def _coarsen(affine: npt.NDArray[np.float64], fine: int, coarse: int) -> npt.NDArray[np.float64]:
    """The same field of view with `coarse` instead of `fine` pixels along each side."""
    scale = fine / coarse
    result = affine.copy()
    result[:3, 3] += 0.5 * (scale - 1.0) * (affine[:3, 0] + affine[:3, 1])
    result[:3, :2] *= scale
    return result


def plane_positions(
    affines: list[npt.NDArray[np.float64]], rows: int, cols: int
) -> tuple[Float32, Float32, Float32]:
    """LPS positions of all pixel centres as arrays that broadcast to (slices, rows, cols).

    Works for planes that contain the left-right axis (columns along x) and planes across it.
    """
    stack = np.stack(affines)
    row, col = np.arange(rows, dtype=np.float64), np.arange(cols, dtype=np.float64)
    origin = stack[:, :3, 3]
    if abs(stack[0, 0, 0]) > 0.0:
        x = origin[:1, 0, None] + stack[0, 0, 0] * col
        y = origin[:, 1, None] + stack[:, 1, 1, None] * row
        z = origin[:, 2, None] + stack[:, 2, 1, None] * row
        return (
            x[:, None, :].astype(np.float32),
            y[:, :, None].astype(np.float32),
            z[:, :, None].astype(np.float32),
        )
    y = origin[0, 1] + stack[0, 1, 0] * col
    z = origin[0, 2] + stack[0, 2, 1] * row
    return (
        origin[:, 0, None, None].astype(np.float32),
        y[None, None, :].astype(np.float32),
        z[None, :, None].astype(np.float32),
    )


Plane = tuple[npt.NDArray[np.float64], float, str]


def _planes(spine: Spine, orientation: Orientation, region: MrRegion, matrix: int) -> list[Plane]:
    # Planes come from the spine's own seed, so that T1 and T2 of a patient lie on one another.
    rng = build_rng(spine.seed, spine.key, "planes", orientation, region)
    if orientation == "SAG":
        return sagittal_planes(spine, region, matrix, rng)
    return axial_planes(spine, region, matrix, rng)


def sagittal_planes(
    spine: Spine, region: MrRegion, matrix: int, rng: np.random.Generator
) -> list[Plane]:
    """(affine, spacing, label) of a sagittal stack, patient's right to left."""
    lumbar = region == "lumbar"
    field_mm = float(rng.uniform(275.0, 300.0) if lumbar else rng.uniform(230.0, 250.0))
    spacing = field_mm / matrix
    count = int(rng.choice((15, 17, 19) if lumbar else (13, 15)))
    gap_mm = {19: 4.0, 17: 4.2}.get(count, 4.5) if lumbar else 3.5
    first, last = ("T12", "S2") if lumbar else ("C2", "T1")
    top, low = spine.vertebrae[first].frame.center_mm, spine.vertebrae[last].frame.center_mm
    middle = spine.vertebrae["L3" if lumbar else "C5"].frame.center_mm
    center_y = 0.5 * middle[1] + 0.25 * (top[1] + low[1]) + (4.0 if lumbar else 5.0)
    center_y += float(rng.normal(0.0, 5.0))
    center_z = 0.5 * (top[2] + low[2]) + (8.0 if lumbar else 12.0) + float(rng.normal(0.0, 5.0))
    center_x = middle[0] + float(rng.normal(0.0, 0.8))
    half = 0.5 * (matrix - 1) * spacing
    planes: list[Plane] = []
    for index in range(count):
        affine = np.eye(4)
        affine[:3, 0] = (0.0, spacing, 0.0)
        affine[:3, 1] = (0.0, 0.0, -spacing)
        affine[:3, 2] = (-1.0, 0.0, 0.0)
        offset = (index - 0.5 * (count - 1)) * gap_mm
        affine[:3, 3] = (center_x + offset, center_y - half, center_z + half)
        planes.append((affine, spacing, "sagittal"))
    return planes


def axial_planes(
    spine: Spine, region: MrRegion, matrix: int, rng: np.random.Generator
) -> list[Plane]:
    """(affine, spacing, disc) of axial slices at +4, 0, -4 and -8 mm along every disc's axis.

    The slice at 0 lies in the disc, the one at -4 at the lateral recesses.
    """
    lumbar = region == "lumbar"
    field_mm = float(rng.uniform(165.0, 200.0) if lumbar else rng.uniform(150.0, 170.0))
    spacing = field_mm / matrix
    half = 0.5 * (matrix - 1) * spacing
    shift = float(rng.normal(0.0, 3.0)), float(rng.normal(0.0, 4.0))
    planes: list[Plane] = []
    for name in LUMBAR_DISCS if lumbar else CERVICAL_DISCS[1:]:
        disc = spine.discs[name]
        sin, cos = math.sin(disc.frame.tilt_rad), math.cos(disc.frame.tilt_rad)
        middle_v = disc.wall_v_mm + (10.0 if lumbar else 2.0) + shift[1]
        for offset_mm in (4.0, 0.0, -4.0, -8.0):
            if not lumbar and abs(offset_mm) > 4.0:
                continue
            center = np.array(disc.frame.to_mm(0.0, middle_v, offset_mm))
            center[0] = disc.frame.center_mm[0] + shift[0]
            affine = np.eye(4)
            affine[:3, 0] = (spacing, 0.0, 0.0)
            affine[:3, 1] = (0.0, spacing * cos, -spacing * sin)
            affine[:3, 2] = (0.0, sin, cos)
            corner = center - half * (affine[:3, 0] + affine[:3, 1]) / spacing
            affine[:3, 3] = corner
            planes.append((affine, spacing, name))
    return planes


def _acquire(
    signal: Float32,
    matrix: int,
    rng: np.random.Generator,
    orientation: Orientation,
    sequence: Sequence,
) -> npt.NDArray[np.uint16]:
    """The coil's bias, texture and Rician noise, interpolation to the matrix, stored numbers."""
    count, rows, cols = signal.shape
    scale = float(rng.uniform(550.0, 1100.0))
    sigma = float(rng.uniform(0.016, 0.032))
    rise = np.linspace(0.0, 1.0, cols if orientation == "SAG" else rows, dtype=np.float32)
    # A spine coil lies under the back: signal grows towards it; in front a saturation band.
    near = 0.62 + 0.75 * rise * rise
    if orientation == "SAG":
        band = np.clip((rise - 0.17) * (1.0 / 0.12), 0.0, 1.0)
        coil = (near * (0.10 + 0.90 * band)).reshape(1, 1, cols)
    else:
        coil = near.reshape(1, rows, 1)
    ends = np.linspace(-1.0, 1.0, rows, dtype=np.float32).reshape(1, rows, 1)
    coil = coil * (1.0 - 0.22 * np.square(ends)) if orientation == "SAG" else coil
    pixels = np.empty((count, matrix, matrix), dtype=np.uint16)
    waves = smooth_noise(rng, (count, rows, cols), (rows / 4.0, cols / 4.0))
    noise_scale = sigma * (1.25 if sequence == "STIR" else 1.0)
    for index in range(count):
        texture = smooth_noise(rng, (1, rows, cols), (3.0, 3.0))[0]
        picture = signal[index] * (coil[0] * (1.0 + 0.05 * waves[index]) * (1.0 + 0.06 * texture))
        noise = rng.standard_normal((2, rows, cols), dtype=np.float32)
        noise *= np.float32(noise_scale)
        picture += noise[0]
        np.square(picture, out=picture)
        np.square(noise[1], out=noise[1])
        picture += noise[1]
        np.sqrt(picture, out=picture)
        fine = _enlarge(_enlarge(picture, matrix).T, matrix).T
        pixels[index] = np.clip(fine * scale + 0.5, 0.0, 65535.0)
    return pixels


def _enlarge(picture: Float32, size: int) -> Float32:
    """Rows resampled to `size` over the same field with a cubic kernel that blurs a little
    (Mitchell and Netravali, B = C = 1/3): the point spread of acquisition and interpolation."""
    count = picture.shape[0]
    place = (np.arange(size) + 0.5) * (count / size) - 0.5
    first = np.floor(place).astype(np.int64)
    out = np.zeros((size, picture.shape[1]), dtype=np.float32)
    for tap in (-1, 0, 1, 2):
        gap = np.abs(place - (first + tap))
        near = (21.0 * gap**3 - 36.0 * gap**2 + 16.0) / 18.0
        far = (-7.0 * gap**3 + 36.0 * gap**2 - 60.0 * gap + 32.0) / 18.0
        weight = np.where(gap < 1.0, near, np.where(gap < 2.0, far, 0.0)).astype(np.float32)
        out += weight[:, None] * picture[np.clip(first + tap, 0, count - 1)]
    return out
