"""A perturbed benchmark is a benchmark, asks the same questions, and accounts for each."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image as PillowImage

from spinebench.benchmark.bundle import Benchmark
from spinebench.engine import LocalEngine
from spinebench.errors import UsageError
from spinebench.evaluation.perturb import Change, Perturbed, perturb
from spinebench.evaluation.perturb_benchmark import (
    PerturbOptions,
    read_changes,
    write_perturbed,
)
from spinebench.imaging.standard import pixel_sha256
from spinebench.records import question_content_hash
from spinebench.tables import sha256_of_file
from tests.evaluation.conftest import TERMS

OPTIONS = PerturbOptions(kinds=("brightness", "crop", "resolution", "marker"))


@pytest.fixture(scope="module")
def changed(bench: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("perturbed") / "bench"
    write_perturbed(bench, out, options=OPTIONS, engine=LocalEngine(1))
    return out


def pixels_of(benchmark: Benchmark, image_id: str) -> np.ndarray:
    with PillowImage.open(benchmark.image_file(image_id)) as picture:
        return np.asarray(picture.convert("RGB"))


def test_the_manifest_counts_what_was_asked_and_left_out(changed: Path, bench: Path) -> None:
    manifest = Benchmark.load(changed).manifest
    made = manifest["perturbed"]
    # 5 test patients with 4 pictures in two sources; rsna's 3 ill ones ask for levels too
    asked = 5 * 4 * 2 + 5 * 3
    assert made["questions"] == {
        "brightness-1": asked, "brightness-2": asked, "brightness-3": asked,
        "crop-1": asked, "crop-2": asked, "crop-3": asked,
        "resolution-1": 0, "resolution-2": 0, "resolution-3": 0, "marker-1": 0,
    }  # fmt: skip
    assert made["left_out"] == {
        **{f"resolution-{step}": {"few_pixels": asked} for step in (1, 2, 3)},
        "marker-1": {"no_marker": 20, "not_a_film": 35},
    }
    assert made["from_manifest_sha256"] == sha256_of_file(bench / "manifest.json")
    assert made["seed"] == manifest["seed"] == 7
    assert manifest["sources"]["vindr"]["terms"] == TERMS["vindr"]
    accounts = {
        name: s["accounting"]["questions.parquet"] for name, s in manifest["sources"].items()
    }
    assert accounts["vindr"]["read"] == 20 * 10
    assert accounts["vindr"]["used"] == 20 * 6
    assert accounts["rsna"] == {
        "read": 350, "used": 210, "dropped": 140, "notes": {},
        "reasons": {"few_pixels": 105, "not_a_film": 35},
    }  # fmt: skip


def test_questions_stay_but_for_their_pictures(changed: Path, bench: Path) -> None:
    old = {q.question_id: q for q in Benchmark.load(bench).questions}
    benchmark = Benchmark.load(changed)
    rows = {row["question_id"]: row for row in read_changes(changed).iter_rows(named=True)}
    assert len(rows) == len(benchmark.questions)
    for question in benchmark.questions:
        row = rows[question.question_id]
        before = old[row["original_question_id"]]
        for name in ("text", "options", "gold", "multiple", "disease", "levels", "task", "split",
                     "patient_id", "template", "rule", "in_subset"):  # fmt: skip
            assert getattr(question, name) == getattr(before, name)
        change = f"{row['kind']}-{row['step']}"
        assert question.image_ids == (f"{before.image_ids[0]}~{change}",)
        image = benchmark.images[question.image_ids[0]]
        readable, _, content = question.question_id.partition("@")
        assert readable == f"{before.question_id.partition('@')[0]}~{change}"
        assert content == question_content_hash(
            text=question.text, options=question.options, gold=question.gold,
            pixel_sha256=(image.pixel_sha256,),
        )  # fmt: skip


def test_pictures_are_those_of_perturb_with_their_hashes(changed: Path, bench: Path) -> None:
    benchmark, plain = Benchmark.load(changed), Benchmark.load(bench)
    for question in benchmark.questions[::11]:
        image = benchmark.images[question.image_ids[0]]
        original_id, _, name = image.image_id.partition("~")
        kind, _, step = name.partition("-")
        rgb = pixels_of(benchmark, image.image_id)
        assert image.pixel_sha256 == pixel_sha256(rgb)
        assert image.file_sha256 == sha256_of_file(benchmark.image_file(image.image_id))
        assert (image.file_rows, image.file_cols) == rgb.shape[:2]
        assert image.notes == (f"{name} of perturb/1",)
        if kind == "brightness":
            done = perturb(
                pixels_of(plain, original_id), Change("brightness", int(step)),
                key=original_id, seed=7,
            )  # fmt: skip
            assert isinstance(done, Perturbed)
            assert (rgb == done.rgb).all()


def test_no_row_is_cut_where_levels_are_asked(changed: Path) -> None:
    benchmark = Benchmark.load(changed)
    located = {q.image_ids[0] for q in benchmark.questions if q.task == "localization"}
    cropped = [image for image in benchmark.images.values() if "~crop-3" in image.image_id]
    assert {i.file_rows for i in cropped if i.image_id in located} == {48}
    assert {i.file_rows for i in cropped if i.image_id not in located} == {42}
    rows = read_changes(changed).filter(pl.col("kind") == "crop")
    (parameters,) = json.loads(rows["parameters"][0])
    assert sorted(parameters) == ["bottom", "left", "right", "top"]


def test_the_same_bytes_whatever_the_workers(changed: Path, bench: Path, tmp_path: Path) -> None:
    write_perturbed(bench, tmp_path / "b", options=OPTIONS, engine=LocalEngine(2))
    same = {"questions.parquet", "images.parquet", "perturbations.parquet", "manifest.json"}
    for name in same:
        assert sha256_of_file(tmp_path / "b" / name) == sha256_of_file(changed / name)


def test_what_cannot_be_perturbed_is_told(changed: Path, bench: Path, tmp_path: Path) -> None:
    out, engine = tmp_path / "b", LocalEngine(1)

    def write(folder: Path, **options: object) -> None:
        write_perturbed(folder, out, options=PerturbOptions(**options), engine=engine)  # type: ignore[arg-type]

    with pytest.raises(UsageError, match="is perturbed already"):
        write(changed)
    with pytest.raises(UsageError, match=r"none of 55 questions .* changed by resolution"):
        write(bench, kinds=("resolution",))
    with pytest.raises(UsageError, match="unknown split 'dev'"):
        write(bench, split="dev")
    with pytest.raises(UsageError, match="no questions in the evaluation subset"):
        write(bench, subset=True)
    with pytest.raises(UsageError, match="subset lies in the split test"):
        write(bench, subset=True, split="train")
    with pytest.raises(UsageError, match=r"is not a perturbed benchmark: it has no perturbations"):
        read_changes(bench)
    assert not out.exists()
