"""Paired tests against scipy, statsmodels, an exact distribution, and by simulation."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from benchmarks.bench_paired import Setting, simulate
from spinebench.statistics import (
    cluster_interval,
    holm,
    mcnemar,
    paired_difference_interval,
    paired_permutation,
)


def exact_p(sums: NDArray[np.int64]) -> float:
    """Two-sided p of whole-number sums, from their distribution under all choices of signs."""
    reach = int(np.abs(sums).sum())
    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1.0
    for step in sums:
        chance = (np.roll(chance, step) + np.roll(chance, -step)) / 2
    totals = np.arange(-reach, reach + 1)
    return float(chance[np.abs(totals) >= abs(sums.sum())].sum())


def two_models(
    generator: np.random.Generator, patients: int, each: int, gap: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Two models on patients who are easy or hard for both."""
    own = generator.beta(3, 3, size=patients)[:, None]
    a = generator.random((patients, each)) < np.clip(own + gap, 0, 1)
    b = generator.random((patients, each)) < own
    return a.ravel().astype(float), b.ravel().astype(float), np.repeat(np.arange(patients), each)


def test_few_patients_are_exact_as_scipy_has_it() -> None:
    a, b, clusters = two_models(np.random.default_rng(1), 9, 4, 0.2)
    sums = np.bincount(clusters, weights=a), np.bincount(clusters, weights=b)
    expected = stats.permutation_test(
        sums, lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    ).pvalue
    found = paired_permutation(a, b, clusters, resamples=10, seed=0)
    assert found == pytest.approx(expected, abs=1e-12)
    assert found == paired_permutation(b, a, clusters, resamples=10, seed=5)


def test_by_hand() -> None:
    # patient sums 2, 1, -1, 0: of the 8 choices of signs of 2, 1, 1 the sum is at least 2 away from
    # 0 in +4, -4, and in each of +2+1-1, +2-1+1 and their mirrors: 6 of 8
    a, b = [1, 1, 1, 0, 1], [0, 0, 0, 1, 1]
    assert paired_permutation(a, b, list("xxyzw"), resamples=100, seed=0) == 6 / 8


def test_many_patients_are_drawn_and_agree_with_the_exact_distribution() -> None:
    a, b, clusters = two_models(np.random.default_rng(5), 120, 3, 0.05)
    sums = np.bincount(clusters, weights=a - b).astype(np.int64)
    expected = exact_p(sums)
    assert 0.01 < expected < 0.5  # else the comparison says little
    found = paired_permutation(a, b, clusters, resamples=20_000, seed=3)
    assert found == pytest.approx(expected, abs=4 * np.sqrt(expected / 20_000))
    assert found == paired_permutation(a, b, clusters, resamples=20_000, seed=3)
    assert found != paired_permutation(a, b, clusters, resamples=20_000, seed=4)


def test_drawn_p_is_never_zero() -> None:
    assert paired_permutation([1] * 60, [0] * 60, range(60), resamples=999, seed=0) == 1 / 1000  # type: ignore[arg-type]  # any sequence does


def test_order_of_items_does_not_matter() -> None:
    a, b, clusters = two_models(np.random.default_rng(4), 50, 3, 0.1)
    order = np.random.default_rng(5).permutation(len(a))
    found = paired_permutation(a[order], b[order], clusters[order], resamples=500, seed=1)
    assert found == paired_permutation(a, b, clusters, resamples=500, seed=1)


def test_same_answers_are_never_told_apart() -> None:
    assert paired_permutation([1, 0, 1], [1, 0, 1], list("abc"), resamples=10, seed=0) == 1
    values = np.tile([0.0, 1.0], 100)
    assert paired_permutation(values, values, np.arange(200), resamples=100, seed=0) == 1


def test_false_alarms_stay_at_the_level_where_an_item_wise_test_raises_many() -> None:
    generator = np.random.default_rng(6)
    runs, ours, itemwise = 400, 0, 0
    for run in range(runs):
        # each model has its own luck with each patient, the same in all of the patient's items
        own = generator.random((2, 40, 1))
        a, b = (
            (np.repeat(side, 8, axis=1) + 0.2 * generator.random((40, 8)) > 0.6).ravel() * 1.0
            for side in own
        )
        clusters = np.repeat(np.arange(40), 8)
        ours += paired_permutation(a, b, clusters, resamples=400, seed=run) <= 0.05
        itemwise += mcnemar(a, b) <= 0.05
    assert ours / runs == pytest.approx(0.05, abs=0.033)  # three standard errors
    assert itemwise / runs > 0.3


def test_bad_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="2 values of one model but 1 of the other"):
        paired_permutation([1, 0], [1], ["a", "b"], resamples=10, seed=0)
    with pytest.raises(ValueError, match="no items"):
        paired_permutation([], [], [], resamples=10, seed=0)
    with pytest.raises(ValueError, match="contain nan"):
        paired_permutation([1, float("nan")], [0, 0], ["a", "b"], resamples=10, seed=0)


def test_difference_by_hand() -> None:
    # of four patients with one item each a is better in two and b in none
    found = paired_difference_interval([1, 1, 1, 0], [0, 0, 1, 0], list("wxyz"))
    t = stats.t.ppf(0.975, 3)
    # Wilson's interval of 2 of 4 on n_eff = 4 / max(q, design 1), of 0 of 4 on n_eff = 4; r = 0
    assert cluster_interval([1, 1, 0, 0], list("wxyz")).low == pytest.approx(0.5 - wilson_half(t))
    half, most = wilson_half(t), t * t / (4 + t * t)
    assert found == pytest.approx((0.5, 0.5 - np.hypot(half, most), 0.5 + half))


def wilson_half(t: float) -> float:
    """Half of Wilson's interval of 2 of 4."""
    return float(t / (1 + t * t / 4) * np.sqrt(0.25 / 4 + t * t / (4 * 4**2)))


def test_difference_is_mover_of_wilsons_intervals_with_one_item_per_patient() -> None:
    table = np.repeat([0, 1, 2, 3], [43, 12, 5, 40])  # both right, only a, only b, none
    a, b = np.isin(table, (0, 1)) * 1.0, np.isin(table, (0, 2)) * 1.0
    # statsmodels takes a normal quantile: the level at which that is our t
    alpha = 2 * stats.norm.sf(stats.t.ppf(0.975, 99))
    (l1, u1), (l2, u2) = (proportion_confint(n, 100, alpha, method="wilson") for n in (12, 5))
    r = np.corrcoef(table == 1, table == 2)[0, 1]
    p1, p2 = 0.12, 0.05
    low = 0.07 - np.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2 - 2 * r * (p1 - l1) * (u2 - p2))
    high = 0.07 + np.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2 - 2 * r * (u1 - p1) * (p2 - l2))
    assert paired_difference_interval(a, b, range(100)) == pytest.approx((0.07, low, high))  # type: ignore[arg-type]  # any sequence does


def test_difference_is_nearly_the_cluster_robust_one_where_models_differ_often() -> None:
    a, b, clusters = two_models(np.random.default_rng(8), 60, 4, 0.1)
    each = np.bincount(clusters, weights=a - b) / 4
    half = stats.t.ppf(0.975, 59) * stats.sem(each)
    mean = each.mean()
    assert paired_difference_interval(a, b, clusters) == pytest.approx(
        (mean, mean - half, mean + half), abs=0.005
    )
    assert paired_difference_interval(b, a, clusters) == pytest.approx(
        (-mean, -mean - half, -mean + half), abs=0.005
    )


def test_the_same_answers_throughout_bound_the_difference() -> None:
    values = np.tile([1.0, 0.0, 0.0], 100)
    patients = np.repeat(np.arange(100), 3)
    most = cluster_interval(np.zeros(300), patients).high
    assert most == pytest.approx(0.0379, abs=1e-4)
    assert paired_difference_interval(values, values, patients) == (0.0, -most, most)


def test_where_only_one_is_ever_better_the_other_s_none_is_no_worst_case() -> None:
    """15 of 430 answers of 43 patients are better and none is worse: p and interval agree."""
    patients = np.repeat(np.arange(43), 10)
    first = np.ones(430)
    second = np.where(np.arange(430) % 29 == 0, 0.0, 1.0)
    found = paired_difference_interval(first, second, patients)
    assert found.low is not None
    assert found.low > 0
    assert paired_permutation(first, second, patients, resamples=2000, seed=0) < 0.01


def test_weighted_values_may_differ_by_more_than_one() -> None:
    a, b, clusters = two_models(np.random.default_rng(8), 60, 4, 0.1)
    plain = paired_difference_interval(a, b, clusters)
    assert paired_difference_interval(3 * a, 3 * b, clusters) == pytest.approx(
        tuple(3 * bound for bound in plain if bound is not None)
    )


def test_a_difference_of_nothing_and_of_one_patient() -> None:
    assert paired_difference_interval([], [], []) == (None, None, None)
    assert paired_difference_interval([1, 0], [0, 0], ["a", "a"]) == (0.5, None, None)


@pytest.mark.parametrize(
    ("setting", "least", "most"),
    [
        # standard error 0.5 points
        (Setting(patients=100, items=1, accuracy=0.5, gap=0.02), 0.935, 0.965),
        (Setting(patients=100, items=5, accuracy=0.2, gap=0.1), 0.935, 0.965),
        (Setting(patients=100, items=5, accuracy=0.7, gap=0.0, item=0.6), 0.935, 0.965),
        # models that nearly never differ: never less than promised, where t alone holds 62 %
        (
            Setting(patients=100, items=1, accuracy=0.7, gap=0.01, patient=0.3, own=0, item=0.7),
            0.95,
            1.0,
        ),
    ],
)
def test_differences_are_held_as_often_as_promised(
    setting: Setting, least: float, most: float
) -> None:
    found = simulate(setting, 2000)
    assert least <= found.ours <= most
    if setting.item == 0.7:
        assert found.t < 0.7


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 12), (30, 30), (9, 41)])
def test_mcnemar_is_the_exact_one_of_statsmodels(only_a: int, only_b: int) -> None:
    a = [1] * only_a + [0] * only_b + [1, 1, 0]
    b = [0] * only_a + [1] * only_b + [1, 1, 0]
    table = [[2, only_a], [only_b, 1]]
    expected = 1.0 if only_a == only_b else statsmodels_mcnemar(table, exact=True).pvalue
    assert mcnemar(a, b) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_only_with_one_item_per_patient() -> None:
    assert mcnemar([1, 0], [0, 1], ["a", "b"]) == 1
    with pytest.raises(ValueError, match="1 patients have more: use paired_permutation"):
        mcnemar([1, 0, 1], [0, 1, 1], ["a", "a", "b"])
    with pytest.raises(ValueError, match="0 and 1 only"):
        mcnemar([0.5], [1])


def test_holm_is_that_of_statsmodels_and_keeps_the_order() -> None:
    p = [0.01, 0.04, 0.03, 0.005, 0.9, 0.03]
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    # smallest times 6, then 5, ...: 0.03, 0.05, then 0.03 * 4, never falling, never over 1
    assert holm(p) == pytest.approx([0.05, 0.12, 0.12, 0.03, 0.9, 0.12])
    assert holm([]).tolist() == []
    with pytest.raises(ValueError, match="nan is none"):
        holm([0.1, float("nan")])
