"""Sides of the body from short fields."""

import pytest

from spinebench.anatomy.sides import Side, parse_side
from spinebench.errors import UsageError


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("left", Side.LEFT),
        ("L", Side.LEFT),
        ("Lt.", Side.LEFT),
        ("Left-sided", Side.LEFT),
        ("RIGHT", Side.RIGHT),
        (" r ", Side.RIGHT),
        ("Bilateral", Side.BILATERAL),
        ("both_sides", Side.BILATERAL),
        ("central", Side.MIDLINE),
        ("左侧", Side.LEFT),
        ("双侧", Side.BILATERAL),
    ],
)
def test_known_words(text: str, side: Side) -> None:
    assert parse_side(text) is side


def test_a_side_is_its_string() -> None:
    assert [str(side) for side in Side] == ["left", "right", "bilateral", "midline"]
    assert Side.LEFT == "left"


@pytest.mark.parametrize("text", ["", "lateral", "left L4", "L4", "none"])
def test_other_words_are_an_error(text: str) -> None:
    with pytest.raises(UsageError, match="no side"):
        parse_side(text)
