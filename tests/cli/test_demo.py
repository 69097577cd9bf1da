"""The whole flow in small, once: phantoms, benchmark, five runs, page; then the commands on it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.cli.demo import BASELINES, run_demo
from tests.cli.conftest import Cli


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    return folder, run_demo(folder, patients=6, seed=0, workers=2)


def test_the_flow_ends_with_a_page(demo: tuple[Path, dict[str, Any]]) -> None:
    folder, result = demo
    assert result["page"] == str(folder / "report.html")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    for name in BASELINES:
        assert f"spinebench/{name}" in page
    assert [run["complete"] for run in result["report"]["runs"]] == [True] * 5
    assert "spinebench/blind · no image" in page


def test_both_layouts_are_asked_about_and_accounts_add_up(
    demo: tuple[Path, dict[str, Any]],
) -> None:
    bench = Benchmark.load(demo[0] / "bench")
    assert {q.source for q in bench.questions} == {"rsna", "vindr"}
    for source in bench.manifest["sources"].values():
        for account in source["accounting"].values():
            assert account["read"] == account["used"] + account["dropped"]
            assert account["dropped"] == sum(account["reasons"].values())


def test_an_earlier_demo_is_replaced_and_nothing_else(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("all of it")
    outcome = cli("demo", "--out", tmp_path, "--patients", 2)
    assert outcome.code == 2
    assert "is not empty and no earlier demo" in outcome.err
    assert (tmp_path / "thesis.doc").exists()


def test_eval_run_from_the_command_line(
    cli: Cli, demo: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    bench = demo[0] / "bench"
    out = tmp_path / "run"
    outcome = cli(
        "eval", "run", bench, "--model", "spinebench/random", "--out", out,
        "--task", "diagnosis", "--limit", 3, "--setting", "temperature=0.5", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    result = outcome.json()
    assert result["counts"]["diagnosis"]["answered"] == 3
    assert result["counts"]["diagnosis"]["not_run"] > 0
    assert result["complete"] is False
    assert result["settings"]["temperature"] == 0.5
    assert str(tmp_path) not in (out / "manifest.json").read_text()


def test_eval_run_says_what_it_found(
    cli: Cli, demo: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    outcome = cli(
        "eval", "run", demo[0] / "bench", "--model", "spinebench/random",
        "--out", tmp_path / "run", "--limit", 2,
    )  # fmt: skip
    assert outcome.code == 0
    assert "diagnosis" in outcome.out
    assert "INCOMPLETE" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--setting", "temperature"], "--setting temperature: it is NAME=VALUE"),
        (["--split", "none"], "none"),
        (["--task", "surgery"], "unknown task surgery; there are diagnosis, localization"),
    ],
)
def test_what_cannot_be_run_is_one_line(
    cli: Cli,
    demo: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    outcome = cli(
        "eval", "run", demo[0] / "bench", "--model", "spinebench/random",
        "--out", tmp_path / "run", *arguments,
    )  # fmt: skip
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_a_report_finds_the_benchmark_of_its_runs(
    cli: Cli, demo: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    runs = [demo[0] / "runs" / name for name in ("random", "nearest")]
    outcome = cli("report", "html", *runs, "--out", tmp_path / "page.html", "--json")
    assert outcome.code == 0, outcome.err
    assert {run["model"] for run in outcome.json()["runs"]} == {
        "spinebench/random",
        "spinebench/nearest",
    }
    assert (tmp_path / "page.html").stat().st_size == outcome.json()["bytes"]


def test_a_report_on_a_moved_benchmark_needs_its_place(
    cli: Cli, demo: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    run = shutil.copytree(demo[0] / "runs" / "random", tmp_path / "run")
    lost = cli("report", "html", run, "--out", tmp_path / "page.html")
    assert lost.code == 2
    assert "--bench" in lost.err
    found = cli(
        "report", "html", run, "--out", tmp_path / "page.html", "--bench", demo[0] / "bench"
    )
    assert found.code == 0


def test_documented_keys_are_those_given(
    cli: Cli, demo: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    given = {
        "demo": demo[1],
        "report html": demo[1]["report"],
        "sources check": cli("sources", "check", demo[0] / "rsna", "--json").json(),
        "sources list": cli("sources", "list", "--json").json(),
        "phantom defects": cli("phantom", "defects", "--source", "vindr", "--json").json(),
        "bench show": cli("bench", "show", demo[0] / "bench", "--json").json(),
        "bench build": json.loads((demo[0] / "bench" / "manifest.json").read_text()),
        "eval run": json.loads((demo[0] / "runs" / "random" / "manifest.json").read_text()),
        "phantom write": cli(
            "phantom", "write", "--source", "vindr", "--patients", 1, "--film-px", 300,
            tmp_path / "v", "--workers", 1, "--json",
        ).json(),
    }  # fmt: skip
    for name, result in given.items():
        section = page.split(f"### `{name}`\n")[1].split("\n### ")[0]
        missing = [key for key in result if f"`{key}`" not in section]
        assert not missing, f"{name}: {missing}"


def test_a_run_that_reached_no_model_ends_with_2_and_says_why(
    cli: Cli, demo: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    outcome = cli(
        "eval", "run", demo[0] / "bench", "--model", "openai/tiny", "--out", tmp_path / "run",
        "--model-base-url", "http://127.0.0.1:9/v1", "--task", "diagnosis", "--limit", 1,
        "--setting", "max_retries=0",
    )  # fmt: skip
    assert outcome.code == 2
    assert "failed, 1 times: " in outcome.err
