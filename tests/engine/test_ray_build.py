"""A whole build on Ray is the local one, byte by byte (`make test-ray`)."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from spinebench.benchmark.build import BuildOptions, build_benchmark
from spinebench.engine import Engine, LocalEngine, load_engine
from tests.sources.folders import rsna_files, vindr_files, write_files

pytestmark = pytest.mark.ray


def build_tree(folders: dict[str, Path], out: Path, engine: Engine) -> dict[str, str]:
    build_benchmark(folders, out, options=BuildOptions(seed=1), engine=engine)
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in out.rglob("*")
        if path.is_file()
    }


def test_a_build_on_ray_is_the_local_one(tmp_path: Path) -> None:
    folders = {
        "rsna": write_files(tmp_path / "in" / "rsna", rsna_files()),
        "vindr": write_files(tmp_path / "in" / "vindr", vindr_files()),
    }
    files = [p for p in sorted((tmp_path / "in").rglob("*")) if p.suffix in (".dcm", ".dicom")]
    for number, path in enumerate(files):  # each image with pixels of its own
        dataset = dcmread(path)
        rng = np.random.default_rng(number)
        pixels = rng.integers(0, 4096, (dataset.Rows, dataset.Columns), dtype=np.uint16)
        dataset.PixelData = pixels.tobytes()
        dataset.save_as(path)
    here = build_tree(folders, tmp_path / "here", LocalEngine(1))
    there = build_tree(folders, tmp_path / "there", load_engine("ray", 2))
    import ray

    ray.shutdown()
    assert here == there
    assert any(path.endswith(".png") for path in here)
