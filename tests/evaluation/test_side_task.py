"""The side task from real phantoms: mirrored pixels, the other side, one order of options."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image as PillowImage

from spinebench.benchmark.bundle import Benchmark
from spinebench.engine import LocalEngine
from spinebench.errors import UsageError
from spinebench.evaluation.side import SIDE_RULE
from spinebench.evaluation.side_task import build_variants, burn_letter, write_flip_task
from spinebench.phantom.truth import TRUTH_FILE, TRUTH_SCHEMA
from spinebench.phantom.write import write_phantom
from spinebench.phantom.write_options import PhantomOptions
from spinebench.tables import read_named_frame

ENGINE = LocalEngine(1)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms") / "rsna"
    options = PhantomOptions(matrix=64, test_patients=0, all_slices=False)
    write_phantom("rsna", folder, patients=2, seed=36, options=options, engine=ENGINE)
    return folder


def pixels_of(bench: Benchmark, question_id: str) -> np.ndarray:
    question = next(q for q in bench.questions if q.question_id == question_id)
    with PillowImage.open(bench.image_file(question.image_ids[0])) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("convention", ["text", "marker"])
def test_the_mirror_image_has_the_other_side(
    phantoms: Path, tmp_path: Path, convention: str
) -> None:
    manifest = write_flip_task(
        phantoms, tmp_path / "b", convention=convention, seed=0, engine=ENGINE
    )
    bench = Benchmark.load(tmp_path / "b")
    questions = {q.question_id: q for q in bench.questions}
    flips = read_named_frame(tmp_path / "b" / "flips.parquet", "flip/1")
    variants = ["plain", "mirrored"] + ["mirrored_with_marker"] * (convention == "marker")
    pairs = flips.partition_by("pair", maintain_order=True)
    assert len(pairs) == manifest["flip_task"]["pairs"] > 3
    assert len(questions) == len(pairs) * len(variants)
    for pair in pairs:
        assert pair["variant"].to_list() == variants
        sides = pair["side"].to_list()
        assert {sides[0], sides[1]} == {"Left", "Right"}
        assert sides[2:] == [sides[0]] * (len(variants) - 2)
        asked = [questions[i] for i in pair["question_id"]]
        assert len({(q.text, q.options, q.patient_id) for q in asked}) == 1
        for question, side in zip(asked, sides, strict=True):
            (letter,) = question.gold
            assert question.lettered[letter] == side
            assert question.side == side.lower()
            assert (question.task, question.split) == ("localization", "test")
            assert question.rule == manifest["label_rule"] == SIDE_RULE
        plain, mirrored = (pixels_of(bench, i) for i in pair["question_id"][:2])
        # below the letter the two are mirror images
        assert (plain[20:] == mirrored[20:, ::-1]).all()


def test_the_side_is_where_the_truth_has_it(phantoms: Path, tmp_path: Path) -> None:
    """On a plain picture the narrowed recess of the patient's left lies right of the middle."""
    write_flip_task(phantoms, tmp_path / "b", convention="text", seed=0, engine=ENGINE)
    bench = Benchmark.load(tmp_path / "b")
    truth = read_named_frame(phantoms / TRUTH_FILE, TRUTH_SCHEMA)
    plain = [q for q in bench.questions if "~plain@" in q.question_id]
    for question in plain:
        image_id = question.image_ids[0].partition("~")[0]
        row = int(question.rests_on[0].rpartition(":")[2])
        found = truth.row(row - 1, named=True)
        assert (found["image_id"], found["side"]) == (image_id, question.side)
        assert (found["x_px"] > 32) == (question.side == "left")


def test_counts_and_the_same_bytes_again(phantoms: Path, tmp_path: Path) -> None:
    one, other = (
        write_flip_task(phantoms, tmp_path / name, convention="text", seed=0, engine=ENGINE)
        for name in "ab"
    )
    assert one == other
    account = one["sources"]["rsna"]["accounting"][TRUTH_FILE]
    assert account["read"] == account["used"] + account["dropped"]
    assert account["used"] == one["flip_task"]["pairs"]
    assert sum(one["flip_task"]["sides"].values()) == one["flip_task"]["pairs"]


def test_the_letter_stands_upright_where_it_is_put() -> None:
    rgb = np.full((100, 80, 3), 60, np.uint8)
    rgb[:, :10] = 30
    made = build_variants(rgb, "marker")
    places = {name: np.nonzero(pixels[..., 0] > 200)[1].mean() for name, pixels in made.items()}
    assert places["plain"] < 15
    assert places["mirrored"] < 15
    assert places["mirrored_with_marker"] > 65
    left, right = burn_letter(rgb * 0, on_the_right=False), burn_letter(rgb * 0, on_the_right=True)
    glyph = [p[:, np.nonzero(p[..., 0].any(axis=0))[0], 0] for p in (left, right)]
    assert glyph[0].shape == glyph[1].shape
    assert (glyph[0] == glyph[1]).all()  # never mirrored
    assert (build_variants(rgb, "text")["mirrored"] == rgb[:, ::-1]).all()


def test_what_cannot_be_asked_is_told(phantoms: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown convention 'words'; there are text, marker"):
        write_flip_task(phantoms, tmp_path / "b", convention="words", seed=0, engine=ENGINE)
    healthy = tmp_path / "healthy"
    options = PhantomOptions(matrix=64, test_patients=0, all_slices=False, prevalence=0.0)
    write_phantom("rsna", healthy, patients=1, seed=0, options=options, engine=ENGINE)
    assert isinstance(read_named_frame(healthy / TRUTH_FILE, TRUTH_SCHEMA), pl.DataFrame)
    with pytest.raises(UsageError, match="no picture with a lesion on one side only"):
        write_flip_task(healthy, tmp_path / "b", convention="text", seed=0, engine=ENGINE)
    assert not (tmp_path / "b").exists()
