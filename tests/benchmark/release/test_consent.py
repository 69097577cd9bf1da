from pathlib import Path

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.release.consent import check_redistribution
from spinebench.benchmark.release.export import export_benchmark
from spinebench.benchmark.release.options import ExportOptions, parse_dialect, parse_splits
from spinebench.benchmark.release.registry import PIXEL_FORMATS
from spinebench.errors import DataError, UsageError
from tests.benchmark.release.sample import write_sample


@pytest.mark.parametrize("name", PIXEL_FORMATS)
def test_restricted_pictures_stop_an_export(sample: Benchmark, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="may not be given on: vindr") as told:
        export_benchmark(
            sample, tmp_path / "out", format_name=name, options=ExportOptions(accepted=("rsna",))
        )
    assert str(told.value).endswith("gave you the images: --accept-terms vindr")
    assert "PhysioNet, https://example.org/vindr" in str(told.value)
    assert not (tmp_path / "out").exists()


def test_free_pictures_need_no_word(tmp_path: Path) -> None:
    bench = Benchmark.load(write_sample(tmp_path / "bench", free=True))
    note = export_benchmark(bench, tmp_path / "out", format_name="hf", options=ExportOptions())
    assert note["restricted"] == []
    assert "license_name: terms-of-the-image-sets" in (tmp_path / "out/README.md").read_text()


def test_the_card_names_sources_and_terms(sample: Benchmark, tmp_path: Path) -> None:
    options = ExportOptions(accepted=("rsna", "vindr"))
    note = export_benchmark(sample, tmp_path / "out", format_name="hf", options=options)
    card = (tmp_path / "out/README.md").read_text()
    assert note["restricted"] == ["rsna", "vindr"]
    free = (
        "| csxa: Title of csxa | 3 | allowed | CC BY 4.0 (https://example.org/csxa). Free \\| with"
    )
    assert free in card
    assert "| vindr: Title of vindr | 3 | **not allowed** |" in card
    assert "| localization | test | 2 |" in card
    assert "This folder holds pictures of rsna, vindr, which may not be given on." in card


@pytest.mark.parametrize("name", PIXEL_FORMATS)
def test_every_release_has_its_terms_and_how_to_use_it(
    sample: Benchmark, tmp_path: Path, name: str
) -> None:
    options = ExportOptions(accepted=("rsna", "vindr"))
    export_benchmark(sample, tmp_path / "out", format_name=name, options=options)
    page = (tmp_path / "out/README.md").read_text()
    assert "| vindr: Title of vindr | 3 | **not allowed** |" in page
    assert f"--format {'hf' if name == 'croissant' else name} --out DIR" in " ".join(page.split())
    assert page.startswith("---\n" if name in ("hf", "croissant") else "# Spine questions\n")


def test_a_recipe_needs_no_word(sample: Benchmark, tmp_path: Path) -> None:
    note = export_benchmark(sample, tmp_path / "out", format_name="recipe", options=ExportOptions())
    assert note["kind"] == "recipe"


def test_an_unknown_source_is_refused(sample: Benchmark) -> None:
    with pytest.raises(UsageError, match="--accept-terms mimic: no such source in this benchmark"):
        check_redistribution(sample.manifest, ["rsna"], ["mimic"])


def test_a_source_without_terms_is_refused() -> None:
    with pytest.raises(DataError, match=r"sources\.x\.terms: found nothing"):
        check_redistribution({"sources": {"x": {}}}, ["x"], [])


def test_a_place_that_is_taken(sample: Benchmark, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    options = ExportOptions(accepted=("rsna", "vindr"))
    with pytest.raises(UsageError, match="already exists and is not empty"):
        export_benchmark(sample, tmp_path / "full", format_name="hf", options=options)


def test_an_unknown_format(sample: Benchmark, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no release format 'xls'; there are: released, hf"):
        export_benchmark(sample, tmp_path / "o", format_name="xls", options=ExportOptions())


def test_options_as_people_write_them() -> None:
    assert parse_splits("test, train") == ("train", "test")
    assert parse_dialect("letters") == "letters"
    with pytest.raises(UsageError, match="--split dev: it is one or more of train, test, reserve"):
        parse_splits("dev")
    with pytest.raises(UsageError, match="--dialect x: it is text or letters"):
        parse_dialect("x")
