"""Answers that judge option by option: "A: incorrect ... C: correct", `{"A": false, "C": true}`."""

import re
from dataclasses import dataclass
from itertools import islice

from spinebench.evaluation._extract_options import OptionTable

_ITEM = re.compile(
    r"(?:^|(?<=[\n。;|])|(?<=[.,;] ))[ |]*(?:- |\d{1,2}[.)] )?(?:options?[ ]|选项)?[(\[]?"
    r"([A-Z])[)\]]?(?:选项)?[ ]?(?:[:.)|]|-[ ]|\()",
    re.IGNORECASE,
)
_BODY = re.compile(r"[^\n。;]{0,400}")
_CUT = re.compile(r"\s-\s|[:|;,()。]|\.(?=\s|$)")
_LEAD = re.compile(
    r"(?:this |option |choice |it |answer |the |is |was |seems |clearly |therefore |thus |so "
    r"|affected|involved|[=→?]|\s)*",
    re.IGNORECASE,
)
_YES = re.compile(
    r"correct(?: answer| option| choice)?|yes|true|chosen|selected|affected|supported|best (?:fit"
    r"|match)"
    r"|符合|正确|是|对|选",
    re.IGNORECASE,
)
_NO = re.compile(
    r"incorrect|no|false|wrong|not (?:correct|affected|involved|present|seen|selected|likely|chosen"
    r"|supported|consistent)|unaffected|absent|excluded|rejected|eliminated|ruled out|unlikely"
    r"|less likely|不符合|错误|不正确|否|不是|不对|不选|排除",
    re.IGNORECASE,
)
# every letter four times: more is a text about something else, or made to take long
_MAX_ITEMS = 104
_DECLARED = re.compile(
    r"\b(?:this|it|that|which) is (?:therefore |thus |clearly )?(?:the|my)"
    r" (?:(?:correct|right|best|final|most likely) )?(?:answer|choice|option|pick)\b",
    re.IGNORECASE,
)
# "B? No. D? Yes.", "B no, D yes"
_SHORT_ITEM = re.compile(
    r"(?<![A-Za-z0-9])([A-Z])(?:\?\s{0,2}(yes|no)\b|\s(yes|no)(?=\s*(?:[.,;!\n]|$)))", re.IGNORECASE
)
_JSON_ITEM = re.compile(
    r"[\"']([A-Z])[\"']\s?:\s?[\"']?(true|false|yes|no|correct|incorrect|[01])[\"']?(?=\s*[,}])",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The options that a list of verdicts calls right."""

    letters: frozenset[str]
    start: int
    end: int


def read_verdicts(text: str, table: OptionTable) -> Verdicts | None:
    """What a list of verdicts on single options chooses, or None where there is no such list.

    One of which it is said "this is the answer" is chosen. Else at least one option is called right
    and one wrong, and none both; a single answer needs exactly one that is right. Rejections alone
    are elimination and choose nothing.
    """
    if sum(1 for _ in islice(_ITEM.finditer(text), _MAX_ITEMS + 1)) > _MAX_ITEMS:
        return None
    declared = _find_declared(text)
    if declared:
        return declared
    told: dict[str, bool] = {}
    start, end = len(text), 0
    for letter, is_right, begin, stop in [
        *_iter_json(text),
        *_iter_lines(text, table),
        *_iter_short(text),
    ]:
        if told.setdefault(letter, is_right) != is_right:
            return None
        if is_right:
            start, end = min(start, begin), max(end, stop)
    chosen = frozenset(letter for letter, is_right in told.items() if is_right)
    if not chosen or len(chosen) == len(told) or (len(chosen) > 1 and not table.multiple):
        return None
    return Verdicts(chosen, start, end)


def _find_declared(text: str) -> Verdicts | None:
    found = []
    for item in _ITEM.finditer(text):
        body = _BODY.match(text, item.end())
        if body and item[1].isupper() and _DECLARED.search(body.group()):
            found.append(Verdicts(frozenset(item[1]), item.start(1), body.end()))
    return found[0] if len(found) == 1 else None


def _iter_json(text: str) -> list[tuple[str, bool, int, int]]:
    return [
        (
            item[1].upper(),
            item[2].lower() in ("true", "yes", "correct", "1"),
            item.start(),
            item.end(),
        )
        for item in _JSON_ITEM.finditer(text)
    ]


def _iter_short(text: str) -> list[tuple[str, bool, int, int]]:
    return [
        (item[1], (item[2] or item[3]).lower() == "yes", item.start(), item.end())
        for item in islice(_SHORT_ITEM.finditer(text), _MAX_ITEMS)
        if item[1].isupper()
    ]


def _iter_lines(text: str, table: OptionTable) -> list[tuple[str, bool, int, int]]:
    found = []
    for item in _ITEM.finditer(text):
        if not item[1].isupper():
            continue
        body = _BODY.match(text, item.end())
        words = body.group() if body else ""
        mention = table.match_mention(words.lstrip(" *\"'"), 0)
        if mention:  # the option's own text is no verdict on it
            words = words.lstrip(" *\"'")[mention.end :]
        for part in _CUT.split(words):
            verdict = part[_lead_end(part) :].strip(" \"'!")
            if _YES.fullmatch(verdict) or _NO.fullmatch(verdict):
                is_right = bool(_YES.fullmatch(verdict))
                found.append((item[1], is_right, item.start(1), item.end() + len(words)))
                break
    return found


def _lead_end(part: str) -> int:
    lead = _LEAD.match(part)
    # "affected" is a lead only where a verdict follows: "affected: yes", "affected"
    if lead is None or lead.end() == len(part):
        return len(part) - len(part.lstrip())
    return lead.end()
