"""Thresholds of simulated observers, and when there is none."""

import numpy as np
import pytest
from scipy import optimize

from spinebench.evaluation.psychometric import Logistic, fit_curve, fit_logistic


def observer(
    seed: int, *, patients: int = 100, each: int = 5, threshold: float = 4.0, spread: float = 0.8,
    lapse: float = 0.02, guess: float = 0.2,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 9, patients * each)
    p = Logistic(threshold, spread, lapse, 0.0).share_right(x, guess)
    right = (rng.random(len(x)) < p).astype(float)
    return x, right, np.full(len(x), guess), np.repeat(np.arange(patients), each)


def test_the_curve_goes_from_guessing_to_its_upper_end() -> None:
    curve = Logistic(4.0, 0.5, 0.06, 0.0)
    assert curve.share_right(4.0, 0.2) == pytest.approx(0.2 + 0.74 / 2)
    assert curve.share_right([-100.0, 100.0], [0.25, 0.25]).tolist() == pytest.approx([0.25, 0.94])
    assert curve.share_right(4.5, 0.0) == pytest.approx(0.94 / (1 + np.exp(-1)))


def test_a_known_threshold_comes_back() -> None:
    found = [fit_logistic(*observer(seed, patients=200)[:3]) for seed in range(8)]
    assert np.mean([f.threshold for f in found]) == pytest.approx(4.0, abs=0.15)
    assert np.mean([f.spread for f in found]) == pytest.approx(0.8, abs=0.15)
    assert np.mean([f.lapse for f in found]) == pytest.approx(0.02, abs=0.015)


def test_the_fit_is_the_maximum_of_the_likelihood() -> None:
    """Against scipy's global search on the likelihood written down anew."""
    x, right, guess, _ = observer(3, patients=40)

    def cost(theta: np.ndarray) -> float:
        p = 0.2 + (0.8 - theta[2]) / (1 + np.exp(-(x - theta[0]) / np.exp(theta[1])))
        return -float(np.sum(np.log(np.where(right == 1, p, 1 - p))))

    bounds = [(0, 9), (-3, 2), (0, 0.1)]
    best = optimize.differential_evolution(cost, bounds, seed=0, tol=1e-10)
    fit = fit_logistic(x, right, guess)
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-4)
    assert fit.threshold == pytest.approx(best.x[0], abs=0.01)
    assert fit.spread == pytest.approx(np.exp(best.x[1]), abs=0.01)


def test_weights_are_repetitions() -> None:
    x, right, guess, _ = observer(2, patients=30)
    weights = np.random.default_rng(0).integers(0, 3, len(x))
    weighted = fit_logistic(x, right, guess, weights=weights.astype(float))
    repeated = fit_logistic(*(np.repeat(part, weights) for part in (x, right, guess)))
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood, abs=1e-6)
    assert weighted.threshold == pytest.approx(repeated.threshold, abs=0.01)


def test_the_unit_makes_no_difference() -> None:
    x, right, guess, _ = observer(2)
    in_mm, in_m = fit_logistic(x, right, guess), fit_logistic(x / 1000, right, guess)
    assert in_m.threshold * 1000 == pytest.approx(in_mm.threshold, abs=0.01)


def test_curve_with_interval_and_bins() -> None:
    curve = fit_curve(*observer(5), seed=1, resamples=100)
    estimate, low, high = curve.threshold
    assert curve.reason is None
    assert low is not None
    assert high is not None
    assert low < estimate < high  # type: ignore[operator]
    assert low < 4.0 < high
    assert 0.2 < high - low < 1.5
    assert (curve.answers, curve.patients, curve.guess) == (500, 100, pytest.approx(0.2))
    assert sum(group.answers for group in curve.bins) == 500
    assert len(curve.bins) == 6
    assert curve.bins[0].right.estimate < 0.45 < 0.9 < curve.bins[-1].right.estimate  # type: ignore[operator]
    assert all(a.high_x <= b.low_x for a, b in zip(curve.bins, curve.bins[1:], strict=False))
    again = fit_curve(*observer(5), seed=1, resamples=100)
    assert again.threshold == curve.threshold
    assert fit_curve(*observer(5), seed=2, resamples=100).threshold != curve.threshold


def test_a_bound_outside_what_was_shown_is_open() -> None:
    x, _, guess, patients = observer(0, patients=60, each=2)
    rng = np.random.default_rng(4)
    p = Logistic(8.6, 1.5, 0.0, 0.0).share_right(x, 0.2)
    right = (rng.random(len(x)) < p).astype(float)
    curve = fit_curve(x, right, guess, patients, seed=0, resamples=100)
    assert curve.threshold.estimate is not None
    assert curve.threshold.low is not None
    assert curve.threshold.high is None


def some(right: np.ndarray, x: np.ndarray | None = None, patients: int = 20):  # type: ignore[no-untyped-def]
    n = len(right)
    sizes = np.linspace(0, 9, n) if x is None else x
    return fit_curve(sizes, right, np.full(n, 0.2), np.arange(n) % patients, seed=0, resamples=100)


@pytest.mark.parametrize(
    ("curve", "reason"),
    [
        (some(np.ones(39)), "39 answers, at least 40 are needed"),
        (some(np.ones(60), patients=14), "14 patients, at least 15 are needed"),
        (some(np.ones(60), np.repeat([1.0, 2.0, 3.0], 20)), "3 sizes of lesions, at least 6"),
        (some(np.ones(60)), "all answers are right"),
        (some(np.zeros(60)), "all answers are wrong"),
        (some((np.arange(60) % 2).astype(float)), "accuracy does not rise with size"),
        (some((np.linspace(0, 9, 60) < 5).astype(float)), "accuracy does not rise with size"),
    ],
)
def test_no_threshold_is_made_up(curve, reason: str) -> None:  # type: ignore[no-untyped-def]
    assert curve.reason.startswith(reason)
    assert curve.fit is None
    assert curve.threshold == (None, None, None)


def test_a_threshold_below_the_smallest_lesion_is_none() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(5, 9, 400)
    right = (rng.random(400) < Logistic(3.0, 1.0, 0.0, 0.0).share_right(x, 0.2)).astype(float)
    curve = fit_curve(x, right, np.full(400, 0.2), np.arange(400) % 80, seed=0, resamples=100)
    assert curve.reason == "the threshold lies below the smallest lesion that was shown"
    assert curve.smallest == pytest.approx(5.0, abs=0.05)
    assert curve.right.estimate == pytest.approx(right.mean())


def test_a_guesser_seldom_gets_a_threshold() -> None:
    """The one-sided test at 5 % lets through about 5 of 100; a rise by chance is no rise."""
    refused = 0
    for seed in range(60):
        x, _, guess, patients = observer(seed, patients=40, each=2)
        right = (np.random.default_rng([seed, 1]).random(len(x)) < 0.2).astype(float)
        refused += fit_curve(x, right, guess, patients, seed=0, resamples=1).fit is None
    assert refused >= 53


def test_without_answers_and_with_unequal_lengths() -> None:
    curve = fit_curve([], [], [], [], seed=0)
    assert curve.reason == "0 answers, at least 40 are needed"
    assert (curve.bins, curve.smallest, curve.right.estimate) == ((), None, None)
    with pytest.raises(ValueError, match="2 sizes, 1 answers, 2 patients"):
        fit_curve([1, 2], [1], 0.2, [1, 2], seed=0)
