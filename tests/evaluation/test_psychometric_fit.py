"""The likelihood's gradient, its information, and bounds."""

import numpy as np
import pytest
from scipy import optimize

from spinebench.evaluation.psychometric_fit import evaluate, fit_many


def answers(n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    z = rng.uniform(0, 1, n)
    p = 0.2 + 0.77 / (1 + np.exp(-(z - 0.45) / 0.1))
    return z, (rng.random(n) < p).astype(float), np.where(np.arange(n) % 2, 0.2, 0.25)


def test_the_gradient_is_that_of_the_likelihood() -> None:
    z, right, guess = answers()
    weights = np.random.default_rng(1).integers(0, 3, len(z)).astype(float)[None]
    theta = np.array([0.4, np.log(0.1), 0.04])

    def cost(t: np.ndarray) -> float:
        return float(evaluate(t[None], z, right, guess, weights)[0][0])

    slope = evaluate(theta[None], z, right, guess, weights)[1][0]
    assert slope == pytest.approx(optimize.approx_fprime(theta, cost, 1e-7), rel=1e-4)


def test_the_information_is_the_mean_square_of_the_gradient() -> None:
    """Fisher's information, from answers drawn many times from the curve itself."""
    z, _, guess = answers(8)
    theta = np.array([[0.4, np.log(0.2), 0.05]])
    p = guess + (1 - guess - 0.05) / (1 + np.exp(-(z - 0.4) / 0.2))
    rng = np.random.default_rng(0)
    ones = np.ones((1, len(z)))
    slopes = np.array(
        [evaluate(theta, z, (rng.random(len(z)) < p) * 1.0, guess, ones)[1][0] for _ in range(4000)]
    )
    fisher = evaluate(theta, z, np.zeros(len(z)), guess, ones)[2][0]
    assert np.cov(slopes.T) == pytest.approx(fisher, rel=0.15, abs=0.15)


def test_rows_do_not_know_of_each_other() -> None:
    z, right, guess = answers()
    weights = np.random.default_rng(1).integers(0, 3, (5, len(z))).astype(float)
    start = np.tile([0.5, np.log(0.2), 0.03], (5, 1))
    together, costs = fit_many(z, right, guess, weights, start, 0.1)
    for row in range(5):
        alone, cost = fit_many(z, right, guess, weights[row : row + 1], start[:1], 0.1)
        assert together[row] == pytest.approx(alone[0], abs=1e-6)
        assert costs[row] == pytest.approx(cost[0])


def test_a_perfect_step_ends_at_the_bounds() -> None:
    z = np.linspace(0, 1, 50)
    right = (z > 0.5).astype(float)
    start = np.array([[0.3, np.log(0.2), 0.03]])
    theta, cost = fit_many(z, right, np.zeros(50), np.ones((1, 50)), start, 0.1)
    assert theta[0, 0] == pytest.approx(0.5, abs=0.02)
    assert theta[0, 1] == pytest.approx(np.log(0.004), abs=0.2)
    assert theta[0, 2] == 0.0
    assert cost[0] < 0.2
