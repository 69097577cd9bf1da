"""Reading a choice of letters that begins at a known place of a text.

A cue ("my final option:", "I choose") says where; this module says which letters stand there, and
whether a letter there is a choice at all or an article, a pronoun or part of a medical word.
"""

import re
from dataclasses import dataclass
from typing import Literal

from spinebench.evaluation._extract_confirmations import ALL, EXCEPT, INVOLVED, POSITIVE
from spinebench.evaluation._extract_options import OptionTable

Mood = Literal["protocol", "strong", "loose", "list"]
"""How much the place promises that a letter follows.

`protocol`: a closing line or JSON field; `strong`: "the answer is", "I choose"; `loose`:
"consistent with", "so"; `list`: the letters before "is correct", judged by what follows them.
"""

_MAX_ITEMS = 60
_FILLER_WORDS = (
    r"almost certainly|tentatively|presumably|without (?:a |any )?doubt|no doubt|for sure"
    r"|clearly|probably|likely|most"
    r"|definitely|certainly|undoubtedly|therefore|thus|hence|indeed"
    r"|simply|actually|really|still|also|instead|in fact|now|boxed|final|correct|best|to be|be|is"
    r"|are|was|it's|it is|the|my|just|only|both|options?|choices?|answers?|letters?|levels?"
    r"|segments?|selection|selected|one|with|that of|at|as|number|surely|so|that|labell?ed|marked"
    r"|(?:everything|all|levels) from|I think|I believe|I would say|I'd say|I go with"
)
_CHINESE_FILLER = "选项|选择|应该是|应当是|应为|应是|是|为|选|的|节段"
_FILLER = re.compile(
    rf"(?:\(s\)|from(?=\s[(\[]?[A-Z][)\]]?\s?(?:-|to|through)\s)"
    rf"|(?-i:an?)(?=\s(?-i:[B-HJ-Z])(?:[.,;\n]"
    rf"|$))|not (?:just|only|merely)(?=\s[(\[]?[A-Z][)\]]?,? but also)|(?<=\n)1[.)][ ]"
    rf"|[\s:;=\-\"'()\[\]{{}}<>→,_]|{_CHINESE_FILLER}"
    rf"|(?:{_FILLER_WORDS})(?![A-Za-z])"
    r"|(?:option|choice|answer)(?=(?-i:[A-Z])(?![A-Za-z])))",
    re.IGNORECASE,
)
_VOUCHED = re.compile(
    r"(?:options?|choices?)(?:[\s_\-]+[(\[]?|[(\[])[A-Za-z](?![A-Za-z0-9])", re.IGNORECASE
)
_NOT_BUT = re.compile(
    r"(?:not|isn't|不是|并非)\s*(?:option |选项)?[(\[]?[A-Z][)\]]?(?![A-Za-z0-9])[\s,;]*(?:but"
    r"|rather|instead|it's|而是|是)"
    r"(?: rather| instead)?"
    r"|not [(\[]?[A-Z][)\]]?(?![A-Za-z0-9])\s?[;.\-](?=\s[(\[]?[A-Z](?![A-Za-z0-9]))",
    re.IGNORECASE,
)
_NONE = re.compile(
    r"(?:none|neither|nothing|no options?|no levels?|nil)(?![A-Za-z])"
    r"(?:\s(?:of|the|these|those|them|above|options|choices|levels|listed|given|apply"
    r"|applies)\b)*|都不|均不|无(?!法)",
    re.I,
)
_EITHER = re.compile(r"either\b\s*", re.IGNORECASE)
_ARTICLE = re.compile(r"(?:(?:an?|the|severe|moderate|mild|lumbar|cervical)\s){0,4}", re.IGNORECASE)
_LETTER_AFTER_TEXT = re.compile(
    r"\s*[,:]?\s*(?:[(\[]\s*(?:option|choice|answer|选项)?\s*([A-Z])\s*[)\]]"
    r"|(?:option|choice)\s+[(\[]?([A-Z])(?![A-Za-z0-9])[)\]]?)"
)
_LETTER = re.compile(
    r"([(\[{\"'<]{0,4})((?:(?:options?|choices?|answers?|levels?|选项)(?:[\s_\-]+|(?=[(\[{])"
    r"|(?<=项)|(?-i:(?<=[a-z])(?=[A-Z]))))?)"
    r"([(\[{\"'<]{0,4})([A-Za-z])(?![A-Za-z0-9])(?:选?项(?!目))?",
    re.IGNORECASE,
)
_GLUED = re.compile(r"[(\[{\"'<]{0,4}([A-Z]{2,26})(?![A-Za-z0-9'\-])")
_POSSESSIVE = re.compile(r"'[A-Za-z]")
_HYPHENED = re.compile(r"-\w|/[A-Za-z0-9]\w|\.[A-Za-z]\.")
_SPECIES = re.compile(
    r"\.\s?(?:coli|difficile|diff|aureus|epidermidis|acnes|tuberculosis|albicans|faecalis"
    r"|pneumoniae"
    r"|melitensis|abortus|granulosus|burgdorferi|spp?)\b"
)
_ENDS_I = re.compile(
    r"\s*(?:$|,\s?(?:and )?[A-Z](?![A-Za-z0-9'])|[\n.)\]}:;\"'。]|and\b|or\b|和|、)"
)
_ENDS_PROTOCOL_I = re.compile(r"\s*(?:$|\n|[^\w\s])")
_SMALL_SENTENCE = re.compile(r"\.\s?[a-z]")
_SLASHED_LETTER = re.compile(r"/[A-Z](?![A-Za-z0-9])")
_IS_SCORE = re.compile(r"%|\d\.\d")
_STRICT_END = re.compile(
    r"\s*(?:$|[\n.)\]}\"'>:;,&+/、。]|and\b|or\b|-\s|和|或|全选|都选|全对|(?:because|since|as|given|due)\b)"
)
_FOLLOWING_WORD = re.compile(
    r"\s+(?:because|since|as|due|based|given|with|for|which|so|here|in|from|on|by|that|where|when"
    r"|after|and|or|at|only|rather|instead|over|but|not|though|although|while|to|through|alone"
    r"|without|if|plus|first|makes|explains|accounts|qualifies|please|than|together|along|fits"
    r"|matches|remains|applies|even|despite|yet"
    r"|still|whereas"
    r"|better"
    r"|best|most"
    r"|more|the (?:most|best|better|more|correct|right|only|likeliest|preferred|answer|choice)|I\b"
    r"|[B-HJ-Z](?![A-Za-z0-9'])|A(?![A-Za-z0-9' ]))(?![A-Za-z])"
)
# keys struck in a row, words without a vowel, one word over and over: no part of a sentence
_NOISE = (
    r"[a-z]*(?:qwe|rty|asd|sdf|dfg|fgh|ghj|hjk|jkl|lkj|zxc|xcv|cvb|vbn)[a-z]*\b"
    r"|[bcdfghjklmnpqrstvwxz]{3,}\b|([a-z]+)(?: \1){2,}"
)
NOISE_AFTER = re.compile(rf"[.\s]?\s(?-i:{_NOISE})")
# 型 type, 级 grade, 组 group, 反应 C-reactive, 超 ultrasound, 臂 C-arm, 形 shape ...
_CHINESE_COMPOUND = re.compile(r"\s?(?:型|级|组|反应|超|类|臂|形|柱|期|二聚|族|区|图)")
_LABEL_MARK = re.compile(r"[\"')\]}]{0,6}\s*[:.)(\[=,-]{0,4}\s*[\"'(\[]{0,4}")
_OPENERS = re.compile(r"[(\[{\"']{0,4}")
_CLOSERS = re.compile(r"[\"')\]}.]{0,6}")
_SCORE = re.compile(r"[\"')\]]*\s*[:=(\-]?\s*~?\d+(?:\.\d+)?\s*%?\s*\)?")
_PARENTHESIS = re.compile(r"[\"'\]]?\s*\((?!(?:or|and|but)\b|[或&])[^()\n]{2,60}\)")
_FREE_LABEL = re.compile(r"\s*[:)]\s*[^,;\n]{1,60}?(?=\s*[,;]\s*(?:and )?[(\[]?[B-Z]\s*[:)])")
_RANGE = re.compile(
    r"[\"')\]]*[^\S\n]*(?:-|~|to|through|thru|至|到)\s*[\"'(\[]{0,4}([A-Z])(?![A-Za-z0-9'\-])"
)
_SEPARATOR = re.compile(
    r"(?P<close>[\"')\]}]{0,6})(?P<mark>\s*[,;]?\s*(?:and/or|and|plus|as well as|along with"
    r"|together with|but also|or|vs\.?|versus)\b"
    r"|\s*(?:[,;/&+|、]|和|与|及|跟|以及|还有|或者?|还是)\s*(?:和|与|及|and\b|or\b|&)?|\s?)"
    r"\s?(?:also |both |only |possibly |maybe |perhaps |probably |likely )?",
    re.IGNORECASE,
)
_SPACED = re.compile(r"\s(?![AI]\s)[(\[]?[A-Z](?![A-Za-z0-9'])")
_OPEN_CHOICE = re.compile(r"\b(?:or|vs|versus)\b|或|还是", re.IGNORECASE)
_LAST_OF_LIST = re.compile(r"\band\b|&|[和与及]", re.IGNORECASE)
_NEXT_LINE = re.compile(r"[\"')\]}.,;]*\s*\n+\s*(?:- |\d+[.)] )?")
_LINE_END = re.compile(r"[\"')\]}.,;:]*[ ]?(?:\n|$)")
# A further letter that was not taken for a part of the list.
_DANGLING = re.compile(
    r"[\"')\]}]{0,6}(?:\s?\.{3})?\s?[,(]?\s?(and|or|&|/|和|或)\s?(?:option )?(?!A\s|I\s)"
    r"[(\[]?[A-Z](?![A-Za-z0-9'\-])"
)
_SECOND_THOUGHT = re.compile(
    r"[\s,.]{0,4}\bor (?:perhaps|possibly|maybe|only|even|both|none|neither)\b"
)
_ELLIPSIS = re.compile(r"[,\s]*,\s*(?:\.\.\.|…|etc)")


@dataclass(frozen=True, slots=True)
class Selection:
    """Letters read from one place."""

    letters: frozenset[str]  # upper case; may hold letters that are no option
    start: int  # of the first letter or word of the choice
    end: int
    decided: bool = True  # False: "A or C", "none", a placeholder
    by_text: bool = False  # named by the options' words, not by letters
    scored: bool = False  # letters carry percentages or probabilities


class SelectionReader:
    """Reads selections from one text with one table of options."""

    def __init__(self, text: str, table: OptionTable) -> None:
        self.text = text
        self.table = table
        # Many cues lead to the same place: remembered, so that the work stays linear.
        self._skipped: dict[int, int] = {}
        self._items: dict[tuple[int, Mood], tuple[frozenset[str], int, bool] | None] = {}

    def read(self, position: int, mood: Mood, *, by_line: bool = False) -> Selection | None:
        """The choice that begins at `position`, fillers skipped, or None where there is none.

        A list may go on over lines when it began on a new line, or with `by_line`.
        """
        begin = position
        position = self._skip_filler(position)
        undecided = _EITHER.match(self.text, position)
        if undecided:
            position = self._skip_filler(undecided.end())
        selection = self._read_words(position) or self._read_letters(
            position, mood, in_list=by_line or "\n" in self.text[begin:position]
        )
        if selection and undecided:
            return Selection(selection.letters, selection.start, selection.end, decided=False)
        return selection

    def _skip_filler(self, position: int) -> int:
        passed = []
        while position not in self._skipped:
            match = _FILLER.match(self.text, position) or _NOT_BUT.match(self.text, position)
            # "option C": the word stays, it vouches for a small letter.
            if not match or _VOUCHED.match(self.text, position):
                self._skipped[position] = position
                break
            passed.append(position)
            position = match.end()
        end = self._skipped[position]
        self._skipped.update(dict.fromkeys(passed, end))
        return end

    def _read_words(self, position: int) -> Selection | None:
        article = _ARTICLE.match(self.text, position)
        mention = None
        for start in {position, article.end() if article else position}:
            mention = mention or self.table.match_mention(self.text, start)
        if mention:
            return self._read_texts(mention.start)
        none = _NONE.match(self.text, position)
        if none:
            return Selection(frozenset(), position, none.end(), decided=False)
        every = ALL.match(self.text, position)
        return self.read_all(every) if every else None

    def read_all(self, every: re.Match[str]) -> Selection:
        """Every option, or what an exception behind the match of `ALL` leaves of them."""
        start, end = every.span()
        chosen = self.table.every
        apart = EXCEPT.match(self.text, end)
        if apart:
            rest = self.read(apart.end(), "strong")
            if rest is None or not rest.letters <= chosen:
                return Selection(frozenset(), start, apart.end(), decided=False)
            chosen, end = chosen - rest.letters, rest.end
        return Selection(chosen, start, end, decided=self.table.multiple)

    def _read_texts(self, position: int) -> Selection:
        """A list of option texts; letters that stand beside the texts win over them."""
        start, decided = position, True
        named: frozenset[str] = frozenset()
        beside: frozenset[str] = frozenset()
        for _ in range(_MAX_ITEMS):
            mention = self.table.match_mention(self.text, position)
            if mention is None:
                break
            end = mention.end
            named |= mention.letters
            letter = _LETTER_AFTER_TEXT.match(self.text, end)
            if letter:
                beside |= {letter[1] or letter[2]}
                end = letter.end()
            separator = _SEPARATOR.match(self.text, end)
            position = separator.end() if separator else end
            opened = _OPENERS.match(self.text, position)
            position = opened.end() if opened else position
            if separator and self.table.match_mention(self.text, position):
                decided &= not _OPEN_CHOICE.search(separator["mark"])
        return Selection(beside or named, start, end, decided, by_text=not beside)

    def _read_letters(self, position: int, mood: Mood, *, in_list: bool) -> Selection | None:
        glued = self._read_glued(position, mood)
        if glued:
            return glued
        letters: set[str] = set()
        start, decided, scored, end, is_last = position, True, False, position, False
        for _ in range(_MAX_ITEMS):
            item = self._read_item(position, mood)
            if item is None:
                break
            if len(letters) > 1 and item[0] <= letters:
                break  # "of A and C, C wins"
            found, end, has_score = item
            letters |= found
            scored |= has_score
            following = self._next_item(end, mood, in_list=in_list)
            if following is None:
                break
            if (is_last or mood == "list") and ";" in self.text[end : following[0]]:
                break  # "B and E; A, C and D are not supported"
            position, is_open = following
            is_last |= bool(_LAST_OF_LIST.search(self.text[end:position]))
            decided &= not is_open
        if not letters:
            return None
        dangling = _DANGLING.match(self.text, end)
        if dangling and mood == "loose":
            return None  # "so A and C remain possible"
        if (
            _SECOND_THOUGHT.match(self.text, end)
            or _ELLIPSIS.match(self.text, end)
            or (dangling and _OPEN_CHOICE.search(dangling[1]))
        ):
            decided = False
        return Selection(frozenset(letters), start, end, decided, scored=scored)

    def _read_glued(self, position: int, mood: Mood) -> Selection | None:
        match = _GLUED.match(self.text, position)
        if not match or mood in ("loose", "list"):
            return None
        run = match[1]
        if len(set(run)) != len(run) or not _STRICT_END.match(self.text, match.end()):
            return None
        if mood != "protocol" and not set(run) <= self.table.every:
            return None
        return Selection(frozenset(run), position, match.end())

    def _next_item(self, end: int, mood: Mood, *, in_list: bool) -> tuple[int, bool] | None:
        """Where the next letter of the list would begin, and whether "or" stands before it."""
        if in_list:
            line = _NEXT_LINE.match(self.text, end)
            item = self._read_item(line.end(), mood) if line else None
            # A line of its own: "C: L3/L4", not "C: normal height".
            if line and item and _LINE_END.match(self.text, item[1]):
                return line.end(), False
        separator = _SEPARATOR.match(self.text, end)
        if separator is None or "\n" in separator.group():
            return None
        if not separator["mark"].strip() and not self._is_adjacent(separator, mood):
            return None
        if self._read_item(separator.end(), mood) is None:
            return None
        return separator.end(), bool(_OPEN_CHOICE.search(separator["mark"]))

    def _is_adjacent(self, separator: re.Match[str], mood: Mood) -> bool:
        """Whether letters without a word or comma between them are a list: "[A][C]", "A C"."""
        if separator["close"]:
            return self.text[separator.end() : separator.end() + 1] in tuple("([{\"'")
        return mood != "loose" and bool(_SPACED.match(self.text, separator.start()))

    def _read_item(self, position: int, mood: Mood) -> tuple[frozenset[str], int, bool] | None:
        """One letter or range with its label: (letters, end, carries a score)."""
        key = (position, mood)
        if key not in self._items:
            self._items[key] = self._parse_item(position, mood)
        return self._items[key]

    def _parse_item(self, position: int, mood: Mood) -> tuple[frozenset[str], int, bool] | None:
        match = _LETTER.match(self.text, position)
        if match is None:
            return None
        letter, end = match[4].upper(), match.end()
        spread = _RANGE.match(self.text, end)
        if (
            spread
            and spread[1] in self.table.every
            and letter in self.table.every
            and letter < spread[1]
        ):
            covered = {x for x in self.table.letters if letter <= x <= spread[1]}
            return frozenset(covered), spread.end(), False
        label_end, scored = self._skip_label(letter, end)
        if not self._is_choice(match, mood, has_label=label_end > end):
            return None
        if mood == "loose" and not match[2] and letter not in self.table.every:
            return None
        return frozenset(letter), label_end, scored

    def _is_choice(self, match: re.Match[str], mood: Mood, *, has_label: bool) -> bool:
        text, end, letter = self.text, match.end(), match[4]
        vouched = bool(match[1] or match[2] or match[3])
        if _POSSESSIVE.match(text, end) and not match[1] + match[3]:
            return False
        if has_label and (letter.isupper() or _STRICT_END.match(text, end)):
            return letter.isupper() or mood != "loose"
        if _HYPHENED.match(text, end) and not self._joins_letter(end):
            return False
        if _SPECIES.match(text, end) or _CHINESE_COMPOUND.match(text, end):
            return False
        if mood == "list":
            return letter.isupper() or bool(match[2])
        if letter.islower():
            return (mood != "loose" or bool(match[2])) and bool(_STRICT_END.match(text, end))
        if letter == "I" and not vouched:
            follow = _ENDS_PROTOCOL_I if mood == "protocol" else _ENDS_I
            return mood != "loose" and bool(follow.match(text, end))
        if mood == "loose" and _SMALL_SENTENCE.match(text, end):
            return False
        return bool(INVOLVED.match(text, end)) or self._ends_cleanly(end)

    def _joins_letter(self, end: int) -> bool:
        return bool(_SLASHED_LETTER.match(self.text, end))

    def _ends_cleanly(self, end: int) -> bool:
        rest = self.text[end : end + 3].lstrip(" ")
        if not rest or "\n" in self.text[end : end + 2] or not rest[0].isalnum():
            return True
        if not rest[0].isascii():
            return True
        if NOISE_AFTER.match(self.text, end):
            return True
        return bool(_FOLLOWING_WORD.match(self.text, end) or POSITIVE.match(self.text, end))

    def _skip_label(self, letter: str, end: int) -> tuple[int, bool]:
        """The end of what explains a letter ("C: Osteophytes", "C (70%)"); whether it scores."""
        text = self.text
        mark = _LABEL_MARK.match(text, end)
        if mark and mark.end() > end and "\n" not in mark.group():
            mention = self.table.match_mention(text, mark.end())
            if mark.group().strip() and self.table.is_own_letter_text(letter, text, mark.end()):
                return self._close(mark.end() + 1), False
            # "A foraminal stenosis": an article, unless the text is the letter's own.
            if mention and (mark.group().strip() or letter != "A" or letter in mention.letters):
                return self._close(mention.end), False
        score = _SCORE.match(text, end)
        if score and _IS_SCORE.search(score.group()):
            return score.end(), True
        parenthesis = _PARENTHESIS.match(text, end)
        if parenthesis:
            return parenthesis.end(), False
        free = _FREE_LABEL.match(text, end) if self.table.multiple else None
        return (free.end(), False) if free else (end, False)

    def _close(self, end: int) -> int:
        match = _CLOSERS.match(self.text, end)
        return match.end() if match else end
