"""The metrics on a handful of answers whose figures are worked out by hand."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from spinebench.errors import DataError
from spinebench.evaluation import score
from spinebench.records import Image, Outcome, Prediction, Question
from spinebench.statistics import cluster_interval
from spinebench.tables import build_frame
from tests.examples import a_prediction, a_question, an_image

LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
DX = ("Osteophytes", "Healthy", "Surgical implant")


def dx(name: str, patient: str, gold: str, **fields: Any) -> Question:
    disease = DX["ABC".index(gold)]
    return a_question(
        question_id=name, patient_id=patient, options=DX, gold=(gold,), disease=disease,
        image_ids=(fields.pop("image", "i1"),), levels=(), **fields,
    )  # fmt: skip


def loc(name: str, patient: str, gold: str) -> Question:
    return a_question(
        question_id=name, patient_id=patient, task="localization", multiple=True, options=LEVELS,
        gold=tuple(gold), levels=tuple(LEVELS["ABCDE".index(x)] for x in gold), image_ids=("i1",),
    )  # fmt: skip


def said(name: str, letters: str = "", outcome: Outcome = "answered") -> Prediction:
    return a_prediction(question_id=name, outcome=outcome, letters=tuple(letters))


def answers_of(questions: list[Question], predictions: list[Prediction]) -> pl.DataFrame:
    images = [
        an_image(image_id="i1", modality="MR", sequence="T1", view="SAG"),
        an_image(image_id="i2", modality="XR", sequence=None, view="LAT", source="vindr"),
    ]
    return score.build_answers(
        build_frame(questions, Question),
        build_frame(images, Image),
        build_frame(predictions, Prediction),
    )


@pytest.fixture
def diagnosis() -> pl.DataFrame:
    questions = [
        dx("q1", "p1", "A"), dx("q2", "p1", "B"), dx("q3", "p2", "A"), dx("q4", "p2", "B"),
        dx("q5", "p3", "A", image="i2", source="vindr"), dx("q6", "p3", "B", image="i2"),
        dx("q7", "p4", "A"), dx("q8", "p4", "C"),
    ]  # fmt: skip
    predictions = [
        said("q1", "A"), said("q2", "A"), said("q3", "B"), said("q4", "B"),
        said("q5", "", "refused"),
        said("q6", "", "unparsed"), said("q7", "", "truncated"), said("q8", "", "failed"),
    ]  # fmt: skip
    return answers_of(questions, predictions)


def test_accuracy_counts_what_was_not_an_answer_as_not_correct(diagnosis: pl.DataFrame) -> None:
    found = score.score_accuracy(diagnosis, seed=1)
    assert (found.estimate, found.items, found.patients) == (2 / 7, 7, 4)
    interval = cluster_interval([1, 0, 0, 1, 0, 0, 0], [1, 1, 2, 2, 3, 3, 4])
    assert (found.low, found.high) == interval[1:]
    assert found.bootstrap_low is not None
    assert found.bootstrap_low <= 2 / 7


def test_coverage_and_counts(diagnosis: pl.DataFrame) -> None:
    found = score.count_outcomes(diagnosis)
    assert found["counts"] == {
        "answered": 4, "unparsed": 1, "refused": 1, "truncated": 1, "failed": 1, "not_run": 0,
    }  # fmt: skip
    assert found["coverage"] == {
        "answered": 4 / 7, "unparsed": 1 / 7, "refused": 1 / 7, "truncated": 1 / 7,
    }  # fmt: skip
    assert (found["questions"], found["patients"]) == (8, 4)


def test_sensitivity_and_specificity_of_healthy(diagnosis: pl.DataFrame) -> None:
    sensitivity, specificity = score.score_healthy(diagnosis)
    # healthy: q2 called ill, q4 called Healthy, q6 unparsed
    # ill: q1 called ill, q3 called Healthy, q5 and q7 nothing
    assert (sensitivity.estimate, sensitivity.items) == (1 / 3, 3)
    assert (specificity.estimate, specificity.items) == (1 / 4, 4)


def test_specificity_is_of_those_called_ill_right_or_wrong() -> None:
    questions = [dx("q1", "p1", "A"), dx("q2", "p2", "A"), dx("q3", "p3", "A"), dx("q4", "p4", "B")]
    answers = answers_of(
        questions, [said("q1", "A"), said("q2", "C"), said("q3", "B"), said("q4", "B")]
    )
    sensitivity, specificity = score.score_healthy(answers)
    assert (sensitivity.estimate, specificity.estimate) == (1, 2 / 3)


def test_confusion_matrix_keeps_what_was_no_answer(diagnosis: pl.DataFrame) -> None:
    assert score.confusion_matrix(diagnosis) == {
        "rows": ["Osteophytes", "Healthy"],
        "columns": ["Osteophytes", "Healthy", "unparsed", "refused", "truncated"],
        "counts": [[1, 1, 0, 1, 1], [1, 1, 1, 0, 0]],
    }


def test_breakdowns(diagnosis: pl.DataFrame) -> None:
    def table(column: str) -> list[tuple[Any, float | None, int]]:
        rows = score.score_by(diagnosis, column)
        return [(r["value"], r["accuracy"].estimate, r["accuracy"].items) for r in rows]

    assert table("disease") == [
        ("Healthy", 1 / 3, 3), ("Osteophytes", 1 / 4, 4), ("Surgical implant", None, 0),
    ]  # fmt: skip
    assert table("source") == [("rsna", 2 / 6, 6), ("vindr", 0.0, 1)]
    assert table("sequence") == [("T1", 2 / 5, 5), ("XR", 0.0, 2)]
    assert table("gold_position") == [("A", 1 / 4, 4), ("B", 1 / 3, 3), ("C", None, 0)]


def test_positions(diagnosis: pl.DataFrame) -> None:
    rows = {r["value"]: r for r in score.score_positions(diagnosis)}
    assert {k: (r["right"], r["named"]) for k, r in rows.items()} == {"A": (4, 2), "B": (3, 2)}
    assert rows["A"]["recall"].estimate == 1 / 4
    assert rows["B"]["precision"].estimate == 1 / 2


@pytest.fixture
def localization() -> pl.DataFrame:
    questions = [
        loc("l1", "p1", "D"), loc("l2", "p1", "DE"), loc("l3", "p2", "CD"), loc("l4", "p3", "E"),
        loc("l5", "p5", "A"),
    ]  # fmt: skip
    predictions = [
        said("l1", "D"), said("l2", "DE"), said("l3", "ADE"), said("l4", "", "unparsed"),
        said("l5", "", "not_run"),
    ]  # fmt: skip
    return answers_of(questions, predictions)


def test_localization_as_published_and_pooled(localization: pl.DataFrame) -> None:
    found = score.score_localization(localization)
    assert found["accuracy"].estimate == 2 / 4
    # per item: 1, 1, 1/3, 0 (empty) and 1, 1, 1/2, 0
    assert found["precision_per_item"].estimate == pytest.approx((1 + 1 + 1 / 3 + 0) / 4)
    assert found["recall_per_item"].estimate == pytest.approx((1 + 1 + 1 / 2 + 0) / 4)
    # pooled: 4 hits of 6 named and of 6 right
    assert found["precision_pooled"].estimate == pytest.approx(4 / 6)
    assert found["recall_pooled"].estimate == pytest.approx(4 / 6)
    # F1 per item: 1, 1, 2 * 1 / (3 + 2), 0; pooled 2 * 4 / (6 + 6)
    assert found["f1_per_item"].estimate == pytest.approx((1 + 1 + 2 / 5 + 0) / 4)
    assert found["f1_pooled"].estimate == pytest.approx(8 / 12)
    assert found["accuracy"].items == 4


def test_levels_of_localization(localization: pl.DataFrame) -> None:
    rows = {r["value"]: r for r in score.score_levels(localization)}
    assert {k: (r["right"], r["named"], r["offered"]) for k, r in rows.items()} == {
        "L1/L2": (0, 1, 4), "L3/L4": (1, 0, 4), "L4/L5": (3, 3, 4), "L5/S1": (2, 2, 4),
    }  # fmt: skip
    assert rows["L1/L2"]["recall"].estimate is None
    assert rows["L3/L4"]["precision"].estimate is None
    assert rows["L4/L5"]["recall"].estimate == 1
    assert rows["L5/S1"]["precision"].estimate == 1 / 2


def test_levels_break_questions_apart(localization: pl.DataFrame) -> None:
    rows = {r["value"]: r["accuracy"] for r in score.score_by(localization, "levels")}
    assert rows["L4/L5"].items == 3
    assert rows["L4/L5"].estimate == 2 / 3
    assert rows["L5/S1"].items == 2
    assert rows["L5/S1"].estimate == 1 / 2


def test_a_superset_or_subset_is_not_exact() -> None:
    questions = [loc("l1", "p1", "DE"), loc("l2", "p2", "D")]
    answers = answers_of(questions, [said("l1", "D"), said("l2", "DE")])
    assert answers["correct"].to_list() == [False, False]
    assert answers["precision"].to_list() == [1.0, 0.5]
    assert answers["recall"].to_list() == [0.5, 1.0]


def test_overall_is_the_mean_of_two_accuracies_and_pooled_the_share() -> None:
    questions = [
        dx("q1", "p1", "A"),
        dx("q2", "p2", "A"),
        dx("q3", "p3", "A"),
        loc("l1", "p1", "D"),
    ]
    predictions = [said("q1", "A"), said("q2", "B"), said("q3", "C"), said("l1", "D")]
    found = score.score_answers(answers_of(questions, predictions))
    assert found["overall"].estimate == pytest.approx((1 / 3 + 1) / 2)
    assert found["overall_pooled"].estimate == pytest.approx(2 / 4)
    assert found["overall"].items == 4
    assert found["overall"].patients == 3
    assert found["complete"] is True


def test_one_task_alone_has_no_overall(diagnosis: pl.DataFrame) -> None:
    found = score.score_answers(diagnosis)
    assert found["overall"] is None
    assert found["overall_pooled"] is None
    assert found["localization"] is None
    assert found["complete"] is False  # one answer failed


def test_nothing_to_average_is_none() -> None:
    answers = answers_of([dx("q1", "p1", "A")], [said("q1", "", "failed")])
    found = score.score_answers(answers)["diagnosis"]
    assert found["accuracy"].estimate is None
    assert found["accuracy"].items == 0
    assert found["healthy_sensitivity"].estimate is None
    assert found["coverage"] == dict.fromkeys(score.COUNTED)


def test_only_an_answered_row_can_be_right() -> None:
    answers = answers_of([dx("q1", "p1", "A")], [said("q1", "A", "truncated")])
    assert answers["correct"].to_list() == [False]


def test_a_strange_question_is_an_error() -> None:
    question = dx("q1", "p1", "A")
    with pytest.raises(DataError, match="found other, expected a question of this benchmark"):
        answers_of([question], [replace(said("q1", "A"), question_id="other")])
