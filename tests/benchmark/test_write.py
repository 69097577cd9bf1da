from pathlib import Path

import numpy as np
import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.write import BenchmarkContent, count_content, write_benchmark
from spinebench.errors import DataError
from tests.examples import a_finding, a_question, a_reject, an_image

ABOUT = {"seed": 0, "label_rule": "graded/1", "sources": {}}


def content(**fields: object) -> BenchmarkContent:
    given = {
        "images": [an_image()],
        "findings": [a_finding()],
        "questions": [a_question()],
        "rejects": [a_reject()],
        **fields,
    }
    return BenchmarkContent(**given)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    vectors = np.array([[0.6, 0.8]], np.float32)
    manifest = write_benchmark(tmp_path, content(vectors=vectors), ABOUT)
    bench = Benchmark.load(tmp_path)
    assert bench.manifest == manifest
    assert bench.questions == [a_question()]
    assert bench.images == {an_image().image_id: an_image()}
    ids, found = bench.embeddings()
    assert ids == [an_image().image_id]
    assert found.tolist() == vectors.tolist()
    assert bench.quality == {}


def test_without_vectors_there_is_no_table_of_them(tmp_path: Path) -> None:
    manifest = write_benchmark(tmp_path, content(), ABOUT)
    assert sorted(manifest["tables"]) == [
        "findings.parquet", "images.parquet", "questions.parquet", "rejects.parquet",
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"embeddings\.parquet: found no such file"):
        Benchmark.load(tmp_path).embeddings()


def test_pictures_that_no_image_names_are_removed(tmp_path: Path) -> None:
    for name in ("ab/ab.png", "cd/cd.png"):
        (tmp_path / "images" / name).parent.mkdir(parents=True)
        (tmp_path / "images" / name).write_bytes(b"x")
    write_benchmark(tmp_path, content(), ABOUT)
    assert [p.name for p in (tmp_path / "images").rglob("*.png")] == ["ab.png"]
    assert not (tmp_path / "images" / "cd").exists()


def test_a_question_without_its_image_and_two_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="image_ids: found rsna:none, expected an image of this"):
        write_benchmark(tmp_path, content(questions=[a_question(image_ids=("rsna:none",))]), ABOUT)
    with pytest.raises(DataError, match="question_id: found 2 questions, expected one of each id"):
        write_benchmark(tmp_path, content(questions=[a_question(), a_question()]), ABOUT)


def test_counts_by_task_split_class_and_subset() -> None:
    questions = [
        a_question(in_subset=True),
        a_question(question_id="2", split="train", similarities=(None,)),
        a_question(question_id="3", task="localization", split="train"),
    ]
    counts = count_content([an_image()], questions)
    assert counts["questions_by_task_and_split"] == {
        "diagnosis": {"test": 1, "train": 1},
        "localization": {"train": 1},
    }
    assert counts["subset_by_task"] == {"diagnosis": 1, "localization": 0}
    assert counts["diagnosis_by_class"]["Subarticular Stenosis"] == 2
    assert counts["diagnosis_by_class"]["Healthy"] == 0
    assert counts["negatives_outside_library"] == 1
