"""The way from a run to its benchmark, also after both were moved."""

import shutil
from pathlib import Path

import pytest

from spinebench.errors import UsageError
from spinebench.evaluation.find import find_benchmark, relative_benchmark
from spinebench.tables import sha256_of_file, write_json


def write_run(folder: Path, bench: Path) -> Path:
    kept = {
        "manifest_sha256": sha256_of_file(bench / "manifest.json"),
        "path": relative_benchmark(bench, folder),
    }
    write_json(folder / "manifest.json", {"kind": "run", "benchmark": kept})
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_json(tmp_path / "home/bench/manifest.json", {"kind": "benchmark", "seed": 1})
    write_run(tmp_path / "home/runs/a", tmp_path / "home/bench")
    write_run(tmp_path / "home/runs/b", tmp_path / "home/bench")
    return tmp_path / "home"


def test_the_path_is_relative_and_survives_a_move(home: Path) -> None:
    assert relative_benchmark(home / "bench", home / "runs/a") == "../../bench"
    runs = [home / "runs/a", home / "runs/b"]
    assert find_benchmark(runs) == home / "bench"
    moved = shutil.move(home, home.with_name("elsewhere"))
    assert find_benchmark([Path(moved) / "runs/a"]) == Path(moved) / "bench"


def test_a_benchmark_that_is_gone_or_another(home: Path) -> None:
    write_json(home / "bench/manifest.json", {"kind": "benchmark", "seed": 2})
    with pytest.raises(UsageError, match=r"another benchmark is at .*bench; say where"):
        find_benchmark([home / "runs/a"])
    shutil.rmtree(home / "bench")
    with pytest.raises(UsageError, match="no benchmark is at"):
        find_benchmark([home / "runs/a"])


def test_runs_of_two_benchmarks(home: Path) -> None:
    write_json(home / "other/manifest.json", {"kind": "benchmark", "seed": 2})
    write_run(home / "runs/c", home / "other")
    with pytest.raises(UsageError, match=r"runs of one benchmark are needed, .*bench, .*other"):
        find_benchmark([home / "runs/a", home / "runs/c"])
    with pytest.raises(UsageError, match="found none"):
        find_benchmark([])


def test_two_copies_of_one_benchmark_are_one(home: Path) -> None:
    shutil.copytree(home / "bench", home / "copy")
    write_run(home / "runs/c", home / "copy")
    assert find_benchmark([home / "runs/a", home / "runs/c"]) == home / "bench"
