"""Accuracy against the size of a lesion: a logistic curve, its threshold, and an interval.

    P(right | x) = g + (1 - g - l) / (1 + exp(-(x - a) / s))

g, the guess rate, is 1 / number of options of each question and not fitted; a is the threshold,
where the curve is halfway between guessing and its upper end; s > 0 the spread; l the lapse rate,
0 to `most_lapse`: slips on lesions of any size. a, s and l are fitted by maximum likelihood
(Wichmann & Hill 2001, Percept Psychophys 63:1293, on the form, and on why l must be free but
bounded: fixed at 0 it biases the spread). The interval holds the percentile interval of a seeded
bootstrap of whole patients and all thresholds that a likelihood ratio test does not exclude: the
first knows that answers about a patient are alike, the second that the threshold may lie anywhere
in a gap where no size was shown. A bound that reaches the end of what was shown is open, never a
number.

Where a threshold would be made up there is none, and `reason` says why: too few answers, patients
or sizes; all right or all wrong; no rise with size; a threshold outside the sizes shown. Whether
accuracy rises at all is decided by a one-sided score test of the slope, by patient.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from spinebench import statistics
from spinebench.evaluation.psychometric_fit import fit_many
from spinebench.statistics import Interval, Labels

Floats = NDArray[np.float64]

LEAST_ANSWERS = 40
LEAST_PATIENTS = 15
LEAST_SIZES = 6  # distinct
MOST_LAPSE = 0.1
RISE_LEVEL = 0.05  # one-sided
RESAMPLES = 1000
BINS = 6
_AT_ONCE = 250  # resamples
_PROFILE = 80  # steps of the likelihood's profile, over the sizes shown


@dataclass(frozen=True, slots=True)
class Logistic:
    """A fitted curve, in the unit of x."""

    threshold: float
    spread: float
    lapse: float
    log_likelihood: float

    def share_right(self, x: ArrayLike, guess: ArrayLike) -> Floats:
        """Expected share of right answers at sizes x."""
        rise = special.expit((np.asarray(x, np.float64) - self.threshold) / self.spread)
        floor = np.asarray(guess, np.float64)
        return np.asarray(floor + (1.0 - floor - self.lapse) * rise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Answers of neighbouring sizes, for the eye; the fit does not see bins."""

    x: float  # mean size
    low_x: float
    high_x: float
    right: Interval
    answers: int


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What answers say about the size at which a model sees a lesion."""

    fit: Logistic | None  # None: see `reason`
    threshold: Interval  # a bound is None where it lies outside the sizes shown
    reason: str | None
    p_rise: float | None  # one-sided, of the slope
    guess: float | None  # mean of the questions' guess rates
    smallest: float | None  # size shown
    largest: float | None
    answers: int
    patients: int
    right: Interval  # all sizes together
    bins: tuple[Bin, ...]


def fit_curve(
    x: ArrayLike,
    right: ArrayLike,
    guess: ArrayLike,
    patients: Labels,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    most_lapse: float = MOST_LAPSE,
) -> Curve:
    """Curve of answers (0 or 1) to lesions of size x, with each question's guess rate."""
    sizes = np.asarray(x, np.float64).reshape(-1)
    values = np.asarray(right, np.float64).reshape(-1)
    floor = np.broadcast_to(np.asarray(guess, np.float64), sizes.shape)
    labels = np.asarray(patients).reshape(-1)
    if not len(sizes) == len(values) == len(labels):
        raise ValueError(f"{len(sizes)} sizes, {len(values)} answers, {len(labels)} patients")
    known: dict[str, Any] = {
        "answers": len(sizes),
        "patients": len(np.unique(labels)),
        "guess": float(floor.mean()) if len(floor) else None,
        "smallest": float(sizes.min()) if len(sizes) else None,
        "largest": float(sizes.max()) if len(sizes) else None,
        "right": statistics.cluster_interval(values, labels),
        "bins": _bins(sizes, values, labels),
    }
    nothing = Interval(None, None, None)
    reason = _too_little(sizes, values, labels)
    p_rise = None if reason else _p_rise(sizes, values, labels)
    if p_rise is not None and p_rise > RISE_LEVEL:
        reason = f"accuracy does not rise with size (one-sided p = {p_rise:.2g})"
    if reason is not None:
        return Curve(fit=None, threshold=nothing, reason=reason, p_rise=p_rise, **known)
    fit = fit_logistic(sizes, values, floor, most_lapse=most_lapse)
    if not sizes.min() <= fit.threshold <= sizes.max():
        side = "below the smallest" if fit.threshold < sizes.min() else "above the largest"
        reason = f"the threshold lies {side} lesion that was shown"
        return Curve(fit=None, threshold=nothing, reason=reason, p_rise=p_rise, **known)
    draws = _bootstrap(sizes, values, floor, labels, fit, (seed, resamples, most_lapse))
    low, high = _open_ended(draws, level)
    not_excluded = _profile(sizes, values, floor, fit, level, most_lapse)
    low, high = min(low, not_excluded[0]), max(high, not_excluded[1])
    threshold = Interval(
        fit.threshold,
        low if low > sizes.min() else None,
        high if high < sizes.max() else None,
    )
    return Curve(fit=fit, threshold=threshold, reason=None, p_rise=p_rise, **known)


def fit_logistic(
    x: Floats,
    right: Floats,
    guess: Floats,
    *,
    weights: Floats | None = None,
    most_lapse: float = MOST_LAPSE,
) -> Logistic:
    """Maximum-likelihood curve, the best of a grid of starts; `weights` count answers."""
    low, span = float(x.min()), max(float(np.ptp(x)), 1e-9)
    mass = np.ones_like(x) if weights is None else weights
    grid = np.array(
        [
            (a, np.log(s), most_lapse / 3)
            for a in (-0.2, 0.1, 0.3, 0.5, 0.7, 0.9, 1.2)
            for s in (0.03, 0.1, 0.4)
        ]
    )
    rows = np.broadcast_to(mass, (len(grid), len(mass)))
    thetas, costs = fit_many((x - low) / span, right, guess, rows, grid, most_lapse)
    best = int(costs.argmin())
    a, log_s, lapse = (float(value) for value in thetas[best])
    return Logistic(low + span * a, span * float(np.exp(log_s)), lapse, -float(costs[best]))


def _too_little(x: Floats, right: Floats, labels: NDArray[Any]) -> str | None:
    patients, sizes = len(np.unique(labels)), len(np.unique(x))
    for found, least, what in (
        (len(x), LEAST_ANSWERS, "answers"),
        (patients, LEAST_PATIENTS, "patients"),
        (sizes, LEAST_SIZES, "sizes of lesions"),
    ):
        if found < least:
            return f"{found} {what}, at least {least} are needed"
    if right.min() == right.max():
        return f"all answers are {'right' if right.max() else 'wrong'}"
    return None


def _p_rise(x: Floats, right: Floats, labels: NDArray[Any]) -> float:
    """One-sided p of no rise: score of the slope over its root variance, whole patients drawn."""
    score = (x - x.mean()) * (right - right.mean())
    _, index = np.unique(labels, return_inverse=True)
    sums = np.bincount(index, weights=score)
    spread = float(np.sqrt((sums**2).sum()))
    if spread == 0.0:
        return 1.0
    return float(stats.t.sf(float(sums.sum()) / spread, len(sums) - 1))


def _bootstrap(
    x: Floats,
    right: Floats,
    guess: Floats,
    labels: NDArray[Any],
    fit: Logistic,
    how: tuple[int, int, float],
) -> Floats:
    """Thresholds of resamples; minus or plus infinity where one lies outside the sizes shown."""
    seed, resamples, most_lapse = how
    names, index = np.unique(labels, return_inverse=True)
    generator = np.random.default_rng([seed, len(names)])
    drawn = generator.multinomial(len(names), np.full(len(names), 1.0 / len(names)), resamples)
    low, span = float(x.min()), float(np.ptp(x))
    start = ((fit.threshold - low) / span, np.log(fit.spread / span), fit.lapse)
    thresholds = np.empty(resamples)
    for at in range(0, resamples, _AT_ONCE):  # whole patients' counts as answers' weights
        weights = drawn[at : at + _AT_ONCE].astype(np.float64)[:, index]
        starts = np.broadcast_to(np.array(start), (len(weights), 3))
        thetas, _ = fit_many((x - low) / span, right, guess, weights, starts, most_lapse)
        thresholds[at : at + _AT_ONCE] = low + span * thetas[:, 0]
    thresholds[thresholds < x.min()] = -np.inf
    thresholds[thresholds > x.max()] = np.inf
    return thresholds


def _open_ended(draws: Floats, level: float) -> tuple[float, float]:
    ordered = np.sort(draws)
    # order statistics, not interpolated: infinity may be one of them
    low = ordered[int(np.floor((1.0 - level) / 2 * (len(ordered) - 1)))]
    high = ordered[int(np.ceil((1.0 + level) / 2 * (len(ordered) - 1)))]
    return float(low), float(high)


def _profile(
    x: Floats, right: Floats, guess: Floats, fit: Logistic, level: float, most_lapse: float
) -> tuple[float, float]:
    """Ends of the thresholds that a likelihood ratio test does not exclude.

    Where no lesion of some size was shown, resamples all step across the gap at its rim; the
    likelihood knows that the threshold may lie anywhere in it.
    """
    low, span = float(x.min()), float(np.ptp(x))
    at = np.unique(np.append(np.linspace(0.0, 1.0, _PROFILE + 1), (fit.threshold - low) / span))
    costs = []
    for spread in (0.05, 0.3):
        start = np.stack(
            [at, np.full_like(at, np.log(spread)), np.full_like(at, fit.lapse)], axis=1
        )
        weights = np.ones((len(at), len(x)))
        costs.append(
            fit_many((x - low) / span, right, guess, weights, start, most_lapse, fixed=True)[1]
        )
    cost = np.minimum(*costs)
    likely = at[2.0 * (cost - cost.min()) <= stats.chi2.ppf(level, 1)]
    return low + span * float(likely.min()), low + span * float(likely.max())


def _bins(x: Floats, right: Floats, labels: NDArray[Any]) -> tuple[Bin, ...]:
    """About six groups of equal numbers; equal sizes stay together."""
    if not len(x):
        return ()
    edges = np.unique(np.quantile(x, np.linspace(0.0, 1.0, BINS + 1)))
    place = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, max(len(edges) - 2, 0))
    found = []
    for number in np.unique(place):
        own = place == number
        found.append(
            Bin(
                x=float(x[own].mean()),
                low_x=float(x[own].min()),
                high_x=float(x[own].max()),
                right=statistics.cluster_interval(right[own], labels[own]),
                answers=int(own.sum()),
            )
        )
    return tuple(found)
