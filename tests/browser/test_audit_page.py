"""The audit page in a real browser, opened as a file."""

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.report.audit_page import write_audit_page
from tests.benchmark.audit.faults import plant_marker, plant_near_across
from tests.benchmark.audit.fixture import audit_folder, build_sample

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    sample = build_sample(folder / "bench", patients=60)
    plant_near_across(sample)
    plant_marker(sample)
    bench = Benchmark.load(sample.write())
    write_audit_page(bench, audit_folder(bench.folder), folder / "audit.html")
    return folder / "audit.html"


@pytest.mark.parametrize("width", [390, 1280])
def test_fits_and_complains_of_nothing(open_browser, page_file, width):
    context = open_browser(viewport={"width": width, "height": 844})
    page = context.new_page()
    complaints, asked = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.click("text=near_duplicates_cross_splits")
    assert page.locator("#near_duplicates_cross_splits img").first.is_visible()
    page.click(".theme")
    assert page.evaluate("document.documentElement.dataset.theme") in ("light", "dark")
    assert complaints == []
    assert [u for u in asked if not u.startswith("data:")] == [page_file.as_uri()]
    context.close()
