"""What the words give away: places of the answer, its text, the options beside it, the question."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from spinebench.anatomy.diseases import find_disease, list_disease_words
from spinebench.anatomy.levels import parse_levels
from spinebench.benchmark.audit.findings import (
    AuditFinding,
    Measure,
    Severity,
    build_finding,
    counted,
)
from spinebench.benchmark.audit.gains import judge_shortcut
from spinebench.benchmark.audit.material import Material, gold_texts, squeezed
from spinebench.benchmark.audit.predict import (
    FOLDS,
    Items,
    best_reference,
)
from spinebench.benchmark.audit.spelling import check_spelling
from spinebench.benchmark.audit.text_only import TextOnly, one_line
from spinebench.records import Question

# p values and sizes of a skew: the largest surplus of a letter, as a share of the questions
_SKEW: tuple[tuple[Severity, float, float], ...] = (
    ("serious", 1e-5, 0.10),
    ("minor", 1e-4, 0.05),
)
_FEWEST_EXPECTED = 5.0  # gold answers at a letter, for the chi-squared approximation
_SHORTEST_ID = 4  # characters; a shorter one is found in words by chance
_COMMON_WORDS = frozenset({"table"})  # names of sources that are words of a question too


def check_leaks(material: Material, tasks: Sequence[Items]) -> Iterator[AuditFinding | Measure]:
    """Findings, and the measures they rest on, over sound questions by task."""
    yield from _skew(tasks)
    yield from _question_text(material)
    for items in tasks:
        if items.is_enough():
            yield from _text_only(items)
            yield from _option_text(items)


def _skew(tasks: Sequence[Items]) -> Iterator[AuditFinding]:
    for items in tasks:
        by_split: dict[str, list[Question]] = {"all splits": list(items.questions)}
        for question in items.questions:
            by_split.setdefault(question.split, []).append(question)
        for split, questions in by_split.items():
            found = measure_skew(questions)
            if found is None:
                continue
            p_value, surplus, letter, share = found
            severity = next((s for s, p, size in _SKEW if p_value < p and surplus >= size), None)
            if severity is not None:
                ids = sorted(q.question_id for q in questions if letter in q.gold)
                summary = (
                    f"{items.task}, {split}: {letter} holds the answer in {100 * share:.0f} % of "
                    f"{counted(len(questions), 'question')}, {100 * surplus:.0f} points more than "
                    f"by chance (p {_p_words(p_value)})"
                )
                yield from build_finding("gold_position_skew", severity, summary, ids)
                break  # the splits repeat what the whole shows


def _p_words(p_value: float) -> str:
    return "below 1e-12" if p_value < 1e-12 else f"= {p_value:.0e}"


def measure_skew(questions: Sequence[Question]) -> tuple[float, float, str, float] | None:
    """(p, largest surplus, its letter, its share) of gold answers by letter; None if too few.

    With g of k options right, a letter holds one with chance g / k. The squared surpluses over
    their variance, times (k - 1) / k because the letters of one question share its answers, are
    chi-squared with k - 1 degrees of freedom; for g = 1 that is Pearson's test.
    """
    statistic, freedom = 0.0, 0
    surplus: dict[str, float] = defaultdict(float)
    held: dict[str, int] = defaultdict(int)
    used = 0
    by_width: dict[int, list[Question]] = defaultdict(list)
    for question in questions:
        by_width[len(question.options)].append(question)
    for width, group in by_width.items():
        chances = np.array([len(q.gold) / width for q in group])
        variance = float((chances * (1 - chances)).sum())
        if chances.sum() < _FEWEST_EXPECTED or variance == 0:
            continue
        letters = list(group[0].lettered)
        counts = np.array([sum(letter in q.gold for q in group) for letter in letters])
        over = counts - chances.sum()
        statistic += (width - 1) / width * float((over**2).sum()) / variance
        freedom += width - 1
        used += len(group)
        for letter, more, count in zip(letters, over.tolist(), counts.tolist(), strict=True):
            surplus[letter] += more
            held[letter] += count
    if not used:
        return None
    letter = max(sorted(surplus), key=surplus.__getitem__)
    p_value = float(stats.chi2.sf(statistic, freedom))
    return p_value, surplus[letter] / used, letter, held[letter] / used


def _text_only(items: Items) -> Iterator[AuditFinding | Measure]:
    yield from judge_shortcut(
        "text_only_shortcut",
        "text_only",
        "words, options and positions",
        items,
        _blind_right(items, options_only=False),
        best_reference(items),
    )


def _blind_right(items: Items, *, options_only: bool) -> NDArray[np.float64]:
    """1 where naive Bayes over the other folds' words names exactly the gold options."""
    right = np.zeros(len(items.questions))
    for fold in range(FOLDS):
        test = np.flatnonzero(items.fold == fold)
        train = np.flatnonzero(items.fold != fold)
        if not len(test) or not len(train):
            continue
        counts = TextOnly([items.questions[row] for row in train], options_only=options_only)
        for row in test:
            question = items.questions[row]
            named = counts.choose(
                question.lettered, one_line(question.text), several=question.multiple
            )
            right[row] = tuple(sorted(named)) == tuple(sorted(question.gold))
    return right


def _option_text(items: Items) -> Iterator[AuditFinding | Measure]:
    """Whether the answer is told by the set of options, by its spelling or by its length."""
    right = _blind_right(items, options_only=True)
    yield from _leak("option_set", "the set of options alone", items, right)
    yield from check_spelling(items)
    if items.several:
        return
    for name, words, odd in _ODD:
        places = [odd(q.options) for q in items.questions]
        speaks = np.array([place is not None for place in places])
        some = items.where(speaks)
        if not some.is_enough():
            continue
        named = [
            q.lettered[q.gold[0]] == q.options[place]
            for q, place in zip(items.questions, places, strict=True)
            if place is not None
        ]
        yield from _leak(name, words, some, np.array(named, np.float64))


def _leak(
    name: str, words: str, items: Items, right: NDArray[np.float64]
) -> Iterator[AuditFinding | Measure]:
    reference = best_reference(items)
    yield from judge_shortcut("option_text_leak", name, words, items, right, reference)


def _longest(options: Sequence[str]) -> int | None:
    return _extreme([len(option.strip()) for option in options])


def _shortest(options: Sequence[str]) -> int | None:
    return _extreme([-len(option.strip()) for option in options])


def _extreme(sizes: Sequence[int]) -> int | None:
    """Place of the one largest number, None where several share it."""
    most = max(sizes)
    return sizes.index(most) if list(sizes).count(most) == 1 else None


_ODD: tuple[tuple[str, str, Callable[[Sequence[str]], int | None]], ...] = (
    ("longest_option", "the longest option", _longest),
    ("shortest_option", "the shortest option", _shortest),
)


def _question_text(material: Material) -> list[AuditFinding]:
    reasons: dict[str, list[str]] = defaultdict(list)
    for question in material.questions:
        for reason in leaks_of(question, material):
            reasons[reason].append(question.question_id)
    items = sorted({question_id for ids in reasons.values() for question_id in ids})
    words = "; ".join(f"{len(ids):,} {reason}" for reason, ids in sorted(reasons.items()))
    summary = f"{counted(len(items), 'question')}: {words}"
    return build_finding("question_text_leak", "serious", summary, items, drop=tuple(items))


def leaks_of(question: Question, material: Material) -> Iterator[str]:
    """What a question's words give away, each as a short phrase."""
    text = squeezed(question.text)
    tokens = _tokens(text)
    gold = gold_texts(question)
    if question.task == "localization":
        named = _levels_in(text)
        if named & {level for option in gold for level in _levels_in(option)} and not (
            named >= {level for option in question.options for level in _levels_in(option)}
        ):
            yield "name a level of the answer"
    elif any(_names(text, option) for option in {*gold, question.disease}) and not all(
        _names(text, option) for option in question.options
    ):
        yield "name the answer"
    image = material.image_of(question)
    sources = {question.source.casefold(), image.source.casefold()} - _COMMON_WORDS
    if tokens & sources:
        yield "name the source"
    ids = {
        name.rpartition(":")[2].casefold()
        for name in (question.patient_id, image.patient_id, image.study_id, image.series_id)
    }
    if tokens & {name for name in ids if len(name) >= _SHORTEST_ID}:
        yield "hold the id of the patient, study or series"


@cache
def _tokens(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w[\w.\-]*\w|\w", text))


@cache
def _levels_in(text: str) -> frozenset[str]:
    return frozenset(str(level) for level in parse_levels(text))


@cache
def _names(text: str, disease: str) -> bool:
    """Whether a text names a class by any of its words."""
    known = find_disease(disease)
    words = {squeezed(disease)}
    if known is not None:
        words |= {squeezed(w.words) for w in list_disease_words() if w.disease == known.disease}
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in words)
