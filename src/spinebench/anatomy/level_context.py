"""What stands around the characters of a level and makes them something else.

T1 and T2 are MR sequences beside their words, L5 is a nerve in "L5 root", C2 a fracture type in "AO
type C2". The evidence is the text directly before and after a run of like mentions: in "L4, L5 and
S1 nerve roots" the noun at the end speaks for all three, in "L5/S1, S1 root" for the last alone.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from spinebench.anatomy.column import Level, Region, column_naming, level_distance
from spinebench.anatomy.level_tokens import Token
from spinebench.anatomy.level_words import (
    build_alternatives,
    compile_after,
    compile_before,
    load_level_words,
)


@dataclass(frozen=True, slots=True)
class Mention:
    """One vertebra, segment or dash-range as written, within a group bound by list words."""

    levels: list[Level]  # empty when no vertebra has that number
    start: int  # in the normalised text
    end: int
    link: str  # to the mention before it: "list", "range", "break" or "" for the first
    tokens: tuple[Token, ...]

    @property
    def is_single(self) -> bool:
        """Whether this is one vertebra or one segment."""
        return len(self.levels) == 1

    @property
    def is_disc(self) -> bool:
        """Whether this names motion segments."""
        return bool(self.levels) and self.levels[-1].is_disc

    @property
    def may_be_sequence(self) -> bool:
        """Whether these are T1 and T2 written with the one letter T."""
        return all(
            token.region is Region.THORACIC and token.number <= 2 and token.prefix == "t"
            for token in self.tokens
        )


def select_level_mentions(text: str, group: list[Mention]) -> list[Mention]:
    """The mentions of one group that mean levels where they stand in the normalised `text`."""
    sequences: set[int] = set()
    for first, last in _iter_runs(group, lambda mention: mention.may_be_sequence):
        before, after = _cut_surroundings(text, group[first].start, group[last].end)
        if group[first].may_be_sequence and _is_sequence(
            before, after, is_in_list=_runs_on(group, first, last)
        ):
            sequences.update(range(first, last + 1))
    # A3 and B2 in the same list are fracture types, and so is C1 beside them.
    has_types = any(token.region is None for item in group for token in item.tokens)
    meant: list[Mention] = []
    for first, last in _iter_runs(group, lambda mention: mention.is_disc):
        before, after = _cut_surroundings(text, group[first].start, group[last].end)
        if _is_neural(before, after, is_disc=group[first].is_disc):
            continue
        codes = _find_codes(before, after, is_disc=group[first].is_disc, has_types=has_types)
        meant.extend(
            group[index]
            for index in range(first, last + 1)
            if index not in sequences and not any(code.covers(group[index]) for code in codes)
        )
    return meant


def _cut_surroundings(text: str, start: int, end: int) -> tuple[str, str]:
    # All patterns look at the nearest words alone; a window keeps long reports linear.
    return text[max(start - 100, 0) : start], text[end : end + 100]


def _iter_runs(
    group: list[Mention], read_kind: Callable[[Mention], bool]
) -> Iterator[tuple[int, int]]:
    """First and last index of each run of one kind: mentions that share the words around them."""
    first = 0
    for index in range(1, len(group) + 1):
        if (
            index == len(group)
            or group[index].link == "break"
            or read_kind(group[index]) != read_kind(group[first])
        ):
            yield first, index - 1
            first = index


def _runs_on(group: list[Mention], first: int, last: int) -> bool:
    """Whether the list goes on to a near vertebra: "C7 and T1 signal" is about vertebrae."""
    inside = [level for mention in group[first : last + 1] for level in mention.levels]
    outside = [*group[max(first - 1, 0) : first], *group[last + 1 : last + 2]]
    near = [level for mention in outside if not mention.is_disc for level in mention.levels]
    column = column_naming(inside + near)
    return any(level_distance(one, other, column=column) <= 1.5 for one in inside for other in near)


@cache
def _sequence_patterns() -> dict[str, re.Pattern[str]]:
    words: dict[str, Any] = load_level_words()["sequence"]
    qualifiers = build_alternatives(words["qualifiers"])
    partners = build_alternatives(words["partners"])
    not_on = build_alternatives(words["not_on"])
    link = r"[\s/,、&+_-]*(?:and|und|or|及|和)?\s*"
    gap, article = r"[\s:_/,、(-]*", r"(?:both\s+|the\s+)*"
    return {
        "own": compile_after(r"[\s:_*-]*", build_alternatives(words["after"])),
        "signal": compile_after(r"[\s:_*-]*", build_alternatives(words["signal_after"])),
        "star": compile_after(r"\*(?!\*)"),
        "qualified": compile_after(
            rf"[\s:_-]*(?:{qualifiers}[\s/,-]+){{1,4}}", build_alternatives(words["signal_after"])
        ),
        "chinese": compile_after(r"\s*[呈为示均上]*[略稍长短等高低中混杂片状]*信号"),
        "contrast": compile_after(r"\s*(?:\+\s*[cg]|c\s?\+)(?![a-z0-9])"),
        "partner_after": compile_after(link, partners),
        "partner_before": compile_before(partners, link),
        "before": compile_before(build_alternatives(words["before"]), rf"{gap}(?:and\s+|both\s+)?"),
        "seen_on": compile_before(
            build_alternatives(words["seen_on"]), r"\s+(?:\w+\s+){0,2}?(?:on|in)\s+", article
        ),
        "on": compile_before(r"(?<![a-z])on\s+", article),
        "not_on": compile_before(
            rf"(?:\d|{not_on})\W+(?:\w+\W+){{0,3}}?on\s+", article
        ),
        "others": compile_after(r"\A(?:\s+t[12](?![a-z0-9/-]))*"),
        "file": compile_after(r"\.(?:mha|nii|dcm|png|jpe?g|csv|json|gz)(?![a-z])"),
    }  # fmt: skip


@cache
def _noun_pattern() -> re.Pattern[str]:
    words = load_level_words()
    qualifiers = build_alternatives(words["noun_qualifiers"])
    nouns = build_alternatives([*words["level_nouns"], *words["things_at_levels"]])
    return compile_after(rf"[\s-]*(?:{qualifiers}[\s-]+)*", nouns)


def _is_sequence(before: str, after: str, *, is_in_list: bool) -> bool:
    """Whether T1 or T2 between `before` and `after` is a pulse sequence.

    What follows decides first, then a vertebra's noun, then what precedes; without any sign it is
    the vertebra. In a list with neighbours ("C7 and T1 signal") only a sequence's own word counts.
    """
    patterns = _sequence_patterns()
    # "T1 T2 STIR": the words after the last one speak for all.
    after = patterns["others"].sub("", after, count=1)
    following = ("own", "star", "partner_after", "contrast", "file")
    if any(patterns[name].match(after) for name in following):
        return patterns["star"].match(after) is None or not before.endswith("*")
    if is_in_list:
        return False
    if any(patterns[name].match(after) for name in ("signal", "qualified", "chinese")):
        return True
    if _noun_pattern().match(after):
        return False
    if any(patterns[name].search(before) for name in ("before", "partner_before", "seen_on")):
        return True
    return bool(patterns["on"].search(before)) and not patterns["not_on"].search(before)


@cache
def _neural_patterns() -> dict[str, re.Pattern[str]]:
    words: dict[str, Any] = load_level_words()["neural"]
    sides = build_alternatives(["left", "right", "bilateral", "the", "both"])
    nouns = build_alternatives(words["before"])
    qualifiers = build_alternatives(words["qualifiers"])
    lead = rf"[\s_/(),-]*(?:{qualifiers}[\s/,()-]*){{0,4}}"
    places = build_alternatives(words["before_at"])
    excepted = build_alternatives(words["after_except"])
    return {
        "after": compile_after(lead, rf"(?!{excepted})", build_alternatives(words["after"])),
        "before": compile_before(nouns, rf"\s*(?:of\s+|for\s+|von\s+|de\s+)?(?:{sides}\s+)*"),
        "before_at": compile_before(places, r"\s+(?:at|in)\s+(?:the\s+)?"),
        "before_list": compile_before(nouns, rf"\s*[:(-]\s*(?:{sides}\s+)*"),
    }  # fmt: skip


def _is_neural(before: str, after: str, *, is_disc: bool) -> bool:
    """Whether the levels name nerve roots, dermatomes, myotomes or a radiculopathy."""
    patterns = _neural_patterns()
    if patterns["after"].match(after):
        return True
    if _noun_pattern().match(after):
        return False
    # "radiculopathy: L4/5" introduces a finding, "roots: L5, S1" a list of roots.
    names = ("before",) if is_disc else ("before", "before_list", "before_at")
    return any(patterns[name].search(before) for name in names)


@dataclass(frozen=True, slots=True)
class _Code:
    prefixes: frozenset[str]
    numbers: range
    before: re.Pattern[str] | None
    after: re.Pattern[str] | None
    is_fracture_type: bool

    def covers(self, mention: Mention) -> bool:
        """Whether the mention is written as this code writes its own."""
        return all(t.prefix in self.prefixes and t.number in self.numbers for t in mention.tokens)


@cache
def _codes() -> tuple[_Code, ...]:
    lead, gap = r"[\s:.#_-]*", r"[\s:.,#_/-]*(?:and\s+)?"
    codes = []
    for entry in load_level_words()["codes"]:
        first, last = entry["numbers"]
        prefixes = [entry["prefixes"]] if entry["prefixes"] == "th" else entry["prefixes"]
        before, after = entry["before"], entry["after"]
        code = _Code(
            prefixes=frozenset(prefixes),
            numbers=range(first, last + 1),
            before=compile_before(build_alternatives(before), gap) if before else None,
            after=compile_after(lead, build_alternatives(after)) if after else None,
            is_fracture_type="fracture" in entry["what"],
        )  # fmt: skip
        codes.append(code)
    return tuple(codes)


def _find_codes(before: str, after: str, *, is_disc: bool, has_types: bool) -> list[_Code]:
    """The meanings other than a level that the words around a run of mentions give."""
    is_named = _noun_pattern().match(after) is not None
    found = []
    for code in _codes():
        is_announced = code.before is not None and code.before.search(before) is not None
        if code.is_fracture_type:
            # "AO type C1 fracture": the noun says nothing about which of the two it is.
            is_meant = has_types or is_announced
        else:
            is_meant = is_announced and not is_disc and not is_named
        if is_meant or (code.after is not None and code.after.match(after)):
            found.append(code)
    return found
