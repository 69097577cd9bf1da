"""Power against statsmodels and against simulated runs."""

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.stats.power import TTestPower

from spinebench.statistics import (
    detectable_difference,
    expected_spread,
    observed_spread,
    paired_permutation,
    patients_needed,
    power_to_see,
)


@pytest.mark.parametrize(("effect", "power"), [(0.5, 0.8), (0.2, 0.9), (0.08, 0.8), (1.5, 0.7)])
def test_patients_are_those_of_a_paired_t_test(effect: float, power: float) -> None:
    expected = TTestPower().solve_power(effect_size=effect, alpha=0.05, power=power)
    found = patients_needed(effect * 0.3, spread=0.3, power=power)
    assert found == int(np.ceil(expected))
    assert power_to_see(effect * 0.3, patients=found, spread=0.3) >= power
    assert power_to_see(effect * 0.3, patients=found - 1, spread=0.3) < power


def test_detectable_is_the_other_way_round() -> None:
    found = detectable_difference(200, spread=0.4)
    assert power_to_see(found, patients=200, spread=0.4) == pytest.approx(0.8)
    assert patients_needed(found, spread=0.4) in (200, 201)
    assert detectable_difference(200, spread=0.0) == 0
    two = detectable_difference(2, spread=0.4)  # one degree of freedom: hardly anything
    assert power_to_see(two, patients=2, spread=0.4) == pytest.approx(0.8)
    assert two > 2


def test_spread_by_hand() -> None:
    # p1 0.62, p2 0.58: variances 0.2356 and 0.2436, no correlation: 0.4792 per item
    # 5 items with icc 0.1: 0.4792 * 1.4 / 5
    found = expected_spread(0.04, accuracy=0.6, items_per_patient=5, icc=0.1)
    assert found == pytest.approx(np.sqrt(0.4792 * 1.4 / 5))
    # two models right and wrong together differ nowhere
    assert expected_spread(0.0, accuracy=0.6, items_per_patient=1, correlation=1) == 0
    assert expected_spread(0, accuracy=0.5, items_per_patient=1) == pytest.approx(np.sqrt(0.5))


def test_observed_spread_is_the_deviation_of_patients_of_one_size() -> None:
    each = np.random.default_rng(1).normal(size=(40, 3))
    found = observed_spread(each.ravel(), np.zeros(120), np.repeat(np.arange(40), 3))
    assert found == pytest.approx(each.mean(1).std(ddof=1))


def _run(
    generator: np.random.Generator, patients: int, items: int, p: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two models, each with chances of its own for each patient: icc 1/11 of each, independent."""
    sides = []
    for share in p:
        own = generator.beta(10 * share, 10 * (1 - share), size=(patients, 1))
        sides.append((generator.random((patients, items)) < own).ravel().astype(float))
    return sides[0], sides[1]


def test_so_many_patients_show_the_difference_as_often_as_promised() -> None:
    spread = expected_spread(0.12, accuracy=0.6, items_per_patient=6, icc=1 / 11)
    patients = patients_needed(0.12, spread=spread, power=0.8)
    assert patients == 65
    generator = np.random.default_rng(2)
    runs, seen, spreads = 600, 0, []
    clusters = np.repeat(np.arange(patients), 6)
    for run in range(runs):
        a, b = _run(generator, patients, 6, (0.66, 0.54))
        seen += paired_permutation(a, b, clusters, resamples=400, seed=run) <= 0.05
        spreads.append(observed_spread(a, b, clusters))
    assert np.mean(spreads) == pytest.approx(spread, rel=0.02)
    assert seen / runs == pytest.approx(0.8, abs=3 * np.sqrt(0.8 * 0.2 / runs))


def test_ends_and_bad_input() -> None:
    assert power_to_see(0.0, patients=50, spread=0.3) == pytest.approx(0.05)
    assert power_to_see(0.5, patients=100_000, spread=0.3) == 1
    assert power_to_see(0.1, patients=1, spread=0.3) == 0
    assert power_to_see(0.1, patients=2, spread=0) == 1
    assert patients_needed(-0.12, spread=0.3) == patients_needed(0.12, spread=0.3)
    with pytest.raises(ValueError, match="difference of nothing"):
        patients_needed(0, spread=0.3)
    with pytest.raises(ValueError, match="power lies between"):
        patients_needed(0.1, spread=0.3, power=1)
    with pytest.raises(ValueError, match=r"no two accuracies lie 0\.3 apart around 0\.9"):
        expected_spread(0.3, accuracy=0.9, items_per_patient=1)
    with pytest.raises(ValueError, match="icc lies"):
        expected_spread(0.1, accuracy=0.5, items_per_patient=1, icc=2)
    with pytest.raises(ValueError, match="at least two patients"):
        observed_spread([1, 0], [0, 0], ["a", "a"])
    with pytest.raises(ValueError, match="at least two patients"):
        detectable_difference(1, spread=0.2)
