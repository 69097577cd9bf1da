from pathlib import Path

from PIL import Image as PillowImage

from spinebench.benchmark.pictures import Picture, Unreadable
from spinebench.benchmark.stages import STAGES, iter_pictures, picture_jobs, remove_stages
from spinebench.engine import LocalEngine
from spinebench.sources.base import Reading
from spinebench.tables import Ledger
from tests.examples import an_image_ref


def reading(root: Path) -> Reading:
    made = Reading(root=root, source="table", ledger=Ledger(source="table"))
    for name in ("b.png", "a.png", "c.png"):
        PillowImage.new("L", (8, 8), 40).save(root / name)
        made.images[f"table:{name}"] = an_image_ref(image_id=f"table:{name}", path=name)
    return made


def test_jobs_are_those_wanted_by_id(tmp_path: Path) -> None:
    jobs = picture_jobs([reading(tmp_path)], {"table:c.png", "table:a.png"}, tmp_path / "out")
    assert [job.ref.image_id for job in jobs] == ["table:a.png", "table:c.png"]


def test_pictures_are_kept_until_the_stages_are_removed(tmp_path: Path) -> None:
    made, out = reading(tmp_path), tmp_path / "out"
    (tmp_path / "b.png").write_bytes(b"no image")
    jobs = picture_jobs([made], made.images, out)
    first = list(iter_pictures(jobs, out, LocalEngine(1)))
    assert [type(result) for result in first] == [Picture, Unreadable, Picture]
    assert list((out / STAGES / "pictures").rglob("*.json"))
    assert list(iter_pictures(jobs, out, LocalEngine(1))) == first
    remove_stages(out)
    assert not (out / STAGES).exists()
