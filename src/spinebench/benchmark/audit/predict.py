"""How well something other than the image names the answer, cross-validated by patient.

Questions of one task become arrays: codes of the options offered, and the code of the right one.
Where several options may be right, the whole gold set is the answer and every frequent set is
offered. With r(o) the share of times that option o was right where it was offered, and r(o | v)
the same where a feature has value v, both shrunk (r to the mean, r(o | v) to r):

    score of o = log r(o) + sum over features: log r(o | v) - log r(o)

Folds go by the hash of the patient: nobody's questions are judged by their own answers.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinebench.benchmark.audit.findings import Measure
from spinebench.benchmark.audit.material import gold_texts
from spinebench.records import Question
from spinebench.statistics import cluster_interval, cluster_mean_interval

FOLDS = 5
# Of every interval: about 40 comparisons are made, and together they may err once in 25 audits.
LEVEL = 0.999
FEWEST_PATIENTS = 5
FEWEST_QUESTIONS = 20
_MOST_SETS = 64  # gold sets that may be named, the most frequent
_SHRINK = 4.0  # offers of the mean that a rate starts with
_BINS = 10  # of a feature with many values
_RIDGE = 0.1  # of the number of training questions

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Items:
    """Sound questions of one task as arrays."""

    task: str
    questions: tuple[Question, ...]
    options: Ints  # (questions, most options): codes, -1 where there is none
    gold: Ints  # (questions,): a code, or -1 for a gold set too rare to be offered
    fold: Ints  # (questions,)
    patients: NDArray[np.str_]  # (questions,)
    several: bool

    @property
    def codes(self) -> int:
        """Number of distinct options."""
        return int(max(self.options.max(initial=-1), self.gold.max(initial=-1))) + 1

    @property
    def chance(self) -> NDArray[np.float64]:
        """Chance of naming the right option of each question blindly."""
        return np.asarray(1 / np.maximum((self.options >= 0).sum(axis=1), 1))

    def where(self, mask: Bools) -> "Items":
        """Only some of the questions."""
        kept = tuple(q for q, keep in zip(self.questions, mask.tolist(), strict=True) if keep)
        return Items(self.task, kept, self.options[mask], self.gold[mask], self.fold[mask],
                     self.patients[mask], self.several)  # fmt: skip

    def is_enough(self) -> bool:
        """Whether there are patients and questions enough to measure anything."""
        patients = len(set(self.patients.tolist()))
        return len(self.questions) >= FEWEST_QUESTIONS and patients >= FEWEST_PATIENTS


def build_items(task: str, questions: Sequence[Question], *, several: bool) -> Items:
    """Arrays of sound questions (`answers.is_sound`) of one task."""
    answers = [gold_texts(q) if several else gold_texts(q)[:1] for q in questions]
    if several:
        frequent = [name for name, _ in sorted(Counter(answers).items(), key=_by_count)]
        code_of = {name: code for code, name in enumerate(frequent[:_MOST_SETS])}
        options = np.tile(np.arange(len(code_of)), (len(questions), 1))
    else:
        texts = sorted({option for q in questions for option in q.options})
        code_of = {(text,): code for code, text in enumerate(texts)}
        width = max((len(q.options) for q in questions), default=0)
        options = np.full((len(questions), width), -1)
        for row, question in enumerate(questions):
            codes = [code_of[option,] for option in question.options]
            options[row, : len(codes)] = codes
    return Items(
        task,
        tuple(questions),
        options.astype(np.int64),
        np.array([code_of.get(answer, -1) for answer in answers], np.int64),
        np.array([_fold_of(q.patient_id) for q in questions], np.int64),
        np.array([q.patient_id for q in questions], np.str_),
        several,
    )


def _by_count(item: tuple[tuple[str, ...], int]) -> tuple[int, tuple[str, ...]]:
    return -item[1], item[0]


def _fold_of(patient_id: str) -> int:
    return hashlib.sha256(f"audit\x1f{patient_id}".encode()).digest()[0] % FOLDS


def build_codes(values: Sequence[object]) -> Ints:
    """A code for each distinct value; `None` is a value of its own."""
    order = {value: code for code, value in enumerate(sorted(set(values), key=repr))}
    return np.array([order[value] for value in values], np.int64)


def build_bins(numbers: NDArray[np.float64]) -> Ints:
    """Codes of a number: itself where few are distinct, else its tenth of the whole."""
    if len(np.unique(numbers)) <= 2 * _BINS:
        return np.unique(numbers, return_inverse=True)[1].astype(np.int64)
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.searchsorted(edges, numbers, side="right").astype(np.int64)


def score_features(items: Items, features: Sequence[Ints]) -> NDArray[np.float64]:
    """Score of each offered option (questions, options) by codes of features; -inf where none."""

    def score(train: Bools, test: Bools) -> NDArray[np.float64]:
        base = _rates(items, train)
        total = np.log(base)[items.options[test]]
        for feature in features:
            ratio = _feature_ratio(items, feature, train, base)
            total = total + ratio[feature[test][:, None], items.options[test]]
        return total

    return _by_fold(items, score)


def score_vectors(items: Items, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """What vectors (questions, length) add to each option's score: log of posterior over prior.

    Ridge regression on indicators of the right option.
    """

    def score(train: Bools, test: Bools) -> NDArray[np.float64]:
        center, spread = vectors[train].mean(axis=0), vectors[train].std(axis=0)
        scaled = (vectors - center) / np.where(spread > 0, spread, 1)
        gold = items.gold[train]
        right = np.zeros((len(gold), items.codes))
        right[np.flatnonzero(gold >= 0), gold[gold >= 0]] = 1
        prior = right.mean(axis=0)
        x = scaled[train]
        weights = np.linalg.solve(
            x.T @ x + _RIDGE * len(x) * np.eye(x.shape[1]), x.T @ (right - prior)
        )
        posterior = np.clip(scaled[test] @ weights + prior, 0.02, 1)
        ratio: NDArray[np.float64] = np.log(posterior) - np.log(np.clip(prior, 0.02, 1))
        rows = np.arange(len(ratio))[:, None]
        return np.asarray(ratio[rows, items.options[test]])

    return _by_fold(items, score)


def _by_fold(
    items: Items, score: Callable[[Bools, Bools], NDArray[np.float64]]
) -> NDArray[np.float64]:
    scores = np.zeros(items.options.shape)
    for fold in range(FOLDS):
        test = items.fold == fold
        if test.any() and not test.all():
            scores[test] = score(~test, test)
    scores[items.options < 0] = -np.inf
    return scores


def _rates(items: Items, train: Bools) -> NDArray[np.float64]:
    """How often each option was right where it was offered, shrunk to the mean."""
    options, gold = items.options[train], items.gold[train]
    offered = np.bincount(options[options >= 0], minlength=items.codes)
    right = np.bincount(gold[gold >= 0], minlength=items.codes)
    mean = len(gold) / max(int(offered.sum()), 1)
    rates: NDArray[np.float64] = (right + _SHRINK * mean) / (offered + _SHRINK)
    return rates


def _feature_ratio(
    items: Items, feature: Ints, train: Bools, base: NDArray[np.float64]
) -> NDArray[np.float64]:
    """log r(o | v) - log r(o), (values, options)."""
    options, gold, value = items.options[train], items.gold[train], feature[train]
    shape = (int(feature.max()) + 1, items.codes)
    cell = value[:, None] * shape[1] + options
    offered = np.bincount(cell[options >= 0], minlength=shape[0] * shape[1]).reshape(shape)
    cell_of_gold = (value * shape[1] + gold)[gold >= 0]
    right = np.bincount(cell_of_gold, minlength=shape[0] * shape[1]).reshape(shape)
    ratio: NDArray[np.float64] = np.log((right + _SHRINK * base) / (offered + _SHRINK))
    return ratio - np.log(base)


def is_right(items: Items, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where the option of the highest score is the right one; the first of equal ones counts."""
    # rounded: the last bits of a sum of logarithms must not decide
    named = np.argmax(np.round(scores, 9), axis=1)
    chosen = items.options[np.arange(len(named)), named]
    return (chosen == items.gold).astype(np.float64)


def majority_right(items: Items) -> NDArray[np.float64]:
    """1 where the offered option that is right most often elsewhere is the right one."""

    def score(train: Bools, test: Bools) -> NDArray[np.float64]:
        gold = items.gold[train]
        right = np.bincount(gold[gold >= 0], minlength=items.codes)
        return right[items.options[test]].astype(np.float64)

    return is_right(items, _by_fold(items, score))


def best_reference(items: Items, *known: NDArray[np.float64]) -> NDArray[np.float64]:
    """The best of chance, the most frequent answer and what else is `known`: per question.

    The most frequent answer of the other folds does worse than chance where classes are balanced,
    so chance is always among them.
    """
    return max((items.chance, majority_right(items), *known), key=lambda right: float(right.mean()))


def measure(
    name: str, items: Items, right: NDArray[np.float64], reference: NDArray[np.float64]
) -> Measure:
    """Share answered rightly, and what it gains over a reference, question by question."""
    share = cluster_interval(right, items.patients, level=LEVEL)
    gain = cluster_mean_interval((right - reference + 1) / 2, items.patients, level=LEVEL)
    assert share.estimate is not None
    assert gain.estimate is not None
    return Measure(
        name=name,
        task=items.task,
        estimate=share.estimate,
        low=share.low,
        high=share.high,
        reference=float(reference.mean()),
        gain=2 * gain.estimate - 1,
        gain_low=None if gain.low is None else 2 * gain.low - 1,
        gain_high=None if gain.high is None else 2 * gain.high - 1,
        questions=len(items.questions),
        patients=len(set(items.patients.tolist())),
    )
