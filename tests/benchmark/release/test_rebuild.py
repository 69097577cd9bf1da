"""Recipes and what is made of them, from source folders written by hand."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydicom import dcmread

from spinebench.benchmark import stages
from spinebench.benchmark.build import BuildOptions, build_benchmark
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.release import rebuild
from spinebench.benchmark.release.export import export_benchmark
from spinebench.benchmark.release.importing import import_benchmark
from spinebench.benchmark.release.options import ExportOptions
from spinebench.benchmark.release.rebuild import rebuild_benchmark
from spinebench.benchmark.release.recipe import read_recipe, write_recipe
from spinebench.benchmark.split import SplitShares
from spinebench.engine import LocalEngine
from spinebench.errors import DataError, UsageError
from spinebench.tables import sha256_of_file
from tests.benchmark.release.public import entry, write_public
from tests.sources.folders import A, B, rsna_files, vindr_files, write_files

HERE = LocalEngine(1)
SLICE = f"train_images/{A}/702807833/3.dcm"


def write_folders(root: Path) -> dict[str, Path]:
    """Both sources by hand, each image with pixels of its own but for two, which are equal."""
    folders = {
        "rsna": write_files(root / "rsna", rsna_files()),
        "vindr": write_files(root / "vindr", vindr_files()),
    }
    files = [p for p in sorted(root.rglob("*")) if p.suffix in (".dcm", ".dicom")]
    for number, path in enumerate(files):
        scribble(path, number)
    shutil.copy(folders["rsna"] / SLICE, root / "twin")
    twin = dcmread(folders["rsna"] / f"train_images/{A}/702807833/12.dcm")
    twin.PixelData = dcmread(root / "twin").PixelData
    twin.save_as(folders["rsna"] / f"train_images/{A}/702807833/12.dcm")
    return folders


def scribble(path: Path, seed: int) -> None:
    dataset = dcmread(path)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 4096, (dataset.Rows, dataset.Columns), dtype=np.uint16)
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`in/` source folders, `bench/` built from them, `recipe/` of it. Nobody writes into it."""
    root = tmp_path_factory.mktemp("recipe")
    folders = write_folders(root / "in")
    options = BuildOptions(seed=1, shares=SplitShares(test=0.5, reserve=0.2), duplicates="drop")
    build_benchmark(folders, root / "bench", options=options, engine=HERE)
    export_benchmark(
        Benchmark.load(root / "bench"), root / "recipe", format_name="recipe",
        options=ExportOptions(),
    )  # fmt: skip
    return root


def folders_in(root: Path) -> dict[str, Path]:
    return {"rsna": root / "rsna", "vindr": root / "vindr"}


def rebuilt(recipe: Path, folders: dict[str, Path], out: Path, **more: Any) -> Any:
    return rebuild_benchmark(recipe, folders, out, engine=HERE, **more)


def test_the_same_benchmark_again(made: Path, tmp_path: Path) -> None:
    """From a copy elsewhere: the same manifest, so the same bytes in every table."""
    shutil.copytree(made / "in", tmp_path / "mine")
    manifest, verified = rebuilt(made / "recipe", folders_in(tmp_path / "mine"), tmp_path / "out")
    before = Benchmark.load(made / "bench")
    assert manifest == before.manifest
    assert set(verified["tables"].values()) == {"same"}
    assert (verified["images"], verified["failed"]) == (len(before.images), {})
    after = Benchmark.load(tmp_path / "out")
    assert [q.question_id for q in after.questions] == [q.question_id for q in before.questions]
    assert {p.name for p in tmp_path.joinpath("out/images").rglob("*.png")} == {
        p.name for p in made.joinpath("bench/images").rglob("*.png")
    }
    # the account names what only pixels told: two that are equal
    assert "identical_pixels" in {reject.reason for reject in after.rejects}


def test_the_same_under_the_other_rule(tmp_path: Path) -> None:
    folders = write_folders(tmp_path / "in")
    options = BuildOptions(
        seed=2, rule="graded", multi_label="keep", duplicates="drop",
        shares=SplitShares(test=0.5, reserve=0),
    )  # fmt: skip
    manifest = build_benchmark(folders, tmp_path / "bench", options=options, engine=HERE)
    write_recipe(Benchmark.load(tmp_path / "bench"), tmp_path / "recipe")
    again, _ = rebuilt(tmp_path / "recipe", folders, tmp_path / "out")
    assert again == manifest


def test_what_a_recipe_holds(made: Path) -> None:
    assert sorted(p.name for p in (made / "recipe").iterdir()) == [
        "dropped.parquet", "images.parquet", "questions.parquet", "recipe.json",
    ]  # fmt: skip
    images = pl.read_parquet(made / "recipe/images.parquet")
    assert images.columns == ["image_id", "original_sha256", "pixel_sha256"]
    drops = pl.read_parquet(made / "recipe/dropped.parquet")
    assert set(drops["reason"]) == {"identical_pixels"}
    text = (made / "recipe/recipe.json").read_text()
    for word in ("Severe", "Moderate", "point_px", str(made)):
        assert word not in text


def test_other_pixels_and_missing_files(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "in", tmp_path / "mine")
    mine = folders_in(tmp_path / "mine")
    changed = f"train_images/{A}/2000000003/8.dcm"
    scribble(mine["rsna"] / changed, 99)
    (mine["rsna"] / f"train_images/{B}/2000000009/5031.dcm").unlink()
    words = r"2 of \d that are missing or differ \(missing_file 1, other_pixels 1\): rsna:"
    with pytest.raises(DataError, match=words):
        rebuilt(made / "recipe", mine, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    manifest, verified = rebuilt(made / "recipe", mine, tmp_path / "out", partial=True)
    before = Benchmark.load(made / "bench")
    after = Benchmark.load(tmp_path / "out")
    assert verified["failed"] == {"missing_file": 1, "other_pixels": 1}
    assert verified["failed_images"] == [
        f"rsna:train_images/{B}/2000000009/5031.dcm", f"rsna:{changed}",
    ]  # fmt: skip
    lost = set(verified["failed_images"])
    assert {q.question_id for q in after.questions} == {
        q.question_id for q in before.questions if not lost & set(q.image_ids)
    }
    assert {r.reason for r in after.rejects} >= {"other_pixels", "missing_file"}
    assert verified["tables"]["questions.parquet"] == "differs"
    assert manifest["counts"]["images"] == len(before.images) - 2


def test_an_annotation_file_that_differs(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "in", tmp_path / "mine")
    mine = folders_in(tmp_path / "mine")
    table = mine["rsna"] / "train.csv"
    table.write_text(table.read_text().replace("Severe", "Moderate"))
    with pytest.raises(DataError, match=r"rsna:train\.csv: SHA-256: found 1 annotation files that"):
        rebuilt(made / "recipe", mine, tmp_path / "out")
    _, verified = rebuilt(made / "recipe", mine, tmp_path / "out", partial=True)
    assert verified["annotations_that_differ"] == ["rsna:train.csv"]
    assert verified["tables"]["questions.parquet"] == "same"
    assert verified["tables"]["findings.parquet"] == "differs"


def test_the_same_pixels_in_another_file(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "in", tmp_path / "mine")
    mine = folders_in(tmp_path / "mine")
    path = mine["rsna"] / f"train_images/{A}/2000000003/8.dcm"
    dataset = dcmread(path)
    dataset.InstitutionName = "elsewhere"
    dataset.save_as(path)
    _, verified = rebuilt(made / "recipe", mine, tmp_path / "out")
    assert (verified["other_originals"], verified["failed"]) == (1, {})


def test_a_source_that_is_not_given(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the recipe needs the images of vindr: --vindr DIR"):
        rebuilt(made / "recipe", {"rsna": made / "in/rsna"}, tmp_path / "out")


def test_a_recipe_that_was_altered(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "recipe", tmp_path / "r")
    (tmp_path / "r/questions.parquet").write_bytes(b"x")
    with pytest.raises(DataError, match=r"questions\.parquet: SHA-256: found"):
        read_recipe(tmp_path / "r")


def test_a_question_that_was_altered(made: Path, tmp_path: Path) -> None:
    """Even with its file's hash put right: the id proves text, options and answer."""
    shutil.copytree(made / "recipe", tmp_path / "r")
    table = tmp_path / "r/questions.parquet"
    metadata = {"spinebench.schema": pl.read_parquet_metadata(table)["spinebench.schema"]}
    frame = pl.read_parquet(table).with_columns(text=pl.lit("Which organ is this?"))
    frame.write_parquet(table, metadata=metadata)
    edit(tmp_path / "r", lambda note: note["files"].update({table.name: sha256_of_file(table)}))
    with pytest.raises(DataError, match="a text, option or answer that was altered"):
        rebuilt(tmp_path / "r", folders_in(made / "in"), tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "brackets nested deeper"),
        ("[]", "kind: found another"),
        ('{"kind": "recipe"}', "about: found nothing"),
        ('{"kind": "recipe", "about": {}, "counts": {}, "tables": {}, "files": {}}', "SHA-256"),
    ],
)
def test_a_recipe_that_is_none(made: Path, tmp_path: Path, text: str, words: str) -> None:
    shutil.copytree(made / "recipe", tmp_path / "r")
    (tmp_path / "r/recipe.json").write_text(text)
    with pytest.raises(DataError, match=words):
        read_recipe(tmp_path / "r")


def test_a_folder_that_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no recipe: looked for recipe\.json"):
        read_recipe(tmp_path)


def test_a_recipe_of_an_import_is_refused(tmp_path: Path) -> None:
    root = write_public(tmp_path / "r", [entry("rsna/1/2/3.jpg", ["Healthy"])])
    import_benchmark(root, tmp_path / "b", format_name="released", engine=HERE)
    with pytest.raises(UsageError, match="was imported: its images stand in no source's folder"):
        write_recipe(Benchmark.load(tmp_path / "b"), tmp_path / "recipe")


def test_a_recipe_is_whole(made: Path, tmp_path: Path) -> None:
    bench = Benchmark.load(made / "bench")
    with pytest.raises(UsageError, match="a recipe is of the whole benchmark"):
        export_benchmark(
            bench, tmp_path / "o", format_name="recipe", options=ExportOptions(subset=True)
        )
    with pytest.raises(UsageError, match="a recipe holds no pictures: spinebench bench rebuild"):
        import_benchmark(made / "recipe", tmp_path / "o", format_name="recipe", engine=HERE)


def edit(recipe: Path, change: Any) -> None:
    note = json.loads((recipe / "recipe.json").read_text())
    change(note)
    (recipe / "recipe.json").write_text(json.dumps(note))


def test_an_interrupted_rebuild_goes_on(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pictures that were read are not read again, and the result is the same."""

    def stop(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rebuild, "embed_stage", stop)
        with pytest.raises(KeyboardInterrupt):
            rebuilt(made / "recipe", folders_in(made / "in"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(stages, "read_picture", stop)
    manifest, _ = rebuilt(made / "recipe", folders_in(made / "in"), tmp_path / "out")
    assert manifest == Benchmark.load(made / "bench").manifest
    assert not (tmp_path / "out" / ".stages").exists()
