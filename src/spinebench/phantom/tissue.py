"""From a spine and a set of planes to a painted canvas: the one place where order matters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinebench.phantom.arches import paint_arch
from spinebench.phantom.bones import paint_disc, paint_vertebral_body
from spinebench.phantom.canvas import Canvas, Float32, stretch
from spinebench.phantom.contents import paint_canal, paint_foramina
from spinebench.phantom.course import build_course
from spinebench.phantom.facets import paint_facet_joints
from spinebench.phantom.rng import build_rng
from spinebench.phantom.sizes import TISSUES
from spinebench.phantom.spine import Spine
from spinebench.phantom.surroundings import paint_surroundings

# Columns of sizes.TISSUES.
CHANNELS = {"T1": 0, "T2": 1, "STIR": 2, "HU": 3, "mu": 4}


def build_palette(spine: Spine, channels: tuple[str, ...]) -> dict[str, Float32]:
    """Tissue values of one patient, one number per channel; marrow is yellower with age."""
    columns = [CHANNELS[name] for name in channels]
    palette = {
        name: np.array([row[column] for column in columns], dtype=np.float32)
        for name, row in TISSUES.items()
    }
    yellow = 0.30 * (spine.marrow_fat - 0.4)
    toward = palette["fat"] if "HU" not in channels else palette["fat"] * 0.0 + 90.0
    palette["marrow"] = palette["marrow"] + np.float32(yellow) * (toward - palette["marrow"])
    return palette


def build_indicator(*tissues: str) -> dict[str, Float32]:
    """One-channel palette that is 1 in the named tissues and 0 elsewhere: for measuring."""
    return {name: np.array([float(name in tissues)], dtype=np.float32) for name in TISSUES}


def build_canvas(
    x: Float32, y: Float32, z: Float32, edge_mm: float, palette: Mapping[str, Float32]
) -> Canvas:
    """Empty canvas (air) over planes whose positions broadcast to (slices, rows, columns)."""
    shape = np.broadcast_shapes(x.shape, y.shape, z.shape)
    data = np.empty((len(palette["air"]), *shape), dtype=np.float32)
    data[...] = palette["air"].reshape(-1, 1, 1, 1)
    return Canvas(data, x, y, z, edge_mm, palette)


def paint_spine(canvas: Canvas, spine: Spine, *, surroundings: bool = True) -> None:
    """All tissue, noise-free, back to front in the order in which one structure covers another."""
    if surroundings:
        paint_around(canvas, spine)
    healthy, worn = canvas.palette["nucleus_healthy"], canvas.palette["nucleus_worn"]
    for disc in spine.discs.values():
        wear = np.float32(min(1.0, disc.wear * 1.3))
        paint_disc(canvas, disc, spine, healthy + wear * (worn - healthy))
    for vertebra in spine.vertebrae.values():
        paint_vertebral_body(canvas, vertebra, spine)
    for vertebra in spine.vertebrae.values():
        paint_arch(canvas, vertebra, spine)
    paint_facet_joints(canvas, spine)
    for disc in spine.discs.values():
        paint_foramina(canvas, disc, spine)
    paint_canal(canvas, spine, build_course(spine))


def paint_around(canvas: Canvas, spine: Spine) -> None:
    """Surroundings alone, on every second row and column and stretched back."""
    axes = [
        array[:, :: 2 if array.shape[1] > 1 else 1, :: 2 if array.shape[2] > 1 else 1]
        for array in (canvas.x, canvas.y, canvas.z)
    ]
    coarse = build_canvas(axes[0], axes[1], axes[2], 2.0 * canvas.edge_mm, canvas.palette)
    # The same grains for every sequence of one stack: the key names the planes, not the channels.
    key = f"{canvas.data.shape[1:]}"
    paint_surroundings(coarse, spine, build_rng(spine.seed, spine.key, "grain", key))
    rows, cols = canvas.data.shape[2:]
    for target, source in zip(canvas.data, coarse.data, strict=True):
        target[...] = _double(_double(source, rows, 1), cols, 2)


def _double(array: Float32, size: int, axis: int) -> Float32:
    """Back to `size` samples after every second was taken; the last may lie outside."""
    last = np.take(array, [-1], axis=axis)
    padded = np.concatenate([array, last], axis=axis)
    full = stretch(padded, 2 * array.shape[axis] + 1, axis)
    return np.take(full, np.arange(size), axis=axis)
