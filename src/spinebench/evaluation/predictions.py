"""From what was heard to the table of predictions, the lasting record of a run. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from spinebench.evaluation.extractor_model import keep_model_reading
from spinebench.evaluation.journal import Heard
from spinebench.evaluation.outcome import Reading, read_answer
from spinebench.evaluation.prices import Price
from spinebench.evaluation.protocols import (
    Ask,
    original_letters,
    show_options,
    shown_letters,
)
from spinebench.records import Prediction, Question


@dataclass(frozen=True, kw_only=True)
class Run:
    """What all predictions of a run have in common."""

    run_id: str
    model: str
    settings: str  # JSON of the generation settings, keys sorted
    protocol: str
    prompt_sha256: Mapping[str, str]  # by task


def build_predictions(
    asks: Sequence[Ask], heard: Mapping[str, Heard], run: Run, price: Price | None = None
) -> list[Prediction]:
    """One prediction for every asking, in that order; what was not heard is `not_run`.

    `heard` is by the asking's key.
    """
    return [
        read_prediction(ask, heard[ask.key], run, price) if ask.key in heard else _not_run(ask, run)
        for ask in asks
    ]


def read_prediction(ask: Ask, heard: Heard, run: Run, price: Price | None) -> Prediction:
    """Prediction of one asking that came back, with an answer or a failure."""
    tokens = heard.input_tokens
    if tokens is not None:
        tokens += heard.cache_read_tokens + heard.cache_write_tokens
    told = replace(
        _not_run(ask, run),
        sent_sha256=heard.sent_sha256,
        raw_text=heard.text,
        finish_reason=heard.finish_reason,
        outcome="unparsed" if heard.error is None else "failed",
        input_tokens=tokens,
        output_tokens=heard.output_tokens,
        cost_usd=price.cost_of(heard) if price else heard.cost_usd,
        seconds=heard.seconds,
        error=heard.error,
    )
    return told if heard.error is not None else read_again(told, ask.question)


def read_again(prediction: Prediction, question: Question) -> Prediction:
    """The prediction with its text read by the rules of today; without an answer as it was.

    What a model in the role `extractor` found stands where the rules still find nothing.
    """
    if prediction.outcome in ("failed", "not_run"):
        return prediction
    shown = show_options(question, prediction.letter_map)
    rules = read_answer(
        prediction.raw_text,
        shown,
        multiple=question.multiple,
        finish_reason=prediction.finish_reason,
    )
    stored = Reading(
        prediction.outcome,
        shown_letters(prediction.letters, prediction.letter_map),
        prediction.stage,
    )
    return with_reading(prediction, keep_model_reading(rules, stored))


def with_reading(prediction: Prediction, reading: Reading) -> Prediction:
    """The prediction as `reading` has it, whose letters are as shown."""
    return replace(
        prediction,
        outcome=reading.outcome,
        letters=original_letters(reading.letters, prediction.letter_map),
        stage=reading.stage,
    )


def _not_run(ask: Ask, run: Run) -> Prediction:
    return Prediction(
        question_id=ask.question.question_id,
        run_id=run.run_id,
        model=run.model,
        settings=run.settings,
        protocol=run.protocol,
        prompt_sha256=run.prompt_sha256[ask.question.task],
        epoch=ask.epoch,
        letter_map=ask.letter_map,
        sent_sha256=(),
        raw_text="",
        finish_reason=None,
        outcome="not_run",
        letters=(),
        stage=None,
        input_tokens=None,
        output_tokens=None,
        cost_usd=None,
        seconds=None,
        error=None,
    )
