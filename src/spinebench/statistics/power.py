"""How many patients are needed to see a difference between two models, and what can be seen.

Everything rests on one number, the spread: the standard deviation of the difference that one
patient contributes, such that the mean difference over m patients has variance spread^2 / m.
`observed_spread` takes it from two runs; `expected_spread` works it out before there are any:

    share of differing answers  q = p1 (1 - p1) + p2 (1 - p2) - 2 r sqrt(p1 (1-p1) p2 (1-p2)) + d^2
    one answer's variance       s2 = q - d^2,          p1, p2 = accuracy -/+ d / 2
    a patient of k answers      spread^2 = s2 (1 + (k - 1) icc) / k

r is the correlation of the two models' answers to one question, icc the intra-class correlation of
their differences within a patient. Power is that of the two-sided t test on patients' differences
(noncentral t, m - 1 degrees of freedom), which the permutation test follows closely: tests hold
both against simulation.
"""

from math import ceil, sqrt

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from spinebench.statistics.clusters import Labels, check_level, sum_by_cluster

_FAR = 6.0  # differences of so many standard errors are not found with the wrong sign


def observed_spread(a: ArrayLike, b: ArrayLike, clusters: Labels) -> float:
    """Spread of two runs over the same items: sqrt(m * variance of their mean difference)."""
    values = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    sums, sizes = sum_by_cluster(values, clusters)
    m, n = len(sizes), sizes.sum()
    if m < 2:
        raise ValueError("the spread needs at least two patients")
    residuals = sums - sizes * (sums.sum() / n)
    return m * sqrt(float(residuals @ residuals) / (m - 1)) / float(n)


def expected_spread(
    difference: float,
    *,
    accuracy: float,
    items_per_patient: float,
    icc: float = 0.0,
    correlation: float = 0.0,
) -> float:
    """Spread worked out from assumptions; `accuracy` is the mean of the two models' (module)."""
    better, worse = accuracy + difference / 2, accuracy - difference / 2
    if not 0 <= worse <= better <= 1:
        raise ValueError(f"no two accuracies lie {difference} apart around {accuracy}")
    if not (0 <= icc <= 1 and -1 <= correlation <= 1 and items_per_patient >= 1):
        raise ValueError("icc lies from 0 to 1, correlation from -1 to 1, items start at 1")
    first, second = better * (1 - better), worse * (1 - worse)
    one = first + second - 2 * correlation * sqrt(first * second)
    return sqrt(one * (1 + (items_per_patient - 1) * icc) / items_per_patient)


def power_to_see(difference: float, *, patients: int, spread: float, level: float = 0.95) -> float:
    """Chance that a true difference is found at the level, with so many patients."""
    check_level(level)
    if spread < 0:
        raise ValueError(f"a spread is at least 0, found {spread}")
    if patients < 2:
        return 0.0
    if spread == 0:
        return 1.0 if difference else 0.0
    df = patients - 1
    t = stats.t.ppf((1 + level) / 2, df)
    shift = abs(difference) * sqrt(patients) / spread
    found = float(stats.nct.sf(t, df, shift))
    # the wrong way round hardly ever happens this far off, and scipy gives nan further on
    return found + float(stats.nct.cdf(-t, df, shift)) if shift < _FAR else found


def patients_needed(
    difference: float, *, spread: float, power: float = 0.8, level: float = 0.95
) -> int:
    """Fewest patients with which a true difference is found with this power, at least 2."""
    if difference == 0:
        raise ValueError("no number of patients shows a difference of nothing")
    _check_power(power, level)
    low, high = 1, max(2, ceil((6 * spread / difference) ** 2))
    while power_to_see(difference, patients=high, spread=spread, level=level) < power:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        if power_to_see(difference, patients=middle, spread=spread, level=level) < power:
            low = middle
        else:
            high = middle
    return high


def detectable_difference(
    patients: int, *, spread: float, power: float = 0.8, level: float = 0.95
) -> float:
    """Smallest true difference that so many patients show with this power."""
    if patients < 2:
        raise ValueError("differences need at least two patients")
    _check_power(power, level)
    if spread == 0:
        return 0.0

    def missing(difference: float) -> float:
        found = power_to_see(difference, patients=patients, spread=spread, level=level)
        return found - power

    high = spread / sqrt(patients)
    while missing(high) < 0:
        high *= 2
    return float(optimize.brentq(missing, 0.0, high))


def _check_power(power: float, level: float) -> None:
    """A test finds a difference of nothing in 1 - level of all cases: power is more than that."""
    check_level(level)
    if not 1 - level < power < 1:
        raise ValueError(f"power lies between {1 - level:.3g} and 1, not at {power}")
