import re
from html.parser import HTMLParser

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.report import gallery
from spinebench.report import page as page_module
from spinebench.report.document import PALETTES
from spinebench.report.page import MAX_BYTES, breakable, build_report
from tests.report.sample import NASTY, answers_at, predictions_of, write_run, write_runs

VOID = {
    "meta",
    "link",
    "br",
    "wbr",
    "img",
    "input",
    "line",
    "circle",
    "rect",
    "use",
    "image",
    "polyline",
}


class Outline(HTMLParser):
    """Checks that every element is closed in order, and keeps what tests ask for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.parents: list[str] = []
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        self.parents.append(self.stack[-1] if self.stack else "")
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        self.parents.append(self.stack[-1] if self.stack else "")

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def of(self, *tags: str) -> list[dict[str, str]]:
        return [attrs for tag, attrs in self.elements if tag in tags]


@pytest.fixture(scope="module")
def built(bench: Benchmark, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    runs = write_runs(folder, bench)
    summary = build_report(bench.folder, runs, folder / "report.html", preface=("All drawn.",))
    return summary, (folder / "report.html").read_text(encoding="utf-8"), runs


@pytest.fixture(scope="module")
def outline(built):
    return Outline(built[1])


def test_summary_tells_what_was_written(built, bench):
    summary, html, _ = built
    assert summary["bytes"] == len(html.encode()) < MAX_BYTES
    assert summary["split"] == "test"
    assert next(run["model"] for run in summary["runs"]) == "openai/gpt-4o"
    assert [run["label"] for run in summary["runs"]] == [run["model"] for run in summary["runs"]]
    assert [run["complete"] for run in summary["runs"]].count(False) == 1
    assert set(summary["gallery"]) == {"found", "healthy_found", "missed", "called_ill"}
    assert all(count > 0 for count in summary["gallery"].values())


def test_same_inputs_same_bytes(built, bench, tmp_path):
    _, html, runs = built
    build_report(bench.folder, runs, tmp_path / "again.html", preface=("All drawn.",))
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == html
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.html"]


def test_nothing_is_fetched_from_elsewhere(outline, built):
    links = ("src", "href", "xlink:href", "action", "poster", "data", "srcset")
    for tag, attrs in outline.elements:
        for name in attrs.keys() & set(links):
            allowed = ("#", "https://example.org/") if tag == "a" else ("#", "data:")
            assert attrs[name].startswith(allowed), (tag, attrs[name])
    style = built[1].split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_policy_allows_only_this_script(outline, built):
    (policy,) = [m["content"] for m in outline.of("meta") if "content-security" in str(m).lower()]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='", policy)
    assert len(outline.of("script")) == 1


def test_hostile_text_is_escaped_everywhere(built):
    html = built[1]
    assert NASTY not in html
    assert "<script>alert" not in html
    assert "<img" not in html
    assert html.count("&lt;script&gt;alert(&#39;x&#39;)") > 10


def test_ids_are_unique_and_references_lead_somewhere(outline):
    ids = [attrs["id"] for _, attrs in outline.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    known = set(ids)
    for _, attrs in outline.elements:
        if attrs.get("href", "").startswith("#"):
            assert attrs["href"][1:] in known
        for key in attrs.get("aria-labelledby", "").split():
            assert key in known
        if "for" in attrs:
            assert attrs["for"] in known


def test_tables_have_captions_and_scopes(outline):
    assert len(outline.of("table")) == len(outline.of("caption")) > 20
    for attrs in outline.of("th"):
        assert attrs["scope"] in ("col", "row", "colgroup", "rowgroup")


def test_plots_have_names(outline):
    plots = [attrs for attrs in outline.of("svg") if "plot" in attrs.get("class", "")]
    assert len(plots) >= 8
    assert all(attrs["role"] == "img" and attrs["aria-labelledby"] for attrs in plots)
    silent = [a for a in outline.of("svg") if "aria-hidden" not in a and "role" not in a]
    assert silent == []


def test_the_page_says_what_it_must(built):
    html = built[1]
    for words in (
        "All drawn.",
        "What was built from what",
        "read = used + dropped",
        "several diseases: 1",
        "severity is ignored",
        "guessing 20.0",
        "Wilson’s interval",
        "Disease missed",
        "Healthy called ill",
        "train_label_coordinates.csv, row",
        "You read images of the spine.",
        "My final option: [X]",
        "Incomplete: ",
        "the models were not shown this",
    ):
        assert words in html, words


def test_an_unknown_figure_is_a_dash(bench, tmp_path):
    ids = [q.question_id for q in bench.questions if q.task == "localization"]
    odd = {key: {"outcome": "not_run", "letters": ()} for key in ids}
    run = write_run(
        tmp_path / "r", bench.folder, predictions_of(bench.questions, "m", answers_at(0.7), odd)
    )
    build_report(bench.folder, [run], tmp_path / "r.html")
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    results = html.split("<div>Results")[1].split("</table>")[0]
    row = results.split("<tbody>")[1].split("</tr>")[0]
    cells = re.findall(r"<td>([^<]*)", row)
    assert cells[1:] == ["–"] * 7
    assert re.fullmatch(r"\d+\.\d", cells[0])


def test_gallery_shrinks_until_the_page_fits(bench, tmp_path, monkeypatch, built):
    _, _, runs = built
    empty = build_report(bench.folder, runs, tmp_path / "0.html", gallery_per_group=0)
    assert sum(empty["gallery"].values()) == 0
    monkeypatch.setattr(gallery, "LONG_SIDES_PX", (560,))  # pictures cannot give way
    three = build_report(bench.folder, runs, tmp_path / "3.html", gallery_per_group=3)
    monkeypatch.setattr(page_module, "MAX_BYTES", three["bytes"])
    assert build_report(bench.folder, runs, tmp_path / "3.html") == three
    monkeypatch.setattr(page_module, "MAX_BYTES", empty["bytes"] - 1)
    with pytest.raises(UsageError, match="5 runs do not fit on one page"):
        build_report(bench.folder, runs, tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()


def test_no_runs_is_an_error(bench, tmp_path):
    with pytest.raises(UsageError, match="at least one run folder"):
        build_report(bench.folder, [], tmp_path / "r.html")


def test_a_page_that_cannot_be_written_is_one_line(bench, tmp_path):
    with pytest.raises(UsageError, match="is a folder; name the page"):
        build_report(bench.folder, [tmp_path / "run"], tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        build_report(bench.folder, [tmp_path / "run"], tmp_path / "file" / "r.html")


def test_breakable():
    assert breakable("a/b_<c>") == "a/<wbr>b_<wbr>&lt;c&gt;"
    assert breakable("released+no-image") == "released<wbr>+no-image"


def luminance(colour: tuple[float, float, float]) -> float:
    """WCAG 2.2 relative luminance of an sRGB colour from 0 to 255."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4
              for c in colour]  # fmt: skip
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def rgb(text: str) -> tuple[float, ...]:
    return tuple(int(text[i : i + 2], 16) for i in (1, 3, 5))


def test_contrast_of_known_colours():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast(rgb("#777777"), rgb("#ffffff")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_of_text_and_marks(theme):
    palette = PALETTES[theme]
    colours = {name: rgb(value) for name, value in palette.items() if value.startswith("#")}
    for ink in ("ink", "soft", "accent", "wrong"):
        assert contrast(colours[ink], colours["page"]) >= 4.5, ink
    for ink in ("ink", "soft"):
        assert contrast(colours[ink], colours["panel"]) >= 4.5, ink
    assert contrast(colours["warn-ink"], colours["warn-page"]) >= 4.5
    # what is drawn: intervals, dots, borders of controls (WCAG 1.4.11)
    for mark in ("accent", "edge"):
        assert contrast(colours[mark], colours["page"]) >= 3, mark
    # whiskers cross the bars and the page
    assert contrast(colours["ink"], colours["bar"]) >= 3
    # numbers on the darkest cell of a confusion matrix
    heat = [float(part) for part in palette["heat"].split()]
    most = float(palette["heat-most"])
    cell = tuple(h * most + p * (1 - most) for h, p in zip(heat, colours["page"], strict=True))
    assert contrast(colours["ink"], cell) >= 4.5


def test_both_themes_name_the_same_colours():
    assert PALETTES["light"].keys() == PALETTES["dark"].keys()
