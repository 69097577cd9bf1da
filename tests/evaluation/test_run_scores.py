"""What repeated askings and places add to a run's scores, counted by hand."""

from pathlib import Path

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.evaluation.protocols import Protocol, letter_maps, original_letters, shown_letters
from spinebench.evaluation.run_scores import score_whole_run
from spinebench.evaluation.select import select_questions
from spinebench.records import Prediction
from spinebench.tables import write_table
from tests.examples import a_prediction


def rotations(bench: Path, *, steady: int, last: str = "answered") -> list[Prediction]:
    """10 questions in all rotations: the first `steady` always right, the others always say A."""
    questions = select_questions(Benchmark.load(bench), "diagnosis", "test")[:10]
    made = []
    for place, question in enumerate(questions):
        for order in letter_maps(question, Protocol(circular=True), 1):
            shown = shown_letters(question.gold, order) if place < steady else ("A",)
            made.append(
                a_prediction(
                    question_id=question.question_id, epoch=1, letter_map=order,
                    outcome="answered", letters=original_letters(shown, order),
                )
            )  # fmt: skip
    if last != "answered":
        made[-1] = a_prediction(
            question_id=made[-1].question_id, epoch=1, letter_map=made[-1].letter_map,
            outcome=last, letters=(), raw_text="", error="gone",
        )  # fmt: skip
    return made


def scores_of(bench: Path, tmp_path: Path, predictions: list[Prediction]) -> dict[str, object]:
    write_table(tmp_path / "predictions.parquet", predictions, Prediction)
    found: dict[str, object] = score_whole_run(bench, tmp_path / "predictions.parquet", seed=1)[
        "diagnosis"
    ]
    return found


def test_right_in_all_rotations_is_not_right_on_average(bench: Path, tmp_path: Path) -> None:
    found = scores_of(bench, tmp_path, rotations(bench, steady=4))
    consistency = found["consistency"]
    assert isinstance(consistency, dict)
    assert consistency["times"] == 5
    assert consistency["all_right"]["estimate"] == pytest.approx(4 / 10)
    assert consistency["mean_right"]["estimate"] == pytest.approx((4 + 6 / 5) / 10)
    assert consistency["disagreeing"]["estimate"] == pytest.approx(6 / 10)
    assert consistency["all_right"]["items"] == 10
    accuracy = found["accuracy"]
    assert isinstance(accuracy, dict)
    assert accuracy["estimate"] == pytest.approx(consistency["mean_right"]["estimate"])


def test_a_question_that_lacks_a_rotation_is_not_called_consistent(
    bench: Path, tmp_path: Path
) -> None:
    found = scores_of(bench, tmp_path, rotations(bench, steady=10, last="failed"))
    consistency = found["consistency"]
    assert isinstance(consistency, dict)
    assert consistency["all_right"]["items"] == 9


def test_letters_of_the_table_are_those_that_were_shown(bench: Path, tmp_path: Path) -> None:
    found = scores_of(bench, tmp_path, rotations(bench, steady=0))
    positions = found["positions"]
    assert isinstance(positions, list)
    assert {row["value"]: row["named"] for row in positions}["A"] == 50
    # gold stands at every letter as often
    assert {row["value"]: row["right"] for row in positions} == dict.fromkeys("ABCDE", 10)
    places = found["places"]
    assert isinstance(places, dict)
    assert places["favoured"] == "A"


def test_asked_once_there_is_no_consistency(bench: Path, tmp_path: Path) -> None:
    once = [p for p in rotations(bench, steady=3) if p.letter_map == "ABCDE"]
    assert scores_of(bench, tmp_path, once)["consistency"] is None
