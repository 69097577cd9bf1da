from pathlib import Path

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.show import find_question, question_card
from spinebench.errors import UsageError
from spinebench.records import Finding, Image, Question, Reject
from spinebench.tables import sha256_of_file, write_json, write_table
from tests.examples import a_finding, a_question, an_image


@pytest.fixture
def bench(tmp_path: Path) -> Benchmark:
    questions = [
        a_question(),
        a_question(question_id="diagnosis-rsna-9@ff", split="train"),
    ]
    write_table(tmp_path / "questions.parquet", questions, Question)
    write_table(tmp_path / "images.parquet", [an_image()], Image)
    write_table(tmp_path / "findings.parquet", [a_finding()], Finding)
    write_table(tmp_path / "rejects.parquet", [], Reject)
    tables = {path.name: sha256_of_file(path) for path in tmp_path.glob("*.parquet")}
    write_json(tmp_path / "manifest.json", {"kind": "benchmark", "tables": tables})
    return Benchmark.load(tmp_path)


def test_a_card_has_options_image_and_source_row(bench: Benchmark) -> None:
    card = question_card(bench, find_question(bench, "1.2.3", seed=0))
    assert card["options"] == [
        {"letter": "A", "text": "Healthy", "right": False, "similarity": None},
        {"letter": "B", "text": "Subarticular Stenosis", "right": True, "similarity": None},
        {"letter": "C", "text": "Osteophytes", "right": False, "similarity": 0.9},
    ]
    assert card["images"][0]["file"] == str(bench.folder / "images/ab/ab.png")
    assert card["images"][0]["shows"] == "MR AX T2"
    (row,) = card["rests_on"]
    assert row["place"] == "train_label_coordinates.csv row 2"
    assert row["grade_place"] == "train.csv row 2 left_subarticular_stenosis_l4_l5"


def test_without_an_id_a_seeded_pick_from_test(bench: Benchmark) -> None:
    for seed in range(5):
        assert find_question(bench, None, seed=seed).split == "test"


def test_an_id_that_fits_none_or_several(bench: Benchmark) -> None:
    with pytest.raises(UsageError, match=r"no question of .* has 'zzz' in its id"):
        find_question(bench, "zzz", seed=0)
    with pytest.raises(UsageError, match="2 questions have 'diagnosis' in their id"):
        find_question(bench, "diagnosis", seed=0)
