"""A stack of planes in patient space onto which structures are painted with soft edges.

All arrays are float32. Positions are kept as three arrays that broadcast to (slices, rows,
columns), so that a sagittal stack works out the antero-posterior geometry once for all slices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spinebench.phantom.column import Frame

# float32 at run time; numpy's stubs widen many results, so the alias admits any float.
Float32 = npt.NDArray[np.floating[Any]]
Span = tuple[float, float]


def coverage(distance_mm: Float32, edge_mm: float) -> Float32:
    """Share of a pixel inside a surface: 1 well inside (negative distance), 0 outside."""
    share = distance_mm * (-1.0 / edge_mm)
    share += 0.5
    np.clip(share, 0.0, 1.0, out=share)
    return share


def smoothstep(low: float, high: float, value: Float32) -> Float32:
    """0 below `low`, 1 above `high`, a cubic between."""
    part: Float32 = np.clip((value - low) * (1.0 / (high - low)), 0.0, 1.0)
    return part * part * (3.0 - 2.0 * part)


@dataclass
class Patch:
    """A box of the canvas with local coordinates; painting changes the canvas itself.

    u, v, w: mm in a Frame, broadcastable to the box. data: (channels, ...) view.
    """

    u: Float32
    v: Float32
    w: Float32
    data: Float32
    edge_mm: float

    def paint(self, share: Float32, value: Float32) -> None:
        """Mix `value` (one number per channel, or per channel and pixel) in by `share`."""
        for channel, number in zip(self.data, value, strict=True):
            channel += share * (number - channel)

    def paint_inside(self, distance_mm: Float32, value: Float32) -> None:
        """Mix `value` in where the signed distance is negative."""
        self.paint(coverage(distance_mm, self.edge_mm), value)


@dataclass
class Canvas:
    """data: (channels, slices, rows, columns). x, y, z: LPS mm, broadcastable to data[0].

    edge_mm: width over which a surface fades (about one pixel). palette: tissue name to one
    value per channel.
    """

    data: Float32
    x: Float32
    y: Float32
    z: Float32
    edge_mm: float
    palette: Mapping[str, Float32]

    def patch(self, frame: Frame, u: Span, v: Span, w: Span) -> Patch | None:
        """The smallest box that holds the local box, or None when it lies outside."""
        corners = [frame.to_mm(0.0, b, c) for b in v for c in w]
        low_y, high_y = min(p[1] for p in corners), max(p[1] for p in corners)
        low_z, high_z = min(p[2] for p in corners), max(p[2] for p in corners)
        lean = max(abs(frame.shear * value) for value in w)
        x0 = frame.center_mm[0]
        mask = (self.y >= low_y) & (self.y <= high_y) & (self.z >= low_z) & (self.z <= high_z)
        x_mask = (self.x >= x0 + u[0] - lean) & (self.x <= x0 + u[1] + lean)
        return self._box(frame, _spans(mask, x_mask, self.data.shape[1:]))

    def _box(self, frame: Frame, spans: tuple[slice, ...] | None) -> Patch | None:
        if spans is None:
            return None
        x, y, z = (cut(axis, spans) for axis in (self.x, self.y, self.z))
        dy, dz = y - frame.center_mm[1], z - frame.center_mm[2]
        sin, cos = math.sin(frame.tilt_rad), math.cos(frame.tilt_rad)
        w = dy * sin + dz * cos
        v = dy * cos - dz * sin
        u = (x - frame.center_mm[0]) - frame.shear * w
        return Patch(u, v, w, self.data[(slice(None), *spans)], self.edge_mm)


def cut(array: Float32, spans: tuple[slice, ...]) -> Float32:
    """The part of a broadcastable array that belongs to a box."""
    keep = tuple(
        span if size > 1 else slice(None) for span, size in zip(spans, array.shape, strict=True)
    )
    return array[keep]


def _spans(
    mask: npt.NDArray[np.bool_], x_mask: npt.NDArray[np.bool_], shape: tuple[int, ...]
) -> tuple[slice, ...] | None:
    spans: list[slice] = []
    for axis, size in enumerate(shape):
        others = tuple(other for other in range(3) if other != axis)
        hit = np.ones(size, dtype=np.bool_)
        for part in (mask, x_mask):
            line = np.asarray(part.any(axis=others))
            hit &= line if line.size == size else bool(line[0])
        found = np.flatnonzero(hit)
        if found.size == 0:
            return None
        spans.append(slice(int(found[0]), int(found[-1]) + 1))
    return tuple(spans)


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int, int], cell_px: tuple[float, float]
) -> Float32:
    """Unit-variance-like noise of (slices, rows, columns) with grains of `cell_px`, bilinear."""
    slices, rows, cols = shape
    low_rows, low_cols = int(rows / cell_px[0]) + 2, int(cols / cell_px[1]) + 2
    coarse = rng.standard_normal((slices, low_rows, low_cols), dtype=np.float32)
    return stretch(stretch(coarse, rows, 1), cols, 2)


def stretch(array: Float32, size: int, axis: int) -> Float32:
    """Linear resampling of one axis to `size` samples, ends kept."""
    place = np.linspace(0.0, array.shape[axis] - 1.0, size)
    first = np.minimum(place.astype(np.int64), array.shape[axis] - 2)
    shape = [1, 1, 1]
    shape[axis] = size
    part = (place - first).astype(np.float32).reshape(shape)
    low = np.take(array, first, axis=axis)
    return np.asarray(low + part * (np.take(array, first + 1, axis=axis) - low))


def iter_strips(
    canvas: Canvas, mask: npt.NDArray[np.bool_], rows: int
) -> Iterator[tuple[slice, ...]]:
    """Boxes that cover `mask` (broadcastable, independent of x): per slice or per band of rows."""
    if mask.shape[0] > 1:
        for index in range(mask.shape[0]):
            lines = np.flatnonzero(mask[index].any(axis=1))
            if lines.size:
                band = slice(int(lines[0]), int(lines[-1]) + 1)
                yield (slice(index, index + 1), band, slice(0, canvas.data.shape[3]))
        return
    for start in range(0, mask.shape[1], rows):
        columns = np.flatnonzero(mask[0, start : start + rows].any(axis=0))
        if columns.size:
            band = slice(int(columns[0]), int(columns[-1]) + 1)
            stop = min(start + rows, mask.shape[1])
            yield (slice(0, canvas.data.shape[1]), slice(start, stop), band)
