"""Answers that name an option by its words only: which mentions are meant, which denied."""

import re

from spinebench.evaluation._extract_options import OptionTable

_SENTENCE = re.compile(r"(?:[^.!?。!?;\n]|\.(?=[^\s]))+[.!?。;]?")
_SCOPE_END = re.compile(
    r";|:|\s-\s|→|\b(?:but|however|yet|while|whereas|although|though|because|so|therefore|thus|hence|instead|except)\b"
    r"|,(?=\s*(?:and )?(?:there|this|it|i|we|the|suggest\w*|consistent|indicat\w*|making|most|which|with|leading|represent\w*|in)\b)"
    r"|,?(?<!不)(?:考虑|提示|诊断|符合|可见|存在|但|而)",
    re.IGNORECASE,
)
_DENIED_BEFORE = re.compile(
    r"\b(?:no(?! (?:doctor|expert|physician|radiologist|doubt|question))|not|without|absen\w+|lacks?|lacking|rul(?:e|es|ed|ing) out|exclud\w+|unlikely|less|free of|negative for|denies|never"
    r"|neither|nor|cannot|can't|\w+n't|instead of|rather than|whether|if|could|might|may|possibl\w+|versus|vs|differential"
    r"|assess\w*|look(?:ing)? for|evaluat\w+ for|check\w*|hard to|difficult to|distinguish\w*|differentiat\w*|unclear|uncertain|options|choices|such as|between|like|unable|question|asks?)\b"
    r"|无|没有|未|不|排除|非|可能是|是否|除外",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"[^,;.\n]{0,30}?(?:\b(?:is|are|was|were|can be|seems?|appears?|looks?)\s(?:\w+ )?(?:not|absent|unlikely|less|ruled|excluded|implausible|possible|incorrect|wrong)\b"
    r"|\b(?:isn't|aren't|not (?:seen|present|visible|evident))\b|不(?:明显|存在|符合|支持)|可排除)",
    re.IGNORECASE,
)
_DEFINED = re.compile(
    r"\s+(?:is|are|refers|means|occurs?|involves?|describes?|happens?|develops?)\s+(?:an?|when|to|the (?:narrowing|loss|abnormal|forward|slipping)|bony|common|typically|usually|often|defined|by)\b",
    re.IGNORECASE,
)
_UNAFFECTED = re.compile(
    r"\b(?:normal|preserved|unremarkable|intact|spared|maintained|patent|healthy|fine|well[- ]hydrated|clear)\b|正常|未见|完好",
    re.IGNORECASE,
)
_CONCLUDING = re.compile(
    r"\b(?:diagnos\w+|most likely|likely|answer|consistent with|suggests?|suggest(?:ive|ing)|indicat\w+|therefore|thus|hence|conclu\w+|in summary"
    r"|overall|final\w*|represents?|characteristic|corresponds?|known as|suffer\w*|affected levels?|located|lesions? (?:is|are)|so)\b"
    r"|(?<!不)(?:诊断|考虑|提示)|综上|因此|所以|符合|位于|最可能|结论",
    re.IGNORECASE,
)
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


def _affirmed_in(sentence: str, table: OptionTable) -> frozenset[str]:
    if sentence.rstrip().endswith("?"):
        return frozenset()
    mentions = table.find_mentions(sentence)
    affirmed: frozenset[str] = frozenset()
    previous_end, previous_letters, previous_meant = -1, frozenset[str](), False
    for mention in mentions:
        between = sentence[previous_end : mention.start] if previous_end >= 0 else ""
        is_meant = _is_affirmed(sentence, mention.start, mention.end, table)
        if (is_meant or previous_meant) and re.fullmatch(r"\s*,?\s*(?:or|versus|vs\.?|或者?|还是)\s*(?:an?\s)?", between, re.I):
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


def _spread(first: frozenset[str], last: frozenset[str], table: OptionTable) -> frozenset[str]:
    if not first or not last:
        return frozenset()
    low, high = min(first), max(last)
    return frozenset(letter for letter in table.letters if low <= letter <= high)


def _is_affirmed(sentence: str, start: int, end: int, table: OptionTable) -> bool:
    scope_start, scope_end = 0, len(sentence)
    for boundary in _SCOPE_END.finditer(sentence):
        if boundary.end() <= start:
            scope_start = boundary.end()
        elif boundary.start() >= end:
            scope_end = boundary.start()
            break
    before, after = sentence[scope_start:start], sentence[end:scope_end]
    if _DENIED_BEFORE.search(before) or _DENIED_AFTER.match(after) or _DEFINED.match(after):
        return False
    return not (table.are_levels and _UNAFFECTED.search(before + " " + after))
