"""From a model's raw text to the outcome that is stored and counted. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from spinebench.evaluation.extract import extract_answer
from spinebench.records import Outcome

# why a model stopped, in Inspect's words
CUT_OFF = frozenset({"max_tokens", "model_length"})
FILTERED = "content_filter"


@dataclass(frozen=True)
class Reading:
    """What an answer says. `letters` are as shown to the model, sorted; empty unless answered."""

    outcome: Outcome
    letters: tuple[str, ...]
    stage: str | None  # of the extraction that found it


def read_answer(
    text: str, options: Mapping[str, str], *, multiple: bool, finish_reason: str | None
) -> Reading:
    """Outcome of a text that a model returned; never `failed` or `not_run`.

    A text that was cut off, or filtered, counts as answered only if it already holds the
    protocol's whole closing line: anything before that may still have been withdrawn.
    """
    return _read(text, tuple(options.items()), multiple, finish_reason)


# each text is read twice, for Inspect's log and for the table of predictions: the second time of
# a shard's answers comes from here
@lru_cache(maxsize=5000)
def _read(
    text: str, options: tuple[tuple[str, str], ...], multiple: bool, finish_reason: str | None
) -> Reading:
    found = extract_answer(text, dict(options), multiple=multiple)
    stage = None if found.stage == "none" else found.stage
    if found.outcome == "letters":
        whole = finish_reason != FILTERED and finish_reason not in CUT_OFF
        if whole or (found.stage == "closing_line" and (not multiple or _is_closed(text))):
            return Reading("answered", tuple(sorted(found.letters)), stage)
    if finish_reason in CUT_OFF:
        return Reading("truncated", (), None)
    if found.outcome == "refusal" or finish_reason == FILTERED:
        return Reading("refused", (), stage)
    return Reading("unparsed", (), stage)


def _is_closed(text: str) -> bool:
    """Whether the last list of letters is closed: `[A, C` may have been about to go on."""
    return text.rfind("]") > text.rfind("[") >= 0
