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
