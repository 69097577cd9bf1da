from pathlib import Path

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.release.rows import hash_patient, public_paths, select_rows
from spinebench.errors import UsageError
from tests.examples import an_image


def paths(*image_ids: str, suffix: str = "png") -> list[str]:
    images = [
        an_image(image_id=i, source=i.partition(":")[0], path=f"images/ab/ab.{suffix}")
        for i in image_ids
    ]
    return list(public_paths(images).values())


def test_the_whole_path_below_the_source() -> None:
    assert paths("rsna:train_images/1/2/44.dcm", "rsna:train_images/1/3/44.dcm") == [
        "rsna/1/2/44.png", "rsna/1/3/44.png",
    ]  # fmt: skip
    assert paths("vindr:test_images/ab.dicom", "table:scans/1.2.840.5") == [
        "vindr/test_images/ab.png", "table/scans/1.2.840.5.png",
    ]  # fmt: skip
    assert paths("table:v.nii.gz#12", suffix="jpg") == ["table/v-frame12.jpg"]


def test_images_that_would_fall_on_one_place_are_told_apart() -> None:
    first, second, third = paths("table:a/B.png", "table:a/b.dcm", "table:a/c.png")
    assert first.startswith("table/a/B-")
    assert second.startswith("table/a/b-")
    assert third == "table/a/c.png"
    assert len({first.casefold(), second.casefold()}) == 2


@pytest.mark.parametrize("path", ["../../etc/passwd", "a//b", "a/../b.png", "a\\b.png", "a\nb", ""])
def test_an_id_that_is_no_path_gets_a_hash(path: str) -> None:
    (place,) = paths(f"table:{path}")
    assert place.startswith("table/")
    assert place.count("/") == 1
    assert len(place) == len("table/.png") + 12


def test_a_patient_is_a_hash() -> None:
    assert hash_patient("rsna:1") == hash_patient("rsna:1") != hash_patient("rsna:2")
    assert len(hash_patient("rsna:1")) == 16
    assert hash_patient("rsna:1") != "1"


def test_an_empty_selection_is_refused(sample: Benchmark, tmp_path: Path) -> None:
    bench = Benchmark(sample.folder, sample.manifest)
    bench.__dict__["questions"] = [q for q in sample.questions if q.split == "train"]
    with pytest.raises(UsageError, match="has no question in split test"):
        select_rows(bench, ("test",), subset=False)
    with pytest.raises(UsageError, match="has no question in the evaluation subset"):
        select_rows(bench, ("train",), subset=True)
