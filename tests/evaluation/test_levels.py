"""Level-aware figures on answers whose errors are worked out by hand."""

from typing import Any

import polars as pl
import pytest

from spinebench.anatomy.levels import Side, parse_level
from spinebench.evaluation.levels import (
    LevelErrors,
    Place,
    add_level_errors,
    compare_places,
    level_confusion,
    pair_levels,
    parse_place,
    score_level_errors,
)
from spinebench.evaluation.score import build_answers
from spinebench.records import Image, Outcome, Prediction, Question
from spinebench.tables import build_frame
from tests.examples import a_prediction, a_question, an_image

LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
SIDED = ("left L3/L4", "right L3/L4", "left L4/L5", "right L4/L5")


def places(*texts: str) -> list[Place]:
    found = [parse_place(text) for text in texts]
    return [place for place in found if place is not None]


def answers_of(rows: list[tuple[str, str, Outcome]], options: tuple[str, ...]) -> pl.DataFrame:
    """Right letters, named letters and outcome of each answer, one patient each."""
    questions, predictions = [], []
    for number, (gold, named, outcome) in enumerate(rows):
        fields: dict[str, Any] = {"question_id": f"q{number}"}
        questions.append(
            a_question(
                **fields,
                patient_id=f"p{number}",
                task="localization",
                multiple=True,
                options=options,
                gold=tuple(gold),
                image_ids=("i",),
            )
        )
        predictions.append(a_prediction(**fields, outcome=outcome, letters=tuple(named)))
    return build_answers(
        build_frame(questions, Question),
        build_frame([an_image(image_id="i")], Image),
        build_frame(predictions, Prediction),
    )


@pytest.fixture
def answers() -> pl.DataFrame:
    return answers_of(
        [
            ("D", "D", "answered"),  # exact
            ("D", "E", "answered"),  # off by one
            ("A", "E", "answered"),  # four levels off
            ("CD", "DE", "answered"),  # L3/L4 and L5/S1 are one away
            ("D", "", "unparsed"),
            ("AB", "", "truncated"),
            ("D", "", "failed"),  # does not count
        ],
        LEVELS,
    )


@pytest.mark.parametrize(
    ("text", "level", "side"),
    [
        ("L4/L5", "L4/L5", None), (" L4-L5 ", "L4/L5", None), ("C5", "C5", None),
        ("left L4/L5", "L4/L5", Side.LEFT), ("L4/L5 (right)", "L4/L5", Side.RIGHT),
        ("L4/L5, bilateral", "L4/L5", Side.BILATERAL), ("Right: L5/S1", "L5/S1", Side.RIGHT),
    ],
)  # fmt: skip
def test_places(text: str, level: str, side: Side | None) -> None:
    assert parse_place(text) == Place(parse_level(level), side)


@pytest.mark.parametrize(
    "text", ["", "Healthy", "none of these", "L4/L5 stenosis", "left", "about L4", "L4/L5 L5/S1"]
)
def test_other_options_are_no_places(text: str) -> None:
    assert parse_place(text) is None


def test_errors_of_one_level() -> None:
    assert compare_places(places("L4/L5"), places("L2/L3")) == LevelErrors(
        exact_level=False, off_by_one=False, farther=True, side_error=None, distance=2, farthest=2
    )
    near = compare_places(places("L4/L5"), places("L4"))
    assert near is not None
    assert (near.off_by_one, near.distance, near.farthest) == (True, 0.5, 0.5)


def test_distance_of_sets_weighs_what_was_missed_as_much_as_what_was_added() -> None:
    found = compare_places(places("L4/L5"), places("L4/L5", "L5/S1", "L1/L2"))
    assert found is not None
    # named: 0, 1 and 3 away from L4/L5; right: 0 away from what was named
    assert found.distance == pytest.approx(((0 + 1 + 3) / 3 + 0) / 2)
    assert (found.farthest, found.farther) == (3, True)
    missed = compare_places(places("L3/L4", "L4/L5"), places("L4/L5"))
    assert missed is not None
    assert (missed.distance, missed.off_by_one) == (0.25, True)


def test_a_spine_with_six_lumbar_vertebrae_is_measured_as_such() -> None:
    found = compare_places(places("L6/S1"), places("L5/L6", "L4/L5"))
    assert found is not None
    assert (found.farthest, found.distance) == (2, pytest.approx((1 + 1.5) / 2))


def test_nothing_named_has_no_errors() -> None:
    assert compare_places(places("L4/L5"), []) is None
    assert compare_places([], places("L4/L5")) is None


def test_side_errors_need_the_right_level() -> None:
    def side_error(right: list[str], named: list[str]) -> bool | None:
        found = compare_places(places(*right), places(*named))
        assert found is not None
        return found.side_error

    assert side_error(["left L4/L5"], ["right L4/L5"]) is True
    assert side_error(["left L4/L5"], ["left L4/L5"]) is False
    assert side_error(["left L4/L5"], ["right L3/L4"]) is False  # a level error
    assert side_error(["left L4/L5"], ["left L4/L5", "right L4/L5"]) is True
    assert side_error(["L4/L5"], ["L4/L5"]) is None


def test_errors_stand_beside_each_answer(answers: pl.DataFrame) -> None:
    rows = add_level_errors(answers)
    assert rows["question_id"].to_list() == ["q0", "q1", "q2", "q3", "q4", "q5"]
    assert rows["distance"].to_list() == [0, 1, 4, 0.5, None, None]
    assert rows["farthest"].to_list() == [0, 1, 4, 1, None, None]
    assert rows["exact_level"].to_list() == [True, False, False, False, None, None]


def test_shares_add_up_and_what_names_nothing_has_no_distance(answers: pl.DataFrame) -> None:
    found = score_level_errors(answers)
    assert found is not None
    shares = [
        found[key].estimate for key in ("exact_level", "off_by_one", "farther", "without_level")
    ]
    assert shares == pytest.approx([1 / 6, 2 / 6, 1 / 6, 2 / 6])
    assert found["answers"] == found["exact_level"].items == 6
    assert found["distance_per_item"].estimate == pytest.approx((0 + 1 + 4 + 0.5) / 4)
    assert found["distance_per_item"].items == 4
    assert found["distance_per_item"].high > 4  # levels, not a share: no cut at 1
    assert found["farthest"] == [
        {"levels": 0, "answers": 1}, {"levels": 1, "answers": 2}, {"levels": 4, "answers": 1},
    ]  # fmt: skip
    assert found["side_error"] is None


def test_sides_are_counted_where_they_are_asked_for() -> None:
    found = score_level_errors(
        answers_of(
            [("C", "C", "answered"), ("C", "D", "answered"), ("C", "A", "answered"),
             ("C", "", "refused")],
            SIDED,
        )
    )  # fmt: skip
    assert found is not None
    assert (found["side_error"].estimate, found["side_error"].items) == (1 / 4, 4)
    assert found["exact_level"].estimate == 2 / 4


def test_questions_on_anything_else_have_no_level_errors() -> None:
    answers = answers_of([("A", "A", "answered")], ("Healthy", "Osteophytes"))
    assert score_level_errors(answers) is None


def test_an_option_that_names_no_level_counts_as_none() -> None:
    answers = answers_of([("A", "B", "answered"), ("A", "AB", "answered")], ("L4/L5", "none"))
    found = score_level_errors(answers)
    assert found is not None
    assert found["without_level"].estimate == 1 / 2
    assert found["distance_per_item"].estimate == 0


def test_pairs_put_the_nearest_together_first() -> None:
    def names(right: list[str], named: list[str]) -> set[tuple[str, str]]:
        return {(str(a), str(b)) for a, b in pair_levels(places(*right), places(*named))}

    assert names(["L3/L4", "L4/L5"], ["L4/L5", "L5/S1"]) == {
        ("L4/L5", "L4/L5"), ("L3/L4", "L5/S1"),
    }  # fmt: skip
    assert names(["L2/L3"], ["L1/L2", "L3/L4"]) == {("L2/L3", "L1/L2"), ("None", "L3/L4")}
    assert names(["L2/L3", "L5/S1"], ["L4/L5"]) == {("L5/S1", "L4/L5"), ("L2/L3", "None")}


def test_confusion_of_levels(answers: pl.DataFrame) -> None:
    found = level_confusion(answers)
    # L2/L3 was right once, in an answer that was cut off
    assert found["rows"] == ["L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1", "added"]
    assert found["columns"] == [*LEVELS, "missed", "unparsed", "refused", "truncated"]
    assert found["counts"] == [
        [0, 0, 0, 0, 1, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1, 0, 0, 0, 0],
        [0, 0, 0, 2, 1, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]


def test_confusion_shows_what_was_added_and_missed() -> None:
    found = level_confusion(answers_of([("AB", "A", "answered"), ("A", "AC", "answered")], LEVELS))
    assert found["rows"] == ["L1/L2", "L2/L3", "L3/L4", "added"]
    assert [row[:4] for row in found["counts"]] == [
        [2, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0],
    ]  # fmt: skip
