"""Tiers on answers whose order is known, and the rate at which equals are torn apart."""

import numpy as np
import pytest
from numpy.typing import NDArray

from spinebench.statistics import holm, paired_permutation, tiers


def answers(
    seed: int, accuracies: dict[str, float], patients: int = 150
) -> dict[str, NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    own = generator.normal(0, 0.1, size=(patients, 1))
    return {
        name: (generator.random((patients, 4)) < p + own).ravel().astype(float)
        for name, p in accuracies.items()
    }


CLUSTERS = np.repeat(np.arange(150), 4)


def test_models_far_apart_stand_in_tiers_of_their_own_and_equals_share_one() -> None:
    found = tiers(answers(1, {"low": 0.2, "a": 0.6, "b": 0.6, "top": 0.9}), CLUSTERS, seed=0)
    assert [set(group) for group in found.groups] == [{"top"}, {"a", "b"}, {"low"}]
    assert (found.tier_of("top"), found.tier_of("b"), found.tier_of("low")) == (1, 2, 3)
    assert found.told_apart("low", "a")
    assert not found.told_apart("b", "a")


def test_pairs_are_permutation_tests_corrected_together() -> None:
    values = answers(2, {"x": 0.5, "y": 0.55, "z": 0.62})
    found = tiers(values, CLUSTERS, resamples=2000, seed=7)
    for pair in found.pairs:
        alone = paired_permutation(
            values[pair.first], values[pair.second], CLUSTERS, resamples=2000, seed=7
        )
        assert pair.p == alone
        mean = values[pair.first].mean() - values[pair.second].mean()
        assert pair.difference.estimate == pytest.approx(mean)
        assert mean >= 0
        assert (pair.items, pair.patients) == (600, 150)
    assert [p.p_holm for p in found.pairs] == pytest.approx(holm([p.p for p in found.pairs]))
    assert len(found.pairs) == 3


def test_no_two_models_of_a_tier_are_told_apart_even_where_likeness_is_not_passed_on() -> None:
    # top ~ middle and middle ~ low, but top and low differ
    values = answers(6, {"top": 0.60, "middle": 0.54, "low": 0.48})
    found = tiers(values, CLUSTERS, seed=0)
    assert found.told_apart("top", "low")
    assert not found.told_apart("top", "middle")
    assert not found.told_apart("middle", "low")
    assert found.groups == (("top", "middle"), ("low",))


def test_only_items_that_both_have_are_compared() -> None:
    values = answers(4, {"a": 0.5, "b": 0.5})
    values["b"][:40] = np.nan
    (pair,) = tiers(values, CLUSTERS, seed=0).pairs
    assert (pair.items, pair.patients) == (560, 140)
    values["c"] = np.full(600, np.nan)
    with pytest.raises(ValueError, match="no values of c"):
        tiers(values, CLUSTERS, seed=0)
    values["c"][:40] = 1.0
    with pytest.raises(ValueError, match="no common items"):
        tiers(values, CLUSTERS, seed=0)


def test_one_model_and_none() -> None:
    assert tiers({"a": [1, 0]}, ["x", "y"], seed=0).groups == (("a",),)
    assert tiers({}, [], seed=0).groups == ()


def test_equal_models_are_torn_apart_no_more_often_than_the_level() -> None:
    names = dict.fromkeys("abcde", 0.6)
    torn = sum(
        len(tiers(answers(100 + run, names), CLUSTERS, resamples=499, seed=run).groups) > 1
        for run in range(150)
    )
    assert torn / 150 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)
