"""Whether options and answer key are in order, question by question."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache

from spinebench.anatomy.diseases import find_disease
from spinebench.anatomy.levels import parse_levels
from spinebench.benchmark.audit.findings import AuditFinding, Severity, build_finding, counted
from spinebench.benchmark.audit.material import Material, gold_texts, squeezed
from spinebench.records import Question


def check_answers(material: Material) -> Iterator[AuditFinding]:
    """Findings on single questions, and on questions that contradict each other."""
    for check, severity, words, is_bad in _RULES:
        items = sorted(q.question_id for q in material.questions if is_bad(q))
        summary = f"{counted(len(items), 'question')} {words}"
        yield from build_finding(check, severity, summary, items, drop=tuple(items))
    yield from _contradictory(material)


def is_sound(question: Question) -> bool:
    """Whether a question can be scored: the other checks leave the rest out."""
    return not any(is_bad(question) for _, _, _, is_bad in _RULES[:_NEEDED])


def _has_no_gold(question: Question) -> bool:
    return not question.gold


def _is_outside(question: Question) -> bool:
    return not set(question.gold) <= set(question.lettered)


def _has_several(question: Question) -> bool:
    return not question.multiple and len(set(question.gold)) > 1


def _has_few_options(question: Question) -> bool:
    return len(question.options) < 2 or any(not option.strip() for option in question.options)


def _repeats(question: Question) -> bool:
    texts = [squeezed(option) for option in question.options]
    return len(set(texts)) < len(texts)


def _is_not_the_label(question: Question) -> bool:
    """Gold other than the class, or other than the levels among the options."""
    gold = gold_texts(question)
    if not gold or _is_outside(question) or _has_several(question):
        return False
    if question.task == "localization":
        offered = {_level_of(option) for option in question.options}
        named = {_level_of(level) for level in question.levels} & offered
        return bool(named) and {_level_of(text) for text in gold} != named
    return _class_of(gold[0]) != _class_of(question.disease)


@cache
def _class_of(text: str) -> str:
    known = find_disease(text)
    return squeezed(text) if known is None else known.disease


@cache
def _level_of(text: str) -> str:
    levels = parse_levels(text)
    return str(levels[0]) if len(levels) == 1 else squeezed(text)


_RULES: tuple[tuple[str, Severity, str, Callable[[Question], bool]], ...] = (
    ("gold_missing", "critical", "without any gold letter", _has_no_gold),
    ("answer_not_among_options", "critical", "whose gold letter has no option", _is_outside),
    ("gold_several", "critical", "with several gold letters for one answer", _has_several),
    ("options_missing", "serious", "with fewer than two options, or an empty one",
     _has_few_options),
    ("options_repeat", "serious", "that offer one option twice", _repeats),
    ("gold_not_the_label", "critical", "whose gold option is not their label", _is_not_the_label),
)  # fmt: skip
_NEEDED = 5  # rules without which a question cannot be scored


def _contradictory(material: Material) -> list[AuditFinding]:
    same: dict[tuple[object, ...], list[Question]] = defaultdict(list)
    for question in material.questions:
        if gold_texts(question):
            same[question.task, question.image_ids, squeezed(question.text)].append(question)
    items = sorted(
        question.question_id
        for group in same.values()
        if len({tuple(squeezed(text) for text in gold_texts(q)) for q in group}) > 1
        for question in group
    )
    summary = f"{counted(len(items), 'question')} ask the same and have different answers"
    return build_finding("contradictory_questions", "critical", summary, items, drop=tuple(items))
