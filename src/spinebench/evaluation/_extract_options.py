"""The options of one question, as things that can be found in a text."""

import re
import string
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from spinebench.anatomy.levels import parse_levels
from spinebench.evaluation._extract_clean import clean_answer

_VERTEBRA = r"(?:Th|TH|[CTLSD])[ ]?-?\d{1,2}"
_LEVEL = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?:between[ ]|(?<=or[ ])){_VERTEBRA}[ ]and[ ]{_VERTEBRA}"
    rf"|{_VERTEBRA}(?:[ ]?[/\-][ ]?(?:{_VERTEBRA}|\d{{1,2}}|S)|[TLS]\d)?"
    rf"|(?:[Ll]umbar|[Cc]ervical|[Tt]horacic)[ ]\d{{1,2}}[ ]?[/\-][ ]?\d{{1,2}}"
    rf"|[颈胸腰]\d{{1,2}}(?:[ ]?[/\-][ ]?[颈胸腰骶]?\d{{1,2}})?)(?![A-Za-z0-9])"
)
# "T1-weighted", "L5 radiculopathy": a sequence or a root, not a place in the column.
_NO_LEVEL = re.compile(
    r"[ -]?(?:weighted|w\b|images?\b|signal|sequence|nerve|roots?\b|radicul|dermatom|hyper|hypo)",
    re.I,
)
_WORD = re.compile(r"\w+")
_ONE_WORD_ANSWERS = {"yes", "no", "true", "false"}


@lru_cache(maxsize=4096)
def _name_levels(words: str) -> tuple[str, ...]:
    return tuple(str(level) for level in parse_levels(words))


@lru_cache(maxsize=4096)
def _plain_text(text: str) -> str:
    return clean_answer(text)


@lru_cache(maxsize=4096)
def _first_words(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The first word of each text in small letters, without those that have no plain one."""
    words = (_WORD.search(text) for text in texts)
    return tuple({word.group().lower() for word in words if word and word.group().isascii()})


@lru_cache(maxsize=1024)
def _build_word_pattern(texts: tuple[str, ...]) -> re.Pattern[str]:
    """Finds any of the texts; its groups are numbered as they are."""
    return re.compile("|".join(f"({build_text_pattern(text)})" for text in texts))


@lru_cache(maxsize=1024)
def _build_echo_pattern(texts: tuple[str, ...]) -> re.Pattern[str]:
    """Finds the whole list of options, lettered from A."""
    entries = []
    for letter, text in zip(string.ascii_uppercase, texts, strict=False):
        words = r"[\W_]{1,4}".join(map(re.escape, _WORD.findall(text))) or re.escape(text)
        entries.append(
            rf"(?:option |选项)?[(\[{{\"']{{0,2}}{letter}[\"')\]]?\s?[:.,)\-=]{{0,2}}\s?"
            rf"[\"'(\[]?(?i:{words})[\"'\])}}.]{{0,2}}"
        )
    return re.compile(r"[\s,;|/\-]{0,5}".join(entries))


@dataclass(frozen=True, slots=True)
class Mention:
    """One place where a text names options by their words."""

    start: int
    end: int
    letters: frozenset[str]  # several where two options read the same


class OptionTable:
    """Letters and texts of a question, and where an answer mentions the texts."""

    def __init__(self, options: dict[str, str], *, multiple: bool) -> None:
        self.letters = tuple(options)
        self.multiple = multiple
        self.every = frozenset(options)
        self._plain = {letter: _plain_text(text) for letter, text in options.items()}
        self._levels = self._read_levels()
        self._words: re.Pattern[str] | None = None
        self._texts: tuple[str, ...] = ()
        if not self._levels:
            # longest first, "Lumbar Spinal Stenosis" before the "Spinal Stenosis" inside it, and
            # in one order whatever the letters are: shuffled options share a pattern
            worded = filter(build_text_pattern, set(self._plain.values()))
            self._texts = tuple(sorted(worded, key=lambda text: (-len(text), text)))
            self._words = _build_word_pattern(self._texts) if self._texts else None

    @property
    def are_levels(self) -> bool:
        """Whether every option is one level of the spine."""
        return bool(self._levels)

    def _read_levels(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for letter, text in self._plain.items():
            names = _name_levels(text)
            if len(names) != 1 or len(text) > 20:
                return {}
            name = names[0]
            found[name] = found.get(name, frozenset()) | {letter}
        return found

    def _mention(self, match: re.Match[str]) -> Mention:
        words = self._texts[(match.lastindex or 1) - 1].lower()
        same = {letter for letter, text in self._plain.items() if text.lower() == words}
        return Mention(match.start(), match.end(), frozenset(same))

    def _level_mention(self, match: re.Match[str], text: str) -> Mention | None:
        if _NO_LEVEL.match(text, match.end()):
            return None
        found: frozenset[str] = frozenset()
        words = match.group()
        if " and " in words and not words.startswith("between"):
            words = f"between {words}"
        names = _name_levels(words)
        for name in names:
            found |= self._levels.get(name, frozenset())
        if not found and len(names) > 2:  # "L3-S1", said of discs
            for above, below in pairwise(names):
                found |= self._levels.get(f"{above}/{below}", frozenset())
        return Mention(match.start(), match.end(), found)

    def find_mentions(self, text: str) -> list[Mention]:
        """Every mention of an option's text, in order.

        Where the options are levels, a level that is not an option is a mention without letters.
        """
        if self._levels:
            read = (self._level_mention(match, text) for match in _LEVEL.finditer(text))
            return [mention for mention in read if mention]
        if self._words is None:
            return []
        return [self._mention(match) for match in self._words.finditer(text)]

    def match_mention(self, text: str, position: int) -> Mention | None:
        """The mention that begins exactly at `position`, or None."""
        if self._levels:
            match = _LEVEL.match(text, position)
            mention = self._level_mention(match, text) if match else None
            return mention if mention and mention.letters else None
        match = self._words.match(text, position) if self._words else None
        return self._mention(match) if match else None

    def match_whole(self, text: str) -> frozenset[str]:
        """The options whose text is all of `text`, even one character, if it is no Latin letter."""
        plain = text.strip(" .。!,;:\"'[]()\n")
        if not plain or plain.isascii():
            return frozenset()
        return frozenset(letter for letter, own in self._plain.items() if own == plain)

    def is_own_letter_text(self, letter: str, text: str, position: int) -> bool:
        """Whether the option's text is one character and stands at `position`: "D) B"."""
        own = self._plain.get(letter, "")
        after = text[position + 1 : position + 2]
        return len(own) == 1 and text[position : position + 1] == own and not after.isalnum()

    def cut_echo(self, text: str, *, keep_after: re.Pattern[str]) -> str:
        """`text` without repetitions of the whole list of options.

        With several right answers, a complete list right after `keep_after` is a choice of all.
        """

        def replace(match: re.Match[str]) -> str:
            before = text[max(0, match.start() - 60) : match.start()]
            chosen = self.multiple and keep_after.search(before)
            return match.group() if chosen else "\n"

        texts = tuple(self._plain.values())
        # most answers do not hold all the texts: nothing to build a pattern for
        lower = text.lower()
        if not all(word in lower for word in _first_words(texts)):
            return text
        return _build_echo_pattern(texts).sub(replace, text)


def build_text_pattern(text: str) -> str:
    """The source of a pattern for an option's text, or "" where it cannot be told from prose.

    Blanks and hyphens between words are equal, disc is disk, a plural may be singular, and case
    does not matter from four characters on. One character is never enough: it may be a letter.
    """
    words = _WORD.findall(text)
    if len(text) < 2 or not words:
        return re.escape(text) if len(text) > 1 else ""
    if text.lower() in _ONE_WORD_ANSWERS:
        return (
            rf"(?:^|(?<=[.:\n] )|(?<=[\n:])|(?<=\b(?:is|be) )"
            rf"|(?<=\b(?:is|be) [\"']))(?i:{text})[\"']?(?=\s*(?:$|[,.:;!\n)\]-]))"
        )
    parts = []
    for word in words:
        stem = word
        if len(word) > 4 and word.endswith("s") and word[-2] not in "siu":
            stem = word[:-1]
        part = re.sub(r"(?i)^dis[ck]", "dis[ck]", re.escape(stem))
        parts.append(part + ("s?" if len(word) > 4 and word.isascii() and word.isalpha() else ""))
    source = r"[\W_]{1,3}".join(parts)
    flags = "(?i:" if len(text) > 3 else "(?:"
    # Chinese words stand without a blank beside Latin letters and digits.
    before = "(?<![A-Za-z0-9])" if words[0][0].isascii() else ""
    after = "(?![A-Za-z0-9])" if words[-1][-1].isascii() else ""
    return f"{before}{flags}{source}){after}"
