"""Lines of the journal to predictions."""

from dataclasses import replace
from typing import Any

import pytest

from spinebench.evaluation.journal import Heard
from spinebench.evaluation.outcome import Reading
from spinebench.evaluation.predictions import (
    Run,
    build_predictions,
    read_again,
    read_prediction,
    with_reading,
)
from spinebench.evaluation.prices import Price
from spinebench.evaluation.protocols import Ask
from tests.examples import a_question

QUESTION = a_question(question_id="q1", options=("Healthy", "Osteophytes"), gold=("B",))
RUN = Run(
    run_id="r", model="m/x", settings="{}", protocol="released",
    prompt_sha256={"diagnosis": "d" * 64, "localization": "e" * 64},
)  # fmt: skip
ASK = Ask(QUESTION, 1, "AB", "key")
PRICE = Price(
    input=1.0, output=10.0, cache_read=0.5, cache_write=2.0, date="2026-01", source="a test"
)


def heard(text: str = "My final option: [B]", **fields: Any) -> Heard:
    values: dict[str, Any] = {
        "key": "key", "question_id": "q1", "epoch": 1, "letter_map": "AB",
        "sent_sha256": ("a" * 64,), "text": text, "finish_reason": "stop", "input_tokens": 10,
        "output_tokens": 3, "cache_read_tokens": 4, "seconds": 1.5,
    }  # fmt: skip
    return Heard(**{**values, **fields})


def test_an_answer_in_full() -> None:
    found = read_prediction(ASK, heard(), RUN, PRICE)
    assert (found.outcome, found.letters, found.error) == ("answered", ("B",), None)
    assert (found.raw_text, found.finish_reason) == ("My final option: [B]", "stop")
    assert (found.input_tokens, found.output_tokens) == (14, 3)
    assert found.cost_usd == pytest.approx((10 * 1 + 3 * 10 + 4 * 0.5) / 1e6)
    assert (found.seconds, found.sent_sha256, found.letter_map) == (1.5, ("a" * 64,), "AB")
    assert (found.run_id, found.model, found.prompt_sha256) == ("r", "m/x", "d" * 64)
    assert found.epoch == 1


def test_cost_is_unknown_without_a_price_and_the_providers_own_goes_first() -> None:
    assert read_prediction(ASK, heard(), RUN, None).cost_usd is None
    assert read_prediction(ASK, heard(cost_usd=0.25), RUN, None).cost_usd == 0.25
    assert read_prediction(ASK, heard(cost_usd=0.25), RUN, PRICE).cost_usd == 0.25
    assert read_prediction(ASK, heard(input_tokens=None), RUN, PRICE).cost_usd is None


def test_letters_come_back_in_the_original_order() -> None:
    turned = Ask(QUESTION, 1, "BA", "key")
    found = read_prediction(turned, heard("My final option: [A]", letter_map="BA"), RUN, None)
    assert (found.letters, found.letter_map) == (("B",), "BA")
    named = read_prediction(turned, heard("The answer is Osteophytes.", letter_map="BA"), RUN, None)
    assert named.letters == ("B",)


def test_a_failure_keeps_its_reason_and_names_no_letter() -> None:
    found = read_prediction(ASK, heard("My final", error="gone"), RUN, None)
    assert (found.outcome, found.letters, found.stage) == ("failed", (), None)
    assert (found.error, found.sent_sha256) == ("gone", ("a" * 64,))


def test_silence_is_unparsed_refused_or_truncated() -> None:
    def outcome(reason: str) -> str:
        return read_prediction(ASK, heard("", finish_reason=reason), RUN, None).outcome

    found = [outcome(reason) for reason in ("stop", "content_filter", "max_tokens")]
    assert found == ["unparsed", "refused", "truncated"]


def test_every_asking_is_there_heard_or_not() -> None:
    other = a_question(question_id="q2", task="localization", multiple=True)
    asks = [Ask(other, 1, "ABCDE", "k2"), ASK, Ask(QUESTION, 2, "AB", "k1-2")]
    found = build_predictions(asks, {"key": heard()}, RUN)
    assert [(p.question_id, p.epoch, p.outcome) for p in found] == [
        ("q2", 1, "not_run"), ("q1", 1, "answered"), ("q1", 2, "not_run"),
    ]  # fmt: skip
    assert found[0].prompt_sha256 == "e" * 64
    assert (found[0].letters, found[0].raw_text, found[0].seconds) == ((), "", None)


def test_reading_again_changes_what_the_rules_read_and_nothing_else() -> None:
    right = read_prediction(ASK, heard(), RUN, None)
    spoiled = replace(right, outcome="unparsed", letters=(), stage=None)
    assert read_again(spoiled, QUESTION) == right
    failed = read_prediction(ASK, heard(error="gone"), RUN, None)
    assert read_again(failed, QUESTION) == failed


def test_what_the_extractor_found_stands_where_the_rules_find_nothing() -> None:
    plain = read_prediction(ASK, heard("It is what it is."), RUN, None)
    assert plain.outcome == "unparsed"
    extracted = with_reading(plain, Reading("answered", ("A",), "extractor"))
    assert (extracted.letters, extracted.stage) == (("A",), "extractor")
    assert read_again(extracted, QUESTION) == extracted
    wrong = replace(extracted, raw_text="My final option: [B]")
    assert read_again(wrong, QUESTION).letters == ("B",)
