import csv
import io
import json
import re

import pytest

from spinebench.cli.main import build_command
from spinebench.report.board import PageOptions, build_page_view
from spinebench.report.export import board_csv, board_latex, build_board, latex
from tests.report.sample import NASTY, write_runs


@pytest.fixture(scope="module")
def runs(bench, tmp_path_factory):
    return write_runs(tmp_path_factory.mktemp("export"), bench)


@pytest.fixture(scope="module")
def page(bench, runs):
    return build_page_view(bench, runs, PageOptions(title="T"))[0]


def test_csv_holds_the_figures_of_the_page(page):
    rows = list(csv.DictReader(io.StringIO(board_csv(page))))
    measured = [row for row in rows if row["kind"] == "measured"]
    assert [row["model"] for row in measured] == [run.label for run in page.runs]
    first, run = measured[0], page.runs[0]
    assert float(first["diagnosis"]) == pytest.approx(run.diagnosis.value, abs=1e-6)
    assert float(first["overall_low"]) == pytest.approx(run.overall.low, abs=1e-6)
    assert first["tier_overall"] == "1"
    assert first["complete"] == "yes"
    evil = next(row for row in measured if row["model"].startswith("evil"))
    assert (evil["tier_overall"], evil["complete"]) == ("", "no")
    assert evil["model"] == f"evil/{NASTY}"


def test_reported_rows_have_no_tier_and_their_contradictions(page):
    rows = list(csv.DictReader(io.StringIO(board_csv(page))))
    reported = [row for row in rows if row["kind"] == "reported"]
    assert len(reported) == 13 + 12
    assert {row[f"tier_{name}"] for row in reported for name in ("overall", "diagnosis")} == {""}
    (huatuo,) = [row for row in reported if row["contradicted"] and "06-04" in row["source"]]
    assert huatuo["model"] == "HuatuoGPT-Vision-7B"
    assert huatuo["overall"] == "0.1584"
    assert huatuo["contradicted"] == "overall: the mean of 22.28 and 8.80 is 15.54"


def test_tiers_hold_measured_complete_runs_only(page):
    board = build_board(page)
    labels = {run.label for run in page.runs if run.complete}
    for standing in board["tiers"].values():
        assert {label for group in standing["groups"] for label in group} == labels
    reported = {row["model"] for table in board["reported"] for row in table["rows"]}
    assert not reported & labels
    json.dumps(board, allow_nan=False)


def test_latex_is_a_booktabs_table_with_a_line_between(page):
    text = board_latex(page)
    table = text.split(r"\begin{tabular}{lrrrrrr}")[1]
    rows = [line for line in table.splitlines() if line.count("&") == 6]
    assert len(rows) == 1 + len(page.runs) + 13
    assert all(re.search(r"(?<!\\)&", line) and line.endswith(r"\\") for line in rows)
    measured, reported = table.split(r"\emph{Reported by ")
    assert measured.rstrip().endswith(r"\multicolumn{7}{l}{")
    assert r"\midrule" in measured.splitlines()[-2]
    assert "openai/gpt-4o & 1 & " in measured
    assert r"15.84$^{a}$" in reported
    assert "printed 15.84, but the mean of 22.28 and 8.80 is 15.54" in reported
    assert r"evil/\textless{}script\textgreater{}" in measured
    assert text.rstrip().endswith(r"\end{tabular}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b & 5%", r"a\_b \& 5\%"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("$x^2$~#1", r"\$x\textasciicircum{}2\$\textasciitilde{}\#1"),
        ("two\nlines\x00", "two lines "),
        ("Größe 脊柱", "Größe 脊柱"),
    ],
)
def test_latex_text(text, shown):
    assert latex(text) == shown


def test_a_spreadsheet_gets_no_formula(bench, tmp_path):
    from tests.report.sample import answers_at, predictions_of, write_run

    made = predictions_of(bench.questions, "=HYPERLINK(1)", answers_at(0.5))
    folder = write_run(tmp_path / "r", bench.folder, made)
    page, _ = build_page_view(bench, [folder], PageOptions(title="T", reported=False))
    (row,) = csv.DictReader(io.StringIO(board_csv(page)))
    assert row["model"] == "'=HYPERLINK(1)"
    assert page.standings == ()
    assert row["tier_overall"] == ""


def test_command_prints_each_format(bench, runs, capsys):
    arguments = ["report", "board", *map(str, runs[:3]), "--bench", str(bench.folder)]
    for extra, start in (
        ([], "kind,source,model"),
        (["--format", "latex"], "% needs"),
        (["--format", "json"], "{\n"),
        (["--json"], "{\n"),
    ):
        build_command()([*arguments, *extra], standalone_mode=False)
        assert capsys.readouterr().out.startswith(start)
