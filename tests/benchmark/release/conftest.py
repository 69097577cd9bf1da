import pytest

from spinebench.benchmark.bundle import Benchmark
from tests.benchmark.release.sample import write_sample


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    """The benchmark; nobody writes into it."""
    return Benchmark.load(write_sample(tmp_path_factory.mktemp("release") / "bench"))
