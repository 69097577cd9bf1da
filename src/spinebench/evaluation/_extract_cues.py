"""Where a text commits itself to letters: closing lines, JSON fields, statements, bare letters.

Each commitment becomes an event with its place; the cascade takes the last one. A place that is
negated, hypothetical, asked, quoted as a format or taken back is no commitment.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator

from spinebench.evaluation._extract_alone import read_first_line, read_last_line
from spinebench.evaluation._extract_confirmations import (
    ALL,
    CHOSEN,
    EXCEPT_FIRST,
    INVOLVED,
    POSITIVE,
    REST,
)
from spinebench.evaluation._extract_decision import Commitment, choose_commitment
from spinebench.evaluation._extract_guards import (
    FORMAT,
    NAMED_THING,
    TRAILING,
    is_correction,
    is_foreign,
    is_withheld,
)
from spinebench.evaluation._extract_options import OptionTable
from spinebench.evaluation._extract_selection import Mood, Selection, SelectionReader
from spinebench.evaluation._extract_verdicts import read_verdicts
from spinebench.evaluation._extract_wordings import (
    CUE_PATTERN,
    CUES,
    DESCRIPTIVE_CUES,
    REVISION_CUE,
    CommitmentStage,
)

_BLOCKED = re.compile(
    r"[\s:=\-\"'(\[{]*(?:is |are )?(?:I |we )?(?:cannot|can't|can not|unable|am unable"
    r"|not (?:possible|able|determin|sure|certain|clear|applicable|provided)"
    r"|undetermined|unclear|unknown|n/a\b|none\b|neither\b|uncertain|inconclusive"
    r"|indeterminate|无|不|未知)",
    re.IGNORECASE,
)
_UNSETTLED = re.compile(rf"[\s\"')\]}}]{{0,4}}\?|{TRAILING.pattern}", re.IGNORECASE)
_LETTER_TOKEN = re.compile(
    r"(?<![A-Za-z0-9'\-/.])(?:(?:(?:options?|choices?|answers?|levels?)\s*"
    r"|选项)?[(\[\"']{0,2}(?-i:[A-Z])|(?:option|choice)\s[a-z])(?![A-Za-z0-9'])",
    re.I,
)
_ADDING = re.compile(r"\b(?:also|additionally|plus|in addition|as well)\b|还(?:要|应|需)?", re.I)
_ONLY = re.compile(r"\b(?:only|nothing but|nothing other than) (?:option )?$", re.IGNORECASE)
_REMAINS = re.compile(
    r"[\s)\]]{1,3}(?:makes sense|fits|matches|remains|applies|works|is left|accounts for"
    r"|explains|qualifies"
    r"|survives|describes|captures|reflects|agrees with|does justice)\b",
    re.IGNORECASE,
)
# Words of the patterns that confirm a letter: where none is near, a letter need not be read.
_HINT = re.compile(
    r"\b(?:is|are|was|were|be|being|seems?|appears?|looks?|remains?|fits?|best|better|most"
    r"|match(?:es)?"
    r"|describes?|explains?|aligns?|corresponds?|stands|wins|makes?|shows?|ha[sv]e?"
    r"|demonstrates?|apply|applies|works|beats|outweighs|edges"
    r"|ticks|checks|accounts|qualifies|survives|captures|reflects|agrees|does)\b"
    r"|正确|符合|合适|恰当|可能|贴切|吻合|[都均皆]是?对|受累|狭窄|退变|病变|异常|突出",
    re.IGNORECASE,
)
_EXCLUDED = re.compile(
    r"\b(?:exclud|eliminat|dismiss|reject|discard|rul)\w*(?: out)?[ :]{1,2}"
    r"(?:(?:both|options?|choices?|levels?) )*$",
    re.IGNORECASE,
)
_AFTER_COMMA = re.compile(r", ?(?=(?:option )?[(\[]?[A-Z][)\]]?$)(.)")
_HINT_REACH_CHARS = 600
_LABELLED = re.compile(r"[- ]{0,3}(?:option |选项)?[(\[]?[A-Z][)\]]?\s?(?:[:.)]|-\s)")
# "The options are A, B, C, D and E."; not "the correct options are"
_LISTING = re.compile(
    r"(?:^|[.!?:\n]\s*)(?:(?:the|my|your|our|given|possible|available|listed|answer|answers|five"
    r"|four|three|six)\s)*(?:options|choices)(?: (?:given|listed|available))?"
    r" (?:are|were|include)\b"
    r"(?! (?:correct|right|all|every))",
    re.IGNORECASE,
)
# "My final option" without its words: "... at L4. [D]", at the end of a line.
_BRACKETED_END = re.compile(
    r"(?:^|[.!?。]\s+|→\s*)\[\s*([A-Z](?:\s?,\s?[A-Z]){0,25})\s?\][.\s]{0,3}$", re.MULTILINE
)


def find_last_commitment(text: str, table: OptionTable) -> Commitment | None:
    """The commitment of a cleaned text that counts: the last, valid or not; None without any."""
    # at the same place a cue counts before the bare letter behind it
    events = sorted(
        (event for event in _iter_commitments(text, table) if not _lists(event, text, table)),
        key=lambda event: (event.start, event.end, event.stage != "bare_letter"),
    )
    return choose_commitment(events, text, table)


def _lists(event: Commitment, text: str, table: OptionTable) -> bool:
    """Whether a commitment to every option only says what the options are."""
    if event.letters != table.every:
        return False
    return bool(_LISTING.search(text, max(0, event.start - 60), event.end))


def _iter_commitments(text: str, table: OptionTable) -> Iterator[Commitment]:
    reader = SelectionReader(text, table)
    cued = list(_iter_cued(text, table, reader))
    yield from cued
    yield from _iter_confirmed(text, table, reader)
    for bracketed in _iter_bracketed(text, table):
        if not any(event.start <= bracketed.start < event.end for event in cued):
            yield bracketed
    if table.multiple:
        rests = list(_iter_rest(text, table, reader))
        yield from rests
        for every in _iter_all(text, reader):
            if not any(rest.start <= every.start < rest.end for rest in rests):
                yield every
    verdicts = read_verdicts(text, table)
    if verdicts:
        yield Commitment("statement", verdicts.start, verdicts.end, verdicts.letters, decided=True)
    first = read_first_line(text, table, reader)
    if first and verdicts and first.letters > verdicts.letters:
        return  # "A (correct)\nB (incorrect)": a list of verdicts, not of choices
    if first:
        yield first
    last = read_last_line(text, table, reader)
    if last and not any(
        event.start <= last.start < event.end for event in (*cued, *([first] if first else []))
    ):
        yield last


def _iter_cued(text: str, table: OptionTable, reader: SelectionReader) -> Iterator[Commitment]:
    position = 0
    while True:
        cue = CUE_PATTERN.search(text, position)
        if cue is None:
            return
        stage, mood, _ = CUES[_rank(cue)]
        selection = reader.read(cue.end(), mood)
        if selection is None:
            if stage == "closing_line" and _BLOCKED.match(text, cue.end()):
                yield Commitment(stage, cue.start(), cue.end(), frozenset(), decided=False)
            position = cue.start() + 1
            continue
        inner = CUE_PATTERN.search(text, cue.end(), selection.start)
        if inner and _rank(inner) < _rank(cue):
            position = inner.start()  # "so my final option: C" is a closing line
            continue
        event = _build_cued(text, table, cue, stage, mood, selection)
        if event:
            yield event
        # A text after a weak cue may hide a stronger cue inside it.
        position = cue.end() if event is None else max(selection.end, cue.end())


def _rank(cue: re.Match[str]) -> int:
    """Place in the table of cues, the strongest first."""
    return int(str(cue.lastgroup).removeprefix("cue"))


def _build_cued(
    text: str,
    table: OptionTable,
    cue: re.Match[str],
    stage: CommitmentStage,
    mood: Mood,
    selection: Selection,
) -> Commitment | None:
    fits = selection.letters <= table.every and (table.multiple or len(selection.letters) == 1)
    if mood == "loose" and not (selection.decided and fits and selection.letters):
        return None
    if selection.by_text and mood != "protocol":
        return None  # words alone are weighed as words: a letter elsewhere beats them
    if mood != "protocol" and _closes_item(text, cue.start(), selection.start):
        return None
    # "no, C": the "no" of a revision denies what went before it.
    is_revision = cue.lastgroup == REVISION_CUE
    if mood == "protocol":
        if FORMAT.search(text, max(0, cue.start() - 90), cue.start()):
            return None
        if stage == "closing_line" and is_foreign(text, cue.start(), selection.end):
            return None
    elif is_withheld(text, cue.start(), selection, "" if is_revision else cue.group()):
        return None
    return Commitment(
        stage,
        cue.start(),
        selection.end,
        selection.letters,
        selection.decided and not _UNSETTLED.match(text, selection.end),
        selection.by_text,
        is_weak=cue.lastgroup in DESCRIPTIVE_CUES and not is_correction(text, cue),
        adds=mood != "protocol"
        and bool(_ADDING.search(text, max(0, cue.start() - 12), selection.start)),
    )


def _closes_item(text: str, start: int, letter: int) -> bool:
    """Whether a cue ends the line of one option, and the letter begins that of the next."""
    if "\n" not in text[start:letter]:
        return False
    line = text.rfind("\n", max(0, start - 400), start) + 1
    return bool(_LABELLED.match(text, line))


def _iter_confirmed(text: str, table: OptionTable, reader: SelectionReader) -> Iterator[Commitment]:
    """Letters confirmed by what follows them: "C is correct", "both B and D are affected"."""
    position = 0
    hints = [match.start() for match in _HINT.finditer(text)]
    while True:
        token = _LETTER_TOKEN.search(text, position)
        index = bisect_left(hints, token.start()) if token else len(hints)
        if token is None or index == len(hints):
            return
        if hints[index] > token.start() + _HINT_REACH_CHARS:
            position = hints[index] - _HINT_REACH_CHARS
            continue
        selection = reader.read(token.start(), "list")
        if selection and _EXCLUDED.search(text, max(0, token.start() - 40), token.start()):
            # "having excluded A-D, E is the answer": the comma ends what is excluded
            last = _AFTER_COMMA.search(text, token.start(), selection.end)
            if last:
                position = last.start(1)
                continue
        if selection is None:
            position = token.end()
            continue
        position = max(token.end(), selection.end)
        before = text[max(0, token.start() - 24) : token.start()]
        confirmed = POSITIVE.match(text, selection.end)
        if not confirmed and _ONLY.search(before):
            confirmed = _REMAINS.match(text, selection.end)
        if not confirmed and table.multiple:
            confirmed = INVOLVED.match(text, selection.end)
        if not confirmed or NAMED_THING.search(before) or selection.by_text:
            continue
        if not is_withheld(text, token.start(), selection, confirmed.group()):
            yield Commitment(
                "statement",
                token.start(),
                confirmed.end(),
                selection.letters,
                selection.decided,
                confirms=not _ONLY.search(before),
            )


def _iter_bracketed(text: str, table: OptionTable) -> Iterator[Commitment]:
    """Letters of the options alone in square brackets at the end of a line, as in the protocol."""
    for found in _BRACKETED_END.finditer(text):
        letters = frozenset(re.findall("[A-Z]", found[1]))
        fits = letters <= table.every and (table.multiple or len(letters) == 1)
        if fits and not FORMAT.search(text, max(0, found.start() - 90), found.start(1)):
            yield Commitment("bare_letter", found.start(1), found.end(), letters, decided=True)


def _iter_all(text: str, reader: SelectionReader) -> Iterator[Commitment]:
    """Every option said to be right or affected: "all levels (except A) are affected"."""
    for every in ALL.finditer(text):
        chosen = reader.read_all(every)
        confirmed = INVOLVED.match(text, chosen.end) or POSITIVE.match(text, chosen.end)
        if confirmed and not is_withheld(text, chosen.start, chosen, confirmed.group()):
            yield Commitment(
                "statement", chosen.start, confirmed.end(), chosen.letters, chosen.decided
            )


def _iter_rest(text: str, table: OptionTable, reader: SelectionReader) -> Iterator[Commitment]:
    """Every option but those named before: "except for A, all levels are affected"."""
    for apart in EXCEPT_FIRST.finditer(text):
        left_out = reader.read(apart.end(), "strong")
        if left_out is None or not left_out.letters < table.every:
            continue
        rest = REST.match(text, left_out.end)
        if rest is None:
            continue
        confirmed = next(
            filter(None, (words.match(text, rest.end()) for words in (INVOLVED, POSITIVE, CHOSEN))),
            None,
        )
        if confirmed:
            chosen = table.every - left_out.letters
            yield Commitment("statement", apart.start(), confirmed.end(), chosen, decided=True)
