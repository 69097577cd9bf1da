"""Whether an option is written otherwise where it is right than where it is wrong.

Classes are compared with themselves: of one class's options, those that are right against those
that are offered as wrong. How often a class is the answer therefore changes nothing. Two things are
looked at, the text itself and whether the option is the only one of its question written so:

    right ones told  = share of a class's right options that the text calls right
    wrong ones told  = share of its wrong options that the text calls wrong
    told apart       = the mean of both; 50 % where spelling says nothing

A text calls an option right if it is more frequent among the right ones of the other folds'
patients than among the wrong ones; a coin decides where it is not. Over all classes the wrong
options count by the class's share of the right ones, so that a class mixture tells nothing either.
The interval takes the mean of both shares' bounds, as if they moved together: never too narrow.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from spinebench.anatomy.diseases import find_disease, list_disease_words
from spinebench.anatomy.levels import parse_levels
from spinebench.benchmark.audit.findings import SEVERITIES, AuditFinding, Measure, build_finding
from spinebench.benchmark.audit.gains import grade_gain
from spinebench.benchmark.audit.predict import (
    FEWEST_PATIENTS,
    FOLDS,
    LEVEL,
    Bools,
    Floats,
    Ints,
    Items,
)
from spinebench.benchmark.audit.registry import CHECKS
from spinebench.statistics import cluster_interval, cluster_ratio_interval

_FEWEST = 10  # right options of a class, and wrong ones, before it is judged
_STOPS = ".;:,!"
_CASES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("as the class is named", str),
    ("lower", str.lower),
    ("upper", str.upper),
    ("title", str.title),
    ("first letter", lambda text: text[:1].upper() + text[1:]),
)


@dataclass(frozen=True, eq=False)
class _Offers:
    """Options as they were offered, a row each, in codes."""

    name: Ints  # the class or level
    writing: Ints  # how it is written; each class has codes of its own
    right: Bools
    question: Ints
    patient: Ints
    fold: Ints

    def where(self, mask: Bools) -> "_Offers":
        """Only some of the offers."""
        return _Offers(self.name[mask], self.writing[mask], self.right[mask], self.question[mask],
                       self.patient[mask], self.fold[mask])  # fmt: skip

    def of(self, names: Sequence[int]) -> "_Offers":
        """Only those of some classes."""
        return self.where(np.isin(self.name, names))

    def is_enough(self) -> bool:
        """Whether right and wrong ones are there often enough to compare them."""
        return all(
            side.sum() >= _FEWEST and len(np.unique(self.patient[side])) >= FEWEST_PATIENTS
            for side in (self.right, ~self.right)
        )

    def varied(self) -> list[int]:
        """Classes that are offered as right and as wrong, and written in several ways."""
        pairs = np.unique(np.stack([self.name, self.writing]), axis=1)[0]
        names, ways = np.unique(pairs, return_counts=True)
        both = set(self.name[self.right].tolist()) & set(self.name[~self.right].tolist())
        return [name for name in names[ways > 1].tolist() if name in both]


def check_spelling(items: Items) -> Iterator[AuditFinding | Measure]:
    """Measures of options that are written in several ways, and findings where that tells."""
    for measure, words, write in (
        ("spelling", "how the options are written", list),
        ("odd_spelling", "the one option that is written unlike the others", _oddities),
    ):
        every, names = _offers_of(items, write)
        varied = every.varied()
        offers = every.of(varied)
        if not offers.is_enough():
            continue
        yield from _judge(items, measure, words, offers, LEVEL)
        single = [name for name in varied if every.of([name]).is_enough()]
        if len(varied) == 1:
            continue  # the same offers
        level = 1 - (1 - LEVEL) / max(len(single), 1)  # as many looks as classes
        for name in single:
            about = f"{words}, {names[name]} alone"
            some = every.of([name])
            yield from _judge(items, f"{measure} of {names[name]}", about, some, level)


def _offers_of(
    items: Items, write: Callable[[Sequence[str]], Sequence[str]]
) -> tuple[_Offers, list[str]]:
    """(offers of all questions, name of each class by code)."""
    names: dict[str, int] = {}
    writings: dict[tuple[int, str], int] = {}
    patients = np.unique(items.patients, return_inverse=True)[1]
    rows: list[tuple[int, int, bool, int]] = []
    for number, question in enumerate(items.questions):
        written = zip(question.lettered.items(), write(question.options), strict=True)
        for (letter, option), writing in written:
            name = names.setdefault(name_of(option), len(names))
            code = writings.setdefault((name, writing), len(writings))
            rows.append((name, code, letter in question.gold, number))
    name_codes, codes, right, numbers = np.array(rows, np.int64).reshape(-1, 4).T
    offers = _Offers(name_codes, codes, right.astype(np.bool_), numbers,
                     patients[numbers].astype(np.int64), items.fold[numbers])  # fmt: skip
    return offers, list(names)


def _judge(
    items: Items, name: str, words: str, offers: _Offers, level: float
) -> Iterator[AuditFinding | Measure]:
    found = _measure(items, name, offers, level)
    yield found
    severity = grade_gain(found)
    if severity is None:
        return
    told = _told(offers)
    ids = sorted({items.questions[row].question_id for row in offers.question[told == 1].tolist()})
    bounds = ""
    if found.low is not None and found.high is not None:
        bounds = f" ({100 * found.low:.0f} to {100 * found.high:.0f} at level {100 * level:g} %)"
    summary = (
        f"{items.task}, from {words}: right and wrong options are told apart in "
        f"{100 * found.estimate:.0f} %{bounds}, 50 % without it"
    )
    worst = min(severity, CHECKS["option_text_leak"].worst, key=SEVERITIES.index)
    yield from build_finding("option_text_leak", worst, summary, ids, measures=(found,))


def _measure(items: Items, name: str, offers: _Offers, level: float) -> Measure:
    told, right = _told(offers), offers.right
    # wrong options by the class's share of the right ones
    names = int(offers.name.max()) + 1
    rights = np.bincount(offers.name[right], minlength=names)
    wrongs = np.bincount(offers.name[~right], minlength=names)
    weights = (rights / np.maximum(wrongs, 1))[offers.name[~right]]
    weights *= len(weights) / weights.sum()
    of_right = cluster_interval(told[right], offers.patient[right], level=level)
    of_wrong = cluster_ratio_interval(
        told[~right] * weights, weights, offers.patient[~right], level=level
    )
    low, estimate, high = (
        None if a is None or b is None else (a + b) / 2
        for a, b in (
            (of_right.low, of_wrong.low),
            (of_right.estimate, of_wrong.estimate),
            (of_right.high, of_wrong.high),
        )
    )
    assert estimate is not None
    return Measure(
        name=name,
        task=items.task,
        estimate=estimate,
        low=low,
        high=high,
        reference=0.5,
        gain=estimate - 0.5,
        gain_low=None if low is None else low - 0.5,
        gain_high=None if high is None else high - 0.5,
        questions=len(np.unique(offers.question)),
        patients=len(np.unique(offers.patient)),
    )


def _told(offers: _Offers) -> Floats:
    """1 where the writing tells rightly whether the option is right, 0 where wrongly, 1/2 else."""
    told = np.full(len(offers.right), 0.5)
    writings = int(offers.writing.max()) + 1
    name_of_writing = np.zeros(writings, np.int64)
    name_of_writing[offers.writing] = offers.name
    for fold in range(FOLDS):
        test, train = offers.fold == fold, offers.fold != fold
        if not test.any() or not train.any():
            continue
        lean = np.zeros(writings)
        for side, sign in ((offers.right, 1.0), (~offers.right, -1.0)):
            there = train & side
            of_name = np.bincount(offers.name[there], minlength=int(offers.name.max()) + 1)
            own = np.bincount(offers.writing[there], minlength=writings)
            lean += sign * own / np.maximum(of_name[name_of_writing], 1)
        # rounded: equal shares out of different counts are equal
        vote = np.sign(np.round(lean[offers.writing[test]], 9))
        told[test] = np.where(offers.right[test], vote, -vote) / 2 + 0.5
    return told


def _oddities(options: Sequence[str]) -> Sequence[str]:
    odd = odd_one(options)
    return ["odd" if place == odd else "" for place in range(len(options))]


def odd_one(options: Sequence[str]) -> int | None:
    """Place of the one option that is written unlike all others, which are written alike.

    Alike: in the same case, each beside its class's own name, and with the same signs around it.
    """
    if len(options) < 3:
        return None
    ways = [_ways(option) for option in options]
    if frozenset.intersection(*ways):
        return None
    odd = [
        place
        for place in range(len(ways))
        if frozenset.intersection(*ways[:place], *ways[place + 1 :])
    ]
    return odd[0] if len(odd) == 1 else None


@cache
def _ways(option: str) -> frozenset[tuple[str, bool, bool, bool]]:
    """All ways of writing in which an option can be meant."""
    bare = option.strip()
    stopped = bare[-1:] in _STOPS if bare else False
    bare = bare.rstrip(_STOPS)
    name = name_of(option)
    other = bare.casefold() != name.casefold()
    cases = {case for case, change in _CASES if change(name) == bare}
    if other:  # more or other words: only their case is told
        cases = {"upper" if bare.isupper() else "lower" if bare.islower() else "mixed"}
    return frozenset((case, option != option.strip(), stopped, other) for case in cases or {"?"})


@cache
def name_of(option: str) -> str:
    """The class or level that an option names, or names among other words; else its letters."""
    known = find_disease(option)
    if known is not None:
        return known.disease
    levels = parse_levels(option)
    if len(levels) == 1:
        return str(levels[0])
    text = " ".join(unicodedata.normalize("NFKC", option).split()).casefold()
    found = [
        (match.start(), -len(words), disease)
        for words, disease in _class_words()
        if (match := re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text))
    ]
    return min(found)[2] if found else re.sub(r"[\W_]+", " ", text).strip()


@cache
def _class_words() -> tuple[tuple[str, str], ...]:
    return tuple((words.words.casefold(), words.disease) for words in list_disease_words())
