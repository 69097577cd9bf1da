"""How often the 95 % intervals hold the truth, from simulated answers.

    python benchmarks/bench_coverage.py [--runs 20000] [--json]

Patients have a chance of their own to be answered right, beta distributed with mean `accuracy` and
intra-class correlation `icc`; answers of one patient are drawn with it. Every cell of the tables is
seeded by itself. `ours` is `statistics.cluster_interval`, through `share_bounds`, which is the same
code for many runs at once; `bootstrap` is `cluster_bootstrap_interval` (its draws depend on seed
and number of patients only, so that one matrix of draws serves all runs); `plain` is Wilson's
interval that takes every answer as independent; `cut at 1` is ours with the design effect cut at 1
and m - 1 degrees of freedom, the way it is often written.

The last table asks a simulated model with a known accuracy for each disease, and takes the
intervals from `score.score_by`, as a report does.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from spinebench.anatomy.diseases import CLASSES
from spinebench.evaluation.score import score_by
from spinebench.records import item_seed
from spinebench.statistics.bootstrap import draw_clusters
from spinebench.statistics.intervals import share_bounds

Array = NDArray[np.float64]
Sizes = Callable[[np.random.Generator, int, int], Array]
_BLOCK = 2_000_000  # patients simulated at once
RESAMPLES = 999
BOOTSTRAPS = 4000  # runs that are bootstrapped too: it costs a thousand times the others
LIMITS = (0.94, 0.96)


@dataclass(frozen=True)
class Cell:
    """One setting and how often each interval held the truth."""

    patients: int
    items: int  # per patient, on average
    sizes: str
    accuracy: float
    icc: float
    runs: int
    ours: float
    bootstrap: float
    cut_at_1: float
    plain: float
    width: float  # mean of ours


def even(rng: np.random.Generator, runs: int, patients: int, *, items: int) -> Array:
    return np.full((runs, patients), float(items))


def lognormal(rng: np.random.Generator, runs: int, patients: int, *, items: int) -> Array:
    """Sizes that vary by a factor of e: a tenth of the patients has half of the items."""
    drawn = np.exp(rng.normal(np.log(items) - 0.5, 1, size=(runs, patients)))
    return np.maximum(1.0, np.round(drawn))


SIZES: dict[str, Callable[..., Array]] = {"even": even, "unequal": lognormal}


def simulate(patients: int, items: int, sizes: str, accuracy: float, icc: float, runs: int) -> Cell:
    """Coverage of all intervals in one setting."""
    key = [str(v) for v in (patients, items, sizes, accuracy, icc)]
    rng = np.random.default_rng(item_seed(1, *key))
    draws = np.concatenate(list(draw_clusters(patients, RESAMPLES, 1)))
    held = dict.fromkeys(("ours", "bootstrap", "cut_at_1", "plain"), 0)
    asked = dict.fromkeys(held, 0)
    width = 0.0
    for rows in _blocks(runs, patients):
        counts = SIZES[sizes](rng, rows, patients, items=items)
        own = np.full(counts.shape, accuracy)
        if icc > 0:
            spread = (1 - icc) / icc
            own = rng.beta(accuracy * spread, (1 - accuracy) * spread, size=counts.shape)
        sums = rng.binomial(counts.astype(np.int64), own).astype(np.float64)
        bounds = {
            "ours": share_bounds(sums, counts),
            "bootstrap": _bootstrap(sums, counts, draws, most=BOOTSTRAPS - asked["bootstrap"]),
            "cut_at_1": _wilson(sums, counts, design="cut"),
            "plain": _wilson(sums, counts, design="none"),
        }
        for name, (low, high) in bounds.items():
            # a bound that is the truth but for rounding holds it
            held[name] += int(((low <= accuracy + 1e-12) & (accuracy <= high + 1e-12)).sum())
            asked[name] += len(low)
        width += float((bounds["ours"][1] - bounds["ours"][0]).sum())
    shares = {name: count / asked[name] for name, count in held.items()}
    return Cell(patients, items, sizes, accuracy, icc, runs, width=width / runs, **shares)


def _blocks(runs: int, patients: int) -> Iterator[int]:
    block = max(1, _BLOCK // patients)
    for start in range(0, runs, block):
        yield min(block, runs - start)


def _bootstrap(sums: Array, counts: Array, draws: Array, *, most: int) -> tuple[Array, Array]:
    low, high = [np.empty(0)], [np.empty(0)]
    for start in range(0, min(most, len(sums)), 1000):
        part, sizes = sums[start : start + 1000], counts[start : start + 1000]
        means = (draws @ part.T) / (draws @ sizes.T)
        bounds = np.quantile(means, [0.025, 0.975], axis=0)
        low.append(bounds[0])
        high.append(bounds[1])
    return np.concatenate(low), np.concatenate(high)


def _wilson(sums: Array, counts: Array, *, design: str) -> tuple[Array, Array]:
    m, n = counts.shape[1], counts.sum(1)
    p = sums.sum(1) / n
    if design == "none":
        effective, t = n, stats.norm.ppf(0.975)
    else:
        v = m / (m - 1) * ((sums - counts * p[:, None]) ** 2).sum(1) / n**2
        with np.errstate(all="ignore"):
            effect = np.maximum(1.0, v / (p * (1 - p) / (n - 1)))
        effective, t = np.where((p > 0) & (p < 1), n / effect, m), stats.t.ppf(0.975, m - 1)
    shrink = 1 + t * t / effective
    centre = (p + t * t / (2 * effective)) / shrink
    half = t / shrink * np.sqrt(p * (1 - p) / effective + t * t / (4 * effective**2))
    return centre - half, centre + half


def inside(runs: int) -> list[Cell]:
    """The range for which the promise is made."""
    return [
        simulate(patients, items, "even", accuracy, icc, runs)
        for patients in (100, 300)
        for items in (1, 2, 5, 20)
        for icc in (0.0, 0.05, 0.1, 0.2)
        for accuracy in (0.2, 0.35, 0.5, 0.65, 0.8)
        if items > 1 or icc == 0  # one answer per patient: nothing to be alike
    ]


def outside(runs: int) -> dict[str, list[Cell]]:
    """What happens beyond it."""
    middle, iccs = (0.2, 0.5, 0.8), (0.0, 0.1, 0.2)
    few = [
        simulate(patients, 5, "even", accuracy, icc, runs)
        for patients in (5, 10, 20, 30, 50) for icc in iccs for accuracy in middle
    ]  # fmt: skip
    extreme = [
        simulate(patients, 5, "even", accuracy, icc, runs)
        for accuracy in (0.01, 0.03, 0.1, 0.9, 0.97, 0.99) for icc in iccs
        for patients in (100, 300)
    ]  # fmt: skip
    unequal = [
        simulate(patients, 8, "unequal", accuracy, icc, runs)
        for patients in (20, 50, 100, 300) for icc in iccs for accuracy in middle
    ]  # fmt: skip
    alike = [
        simulate(patients, 5, "even", accuracy, icc, runs)
        for icc in (0.3, 0.5, 0.8) for patients in (100, 300) for accuracy in middle
    ]  # fmt: skip
    return {"patients": few, "accuracy": extreme, "unequal": unequal, "icc": alike}


def known_model(runs: int, *, patients: int = 800, rho: float = 0.3) -> list[dict[str, object]]:
    """By disease: true accuracy, questions, patients, and how often the interval held it.

    Each patient has 1 to 6 questions on diseases of its own; the model is good or bad at a
    patient (normal copula with correlation rho), and right with a known chance for each disease.
    """
    rng = np.random.default_rng(item_seed(2, "known_model"))
    accuracy = dict(zip(CLASSES, np.linspace(0.2, 0.8, len(CLASSES)), strict=True))
    owner = np.repeat(np.arange(patients), rng.integers(1, 7, size=patients))
    disease = rng.choice(list(CLASSES), size=len(owner))
    frame = pl.DataFrame(
        {
            "question_id": [f"q{number}" for number in range(len(owner))],
            "patient_id": [f"p{number}" for number in owner],
            "patient": owner, "disease": disease, "counted": True, "outcome": "answered",
        }
    )  # fmt: skip
    threshold = stats.norm.ppf([accuracy[name] for name in disease])
    held = dict.fromkeys(accuracy, 0)
    rows: list[dict[str, object]] = []
    for _ in range(runs):
        luck = np.sqrt(rho) * rng.normal(size=patients)[owner]
        luck += np.sqrt(1 - rho) * rng.normal(size=len(owner))
        found = score_by(frame.with_columns(correct=pl.Series(luck < threshold)), "disease")
        for row in found:
            metric = row["accuracy"]
            held[row["value"]] += metric.low <= accuracy[row["value"]] <= metric.high
        rows = [
            {"disease": row["value"], "accuracy": accuracy[row["value"]],
             "questions": row["accuracy"].items, "patients": row["accuracy"].patients,
             "held": held[row["value"]] / runs}
            for row in found
        ]  # fmt: skip
    return rows


def percent(values: list[float]) -> str:
    low, high = f"{min(values) * 100:.1f}", f"{max(values) * 100:.1f}"
    return low if low == high else f"{low}–{high}"


def print_table(cells: list[Cell], by: tuple[str, ...]) -> None:
    """One row per value of the columns in `by`: the range of each coverage over the rest."""
    names = ("ours", "bootstrap", "cut_at_1", "plain")
    print(f"| {' | '.join(by)} | {' | '.join(names)} |")
    print("|" + " --- |" * (len(by) + len(names)))
    groups: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        groups.setdefault(tuple(getattr(cell, name) for name in by), []).append(cell)
    for key, group in groups.items():
        ranges = [percent([getattr(cell, name) for cell in group]) for name in names]
        print(f"| {' | '.join(map(str, key))} | {' | '.join(ranges)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--model-runs", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    within, beyond = inside(options.runs), outside(options.runs)
    model = known_model(options.model_runs)
    if options.json:
        print(
            json.dumps(
                {
                    "inside": [asdict(cell) for cell in within],
                    "outside": {k: [asdict(c) for c in cells] for k, cells in beyond.items()},
                    "model": model,
                }
            )
        )
        return
    out = [cell for cell in within if not LIMITS[0] <= cell.ours <= LIMITS[1]]
    print(f"\n{len(within)} settings inside, {len(out)} not within 94 to 96 %")
    for cell in out:
        print(cell)
    print_table(within, ("patients", "items", "icc"))
    for name, by in (
        ("patients", ("patients", "icc")), ("accuracy", ("accuracy", "patients")),
        ("unequal", ("patients", "icc")), ("icc", ("icc", "patients")),
    ):  # fmt: skip
        print(f"\n{name}")
        print_table(beyond[name], by)
    print("\n| disease | accuracy | questions | patients | held |\n| --- | --- | --- | --- | --- |")
    for row in model:
        print(
            f"| {row['disease']} | {row['accuracy']:.2f} | {row['questions']} | {row['patients']}"
            f" | {row['held']:.3f} |"
        )


if __name__ == "__main__":
    main()
