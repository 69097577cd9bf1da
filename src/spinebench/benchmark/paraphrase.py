"""Other wordings of a question: asked of any model, kept only if the answer set cannot change.

The model is an argument (a function from prompts to texts): nothing here opens a connection. The
check is a closed one. Every word of a paraphrase must be on its task's list of words known to be
harmless, and the sentence must fit a frame that asks for what the task asks for; the lists and
frames are data, `data/paraphrase/rules.json`. What is not known is refused, with a reason; whatever
passes still waits for a person (`pool.Wording.state`).
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from spinebench.anatomy.diseases import list_disease_words
from spinebench.anatomy.level_parsing import parse_levels
from spinebench.benchmark.pool import PoolFile, Wording
from spinebench.errors import UsageError
from spinebench.records import Task

Generator = Callable[[Sequence[str]], Sequence[str]]  # a text for each prompt, in order

ID_PREFIX: dict[Task, str] = {"diagnosis": "dx", "localization": "loc", "alignment": "aln"}
_MOST_ROUNDS = 5
_WORD = re.compile(r"[a-z][a-z'-]*")
_ODD = re.compile(r"[^A-Za-z0-9 ,.:?'’-]")
_OPTION = re.compile(
    r"\b(?:options?|answers?|choices?) [B-Z]\b|\b[B-HJ-Z]\b|\b(?:option|answer) A\b"
)
_CARRIERS = r"(?:option|answer|choice|entry)\b"
_PLURAL_CARRIERS = r"(?:options|answers|choices|entries)\b"
_MARKER = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.):]|[a-z]\))\s+")


@dataclass(frozen=True)
class Paraphrases:
    """What a model wrote, sorted by the check."""

    kept: tuple[Wording, ...]  # state "unreviewed"
    refused: tuple[tuple[str, tuple[str, ...]], ...]  # text, reasons
    asked: int  # prompts sent


def generate_paraphrases(
    generate: Generator, task: Task, originals: Sequence[Wording], *, number: int, model: str
) -> Paraphrases:
    """Up to `number` new wordings of a task, each another's paraphrase and none a copy.

    The originals are reworded in turn until enough are kept, at most five times each. Every line
    that the model wrote is kept or refused with its reasons.
    """
    if number < 1 or not originals:
        raise UsageError(f"--n {number}: at least 1 paraphrase of at least 1 wording")
    kept: list[Wording] = []
    refused: list[tuple[str, tuple[str, ...]]] = []
    known = {_squeezed(original.text) for original in originals}
    asked = 0
    for _ in range(_MOST_ROUNDS):
        each = max(1, -(-2 * (number - len(kept)) // len(originals)))  # half are refused, say
        texts = generate([build_prompt(task, original.text, each) for original in originals])
        asked += len(originals)
        for original, text in zip(originals, texts, strict=True):
            for line in parse_paraphrases(text):
                reasons = check_paraphrase(original.text, line, task)
                if not reasons and _squeezed(line) in known:
                    reasons = ("known_already",)
                if not reasons and len(kept) == number:
                    reasons = ("not_needed",)
                if reasons:
                    refused.append((line, reasons))
                    continue
                known.add(_squeezed(line))
                kept.append(_new_wording(task, original, line, model))
        if len(kept) == number:
            break
    return Paraphrases(tuple(kept), tuple(refused), asked)


def extend_pool(pool: PoolFile, name: str, task: Task, found: Paraphrases) -> PoolFile:
    """The pool under a new name with what was kept added to it and what was refused listed.

    Raises UsageError if two wordings of the task would have one id.
    """
    wordings = (*pool.tasks[task], *found.kept)
    if len({wording.id for wording in wordings}) < len(wordings):
        raise UsageError(f"{name}: two wordings of {task} with one id")
    refused = [
        {"task": task, "text": text, "reasons": list(reasons)} for text, reasons in found.refused
    ]
    models = sorted({wording.model for wording in found.kept if wording.model})
    return replace(
        pool,
        name=name,
        source=f"{pool.source} Extended from {pool.name} ({pool.sha256[:12]}) by paraphrases of"
        f" {', '.join(models) or 'no model'}.".strip(),
        tasks={**pool.tasks, task: wordings},
        rejected=(*pool.rejected, *refused),
    )


def check_pool(pool: PoolFile) -> list[tuple[Task, Wording, tuple[str, ...]]]:
    """Each wording of a pool with the reasons against it, if any.

    A paraphrase is held against the wording that it names; one whose original is gone has the
    reason `no_original`. Wordings written by hand may well break the rules and yet be right.
    """
    found = []
    for task, wordings in pool.tasks.items():
        by_id = {wording.id: wording for wording in wordings}
        for wording in wordings:
            if wording.paraphrases is None:
                reasons = check_wording(wording.text, task)
            elif wording.paraphrases not in by_id:
                reasons = ("no_original", *check_wording(wording.text, task))
            else:
                reasons = check_paraphrase(by_id[wording.paraphrases].text, wording.text, task)
            found.append((task, wording, reasons))
    return found


def build_prompt(task: Task, wording: str, count: int) -> str:
    """What a model is asked, to reword one question `count` times."""
    text = resources.files("spinebench").joinpath("data/paraphrase/prompt.toml").read_text("utf-8")
    prompt = tomllib.loads(text)
    values = {"count": str(count), "meaning": prompt["meaning"][task], "wording": wording}
    # in one pass: braces in a wording are text
    filled = re.sub(r"\{(count|meaning|wording)\}", lambda m: values[m[1]], prompt["text"])
    return filled.strip()


def parse_paraphrases(text: str) -> list[str]:
    """Lines of a model's answer, without list markers, quotes and empty ones."""
    lines = []
    for line in text.splitlines():
        plain = _MARKER.sub("", line).strip().strip("\"'“”`*").strip()
        if plain:
            lines.append(plain)
    return lines


def check_paraphrase(original: str, candidate: str, task: Task) -> tuple[str, ...]:
    """Why a candidate is not known to ask exactly what the original asks; empty if it does.

    Reasons are words, some with the word they are about: `guarded_disease: stenosis`. An original
    that does not keep the rules itself has no paraphrase: `original_outside_rules`.
    """
    reasons = [f"original_outside_rules: {reason}" for reason in check_wording(original, task)[:1]]
    if _squeezed(original) == _squeezed(candidate):
        reasons.append("same_words")
    return (*reasons, *check_wording(candidate, task))


def check_wording(text: str, task: Task) -> tuple[str, ...]:
    """Why a text is not known to ask the question of a task and nothing else; empty if it does."""
    lowered = text.lower().replace("’", "'").strip()
    words = _WORD.findall(lowered)
    return tuple(
        dict.fromkeys(
            [
                *_check_form(text, words),
                *_check_words(text, words, task),
                *_check_what_is_asked(lowered, task),
                *_check_number(lowered, words, task),
            ]
        )
    )


def _check_form(text: str, words: Sequence[str]) -> list[str]:
    """One English sentence of a sensible length that asks for something."""
    rules = _rules()
    text = text.strip()
    found = []
    if not text.isascii() and not text.replace("’", "'").isascii():
        found.append("not_english")
    elif _ODD.search(text):
        found.append("odd_character")
    if not rules["least_words"] <= len(words) <= rules["most_words"]:
        found.append("too_short" if len(words) < rules["least_words"] else "too_long")
    if not re.fullmatch(r"[^.?]*[.?]", text):
        found.append("not_one_sentence")
    first = words[0] if words else ""
    asks = {"which", "what", "where", "how"}
    # "Is there any disease?" wants yes or no; "Could you name ...?" does not
    polite = len(words) > 2 and first in rules["polite_starts"] and words[1] in ("you", "we", "i")
    if first not in {*asks, *rules["asking_verbs"], *rules["leads"]} and not polite:
        found.append("no_question")
    if not asks.union(rules["asking_verbs"]).intersection(words):
        found.append("no_question")
    return found


def _check_words(text: str, words: Sequence[str], task: Task) -> list[str]:
    """Only harmless words; the others under the name of what they would change."""
    rules = _rules()
    allowed = {*rules["common_words"], *rules["asking_verbs"], *rules["tasks"][task]["words"]}
    allowed |= {*rules["leads"]}
    found = []
    for word in words:
        if word in allowed:
            continue
        kind = next((name for name, guarded in _guarded().items() if word in guarded), None)
        found.append(f"unknown_word: {word}" if kind is None else f"guarded_{kind}: {word}")
    if re.search(r"\d", text):
        found.append("guarded_level" if parse_levels(text) else "guarded_number")
    if _OPTION.search(text):
        found.append("names_an_option")
    return found


def _check_what_is_asked(lowered: str, task: Task) -> list[str]:
    """The task's own thing is asked for, nothing else is, and nothing hangs on a condition."""
    frames, wrong, rules = *_frames(task), _rules()["tasks"][task]
    found = []
    plain = re.sub(r"[^a-z' -]", " ", lowered)
    plain = " ".join(plain.split())
    if not any(re.search(pattern, plain) for pattern in frames):
        found.append("asks_nothing_of_the_task")
    if any(re.search(pattern, plain) for pattern in wrong):
        found.append("asks_for_something_else")
    carried = {*rules["asked"], *rules["plural"]}.intersection(_WORD.findall(plain))
    if not carried and not any(re.search(pattern, plain) for pattern in rules["also_asks"]):
        found.append("asks_nothing_of_the_task")
    if rules["must_mention"] and not {*rules["must_mention"]}.intersection(_WORD.findall(plain)):
        found.append("leaves_out_what_it_is_about")
    if re.search(r"\b(?:could|would|should|will|do) (?!you\b|we\b|i\b|be\b)", plain):
        found.append("conditional")
    if re.search(r"\bif\b(?! any\b)|(?<!if )\bany\b|\bwhen\b(?! [a-z]+ing\b)", plain):
        found.append("conditional")
    return found


def _check_number(lowered: str, words: Sequence[str], task: Task) -> list[str]:
    """One thing is asked for where one option is right, several where several may be."""
    rules = _rules()["tasks"][task]
    verb = f"(?:{'|'.join(_rules()['asking_verbs'])})"
    plural = "|".join(rules["plural"])
    of_them = rf"(?:the|these|those)(?: [a-z'-]+){{0,2}} (?:{plural})\b"
    if rules["number"] == "one":
        # "which of these diseases applies" asks for one of them, "which ... apply" does not
        several = rf"\bwhich of {of_them}(?: [a-z'-]+){{0,2}} (?:apply|are|fit|match|do|have)\b"
        partitive = rf"(?:\b(?:which(?: one)? of|one of|among|from|between)|^of) {of_them}"
        rest = re.sub(partitive, " ", lowered)
        if any(
            re.search(pattern, text)
            for pattern, text in (
                (several, lowered),
                (rf"\b(?:{plural}|are)\b", rest),
                (rf"\b(?:which|what|{verb})(?: the| these| those)? {_PLURAL_CARRIERS}", lowered),
            )
        ):
            return ["several_for_one"]
        return []
    singular = {*rules["asked"]} - {*rules["plural"]}
    many = {*rules["plural"], "every", "each", "all"}
    verbs = "is|has|carries|shows|bears|contains|lies|fits|matches"
    one_verb = rf"\bwhich(?: one)? of {of_them}(?: [a-z'-]+){{0,2}} (?:{verbs})\b"
    one_carrier = rf"\b(?:which|what|the|{verb}) {_CARRIERS}"
    alone = bool(singular.intersection(words)) and not many.intersection(words)
    if alone or re.search(one_verb, lowered) or re.search(one_carrier, lowered):
        return ["one_for_several"]
    return []


@cache
def _rules() -> dict[str, Any]:
    text = resources.files("spinebench").joinpath("data/paraphrase/rules.json").read_text("utf-8")
    rules: dict[str, Any] = json.loads(text)
    return rules


@cache
def _guarded() -> dict[str, frozenset[str]]:
    """Words by what they would change, the words of the diseases' own names among them."""
    guarded = {name: frozenset(words) for name, words in _rules()["guarded"].items()}
    harmless = {*_rules()["common_words"], "left", "right", "central", "lateral"}
    for task in _rules()["tasks"].values():
        harmless.update(task["words"])
    names = {w for known in list_disease_words() for w in _WORD.findall(known.words.lower())}
    return {**guarded, "disease": guarded["disease"] | (names - harmless)}


@cache
def _frames(task: Task) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Patterns of which one must be found in a question of the task, and of which none may be."""
    rules = _rules()
    own = rules["tasks"][task]
    determiner = f"(?:(?:{'|'.join(rules['determiners'])}) )?"
    adjectives = f"(?:(?:{'|'.join(rules['adjectives'])}) ){{0,4}}"
    verb = f"(?:{'|'.join(rules['asking_verbs'])})"
    who = "(?:you|we|i)"
    thing = f"(?:{'|'.join((*own['asked'], *own['plural'], *own['carriers']))})\\b"
    bearer = "(?:spine|spinal column|neck)\\b"
    other = f"(?:{'|'.join(rules['never_asked'])})\\b"
    wh = r"\b(?:which|what) (?:of (?:the|these|those) )?"
    named = rf"(?:consider|conclude|find|see|make|{verb}) (?:as|is|to be) "
    return (
        (
            rf"{wh}{adjectives}{thing}",
            rf"\bwhat (?:is|are) {determiner}{adjectives}{thing}",
            rf"\bwhat (?:would|should|could|can|do) {who} {named}{determiner}{adjectives}{thing}",
            rf"\b{verb} (?:me )?{determiner}{adjectives}{thing}",
            rf"\bhow (?:would|should|could|can|do) {who} (?:best )?{verb} {determiner}{adjectives}"
            rf"(?:{thing}|{bearer})",
            *own["also_asks"],
        ),
        (
            rf"{wh}{adjectives}{other}",
            rf"\bwhat (?:is|are) {determiner}{adjectives}{other}",
            rf"\b{verb} (?:me )?{determiner}{adjectives}{other}",
            # "how is it diagnosed" wants a method; "what supports the diagnosis" wants evidence
            rf"\bhow (?!(?:would|should|could|can|do) {who} (?:best )?{verb}\b)",
            r"\bwhat (?:indicates|indicated|suggests|shows|supports|reveals|demonstrates|affects"
            r"|depicts|displays|describes|explains|points|presents|illustrates|reflects)\b",
            *own["never_asks"],
        ),
    )


def _new_wording(task: Task, original: Wording, text: str, model: str) -> Wording:
    digest = hashlib.sha256(_squeezed(text).encode()).hexdigest()[:8]
    return Wording(
        id=f"{ID_PREFIX[task]}-{digest}",
        text=text,
        state="unreviewed",
        paraphrases=original.id,
        model=model,
    )


def _squeezed(text: str) -> str:
    """Words alone: another comma or capital makes no other wording."""
    return " ".join(_WORD.findall(text.lower().replace("’", "'")))
