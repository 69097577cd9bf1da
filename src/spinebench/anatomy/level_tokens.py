"""Running text cut into the pieces that the level grammar knows.

Everything else becomes a `word` token, whose only office is to end a list of levels.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Literal

from spinebench.anatomy.column import HIGHEST_NUMBER, Level, Region, is_adjacent
from spinebench.anatomy.level_words import (
    ALNUM,
    build_alternatives,
    is_level_number,
    load_level_words,
)

TokenKind = Literal[
    "vertebra",
    "ordinal",
    "region",
    "number",
    "join",
    "range",
    "list",
    "between",
    "filler",
    "break",
    "word",
]


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of the normalised text."""

    kind: TokenKind
    text: str
    start: int
    end: int
    region: Region | None = None  # of a vertebra (None: a look-alike such as A3) or a region word
    number: int = 0  # of a vertebra, an ordinal or a bare number
    prefix: str = ""  # the letters before the number, lower case; empty for words and Chinese

    @property
    def level(self) -> Level | None:
        """The vertebra, or None when no column has it (C8, T15, A3)."""
        return build_vertebra(self.region, self.number)


def build_vertebra(region: Region | None, number: int) -> Level | None:
    """The vertebra of that name, or None when no column has it."""
    if region is None or not 1 <= number <= HIGHEST_NUMBER[region]:
        return None
    return Level(region, number)


_DASHES = "‐‑‒–—―−﹘﹣－⁃"
_SLASHES = "⁄∕⧸／\\"
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_TRANSLATION = (
    {ord(dash): "-" for dash in _DASHES}
    | {ord(slash): "/" for slash in _SLASHES}
    | dict.fromkeys(map(ord, _INVISIBLE))
    | {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if chr(code) not in "，；／－"}
    | dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2009\u202f\u3000\t"), " ")
    | {ord("\r"): "\n", ord("〜"): "~", ord("∼"): "~"}
)


def normalise_text(text: str) -> str:
    """`text` with one dash, one slash and one blank, full-width characters made ASCII.

    Superscripts stay as they are: they are footnotes, not digits of a level.
    """
    return re.sub(" {2,}", " ", text.translate(_TRANSLATION))


_CHINESE_DIGITS = {char: value for value, char in enumerate("一二三四五六七八九", start=1)}
_CHINESE_NUMBER = "(?:十[一二三]?|[一二三四五六七八九])"
_END = rf"(?![{ALNUM}]|\.\d)"  # L4b and C3.1 are no levels
_START = rf"(?<![{ALNUM}])"


def parse_number(text: str) -> int:
    """A vertebra's number in digits or Chinese (`十二` is 12); 0 for a number with a leading 0."""
    if text.isdecimal():  # of any script, as `\d` takes them
        return 0 if text.startswith("0") else int(text)
    if text.startswith("十"):
        return 10 + _CHINESE_DIGITS.get(text[1:], 0)
    return _CHINESE_DIGITS[text]


@cache
def _token_pattern() -> re.Pattern[str]:
    words = load_level_words()
    chinese = "".join(words["chinese_regions"])
    counters = "|".join(map(re.escape, words["chinese_counters"]))
    region = build_alternatives(words["region_words"])
    nouns = build_alternatives(
        [
            "vertebra",
            "vertebrae",
            "vertebral",
            "body",
            "bodies",
            "level",
            "levels",
            "disc",
            "discs",
            "disk",
            "disks",
            "segment",
            "segments",
            "intervertebral",
            "motion",
        ]
    )
    ordinal = build_alternatives(words["ordinals"])
    alternatives = {
        "run": rf"{_START}(?:(?:th|[ctdlsab])\d{{1,2}})+{_END}",
        "german": rf"{_START}(?:hwk|bwk|lwk|swk)[ ]?\d{{1,2}}{_END}",
        "apart": rf"{_START}(?-i:Th|TH|[CTDLS])(?:-|\.[ ]?)\d{{1,2}}{_END}",
        "lone": rf"{_START}(?-i:Th|TH|[CTDLS])[ ]\d{{1,2}}{_END}",
        "named": rf"{region}(?:[ ]{nouns}){{0,2}}[ ]?[-#]?[ ]?\d{{1,2}}{_END}",
        "chinese": rf"[{chinese}]椎?第?[ ]?(?:\d{{1,2}}(?!\d|\.\d)|{_CHINESE_NUMBER}{{1,2}})"
        rf"(?![ ]?(?:{counters}))",
        "chinese_ordinal": rf"第(?:\d{{1,2}}|{_CHINESE_NUMBER})",
        "ordinal": rf"{ordinal}|{_START}\d{{1,2}}(?:st|nd|rd|th)(?![{ALNUM}])",
        "region": rf"{region}|[{chinese}]椎?",
        "number": rf"(?<![{ALNUM}.])\d{{1,2}}(?![{ALNUM}%°]|[.:]\d)",
        "chinese_number": _CHINESE_NUMBER,
        "break": r"\n[ ]*\n\s*",
        "range": build_alternatives(words["range_words"]),
        "list": build_alternatives(words["list_words"]),
        "between": build_alternatives(words["between_words"]),
        "filler": build_alternatives(words["fillers"]),
        "join": r"[ ]*(?:-{1,2}|[/~_])[ ]*",
        "newline": r"\s*\n\s*",
        "word": rf"[{ALNUM}]+|[^ ]",
    }
    return re.compile(
        "|".join(f"(?P<{name}>{pattern})" for name, pattern in alternatives.items()), re.IGNORECASE
    )


def iter_tokens(text: str) -> Iterator[Token]:
    """The tokens of normalised text, in order; blanks between them are left out."""
    for match in _token_pattern().finditer(text):
        name = str(match.lastgroup)
        if _needs_proof(name, match.group()) and not is_level_number(text, match.end()):
            yield Token("word", match.group(), *match.span())
        else:
            yield from _read_token(name, match.group(), match.start())


def _needs_proof(name: str, text: str) -> bool:
    # "C 5" and "D 3" may be an option or a row; "L 4" and "Th 11" hardly ever are.
    return name == "named" or (name == "lone" and text[:2] in ("C ", "D ", "S ", "T "))


def _read_token(name: str, text: str, start: int) -> Iterator[Token]:
    words = load_level_words()
    end = start + len(text)
    if name == "run":
        yield from _read_run(text, start)
    elif name in ("german", "apart", "lone"):
        letters, digits = re.findall(r"[a-z]+|\d+", text.lower())
        yield Token(
            "vertebra", text, start, end, Region(words["prefixes"][letters]),
            parse_number(digits), letters,
        )  # fmt: skip
    elif name == "named":
        region = words["region_words"][re.findall(r"[a-z]+", text.lower())[0]]
        number = parse_number(re.findall(r"\d+", text)[-1])
        yield Token("vertebra", text, start, end, Region(region), number)
    elif name == "chinese":
        yield from _read_chinese(text, start)
    elif name in ("ordinal", "chinese_ordinal"):
        yield Token("ordinal", text, start, end, number=_read_ordinal(text))
    elif name == "region":
        regions = words["region_words"] | words["chinese_regions"]
        yield Token("region", text, start, end, Region(regions[text.lower().removesuffix("椎")]))
    elif name in ("number", "chinese_number"):
        yield Token("number", text, start, end, number=parse_number(text))
    elif name == "newline":
        yield Token("break", "\n", start, end)
    else:
        kinds: dict[str, TokenKind] = {
            "break": "break", "range": "range", "list": "list", "between": "between",
            "filler": "filler", "join": "join", "word": "word",
        }  # fmt: skip
        # A blank line is told from a line's end by its two newlines.
        yield Token(kinds[name], "\n\n" if name == "break" else text, start, end)


def _read_run(text: str, start: int) -> Iterator[Token]:
    prefixes = load_level_words()["prefixes"]
    tokens = []
    for part in re.finditer(r"([a-z]+)(\d+)", text.lower()):
        region = prefixes.get(part[1])
        token = Token(
            "vertebra", part.group(), start + part.start(), start + part.end(),
            None if region is None else Region(region), parse_number(part[2]), part[1],
        )  # fmt: skip
        tokens.append(token)
    if len(tokens) > 1 and not _is_chain(tokens):
        # S1Q3-like codes: what is written together and not neighbouring names no level.
        yield Token("word", text, start, start + len(text))
    else:
        yield from tokens


def _is_chain(tokens: list[Token]) -> bool:
    levels = [token.level for token in tokens]
    return all(
        a is not None and b is not None and (is_adjacent(a, b) or is_adjacent(b, a))
        for a, b in pairwise(levels)
    )


def _read_chinese(text: str, start: int) -> Iterator[Token]:
    region = Region(load_level_words()["chinese_regions"][text[0]])
    numbers = list(re.finditer(rf"\d+|{_CHINESE_NUMBER}", text))
    begin = start
    for number in numbers:
        end = start + number.end()
        yield Token("vertebra", text, begin, end, region, parse_number(number.group()))
        begin = end


def _read_ordinal(text: str) -> int:
    ordinals: dict[str, int] = load_level_words()["ordinals"]
    if text.lower() in ordinals:
        return ordinals[text.lower()]
    if text.startswith("第"):
        return parse_number(text[1:])
    return parse_number(re.sub(r"\D", "", text))


def place_ordinals(tokens: list[Token], text: str) -> list[Token]:
    """`tokens` with each ordinal before a region word made a vertebra: "fourth and fifth lumbar".

    The region word reaches back over ordinals and bare numbers joined by list or range words or a
    dash. An ordinal without a region, or whose region word is followed by another thing than a
    level ("second lumbar puncture"), becomes a plain word.
    """
    placed: list[Token] = []
    index = 0
    while index < len(tokens):
        if tokens[index].kind != "ordinal":
            placed.append(tokens[index])
            index += 1
            continue
        stop = _end_of_ordinals(tokens, index)
        if _is_placed(tokens, stop, text):
            placed.extend(_name_ordinals(tokens[index:stop], tokens[stop]))
            index = stop + 1
        else:
            # Every ordinal of this list lacks the region, not the first alone.
            placed.extend(
                replace(token, kind="word") if token.kind == "ordinal" else token
                for token in tokens[index:stop]
            )
            index = stop
    return placed


def _is_placed(tokens: list[Token], stop: int, text: str) -> bool:
    if stop == len(tokens) or tokens[stop].kind != "region":
        return False
    region = tokens[stop]
    return not region.text.isascii() or is_level_number(text, region.end)


def _end_of_ordinals(tokens: list[Token], index: int) -> int:
    """The index after the last ordinal of a list that begins at `index`."""
    stop = index + 1
    while stop + 1 < len(tokens):
        after = stop
        while after < len(tokens) and tokens[after].kind in ("list", "range", "join", "filler"):
            after += 1
        if after == stop or after == len(tokens) or tokens[after].kind not in ("ordinal", "number"):
            break
        stop = after + 1
    return stop


def _name_ordinals(tokens: list[Token], region: Token) -> Iterator[Token]:
    last = len(tokens) - 1
    for place, token in enumerate(tokens):
        if token.kind in ("ordinal", "number"):
            end = region.end if place == last else token.end
            yield replace(token, kind="vertebra", region=region.region, end=end)
        else:
            yield token
