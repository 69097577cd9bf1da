"""How well something other than the image names the answer, cross-validated by patient.

The answer of a question is its gold option, or the whole gold set where several may be right;
which other options are offered does not count here (`text_only` tells what they give away). With
P(a) the share of answer a and P(a | v) the same where a feature has value v, both shrunk (P(a) to
evenness, P(a | v) to P(a)):

    score of a = log P(a) + sum over features: log P(a | v) - log P(a)

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
_MOST_ANSWERS = 64  # that may be named, the most frequent
_SHRINK = 4.0  # answers, evenly spread, that a share starts with
_BINS = 10  # of a feature with many values
_LEAST_SHARE = 0.02  # of an answer, before its logarithm is taken
_RIDGE = 0.1  # of the number of training questions

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Items:
    """Sound questions of one task as arrays, one row for each question."""

    task: str
    questions: tuple[Question, ...]
    answers: Ints  # codes from 0, the most frequent first; -1 for one too rare to be named
    chance: Floats  # of naming the answer blindly among what is offered
    fold: Ints
    patients: NDArray[np.str_]
    several: bool

    @property
    def codes(self) -> int:
        """Number of answers that may be named."""
        return int(self.answers.max(initial=0)) + 1

    def where(self, mask: Bools) -> "Items":
        """Only some of the questions."""
        kept = tuple(q for q, keep in zip(self.questions, mask.tolist(), strict=True) if keep)
        return Items(self.task, kept, self.answers[mask], self.chance[mask], self.fold[mask],
                     self.patients[mask], self.several)  # fmt: skip

    def is_enough(self) -> bool:
        """Whether there are patients and questions enough to measure anything."""
        patients = len(set(self.patients.tolist()))
        return len(self.questions) >= FEWEST_QUESTIONS and patients >= FEWEST_PATIENTS


def build_items(task: str, questions: Sequence[Question], *, several: bool) -> Items:
    """Arrays of sound questions (`answers.is_sound`) of one task."""
    texts = [gold_texts(question) for question in questions]
    frequent = [answer for answer, _ in sorted(Counter(texts).items(), key=_by_count)]
    code_of = {answer: code for code, answer in enumerate(frequent[:_MOST_ANSWERS])}
    # of several: one of the non-empty sets of options
    ways = [2.0 ** len(q.options) - 1 if several else float(len(q.options)) for q in questions]
    return Items(
        task,
        tuple(questions),
        np.array([code_of.get(answer, -1) for answer in texts], np.int64),
        1 / np.array(ways, np.float64),
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


def build_bins(numbers: Floats) -> Ints:
    """Codes of a number: itself where few are distinct, else its tenth of the whole."""
    if len(np.unique(numbers)) <= 2 * _BINS:
        return np.unique(numbers, return_inverse=True)[1].astype(np.int64)
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.searchsorted(edges, numbers, side="right").astype(np.int64)


def score_features(items: Items, features: Sequence[Ints]) -> Floats:
    """Score of each answer (questions, answers) by codes of features."""

    def score(train: Bools, test: Bools) -> Floats:
        answers = items.answers[train]
        right = np.bincount(answers[answers >= 0], minlength=items.codes)
        smoothed = (right + _SHRINK / items.codes) / (len(answers) + _SHRINK)
        shares = np.asarray(smoothed, np.float64)
        total: Floats = np.tile(np.log(shares), (int(test.sum()), 1))
        for feature in features:
            total += _log_gain(items, feature, train, shares)[feature[test]]
        return total

    return _by_fold(items, score)


def _log_gain(items: Items, feature: Ints, train: Bools, shares: Floats) -> Floats:
    """log P(a | v) - log P(a), (values, answers)."""
    answers, value = items.answers[train], feature[train]
    shape = (int(feature.max()) + 1, items.codes)
    cell = (value * shape[1] + answers)[answers >= 0]
    right = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    asked = np.bincount(value, minlength=shape[0])[:, None]
    gain: Floats = np.log((right + _SHRINK * shares) / (asked + _SHRINK)) - np.log(shares)
    return gain


def score_vectors(items: Items, vectors: Floats) -> Floats:
    """What vectors (questions, length) add to each answer's score: log of posterior over prior.

    Ridge regression on indicators of the answer.
    """

    def score(train: Bools, test: Bools) -> Floats:
        center, spread = vectors[train].mean(axis=0), vectors[train].std(axis=0)
        scaled = (vectors - center) / np.where(spread > 0, spread, 1)
        answers = items.answers[train]
        right = np.zeros((len(answers), items.codes))
        right[np.flatnonzero(answers >= 0), answers[answers >= 0]] = 1
        prior = right.mean(axis=0)
        x = scaled[train]
        weights = np.linalg.solve(
            x.T @ x + _RIDGE * len(x) * np.eye(x.shape[1]), x.T @ (right - prior)
        )
        posterior = np.clip(scaled[test] @ weights + prior, _LEAST_SHARE, 1)
        ratio: Floats = np.log(posterior) - np.log(np.clip(prior, _LEAST_SHARE, 1))
        return ratio

    return _by_fold(items, score)


def _by_fold(items: Items, score: Callable[[Bools, Bools], Floats]) -> Floats:
    scores = np.zeros((len(items.questions), items.codes))
    for fold in range(FOLDS):
        test = items.fold == fold
        if test.any() and not test.all():
            scores[test] = score(~test, test)
    return scores


def is_right(items: Items, scores: Floats) -> Floats:
    """1 where the answer of the highest score is the right one; of equal ones the most frequent."""
    # rounded: the last bits of a sum of logarithms must not decide
    named = np.argmax(np.round(scores, 9), axis=1)
    return np.asarray(named == items.answers, np.float64)


def best_reference(items: Items, *known: Floats) -> Floats:
    """The best of chance, the most frequent answer and what else is `known`: per question.

    The most frequent answer of the other folds does worse than evenness where classes are balanced,
    so both are among them.
    """
    majority = is_right(items, score_features(items, []))
    even = np.full(len(items.questions), 1 / items.codes)
    return max((items.chance, even, majority, *known), key=lambda right: float(right.mean()))


def measure(name: str, items: Items, right: Floats, reference: Floats) -> Measure:
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
