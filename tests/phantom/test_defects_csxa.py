import shutil
from pathlib import Path

import pytest

from spinebench.engine import LocalEngine
from spinebench.phantom import write_csxa as write_csxa_module
from spinebench.phantom.defects import plant_defects
from spinebench.phantom.truth import TruthRow
from spinebench.phantom.write_csxa import write_csxa
from spinebench.phantom.write_options import PhantomOptions
from spinebench.sources.base import Reading
from spinebench.sources.registry import SOURCES
from tests.phantom.test_write_defects import render_wedge

ENGINE = LocalEngine(1)
Clean = tuple[Path, list[TruthRow]]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Clean:
    root = tmp_path_factory.mktemp("csxa")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write_csxa_module, "render_xray", render_wedge)
        options = PhantomOptions(film_px=220)
        return root, write_csxa(root, patients=8, seed=3, options=options, engine=ENGINE)


def plant(clean: Clean, tmp_path: Path, name: str) -> tuple[Path, str, list[TruthRow], Reading]:
    folder = tmp_path / "planted"
    shutil.copytree(clean[0], folder)
    planted, truth = plant_defects(folder, "csxa", frozenset([name]), seed=3, truth=clean[1])
    return folder, planted[0].place, truth, SOURCES["csxa"].read(folder, ENGINE)


def detail(reading: Reading, reason: str) -> list[tuple[int | None, str]]:
    return [(r.row, r.detail) for r in reading.ledger.rejects if r.reason == reason]


def test_identical_film_is_a_copy_with_a_truth_of_its_own(clean: Clean, tmp_path: Path) -> None:
    folder, place, truth, reading = plant(clean, tmp_path, "identical_film")
    ((row, words),) = detail(reading, "identical_film")
    first = words.removeprefix(f"{place}: the same file as ")
    assert row == 11
    assert (folder / place).read_bytes() == (folder / first).read_bytes()
    new = [line for line in truth if line.image_id == f"csxa:{place}"]
    old = [line for line in clean[1] if line.image_id == f"csxa:{first}"]
    stem = Path(place).stem
    assert [line[4:] for line in new] == [line[4:] for line in old]
    assert {line[:4] for line in new} == {
        (f"csxa:{place}", f"csxa:{stem[:4]}", stem[:4], stem),
    }
    assert len(truth) == len(clean[1]) + len(new)


def test_the_sheet_keeps_all_that_is_not_planted(clean: Clean, tmp_path: Path) -> None:
    _, place, _, reading = plant(clean, tmp_path, "age_disagrees")
    before = SOURCES["csxa"].read(clean[0], ENGINE)
    assert reading.findings == before.findings
    changed = {
        image.path: (image.age_years, before.images[image.image_id].age_years)
        for image in reading.images.values()
        if image != before.images[image.image_id]
    }
    assert list(changed) == [place]
    after, old = changed[place]
    assert (after or 0) - (old or 0) == 1


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("duplicate_landmark", "duplicate_landmark", "C3 top right 2 times; C3 top left missing"),
        ("landmark_outside", "landmark_outside_image", "C7 bottom left"),
        ("nested_json", "unreadable_landmarks", "found brackets nested deeper than any such file"),
        ("broken_json", "unreadable_landmarks", "found broken text (Expecting value)"),
        ("json_size", "image_size_disagrees", "the PNG has"),
        ("truncated_file", "unreadable_file", "found a PNG that ends too soon"),
        ("zero_byte_file", "unreadable_file", "found 0 bytes"),
        ("no_curvature", "no_curvature", "unclear is none of the shapes"),
    ],
)
def test_ledger_says_what_and_where(
    clean: Clean, tmp_path: Path, name: str, reason: str, words: str
) -> None:
    _, place, _, reading = plant(clean, tmp_path, name)
    ((_, found),) = detail(reading, reason)
    assert words in found
    assert Path(place).stem in found or name == "no_curvature"
