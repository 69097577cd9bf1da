"""The page names a model that favours a place, one that is blind, and one that flip-flops."""

from dataclasses import replace

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.report.board import PageOptions, build_page_view
from spinebench.report.habits import control_command
from spinebench.report.page import build_report, render_page
from spinebench.report.runs import load_run
from spinebench.tables import sha256_of_file
from tests.report.sample import answers_at, predictions_of, write_bench, write_run


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A benchmark with enough test patients for a verdict."""
    folder = tmp_path_factory.mktemp("wide")
    return Benchmark.load(write_bench(folder / "bench", mr=150, films=30))


@pytest.fixture(scope="module")
def runs(wide, tmp_path_factory):
    folder = tmp_path_factory.mktemp("habit-runs")
    questions = wide.questions

    def write(name, made, **fields):
        return write_run(folder / name, wide.folder, made, **fields)

    fair = predictions_of(questions, "fair", answers_at(0.7))
    fair_without = predictions_of(questions, "fair", answers_at(0.25))
    places = predictions_of(
        questions, "always-b", lambda q: ("B",) if not q.multiple else answers_at(0.7)(q)
    )
    blind = predictions_of(questions, "blind", answers_at(0.4))
    flips = [
        replace(p, epoch=epoch)
        for epoch, rate in ((1, 0.4), (2, 0.41), (3, 0.42))
        for p in predictions_of(questions, "flips", answers_at(rate))
    ]
    control = {"protocol": "released+no-image"}
    return [
        write("fair", fair),
        write("fair-without", [replace(p, **control) for p in fair_without], **control),
        write("always-b", places),
        write("blind", blind),
        write("blind-without", [replace(p, **control) for p in blind], **control),
        write("flips", flips),
    ]


@pytest.fixture(scope="module")
def page(wide, runs):
    return build_page_view(wide, runs, PageOptions(title="T"))[0]


def test_each_habit_is_named_and_nothing_else(page):
    tags = {run.label: run.habits.tags for run in page.runs}
    assert tags == {
        "fair": (),
        "fair · no image": (),
        "always-b": ("favours a place",),
        "blind": ("blind",),
        "blind · no image": (),
        "flips": ("flip-flops",),
    }


def test_words_hold_the_figures(page):
    words = {run.label: run.habits for run in page.runs}
    places = words["always-b"].place_words
    assert places.startswith("Favours B. Of ")
    assert "100.0\u00a0% stand under B" in places
    assert "blind, the image adds nothing" in words["blind"].sight_words
    assert "it uses the image" in words["fair"].sight_words
    assert "asked 3 times each" in words["flips"].steady_words
    assert words["flips"].steady_words.endswith("it flip-flops.")
    assert words["fair"].coverage == 1.0


def test_the_page_says_so_in_its_first_lines_and_on_the_board(wide, runs, tmp_path):
    build_report(wide.folder, runs, tmp_path / "r.html", gallery_per_group=0)
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    summary = html.split('<section id="summary">')[1].split("</section>")[0]
    assert "always-b favours a place among the options." in summary
    assert "blind is no better with the image than without: blind." in summary
    assert "flips changes its answer to the same question: it flip-flops." in summary
    board = html.split("<div>Results")[1].split("</table>")[0]
    for label, tag in (("flips", "flip-flops"), ("always-b", "favours a place")):
        (row,) = [row for row in board.split("<tr>") if f">{label}</a>" in row]
        assert f'<span class="tag tag-habit">{tag}</span>' in row
    for rule in ("chi-square", "not above that of the same model without it", "more than 20"):
        assert rule in html


def test_without_a_control_the_gain_is_said_to_be_unknown(wide, runs, page, tmp_path):
    by_label = {run.label: run.habits for run in page.runs}
    assert by_label["fair"].control_command is None
    assert by_label["fair · no image"].control_command is None
    build_report(wide.folder, runs, tmp_path / "r.html", gallery_per_group=0)
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "How much the image adds is not known for always-b and flips: no runs" in html
    for model in ("flips", "always-b"):
        command = f"spinebench eval run BENCH --model {model} --setting temperature=0.0 --no-image"
        assert html.count(f"{command} --out OUT") == 1
    build_report(wide.folder, runs[:2], tmp_path / "all.html", gallery_per_group=0)
    assert "is not known" not in (tmp_path / "all.html").read_text(encoding="utf-8")


def test_the_command_asks_in_the_same_way():
    manifest = {
        "protocol": "cot+circular+shuffle-7", "model": "a/b c", "split": "train", "subset": True,
        "settings": {"top_p": 0.5}, "epochs": 3, "limit": 9,
    }  # fmt: skip
    assert control_command(manifest) == (
        "spinebench eval run BENCH --model 'a/b c' --protocol cot --circular --shuffle 7 "
        "--split train --subset --epochs 3 --limit 9 --setting top_p=0.5 --no-image --out OUT"
    )


def test_weights_in_a_folder_are_shown_without_their_path(bench, tmp_path):
    model = "spinebench-hf//data/of/me/tiny"
    made = [replace(p, run_id="r") for p in predictions_of(bench.questions, model, answers_at(0.5))]
    run = write_run(tmp_path / "r", bench.folder, made)
    build_report(bench.folder, [run], tmp_path / "r.html", gallery_per_group=1)
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "spinebench-hf/<wbr>tiny" in html
    assert "--model spinebench-hf/WEIGHTS" in html
    assert "of/me" not in html


def test_a_control_stands_last_and_is_grey(wide, runs, page):
    assert [run.control for run in page.runs] == [False] * 4 + [True] * 2
    plot = render_page(page, (), sections=("board",)).split("<svg")[1]
    assert plot.count('class="dot dot-control"') == 2
    assert plot.count('class="dot"') == 4


def test_how_a_call_is_made_is_no_difference_to_the_control(wide, runs):
    control = load_run(runs[1], wide, sha256_of_file(wide.folder / "manifest.json"))
    other = load_run(runs[0], wide, sha256_of_file(wide.folder / "manifest.json"))
    assert control.is_control_of(other)
    slower = {"temperature": 0.0, "attempt_timeout": 9}
    assert control.is_control_of(replace(other, manifest=other.manifest | {"settings": slower}))
    warmer = {"temperature": 0.5}
    assert not control.is_control_of(replace(other, manifest=other.manifest | {"settings": warmer}))


def test_a_baseline_is_asked_for_no_control(bench, tmp_path):
    made = predictions_of(bench.questions, "spinebench/nearest", answers_at(0.5))
    run = write_run(tmp_path / "r", bench.folder, made)
    (view,) = build_page_view(bench, [run], PageOptions(title="T"))[0].runs
    assert view.habits.control_command is None
    assert view.habits.sight_words.startswith("All: this baseline knows nothing but the image")
