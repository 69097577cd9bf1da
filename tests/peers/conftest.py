"""What others' own code makes of our exports. Each needs its package: `make test-peers`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.release.export import export_benchmark
from spinebench.benchmark.release.options import ExportOptions
from tests.benchmark.release.sample import write_sample

OPTIONS = ExportOptions(accepted=("rsna", "vindr"))


@pytest.fixture(scope="session", autouse=True)
def _offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is looked up, and no cache of an earlier run is taken for what was written now."""
    assert "datasets" not in sys.modules
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf-home")))
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
            patch.setenv(name, "1")
        yield


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return Benchmark.load(write_sample(tmp_path_factory.mktemp("peers") / "bench"))


@pytest.fixture(scope="session")
def exports(bench: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one release of each format."""
    folder = tmp_path_factory.mktemp("peers-exports")
    for name in ("hf", "lmms", "croissant"):
        export_benchmark(bench, folder / name, format_name=name, options=OPTIONS)
    return folder
