import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.report.audit_page import coded, render_audit_page, write_audit_page
from tests.benchmark.audit.faults import plant_near_across, plant_unreadable, plant_wording
from tests.benchmark.audit.fixture import audit_folder, build_sample
from tests.report.sample import NASTY
from tests.report.test_page import Outline


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    sample = build_sample(tmp_path_factory.mktemp("audit") / "bench", patients=60)
    plant_near_across(sample)
    plant_unreadable(sample)
    plant_wording(sample)
    for question in sample.questions_of("diagnosis", "test")[:3]:
        sample.change(question, gold=("Z",), text=f"{question.text} {NASTY}")
    folder = sample.write()
    return Benchmark.load(folder), audit_folder(folder)


@pytest.fixture(scope="module")
def html(audited) -> str:
    return render_audit_page(*audited)


def test_every_element_is_closed_and_every_finding_has_its_section(audited, html) -> None:
    outline = Outline(html)
    ids = {attrs["id"] for attrs in outline.of("section") if "id" in attrs}
    assert {finding.check for finding in audited[1].findings} <= ids
    links = [attrs["href"] for attrs in outline.of("a")]
    assert all(link.startswith("#") and link[1:] in ids for link in links)


def test_the_lead_counts_what_is_above_a_note(html) -> None:
    assert '<p class="lead">4 faults were found: 3 critical, 1 serious.</p>' in html


def test_the_head_says_what_was_audited(audited, html) -> None:
    bench = audited[0]
    assert f"{len(bench.questions)} questions on 120 images of 60 patients; sources own; " in html


def test_what_comes_from_a_benchmark_is_escaped(html) -> None:
    assert NASTY not in html
    assert "&lt;script&gt;alert" in html


def test_nothing_is_fetched(html) -> None:
    outline = Outline(html)
    sources = [attrs["src"] for attrs in outline.of("img")]
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert html.count("<script>") == 1


def test_a_picture_that_cannot_be_read_is_told_so(html) -> None:
    assert html.count("cannot be shown") == 1


def test_duplicates_stand_side_by_side(audited, html) -> None:
    near = next(f for f in audited[1].findings if f.check == "near_duplicates_cross_splits")
    section = html.split('id="near_duplicates_cross_splits"')[1].split("</section>")[0]
    assert section.count("<article") == 2
    assert all(image_id in section for image_id in near.groups[0])


def test_measures_have_intervals_and_references(audited, html) -> None:
    found = next(m for m in audited[1].measures if m.name == "text_only" and m.task == "diagnosis")
    row = html.split('<th scope="row">Words, options and positions</th>')[1].split("</tr>")[0]
    assert f"<td>{100 * found.estimate:.1f}</td>" in row
    assert f"{100 * found.low:.1f} to {100 * found.high:.1f}" in row


def test_checks_that_were_not_made_are_not_called_clear(html) -> None:
    row = html.split("unclear_<wbr>image</th>")[1].split("</tr>")[0]
    assert "not checked" in row


def test_same_audit_same_bytes(audited, html, tmp_path) -> None:
    size = write_audit_page(*audited, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == html
    assert size == len(html.encode())
    with pytest.raises(UsageError, match="is a folder; name the page"):
        write_audit_page(*audited, tmp_path)


def test_words_between_backticks_are_code() -> None:
    assert coded("a `b` <c>") == "a <code>b</code> &lt;c&gt;"
