"""How often the interval of a difference between two models holds the truth, from simulated pairs.

    python benchmarks/bench_paired.py [--runs 4000] [--json]

Two models answer the same questions about the same patients. Behind each answer lies a normal
number: what makes a patient easy or hard for both models, what makes it so for one of them alone,
what makes a question easy or hard for both, and luck. An answer is right where the number lies
below the model's own threshold, so both accuracies are known exactly and so is their difference.
`ours` is `statistics.paired_difference_interval`, through `paired_bounds`, which is the same code
for many runs at once; `t` is the cluster-robust t interval of the differences, as it is often used.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from spinebench.records import item_seed
from spinebench.statistics.paired import paired_bounds

Array = NDArray[np.float64]
_BLOCK = 1_000_000  # answers simulated at once
LIMITS = (0.94, 0.96)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Two models and their patients. The shares of the hidden number's variance add up to 1."""

    patients: int
    items: int  # per patient
    accuracy: float  # of the second model
    gap: float  # by which the first is better
    patient: float = 0.2  # share that a patient is easy or hard for both by
    own: float = 0.1  # share that a patient is so for one model alone by
    item: float = 0.3  # share that a question is easy or hard for both by
    uneven: bool = False  # patients have 1 to 3 * items answers, many of them few


@dataclass(frozen=True, kw_only=True)
class Cell:
    """How often each interval held the difference, and how wide it was."""

    setting: Setting
    runs: int
    ours: float
    t: float
    width: float
    width_t: float
    differing: float  # share of questions on which the two models differ


def simulate(setting: Setting, runs: int) -> Cell:
    """Coverage in one setting."""
    rng = np.random.default_rng(item_seed(3, *map(str, asdict(setting).values())))
    held = {"ours": 0, "t": 0}
    width = {"ours": 0.0, "t": 0.0}
    differing = 0.0
    for rows in _blocks(runs, setting.patients * setting.items * (3 if setting.uneven else 1)):
        better, worse, sizes = draw_pairs(setting, rng, rows)
        differing += float(((better + worse).sum(-1) / sizes.sum(-1)).sum())
        found = {"ours": paired_bounds(better, worse, sizes), "t": _t(better - worse, sizes)}
        for name, (low, high) in found.items():
            truth = setting.gap
            held[name] += int(((low <= truth + 1e-12) & (truth <= high + 1e-12)).sum())
            width[name] += float((high - low).sum())
    return Cell(
        setting=setting, runs=runs, ours=held["ours"] / runs, t=held["t"] / runs,
        width=width["ours"] / runs, width_t=width["t"] / runs, differing=differing / runs,
    )  # fmt: skip


def draw_pairs(setting: Setting, rng: np.random.Generator, runs: int) -> tuple[Array, Array, Array]:
    """By run and patient: questions that only the first got right, only the second, and all."""
    most = setting.items * (3 if setting.uneven else 1)
    shape = (runs, setting.patients, most)
    asked = np.ones(shape, dtype=bool)
    if setting.uneven:
        numbers = np.minimum(most, rng.geometric(1 / setting.items, size=shape[:2]))
        asked = np.arange(most) < numbers[..., None]
    rest = 1 - setting.patient - setting.own - setting.item
    shared = np.sqrt(setting.patient) * rng.standard_normal((*shape[:2], 1))
    shared = shared + np.sqrt(setting.item) * rng.standard_normal(shape)

    def answers(accuracy: float) -> NDArray[np.bool_]:
        own = np.sqrt(setting.own) * rng.standard_normal((*shape[:2], 1))
        luck = np.sqrt(rest) * rng.standard_normal(shape)
        return np.asarray(shared + own + luck < stats.norm.ppf(accuracy))

    first, second = answers(setting.accuracy + setting.gap), answers(setting.accuracy)
    better, worse = (first & ~second & asked).sum(-1), (second & ~first & asked).sum(-1)
    return better * 1.0, worse * 1.0, asked.sum(-1) * 1.0


def _blocks(runs: int, answers: int) -> Iterator[int]:
    block = max(1, _BLOCK // answers)
    for start in range(0, runs, block):
        yield min(block, runs - start)


def _t(sums: Array, sizes: Array) -> tuple[Array, Array]:
    m, n = sizes.shape[-1], sizes.sum(-1)
    mean = sums.sum(-1) / n
    residuals = sums - sizes * mean[..., None]
    half = stats.t.ppf(0.975, m - 1) * np.sqrt(m / (m - 1) * (residuals**2).sum(-1)) / n
    return mean - half, mean + half


def inside(runs: int) -> list[Cell]:
    """The range for which the promise is made: 100 patients or more, models that do differ."""
    return [
        simulate(
            Setting(patients=patients, items=items, accuracy=accuracy, gap=gap, item=item), runs
        )
        for patients in (100, 300)
        for items in (1, 2, 5, 20)
        for accuracy, gap in ((0.2, 0.0), (0.2, 0.1), (0.5, 0.0), (0.5, 0.02), (0.6, 0.2))
        for item in (0.0, 0.3, 0.5)
    ]


def outside(runs: int) -> dict[str, list[Cell]]:
    """What happens beyond it."""
    few = [
        simulate(Setting(patients=patients, items=5, accuracy=0.5, gap=gap), runs)
        for patients in (10, 20, 30, 50) for gap in (0.0, 0.1)
    ]  # fmt: skip
    uneven = [
        simulate(Setting(patients=patients, items=4, accuracy=0.5, gap=gap, uneven=True), runs)
        for patients in (50, 100, 300) for gap in (0.0, 0.1)
    ]  # fmt: skip
    alike = [
        simulate(
            Setting(
                patients=patients, items=items, accuracy=0.7, gap=gap, patient=0.3, own=0.0,
                item=item,
            ),
            runs,
        )
        for item in (0.6, 0.69, 0.699, 0.7)
        for patients in (100, 300) for items in (1, 5) for gap in (0.0, 0.01)
    ]  # fmt: skip
    return {"patients": few, "uneven": uneven, "alike": alike}


def percent(values: list[float]) -> str:
    low, high = f"{min(values) * 100:.1f}", f"{max(values) * 100:.1f}"
    return low if low == high else f"{low} to {high}"


def print_table(cells: list[Cell], by: tuple[str, ...]) -> None:
    """One row per value of the columns in `by`: ranges over the rest."""
    print(f"| {' | '.join(by)} | ours | t | width | width of t | differing |")
    print("|" + " --- |" * (len(by) + 5))
    groups: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        groups.setdefault(tuple(getattr(cell.setting, name) for name in by), []).append(cell)
    for key, group in groups.items():
        names = ("ours", "t", "width", "width_t", "differing")
        ranges = [percent([getattr(cell, name) for cell in group]) for name in names]
        print(f"| {' | '.join(map(str, key))} | {' | '.join(ranges)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    within, beyond = inside(options.runs), outside(options.runs)
    if options.json:
        parts = {"inside": within, **beyond}
        print(json.dumps({name: [asdict(c) for c in cells] for name, cells in parts.items()}))
        return
    out = [cell for cell in within if not LIMITS[0] <= cell.ours <= LIMITS[1]]
    print(f"\n{len(within)} settings inside, {len(out)} not within 94 to 96 %")
    for cell in out:
        print(cell)
    print_table(within, ("patients", "items"))
    for name, by in (
        ("patients", ("patients", "gap")), ("uneven", ("patients", "gap")),
        ("alike", ("patients", "items", "item", "gap")),
    ):  # fmt: skip
        print(f"\n{name}")
        print_table(beyond[name], by)


if __name__ == "__main__":
    main()
