"""What takes the force from a statement: denial, condition, question, format, taking back."""

import re
from functools import lru_cache

from spinebench.evaluation._extract_frames import after_turn, is_framed, is_quoted
from spinebench.evaluation._extract_selection import Selection

_BOUNDARY = re.compile(
    r"[,;:()\[\]—。、!?\n]|\.\s|\b(?:but|however|yet|though|although|while|whereas|so"
    r"|therefore|thus|hence|because"
    r"|still|nevertheless|nonetheless|and I|then|instead)\b|但|而|因此|所以|故",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(
    r"[!?。\n]|(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bMrs)(?<!\bProf)(?<!\be\.g)(?<!\bi\.e)[.;](?=\s|$)"
)
_NEGATION = re.compile(
    r"\b(?:(?<!a )little|scant|barely|scarcely|seldom|fail(?:s|ed|ing)? to|not|cannot|can't"
    r"|\w+n't|never|neither|nor"
    r"|without|whether|unless|unlikely|doubt\w*"
    r"|den(?:y|ies)"
    r"|rul(?:e|es|ed|ing) out|exclud\w+|eliminat(?!ion)\w+|dismiss\w*|reject\w*|unable|nothing|no"
    r"|none|hardly|rather than"
    r"|instead of|except(?:ing)?|other than|a(?:part|side) from|refus\w+|hesitat\w+|(?:wrong"
    r"|irresponsible|premature|unwise|reckless|unsafe|unethical) (?:(?:for|of) me )?to"
    r"|depend\w*)\b|不(?!过|仅|但|妨)|非(?!常)|无法|排除|未",
    re.IGNORECASE,
)
_IF = re.compile(r"\bif\b|\bwhether\b|是否|如果", re.IGNORECASE)
_PURPOSE = re.compile(r"\s*(?:in order )?to\s*", re.IGNORECASE)  # "to choose D, I would need"
_CHINESE_IF = re.compile(r"要(?:是|想)|如果|假如|若(?!干)|除非|倘若|取决于|视[^,。]{1,12}而定")
_HEDGE = re.compile(
    r"\b(?:may|might|could|tempt\w*|(?:some|many|most|other|several|people|readers"
    r"|radiologists|clinicians|surgeons) (?:\w+ )?(?:would|will|people)|someone|one (?:would"
    r"|may"
    r"|might)|others|many"
    r"|you|inclined|initially|at first|originally|previously|earlier|(?<!all )(?:chance"
    r"|possibility|probability|likelihood)\b(?! of)|first (?:thought"
    r"|considered|chose)"
    r"|would have|almost|nearly|had|before (?:i|we) (?:can|could))\b"
    r"|\b(?:readers|radiologists|clinicians|surgeons|experts|colleagues|doctors|students)\s*$"
    r"|\b(?:he|she|they|colleague|friend|teacher|professor|author|report|referrer|user|question"
    r"|prompt|textbook|key|reader|radiologist|surgeon)s? (?:\w+ )?(?:sa(?:id|ys)|claim(?:s|ed)"
    r"|th(?:inks?|ought)|believe[sd]?|state[sd]?|suggested|wrote|argue[sd]?)\b"
    r"|(?<!\bi )\b(?:suppos(?:e|ing)|assum(?:e|ing)|imagine|hypothetically)\b"
    r"|有人|有些人|别人|其他人|他人|部分(?:医生|医师|人)|(?<![最很极])(?:可能|或许|也许)$|假[设定使]|起初|一开始|最初|原来|曾",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"\b(?:wants?|wanted|expects?|expected|tells?|told|asks?|asked|urged|instructed|supposed)"
    r" (?:(?:me|us|you|him|her|one) )?to\s*$",
    re.IGNORECASE,
)
_SOMEBODY = re.compile(r"\b(?:an?|any|another) (?:[a-z]+ ){1,3}(?:would|will|may|might)\s*$", re.I)
_SOURCE = re.compile(
    r"\baccording to (?:the |your |their |this |my )?(?:\w+ )?(?:prompt|key|report|question|user"
    r"|text|book|notes?|label|title|literature|guidelines?|instructions?|author)\b",
    re.IGNORECASE,
)
_WRONG_NOUN = re.compile(
    r"\b(?:second|third|fourth|fifth|[2-9](?:nd|rd|th)|alternative|other|next|wrong|worst|poorly"
    r"|avoid|reject|discard|drop|skip|strike"
    r"|textbook|each|every|any|usual|standard|former|stock|(?:colleague|teacher|professor|student"
    r"|resident"
    r"|examiner|reader|author|user|report|key|radiologist|surgeon|somebody|someone|else)'s"
    r"|(?:his|her|their|your)|incorrect|initial|first|original|previous"
    r"|earlier|backup|runner-up"
    r"|least(?: likely)?|less(?: likely)?|unlikely|differential|possible|secondary|another"
    r"|tentative)"
    r"(?:[\s-](?:\w+\s)?)?$",
    re.IGNORECASE,
)
FORMAT = re.compile(
    r"(?:(?<!answer in the required )(?<!answer in the requested )\bformat|\bexample|\bsample"
    r"|\bpattern|e\.g\.|such as|\btemplate|\bin the form"
    r"|following form|(?<!\bI )\bend(?:s"
    r"|ing)? with|\bmust be written|\bend (?:\w+ ){1,3}with"
    r"|格式(?:为|如|是|:|应)|形如|示例|最后一行)"
    # a template in quotes is over with its closing quotes
    r"(?:(?!\][\"']{1,2}[.\s])[^\n]){0,60}$|(?:例如|比如|for instance)[\s:,\"'\[(]{0,4}$",
    re.IGNORECASE,
)
_FORCED = re.compile(
    r"\bif (?:i|we|you) (?:had|have|must|were|was|am|need|do)\b|\bif (?:forced|pressed"
    r"|required|asked|only|a |one )|\bif (?:i|we)'",
    re.IGNORECASE,
)
_FORCED_PHRASE = re.compile(
    r"\bif (?:(?:i|we) (?:had|have|must|were|was|am|need) ?(?:to|forced to|pressed to"
    r"|asked to)?|(?:forced|pressed|required|asked) to)\s+\w+(?: (?:one|a single one|an answer"
    r"|only one))?",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:if|unless|(?:were|had) (?:there|it|the|this|that)|provided|assuming|suppos(?:e|ing)"
    r"|should (?:the|there|it|this|that|an?|any|later|further)"
    r"|(?:in|on) (?:case|the event|(?:the )?condition|the assumption)|as long as)\b",
    re.IGNORECASE,
)
# "If the slip is real, the answer is A"; not "if we look closely, ...".
_FRONTED = re.compile(
    r"(?:^|[,;:]|\b(?:and|but|only|then|so))\s*(?:only )?(?:if|unless|provided|in the event)\s"
    r"(?!(?:i'm not mistaken|(?:i|we"
    r"|you|one) (?:look|consider|examine|compare|zoom|focus|go|follow|take|exclude|eliminate|had"
    r"|have|must|were|was|am|need|do|can|are|want|remove|rule|only)|forced|pressed|required|asked"
    r"|only|a single|one|anything|so,)\b)[^,:]{2,100}[,:]",
    re.IGNORECASE,
)
_RETRACTED = re.compile(
    r"[^.;\n]{0,30}\bbut (?:i |we )?(?:(?:really|still|honestly|simply|just) )?(?:cannot|can't"
    r"|can not|could(?: not|n't)|wo(?:n't|uld not)|wouldn't|will not|am not|'m not)(?: \w+ly)?"
    r" (?:commit|decide|choose|settle|pick|tell|willing|prepared|ready)",
    re.IGNORECASE,
)
TRAILING = re.compile(
    r"[\s)\]\"',]{0,6}(?:but |and )?(?:only (?:when|where)|(?:only )?(?:if|unless|provided"
    r"|as long as|on condition)|whenever|in case|in the event|pending|when (?:the|there|it|an?)"
    r"|(?:after|once) (?:seeing|reviewing|getting|I see) (?:the )?(?:other|more|further|additional"
    r"|remaining|next))\b"
    r"(?! (?:i|we|you|my|one|forced|pressed|required|asked|only|anything|at all|not)\b)",
    re.IGNORECASE,
)
# "In a younger patient, ...", "with a history of fracture ...": another case than the one shown.
_OTHER_CASE = re.compile(
    r"\b(?:in|for|with)(?! (?:this|the|that|our|these)\b)[^,.;]{0,40}\b(?:patients?|adults?"
    r"|child(?:ren)?"
    r"|cases?|settings?|contexts?|scenarios?|persons?|people|athletes?|wom[ae]n|m[ae]n)\b"
    r"|\bwith (?:an? |the )?(?:\w+ )?(?:history|contrast|gadolinium|symptoms|(?:more|further"
    r"|additional|better|different|other) \w+)\b"
    r"|\bon (?:an? )?(?:\w+ )?(?:ct|mri?|x-?rays?|radiographs?|flexion|extension)\b",
    re.IGNORECASE,
)
_SUPPOSING = re.compile(
    r"^[\s\"'(]*(?:so |now |then |but |and )?(?:let(?:'s| us| me)? (?:say|assume|suppose|imagine"
    r"|pretend)"
    r"|say|imagine|picture|pretend|(?:please )?(?:explain|justify|tell)\b"
    r"|(?:when|where|if)(?:ever)? (?:in doubt|unsure|uncertain))\b",
    re.IGNORECASE,
)
_WHENEVER = re.compile(
    r"^[\s\"'(]*(?:when|where|whenever|wherever|once|should|were|had)\s[^,]{2,80},\s*$", re.I
)
_IMPERATIVE = re.compile(r"(?:choose|pick|select|answer|go (?:with|for)|mark|take|prefer)\b", re.I)
_WISH = re.compile(
    r"\b(?:like|love|wish(?:ed)?|want(?:ed)?|tried|trying|hoped?) to\s*$", re.IGNORECASE
)
_WAS = re.compile(r"\b(?:was|were|been)\s*$", re.IGNORECASE)
_DOING = re.compile(r"\w+ing\b", re.IGNORECASE)  # "I was leaning towards D"
_CERTAIN = re.compile(
    r"\b(?:there(?:'s| is) )?(?:(?:little|no|without(?: an?y?)?|beyond(?: any| a)?)"
    r" (?:\w+ )?(?:doubts?|question)|doubtless|no two ways about it)(?: (?:that|about it))?",
    re.IGNORECASE,
)
NOTHING_BUT = re.compile(
    r"(?:can't|cannot|can not|could not|couldn't) be any(?:thing|one)?(?: else)?(?: but"
    r"| other than)"
    r"|no(?: other)? (?:option|choice|answer|level)s? (?:but|other than|except)|nothing (?:but"
    r"|other"
    r" than)",
    re.IGNORECASE,
)
_NOTHING_ELSE = re.compile(rf"\b(?:{NOTHING_BUT.pattern})\s*$", re.IGNORECASE)
PREFERENCE = re.compile(
    r"\b(?:rather than|instead of) (?:option )?[(\[]?(?-i:[A-Z])[)\]]?,", re.IGNORECASE
)
_POSSIBLE = re.compile(
    r"\b(?:may|might|could) be\b|\b(?:an?|one|another) possible\b", re.IGNORECASE
)
_WOULD = re.compile(r"\b(?:would|could|might|may|i'd)\b", re.IGNORECASE)
_TAKEN_BACK = re.compile(
    r"[\s,)\]\"']{0,6}(?:(?:is|are|was|seems?|appears?|looks?|can|could|would|may|might|does"
    r"|do|has)\s*(?:also |all |both |clearly |likely |probably )*"
    r"(?:not\b|n't|wrong|incorrect|unlikely|less|least|be (?:excluded|ruled|eliminated"
    r"|considered)|excluded|ruled|eliminated|implausible|false|only)"
    r"|isn't|aren't|doesn't|is not|as (?:an? |the )?(?:\w+ly )?(?:possib|impossib|unlikely|wrong"
    r"|incorrect|excluded|ruled|eliminated|improbable|implausible|doubtful|alternative|distractor"
    r"|differential)"
    r"|\(?(?:but|and|although|though) (?:option )?[(\[]?[A-Z][)\]]? (?:is|seems|looks|would be)"
    r" (?:just as|as (?:likely|plausible|possible|good)|(?:equally|also) (?:likely|possible"
    r"|plausible|probable|good|valid)|but so (?:is|are|does|do)\b)"
    r"|不(?!(?:是|选|包括)\s?[(\[]?[A-Z])"
    r"|错|的话|,? (?:perhaps|maybe|possibly|potentially)(?=\s*(?:[.!,;)]|$)))",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"[^.;\n]{0,24}\b(?:would (?:require|need|mean|imply|show|be)|requires)\b", re.I
)
_OTHERS_THINK = re.compile(
    r"[\s,)\]]{0,4}(?:you|one|some|many|we|people|others) (?:might|may|could|would|will"
    r"|expects?)\b",
    re.I,
)
# "D: no."; not "D: no CSF is left"
_DENIED_LABEL = re.compile(
    r"[\s\"')\]]{0,4}[:(\-]\s?(?:only )?if\b|[\s,]{1,3}the (?:\w+) (?:option|choice),"
    r"|[\s\"')\]]{0,4}[:(\-]\s?(?:no|nope|incorrect|wrong|false|excluded|rejected|ruled out"
    r"|unlikely|maybe|perhaps|possibl[ey]|unclear|uncertain|unsure|not sure|doubtful|questionable"
    r"|absent|negative|never|out|not (?:supported|correct|affected|involved|present|seen|selected"
    r"|likely|chosen|consistent|compatible|possible|applicable|it))(?=\s*(?:[.,;!)\n]|$))",
    re.IGNORECASE,
)
_SMALL_SENTENCE = re.compile(r"\.\s?[a-z]")
_ALTERNATIVE = re.compile(
    r"[^.;\n]{0,40}\b(?:alternative|differential|second choice|runner-up|next best|distractor)",
    re.I,
)
NAMED_THING = re.compile(
    r"\b(?:grade|type|class|stage|group|image|figure|fig|panel|vitamin|hepatitis|series|view"
    r"|point|arrow|label"
    r"|plan|asia|ais|frankel|schizas|modic|zone|segment|slide|box|case|patient|appendix|table"
    r"|category|phase"
    r"|lenke|section|ward|room|line|marker|structure|region|area|letter|strain|virus|factor"
    r"|protein|streptococcus|for)s?\.?\s*$",
    re.IGNORECASE,
)

_TURN = re.compile(
    r"\b(?:wait|actually|oops|correction|mistake\w*|misread|mislabell?ed|sorry|hmm"
    r"|i was wrong|(?:counting|looking|checking|thinking) again)\b"
    r"[^\n.]{0,60}$",
    re.IGNORECASE,
)
_COPULA = re.compile(r"it's|it is|(?:should|must|has to) be|it must be|it has to be", re.IGNORECASE)


def is_correction(text: str, cue: re.Match[str]) -> bool:
    """Whether a description corrects what was said before: "wait, I misread that; it is"."""
    before = text[max(0, cue.start() - 80) : cue.start()]
    return bool(_COPULA.fullmatch(cue.group()) and _TURN.search(before))


def is_withheld(text: str, start: int, selection: Selection, cue: str) -> bool:
    """Whether what stands around a statement takes its force: "not", "whether", "could", "?"."""
    sentence, clause, rest, rest_of_sentence = _read_around(text, start, selection.end)
    return _is_withheld(sentence, clause, cue, rest, rest_of_sentence)


# a model in a loop says the same sentence thousands of times
@lru_cache(maxsize=256)
def _is_withheld(sentence: str, clause: str, cue: str, rest: str, rest_of_sentence: str) -> bool:
    near = _FORCED_PHRASE.sub(" ", _NOTHING_ELSE.sub(" ", clause))
    near = _CERTAIN.sub(" ", near)[-60:]
    after = rest_of_sentence.removeprefix(cue)  # "C applies whenever ..."
    return (
        _is_denied(near, cue)
        or _is_not_meant(sentence, clause, near, cue)
        or _is_supposed(sentence, cue, rest[:60])
        or is_framed(sentence, clause, cue, after)
        or is_quoted(sentence, after)
        or _is_undone(rest, rest_of_sentence, after)
        or _is_conditional(sentence, near, cue, rest_of_sentence)
    )


def _is_denied(near: str, cue: str) -> bool:
    if _NEGATION.search(near) or _HEDGE.search(near) or _IF.search(near):
        return True
    if _NEGATION.search(cue) and not (NOTHING_BUT.search(cue) or PREFERENCE.match(cue)):
        return True
    return bool(_WAS.search(near) and _DOING.match(cue))


def _is_not_meant(sentence: str, clause: str, near: str, cue: str) -> bool:
    """Whether a statement is wanted, told, one of several, or shows a format."""
    if _TOLD.search(near) or _SOMEBODY.search(near) or _SOURCE.search(sentence + cue):
        return True
    noun = (
        ""
        if NOTHING_BUT.search(cue) or cue.lower().startswith("in other words")
        else cue[:30].rsplit(" ", 1)[0]
    )
    if _WRONG_NOUN.search(near) or _WRONG_NOUN.search(noun):
        return True
    if _PURPOSE.fullmatch(clause) or _POSSIBLE.search(cue):
        return True
    return bool(FORMAT.search(sentence + cue) or FORMAT.search(sentence))


def _is_undone(rest: str, rest_of_sentence: str, after: str) -> bool:
    """Whether what follows a statement asks, denies or conditions it."""
    if rest_of_sentence.endswith("?") or _TAKEN_BACK.match(rest):
        return True
    if TRAILING.match(rest_of_sentence) or TRAILING.match(after):
        return True
    return bool(_RETRACTED.match(rest_of_sentence) or _ALTERNATIVE.match(rest_of_sentence))


def _is_conditional(sentence: str, near: str, cue: str, rest_of_sentence: str) -> bool:
    if has_condition(sentence) or (_CHINESE_IF.search(sentence) and "必须" not in sentence):
        return True
    if not _WOULD.search(f"{near} {cue}"):
        return False
    if _OTHER_CASE.search(sentence):
        return True
    whole = f"{sentence} {cue} {rest_of_sentence}"
    return bool(_SUPPOSED.search(whole) and not _FORCED.search(whole))


def has_condition(sentence: str) -> bool:
    """Whether a sentence begins with a condition: "if the slip is real, ..."."""
    return bool(_FRONTED.search(after_turn(sentence)))


def is_foreign(text: str, start: int, end: int) -> bool:
    """Whether a statement's sentence is not the answerer's own; for the protocol's own wording."""
    sentence, clause, _, rest_of_sentence = _read_around(text, start, end)
    return is_framed(sentence, clause, "", rest_of_sentence) or is_quoted(
        sentence, rest_of_sentence
    )


def _read_around(text: str, start: int, end: int) -> tuple[str, str, str, str]:
    """Sentence and clause up to `start`; what follows `end`, and of it what ends the sentence."""
    window = text[max(0, start - 220) : start]
    sentence = window[_last_end(_SENTENCE_END, window) :]
    clause = sentence[_last_end(_BOUNDARY, sentence) :]
    rest = text[end : end + 160]
    ending = _SENTENCE_END.search(rest)
    return sentence, clause, rest, rest[: ending.end()] if ending else rest


def _is_supposed(sentence: str, cue: str, after: str) -> bool:
    """Whether a sentence supposes, instructs or wishes: "say the answer is C", "when in doubt"."""
    if _SUPPOSING.match(sentence + cue):
        return True
    if _IMPERATIVE.match(cue) and _WHENEVER.match(sentence):
        return True
    return bool(_WISH.search(sentence[-24:]) and re.search(r"\bbut\b", after, re.IGNORECASE))


def is_prose(after: str) -> bool:
    """Whether what follows the first letters makes them part of a sentence."""
    is_question = after.lstrip("\"')]} ").startswith("?")
    return is_question or any(
        pattern.match(after)
        for pattern in (_TAKEN_BACK, _SMALL_SENTENCE, _CONDITION, _OTHERS_THINK, _DENIED_LABEL)
    )


def _last_end(pattern: re.Pattern[str], text: str) -> int:
    end = 0
    for match in pattern.finditer(text):
        end = match.end()
    return end
