"""Simulated observers of known threshold: is it found again, and do the intervals hold it?

    python benchmarks/psychometric_coverage.py [--runs 200] [--resamples 300]

Takes minutes; the figures stand in docs/robustness.md. Each observer sees lesions of 0 to 9 mm with
five options (guess rate 0.2), a threshold of 4 mm, a spread of 0.8 mm and a lapse rate of 3 %.
`sd` is how much patients differ in the threshold, which makes answers about a patient alike.
"""

import argparse
from dataclasses import dataclass

import numpy as np

from spinebench.evaluation.psychometric import fit_curve

THRESHOLD_MM, SPREAD_MM, LAPSE, GUESS = 4.0, 0.8, 0.03, 0.2


@dataclass(frozen=True)
class Setting:
    patients: int
    each: int
    sd_mm: float
    sees: bool = True  # False: an observer who guesses


SETTINGS = (
    Setting(100, 4, 0.0),
    Setting(100, 4, 0.8),
    Setting(300, 2, 0.8),
    Setting(40, 3, 0.0),
    Setting(100, 4, 0.0, sees=False),
)


def simulate(setting: Setting, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    patients = np.repeat(np.arange(setting.patients), setting.each)
    x = rng.uniform(0.0, 9.0, len(patients))
    own = THRESHOLD_MM + rng.normal(0.0, setting.sd_mm, setting.patients)[patients]
    rise = 1.0 / (1.0 + np.exp(-(x - own) / SPREAD_MM))
    p = GUESS + (1.0 - GUESS - LAPSE) * rise * setting.sees
    return x, (rng.random(len(x)) < p).astype(float), np.full(len(x), GUESS), patients


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--resamples", type=int, default=300)
    options = parser.parse_args()
    print("patients each sd_mm sees | refused  mean   sd  | held  mean_width open")
    for number, setting in enumerate(SETTINGS):
        found, held, widths, opened, refused = [], 0, [], 0, 0
        for run in range(options.runs):
            data = simulate(setting, np.random.default_rng([number, run]))
            curve = fit_curve(*data, seed=run, resamples=options.resamples)
            estimate, low, high = curve.threshold
            if estimate is None:
                refused += 1
                continue
            found.append(estimate)
            opened += low is None or high is None
            held += (low is None or low <= THRESHOLD_MM) and (high is None or high >= THRESHOLD_MM)
            if low is not None and high is not None:
                widths.append(high - low)
        share = held / len(found) if found else float("nan")
        print(
            f"{setting.patients:8d} {setting.each:4d} {setting.sd_mm:5.1f} {setting.sees!s:5s}|"
            f" {refused:7d} {np.mean(found or [np.nan]):5.2f} {np.std(found or [np.nan]):5.2f} |"
            f" {share:5.3f} {np.mean(widths or [np.nan]):6.2f} {opened:5d}",
            flush=True,
        )


if __name__ == "__main__":
    main()
