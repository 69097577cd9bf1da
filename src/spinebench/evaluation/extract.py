"""What a model's free text answers: a set of option letters, a refusal, or nothing readable.

One pure function, `extract_answer`; no model is asked and nothing is guessed. The rules and their
order are told in `docs/extraction.md`, with the golden set they are held to.
"""

import string
from dataclasses import dataclass
from typing import Literal

from spinebench.evaluation._extract_clean import clean_answer
from spinebench.evaluation._extract_cues import find_last_commitment
from spinebench.evaluation._extract_decision import Commitment
from spinebench.evaluation._extract_mentions import collect_affirmed
from spinebench.evaluation._extract_options import OptionTable
from spinebench.evaluation._extract_refusal import find_refusal
from spinebench.evaluation._extract_wordings import KEEP_ECHO_AFTER

ExtractionOutcome = Literal["letters", "refusal", "unparsed"]
ExtractionStage = Literal["closing_line", "statement", "option_text", "refusal", "none"]


@dataclass(frozen=True, slots=True)
class Extraction:
    """What one answer commits itself to."""

    outcome: ExtractionOutcome
    letters: frozenset[str]  # never empty when the outcome is "letters", else always empty
    stage: ExtractionStage  # the rule that decided; "none" where no rule found anything
    evidence: str  # the words that decided, after clean-up; "" with the stage "none"


def extract_answer(text: str, options: dict[str, str], *, multiple: bool) -> Extraction:
    """The letters that `text` commits itself to, or why there are none.

    `options` maps the letters from A, 2 to 26 of them and without a gap, to their texts;
    `multiple` says that several may be right. A single answer never has more than one letter.
    Raises ValueError for other options. Linear in the length of `text`.
    """
    check_options(options)
    table = OptionTable(options, multiple=multiple)
    plain = table.cut_echo(clean_answer(text), keep_after=KEEP_ECHO_AFTER).strip()
    last = find_last_commitment(plain, table)
    refusal = find_refusal(plain)
    if last:
        return _judge_commitment(last, plain, table, refusal)
    affirmed = collect_affirmed(plain, table, strict=refusal is not None)
    if affirmed:
        return Extraction("letters", affirmed[0], "option_text", affirmed[1])
    if refusal:
        return Extraction("refusal", frozenset(), "refusal", refusal)
    return Extraction("unparsed", frozenset(), "none", "")


def check_options(options: dict[str, str]) -> None:
    """Raises ValueError unless the keys are 2 to 26 letters from A, in order and without a gap."""
    if not 2 <= len(options) <= 26:
        raise ValueError(f"2 to 26 options are needed, found {len(options)}")
    expected = list(string.ascii_uppercase[: len(options)])
    if list(options) != expected:
        raise ValueError(
            f"options must be lettered {expected[0]} to {expected[-1]} in order, "
            f"found {list(options)}"
        )


def _judge_commitment(
    last: Commitment, plain: str, table: OptionTable, refusal: str | None
) -> Extraction:
    evidence = plain[last.start : last.end]
    fits = last.decided and bool(last.letters) and last.letters <= table.every
    if fits and (table.multiple or len(last.letters) == 1):
        stage: ExtractionStage = "option_text" if last.by_text else _public_stage(last)
        return Extraction("letters", last.letters, stage, evidence)
    if not last.letters and refusal:
        return Extraction("refusal", frozenset(), "refusal", refusal)
    return Extraction("unparsed", frozenset(), _public_stage(last), evidence)


def _public_stage(commitment: Commitment) -> ExtractionStage:
    """The stage of a commitment: a JSON field and a letter that stands alone state a choice too."""
    return "closing_line" if commitment.stage == "closing_line" else "statement"
