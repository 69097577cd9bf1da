"""The wordings in which answers commit themselves, strongest first.

Tables only; `_extract_cues.py` says what a wording found in a text is worth.
"""

import re
from typing import Literal

from spinebench.evaluation._extract_guards import NOTHING_BUT, PREFERENCE
from spinebench.evaluation._extract_selection import Mood

CommitmentStage = Literal["closing_line", "json", "statement", "bare_letter"]

_FINAL_NOUN = (
    r"(?:options?|answers?|choices?|selections?|decision|pick|verdict|response|letters?|diagnosis)"
)
_CLOSING = (
    rf"(?:\b(?:my\s?)?(?:final|ultimate)[\s_\-]*{_FINAL_NOUN}(?![A-Za-z])(?: is| are)?(?: my)?"
    r"|\bfinal(?=\s*:)|\b(?:final|my) options?(?=[A-Z]\b)|最终(?:选项|答案|选择|结论|诊断)"
    r"|最后(?:选项|答案|选择)|我的(?:选项|答案))"
)
KEEP_ECHO_AFTER = re.compile(rf"{_CLOSING}[\s:=\"'(\[]{{0,8}}$", re.IGNORECASE)
"""A closing line's head: a whole list of options right behind it is a choice, not an echo."""

_ADJECTIVE = (
    r"(?:correct|right|best|chosen|selected|appropriate|accurate|suitable|likely|probable|plausible"
    r"|fitting|my|final|affected|positive|abnormal|true|single)"
)
_NOUN = (
    rf"(?:\b(?:answers?(?! (?:choices|options))|ans|{_ADJECTIVE}\s+(?:options?|choices?"
    rf"|letters?|levels?|selections?)|option(?! [A-Z]\b(?! (?:choose|pick|select|prefer|favou?r"
    rf"|would|think|believe)\b))|choice|selection"
    r"|(?:levels?|segments?|discs?|spaces?) (?:concerned|affected|involved|implicated)"
    r"|pick|guess|my (?:read|reading|take|call)|winner|diagnosis|conclusion|verdict|impression"
    r"|prediction|decision|vote|bet|judge?ment|(?:best|closest) (?:match|fit|description"
    r"|explanation)"
    r"|response|result|classification|letter|ones?)\b)"
)
_LINK = (
    r"(?:\b(?:is|are|was|were|would (?:\w+ )?be|should (?:\w+ )?be|must be|will be|has to be"
    r"|appears to be|seems to be"
    r"|remains|becomes|lies|includes|comprises|goes (?:to|with)|falls on)\b|[:=]|→|\s-\s)"
)
_STRONG_PATTERNS = (
    rf"{_NOUN}(?:\(s\))?(?:(?!, but\b)[^.;:!?\n=]){{0,60}}?{_LINK}",
    r"\b(?:answers?(?! (?:choices|options))|ans|correct)(?=[\s\]:(\[\-→]|(?-i:(?<=[a-z])[A-Z]\b))",
    rf"{_NOUN}'s(?=\s)",
    r"\bboxed:|\b(?:output|assistant|addCriterion)(?=\s?:)",
    r"\b(?:were|had) I (?:to |been )?(?:forced|pressed|asked|obliged|made|required"
    r"|choose|pick|guess|commit|answer|decide)\b[^.:;\n]{0,50},"
    r"(?: it(?:'d| would) be| I(?:'d| would)(?: go (?:with|for)| choose| pick| say| answer)?)?",
    r"\b(?:money|bet)(?: is|'s) on\b|\bput (?:all )?my (?:(?:money|chips|bet)s? on|name to)\b"
    rf"|\b(?:{NOTHING_BUT.pattern})\b"
    r"|\bcomes? down (?:on the side of|in favou?r of)\b"
    r"|\bI(?:'d| would|'ll| will| am going to)?(?: also)? (?:add|mark|tick|circle|submit|enter"
    r"|record|report)\b",
    r"(?:^|(?<=[.:\n]\s)|(?<=\n))(?:mark|tick|circle"
    r"|submit)(?= (?:option )?[(\[]?(?-i:[A-Z])[)\]]?\s?[.!\n]?$)"
    r"|\b(?:rank|place|put)(?= (?:option )?[(\[]?(?-i:[A-Z])[)\]]? (?:first|at the top|highest"
    r"|on top)\b)",
    r"\bthat (?:best |most )?(?:stands? out|fits?|match(?:es)?|describes?|explains?|applies)\b"
    r"[^.;:!?\n]{0,50}?(?:\bis\b|[=:])",
    r"\bmost (?:likely|probable|plausible|appropriate|suitable|accurate"
    r"|fitting)(?: \w+){0,3}? (?:is|would be)\b",
    r"\b(?:choos(?:e|ing)|chosen?|select(?:ing|ed)?|pick(?:ing|ed)?|go(?:ing)? (?:with|for)"
    r"|opt(?:ing)? for"
    r"|settl(?:e|ing) (?:on|for|with)|lean(?:ing)?(?: (?:towards?|to|on))?|favou?r|answer|say"
    r"|conclude"
    r"|stick(?:ing)? with|vote for|stand by|commit(?:ting)? to|respond with|land(?:ing)? on"
    r"|prefer|include|lock(?:ing|ed)? in|put(?:ting)? (?:me|it) down (?:for|as)|i(?:'ll| will) take"
    r")\b(?: that)?(?: it)?",
    r"\bif (?:forced|pressed|required|asked|(?:i|we) (?:had|have|must|were))\b[^.:;\n]{0,40}?"
    r"\b(?:choose|pick|select|guess|answer|decide|commit)\b[^.:;\n]{0,20}[:,]",
    r"答(?=:)|(?:正确)?答案(?:应该|应当|应)?(?:是|为|选)?|正确(?:的)?(?:选项|选择)?(?:是|为)|正确(?:选项|选择)(?=:)|(?:更"
    r"|较)?倾向(?:于)?"
    r"|(?:我)?(?:会|将|应该|应|故|因此|所以|综上)?选(?:择|项是|项为)?(?!项)"
    r"|最(?:有?可能|符合|合适|恰当|匹配|贴切|接近)(?:的)?(?:\w{0,4})?(?:是|为)|诊断(?:结果)?(?:是|为|:)|(?:受累|病变"
    r"|受影响)(?:的)?(?:节段|水平|部位)(?:是|为|:|位于)?|应该是|应当是|应[是为]|而是|其实(?:是|为)|只剩(?:下)?|仅剩"
    r"|(?:为|是|符合|提示|考虑)[\u4e00-\u9fff]{1,12}\((?=选项\s?[A-Z])",
)
_DESCRIPTIVE_PATTERNS = (
    r"\b(?:it's|it is|this is|that is|that's|i'd be|(?:looks|seems) like|(?:looks|seems"
    r"|appears) to be|it must be|it has to be|should be|must be|would be|(?:gotta|can only"
    r"|got to) be)\b",
    r"\b(?:consistent with|corresponds?(?: (?:most|best|more))?(?: \w+ly)? (?:to|with)"
    r"|corresponding to|match(?:es)?(?: (?:most )?\w+ly)?"
    r"|(?:image|picture|scan|film|case|it|this) belongs? (?:to|in|under)(?: category)?"
    r"|points? (?:\w+ly )?(?:to|towards?|at)|suggests?|indicates?"
    r"|supports?|(?:look|image|scan|film|view|slice|x-ray|picture|radiograph|mri|it) (?:shows"
    r"|demonstrates|reveals|represents|depicts)"
    r"|indicative of|in line with|screams|suggestive of|suggesting|indicating"
    r"|fits?(?: with)?"
    r"|compatible with"
    r"|characteristic of|typical of|in keeping with|(?:described|explained|represented|captured) by"
    r"|leads? (?:me |us )?to|narrows? (?:it |this )?down to|leav(?:es|ing)(?: us"
    r"| me)?(?: only)?(?: with)?"
    r"|(?:am|are|'re|'m) left (?:only )?with|mak(?:es|ing)(?: it| this)?"
    r"|(?:tips?|tilts?|sways?|swings?) (?:it|me|(?:the )?(?:balance"
    r"|scales?))(?: (?:towards?|to|in favou?r of))?|comes? down to|map(?:s|ped)? to|falls? under"
    r"|classif(?:y|ied) (?:it |this )?as)\b",
    r"\bI (?:think|believe|guess|suspect|feel)\b|\bin my (?:opinion|view)\b|\bi\.e\.|\bnamely\b",
    r"\b(?:located|seen|present|found|visible) (?:at|in)\b|\blesions? (?:is|are) (?:at|in)\b"
    r"|\b(?:affected|involved|abnormal|diseased|pathologic(?:al)?|stenotic) (?:levels?"
    r"|segments?|discs?"
    r"|options?)(?: (?:is|are|include))?"
    r"|\b(?:involves?|involving|affecting)\b"
    r"|\b(?:levels?|discs?|segments?) (?:is|are) (?:affected|involved|abnormal|narrowed|stenotic"
    r"|degenerated?)(?=\s?:)|\b(?:affected|involved|positive|abnormal|yes)(?=\s?:)",
    r"位于|提示|对应|符合|考虑",
)
_CONCLUSIVE_PATTERNS = (
    r"\b(?:so(?! (?:is|are|was|were|do|does|did|has|have|can|could|would|might|may)\b)"
    r"|therefore|thus|hence|ergo|consequently|accordingly|in conclusion|in summary"
    r"|conclusion|in other words|that is to say|put differently|simply put|in short|in brief"
    r"|finally|to conclude|ultimately|verdict|to summari[sz]e|to sum up|bottom line|all in all"
    r"|all things considered|overall|by (?:exclusion|elimination|process of elimination))\b"
    r"|(?<=, )but(?=[ ][(\[]?(?-i:[A-Z])[)\]]?\.?\s*$)",
    r"结论(?:是|为)?|判断(?:是|为)|所以|因此|综上|我认为是?",
    PREFERENCE.pattern,
    r"(?:^|(?<=[,;:.]\s))only\b|(?<=[,;.]\s)now\b",
)
_REVISION_PATTERN = (
    r"(?:\b(?:no|nope|wait|oops|sorry|hmm)\b[,.!]{0,3} ?(?:that|this|it)(?:'s| is| was)"
    r" (?:wrong|incorrect|not right|a mistake)\s?[:;.,\-]|\bno\b\s*(?:[.,;!\-]|\bno\b|\bwait\b"
    r"|\bactually\b)"
    r"|\b(?:update|edit)\s?:(?: after [^,.\n]{1,30},)?"
    r"|\b(?:wait|nope|hmm|oops|sorry|actually|correction|rather|scratch that|never mind"
    r"|instead)\b\s*(?:[.,:;!\-]|\bno\b|\bwait\b|\bactually\b)"
    r"|\b(?:actually|make that|i mean|i meant|make it|scratch that|or rather|correction)\b"
    r"|\b(?:chang(?:e|ed|ing)|revis(?:e|ed|ing)|switch(?:ed|ing)?|correct(?:ed|ing)?"
    r"|amend(?:ed|ing)?|updat(?:e|ed|ing))"
    r"(?: (?:it|that|this|myself|my (?:answer|mind|choice|response)))*"
    r"(?: from (?:options? )?[(\[]?[A-Z][)\]]?)?(?: to|:)"
    r"|\b(?:thinking|looking|checking|counting) again\b|\b(?:up)?on (?:further |closer |second "
    r"|careful )?(?:reflection|inspection|thoughts?|review"
    r"|consideration|look)\b"
    r"|不对[,。]?|更正[为:]?|(?:应)?改(?:为|选)|纠正[为:]?|不,)(?:\s*(?:no|wait|actually|hmm"
    r"|it's|it is|应该是|是)[\s,.:]{0,4}){0,4}"
)
_JSON_KEY = (
    r"[\"'](?:answers?|(?:final|correct|selected|chosen|predicted|my)[_ ]?(?:answers?|options?"
    r"|choices?|letters?)"
    r"|choice|selection|selected|option|prediction|label|letters?|response|result|output"
    r"|diagnosis|答案)[\"']\s*:"
)
CUES: tuple[tuple[CommitmentStage, Mood, str], ...] = (
    ("json", "protocol", _JSON_KEY),
    ("closing_line", "protocol", _CLOSING),
    *(("statement", "strong", pattern) for pattern in _STRONG_PATTERNS),
    *(("statement", "loose", pattern) for pattern in _DESCRIPTIVE_PATTERNS),
    *(("statement", "loose", pattern) for pattern in _CONCLUSIVE_PATTERNS),
    ("statement", "loose", _REVISION_PATTERN),
)
DESCRIPTIVE_CUES = {
    f"cue{index}"
    for index, (_, mood, pattern) in enumerate(CUES)
    if mood == "loose" and pattern in _DESCRIPTIVE_PATTERNS
}
REVISION_CUE = f"cue{len(CUES) - 1}"
# Every wording begins with a word, a quotation mark or a Chinese character: tried only there.
_BEGINNING = r"(?:(?<!\w)(?=[A-Za-z])|(?=[\"'])|(?=[^\x00-\x7f]))"
CUE_PATTERN = re.compile(
    f"{_BEGINNING}(?:"
    + "|".join(f"(?P<cue{index}>{pattern})" for index, (_, _, pattern) in enumerate(CUES))
    + ")",
    re.IGNORECASE,
)
