import re
from html.parser import HTMLParser

import pytest
from markupsafe import Markup

from spinebench.report.plots import (
    ForestRow,
    Reference,
    forest_plot,
    forest_svg,
    interval_strip,
    interval_words,
    percent,
    position_plot,
)

ROW = ForestRow(label="gpt", value=0.5, low=0.4, high=0.62)


class Tags(HTMLParser):
    """Start tags with their attributes, and the text inside of each `text` element."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(markup)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("svg", "text", "title", "desc", "g"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "text":
            self.texts.append(data)

    def of(self, css: str) -> list[dict[str, str | None]]:
        return [attrs for _, attrs in self.tags if css in (attrs.get("class") or "").split()]


def test_percent_and_interval_words():
    assert percent(0.6249) == "62.5"
    assert percent(0.0) == "0.0"
    assert percent(None) == "–"
    assert percent(0.2, 0) == "20"
    assert interval_words(0.481, 0.75) == "48.1 to 75.0"
    assert interval_words(None, 0.75) == "–"


def test_forest_coordinates_wide():
    # 0 % at x = 240, 100 % at x = 690; first row's middle at y = 26 + 17
    tags = Tags(forest_svg([ROW], key="k", title="T", axis="Accuracy"))
    (dot,) = tags.of("dot")
    assert (dot["cx"], dot["cy"]) == ("465", "43")
    lines = [(x["x1"], x["y1"], x["x2"], x["y2"]) for x in tags.of("whisker")]
    assert lines == [
        ("420", "43", "519", "43"),
        ("420", "39", "420", "47"),
        ("519", "39", "519", "47"),
    ]
    assert "50.0  (40.0 to 62.0)" in tags.texts
    assert tags.tags[0][1]["viewbox"] == "0 0 860 104"


def test_forest_second_row_stands_one_row_lower_and_hollow():
    second = ForestRow(label="random", value=0.2, low=0.1, high=0.3, hollow=True)
    tags = Tags(forest_svg([ROW, second], key="k", title="T", axis="A"))
    assert [dot["cy"] for dot in tags.of("dot")] == ["43", "77"]
    assert [dot["cx"] for dot in tags.of("dot-hollow")] == ["330"]


def test_forest_narrow_puts_the_label_above_the_mark():
    tags = Tags(forest_svg([ROW], key="k", title="T", axis="A", layout="narrow"))
    (dot,) = tags.of("dot")
    (label,) = tags.of("label")
    assert (dot["cx"], dot["cy"]) == ("170", "58")  # 8 + 0.5 * 324
    assert (label["x"], label["y"], label["text-anchor"]) == ("8", "42", "start")


def test_forest_reference_line_at_its_value():
    tags = Tags(
        forest_svg(
            [ROW], key="k", title="T", axis="A",
            references=[Reference(value=0.2, label="guessing 20.0")],
        )
    )  # fmt: skip
    (line,) = tags.of("reference")
    assert (line["x1"], line["x2"]) == ("330", "330")
    assert "guessing 20.0" in tags.texts


def test_missing_value_is_a_dash_without_a_mark():
    row = ForestRow(label="none", value=None, low=None, high=None)
    tags = Tags(forest_svg([row], key="k", title="T", axis="A"))
    assert tags.of("dot") == []
    assert tags.of("whisker") == []
    assert "–" in tags.texts
    assert "0.0" not in tags.texts


def test_value_without_interval_has_a_dot_only():
    row = ForestRow(label="one patient", value=1.0, low=None, high=None)
    tags = Tags(forest_svg([row], key="k", title="T", axis="A"))
    assert [dot["cx"] for dot in tags.of("dot")] == ["690"]
    assert tags.of("whisker") == []
    assert "100.0" in tags.texts


def test_forest_says_what_it_shows_and_escapes():
    row = ForestRow(label="<script>x</script>", value=0.5, low=0.4, high=0.6)
    markup = forest_plot([row], key="k", title="A & B", axis="A")
    assert isinstance(markup, Markup)
    assert "<script>" not in markup
    assert "&lt;script&gt;" in markup
    assert '<title id="k-wide-title">A &amp; B</title>' in markup
    assert 'aria-labelledby="k-narrow-title k-narrow-desc"' in markup
    assert "50.0\u00a0%, interval 40.0 to 60.0\u00a0%" in markup
    assert len(re.findall(r"<svg ", markup)) == 2


def test_long_names_keep_both_ends():
    row = ForestRow(label="openrouter/" + "x" * 40 + "-0525", value=0.5, low=0.4, high=0.6)
    tags = Tags(forest_svg([row], key="k", title="T", axis="A"))
    label = next(text for text in tags.texts if "…" in text)
    assert len(label) == 32
    assert label.startswith("openrouter/")
    assert label.endswith("-0525")


def test_strip_coordinates():
    # 5 to 127: 0 % to 100 %
    tags = Tags(interval_strip(0.5, 0.25, 0.75, reference=0.2))
    (dot,) = tags.of("dot")
    assert (dot["cx"], dot["cy"]) == ("66", "8")
    assert [x["x1"] for x in tags.of("whisker")] == ["35.5", "35.5", "96.5"]
    assert tags.of("reference")[0]["x1"] == "29.4"
    assert tags.tags[0][1]["aria-hidden"] == "true"
    assert interval_strip(None, None, None) == ""


def test_position_bars():
    # 100 % at y = 22, 0 % at y = 172; columns of 58 from x = 42, bars of 30
    rows = [
        ForestRow(label="A", value=0.5, low=0.4, high=0.6),
        ForestRow(label="B", value=None, low=None, high=None),
    ]
    tags = Tags(position_plot(rows, key="p", title="T", reference=Reference(value=0.2, label="g")))
    (bar,) = tags.of("bar")
    assert (bar["x"], bar["y"], bar["width"], bar["height"]) == ("56", "97", "30", "75")
    assert next((x["y1"], x["y2"]) for x in tags.of("whisker")) == ("112", "82")
    assert tags.of("reference")[0]["y1"] == "142"
    assert "–" in tags.texts


@pytest.mark.parametrize("layout", ["wide", "narrow"])
def test_no_colour_is_written_into_a_plot(layout):
    markup = forest_svg([ROW], key="k", title="T", axis="A", layout=layout)
    assert not re.search(r"#[0-9a-f]{3}|rgb|fill=|stroke=|style=", markup)
