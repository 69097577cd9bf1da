"""`spinebench eval`: what it says beside the scores."""

from pathlib import Path

from spinebench.benchmark.bundle import Benchmark
from spinebench.evaluation.select import select_questions
from tests.cli.conftest import Cli
from tests.evaluation.conftest import bench, edited  # noqa: F401


def test_why_calls_failed_is_told_on_stderr(
    cli: Cli,
    edited: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    benchmark = Benchmark.load(edited)
    question = select_questions(benchmark, "diagnosis", "test")[0]
    image = benchmark.image_file(question.image_ids[0])
    image.write_bytes(image.read_bytes() + b"x")
    done = cli(
        "eval", "run", edited, "--model", "spinebench/random", "--out", tmp_path / "run",
        "--task", "diagnosis", "--limit", 2, "--json",
    )  # fmt: skip
    assert done.code == 0
    assert done.json()["counts"]["diagnosis"]["failed"] == 1
    assert "failed, 1 times: " in done.err
    assert "SHA-256" in done.err


def test_a_dry_run_calls_nobody_and_writes_nothing(
    cli: Cli,
    bench: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    command = (
        "eval", "run", bench, "--model", "openai/gpt-4o", "--out", tmp_path / "run", "--dry-run",
        "--prices", "example", "--limit", 3, "--task", "diagnosis", "--circular",
    )  # fmt: skip
    found = cli(*command, "--json").json()
    assert (found["calls"], found["protocol"]) == (15, "released+circular")
    assert found["cost_usd"] > 0
    told = cli(*command).out
    assert "nothing was called" in told
    assert "input tokens, estimated" in told
    assert not (tmp_path / "run").exists()


def test_run_resume_rescore(
    cli: Cli,
    bench: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    out = tmp_path / "run"
    first = cli(
        "eval", "run", bench, "--model", "spinebench/random", "--out", out, "--limit", 5,
        "--protocol", "direct", "--no-image", "--task", "diagnosis", "--json",
    )  # fmt: skip
    assert first.json()["state"] == "incomplete"
    assert first.json()["protocol"] == "direct+no-image"
    resumed = cli("eval", "resume", out, "--json").json()
    assert resumed["counts"]["diagnosis"]["answered"] == 5  # its limit is part of the plan
    scores = (out / "scores.json").read_bytes()
    (out / "scores.json").unlink()
    again = cli("eval", "rescore", out, "--extract-again", "--json").json()
    assert again["scores"] == resumed["scores"]
    assert (out / "scores.json").read_bytes() == scores
    assert cli("eval", "resume", tmp_path).code == 2


def test_a_run_that_was_stopped_says_how_to_go_on(
    cli: Cli,
    edited: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    benchmark = Benchmark.load(edited)
    for question in select_questions(benchmark, "diagnosis", "test"):
        benchmark.image_file(question.image_ids[0]).write_bytes(b"gone")
    out = tmp_path / "run"
    done = cli(
        "eval", "run", edited, "--model", "spinebench/random", "--out", out, "--stop-after", 3,
        "--task", "diagnosis",
    )  # fmt: skip
    assert done.code == 2
    assert "stopped: nothing but failures in a row, the last: " in done.err
    assert f"`spinebench eval resume {out}` goes on where it stopped" in done.err
    assert "INCOMPLETE" in done.out
