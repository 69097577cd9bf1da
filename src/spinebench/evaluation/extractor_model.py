"""The last stage of extraction: a model reads an answer in which the rules found nothing.

Only where a model is given for it, in the role `extractor`. It sees the options and the answer as
quoted data, never the image or the truth, and may say that there is no choice. What it reports
counts only with words of the answer that it can quote: it cannot invent a choice, and nothing
that it says about an answer overrules a rule. The model is a function here; see
`docs/extraction.md`.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

from spinebench.evaluation._extract_clean import strip_thoughts
from spinebench.evaluation.extract import check_options
from spinebench.evaluation.outcome import Reading
from spinebench.records import Outcome

ROLE = "extractor"
STAGE = ROLE  # as the predictions name it

ReplyKind = Literal["chosen", "none", "invalid"]

# of an answer that runs on for megabytes, its beginning and its end
_HEAD_CHARS = 4_000
_TAIL_CHARS = 8_000
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n?\s*```", re.DOTALL | re.IGNORECASE)
_NONE_WORD = re.compile(r"[\"'`]?none[\"'`.]?", re.IGNORECASE)
_PLACE = re.compile(r"\{(choices|options|answer)\}")
# chat marks that a server might read as the end of the quotation: "[INST]", "<|im_end|>"
_CHAT_MARK = re.compile(r"\[(?=/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|AVAILABLE_TOOLS|THINK)\b)", re.I)
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class ModelReading:
    """What the extractor made of one answer."""

    reading: Reading  # `answered` or `unparsed`, at the stage `extractor`
    kind: ReplyKind  # "none": it says that nothing was chosen; "invalid": not in the stated form
    reply: str  # as it came


@dataclass(frozen=True)
class ExtractorShare:
    """How much of a run rests on the extractor, in answers."""

    answers: int  # texts that a model returned: answered, unparsed, refused, truncated
    asked: int  # that the extractor read
    answered: int  # of those, credited with a choice
    would_ask: int  # in which no rule found anything and no extractor was asked


def needs_extractor(reading: Reading, text: str) -> bool:
    """Whether the rules found nothing at all in a whole answer that does say something.

    An answer that a rule read and could not credit (a letter outside the options, two candidates)
    stays unparsed: no model overrules that. Nor is one asked about refusals and cut-off answers.
    """
    if reading.outcome != "unparsed" or reading.stage is not None:
        return False
    return bool(strip_thoughts(text).strip())


async def extract_with_model(
    ask: Callable[[str], Awaitable[str]], text: str, options: Mapping[str, str], *, multiple: bool
) -> ModelReading:
    """What a model reads in an answer; `ask` takes a prompt and gives the model's text.

    Options and letters are as shown to the model that answered. Errors of `ask` are not caught.
    """
    reply = await ask(build_extractor_prompt(text, options, multiple=multiple))
    kind, letters = parse_extractor_reply(reply, text, options, multiple=multiple)
    outcome: Outcome = "answered" if kind == "chosen" else "unparsed"
    return ModelReading(Reading(outcome, tuple(sorted(letters)), STAGE), kind, reply)


def build_extractor_prompt(text: str, options: Mapping[str, str], *, multiple: bool) -> str:
    """What the extractor is asked about `text`. Raises ValueError for other than lettered options.

    Thinking is left out, and of a long answer the middle.
    """
    check_options(dict(options))
    data = _load_prompt()
    values = {
        "choices": str(data["choices"]["multiple" if multiple else "single"]),
        "options": _quote(dict(options)),
        "answer": _quote(_shorten(strip_thoughts(text).strip())),
    }
    # one pass: braces inside an answer are not filled in
    return _PLACE.sub(lambda place: values[place[1]], str(data["prompt"]["text"])).strip()


def parse_extractor_reply(
    reply: str, text: str, options: Mapping[str, str], *, multiple: bool
) -> tuple[ReplyKind, frozenset[str]]:
    """Kind of a reply, with the letters it chose: none of them unless the kind is `chosen`.

    `invalid` is whatever departs from the stated form by more than a code fence around it: other
    keys, letters that are no option or too many, a quotation that `text` does not hold.
    """
    body = strip_thoughts(reply).strip()
    if fenced := _FENCED.fullmatch(body):
        body = fenced[1].strip()
    if _NONE_WORD.fullmatch(body):
        return "none", frozenset()
    try:
        fields = json.loads(body, object_pairs_hook=_unique_fields)
    except (ValueError, RecursionError):
        return "invalid", frozenset()
    if not isinstance(fields, dict) or set(fields) != {"letters", "quote"}:
        return "invalid", frozenset()
    letters, quote = fields["letters"], fields["quote"]
    if not isinstance(letters, list) or not isinstance(quote, str):
        return "invalid", frozenset()
    if not letters:
        return "none", frozenset()
    named = {letter for letter in letters if isinstance(letter, str) and letter in options}
    if len(named) != len(letters) or (len(named) > 1 and not multiple) or not _holds(text, quote):
        return "invalid", frozenset()
    return "chosen", frozenset(named)


def keep_model_reading(rules: Reading, stored: Reading) -> Reading:
    """Reading of a stored answer that is read again without a call.

    `rules` is what the rules make of the text today, `stored` what was kept. The extractor's word
    stands where it was asked and the rules still find nothing.
    """
    asked = stored.stage == STAGE and rules.outcome == "unparsed" and rules.stage is None
    return stored if asked else rules


def count_extractor(answers: Iterable[tuple[str, str | None, str]]) -> ExtractorShare:
    """Share of the extractor in predictions, each given as (outcome, stage, raw text).

    Predictions that hold no answer (`failed`, `not_run`) count nowhere.
    """
    total = asked = answered = would_ask = 0
    for outcome, stage, text in answers:
        if outcome in ("failed", "not_run"):
            continue
        total += 1
        asked += stage == STAGE
        answered += stage == STAGE and outcome == "answered"
        if outcome == "unparsed" and stage is None:
            would_ask += needs_extractor(Reading("unparsed", (), None), text)
    return ExtractorShare(total, asked, answered, would_ask)


def extractor_prompt_sha256() -> str:
    """SHA-256 of the prompt's text before anything is filled in."""
    data = _load_prompt()
    parts = [data["prompt"]["text"], data["choices"]["single"], data["choices"]["multiple"]]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@lru_cache(maxsize=1)
def _load_prompt() -> dict[str, Any]:
    file = resources.files("spinebench").joinpath("data/extractor/prompt.toml")
    return tomllib.loads(file.read_text("utf-8"))


def _quote(value: object) -> str:
    """JSON in which nothing can be taken for the end of the quotation or for a chat mark."""
    return _CHAT_MARK.sub(r"\\u005b", json.dumps(value, ensure_ascii=False)).replace("<", "\\u003c")


def _shorten(text: str) -> str:
    left_out = len(text) - _HEAD_CHARS - _TAIL_CHARS
    if left_out <= 0:
        return text
    return f"{text[:_HEAD_CHARS]}\n[{left_out} characters left out]\n{text[-_TAIL_CHARS:]}"


def _unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _holds(text: str, quote: str) -> bool:
    """Whether `text`, thinking apart, holds the words of `quote`, blanks and marks aside."""
    words = _NO_WORD.sub(" ", quote).strip().casefold()
    told = f" {_NO_WORD.sub(' ', strip_thoughts(text)).strip().casefold()} "
    return bool(words) and (f" {words} " in told or (not words.isascii() and words in told))
