"""Where a text commits itself to letters: closing lines, JSON fields, statements, bare letters.

Each commitment becomes an event with its place; the cascade takes the last one. A place that is
negated, hypothetical, asked, quoted as a format or taken back is no commitment.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from spinebench.evaluation._extract_options import OptionTable
from spinebench.evaluation._extract_selection import (
    ALL,
    INVOLVED,
    POSITIVE,
    Mood,
    Selection,
    SelectionReader,
)

CommitmentStage = Literal["closing_line", "json", "statement", "bare_letter"]


@dataclass(frozen=True, slots=True)
class Commitment:
    """One place where the text commits itself, well or badly."""

    stage: CommitmentStage
    start: int  # of the cue
    end: int
    letters: frozenset[str]  # empty: committed to nothing that could be read ("none", "unclear")
    decided: bool
    by_text: bool = False


_FINAL_NOUN = r"(?:options?|answers?|choices?|selections?|decision|pick|verdict|response|letters?|diagnosis)"
_CLOSING = (
    rf"(?:\b(?:final|ultimate)[\s_\-]*{_FINAL_NOUN}(?![A-Za-z])(?: is| are)?(?: my)?"
    r"|\bfinal(?=\s*:)|\b(?:final|my) options?(?=[A-Z]\b)|最终(?:选项|答案|选择|结论|诊断)|最后(?:选项|答案|选择)|我的(?:选项|答案))"
)
KEEP_ECHO_AFTER = re.compile(rf"{_CLOSING}[\s:=\"'(\[]{{0,8}}$", re.IGNORECASE)
"""A closing line's head: a whole list of options right behind it is a choice, not an echo."""

_ADJECTIVE = (
    r"(?:correct|right|best|chosen|selected|appropriate|accurate|suitable|likely|probable|plausible"
    r"|fitting|my|final|affected|true|single)"
)
_NOUN = (
    rf"(?:\b(?:answers?(?! (?:choices|options))|ans|{_ADJECTIVE}\s+(?:options?|choices?|letters?|levels?|selections?)|option(?! [A-Z]\b)|choice|selection"
    r"|pick|guess|diagnosis|conclusion|verdict|impression|prediction|decision|vote|bet|judge?ment"
    r"|response|result|classification|letter|one)\b)"
)
_LINK = (
    r"(?:\b(?:is|are|was|were|would (?:\w+ )?be|should (?:\w+ )?be|must be|will be|has to be|appears to be|seems to be"
    r"|remains|becomes|lies|goes (?:to|with)|falls on)\b|[:=]|→|\s-\s)"
)
_STRONG_PATTERNS = (
    rf"{_NOUN}(?:\(s\))?[^.;:!?\n=]{{0,60}}?{_LINK}",
    r"\b(?:answers?(?! (?:choices|options))|ans|correct)(?=[\s\]:(\[\-→]|(?-i:(?<=[a-z])[A-Z]\b))",
    r"\bboxed:",
    r"\bmost (?:likely|probable|plausible|appropriate|suitable|accurate|fitting)(?: \w+){0,3}? (?:is|would be)\b",
    r"\b(?:choos(?:e|ing)|chose|select(?:ing|ed)?|pick(?:ing|ed)?|go(?:ing)? (?:with|for)|opt(?:ing)? for"
    r"|settl(?:e|ing) (?:on|for|with)|lean(?:ing)? (?:towards?|to|on)|favou?r|answer|say|conclude"
    r"|stick(?:ing)? with|vote for|stand by|commit(?:ting)? to|respond with|land(?:ing)? on|prefer)\b(?: that)?(?: it)?",
    r"(?:正确)?答案(?:应该|应当|应)?(?:是|为|选)?|正确(?:的)?(?:选项|选择)?(?:是|为)|(?:我)?(?:会|将|应该|应|故|因此|所以|综上)?选(?:择|项是|项为)?(?!项)"
    r"|最可能(?:的)?(?:\w{0,4})?(?:是|为)|诊断(?:结果)?(?:是|为|:)|(?:受累|病变|受影响)(?:的)?(?:节段|水平|部位)(?:是|为|:|位于)?|应该是|应当是|应是|而是",
)
_LOOSE_PATTERNS = (
    r"\b(?:it's|it is|this is|that is|that's|i'd be|it must be|it has to be|should be|must be|would be)\b",
    r"\b(?:consistent with|corresponds? (?:to|with)|corresponding to|match(?:es)?|points? (?:to|towards?|at)|suggests?|indicates?"
    r"|supports?|indicative of|suggestive of|suggesting|indicating|fits?(?: with)?|compatible with"
    r"|characteristic of|typical of|in keeping with|(?:described|explained|represented|captured) by"
    r"|leads? (?:me |us )?to|narrows? (?:it |this )?down to|leav(?:es|ing)(?: us| me)?(?: only)?(?: with)?"
    r"|mak(?:es|ing)|tips it(?: towards?)?|comes? down to|map(?:s|ped)? to|falls? under|classif(?:y|ied) (?:it |this )?as)\b",
    r"\b(?:so|therefore|thus|hence|ergo|consequently|accordingly|in conclusion|in summary|conclusion"
    r"|finally|to conclude|ultimately|verdict)\b",
    r"\bI (?:think|believe|guess|suspect|feel)\b|\bin my (?:opinion|view)\b|\bi\.e\.|\bnamely\b",
    r"\b(?:located|seen|present|found|visible) (?:at|in)\b|\blesions? (?:is|are) (?:at|in)\b"
    r"|\b(?:affected|involved|abnormal|diseased) (?:levels?|segments?|discs?|options?)(?: (?:is|are|include))?"
    r"|\b(?:involves?|involving|affecting)\b",
    r"结论(?:是|为)?|判断(?:是|为)|位于|所以|因此|综上|考虑|我认为是?|提示|对应|符合",
)
_REVISION_PATTERN = (
    r"(?:\b(?:no|wait|nope|hmm|oops|sorry|actually|correction|rather|scratch that|never mind|instead)\b\s*(?:[.,:;!\-]|\bno\b|\bwait\b|\bactually\b)"
    r"|\b(?:actually|make that|i mean|i meant|make it|scratch that|or rather|correction)\b"
    r"|\b(?:chang(?:e|ed|ing)|revis(?:e|ed|ing)|switch(?:ed|ing)?|correct(?:ed|ing)?|amend(?:ed|ing)?|updat(?:e|ed|ing))"
    r"(?: (?:it|that|this|my (?:answer|mind|choice|response)))*(?: to|:)"
    r"|不对[,。]?|更正[为:]?|(?:应)?改(?:为|选)|纠正[为:]?|不,)(?:\s*(?:no|wait|actually|hmm|it's|it is|应该是|是)[\s,.:]*)*"
)
_JSON_KEY = (
    r"[\"'](?:answers?|(?:final|correct|selected|chosen|predicted|my)[_ ]?(?:answers?|options?|choices?|letters?)"
    r"|choice|selection|selected|option|prediction|label|letters?|response|result|output|diagnosis|答案)[\"']\s*:"
)
_CUES: tuple[tuple[CommitmentStage, Mood, str], ...] = (
    ("json", "protocol", _JSON_KEY),
    ("closing_line", "protocol", _CLOSING),
    *(("statement", "strong", pattern) for pattern in _STRONG_PATTERNS),  # type: ignore[misc]
    *(("statement", "loose", pattern) for pattern in _LOOSE_PATTERNS),  # type: ignore[misc]
    ("statement", "loose", _REVISION_PATTERN),
)
_CUE_PATTERN = re.compile(
    "|".join(f"(?P<cue{index}>{pattern})" for index, (_, _, pattern) in enumerate(_CUES)), re.IGNORECASE
)

_BOUNDARY = re.compile(
    r"[,;:()\[\]—。、!?\n]|\.\s|\b(?:but|however|yet|though|although|while|whereas|so|therefore|thus|hence|because"
    r"|still|nevertheless|nonetheless|and I|then|instead)\b|但|而|因此|所以|故",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[!?。\n]|[.;](?=\s|$)")
_NEGATION = re.compile(
    r"\b(?:not|cannot|can't|\w+n't|never|neither|nor|without|whether|unless|unlikely|doubt\w*|den(?:y|ies)"
    r"|rul(?:e|es|ed|ing) out|exclud\w+|eliminat\w+|dismiss\w*|reject\w*|unable|nothing|no|none|hardly|rather than"
    r"|instead of|refus\w+|hesitat\w+|wrong to)\b|不|非(?!常)|无法|排除|未",
    re.IGNORECASE,
)
_IF = re.compile(r"\bif\b|\bwhether\b|是否|如果", re.IGNORECASE)
_HEDGE = re.compile(
    r"\b(?:may|might|could|tempt\w*|some (?:would|people|readers|may)|someone|one (?:would|may|might)|others|many"
    r"|you|inclined|initially|at first|originally|previously|earlier|first (?:thought|considered|chose)"
    r"|would have|was going to|had)\b|起初|一开始|最初|原来|曾",
    re.IGNORECASE,
)
_WRONG_NOUN = re.compile(
    r"\b(?:second|alternative|other|next|wrong|incorrect|initial|first|original|previous|earlier|backup|runner-up"
    r"|least likely|less likely|unlikely|differential|possible|secondary|another|tentative)"
    r"(?:[\s-](?:\w+\s)?)?$",
    re.IGNORECASE,
)
_FORMAT = re.compile(
    r"(?:\bformat|\bexample|e\.g\.|such as|\btemplate|\bin the form|following form|\bend(?:s|ing)? with|\bmust be written)"
    r"[^\n]{0,60}$",
    re.IGNORECASE,
)
_FORCED = re.compile(
    r"\bif (?:i|we|you) (?:had|have|must|were|was|am|need|do)\b|\bif (?:forced|pressed|required|asked|only|a |one )|\bif (?:i|we)'",
    re.IGNORECASE,
)
_FORCED_PHRASE = re.compile(
    r"\bif (?:(?:i|we) (?:had|have|must|were|was|am|need) ?(?:to|forced to|pressed to|asked to)?|(?:forced|pressed|required|asked) to)\s+\w+(?: (?:one|a single one|an answer|only one))?",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(r"\b(?:if|unless|were (?:there|it|the)|had (?:there|it|the)|provided|assuming|suppose)\b", re.I)
_WOULD = re.compile(r"\b(?:would|could|might|may|i'd)\b", re.IGNORECASE)
_TAKEN_BACK = re.compile(
    r"\s*[,)]*\s*(?:(?:is|are|was|seems?|appears?|looks?|can|could|would|may|might|does|do|has)\s*(?:also |all |both |clearly |likely |probably )*"
    r"(?:not\b|n't|wrong|incorrect|unlikely|less|least|be (?:excluded|ruled|eliminated|considered)|excluded|ruled|eliminated|implausible|false|only)"
    r"|isn't|aren't|doesn't|is not|不|错)",
    re.IGNORECASE,
)
_ALTERNATIVE = re.compile(r"[^.;\n]{0,40}\b(?:alternative|differential|second choice|runner-up|next best|distractor)", re.I)
_BLOCKED = re.compile(
    r"[\s:=\-\"'(\[{]*(?:is |are )?(?:I |we )?(?:cannot|can't|can not|unable|am unable|not (?:possible|able|determin|sure|certain|clear|applicable|provided)"
    r"|undetermined|unclear|unknown|n/a\b|none\b|neither\b|uncertain|inconclusive|indeterminate|无|不|未知)",
    re.IGNORECASE,
)
_NAMED_THING = re.compile(
    r"\b(?:grade|type|class|stage|group|image|figure|fig|panel|vitamin|hepatitis|series|view|point|arrow|label"
    r"|plan|asia|ais|frankel|schizas|modic|zone|segment|slide|box|case|patient|appendix|table|category|phase"
    r"|lenke|section|ward|room|line|marker|structure|region|area|letter|strain|virus|factor|protein|streptococcus)s?\.?\s*$",
    re.IGNORECASE,
)
_LISTED = re.compile(r"(?:^|[\s,;(\[{\"'])([A-Z])[\"']?\s?(?:[:)]|\.(?=\s)|\(\d)", re.MULTILINE)
_LETTER_TOKEN = re.compile(r"(?<![A-Za-z0-9'\-/.])(?:(?:options?|choices?|answers?|levels?)\s*|选项)?[(\[\"']{0,2}(?-i:[A-Z])(?![A-Za-z0-9'])", re.I)
_LINE_END = re.compile(r"[\s\"')\]}.,;:!]*$")
_FIRST_DELIMITER = re.compile(r"[\"')\]}]*\s*(?:$|[.:),;(\n]|\s?-\s)")
_LAST_SENTENCE = re.compile(r"(?:[.!?。]\s+|→\s*|\n)[(\[\"']*([A-Z])[)\]\"'.]*\s*$")


def iter_commitments(text: str, table: OptionTable) -> Iterator[Commitment]:
    """All commitments of a cleaned text, not in order; invalid ones included."""
    reader = SelectionReader(text, table)
    cued = list(_iter_cued(text, table, reader))
    yield from cued
    yield from _iter_confirmed(text, table, reader)
    if table.multiple:
        yield from _iter_all(text, table)
    first = _read_first_line(text, table, reader)
    if first:
        yield first
    last = _read_last_line(text, table, reader)
    if last and not any(event.start <= last.start < event.end for event in (*cued, *([first] if first else []))):
        yield last


def _iter_cued(text: str, table: OptionTable, reader: SelectionReader) -> Iterator[Commitment]:
    position = 0
    while True:
        cue = _CUE_PATTERN.search(text, position)
        if cue is None:
            return
        stage, mood, _ = _CUES[int(str(cue.lastgroup)[3:])]
        selection = reader.read(cue.end(), mood)
        if selection is None:
            if stage == "closing_line" and _BLOCKED.match(text, cue.end()):
                yield Commitment(stage, cue.start(), cue.end(), frozenset(), decided=False)
            position = cue.start() + 1
            continue
        event = _build_cued(text, table, cue, stage, mood, selection)
        if event:
            yield event
        # A text after a weak cue may hide a stronger cue inside it.
        position = cue.end() if event is None else max(selection.end, cue.end())


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
    # "no, C": the "no" of a revision denies what went before it.
    is_revision = cue.lastgroup == f"cue{len(_CUES) - 1}"
    if mood == "protocol":
        if _FORMAT.search(text, max(0, cue.start() - 90), cue.start()):
            return None
    elif _is_withheld(text, cue.start(), selection, "" if is_revision else cue.group()):
        return None
    return Commitment(
        stage, cue.start(), selection.end, selection.letters, selection.decided, selection.by_text
    )


def _iter_confirmed(text: str, table: OptionTable, reader: SelectionReader) -> Iterator[Commitment]:
    """Letters confirmed by what follows them: "C is correct", "both B and D are affected"."""
    position = 0
    while True:
        token = _LETTER_TOKEN.search(text, position)
        if token is None:
            return
        selection = reader.read(token.start(), "list")
        if selection is None:
            position = token.end()
            continue
        position = max(token.end(), selection.end)
        confirmed = POSITIVE.match(text, selection.end)
        if not confirmed and table.multiple:
            confirmed = INVOLVED.match(text, selection.end)
        before = text[max(0, token.start() - 24) : token.start()]
        if not confirmed or _NAMED_THING.search(before) or selection.by_text:
            continue
        if not _is_withheld(text, token.start(), selection, confirmed.group()):
            yield Commitment(
                "statement", token.start(), confirmed.end(), selection.letters, selection.decided
            )


def _iter_all(text: str, table: OptionTable) -> Iterator[Commitment]:
    """Every option said to be right or affected: "all levels are affected"."""
    for every in ALL.finditer(text):
        confirmed = INVOLVED.match(text, every.end()) or POSITIVE.match(text, every.end())
        selection = Selection(table.every, every.start(), every.end())
        if confirmed and not _is_withheld(text, every.start(), selection, confirmed.group()):
            yield Commitment("statement", every.start(), confirmed.end(), table.every, decided=True)


def _read_first_line(text: str, table: OptionTable, reader: SelectionReader) -> Commitment | None:
    """An answer that begins with its letter: "C", "C) Osteophytes", "A, C", "B. The image ..."."""
    first = text.split("\n", 1)[0]
    whole = _LINE_END.match(text, len(first)) is not None
    selection = reader.read(0, "strong", by_line=True)
    if selection is None or selection.by_text or selection.scored:
        return None
    if not selection.letters and not whole:
        return None
    pure = bool(_LINE_END.match(first, min(selection.end, len(first))))
    listed = {match[1] for match in _LISTED.finditer(text)} - selection.letters
    if not pure and (listed or not _FIRST_DELIMITER.match(text, selection.end)):
        return None
    if _is_prose(text, selection, first):
        return None
    return Commitment("bare_letter", 0, selection.end, selection.letters, selection.decided)


def _is_prose(text: str, selection: Selection, first: str) -> bool:
    """Whether the first words are a sentence that merely begins like an answer."""
    after = text[selection.end : selection.end + 40]
    question = after.lstrip("\"')]} ").startswith("?")
    return question or bool(_TAKEN_BACK.match(after)) or bool(re.match(r"\.\s?[a-z]", after))


def _read_last_line(text: str, table: OptionTable, reader: SelectionReader) -> Commitment | None:
    """A letter that stands alone at the end, after other lines or sentences."""
    *before, last = text.rstrip().split("\n")
    start = len(text.rstrip()) - len(last)
    if before:
        selection = reader.read(start, "strong")
        previous = next((line for line in reversed(before) if line.strip()), "")
        if (
            selection
            and selection.letters
            and not selection.by_text
            and not selection.scored
            and not _LISTED.match(previous.lstrip("- "))
            and _LINE_END.match(text, selection.end)
        ):
            return Commitment(
                "bare_letter", start, selection.end, selection.letters, selection.decided
            )
    lone = _LAST_SENTENCE.search(text, max(0, len(text) - 40))
    if lone and lone[1] in table.every and not _NAMED_THING.search(text[: lone.start(1)][-24:]):
        return Commitment("bare_letter", lone.start(1), lone.end(), frozenset(lone[1]), decided=True)
    return None


def _is_withheld(text: str, start: int, selection: Selection, cue: str) -> bool:
    """Whether what stands around a statement takes its force: "not", "whether", "could", "?"."""
    window = text[max(0, start - 220) : start]
    sentence = window[_last_end(_SENTENCE_END, window) :]
    clause = sentence[_last_end(_BOUNDARY, sentence) :]
    near = _FORCED_PHRASE.sub(" ", clause)[-60:]
    if _NEGATION.search(near) or _HEDGE.search(near) or _IF.search(near) or _NEGATION.search(cue):
        return True
    if _WRONG_NOUN.search(near) or _WRONG_NOUN.search(cue[:30].rsplit(" ", 1)[0]):
        return True
    if re.search(r"\b(?:may|might|could) be\b", cue) or _FORMAT.search(sentence):
        return True
    rest = text[selection.end : selection.end + 160]
    ending = _SENTENCE_END.search(rest)
    rest_of_sentence = rest[: ending.end()] if ending else rest
    if rest_of_sentence.endswith("?") or _TAKEN_BACK.match(rest):
        return True
    if _ALTERNATIVE.match(rest_of_sentence):
        return True
    whole = f"{sentence} {cue} {rest_of_sentence}"
    if _WOULD.search(f"{near} {cue}") and _SUPPOSED.search(whole):
        return not _FORCED.search(whole)
    return False


def _last_end(pattern: re.Pattern[str], text: str) -> int:
    end = 0
    for match in pattern.finditer(text):
        end = match.end()
    return end
