"""A psychometric curve as inline SVG in the colours of the page's theme (see `plots`).

Dots are groups of neighbouring sizes: a line across for the sizes a dot stands for, one upright
for its interval by patient. The curve is left out where none was fitted; the dashed upright is the
threshold, its interval a bar at the foot that has no end where the bound is open.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from spinebench.evaluation.curve_points import MeasuredCurve

_WIDTH, _HEIGHT = 460.0, 280.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 48.0, 444.0, 30.0, 226.0
_STEPS = 120  # of the drawn curve
_MOST_TICKS = 6


@dataclass(frozen=True, slots=True)
class _Axes:
    low: float  # size at the left border
    high: float

    def x(self, size: float) -> float:
        return _LEFT + (size - self.low) / (self.high - self.low) * (_RIGHT - _LEFT)

    def y(self, share: float) -> float:
        return _BOTTOM - share * (_BOTTOM - _TOP)


def curve_svg(measured: MeasuredCurve, *, key: str, title: str) -> Markup:
    """The plot of one curve; `key` makes its ids unique on the page. Empty without an answer."""
    curve = measured.curve
    if curve.smallest is None or curve.largest is None:
        return Markup("")
    pad = 0.04 * (curve.largest - curve.smallest) or 0.5
    axes = _Axes(max(0.0, curve.smallest - pad), curve.largest + pad)
    parts = [_grid(axes, measured)]
    if curve.guess is not None:
        parts.append(_line(_LEFT, axes.y(curve.guess), _RIGHT, axes.y(curve.guess), "reference"))
        parts.append(_text("guessing", _RIGHT, axes.y(curve.guess) - 5, "reference-name", "end"))
    parts += [_threshold(axes, measured), _fitted(axes, measured), _dots(axes, measured)]
    words = describe_curve(measured)
    return Markup(
        '<svg class="plot plot-curve" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img"'
        ' aria-labelledby="{key}-title {key}-desc"><title id="{key}-title">{title}</title>'
        '<desc id="{key}-desc">{words}</desc>{body}</svg>'
    ).format(
        w=_number(_WIDTH), h=_number(_HEIGHT), key=key, title=title, words=words,
        body=Markup("").join(parts),
    )  # fmt: skip


def describe_curve(measured: MeasuredCurve) -> str:
    """The curve in one sentence, for a screen reader and under the plot."""
    curve = measured.curve
    seen = f"{curve.answers} answers about {curve.patients} patients"
    estimate, low, high = curve.threshold
    if estimate is None:
        return f"No threshold: {curve.reason}; {seen}."
    show = size_words(measured)
    lowest = "below all sizes shown" if low is None else show(low)
    highest = "above all sizes shown" if high is None else show(high)
    return (
        f"Threshold {show(estimate)} (95 % interval by patient {lowest} to {highest}), halfway"
        f" between guessing and the upper end; {seen}."
    )


def size_words(measured: MeasuredCurve) -> Callable[[float], str]:
    """How a size of this curve is written: `4.2 mm` or `31 %`."""
    if measured.unit == "share":
        return lambda size: f"{100 * size:.0f} %"
    return lambda size: f"{size:.1f} mm"


def _grid(axes: _Axes, measured: MeasuredCurve) -> Markup:
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_line(_LEFT, axes.y(share), _RIGHT, axes.y(share), "grid"))
        parts.append(_text(f"{100 * share:.0f}", _LEFT - 8, axes.y(share) + 4, "tick", "end"))
    for tick in _ticks(axes.low, axes.high):
        words = f"{100 * tick:.0f}" if measured.unit == "share" else f"{tick:g}"
        parts.append(_line(axes.x(tick), _BOTTOM, axes.x(tick), _BOTTOM + 4, "grid"))
        parts.append(_text(words, axes.x(tick), _BOTTOM + 18, "tick", "middle"))
    unit = "%" if measured.unit == "share" else "mm"
    middle = (_LEFT + _RIGHT) / 2
    name = f"{measured.measure.words}, {unit}"
    parts.append(_text(name, middle, _BOTTOM + 40, "axis-name", "middle"))
    parts.append(_text("right, %", _LEFT - 34, _TOP - 14, "axis-name", "start"))
    return Markup("").join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """At most six round numbers from low to high."""
    raw = (high - low) / _MOST_TICKS
    unit = 10.0 ** np.floor(np.log10(raw))
    step = next(unit * factor for factor in (1.0, 2.0, 5.0, 10.0) if unit * factor >= raw)
    first = np.ceil(low / step)
    return [round(float(step * n), 10) for n in np.arange(first, np.floor(high / step) + 1)]


def _fitted(axes: _Axes, measured: MeasuredCurve) -> Markup:
    curve = measured.curve
    if curve.fit is None or curve.guess is None:
        return Markup("")
    sizes = np.linspace(axes.low, axes.high, _STEPS)
    shares = curve.fit.share_right(sizes, curve.guess)
    points = " ".join(
        f"{_number(axes.x(float(size)))},{_number(axes.y(float(share)))}"
        for size, share in zip(sizes, shares, strict=True)
    )
    return Markup('<polyline class="fit" fill="none" points="{}"/>').format(points)


def _threshold(axes: _Axes, measured: MeasuredCurve) -> Markup:
    estimate, low, high = measured.curve.threshold
    if estimate is None:
        return Markup("")
    foot = _BOTTOM - 6
    start = _LEFT if low is None else axes.x(low)
    end = _RIGHT if high is None else axes.x(high)
    parts = [
        _line(axes.x(estimate), _TOP, axes.x(estimate), _BOTTOM, "reference"),
        _line(start, foot, end, foot, "whisker"),
    ]
    parts += [
        _line(x, foot - 4, x, foot + 4, "whisker")
        for x, bound in ((start, low), (end, high))
        if bound is not None
    ]
    anchor = "start" if axes.x(estimate) < 0.7 * _RIGHT else "end"
    shift = 5 if anchor == "start" else -5
    words = f"threshold {size_words(measured)(estimate)}"
    parts.append(_text(words, axes.x(estimate) + shift, _TOP - 4, "reference-name", anchor))
    return Markup("").join(parts)


def _dots(axes: _Axes, measured: MeasuredCurve) -> Markup:
    parts = []
    for group in measured.curve.bins:
        estimate, low, high = group.right
        if estimate is None:
            continue
        x, y = axes.x(group.x), axes.y(estimate)
        # the sizes that the dot stands for
        parts.append(_line(axes.x(group.low_x), y, axes.x(group.high_x), y, "range"))
        if low is not None and high is not None:
            parts.append(_line(x, axes.y(low), x, axes.y(high), "whisker"))
        parts.append(
            Markup('<circle class="dot dot-hollow" cx="{}" cy="{}" r="4"/>').format(
                _number(x), _number(y)
            )
        )
    return Markup("").join(parts)


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
        css, _number(x1), _number(y1), _number(x2), _number(y2)
    )


def _text(words: str, x: float, y: float, css: str, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        css, _number(x), _number(y), anchor, escape(words)
    )


def _number(value: float) -> str:
    """At most two decimals, so that equal input gives equal bytes."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
