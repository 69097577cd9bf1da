import dataclasses

import pytest

from spinebench.records import Prediction, Question, item_seed, question_content_hash
from tests.examples import a_question


def test_content_hash_changes_with_what_is_asked_only() -> None:
    content = {
        "text": "Which?",
        "options": ("Healthy", "Osteophytes"),
        "gold": ("B",),
        "pixel_sha256": ("00",),
    }
    first = question_content_hash(**content)
    # sha256sum of {"gold":["B"],"options":[...],"pixels":["00"],"text":"Which?"}
    assert first == "7bb97578be44"
    for field, other in (
        ("text", "What?"),
        ("options", ("Osteophytes", "Healthy")),
        ("gold", ("A",)),
        ("pixel_sha256", ("01",)),
    ):
        assert question_content_hash(**{**content, field: other}) != first


def test_options_are_lettered_from_a() -> None:
    question = a_question(options=("Healthy", "Osteophytes", "Foraminal stenosis"))
    assert question.lettered == {"A": "Healthy", "B": "Osteophytes", "C": "Foraminal stenosis"}


def test_item_seed_depends_on_each_part_of_the_key() -> None:
    assert item_seed(3, "a", "b") == item_seed(3, "a", "b")
    assert item_seed(3, "a", "b") != item_seed(3, "ab")
    assert item_seed(3, "a", "b") != item_seed(4, "a", "b")


@pytest.mark.parametrize("record", [Question, Prediction])
def test_records_are_frozen(record: type) -> None:
    assert record.__dataclass_params__.frozen  # type: ignore[attr-defined]
    with pytest.raises(dataclasses.FrozenInstanceError, match="text"):
        a_question().text = "other"  # type: ignore[misc]
