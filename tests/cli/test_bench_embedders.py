from pathlib import Path

import pytest

from tests.benchmark.test_compare_embedders import write_bench
from tests.cli.conftest import Cli


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    return write_bench(tmp_path / "bench").folder


def test_lines_and_json(cli: Cli, bench: Path) -> None:
    arguments = ("bench", "embedders", bench, "--embedder", "gradient-histograms/1", "--images", 2)
    outcome = cli(*arguments)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0] == (
        "24 images with a class; measured on 24 of them, intervals of 95 % by patient"
    )
    table = [line.split() for line in lines if line.startswith("tilted/1")]
    assert [row[1] for row in table[:2]] == ["0", "1"]
    assert any(line.startswith("SigLIP2       0  ") or line.split()[:2] == ["SigLIP2", "0"]
        for line in lines)  # fmt: skip
    found = cli(*arguments, "--json").json()
    assert [encoder["name"] for encoder in found["embedders"]] == [
        "tilted/1", "gradient-histograms/1",
    ]  # fmt: skip
    assert found["bench"] == str(bench)


def test_an_unknown_encoder_or_disease_is_exit_2(cli: Cli, bench: Path) -> None:
    outcome = cli("bench", "embedders", bench, "--embedder", "x")
    assert (outcome.code, outcome.out) == (2, "")
    assert "no embedder 'x'; there are: gradient-histograms/1" in outcome.err
    assert "--disease may be" in cli("bench", "embedders", bench, "--disease", "x").err
