"""Mirrored pictures on the page."""

from dataclasses import replace

import pytest

from spinebench.errors import UsageError
from spinebench.report.board import PageOptions, build_page_view
from spinebench.report.flips import build_flips
from spinebench.report.page import render_page
from tests.evaluation.run_folder_of import write_run_folder
from tests.evaluation.sides import write_sides
from tests.report.sample import answers_at, predictions_of, write_run
from tests.report.test_page import Outline

PATIENTS = 20
DISEASES = ("Osteophytes", "Subarticular Stenosis")


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    """Twenty patients, a picture each with its mirror image, and one with its marker mirrored."""
    folder = tmp_path_factory.mktemp("sides") / "bench"
    return write_sides(folder, PATIENTS, DISEASES, flip_task={"convention": "marker"})


@pytest.fixture(scope="module")
def page(bench, tmp_path_factory):
    made = predictions_of(bench.questions, "m", answers_at(0.6))
    run = write_run(tmp_path_factory.mktemp("m") / "run", bench.folder, made)
    return build_page_view(bench, [run], PageOptions(title="T"))[0]


def test_a_reader_and_a_constant_answer(sides, page, tmp_path):
    reader = write_run_folder(tmp_path / "reader", sides, lambda question: question.gold)
    constant = write_run_folder(tmp_path / "constant", sides, lambda question: ("A",))
    first, second = build_flips(page.runs, [reader, constant])
    assert (first.label, first.convention) == ("m", "marker")
    told = [(row.marker_too, row.disease, row.expected) for row in first.rows]
    assert told == [
        (marker, disease, expected)
        for marker, expected in ((False, "flipped"), (True, "stayed"))
        for disease in (None, *DISEASES)
    ]
    assert [row.as_it_should.value for row in first.rows] == [1.0] * 6
    assert first.rows[0].flipped.items == first.rows[0].flipped.patients == PATIENTS
    assert "the marker is read" in first.words
    assert [row.as_it_should.value for row in second.rows] == [0.0] * 3 + [1.0] * 3
    assert "the side is not read from the picture" in second.words


def test_the_page_shows_them(bench, sides, page, tmp_path):
    reader = write_run_folder(tmp_path / "reader", sides, lambda question: question.gold)
    plain = render_page(page, (), sections=("summary", "stress"))
    assert "mirrored" not in plain
    shown = replace(page, flips=build_flips(page.runs, [reader]))
    html = render_page(shown, (), sections=("summary", "stress"))
    Outline(html)
    table = html.split("<div>What the answers did")[1].split("</table>")[0]
    first = table.split("<tbody>")[1].split("</tr>")[0]
    assert ">Picture</th>" in first
    assert ">change</td>" in first
    assert "100.0<span" in first
    assert f"<td>{PATIENTS}</td><td>{PATIENTS}</td>" in first
    assert "the side told by a letter R in the picture" in html


def test_a_side_run_of_another_model_is_one_line(sides, page, tmp_path):
    other = write_run_folder(tmp_path / "r", sides, lambda question: ("A",), model="x")
    with pytest.raises(UsageError, match="none of the page's runs is by x"):
        build_flips(page.runs, [other])


def test_a_run_on_no_side_task_is_one_line(bench, page, tmp_path):
    run = write_run_folder(tmp_path / "r", bench.folder, lambda question: question.gold)
    with pytest.raises(UsageError, match="is no side task"):
        build_flips(page.runs, [run])
