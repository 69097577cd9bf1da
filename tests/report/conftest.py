from pathlib import Path

import pytest

from spinebench.benchmark.bundle import Benchmark
from tests.report.sample import write_bench


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    """A benchmark of 90 images; tests must not change it."""
    folder: Path = tmp_path_factory.mktemp("bench")
    return Benchmark.load(write_bench(folder))
