"""Raw model output made plain: one alphabet, no mark-up, no thinking.

What the later stages see is plain text in which a letter is a letter whatever it was dressed in.
All steps are linear in the length of the text.
"""

import html
import re
import unicodedata

_THOUGHT = re.compile(
    r"(?P<open><(?:think|thinking|thought|reasoning|reflection|seed:think|unused94)>|◁think▷"
    r"|<\|begin_of_thought\|>|\[THINK\])"
    r"|(?P<close></(?:think|thinking|thought|reasoning|reflection|seed:think)>|<unused95>|◁/think▷"
    r"|<\|end_of_thought\|>|\[/THINK\])",
    re.IGNORECASE,
)
# What a server leaves in when it misses the end of a turn; the rest is the model talking to itself.
_END_OF_TURN = re.compile(
    r"<\|(?:im_end|endoftext|eot_id|end|endofchunk|end_of_text|eom_id)\|>|</s>|<end_of_turn>|<eos>"
)
# a model that goes on with a question of its own behind its answer
_OWN_QUESTION = re.compile(r"(?<=\s)(?:Question|Human|User)\s?:", re.IGNORECASE)
_ANSWERED = re.compile(r"\A\W*[A-Z]\W*\n|\b(?:answer|option)\W{0,3}:\W{0,3}[A-Z]\b", re.IGNORECASE)
_CONTROL_TOKEN = re.compile(r"<\|[^|<>\n]{1,40}\|>|<s>|</?unused\d{1,3}>")
_PICTURE = re.compile("[\u2600-\u27bf\u2b00-\u2bff\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff]")
_TICK = re.compile("[\u2611\u2705\u2713\u2714]")
_CROSS = re.compile("[\u2612\u2716-\u2718\u274c\u274e]")
# marks before an entry are put behind it, where verdicts stand: "✅ A", "- [x] A"
_MARKED = re.compile(
    r"^([ \t]*(?:[-*+] )?)(?:(\[[xX]\]|[\u2611\u2705\u2713\u2714])|\[ ?\]"
    r"|[\u2612\u2716-\u2718\u274c\u274e])\ufe0f?[ \t]+([A-Z][^\n]{0,200})$",
    re.MULTILINE,
)
_ARROW = re.compile(r"(?<![<\-=])[-=]{1,2}>")
_CYRILLIC_WORD = re.compile("[\u0430-\u044f]")
# capitals of other alphabets that look like ours; a keyboard or a tokenizer swaps them
_LOOK_ALIKE = str.maketrans("АВЕКМНОРСТХІЅЈΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEKMHOPCTXISJABEZHIKMNOPTYX")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufe00-\ufe0f\ufeff]")
_TRANSLATION: dict[int, str] = {
    **dict.fromkeys(map(ord, "“”„‟«»"), '"'),
    **dict.fromkeys(map(ord, "‘’‚‛′`´"), "'"),
    **dict.fromkeys(map(ord, "‐‑‒–−"), "-"),
    **dict.fromkeys(map(ord, "—―"), " - "),
    **dict.fromkeys(map(ord, "「『【〔《〈⟨"), "["),
    **dict.fromkeys(map(ord, "」』】〕》〉⟩"), "]"),
    **dict.fromkeys(map(ord, "→⇒⟶⟹➜➡"), " → "),
    # NFKC leaves the white-on-black circled and squared letters as they are.
    **{0x1F150 + i: chr(65 + i) for i in range(26)},
    **{0x1F170 + i: chr(65 + i) for i in range(26)},
}
_ANSWER_TAG = re.compile(
    r"<(?:final_?)?(?:answer|choice|option|solution|result|output|final)\s?>", re.IGNORECASE
)
_BLOCK_TAG = re.compile(
    r"</?(?:br|p|div|li|ul|ol|h[1-6]|tr|table|answer|final_?answer)\b[^<>]{0,80}>", re.I
)
_INLINE_TAG = re.compile(
    r"</?(?:b|strong|i|em|u|span|code|sup|sub|center|font|mark|td|th|ref|box)\b[^<>]{0,80}>", re.I
)
# "<B>" that closes nothing and ends its line is a letter in brackets, no bold type
_LETTER_TAG = re.compile(r"(?:(?<=\s)|^)<{1,2}([A-Z])>{1,2}(?=[.\s]*$)", re.MULTILINE)
_LATEX_COMMAND = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|normal)?|math(?:bf|it|rm|sf|tt|cal|bb)|boldsymbol|bm|bf|rm|it"
    r"|operatorname|emph|underline|left|right|displaystyle|large|Large|quad|qquad)(?![A-Za-z])\*?"
)
_LATEX_WORDS = re.compile(r"\\(?:text|math)[a-z]{0,6}\s?\{([^{}]{0,200})\}")
_LATEX_BOXED = re.compile(r"\\(?:f?boxed|f(?:rame)?box)(?![A-Za-z])")
# "\\boxed{A} and \\boxed{C}" is one list
_BOXED_LIST = re.compile(r"(\}\s?\$?\s?(?:,|;|&|and|和|、)\s?(?:and )?\$?\s?)boxed:\s?")
_LATEX_SPACE = re.compile(r"\\[,;:! ]")
_LATEX_ESCAPE = re.compile(r"\\([\[\](){}_&%$#*])")
_FENCE = re.compile(r"^[ \t]*(?:'''|~~~)[ \t]*\w{0,20}[ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"<!--.{0,2000}?(?:-->|$)", re.DOTALL)
_STRUCK = re.compile(r"~~[^~\n]{1,200}~~")
_BULLET = re.compile(r"^[ \t>]*(?:[*+•·●▪◦‣][ \t]+)", re.MULTILINE)
_LINE_MARK = re.compile(r"^[ \t]*(?:>[ \t]?|#{1,6}(?=\s))+[ \t]*", re.MULTILINE)
_EMPHASIS = re.compile(r"\*+|(?<![A-Za-z0-9])_+|_+(?![A-Za-z0-9])|\$+")
_BLANKS = re.compile(r"[^\S\n]+")
_EMPTY_LINES = re.compile(r"\n{3,}")
_REPEATED_MARK = re.compile(r"([^\w\s]|[^\x00-\x7f])\1{3,}")


def clean_answer(text: str) -> str:
    """The part of `text` that counts as the answer, as plain text; may be empty.

    Thinking is left out; an opened and never closed thinking block reaches to the end of the text,
    and a closing mark alone ends a block that began in the prompt. Full-width, circled and
    mathematical letters become ASCII; Markdown, HTML and LaTeX dress is taken off (`\\boxed` is
    made the word `boxed:`, `<answer>` the words `final answer:`); runs of blanks shrink to one.
    """
    text = html.unescape(text) if "&" in text else text
    text = _cut_turn(strip_thoughts(text.replace("\r\n", "\n").replace("\r", "\n")))
    text = _INVISIBLE.sub("", text)
    text = unicodedata.normalize("NFKC", text).translate(_TRANSLATION)
    text = text if _CYRILLIC_WORD.search(text) else text.translate(_LOOK_ALIKE)
    text = _MARKED.sub(lambda m: f"{m[1]}{m[3]} ({'' if m[2] else 'in'}correct)", text)
    text = _CROSS.sub(" (incorrect) ", _TICK.sub(" (correct) ", text))
    text = _strip_markup(_PICTURE.sub(" ", _ARROW.sub(" → ", text)))
    lines = [_BLANKS.sub(" ", line).strip() for line in text.split("\n")]
    text = _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()
    return _REPEATED_MARK.sub(r"\1\1\1", text)


def strip_thoughts(text: str) -> str:
    """`text` without thinking blocks; an unclosed one reaches to its end."""
    kept: list[str] = []
    position, thinking = 0, False
    for mark in _THOUGHT.finditer(text):
        if mark["open"]:
            if not thinking:
                kept.append(text[position : mark.start()])
            thinking = True
            continue
        thinking = False
        position = mark.end()
    if not thinking:
        kept.append(text[position:])
    return "\n".join(kept)


def _cut_turn(text: str) -> str:
    prompt, _, after = text.rpartition("[/INST]")
    text = after if after.strip() else prompt
    for mark in _END_OF_TURN.finditer(text):
        if text[: mark.start()].strip():
            return _CONTROL_TOKEN.sub(" ", text[: mark.start()])
    answered = _ANSWERED.search(text)
    asks = _OWN_QUESTION.search(text, answered.end()) if answered else None
    text = text[: asks.start()] if asks else text
    return _CONTROL_TOKEN.sub(" ", text)


def _strip_markup(text: str) -> str:
    text = _COMMENT.sub(" ", _FENCE.sub("", text))
    text = _ANSWER_TAG.sub(" final answer: ", text)
    text = text if "</" in text else _LETTER_TAG.sub(r"\1", text)
    text = _INLINE_TAG.sub("", _BLOCK_TAG.sub("\n", text))
    text = _LATEX_BOXED.sub(" boxed: ", _LATEX_COMMAND.sub(" ", _LATEX_WORDS.sub(r" \1 ", text)))
    text = _BOXED_LIST.sub(r"\1", text)
    text = _LATEX_ESCAPE.sub(r"\1", _LATEX_SPACE.sub(" ", text)).replace("\\\\", "\n")
    text = _LINE_MARK.sub("", _BULLET.sub("- ", _STRUCK.sub(" ", text)))
    return _EMPHASIS.sub("", text).replace("'''", "")
