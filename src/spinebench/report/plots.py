"""Plots as inline SVG that take their colours from the page's theme.

Every function returns `Markup`; all text is escaped here. Values are fractions from 0 to 1 and
are drawn as percent. Colours are CSS classes (`page.css`), so a plot follows light, dark and
print. A value of `None` is drawn as a dash at the row's end, never at zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup, escape

MISSING = "–"
Layout = Literal["wide", "narrow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One line of a forest plot."""

    label: str
    value: float | None
    low: float | None  # ends of the interval; None = no interval known
    high: float | None
    hollow: bool = False  # an open mark: a baseline, not a model
    control: bool = False  # a grey mark: no image was sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A dashed line through a plot, such as the chance level."""

    value: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where things stand in a forest plot, in SVG units (one CSS pixel at full size)."""

    width: float
    left: float  # x of 0 %
    right: float  # x of 100 %
    row_height: float
    top: float  # y of the first row's upper edge
    mark_offset: float  # from a row's upper edge to its mark
    label_above: bool

    def x(self, value: float) -> float:
        """Abscissa of a fraction."""
        return self.left + value * (self.right - self.left)

    def mark_y(self, index: int) -> float:
        """Ordinate of the mark of a row."""
        return self.top + index * self.row_height + self.mark_offset


FRAMES: dict[Layout, Frame] = {
    "wide": Frame(
        width=860, left=240, right=690, row_height=34, top=26, mark_offset=17, label_above=False
    ),
    "narrow": Frame(
        width=340, left=8, right=332, row_height=48, top=26, mark_offset=32, label_above=True
    ),
}
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_FOOT = 44.0  # below the last row: axis numbers and the axis' name


def percent(value: float | None, digits: int = 1) -> str:
    """`0.625` as `62.5`; the dash where nothing is known."""
    return MISSING if value is None else f"{100 * value:.{digits}f}"


def interval_words(low: float | None, high: float | None) -> str:
    """`48.1 to 75.0`; the dash where no interval is known."""
    return MISSING if low is None or high is None else f"{percent(low)} to {percent(high)}"


def forest_plot(
    rows: Sequence[ForestRow],
    *,
    key: str,
    title: str,
    axis: str,
    references: Sequence[Reference] = (),
) -> Markup:
    """Forest plot twice, for a wide and for a narrow screen; style sheets show one of them."""
    plots = [
        forest_svg(rows, key=f"{key}-{layout}", title=title, axis=axis, references=references,
                   layout=layout)
        for layout in FRAMES
    ]  # fmt: skip
    return Markup("").join(plots)


def forest_svg(
    rows: Sequence[ForestRow],
    *,
    key: str,
    title: str,
    axis: str,
    references: Sequence[Reference] = (),
    layout: Layout = "wide",
) -> Markup:
    """One forest plot; `key` makes its ids unique on the page."""
    frame = FRAMES[layout]
    bottom = frame.top + len(rows) * frame.row_height
    parts = [_grid(frame, bottom)]
    parts += [_reference(frame, reference, bottom) for reference in references]
    parts += [_forest_row(frame, index, row) for index, row in enumerate(rows)]
    parts.append(_text(axis, frame.x(0.5), bottom + 36, "axis-name", "middle"))
    desc = "; ".join(_row_words(row) for row in rows) or "no rows"
    return _svg(
        Markup("").join(parts),
        width=frame.width,
        height=bottom + _FOOT,
        key=key,
        title=title,
        desc=desc,
        css=f"plot plot-{layout}",
    )


def interval_strip(
    value: float | None,
    low: float | None,
    high: float | None,
    *,
    reference: float | None = None,
    hollow: bool = False,
    width: float = 132,
) -> Markup:
    """A table cell's interval on an axis from 0 to 100 %; the numbers stand beside it.

    Hidden from screen readers for that reason. Empty where the value is not known.
    """
    if value is None:
        return Markup("")
    height, pad = 16.0, 5.0
    frame = Frame(
        width=width, left=pad, right=width - pad, row_height=height, top=0,
        mark_offset=height / 2, label_above=False,
    )  # fmt: skip
    parts = [_line(frame.left, height / 2, frame.right, height / 2, "rail")]
    if reference is not None:
        parts.append(_line(frame.x(reference), 1, frame.x(reference), height - 1, "reference"))
    parts.append(_mark(frame, height / 2, ForestRow(
        label="", value=value, low=low, high=high, hollow=hollow)))  # fmt: skip
    return Markup(
        '<svg class="strip" viewBox="0 0 {w} {h}" width="{w}" height="{h}" aria-hidden="true"'
        ' focusable="false">{body}</svg>'
    ).format(w=_number(width), h=_number(height), body=Markup("").join(parts))


def signed_strip(
    value: float | None,
    low: float | None,
    high: float | None,
    *,
    limit: float,
    width: float = 132,
) -> Markup:
    """A table cell's difference on an axis from -limit to limit, with a line at zero.

    Hidden from screen readers: the numbers stand beside it. Bounds beyond the axis are cut.
    """
    if value is None:
        return Markup("")

    def place(number: float | None) -> float | None:
        return None if number is None else (min(limit, max(-limit, number)) / limit + 1) / 2

    return interval_strip(place(value), place(low), place(high), reference=0.5, width=width)


def position_plot(
    rows: Sequence[ForestRow],
    *,
    key: str,
    title: str,
    reference: Reference | None = None,
) -> Markup:
    """Bars from 0 to 100 % with intervals, one for each letter under which the truth stood."""
    left, top, height, step, bar = 42.0, 22.0, 150.0, 58.0, 30.0
    width = left + step * max(len(rows), 1) + 92
    bottom = top + height
    right = left + step * len(rows)

    def y(value: float) -> float:
        return bottom - value * height

    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_line(left, y(tick), right, y(tick), "grid"))
        parts.append(_text(percent(tick, 0), left - 8, y(tick) + 4, "tick", "end"))
    for index, row in enumerate(rows):
        middle = left + step * (index + 0.5)
        parts.append(_text(row.label, middle, bottom + 18, "label", "middle"))
        if row.value is None:
            parts.append(_text(MISSING, middle, bottom - 6, "tick", "middle"))
            continue
        parts.append(_bar(middle - bar / 2, y(row.value), bar, row.value * height))
        if row.low is not None and row.high is not None:
            parts.append(_line(middle, y(row.low), middle, y(row.high), "whisker"))
            for end in (row.low, row.high):
                parts.append(_line(middle - 5, y(end), middle + 5, y(end), "whisker"))
    if reference is not None:
        at = y(reference.value)
        parts.append(_line(left, at, right, at, "reference"))
        parts.append(_text(reference.label, right + 6, at + 4, "reference-name", "start"))
    desc = "; ".join(_row_words(row) for row in rows) or "no rows"
    return _svg(
        Markup("").join(parts), width=width, height=bottom + 28, key=key, title=title, desc=desc,
        css="plot plot-bars",
    )  # fmt: skip


def _grid(frame: Frame, bottom: float) -> Markup:
    parts = []
    for tick in _TICKS:
        x = frame.x(tick)
        parts.append(_line(x, frame.top, x, bottom, "grid"))
        parts.append(_text(percent(tick, 0), x, bottom + 17, "tick", "middle"))
    return Markup("").join(parts)


def _reference(frame: Frame, reference: Reference, bottom: float) -> Markup:
    x = frame.x(reference.value)
    # the name turns to the left where it would run out of the plot
    anchor, shift = ("start", 0.0) if reference.value < 0.6 else ("end", 0.0)
    return _line(x, frame.top - 6, x, bottom, "reference") + _text(
        reference.label, x + shift, frame.top - 11, "reference-name", anchor
    )


def _forest_row(frame: Frame, index: int, row: ForestRow) -> Markup:
    y = frame.mark_y(index)
    words = f"{percent(row.value)}"
    if row.low is not None and row.high is not None:
        words += f"  ({interval_words(row.low, row.high)})"
    if frame.label_above:
        label_y = frame.top + index * frame.row_height + 16
        label = _text(_shortened(row.label, 26), frame.left, label_y, "label", "start")
        number = _text(words, frame.right, label_y, "number", "end")
    else:
        label = _text(_shortened(row.label, 32), frame.left - 14, y + 4.5, "label", "end")
        number = _text(words, frame.right + 14, y + 4.5, "number", "start")
    return label + number + _mark(frame, y, row)


def _mark(frame: Frame, y: float, row: ForestRow) -> Markup:
    """Interval as a line with ends, value as a dot; nothing where there is no value."""
    if row.value is None:
        return Markup("")
    parts = []
    if row.low is not None and row.high is not None:
        low, high = frame.x(row.low), frame.x(row.high)
        parts.append(_line(low, y, high, y, "whisker"))
        parts += [_line(x, y - 4, x, y + 4, "whisker") for x in (low, high)]
    parts.append(
        Markup('<circle class="{css}" cx="{x}" cy="{y}" r="4.5"/>').format(
            css="dot dot-control" if row.control else "dot dot-hollow" if row.hollow else "dot",
            x=_number(frame.x(row.value)),
            y=_number(y),
        )
    )
    return Markup("").join(parts)


def _row_words(row: ForestRow) -> str:
    if row.value is None:
        return f"{row.label}: not known"
    if row.low is None or row.high is None:
        return f"{row.label}: {percent(row.value)} %"
    return f"{row.label}: {percent(row.value)} %, interval {interval_words(row.low, row.high)} %"


def _shortened(text: str, length: int) -> str:
    """Text cut in its middle: what tells models apart stands at both ends of their names."""
    if len(text) <= length:
        return text
    head = (length - 1) // 2
    return f"{text[:head]}…{text[-(length - 1 - head) :]}"


def _number(value: float) -> str:
    """A coordinate with at most two decimals, so that equal input gives equal bytes."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
        css, _number(x1), _number(y1), _number(x2), _number(y2)
    )


def _bar(x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>').format(
        _number(x), _number(y), _number(width), _number(height)
    )


def _text(text: str, x: float, y: float, css: str, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        css, _number(x), _number(y), anchor, escape(text)
    )


def _svg(
    body: Markup, *, width: float, height: float, key: str, title: str, desc: str, css: str
) -> Markup:
    return Markup(
        '<svg class="{css}" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img"'
        ' aria-labelledby="{key}-title {key}-desc"><title id="{key}-title">{title}</title>'
        '<desc id="{key}-desc">{desc}</desc>{body}</svg>'
    ).format(
        css=css, w=_number(width), h=_number(height), key=key, title=title, desc=desc, body=body
    )
