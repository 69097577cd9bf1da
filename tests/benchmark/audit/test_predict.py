"""The predictor by hand: shares, gains, folds and references."""

from dataclasses import replace

import numpy as np
import pytest

from spinebench.benchmark.audit.predict import (
    FOLDS,
    best_reference,
    build_bins,
    build_codes,
    build_items,
    is_right,
    measure,
    score_features,
    score_vectors,
)
from tests.examples import a_question


def items_of(classes: str, *, patients: int = 10, several: bool = False):
    """Questions whose gold is the class; question i is of patient i modulo `patients`."""
    questions = [
        replace(
            a_question(), question_id=f"q{i}", options=("x", "y", "z"),
            gold=tuple("ABC"["xyz".index(c)] for c in name), multiple=several,
            patient_id=f"p{i % patients}",
        )
        for i, name in enumerate(classes.split())
    ]  # fmt: skip
    return build_items("diagnosis", questions, several=several)


def test_codes_go_by_frequency_and_chance_by_what_is_offered() -> None:
    items = items_of("y x y z y x")
    assert items.answers.tolist() == [0, 1, 0, 2, 0, 1]
    assert items.chance.tolist() == [1 / 3] * 6
    several = items_of("xy z xy", several=True)
    assert several.answers.tolist() == [0, 1, 0]
    assert several.chance.tolist() == [1 / 7] * 3  # non-empty sets of three options


def test_the_score_is_the_log_share_of_the_other_folds() -> None:
    items = items_of("x y " * 20)
    folds = set(items.fold.tolist())
    assert len(folds) > 1
    scores = score_features(items, [])
    for fold in folds:
        train = items.fold != fold
        right = np.bincount(items.answers[train], minlength=2)
        expected = np.log((right + 4 / 2) / (train.sum() + 4))
        assert scores[~train] == pytest.approx(np.tile(expected, ((~train).sum(), 1)))


def test_a_feature_that_is_the_class_names_it() -> None:
    items = items_of("x y z y " * 15)
    feature = build_codes(["xyzy"[i % 4] for i in range(60)])
    assert is_right(items, score_features(items, [feature])).mean() == 1
    assert best_reference(items).mean() == 0.5  # y is half of all


def test_a_feature_of_another_patient_only_is_not_learnt_from_oneself() -> None:
    # each patient has a value of its own: nothing of it is seen in the other folds
    items = items_of("x y " * 20, patients=20)
    own = build_codes([question.patient_id for question in items.questions])
    scores = score_features(items, [own])
    assert scores == pytest.approx(score_features(items, []))


def test_vectors_add_what_they_tell() -> None:
    items = items_of("x y " * 30)
    tell = np.array([[1.0 if a else -1.0, 0.5] for a in items.answers])
    right = is_right(items, score_features(items, []) + score_vectors(items, tell))
    assert right.mean() == 1
    silent = score_vectors(items, np.ones((60, 3)))
    assert silent == pytest.approx(np.zeros((60, 2)), abs=1e-9)


def test_bins_are_values_or_tenths() -> None:
    assert build_bins(np.array([2.0, 1.0, 2.0])).tolist() == [1, 0, 1]
    many = build_bins(np.arange(100.0))
    assert np.bincount(many).tolist() == [10] * 10


def test_folds_go_by_patient() -> None:
    items = items_of("x y " * 50, patients=7)
    by_patient = {}
    for patient, fold in zip(items.patients, items.fold, strict=True):
        assert by_patient.setdefault(patient, fold) == fold
    assert set(items.fold.tolist()) <= set(range(FOLDS))


def test_the_gain_is_paired() -> None:
    """Ten patients, each half right with it, and right to a quarter without it."""
    items = items_of("x y x y " * 10)
    right = np.array([1.0, 0, 1, 0] * 10)
    found = measure("thing", items, right, np.full(40, 0.25))
    assert (found.estimate, found.reference, found.gain) == (0.5, 0.25, pytest.approx(0.25))
    assert found.patients == 10
    assert found.gain_low < 0.25 < found.gain_high
