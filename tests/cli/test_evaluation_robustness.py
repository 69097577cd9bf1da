"""The commands on a small benchmark, as people call them."""

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.evaluation.conftest import write_benchmark
from tests.evaluation.run_folder_of import write_run_folder


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_benchmark(tmp_path_factory.mktemp("robustness") / "bench")


def test_perturb_and_robustness(cli: Cli, bench: Path, tmp_path: Path) -> None:
    out = tmp_path / "changed"
    told = cli("eval", "perturb", bench, "--out", out, "--kinds", "jpeg", "--kinds", "marker",
               "--workers", 1)  # fmt: skip
    assert told.code == 0, told.err
    assert "165 questions" in told.out
    assert "no_marker 20, not_a_film 35" in told.out
    plain = write_run_folder(tmp_path / "plain", bench, lambda question: question.gold)
    run = write_run_folder(tmp_path / "run", out, lambda question: ("A",))
    rows = cli("eval", "robustness", run, "--against", plain, "--json").json()["rows"]
    assert [(r["task"], r["kind"], r["step"]) for r in rows] == [
        (task, "jpeg", step) for task in ("diagnosis", "localization") for step in (1, 2, 3)
    ]
    assert rows[0]["before"] == 1.0
    assert rows[0]["drop"]["estimate"] == pytest.approx(1.0 - rows[0]["after"])
    text = cli("eval", "robustness", run, "--against", plain).out
    assert "jpeg-3" in text
    assert "fewer than 50 patients" in text
    again = cli("eval", "perturb", bench, "--out", out)
    assert (again.code, "already exists" in again.err) == (2, True)


def test_mistakes_are_one_line(cli: Cli, bench: Path, tmp_path: Path) -> None:
    run = write_run_folder(tmp_path / "run", bench, lambda question: question.gold)
    for arguments, words in (
        (("perturb", bench, "--out", tmp_path / "b", "--kinds", "fog"), "no perturbation 'fog'"),
        (("flip", run), "is no side task"),
        (("flip-task", bench, "--out", tmp_path / "b"), "no phantom_truth.parquet"),
        (("curve", run, "--truth", bench), "no phantom_truth.parquet there"),
        (("robustness", run, "--against", run), "is not a perturbed benchmark"),
    ):
        outcome = cli("eval", *arguments)
        assert outcome.code == 2
        assert words in outcome.err
        assert len(outcome.err.strip().splitlines()) == 1
