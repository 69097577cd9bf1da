"""What a text counts as, given why the model stopped."""

import pytest

from spinebench.evaluation.outcome import read_answer

OPTIONS = {"A": "Healthy", "B": "Osteophytes", "C": "Disc space narrowing"}


@pytest.mark.parametrize(
    ("text", "finish_reason", "expected"),
    [
        ("My final option: [B]", "stop", ("answered", ("B",))),
        ("My final option: [B]", None, ("answered", ("B",))),
        ("My final option: [B]", "max_tokens", ("answered", ("B",))),
        ("The answer is B.", "stop", ("answered", ("B",))),
        ("The answer is B.", "max_tokens", ("truncated", ())),  # it may still be withdrawn
        ("The answer is B.", "model_length", ("truncated", ())),
        ("", "max_tokens", ("truncated", ())),
        ("", "stop", ("unparsed", ())),
        ("", "content_filter", ("refused", ())),
        ("My final option: [B]", "content_filter", ("answered", ("B",))),
        ("The answer is B.", "content_filter", ("refused", ())),
        ("I'm sorry, I can't help with medical images.", "stop", ("refused", ())),
        ("I'm sorry, I can't help with medical images, because", "max_tokens", ("truncated", ())),
        ("My final option: [F]", "stop", ("unparsed", ())),
    ],
)
def test_single(
    text: str, finish_reason: str | None, expected: tuple[str, tuple[str, ...]]
) -> None:
    found = read_answer(text, OPTIONS, multiple=False, finish_reason=finish_reason)
    assert (found.outcome, found.letters) == expected


@pytest.mark.parametrize(
    ("text", "finish_reason", "expected"),
    [
        ("My final options: [C, A]", "stop", ("answered", ("A", "C"))),
        ("My final options: [A, C]", "max_tokens", ("answered", ("A", "C"))),
        ("My final options: [A, C", "max_tokens", ("truncated", ())),  # a B may have followed
        ("All of the above.", "stop", ("answered", ("A", "B", "C"))),
    ],
)
def test_several(
    text: str, finish_reason: str | None, expected: tuple[str, tuple[str, ...]]
) -> None:
    found = read_answer(text, OPTIONS, multiple=True, finish_reason=finish_reason)
    assert (found.outcome, found.letters) == expected


def test_the_stage_is_kept_and_none_where_no_rule_spoke() -> None:
    stage = [
        read_answer(text, OPTIONS, multiple=False, finish_reason="stop").stage
        for text in ("My final option: [B]", "A spine.")
    ]
    assert stage == ["closing_line", None]
