"""Texts that decline to answer."""

import re

_ANSWERING = (
    r"(?:determin\w*|diagnos\w*|help|assist|provid\w*|give|given|offer|interpret\w*"
    r"|analy[sz]\w*|identif\w+|answer\w*|make|made|pick"
    r"|view|see (?:an|any|the|this|your)? ?images?|say|tell|choose|select|decide|conclu\w+"
    r"|comment|evaluat\w+|assess\w*|read|confirm|process"
    r"|fulfil\w*|comply|do (?:that|this)|sure|certain|recommend|respond|engage|discuss|review"
    r"|look at|access|distinguish|establish\w*|know)"
)
# "I cannot choose between C and D", "can't say which is right": two candidates are no refusal
_UNDECIDED = r"(?! between\b| which (?:one|is|of (?:the|these) two)\b)"
_REFUSAL = re.compile(
    rf"\b(?:can(?:not|'t| not)|could(?: not|n't)|wo(?:n't|uld rather not|uld prefer not to)"
    rf"|will not|rather not"
    rf"|prefer not to)(?: (?:\w+ly|even|be|and will not"
    rf"|or will not))? {_ANSWERING}\b{_UNDECIDED}"
    r"|\b(?:cannot|can't)\s*[.!]"
    r"|\b(?:determin|diagnos|interpret|answer|identif)\w+[^.;\n]{0,60} (?:is"
    r"|are) (?:not possible|impossible)"
    r"|\b(?:won't be able|unable to(?! \w+ between)|not able to(?! \w+ between)|not possible to"
    r"|impossible to"
    r"|not (?:qualified|comfortable|equipped|in a position|permitted|allowed)|(?:do not"
    r"|don't) (?:feel comfortable|have the ability|see (?:any|an|the) image)"
    r"|declin(?:e|ing)|refuse)\b"
    r"|\b(?:as an ai|i am an ai|i'm an ai|as a language model|i'm sorry|i am sorry"
    r"|i apologi[sz]e|i don't know|i do not know|not a (?:doctor|physician|radiologist))\b"
    r"|\b(?:consult|see|seek|talk to|contact) (?:with )?(?:an?|your) (?:\w+ )?(?:doctor"
    r"|physician|radiologist|healthcare|health(?!y)|medical|professional|specialist)"
    r"|\bno image (?:is|was|has been|provided|attached)|\b(?:provide|upload|attach"
    r"|share) (?:the|an) image"
    r"|无法(?!(?:确定|判断|区分|分辨)(?:究竟|到底)?是哪)|不能(?:提供|判断|诊断|确定|回答|协助|给出|做出|作出|进行|识别|解读)|抱歉|对不起"
    r"|难以(?:判断|确定)|作为(?:一个|一名)?(?:AI|人工智能)|没有看到图|请咨询|就医",
    re.IGNORECASE,
)


# "it could be B or C, I can't decide"
_TWO = re.compile(
    r"\b[A-Z]\)? or \(?[A-Z]\b[^.;\n]{0,12}(?:cannot|can't|can not) (?:decide|tell|say|choose)\b"
)


def find_refusal(text: str) -> str | None:
    """The words of a cleaned text that decline, or None."""
    match = _REFUSAL.search(_TWO.sub(" ", text))
    return match.group() if match else None
