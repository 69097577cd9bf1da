"""A clean sample, built once, and copies of it that a test may spoil."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmark.audit.fixture import Sample, build_sample


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Nobody writes into it."""
    return build_sample(tmp_path_factory.mktemp("audit") / "clean")


@pytest.fixture
def spoilable(clean: Sample, tmp_path: Path) -> Callable[[], Sample]:
    """A fresh copy each time."""

    def copy() -> Sample:
        folder = tmp_path / f"bench{len(list(tmp_path.iterdir()))}"
        shutil.copytree(clean.folder, folder)
        return Sample(folder, dict(clean.images), dict(clean.findings), dict(clean.questions))

    return copy
