"""Letters that stand alone: an answer that begins with its letter, or ends with it."""

import re

from spinebench.evaluation._extract_decision import Commitment
from spinebench.evaluation._extract_guards import NAMED_THING, TRAILING, is_prose, is_withheld
from spinebench.evaluation._extract_options import OptionTable
from spinebench.evaluation._extract_selection import NOISE_AFTER, Selection, SelectionReader

_LISTED = re.compile(r"(?:^|[\s,;(\[{\"'])([A-Z])[\"']?\s?(?:[:)]|\.(?=\s)|\(\d)", re.MULTILINE)
_LINE_END = re.compile(r"[\s\"')\]}>.,;:!]*$")
# "- A. Healthy:", where what is said of the option would have followed
_CUT_OFF = re.compile(r"[a-z)]\s?:\s*$")
_WHOLE_LINE = re.compile(r"[\"')\]}>.,;:! ]*\n")
_SCORED = re.compile(r"\b[A-Z]\b[\"')\]]*\s?[:=(\-]?\s?~?\d")
_PAST = re.compile(r"\b(?:was|were)\b", re.IGNORECASE)
_TAG_QUESTION = re.compile(r"[^.!?\n]{0,30}\?")
_NUMBERED_LIST = re.compile(r"(1[.)] )(?=[^\n]{1,60}\n\s*2[.)] )")
_FIRST_DELIMITER = re.compile(
    r"[\"')\]}>]{0,6}(?<=[.)])\s|[\"')\]}>]{0,6}\s*(?:$|[.:),;(\n。、]|(?:全|都|均)(?:选|对)|\s?-\s"
    r"|(?:but |and )?(?:not"
    r"|rather than|instead of"
    r"|over|for (?:sure|certain)|alone|only(?! (?:if|when|where|in)\b)|because|since"
    r"|most (?:likely|probably)|definitely|(?:confident|sure|certain)|(?:←|<-+) ?(?:my "
    r"|the )?(?:final|answer|choice|correct)"
    r"|certainly)(?:\s|[.!]|$)|please\b|(?<=\s)[#%$@*~^])"
)
_ABBREVIATED = re.compile(
    r"\b(?:Dr|Drs|Mr|Mrs|Ms|Prof|St|vs|cf|no|vol|al|e\.g|secs?|figs?|pp?|ch|eq|tab"
    r"|app)\.[\s(\[\"']*$"
    r"|\n\s*(?:[2-9]|\d\d)\.\s*$",
    re.IGNORECASE,
)
# "There is a clear step at L4: E"; not "Least likely: E".
_LAST_COLON = re.compile(
    r":\s?(?:options? )?[(\[]?([A-Z](?:(?:, ?(?:and )?| and | ?& ?)[A-Z]){0,25})[)\]]?\.?\s*$"
)
_POOR = re.compile(
    r"\b(?:least|weak\w*|worst|poor\w*|distract\w*|trap|wrong|incorrect|tempting|alternativ\w*"
    r"|differential|second|runner|other|possib\w*|candidates?|plausible|between|consider\w*|unclear"
    r"|remain\w*|appl(?:y|ies)|unsure|uncertain|out|against|says?|said|states?|exclu\w*)\b|[?]",
    re.IGNORECASE,
)
_ENTRY = re.compile(r"(?:- )?[(\[]?([A-Z])(?:[)\]][.:]?|[.:])[ ](?=\S)")
_CONCLUDES = re.compile(
    r"\b(?:based on|findings?|image|mri|radiograph|film|scan|shows?|seen|present|diagnos[ei]s"
    r"|conclu\w+|therefore|selected|chosen|correct|summary)\b",
    re.IGNORECASE,
)
_DOUBTS = re.compile(
    r"\b(?:not|no|none|could|might|may|if|whether|options|choices|absent|unlikely|either|one of"
    r"|rule[ds]?|eliminat\w+|need\w*|look\w*|check\w*|assess\w*|evaluat\w*|compar\w*)\b|n't",
    re.IGNORECASE,
)
_ASKS = re.compile(r"\b(?:choose|select|pick|mark)\b", re.IGNORECASE)
_LAST_SENTENCE = re.compile(
    r"(?:[.!?;]\s+|。\s*(?:选项)?|→\s*|\n)(?:(?:[Oo]ption|[Cc]hoice) )?"
    r"[(\[\"']*([A-Z])[)\]\"'.]*\s*$"
)


def read_first_line(text: str, table: OptionTable, reader: SelectionReader) -> Commitment | None:
    """An answer that begins with its letter: "C", "C) Osteophytes", "A, C", "B. The image ..."."""
    numbered = _NUMBERED_LIST.match(text) if table.multiple else None
    selection = reader.read(numbered.end(1) if numbered else 0, "strong", by_line=True)
    if selection is None or selection.by_text or _is_ranking(text, selection):
        return None
    label = text[: selection.start][-24:].removeprefix("The ").removeprefix("the ")
    label = "" if label.lower() == "letter " else label
    if not table.multiple and NAMED_THING.search(label):
        return None  # "segment D"
    line_end = text.find("\n", selection.end)
    line_end = len(text) if line_end < 0 else line_end
    is_noisy = bool(NOISE_AFTER.match(text, selection.end))
    is_pure = is_noisy or bool(
        _LINE_END.match(text[selection.end : min(line_end, selection.end + 40)])
    )
    if not is_pure:
        listed = {match[1] for match in _LISTED.finditer(text)} - selection.letters
        if listed or not selection.letters or not _FIRST_DELIMITER.match(text, selection.end):
            return None
    after = text[selection.end : selection.end + 160]
    if _PAST.search(text[: selection.start]):
        return None  # "That was C; this one ..."
    if is_noisy:
        after = ""
    if is_prose(after[:40]) or TRAILING.match(after) or _TAG_QUESTION.match(after):
        return None
    return Commitment("bare_letter", 0, selection.end, selection.letters, selection.decided)


def _is_ranking(text: str, selection: Selection) -> bool:
    """Whether letters carry percentages that rank several of them; one alone is sure of itself."""
    if not selection.scored:
        return False
    return len(selection.letters) > 1 or len(_SCORED.findall(text)) > 1


def read_last_line(text: str, table: OptionTable, reader: SelectionReader) -> Commitment | None:
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
            and not _CUT_OFF.search(text, start)
        ):
            if table.multiple:
                selection = _extend_bullets(text, start, selection, reader)
            return Commitment(
                "bare_letter", start, selection.end, selection.letters, selection.decided
            )
    if table.multiple and (entries := _read_entries(text, table)):
        return entries
    if colon := _read_last_colon(text, table):
        return colon
    lone = _LAST_SENTENCE.search(text, max(0, len(text) - 40))
    before_lone = text[max(0, lone.start(1) - 24) : lone.start(1)] if lone else ""
    if _ABBREVIATED.search(before_lone) or re.search(r"(?:^|\s)[A-Z]\.\s*$", before_lone):
        return None
    if lone and lone[1] in table.every and not NAMED_THING.search(before_lone):
        return Commitment(
            "bare_letter", lone.start(1), lone.end(), frozenset(lone[1]), decided=True
        )
    return None


def _extend_bullets(
    text: str, start: int, selection: Selection, reader: SelectionReader
) -> Selection:
    """The letters of the last line with those of the bulleted lines right above it."""
    letters, decided = selection.letters, selection.decided
    while text.startswith("- ", start) and start > 1:
        above = text.rfind("\n", 0, start - 1) + 1
        more = reader.read(above, "strong") if text.startswith("- ", above) else None
        if more is None or more.by_text or not _WHOLE_LINE.match(text, more.end):
            break
        letters, decided, start = letters | more.letters, decided and more.decided, above
    return Selection(letters, selection.start, selection.end, decided)


def _read_entries(text: str, table: OptionTable) -> Commitment | None:
    """The last lines, each a letter with its option's own words, behind a head that concludes.

    "Based on the image:\\n(B) Spondylolisthesis\\n(D) Spinal canal stenosis".
    """
    letters: list[str] = []
    end = start = len(text.rstrip())
    while start > 0 and len(letters) < len(table.letters):
        above = text.rfind("\n", 0, end) + 1
        entry = _ENTRY.match(text, above, end)
        mention = table.match_mention(text, entry.end()) if entry else None
        if not entry or not mention or entry[1] not in mention.letters:
            break
        if not _LINE_END.match(text[mention.end : end]):
            break
        letters, start = [entry[1], *letters], above
        end = len(text[:above].rstrip())
    head = text[text.rfind("\n", 0, end) + 1 : end]
    if len(letters) < 2 or letters[0] == "A" or not head.endswith(":") or len(head) > 200:
        return None  # from A on it may be the list of options, cut off
    if not _CONCLUDES.search(head) or _POOR.search(head) or _DOUBTS.search(head):
        return None
    return Commitment("bare_letter", start, len(text.rstrip()), frozenset(letters), decided=True)


def _read_last_colon(text: str, table: OptionTable) -> Commitment | None:
    """A letter behind the colon of a last sentence that says why."""
    found = _LAST_COLON.search(text, max(0, len(text) - 60))
    letters = frozenset(re.findall("[A-Z]", found[1])) if found else frozenset()
    if found is None or not letters <= table.every:
        return None
    if len(letters) > 1 and (letters == table.every or not table.multiple):
        return None  # "choose all that apply: A, B, C"
    before = re.split(r"[.!?。;]\s|\n", text[max(0, found.start() - 200) : found.start()])[-1]
    if len(letters) > 1 and _ASKS.search(before):
        return None
    if len(before.split()) < 4 or _POOR.search(before) or NAMED_THING.search(before):
        return None
    selection = Selection(letters, found.start(1), found.end())
    if is_withheld(text, found.start() + 1, selection, ""):
        return None
    return Commitment("bare_letter", found.start(1), found.end(), letters, decided=True)
