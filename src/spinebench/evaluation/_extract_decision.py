"""Which of the places where a text commits itself counts.

The last one; what sets it aside is here: a letter outside the options, a taking back, a list that
is only explained further on.
"""

import re
from dataclasses import dataclass, replace

from spinebench.evaluation._extract_guards import FORMAT, NAMED_THING
from spinebench.evaluation._extract_options import OptionTable
from spinebench.evaluation._extract_wordings import CommitmentStage


@dataclass(frozen=True, slots=True)
class Commitment:
    """One place where the text commits itself, well or badly."""

    stage: CommitmentStage
    start: int  # of the cue
    end: int
    letters: frozenset[str]  # empty: committed to nothing that could be read ("none", "unclear")
    decided: bool
    by_text: bool = False
    is_weak: bool = False  # describes rather than answers: "consistent with C"
    adds: bool = False  # to what was chosen before: "I would also include C"
    confirms: bool = False  # says of letters that they are right: "C is correct"


_WITHDRAWN = re.compile(
    r"\b(?:no|nope|wait|hmm|actually|oops|sorry)\b[,.!]{0,3} ?(?:no,? |but )?(?:that|this"
    r"|it)(?:'s| is| was)"
    r" (?:also |all )?(?:wrong|incorrect|not (?:right|correct|it|true)|a mistake)\b"
    r"|\b(?:wait|hmm|actually|sorry|hold on|oh)\b[,.]{0,3} ?no\b[.!]*\s*$"
    r"|\b(?:never ?mind|(?:oh )?no,? (?:that's )?wrong|wrong again)\s*[.!]*\s*$"
    r"|\bI (?:now |hereby |must |will |have to )?(?:retract|withdraw|revoke|recant|take (?:it"
    r"|that|this) back"
    r"|no longer (?:stand by|believe|hold|support|choose))\b"
    r"|\bactually,? (?:I )?(?:cannot|can't|could not|don't|do not) (?:really )?(?:tell|know|say"
    r"|decide"
    r"|determine|commit)\b"
    r"|\b(?:scratch|strike|disregard|ignore|forget|drop) (?:that|this|my (?:previous "
    r"|last )?(?:answer|choice)"
    r"|what I said)\b|(?:我)?(?:收回|撤回)|不对,?(?:我)?(?:不知道|不确定|无法)",
    re.IGNORECASE,
)
_WITHDRAWN_REACH_CHARS = 80
_TURN = re.compile(
    r"\b(?:no|not|wait|actually|instead|rather|however|but|only|correction|revis\w+|chang\w+)\b"
    r"|[不只仅改]",
    re.IGNORECASE,
)
_PLACEHOLDERS = frozenset("XY")
# "[E]. Or possibly [G]."
_OFFERED = re.compile(
    r"\[([A-Z])\](?=\s*(?:$|[.,;!\n]))|\b(?:or|also|possibly|maybe|perhaps"
    r"|alternatively)\b,? (?:possibly |maybe "
    r"|perhaps |also "
    r"|even |rather )?(?:(?:option|choice) )?[(\[]?([A-Z])[)\]]?(?=\s*(?:$|[.;!\n]))"
)
_CAPITALS = re.compile(r"[A-Z]{2,}[^\w]*$")


def choose_commitment(events: list[Commitment], text: str, table: OptionTable) -> Commitment | None:
    """Of all commitments of a cleaned text, in their order, the one that counts; None without any.

    The last one, unless a letter outside the options is chosen or offered anywhere or the last is
    taken back. A description ("consistent with C") never replaces an explicit answer before it: it
    may be the explanation, which names other options too.
    """
    explicit = [event for event in events if not event.is_weak]
    if explicit and (outside := _find_outside(text, explicit, table)):
        return outside
    if withdrawn := _find_withdrawal(text, events):
        return withdrawn
    if table.multiple and len(explicit) > 1 and explicit[-1].adds:
        return _join(explicit[-2], explicit[-1])
    if explicit and not explicit[-1].decided:
        # "either C or D; the midline slice speaks for C"
        later = [e for e in events if e.is_weak and e.start >= explicit[-1].end and e.decided]
        if later and later[-1].letters < explicit[-1].letters:
            return later[-1]
    if explicit:
        return _gather(explicit, text) if table.multiple else explicit[-1]
    return events[-1] if events else None


def _find_outside(text: str, explicit: list[Commitment], table: OptionTable) -> Commitment | None:
    """A place that chooses or offers a letter that is no option, or None.

    Placeholders ("[X, Y]"), words in capitals ("MRI") and small letters ("option(s)") do not.
    """
    for event in reversed(explicit):
        strange = event.letters - table.every - _PLACEHOLDERS
        if any(
            re.search(rf"(?<![a-z]){letter}", text[event.start : event.end]) for letter in strange
        ):
            word = _CAPITALS.search(text, max(event.start, event.end - 30), event.end)
            if word is None or event.letters & table.every:
                return event
    for offer in _OFFERED.finditer(text):
        letter = offer[1] or offer[2]
        if letter in table.every or letter in _PLACEHOLDERS | {"I"}:
            continue
        before = text[max(0, offer.start() - 90) : offer.start(offer.lastindex or 0)]
        if not NAMED_THING.search(before.rstrip("[")) and not FORMAT.search(before):
            return Commitment("statement", offer.start(), offer.end(), frozenset(letter), False)
    return None


def _find_withdrawal(text: str, events: list[Commitment]) -> Commitment | None:
    """A taking back of the last commitment behind it: "C. No, that's wrong."; None without."""
    if not events:
        return None
    end = max(event.end for event in events)
    found = _WITHDRAWN.search(text, end)
    between = text[end : found.start()] if found else ""
    if found is None or len(between) > _WITHDRAWN_REACH_CHARS or "?" in between:
        return None
    return Commitment("statement", found.start(), found.end(), frozenset(), decided=False)


def _gather(explicit: list[Commitment], text: str) -> Commitment:
    """With several right answers: the last commitment together with what belongs to it.

    Letters called right one by one are a list, "A is right. C is right."; where the list was given
    before, they explain it.
    """
    first, is_turned = len(explicit), False
    while first > 0 and explicit[first - 1].confirms and not is_turned:
        first -= 1
        gap = (explicit[first - 1].end, explicit[first].start) if first else (0, 0)
        is_turned = bool(_TURN.search(text, *gap))
    singles = explicit[first:]
    if not singles or not all(event.decided for event in singles):
        return explicit[-1]
    told = frozenset[str]().union(*(event.letters for event in singles))
    before = explicit[first - 1] if first and not is_turned else None
    if before and before.decided and before.letters > told:
        return before
    return replace(singles[-1], start=singles[0].start, letters=told)


def _join(first: Commitment, more: Commitment) -> Commitment:
    """One commitment of a list and what was added to it: "A and B; actually also C"."""
    return Commitment(
        more.stage,
        first.start,
        more.end,
        first.letters | more.letters,
        first.decided and more.decided,
        first.by_text and more.by_text,
    )
