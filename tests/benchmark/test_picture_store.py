from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from spinebench.benchmark.picture_store import picture_store
from spinebench.benchmark.pictures import Picture, PictureJob, Unreadable, read_picture
from tests.examples import an_image_ref


def job(tmp_path: Path, name: str = "a.png") -> PictureJob:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    (tmp_path / "in").mkdir(exist_ok=True)
    PillowImage.fromarray(pixels).save(tmp_path / "in" / name)
    ref = an_image_ref(image_id=f"table:{name}", path=name, source="table", notes=("a", "b"))
    return PictureJob(tmp_path / "in", ref, tmp_path / "bench")


def test_results_come_back_as_they_were(tmp_path: Path) -> None:
    jobs = [job(tmp_path), job(tmp_path, "b.png")]
    (tmp_path / "in" / "b.png").write_bytes(b"no image")
    store = picture_store(tmp_path / "bench", tmp_path / "stage")
    results = [read_picture(each) for each in jobs]
    assert [type(result) for result in results] == [Picture, Unreadable]
    assert store.find(jobs) is None
    assert store.keep(jobs, results) == results
    assert store.find(jobs) == results


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    one = job(tmp_path)
    store = picture_store(tmp_path / "bench", tmp_path / "stage")
    store.keep([one], [read_picture(one)])
    path = tmp_path / "in" / "a.png"
    path.write_bytes(path.read_bytes() + b" ")
    assert store.find([one]) is None


def test_a_result_whose_picture_is_gone_is_of_no_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = job(tmp_path)
    store = picture_store(tmp_path / "bench", tmp_path / "stage")
    result = read_picture(one)
    assert isinstance(result, Picture)
    store.keep([one], [result])
    (tmp_path / "bench" / result.image.path).unlink()
    assert store.find([one]) is None
    assert "computed again" in capsys.readouterr().err
