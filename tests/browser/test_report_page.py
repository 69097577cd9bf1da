"""The page in a real browser, opened as a file with nothing else around it."""

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.report.page import build_report
from tests.report.sample import NASTY, write_bench, write_runs

pytestmark = pytest.mark.browser

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    bench = Benchmark.load(write_bench(folder / "bench"))
    build_report(bench.folder, write_runs(folder / "runs", bench), folder / "report.html")
    return folder / "report.html"


@pytest.fixture
def opened(open_browser, page_file):
    """Opens the page and returns it with what it complained of and asked for."""
    contexts = []

    def start(**keywords):
        context = open_browser(**{"viewport": DESKTOP, **keywords})
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: page.complaints.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(page_file.as_uri())
        return page

    yield start
    for context in contexts:
        context.close()


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_no_complaint_and_no_request_but_the_file(opened, page_file):
    page = opened()
    page.check("#marks")
    page.locator(".frame:visible").first.click()
    page.keyboard.press("Escape")
    assert page.complaints == []
    elsewhere = [url for url in page.asked if not url.startswith("data:")]
    assert elsewhere == [page_file.as_uri()]


def test_switch_changes_to_dark_and_back(opened):
    page = opened(color_scheme="light")
    light = background(page)
    assert light == "rgb(255, 255, 255)"
    page.click(".theme")
    assert background(page) == "rgb(17, 22, 26)"
    ink = page.evaluate("getComputedStyle(document.querySelector('.plot .label')).fill")
    assert ink == "rgb(228, 233, 236)"
    page.click(".theme")
    assert background(page) == light


def test_follows_the_system_until_told_otherwise(opened):
    page = opened(color_scheme="dark")
    assert background(page) == "rgb(17, 22, 26)"
    page.emulate_media(color_scheme="light")
    assert background(page) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("viewport", [PHONE, {"width": 320, "height": 700}, DESKTOP])
def test_nothing_runs_over_the_side(opened, viewport):
    page = opened(viewport=viewport)
    for run in page.locator("#model option").all():
        page.select_option("#model", value=run.get_attribute("value"))
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_narrow_screens_get_the_narrow_plot(opened):
    page = opened(viewport=PHONE)
    assert page.locator("#board .plot-narrow").first.is_visible()
    assert not page.locator("#board .plot-wide").first.is_visible()
    page.set_viewport_size(DESKTOP)
    assert page.locator("#board .plot-wide").first.is_visible()
    assert not page.locator("#board .plot-narrow").first.is_visible()


def test_one_model_at_a_time_by_keyboard(opened):
    page = opened()
    first = page.locator("#detail .panel:visible")
    assert first.count() == 1
    before = first.get_attribute("data-model")
    page.focus("#model")
    page.keyboard.press("ArrowDown")
    shown = page.locator(".panel:visible")
    assert shown.count() == 2  # its tables and its gallery
    assert shown.first.get_attribute("data-model") != before
    assert len({panel.get_attribute("data-model") for panel in shown.all()}) == 1


def test_a_name_on_the_board_leads_to_that_model(opened):
    page = opened()
    link = page.locator("#board a[data-show]").last
    key = link.get_attribute("data-show")
    link.click()
    assert page.locator("#detail .panel:visible").get_attribute("data-model") == key
    assert page.input_value("#model") == key


def test_marks_are_hidden_until_asked_for(opened):
    page = opened()
    mark = page.locator(".panel:visible g.mark").first
    assert not mark.is_visible()
    page.check("#marks")
    assert mark.is_visible()
    page.uncheck("#marks")
    assert not mark.is_visible()


def test_a_larger_view_opens_and_closes_by_keyboard(opened):
    page = opened()
    frame = page.locator(".frame:visible").first
    small = frame.locator("svg").bounding_box()
    frame.focus()
    page.keyboard.press("Enter")
    large = page.locator("dialog[open] svg").bounding_box()
    assert large["height"] > 1.8 * small["height"]
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_pictures_are_really_drawn(opened):
    page = opened(viewport={"width": 1280, "height": 4000})
    frame = page.locator(".frame:visible").first
    frame.scroll_into_view_if_needed()
    plain = frame.screenshot()
    page.evaluate("document.querySelectorAll('.sprite image').forEach(i => i.remove())")
    assert frame.screenshot() != plain


def test_hostile_text_stays_text(opened):
    page = opened()
    page.select_option("#model", label=f"evil/{NASTY}")
    words = page.locator(".panel:visible pre").first.inner_text()
    assert words.startswith("<script>alert('x')</script><img src=x onerror=alert(1)>")
    assert page.locator("script").count() == 1
    assert page.locator("img").count() == 0
    assert page.complaints == []


def test_print_is_light_without_controls(opened):
    page = opened(color_scheme="dark")
    page.emulate_media(media="print")
    assert background(page) == "rgb(255, 255, 255)"
    for control in (".picker", "nav.toc", ".theme", "#marks"):
        assert not page.locator(control).is_visible()
    assert page.locator("#board table").first.is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_readable_without_script(opened):
    page = opened(java_script_enabled=False)
    panels = page.locator("#detail .panel")
    assert panels.count() == 5
    assert all(panel.is_visible() for panel in panels.all())
    assert not page.locator(".picker").is_visible()
    assert not page.locator(".theme").is_visible()
    page.check("#marks")
    assert page.locator("g.mark").first.is_visible()


def test_every_focusable_thing_has_a_name(opened):
    page = opened()
    nameless = page.evaluate(
        """[...document.querySelectorAll('a, button, select, input, summary, [tabindex="0"]')]
           .filter(e => e.checkVisibility())
           .filter(e => !(e.textContent.trim() || e.getAttribute('aria-label')
                          || (e.labels && e.labels.length)))
           .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
