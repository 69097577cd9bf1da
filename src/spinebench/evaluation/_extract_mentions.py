"""Answers that name an option by its words only: which mentions are meant, which denied."""

import re
from bisect import bisect_left, bisect_right

from spinebench.evaluation._extract_confirmations import POSITIVE
from spinebench.evaluation._extract_frames import is_framed
from spinebench.evaluation._extract_guards import has_condition
from spinebench.evaluation._extract_options import Mention, OptionTable

_SENTENCE = re.compile(r"(?:[^.!?。!?;\n]|\.(?=[^\s]))+[.!?。;]?")
_SCOPE_END = re.compile(
    r";|:|\s-\s|→|\b(?:but|however|yet|while|whereas|although|though|because|so|therefore|thus"
    r"|hence|instead|except)\b"
    r"|,(?=\s*(?:and )?(?:there|this|it|i|we|the|suggest\w*|consistent|indicat\w*|making|most"
    r"|which|with|leading|represent\w*|in)\b)"
    r"|,?(?<!不)(?:考虑|提示|诊断|符合|可见|存在|但|而)",
    re.IGNORECASE,
)
_DENIED_BEFORE = re.compile(
    r"\b(?:no(?! (?:doctor|expert|physician|radiologist|doubt|question))|not|without|absen\w+"
    r"|lacks?|lacking|rul(?:e|es|ed|ing) out|exclud\w+|unlikely|less|free of|negative for"
    r"|denies|never"
    r"|neither|nor|hardly|scarcely|barely|had|perhaps|maybe|compar\w+|hope\w*|wish\w*|previously"
    r"|nothing|status post"
    r"|s/p|remov\w+|cannot|can't|\w+n't|instead of|rather than|whether"
    r"|if|could|might|may"
    r"|possibl\w+|versus|vs|differential"
    r"|assess\w*|look(?:ing)? for|evaluat\w+ for|check\w*|hard to|difficult to|distinguish\w*"
    r"|differentiat\w*|unclear|uncertain|such as|between|(?<!look )(?<!looks )like|unable|question"
    r"|ask(?:s|ed|ing)?|history of|known(?! as)|suspected|suspicio(?:n|us)|query|r/o"
    r"|far from|free from|risk of|concern(?:s|ed|ing)?|wonder\w*|prone to)\b"
    r"|\b(?:letter |option )?[A-Z] (?:(?:means|stands for|denotes|refers to|describes|reads|says"
    r"|lists|is for)\b|is [\"'])"
    r"|无|没有|未|不|排除|非|可能是|是否|除外",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"(?:indication|history|clinical (?:question|information|details|suspicion)|reason for \w+"
    r"|query|referral|previous \w+)\s?:[^:;]*$",
    re.IGNORECASE,
)
_LOST = re.compile(
    r"\b(?:(?:loss|lack|absence|reversal) of (?:the )?(?:\w+ )?|anything but (?:an? |the )?)$", re.I
)
_LISTED_BEFORE = re.compile(r"\b(?:options|choices)\b", re.IGNORECASE)
_DENIED_AFTER = re.compile(
    r"[^;.\n]{0,60}\bare (?:the|all|just) (?:possible |given |\w+ )?(?:levels of the|options"
    r"|choices|(?:levels|discs|segments) (?:shown|visible|seen|imaged|displayed|depicted|covered"
    r"|included|in (?:the|this|view)))\b(?! (?:that|to|as)\b)|"
    r"[^,;.\n]{0,12}\b(?:is|are|remains?) (?:an?|another|one) (?:\w+ )?(?:consideration|possibility"
    r"|alternative|differential)\b|"
    r"[\s:(\-]{1,4}(?:(?:rather|very|quite|less|more) )?(?:absent|none|no|negative|unlikely"
    r"|likely not|uncertain|unclear|doubtful|questionable|excluded|less likely)\b"
    r"|\s(?:is|are|was|were) (?:operated|treated|removed|resected|fused)\b"
    r"|\s(?:spine|disc|level) (?:might|may|could|would)\b|"
    r"[ ,(]{1,3}(?:if|when|where|should) (?:present|seen|visible|any|they|there|it|large|severe)\b"
    r"|\s(?:is|are|was|were) (?:\w+ly )?(?:suspected|considered|questioned|sought|searched"
    r"|feared)\b"
    r"|\s(?:might|may|could|would (?:show|have|present|appear|need|require|look|produce|lead))\b"
    r"|[^,;.\n]{0,30}?(?:\b(?:cannot|can't|could not|can not|(?:needs?|has|have|ought) to be"
    r"|should be"
    r"|must be) (?:be )?(?:excluded|ruled|considered|assessed|dismissed|confirmed|seen"
    r"|identified|determined|established|demonstrated|diagnosed)|\b(?:is|are|was|were"
    r"|can be|seems?|appears?|looks?)\s(?:\w+ )?(?:not|absent|unlikely|less|ruled|excluded"
    r"|implausible|possible|incorrect|wrong)\b"
    r"|\b(?:isn't|aren't|not (?:seen|present|visible|evident))\b|不(?:明显|存在|符合|支持)|可排除)",
    re.IGNORECASE,
)
_LABEL_DENIED = re.compile(
    r"\s*[:(\-]\s*(?:no|none|nil|negative|absent|false|not (?:present|seen|visible|evident)"
    r"|unlikely)\b",
    re.IGNORECASE,
)
_DEFINED = re.compile(
    r",? also (?:called|known)\b|\s+(?:cause|lead|result|form|develop|arise|come|resemble"
    r"|increase)\b|"
    r"\s+(?:typically|usually|often|generally|commonly|frequently|tends?)\b"
    r"|\s+(?:people|persons?|adults?|individuals?|volunteers?|subjects?|controls?|diet|lifestyle)\b"
    r"|\s+(?:is|are|refers|means|occurs?|involves?|describes?|happens?|develops?)\s+(?:an?|when"
    r"|(?:displacement|narrowing|bulging|protrusion|slipping|extrusion) of|to"
    r"|the (?:narrowing|loss|abnormal|forward|slipping)|bony|common|typical|frequent|typically"
    r"|usually|often"
    r"|defined|by)\b",
    re.IGNORECASE,
)
# Said of levels only: without disease, or merely looked at.
_UNAFFECTED = re.compile(
    r"\b(?:review\w*|examined|covers?|covering|depict\w*|imaged|numbered|counted|displayed"
    r"|unaffected|uninvolved|excluded|normal|preserved|unremarkable|intact|spared|maintained"
    r"|patent|healthy|fine"
    r"|well[- ]hydrated|clear)\b|正常|未见|完好",
    re.IGNORECASE,
)
_CONCLUDING = re.compile(
    r"\b(?:diagnos\w+|most likely|likely|answer|consistent with|suggests?|suggest(?:ive|ing)"
    r"|indicat\w+|therefore|thus|hence|conclu\w+|in summary"
    r"|overall|final\w*|represents?|characteristic|corresponds?|known as|suffer\w*"
    r"|affected levels?|located|lesions? (?:is|are)|so)\b"
    r"|(?<!不)(?:诊断|考虑|提示)|综上|因此|所以|符合|位于|最可能|结论",
    re.IGNORECASE,
)
# "L4/L5 is narrow, L5/S1 is normal": a comma ends what is said of the first level.
_NEXT_LEVEL = re.compile(
    r"\b(?:is|are|shows?|has|have|appears?)\s[^,;]{1,40},(?=\s*(?:and\s)?[CTLS]\d)", re.IGNORECASE
)
_ALL_LEVELS = re.compile(
    r"\b(?:at|in|across|throughout|involving|affecting|affects|involves) (?:all|every|each)"
    r"(?: (?:of|the|five|six|seven|lumbar|cervical|imaged|visible|listed|shown))*"
    r" (?:levels?|discs?|segments?|disc spaces?)\b(?! (?:except|but|other|apart|that|which))",
    re.IGNORECASE,
)
_ILL = re.compile(
    r"\b(?:degenerat\w+|stenos[ie]s|stenotic|narrow\w+|herniat\w+|bulg\w+|protru\w+|lesions?"
    r"|involv\w+|affect\w+|diseased?|abnormal\w*|osteophyt\w+|spondyl\w+|desiccat\w+)\b",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[\s,;&+.、，；]*(?:and|和|与|及)?[\s,]*", re.IGNORECASE)
# What says of an image that something is there, or ends with the option's words ("_"): not
# "osteophytes cause pain".
_ASSERTS = re.compile(
    r"\b(?:show\w*|seen?|saw|demonstrat\w*|reveal\w*|display\w*|exhibit\w*|indicat\w*|suggest\w*"
    r"|consistent|compatible|diagnos\w*|present|evident|visible|found|finding\w*|appear\w*|looks?"
    r"|is|are|it's|that's|has|have|answer\w*|likely|represent\w*|characteri\w*|depict\w*|noted?"
    r"|identified|observed?|options?|choice|prominent|conclu\w*|impression|therefore|so|choose"
    r"|select"
    r"|pick|favou?r\w*|think|believe|match\w*|fits?|correspond\w*|support\w*|points?|with|at"
    r"|involv\w*"
    r"|affect\w*|by|due|secondary|\w{4,}ing|clear\w*|marked|mild|moderate|severe|correct|best"
    r"|most|final\w*|doubt|spine"
    r"|curv\w+|side|alignment)\b|[\u4e00-\u9fff]|_\s*(?:$|[,.;(!])|_\W*\w*\W*$",
    re.IGNORECASE,
)
_QUERIED = re.compile(r"(?<!\S)\?(?=[A-Za-z])")  # "?osteophytes", as on a request form
_HEAD = re.compile(r"^(?:- |\d+[.)] )?(?:[Oo]ption )?[(\[]?([A-Z])[)\]]?[.:)]{0,2} ", re.MULTILINE)
_HEADS = re.compile(r"\s?(?::|-\s|- )\s?(?=\S)|\s?:\s*\Z")
_MAX_MENTIONS = 200  # in one sentence; more is a text made to take long
_RANGE_WORD = re.compile(r"\s*(?:to|through|down to|至|到|-)\s*", re.IGNORECASE)


def collect_affirmed(
    text: str, table: OptionTable, *, strict: bool
) -> tuple[frozenset[str], str] | None:
    """The options that a cleaned text affirms by their words, with the deciding sentence, or None.

    A single answer needs exactly one affirmed option in the whole text, or exactly one in the last
    concluding sentence. With several right answers the concluding sentence gives the set; without
    one, all affirming sentences must agree. `strict`, for texts that also refuse: a conclusion is
    needed in every case.
    """
    text = _cut_headings(_QUERIED.sub("query ", text), table)
    if whole := table.match_whole(text):
        return whole, text
    if table.multiple and (listed := _read_bare_list(text, table)):
        return listed, text
    sentences = [
        (found, match.group())
        for match in _SENTENCE.finditer(text)
        if (found := _affirmed_in(match.group(), table))
    ]
    concluding = [pair for pair in sentences if _CONCLUDING.search(pair[1])]
    if strict:
        sentences = concluding
    if not sentences:
        return None
    distinct = {found for found, _ in sentences}
    if len(distinct) == 1:
        chosen = sentences[-1]
    elif concluding:
        chosen = concluding[-1]
    else:
        return None
    found, sentence = chosen
    if not table.multiple and len(found) != 1:
        conclusion = list(_CONCLUDING.finditer(sentence))
        found = _affirmed_in(sentence[conclusion[-1].start() :], table) if conclusion else found
        if len(found) != 1:
            return None
    return found, sentence.strip()


def _cut_headings(text: str, table: OptionTable) -> str:
    """`text` without the options' words where they head what is said of each: "B. Healthy: ..."."""
    headed: list[tuple[int, int]] = []
    letters, is_item = set(), False
    for head in _HEAD.finditer(text):
        mention = table.match_mention(text, head.end())
        if mention and head[1] in mention.letters and _HEADS.match(text, mention.end):
            headed.append((mention.start, mention.end))
            letters.add(head[1])
            # at the end of the text: cut off before anything was said of the option
            is_item |= head.group().startswith("- ") or not text[mention.end + 1 :].strip()
    if len(letters) < 2 and not is_item:
        return text
    parts, end = [], 0
    for start, stop in headed:
        parts.append(text[end:start])
        end = stop
    return "".join([*parts, text[end:]])


def _read_bare_list(text: str, table: OptionTable) -> frozenset[str]:
    """The options of a text that is nothing but their words: "L1-2; L2-3". Else empty."""
    rest, letters = [], frozenset[str]()
    end = 0
    for mention in table.find_mentions(text):
        rest.append(text[end : mention.start])
        letters |= mention.letters
        end = mention.end
    rest.append(text[end:])
    return letters if letters and all(map(_SEPARATOR.fullmatch, rest)) else frozenset()


def _affirmed_in(sentence: str, table: OptionTable) -> frozenset[str]:
    if sentence.rstrip().endswith("?"):
        return frozenset()
    mentions = table.find_mentions(sentence)
    if table.multiple and table.are_levels and _ILL.search(sentence):
        every = _ALL_LEVELS.finditer(sentence)
        mentions += [Mention(match.start(), match.end(), table.every) for match in every]
        mentions.sort(key=lambda mention: mention.start)
    if not mentions or len(mentions) > _MAX_MENTIONS:
        return frozenset()
    if not table.are_levels and not _ASSERTS.search(_without(sentence, mentions)):
        return frozenset()
    marks = _SentenceMarks(sentence, table)
    affirmed: frozenset[str] = frozenset()
    previous_end, previous_letters, previous_meant = -1, frozenset[str](), False
    for mention in mentions:
        between = sentence[previous_end : mention.start] if previous_end >= 0 else ""
        is_meant = marks.is_affirmed(mention)
        if (is_meant or previous_meant) and re.fullmatch(
            r"\s*,?\s*(?:or|versus|vs\.?|或者?|还是)\s*(?:an?\s)?", between, re.I
        ):
            # No choice: nothing with several right answers, two candidates with one.
            if table.multiple:
                return frozenset()
            affirmed |= previous_letters | mention.letters
        if is_meant:
            if table.are_levels and previous_meant and _RANGE_WORD.fullmatch(between):
                affirmed |= _spread(previous_letters, mention.letters, table)
            affirmed |= mention.letters
        previous_end, previous_letters, previous_meant = mention.end, mention.letters, is_meant
    return affirmed


def _without(sentence: str, mentions: list[Mention]) -> str:
    parts, end = [], 0
    for mention in mentions:
        parts.append(sentence[end : mention.start])
        end = mention.end
    return " _ ".join([*parts, sentence[end:]])


def _spread(first: frozenset[str], last: frozenset[str], table: OptionTable) -> frozenset[str]:
    if not first or not last:
        return frozenset()
    low, high = min(first), max(last)
    return frozenset(letter for letter in table.letters if low <= letter <= high)


class _SentenceMarks:
    """Where one sentence denies, and where the reach of a denial ends."""

    def __init__(self, sentence: str, table: OptionTable) -> None:
        self.sentence = sentence
        spans = [match.span() for match in _SCOPE_END.finditer(sentence)]
        spans += [(match.end() - 1, match.end()) for match in _NEXT_LEVEL.finditer(sentence)]
        self._boundaries = sorted(spans)
        self._denials = [match.start() for match in _DENIED_BEFORE.finditer(sentence)]
        self._listings = [match.start() for match in _LISTED_BEFORE.finditer(sentence)]
        self._unaffected = (
            [match.start() for match in _UNAFFECTED.finditer(sentence)] if table.are_levels else []
        )

    def is_affirmed(self, mention: Mention) -> bool:
        """Whether nothing between the neighbouring scope boundaries denies the mention."""
        index = bisect_right(self._boundaries, mention.start, key=lambda span: span[1])
        scope_start = self._boundaries[index - 1][1] if index else 0
        index = bisect_left(self._boundaries, mention.end, key=lambda span: span[0])
        scope_end = (
            self._boundaries[index][0] if index < len(self._boundaries) else len(self.sentence)
        )
        if _has_between(self._denials, scope_start, mention.start):
            return False
        if _has_between(self._unaffected, scope_start, scope_end):
            return False
        before = self.sentence[max(0, mention.start - 80) : mention.start]
        if _HEADING.search(before) or _LOST.search(before):
            return False
        after = self.sentence[mention.end : min(scope_end, mention.end + 80)]
        if _has_between(self._listings, scope_start, mention.start) and not POSITIVE.match(after):
            return False
        if (
            _LABEL_DENIED.match(self.sentence, mention.end)
            or _DENIED_AFTER.match(after)
            or _DEFINED.match(after)
        ):
            return False
        sentence = self.sentence[max(0, mention.start - 220) : mention.start]
        clause = self.sentence[max(scope_start, mention.start - 220) : mention.start]
        return not (has_condition(sentence) or is_framed(sentence, clause, after, ""))


def _has_between(places: list[int], start: int, end: int) -> bool:
    index = bisect_left(places, start)
    return index < len(places) and places[index] < end
