"""The words that the level parser knows, from `data/anatomy/level_words.json`, as patterns."""

import json
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

# Letters and digits that run on into a level's own: Latin with accents, but no Chinese character,
# which may touch a level on either side.
ALNUM = "A-Za-z0-9À-ɏ"


@cache
def load_level_words() -> dict[str, Any]:
    """The vocabulary file as it stands."""
    text = files("spinebench").joinpath("data/anatomy/level_words.json").read_text("utf-8")
    words: dict[str, Any] = json.loads(text)
    return words


def build_alternatives(words: Iterable[str]) -> str:
    """A pattern for any of `words`, longest first, each as a whole word.

    A blank inside a word also matches a hyphen or an underscore, a trailing `*` any ending.
    """
    ordered = sorted(words, key=lambda word: (-len(word), word))
    return "(?:" + "|".join(_build_word(word) for word in ordered) + ")"


def _build_word(word: str) -> str:
    stem = word.removesuffix("*")
    pattern = r"[\s_-]+".join(re.escape(part) for part in stem.split(" "))
    if re.match(rf"[{ALNUM}]", stem):
        pattern = rf"(?<![{ALNUM}])" + pattern
    if stem != word:
        return pattern + rf"[{ALNUM}]*"
    return pattern + rf"(?![{ALNUM}])" if re.search(rf"[{ALNUM}]$", stem) else pattern


def compile_after(*parts: str) -> re.Pattern[str]:
    """A pattern for the start of the text that follows a level."""
    return re.compile("".join(parts), re.IGNORECASE)


def compile_before(*parts: str) -> re.Pattern[str]:
    """A pattern for the end of the text that precedes a level."""
    return re.compile("".join(parts) + r"\Z", re.IGNORECASE)


@cache
def _follow_patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    words = load_level_words()
    unit = compile_after(r"\s*[-/]?\s*(?:%|°|", build_alternatives(words["units"]), ")")
    count = compile_after(r"[\s-]*", build_alternatives(words["count_nouns"]))
    qualifiers = build_alternatives(words["noun_qualifiers"])
    ordinals = build_alternatives(words["ordinals"])
    known = [
        *words["level_nouns"],
        *words["follow_words"],
        *words["list_words"],
        *words["range_words"],
    ]
    follow = compile_after(
        rf"\s*(?:\Z|[.:)\]!?。：）\n]|[-/~_]\s*(?:[CTDLS]?h?[ .-]?\d|{ordinals})|",
        rf"(?:{qualifiers}\s+)*{build_alternatives(known)})",
    )
    return unit, count, follow


def is_quantity(text: str, end: int) -> bool:
    """Whether a number that ends at `end` counts or measures something: "5 mm", "5 years"."""
    return _follow_patterns()[0].match(text, end) is not None


def is_level_number(text: str, end: int) -> bool:
    """Whether what follows `end` is what follows a level: its noun, a verb, the sentence's end.

    Bare numbers and region words need this proof; "L1, 2 screws" and "second lumbar puncture" fail.
    """
    _, count, follow = _follow_patterns()
    if count.match(text, end):
        return False
    return follow.match(text, end) is not None
