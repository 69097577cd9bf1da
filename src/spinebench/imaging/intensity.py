"""Stored values to 8-bit display values, the same to the bit on every machine.

The order is that of PS3.3 C.11 and PS3.4 N.2: modality transform, then VOI, then the inversion of
MONOCHROME1. All arithmetic is float64; a display value y in 0..255 becomes floor(y + 0.5). For
integers of up to 16 bits the arithmetic is done once per value that occurs, not once per pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spinebench.imaging.raster import Pixels, Raster, ValueLut, Window

Values = NDArray[np.float64]
Display8 = NDArray[np.uint8]
Method = Literal["as_stored", "window", "voi_lut", "percentile", "constant", "padding_only"]

# Integers this wide go through a table of at most 65,536 entries.
_TABLE_BYTES = 2
# Pixels per step of counting: keeps the index copy that numpy makes at 8 MB.
_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class Display:
    """Display values and how they came about."""

    pixels: Display8
    """(rows, cols) grey or (rows, cols, 3) RGB, 0 black."""
    method: Method
    """`as_stored`: 8-bit already. `constant`: one grey only, shown black. `padding_only`: no
    pixel of the image is image."""
    window: tuple[float, float] | None
    """For `percentile`: the values (after the modality transform) shown as 0 and 255."""
    notes: tuple[str, ...]
    """Why the file's own window was not used, and the like."""


def build_display(raster: Raster, *, low_permille: int = 5, high_permille: int = 995) -> Display:
    """8-bit display values of a raster.

    The file's VOI where it has a valid one that shows more than one grey; otherwise a straight
    line between two order statistics of the pixels that are not padding: of n sorted values,
    number floor((n-1) * low / 1000) is black and number ceil((n-1) * high / 1000) white (counted
    from 0, no interpolation). If these two are equal, the extremes; if those are equal, black.
    """
    if raster.display_ready:
        pixels: Display8 = raster.pixels
        if raster.inverted:
            pixels = np.subtract(np.uint8(255), pixels)
        if raster.padding is not None:
            pixels = np.where(_is_padding(raster.pixels, raster.padding), np.uint8(0), pixels)
        return Display(pixels, "as_stored", None, ())
    domain = _Domain(raster)
    if domain.is_empty:
        return Display(domain.render(np.zeros_like), "padding_only", None, ())
    notes: list[str] = []
    if raster.voi is not None:
        shown = domain.render(_voi_function(raster.voi))
        if domain.shows_contrast(shown, _voi_function(raster.voi)):
            method: Method = "voi_lut" if isinstance(raster.voi, ValueLut) else "window"
            return Display(shown, method, None, ())
        notes.append("the file's window shows a single grey: percentiles used")
    low, high = domain.percentile_window(low_permille, high_permille)
    if low == high:
        return Display(domain.render(np.zeros_like), "constant", None, tuple(notes))
    return Display(
        domain.render(lambda values: (values - low) * 255.0 / (high - low)),
        "percentile",
        (low, high),
        tuple(notes),
    )


def modality_values(raster: Raster) -> Values:
    """(rows, cols) float64 after the modality transform (Hounsfield units for CT)."""
    return _modality(raster, raster.pixels.astype(np.float64))


class _Domain:
    """The distinct stored values of a raster where they are few, else its pixels."""

    def __init__(self, raster: Raster) -> None:
        self.raster = raster
        pixels = raster.pixels
        self.is_table = pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= _TABLE_BYTES
        if self.is_table:
            self._stored = np.arange(int(pixels.min()), int(pixels.max()) + 1, dtype=np.int64)
        else:
            self._stored = pixels.ravel()
        floats = self._stored.astype(np.float64)
        self._padding = ~np.isfinite(floats)
        if raster.padding is not None:
            self._padding |= _is_padding(self._stored, raster.padding)
        if self._padding.any():
            floats[self._padding] = 0.0
        self._values = _modality(raster, floats)
        self._counts: NDArray[np.int64] | None = None

    @property
    def is_empty(self) -> bool:
        """No pixel is image."""
        if not self._padding.any():
            return False
        return not bool(self._present().size)

    def render(self, shown: Callable[[Values], Values]) -> Display8:
        """Apply a function of modality values; invert; black out the padding."""
        greys = np.floor(np.clip(shown(self._values), 0.0, 255.0) + 0.5).astype(np.uint8)
        if self.raster.inverted:
            np.subtract(np.uint8(255), greys, out=greys)
        greys[self._padding] = 0
        pixels = self.raster.pixels
        if not self.is_table:
            return greys.reshape(pixels.shape)
        # One table over the bit patterns: signed values index it without a shifted copy.
        table = np.zeros(1 << (8 * pixels.dtype.itemsize), np.uint8)
        table[self._stored & (table.size - 1)] = greys
        return np.take(table, _bit_patterns(pixels))

    def shows_contrast(self, rendered: Display8, shown: Callable[[Values], Values]) -> bool:
        """Whether the pixels that are image get more than one grey, or have but one value."""
        # Counting costs more than rendering: only where the extremes do not tell.
        if not self._padding.any() and rendered.min() != rendered.max():
            return True
        present = self._present()
        greys = np.floor(np.clip(shown(present), 0.0, 255.0) + 0.5)
        return bool(greys.min() != greys.max() or present.min() == present.max())

    def percentile_window(self, low_permille: int, high_permille: int) -> tuple[float, float]:
        """(low, high) modality values; equal for a constant image."""
        values, counts = self._present(), self._present_counts()
        order = np.argsort(values, kind="stable")
        values, cumulated = values[order], np.cumsum(counts[order])
        last = int(cumulated[-1]) - 1
        ranks = (last * low_permille // 1000, -(-last * high_permille // 1000))
        low, high = values[np.searchsorted(cumulated, np.array(ranks) + 1)]
        if low == high:
            low, high = values[0], values[-1]
        return float(low), float(high)

    def _all_counts(self) -> NDArray[np.int64]:
        """Pixels per entry of the domain."""
        if self._counts is None:
            if self.is_table:
                self._counts = _count_patterns(self.raster.pixels)[
                    self._stored & ((1 << (8 * self.raster.pixels.dtype.itemsize)) - 1)
                ]
            else:
                self._counts = np.ones(self._stored.size, np.int64)
        return self._counts

    def _is_present(self) -> NDArray[np.bool_]:
        return (self._all_counts() > 0) & ~self._padding

    def _present(self) -> Values:
        return self._values[self._is_present()]

    def _present_counts(self) -> NDArray[np.int64]:
        return self._all_counts()[self._is_present()]


def _bit_patterns(pixels: Pixels) -> Pixels:
    return pixels.view(np.dtype(f"u{pixels.dtype.itemsize}"))


def _count_patterns(pixels: Pixels) -> NDArray[np.int64]:
    flat = _bit_patterns(pixels).ravel()
    counts = np.zeros(1 << (8 * pixels.dtype.itemsize), np.int64)
    for start in range(0, flat.size, _BLOCK):
        counts += np.bincount(flat[start : start + _BLOCK], minlength=counts.size)
    return counts


def _is_padding(stored: NDArray[Any], padding: tuple[float, float]) -> NDArray[np.bool_]:
    return np.asarray((stored >= padding[0]) & (stored <= padding[1]))


def _modality(raster: Raster, stored: Values) -> Values:
    if raster.modality_lut is not None:
        return _look_up(raster.modality_lut, stored)
    slope, intercept = raster.rescale
    if (slope, intercept) == (1.0, 0.0):
        return stored
    return stored * slope + intercept


def _look_up(lut: ValueLut, values: Values) -> Values:
    # A fractional value (after a rescale with a fractional slope) takes the entry below it.
    index = np.clip(np.floor(values) - lut.first, 0, lut.entries.size - 1).astype(np.intp)
    entries: Values = lut.entries[index]
    return entries


def _voi_function(voi: Window | ValueLut) -> Callable[[Values], Values]:
    """Modality values to display values, which may lie outside 0..255."""
    if isinstance(voi, ValueLut):
        top = float((1 << voi.bits) - 1)
        return lambda values: _look_up(voi, values) * 255.0 / top
    center, width = voi.center, voi.width
    if voi.function == "SIGMOID":
        # Past 700 exp overflows; at 40 the value is 0 to the last bit that is shown.
        return lambda values: (
            255.0 / (1.0 + np.exp(np.clip(-4.0 * (values - center) / width, -700.0, 700.0)))
        )
    # The standard's formulas, multiplied out so that whole numbers stay exact up to the division.
    if voi.function == "LINEAR_EXACT":
        return lambda values: (values - center) * 255.0 / width + 127.5
    if width == 1:
        return lambda values: np.where(values <= center - 0.5, 0.0, 255.0)
    return lambda values: (values - (center - 0.5)) * 255.0 / (width - 1.0) + 127.5
