"""Tiers, habits and reported results in a real browser; the site; the raters' page."""

import csv

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.evaluation.ratings import score_ratings
from spinebench.evaluation.reasoning import write_packet
from spinebench.report.packet_page import write_packet_page
from spinebench.report.page import build_report
from spinebench.report.site import build_site
from tests.report.sample import NASTY, write_bench, write_runs

pytestmark = pytest.mark.browser

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    bench = Benchmark.load(write_bench(folder / "bench"))
    runs = write_runs(folder / "runs", bench)
    build_report(bench.folder, runs, folder / "report.html")
    build_site(bench.folder, runs, folder / "site", gallery_per_group=1)
    write_packet(bench.folder, runs[3:], folder / "packet", seed=0, per_task=2)
    write_packet_page(folder / "packet", folder / "packet.html")
    return folder


@pytest.fixture
def opened(open_browser):
    """Opens a file and returns the page with what it complained of and asked for."""
    contexts = []

    def start(path, **keywords):
        context = open_browser(**{"viewport": DESKTOP, **keywords})
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: page.complaints.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield start
    for context in contexts:
        context.close()


def tab_to(page, what, most=400):
    """Press Tab until the focused element matches the selector."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", what):
            return
    pytest.fail(f"Tab does not lead to {what}")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
@pytest.mark.parametrize("name", ["report.html", "site/index.html", "site/runs/m1.html",
                                  "packet.html"])  # fmt: skip
def test_fits_and_asks_for_nothing(opened, folder, name, viewport):
    page = opened(folder / name, viewport=viewport)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.complaints == []
    elsewhere = [url for url in page.asked if not url.startswith("data:")]
    assert elsewhere == [(folder / name).as_uri()]


def test_pairs_open_by_keyboard_and_the_focus_is_seen(opened, folder):
    page = opened(folder / "report.html")
    tab_to(page, "#standing summary")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    table = page.locator("#standing details table").first
    assert not table.is_visible()
    page.keyboard.press("Enter")
    assert table.is_visible()
    assert table.locator("tbody tr").count() == 6  # four complete runs, every two


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_tab_leads_to_everything_once_and_out_again(opened, folder, viewport):
    page = opened(folder / "report.html", viewport=viewport)
    page.evaluate(
        """() => {
          window.wanted = [...document.querySelectorAll(
            'a[href], button, select, input, summary, [tabindex="0"]')]
            .filter(e => e.checkVisibility() && !e.closest('dialog'));
          window.seen = new Set();
        }"""
    )
    hidden = []
    for _ in range(page.evaluate("wanted.length") + 1):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        hidden += page.evaluate(
            """() => {
              const e = document.activeElement, style = getComputedStyle(e);
              seen.add(e);
              const seenOutline = style.outlineStyle === 'solid' && style.outlineWidth === '2px';
              return seenOutline ? [] : [e.outerHTML.slice(0, 80)];
            }"""
        )
    else:
        pytest.fail("Tab does not lead out of the page")
    assert hidden == []
    assert page.evaluate("wanted.filter(e => !seen.has(e)).length") == 0


def test_a_stop_at_a_table_only_where_it_scrolls(opened, folder):
    page = opened(folder / "report.html", viewport=PHONE)
    count = "[...document.querySelectorAll('#board .scroll[tabindex]')].length"
    assert page.evaluate(count) == 2
    page.set_viewport_size({"width": 1600, "height": 900})
    page.wait_for_function(f"{count} === 0")


def test_matrices_by_class_do_not_overlap(opened, folder):
    page = opened(folder / "report.html")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    for media in ("screen", "print"):
        page.emulate_media(media=media)
        boxes = page.evaluate(
            """[...document.querySelectorAll('.panel:not([hidden]) .columns .matrix')]
               .map(e => e.getBoundingClientRect()).map(b => [b.left, b.right, b.top, b.bottom])"""
        )
        assert len(boxes) == 3
        for n, (left, right, top, bottom) in enumerate(boxes):
            for other in boxes[n + 1 :]:
                apart = right <= other[0] or other[1] <= left or bottom <= other[2]
                assert apart or other[3] <= top, (media, boxes)


def test_reported_rows_stand_under_a_line(opened, folder):
    page = opened(folder / "report.html")
    line = page.locator("#reported tbody.line").first
    assert "Reported by others, on other questions" in line.inner_text()
    assert "openai/gpt-4o" not in line.inner_text()
    style = line.evaluate("e => getComputedStyle(e).borderTopStyle")
    assert style == "double"
    doubt = page.locator("#reported td.doubt")
    assert "15.84" in doubt.first.inner_text()
    assert "formula: 15.54" in doubt.first.inner_text()
    assert page.locator("#standing").inner_text().count("HuatuoGPT") == 0


def test_paper_holds_the_pairs_too(opened, folder, tmp_path):
    page = opened(folder / "report.html")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#standing details table").first.is_visible()
    wide = page.evaluate(
        """[...document.querySelectorAll('table')].filter(e => e.checkVisibility())
           .filter(e => e.scrollWidth > 1.02 * e.closest('section').clientWidth).length"""
    )
    assert wide == 0
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_the_site_leads_there_and_back_by_keyboard(opened, folder):
    page = opened(folder / "site" / "index.html")
    tab_to(page, "#board a[href^='runs/']")
    name = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/m1.html")
    assert page.locator("h1").inner_text() == name
    tab_to(page, "a[href='../index.html']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/index.html")
    assert page.complaints == []


def test_a_rater_works_by_keyboard_and_the_file_is_read_back(opened, folder, tmp_path):
    page = opened(folder / "packet.html")
    assert NASTY not in page.content()
    tab_to(page, "input[type=radio]")
    pairs = len({r.get_attribute("name") for r in page.locator("input[type=radio]").all()})
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator("input:checked").count() == 1
    assert page.locator("#done").inner_text() == f"1 of {pairs} rated"
    tab_to(page, "#rater")
    tab_to(page, "#save")
    page.keyboard.press("Enter")
    assert page.locator("#done").inner_text() == "Write your name or code first"
    page.keyboard.type('Dr "A"')
    tab_to(page, "#save")
    with page.expect_download() as told:
        page.keyboard.press("Enter")
    told.value.save_as(tmp_path / "ratings.csv")
    with (tmp_path / "ratings.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == pairs
    assert {row["rater"] for row in rows} == {'Dr "A"'}
    found = score_ratings(folder / "packet", [tmp_path / "ratings.csv"])
    assert found["ratings"] == 1
    assert found["criteria"]["rationality"]["all"]["mean"] == 3.0
    assert page.complaints == []
    page.reload()
    assert page.locator("input:checked").count() == 1  # what was rated outlives a reload
