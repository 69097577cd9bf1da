"""A side task's answers are a task of their own: in scores, on the command line, on no board."""

import json
from pathlib import Path
from typing import Any

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation.compare import compare_runs
from spinebench.evaluation.run import run_evaluation
from spinebench.evaluation.side import check_no_side_task
from spinebench.report.board import PageOptions, build_page_view
from tests.cli.conftest import Cli, cli  # noqa: F401
from tests.evaluation.run_folder_of import write_run_folder
from tests.evaluation.test_flip import PATIENTS, sides  # noqa: F401


@pytest.fixture(scope="module")
def run(sides: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    out = tmp_path_factory.mktemp("side") / "run"
    run_evaluation(sides, "spinebench/random", out)
    return out


def test_it_counts_as_side_and_nowhere_else(run: Path) -> None:
    scores: dict[str, Any] = json.loads((run / "scores.json").read_text())
    for name in ("diagnosis", "localization", "alignment", "overall", "overall_pooled"):
        assert scores[name] is None, name
    found = scores["side"]
    assert (found["accuracy"]["items"], found["accuracy"]["patients"]) == (3 * PATIENTS, PATIENTS)
    assert found["by"]["disease"][0]["value"] == "Subarticular Stenosis"
    assert "confusion" not in found  # of diseases: the side is what is asked
    assert "level_errors" not in found


def test_the_command_line_calls_it_side(run: Path, cli: Cli) -> None:  # noqa: F811
    told = cli("eval", "rescore", run).out
    first_words = {line.split()[0] for line in told.splitlines() if line.strip()}
    assert "side" in first_words
    assert "localization" not in first_words


def test_two_runs_of_it_are_compared_as_side(sides: Path, tmp_path: Path) -> None:  # noqa: F811
    right = write_run_folder(tmp_path / "right", sides, lambda question: question.gold)
    always = write_run_folder(tmp_path / "always", sides, lambda question: ("A",))
    manifest = json.loads((right / "manifest.json").read_text())
    for folder in (right, always):
        (folder / "manifest.json").write_text(
            json.dumps({**manifest, "run_id": folder.name, "complete": True})
        )
    found = compare_runs(sides, right, always, seed=0)
    assert list(found["tasks"]) == ["side"]
    assert found["overall"] is None
    assert found["tasks"]["side"]["difference"]["estimate"] == pytest.approx(0.5)


def test_no_board_counts_it(sides: Path, run: Path, bench: Path, cli: Cli) -> None:  # noqa: F811
    with pytest.raises(UsageError, match="is a side task, which no board counts: `spinebench eval"):
        build_page_view(Benchmark.load(sides), [run], PageOptions(title="x"))
    told = cli("report", "board", run)
    assert (told.code, "is a side task, which no board counts" in told.err) == (2, True)
    check_no_side_task(Benchmark.load(bench).questions, "bench")
