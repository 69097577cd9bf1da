"""Maximum likelihood of the logistic curve of `psychometric`, for many resamples at once.

Fisher scoring with Levenberg's damping inside bounds; rows of weights are independent problems, so
that a thousand resamples are some thirty steps on one array and not a thousand searches. All
parameters are in units of the range of sizes: one tolerance fits millimetres and shares.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

# threshold and log spread as a share of the range; the lapse rate's bound is given
_LOW = (-1.0, float(np.log(0.004)), 0.0)
_HIGH = (2.0, float(np.log(3.0)))
_MOST_STEP = (0.3, 1.0, 0.05)  # of one step: the likelihood is flat far out
_STEPS = 80
_CLOSE = 1e-10  # relative gain at which a row has arrived
_STUCK = 1e9  # damping at which no step is an improvement
_CELLS = 1_500_000  # of an array at once, 12 MB


def fit_many(
    z: Floats,
    right: Floats,
    guess: Floats,
    weights: Floats,
    start: Floats,
    most_lapse: float,
    *,
    fixed: bool = False,
) -> tuple[Floats, Floats]:
    """Parameters (rows, 3) and minus log likelihoods (rows,) from one start for each row.

    `z` are sizes from 0 to 1, `weights` (rows, answers) how often each answer counts. `fixed`: the
    threshold stays at its start, for a likelihood's profile.
    """
    low = np.broadcast_to(np.array(_LOW), start.shape).copy()
    high = np.broadcast_to(np.array((*_HIGH, most_lapse)), start.shape).copy()
    if fixed:
        low[:, 0] = high[:, 0] = start[:, 0]
    bounds = np.stack([low, high])
    block = max(1, _CELLS // max(len(z), 1))
    found = [
        _fit_block(
            z,
            right,
            guess,
            weights[at : at + block],
            start[at : at + block],
            bounds[:, at : at + block],
        )
        for at in range(0, len(weights), block)
    ]
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def _fit_block(
    z: Floats, right: Floats, guess: Floats, weights: Floats, start: Floats, bounds: Floats
) -> tuple[Floats, Floats]:
    low, high = bounds
    theta = np.clip(start, low, high)
    cost, slope, curvature = evaluate(theta, z, right, guess, weights)
    damping = np.full(len(theta), 1e-3)
    live = np.arange(len(theta))
    for _ in range(_STEPS):
        here = theta[live]
        step = _step(here, slope[live], curvature[live], damping[live], low[live], high[live])
        trial = np.clip(here - step, low[live], high[live])
        new_cost, new_slope, new_curvature = evaluate(trial, z, right, guess, weights[live])
        gain = cost[live] - new_cost
        better = gain >= 0
        rows = live[better]
        theta[rows], cost[rows] = trial[better], new_cost[better]
        slope[rows], curvature[rows] = new_slope[better], new_curvature[better]
        damping[live] *= np.where(better, 0.2, 6.0)
        arrived = better & (gain <= _CLOSE * (1.0 + cost[live]))
        live = live[~(arrived | (damping[live] > _STUCK))]
        if not len(live):
            break
    return theta, cost


def evaluate(
    theta: Floats, z: Floats, right: Floats, guess: Floats, weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """Minus log likelihood (rows,), its gradient (rows, 3) and Fisher information (rows, 3, 3)."""
    a, s, lapse = theta[:, :1], np.exp(theta[:, 1:2]), theta[:, 2:]
    u = (z - a) / s
    rise = special.expit(u)
    height = 1.0 - guess - lapse
    p = np.clip(guess + height * rise, 1e-9, 1.0 - 1e-9)
    cost = -(weights * np.where(right > 0, np.log(p), np.log1p(-p))).sum(axis=1)
    spread = weights / (p * (1.0 - p))
    by_u = height * rise * (1.0 - rise)
    parts = (-by_u / s, -by_u * u, -rise)  # of p, by each parameter
    error = spread * (p - right)
    slope = np.stack([(error * part).sum(axis=1) for part in parts], axis=1)
    fisher = np.empty((len(theta), 3, 3))
    for i in range(3):
        for j in range(i, 3):
            fisher[:, i, j] = fisher[:, j, i] = (spread * parts[i] * parts[j]).sum(axis=1)
    return cost, slope, fisher


def _step(
    theta: Floats, slope: Floats, fisher: Floats, damping: Floats, low: Floats, high: Floats
) -> Floats:
    """Damped step of each row; a parameter that presses against its bound rests."""
    rests = ((theta <= low) & (slope > 0)) | ((theta >= high) & (slope < 0))
    slope = np.where(rests, 0.0, slope)
    moves = ~rests
    matrix = np.where(moves[:, :, None] & moves[:, None, :], fisher, 0.0)
    diagonal = np.einsum("rii->ri", matrix)
    diagonal = np.where(rests, 1.0, diagonal * (1.0 + damping[:, None]) + 1e-9)
    matrix[:, range(3), range(3)] = diagonal
    step = np.linalg.solve(matrix, slope[..., None])[..., 0]
    most = np.array(_MOST_STEP)
    return np.asarray(np.clip(step, -most, most))
