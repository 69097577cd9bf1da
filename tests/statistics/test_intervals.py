"""Intervals against statsmodels and scipy, by hand, and by simulation."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.proportion import proportion_confint

from spinebench.statistics import (
    cluster_bootstrap_interval,
    cluster_interval,
    cluster_mean_interval,
    cluster_ratio_interval,
    mean_of_two_bootstrap_interval,
    mean_of_two_interval,
)


@pytest.mark.parametrize(("right", "n"), [(1, 8), (5, 12), (37, 50), (199, 200)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_one_item_per_patient_is_wilson_with_a_t_quantile(right: int, n: int, level: float) -> None:
    values = np.array([1] * right + [0] * (n - right))
    found = cluster_interval(values, np.arange(n), level=level)
    # statsmodels takes a normal quantile: ask for the level at which that is our t
    alpha = 2 * stats.norm.sf(stats.t.ppf((1 + level) / 2, n - 1))
    low, high = proportion_confint(right, n, alpha=alpha, method="wilson")
    assert found == pytest.approx((right / n, low, high), abs=1e-12)


def test_answers_repeated_within_patients_are_worth_no_more_than_patients() -> None:
    once = np.array([1, 0, 0, 1, 1, 0, 1, 1, 0, 1])
    single = cluster_interval(once, np.arange(10))
    repeated = cluster_interval(np.repeat(once, 7), np.repeat(np.arange(10), 7))
    # the design effect is 69 / 9, so n_eff is 9.1 of 70
    assert repeated.estimate == single.estimate
    assert repeated.low == pytest.approx(single.low, abs=0.02)
    assert repeated.high == pytest.approx(single.high, abs=0.02)


def test_effective_size_by_hand() -> None:
    # clusters (1,1,0), (0,0), (1): n 6, p 1/2, residual sums 1/2, -1, 1/2
    # v = 3/2 * 3/2 / 36 = 1/16; v0 = 1/4 / 5 = 1/20; design 5/4; n_eff 4.8
    # df = 36 / (9 + 4 + 1) - 1 = 11/7
    found = cluster_interval([1, 1, 0, 0, 0, 1], ["a", "a", "a", "b", "b", "c"])
    t = stats.t.ppf(0.975, 11 / 7)
    half = t / (1 + t * t / 4.8) * np.sqrt(0.25 / 4.8 + t * t / (4 * 4.8**2))
    assert found == pytest.approx((0.5, 0.5 - half, 0.5 + half))


def test_unlike_answers_within_a_patient_narrow_no_more_than_chance_could() -> None:
    values = np.tile(
        [1, 0], 20
    )  # no patient differs from another: the estimated design effect is 0
    least = stats.chi2.ppf(0.05, 19) / 19
    assert cluster_interval(values, np.repeat(np.arange(20), 2)).low == pytest.approx(
        _wilson_low(0.5, 40 / least, stats.t.ppf(0.975, 19))
    )


def test_one_patient_with_nearly_all_items_leaves_next_to_nothing() -> None:
    # the effective number of patients is 1.04: df 1, where t is 12.7
    found = cluster_interval([1, 0] * 25 + [1], [0] * 50 + [1])
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low < 0.3
    assert 0.7 < found.high <= 1


def test_values_without_an_upper_end_are_not_cut() -> None:
    found = cluster_mean_interval([0.0, 2.0, 1.0, 5.0], list("abcd"), highest=None)
    half = stats.t.ppf(0.975, 3) * np.std([0, 2, 1, 5], ddof=1) / 2
    assert found == pytest.approx((2.0, 0.0, 2.0 + half))
    assert cluster_mean_interval([2.0, 2.0], ["a", "b"], highest=None) == (2.0, None, None)


def _wilson_low(p: float, n: float, t: float) -> float:
    return float(
        (p + t * t / (2 * n) - t * np.sqrt(p * (1 - p) / n + t * t / (4 * n * n))) / (1 + t * t / n)
    )


@pytest.mark.parametrize("value", [0, 1])
def test_all_alike_takes_the_number_of_patients(value: int) -> None:
    found = cluster_interval([value] * 30, np.repeat(np.arange(10), 3))
    t2 = stats.t.ppf(0.975, 9) ** 2
    width = t2 / (10 + t2)  # Wilson's bound at 0 of 10
    assert found == pytest.approx((value, 0, width) if value == 0 else (value, 1 - width, 1))


def test_nothing_and_one_patient() -> None:
    assert cluster_interval([], []) == (None, None, None)
    assert cluster_interval([1, 0], ["a", "a"]) == (0.5, None, None)
    assert cluster_mean_interval([], []) == (None, None, None)
    assert cluster_mean_interval([0.5], ["a"]) == (0.5, None, None)
    assert cluster_bootstrap_interval([], [], seed=1) == (None, None, None)
    assert cluster_bootstrap_interval([1], ["a"], seed=1) == (1, None, None)
    assert cluster_ratio_interval([0], [0], ["a"]) == (None, None, None)
    assert cluster_ratio_interval([1], [2], ["a"]) == (0.5, None, None)
    assert mean_of_two_interval([1, 0], ["a", "b"], [], []) == (None, None, None)
    assert mean_of_two_interval([1, 0], ["a", "b"], [1], ["a"]) == (0.75, None, None)
    assert mean_of_two_bootstrap_interval([1], ["a"], [0], ["a"], seed=1) == (0.5, None, None)
    assert mean_of_two_bootstrap_interval([], [], [0], ["a"], seed=1) == (None, None, None)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="2 values but 1 clusters"):
        cluster_interval([1, 0], ["a"])
    with pytest.raises(ValueError, match="contain nan"):
        cluster_interval([1, float("nan")], ["a", "b"])


def test_mean_interval_is_the_cluster_robust_one_of_statsmodels() -> None:
    generator = np.random.default_rng(3)
    clusters = generator.integers(0, 25, size=140)
    values = generator.random(140)
    fit = OLS(values, np.ones(140)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "df_correction": False}
    )
    m = len(np.unique(clusters))  # statsmodels' own correction is m / (m - 1) here
    sizes = np.bincount(clusters)
    df = 140**2 / (sizes**2).sum() - 1
    assert m - 1.5 > df > m - 7  # statsmodels takes m - 1: the same where patients are of one size
    half = stats.t.ppf(0.975, df) * np.sqrt(fit.cov_params()[0, 0])
    mean = values.mean()
    assert cluster_mean_interval(values, clusters) == pytest.approx(
        (mean, mean - half, mean + half)
    )


def test_mean_interval_stays_between_0_and_1_and_is_never_a_point() -> None:
    low_one = cluster_mean_interval([0.0, 0.0, 0.5], ["a", "b", "c"])  # t interval: -0.55 to 0.88
    assert (low_one.low, low_one.high) == pytest.approx((0.0, 0.883775), abs=1e-6)
    assert cluster_mean_interval([1, 1, 0.5], ["a", "b", "c"]).high == 1.0
    alike = cluster_mean_interval([0, 0, 0, 0], ["a", "a", "b", "c"])
    assert alike == pytest.approx(cluster_interval([0, 0, 0, 0], ["a", "a", "b", "c"]))
    assert alike.high is not None
    assert alike.high > 0.5
    within = cluster_mean_interval([0, 1, 0, 1], ["a", "a", "b", "b"])  # no patient differs
    assert within.low is not None
    assert within.low < 0.1


def test_pooled_ratio_is_the_interval_of_the_items_taken_apart() -> None:
    found = cluster_ratio_interval([2, 0, 1], [3, 2, 1], ["a", "b", "c"])
    apart = cluster_interval([1, 1, 0, 0, 0, 1], ["a", "a", "a", "b", "b", "c"])
    assert found == pytest.approx(apart)


def test_bootstrap_follows_its_seed_and_agrees_with_the_formula() -> None:
    values, clusters = _beta_binomial(np.random.default_rng(5), 200, 4, 0.4, 0.1)
    first = cluster_bootstrap_interval(values, clusters, seed=1)
    assert first == cluster_bootstrap_interval(values, clusters, seed=1)
    assert first != cluster_bootstrap_interval(values, clusters, seed=2)
    formula = cluster_interval(values, clusters)
    assert first == pytest.approx(formula, abs=0.01)


def test_mean_of_two_by_hand_without_shared_patients() -> None:
    a, b = (
        cluster_interval([1, 1, 0, 1], list("abcd")),
        cluster_interval([0, 0, 1, 0, 0], list("vwxyz")),
    )
    found = mean_of_two_interval([1, 1, 0, 1], list("abcd"), [0, 0, 1, 0, 0], list("vwxyz"))
    assert a.estimate is not None
    assert a.low is not None
    assert a.high is not None
    assert b.estimate is not None
    assert b.low is not None
    assert b.high is not None
    low = 0.475 - np.hypot(a.estimate - a.low, b.estimate - b.low) / 2
    high = 0.475 + np.hypot(a.high - a.estimate, b.high - b.estimate) / 2
    assert found == pytest.approx((0.475, low, high))


def test_mean_of_the_same_thing_twice_is_the_thing() -> None:
    values, clusters = [1, 0, 1, 1, 0, 1, 0, 0], list("aabbccdd")
    assert mean_of_two_interval(values, clusters, values, clusters) == pytest.approx(
        cluster_interval(values, clusters)
    )
    both = mean_of_two_bootstrap_interval(values, clusters, values, clusters, seed=4)
    assert both == pytest.approx(cluster_bootstrap_interval(values, clusters, seed=4))


def _beta_binomial(
    generator: np.random.Generator, patients: int, each: int, p: float, icc: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Right or wrong with a chance of each patient's own: mean p, intra-class correlation icc."""
    spread = (1 - icc) / icc
    own = generator.beta(p * spread, (1 - p) * spread, size=patients)
    values = generator.random((patients, each)) < own[:, None]
    return values.ravel().astype(np.float64), np.repeat(np.arange(patients), each)


@pytest.mark.parametrize(("p", "icc"), [(0.2, 0.2), (0.5, 0.1), (0.8, 0.2), (0.5, 0.001)])
def test_the_interval_covers_the_truth_as_often_as_it_says(p: float, icc: float) -> None:
    generator = np.random.default_rng(11)
    runs, covered, naive = 800, 0, 0
    for _ in range(runs):
        values, clusters = _beta_binomial(generator, 100, 6, p, icc)
        _, low, high = cluster_interval(values, clusters)
        assert low is not None
        assert high is not None
        covered += low <= p <= high
        plain = cluster_interval(values, np.arange(len(values)))
        assert plain.low is not None
        assert plain.high is not None
        naive += plain.low <= p <= plain.high
    # three standard errors of a share of 800 are 0.023
    assert covered / runs == pytest.approx(0.95, abs=0.023)
    if icc > 0.05:  # what happens to those who count answers instead of patients
        assert naive / runs < 0.92


def test_overall_covers_the_truth() -> None:
    generator = np.random.default_rng(12)
    runs, covered = 600, 0
    for _ in range(runs):
        own = generator.beta(2, 3, size=80)  # the same patient is easy or hard in both tasks
        a = (generator.random((80, 3)) < own[:, None]).ravel().astype(float)
        b = (generator.random((50, 2)) < own[:50, None]).ravel().astype(float)
        _, low, high = mean_of_two_interval(
            a, np.repeat(np.arange(80), 3), b, np.repeat(np.arange(50), 2)
        )
        assert low is not None
        assert high is not None
        covered += low <= 0.4 <= high
    assert covered / runs == pytest.approx(0.95, abs=0.027)
