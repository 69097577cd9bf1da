"""The bootstrap of whole clusters for any statistic."""

import numpy as np
import pytest

from spinebench.statistics import (
    bootstrap_statistic_interval,
    cluster_bootstrap_interval,
    cohen_kappa,
)
from spinebench.statistics.bootstrap import draw_clusters


def test_a_mean_as_a_statistic_has_the_interval_of_the_mean() -> None:
    generator = np.random.default_rng(1)
    clusters = generator.integers(0, 40, size=150)
    values = generator.integers(0, 2, size=150).astype(float)
    found = bootstrap_statistic_interval(
        lambda items: float(values[items].mean()), clusters, resamples=500, seed=3
    )
    assert found == pytest.approx(
        cluster_bootstrap_interval(values, clusters, resamples=500, seed=3)
    )


def test_kappa_of_known_agreement_lies_in_its_interval() -> None:
    generator = np.random.default_rng(2)
    a = generator.integers(0, 2, size=300)
    b = np.where(generator.random(300) < 0.6, a, generator.integers(0, 2, size=300))  # kappa 0.6
    found = bootstrap_statistic_interval(
        lambda items: cohen_kappa(a[items], b[items]), np.arange(300), resamples=400, seed=1
    )
    assert found.estimate == cohen_kappa(a, b)
    assert found.low is not None
    assert found.high is not None
    assert 0.4 < found.low < 0.6 < found.high < 0.75


def test_no_interval_where_draws_are_mostly_undefined() -> None:
    a, b = np.array([1, 1, 1, 0]), np.array([1, 1, 1, 0])
    found = bootstrap_statistic_interval(
        lambda items: cohen_kappa(a[items], b[items]), np.arange(4), resamples=200, seed=1
    )
    assert found == (1.0, None, None)  # a draw without the last item has no kappa
    assert bootstrap_statistic_interval(lambda items: None, [1, 2], seed=1) == (None, None, None)
    assert bootstrap_statistic_interval(lambda items: 1.0, [1, 1], seed=1) == (1.0, None, None)


def test_every_draw_is_as_many_clusters_as_there_are_each_as_often_as_another() -> None:
    counts = np.concatenate(list(draw_clusters(700, 1000, seed=4)))  # several blocks
    assert counts.shape == (1000, 700)
    assert (counts.sum(axis=1) == 700).all()
    # Poisson but for 1/700: mean and variance 1, none with probability 1/e
    assert counts.var() == pytest.approx(1, abs=0.01)
    assert (counts == 0).mean() == pytest.approx(np.exp(-1), abs=0.002)
    assert np.abs(counts.mean(axis=0) - 1).max() < 5 / np.sqrt(1000)
    assert not (counts[0] == counts[-1]).all()
