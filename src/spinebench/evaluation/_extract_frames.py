"""Sentences that are not the answerer's own word on the case shown.

A supposition, what holds in general, another question, what somebody else thinks, a quotation, an
order to whoever reads: a letter or an option in such a sentence is no commitment, however the
statement itself is worded.
"""

import re

_TURN = re.compile(r"\b(?:but|however|yet)\b|但", re.IGNORECASE)
_CLAUSE_START = r"(?:^[\s\"'(\[*-]*|[,;:(]\s*|\b(?:and|but|only|then|so|even)\s)"
# "In this case" and "in the case shown" are this case.
_SUPPOSED = re.compile(
    rf"{_CLAUSE_START}(?:(?:assum|suppos|presum|imagin|pretend)ing\b|granted\b|otherwise\b"
    rf"|or else\b"
    r"|(?:on|under|with|given) (?:the|an?) (?:\w+ )?(?:premise|assumption|supposition|hypothesis"
    r"|condition)\b|(?:in|for) (?:the |a )?(?:case|event) (?:of|that|where|when|if)\b"
    r"(?! (?:this|the (?:present|given|shown))\b)|in case\b|(?:as|so) long as\b|until\b"
    r"|unless (?!I)\b"
    r"|provided (?:that )?(?:the|this|it|there|no|an?)\b|depend(?:ing|s) (?:up)?on\b"
    r"|theoretically\b|ideally\b|in (?:theory|principle|an ideal \w+)\b"
    r"|on (?:another|a different|some other) \w+\b|(?:with|given) (?:a|an|another) \w+ (?:image"
    r"|view|film)\b|only (?:if"
    r"|when)\b"
    r"|(?:were|had|should) (?:the|there|it|this|that|these|an?|any|one|no|[a-z]+s?)\b(?=[^.]*,)"
    r"|(?:let(?:'s| us) )?(?:suppose|assume|imagine|pretend|hypothetically)\b)",
    re.IGNORECASE,
)
_GENERAL = re.compile(
    r"^[\s\"'(\[*-]*(?:(?:typically|usually|normally|commonly|traditionally|generally(?! speaking)"
    r"|conventionally|classically|statistically|by default|in general|as a (?:general )?rule"
    r"|(?:a |the |my )?"
    r"(?:general )?rule of thumb|in (?:the )?(?:literature|textbooks|guidelines))\b|in (?:most"
    r"|such|many|similar|typical|these|those|other) (?:\w+ )?(?:cases?|patients?|people|settings?"
    r"|situations?|questions?|exams?|films?|sets?)\b)"
    r"|^\W*(?:通常|一般|往往|按惯例)"
    r"|\b(?:typically|usually|normally|often|commonly|generally|traditionally)\s*$",
    re.IGNORECASE,
)
_GENERAL_AFTER = re.compile(
    r"\W{0,3}(?:in|for|with) (?:such|most|many|similar|other|typical) \w+", re.IGNORECASE
)
_THING = (
    r"(?:one|question|image|case|slide|film|item|patient|scan|exam(?:ination)?|study|picture"
    r"|problem"
    r"|quiz"
    r"|exercise|example|sample|test|radiograph|x-?ray|task)s?"
)
_ELSEWHERE = (
    rf"\b(?:last|previous|prior|preceding|earlier|next|other|another|different|similar|former)\s"
    rf"(?:\w+\s)?{_THING}\b"
    r"|\b(?:question|exercise|problem|quiz|task|item|example|q)\s?(?:no\.?\s?|number\s"
    r"|#\s?)?(?:[2-9]|\d\d)\b"
    r"|(?:上|前|另)(?:一|面)?(?:个|道|张|例|份)?(?:题|问题|图|片|病例|患者)|第(?:[二三四五六七八九十]|[2-9]|\d\d)(?:题|问|例)"
)
_OTHER_QUESTION = re.compile(_ELSEWHERE, re.IGNORECASE)
_OTHER_QUESTION_AFTER = re.compile(
    rf"\W{{0,3}}(?:for|in|on|to|of|with|from) (?:the |an? )?(?:{_ELSEWHERE})", re.IGNORECASE
)
_PERSON = (
    r"(?:(?:neuro)?radiologists?|doctors?|physicians?|clinicians?|surgeons?|specialists?"
    r"|neurologists?"
    r"|consultants?|colleagues?|experts?|students?|residents?|teachers?|professors?|tutors?"
    r"|examiners?|authors?|readers?|reviewers?|friends?|users?|referrers?|reports?|textbooks?"
    r"|books?"
    r"|papers?|articles?|guidelines?|literature|notes?|captions?|keys?|sheets?|watermarks?|labels?"
    r"|prompts?|instructions?|question|text|sign|form|request|header|title|overlay"
    r"|options?(?: [A-HJ-Z])?|majority|crowd"
    r"|consensus|neighbou?rs?|panel|team|board|people"
    r"|persons?|folks|he|she|they|you|someone"
    r"|somebody"
    r"|everyone|everybody|anyone|others|some|many|most|gpt[\w.-]*|chatgpt|claude|gemini|llama"
    r"|models?|ai|assistant|algorithm|software|internet|wikipedia"
    r"|(?:dr|prof|mr|mrs|ms)\.?\s\w+)"
)
_OPINES = (
    r"(?:says?|said|thinks?|thought|believe[sd]?|claim(?:s|ed)?|state[sd]?|writes?|wrote|argue[sd]?"
    r"|suggest(?:s|ed)?|answer(?:s|ed)?|chooses?|chose|pick(?:s|ed)?|select(?:s|ed)?|vote[sd]?"
    r"|prefer(?:s|red)?|lean(?:s|ed)?|favou?r(?:s|ed)?|guess(?:es|ed)?|insist(?:s|ed)?"
    r"|conclude[sd]?|opt(?:s|ed)?|goes|went|go|reads?|recommend(?:s|ed)?|propose[sd]?|mark(?:s|ed)"
    r"|circled|tells?|told|report(?:s|ed)?|contains?|mention(?:s|ed)?|lists?|listed|maintain(?:s"
    r"|ed)?|want(?:s"
    r"|ed)?"
    r"|expect(?:s|ed)?|hint(?:s|ed)?|call(?:s|ed)?|labell?ed|settle[sd]?|decide[sd]?)"
)
_REPORTED = re.compile(
    rf"\b{_PERSON}(?:,? (?:(?!likely)\w+ly|would|will|might|may|could|can|should|also|often|has"
    rf"|have|had|then"
    r"|once|always|sometimes|all|both|each|here|there|still|who (?:\w+ ){1,4}|in (?:charge|my \w+"
    r"|the \w+)"
    r"|on call"
    rf"|of \w+)){{0,3}}\s{_OPINES}\b(?! nothing)"
    rf"|\baccording to (?:\w+ ){{0,3}}{_PERSON}\b|\bin the (?:opinion|view|eyes) of\b"
    r"|\b(?:majority|popular|consensus|team|panel) (?:vote|opinion|choice|answer|view)\b"
    r"|\b(?:my|your|his|her|their|our) \w+(?:'s|s') (?:\w+ )?(?:answer|choice|pick|opinion|view"
    r"|guess)\b"
    rf"|\b(?:as )?per (?:the |your |our )?(?:\w+ )?{_PERSON}\b"
    rf"|\b{_PERSON}(?:'s|s'|') (?:\w+ )?(?:answer|choice|pick|opinion|view|vote|guess|option"
    rf"|selection"
    r"|response|verdict|impression|diagnosis|favou?rite)\b"
    r"|\b(?:it (?:has been|is|was)|(?:has|have) been) (?:\w+ )?(?:said|argued|suggested|claimed"
    r"|thought|believed|stated|reported|proposed|told)\b"
    r"|\b(?:I|we)(?:'ve| have| had)? (?:was|were|am|been|are) (?:told|informed|assured|advised"
    r"|asked)\b"
    r"|\b(?:rumou?r|word|legend) (?:has it|is|says)\b|\b(?:reportedly|allegedly|supposedly)\b"
    r"|(?-i:\b(?!(?:I|We|It|This|That|So|Then|Thus|Hence|Finally|Therefore|Also|And|But|Option)\b)"
    r"[A-Z][a-z]+ (?:chose|picked|thinks|says|said|voted|opted|went)\b)"
    r"|\b(?:the|an?|my|our|his|her|their) (?:\w+ )?(?!(?:answer|option|choice|letter|level|one"
    r"|image|finding)s?\b)"
    r"[a-z]+ (?:chose|picked|voted|opted|went|thinks|says|believes|claims)\b"
    r"|(?:人|医生|医师|专家|同事|学生|同学|老师|教授|患者|用户|模型|报告|教科书|题目|文献|他|她)们?"
    r"(?:可能|会|都|通常|往往|曾|也|就|则)*(?:选|说|认为|觉得|主张|建议|要求|写|指出|倾向|猜|给出)",
    re.IGNORECASE,
)
_ORDERED = re.compile(
    r"^\W*(?:please |just |then |always )?(?:write|print|type|reply|respond|return|repeat"
    r"|translate|copy"
    r"|complete|press|enter)\b[^.]{0,60}$|^\W*system\W|\b(?:ignor\w+|disregard\w*|forget"
    r"|overrid\w+) (?:(?:all|any|the|your|my|these"
    r"|those"
    r"|of|what|everything) )*(?:previous|prior|above|earlier|instructions?|rules?|prompts?|answers?"
    r"|i said|you said)\b",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"\b(?:(?:retract|withdr[ae]w|revok|recant|disown|renounc)\w*|tak(?:e|ing) back)\b(?!.*\band\b)"
    r"|撤回|收回",
    re.IGNORECASE,
)
_IGNORED_AFTER = re.compile(
    r"[\"')\]}.,;]{0,4}\s?(?:which|but|and) (?:I|we) (?:ignore|disregard|reject|do not|don't"
    r"|will not"
    r"|won't)\b",
    re.IGNORECASE,
)
# An opening quotation mark and at most three words before the statement: "reads 'so, C'".
_QUOTE_OPENED = re.compile(r"(?:^|[\s(:,])[\"'](?:\w+\s){0,3}$")
_QUOTE_SPOKEN_OF = re.compile(
    r"\W{0,3}[\"']\s(?:is|was|are|were|as|would|in|means)\b|\W{1,6}(?:that|this|which) is (?:how"
    r"|what)\b"
)
_MY_ANSWER = re.compile(r"\bmy (?:final |best )?(?:answer|choice|pick|option)\b", re.IGNORECASE)
_OWN_QUOTE = re.compile(
    r"(?:^\W*|[\"']\s*:\s*|[{\[]\s*|\b(?:answer|option|choice|response|final)(?: is"
    r"| would be)?\s*:?\s*"
    r"|\bI (?:\w+ )?(?:say|answer|conclude|write|respond|submit)(?: with)?\s*:?\s*)$",
    re.IGNORECASE,
)


def is_framed(sentence: str, clause: str, words: str, after: str) -> bool:
    """Whether a statement is somebody else's, supposed, general, ordered or about another case.

    `sentence` and `clause` reach up to the statement, `words` are the statement's own before its
    letters, `after` is the rest of the sentence behind it.
    """
    own = f"{clause}{words}"
    return bool(
        (is_supposed(sentence) and not _MY_ANSWER.search(own))
        or _GENERAL.search(sentence)
        or _GENERAL_AFTER.match(after)
        or _OTHER_QUESTION.search(f"{after_turn(sentence)}{words}")
        or _OTHER_QUESTION_AFTER.match(after)
        or _REPORTED.search(own)
        or _ORDERED.search(f"{sentence}{words}")
        or _TAKEN_BACK.search(own)
        or _IGNORED_AFTER.match(after)
    )


def is_supposed(sentence: str) -> bool:
    """Whether what a sentence goes on to say holds under a condition only."""
    return bool(_SUPPOSED.search(after_turn(sentence)))


def after_turn(sentence: str) -> str:
    """What follows the last "but": what stands before it is what a statement turns away from."""
    turns = list(_TURN.finditer(sentence))
    return sentence[turns[-1].end() if turns else 0 :]


def is_quoted(sentence: str, after: str) -> bool:
    """Whether what follows `sentence` stands in quotation marks that it has just opened."""
    opened = _QUOTE_OPENED.search(sentence)
    if opened is None:
        return False
    is_own = _OWN_QUOTE.search(sentence[: opened.start() + 1].rstrip("\"'"))
    return not is_own or bool(_QUOTE_SPOKEN_OF.match(after))
