"""How many patients a difference between two models takes, from the answers of a page's runs.

What counts is how much the difference between two runs varies from patient to patient
(`statistics.power`). It is measured on every pair of runs, of models where there are two; the pair
in the middle stands for the benchmark. With a single run a second one is assumed that is as good
and is right or wrong independently of it: the careful assumption, because models find the same
questions hard.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from spinebench import statistics
from spinebench.evaluation.compare import PUBLISHED_TASKS, overall_weights, question_values
from spinebench.report.views_pairs import Needed, PowerRow

DIFFERENCES = (0.02, 0.05, 0.10)
POWER = 0.8
MEASURES = ("overall", "diagnosis", "localization", "alignment")


@dataclass(frozen=True, kw_only=True)
class _Spread:
    """How much one patient's difference varies, and on what that was seen."""

    spread: float
    design: float | None
    patients: int


def build_power(
    answers: Mapping[str, pl.DataFrame], *, baselines: Collection[str]
) -> tuple[PowerRow, ...]:
    """A row for each measure that the runs have, by label; baselines only where models lack."""
    models = [label for label in answers if label not in baselines]
    labels = models if len(models) >= 2 else list(answers)
    values = {label: question_values(answers[label]) for label in labels}
    rows = []
    for measure in MEASURES:
        tasks = PUBLISHED_TASKS if measure == "overall" else (measure,)
        parts = [
            part.filter(pl.col("task").is_in(tasks))
            for part in values.values()
            if set(tasks) <= set(part["task"])
        ]
        if parts:
            rows.append(_row(measure, parts))
    return tuple(rows)


def _row(measure: str, parts: Sequence[pl.DataFrame]) -> PowerRow:
    pairs = [_of_pair(*pair, measure=measure) for pair in combinations(parts, 2)]
    found = [spread for spread in pairs or [_of_one(parts[0], measure)] if spread is not None]
    # runs that say the same throughout tell nothing of how others would differ
    found = sorted((one for one in found if one.spread > 0), key=lambda one: one.spread)
    if not found:
        patients = max(part["patient_id"].n_unique() for part in parts)
        return PowerRow(
            measure=measure, patients=patients, pairs=len(pairs), design=None,
            needed=(None,) * len(DIFFERENCES), visible=None,
        )  # fmt: skip
    middle = found[len(found) // 2]
    designs = sorted(one.design for one in found if one.design is not None)
    visible = statistics.detectable_difference(middle.patients, spread=middle.spread, power=POWER)
    return PowerRow(
        measure=measure,
        patients=middle.patients,
        pairs=len(found) if pairs else 0,
        design=designs[len(designs) // 2] if designs else None,
        needed=tuple(_needed(difference, found) for difference in DIFFERENCES),
        visible=visible if visible <= 1 else None,
    )


def _needed(difference: float, found: Sequence[_Spread]) -> Needed:
    least, middle, most = (
        statistics.patients_needed(difference, spread=one.spread, power=POWER)
        for one in (found[0], found[len(found) // 2], found[-1])
    )
    return Needed(patients=middle, least=least, most=most)


def _of_pair(first: pl.DataFrame, second: pl.DataFrame, *, measure: str) -> _Spread | None:
    both = first.join(
        second.select("question_id", "value"),
        on="question_id", suffix="_b", maintain_order="left",
    )  # fmt: skip
    tasks = both["task"].to_list()
    if measure == "overall" and set(tasks) != set(PUBLISHED_TASKS):
        return None
    weights = overall_weights(tasks) if measure == "overall" else 1.0
    a, b = both["value"].to_numpy() * weights, both["value_b"].to_numpy() * weights
    return _measure(a, b, both["patient_id"].to_list())


def _of_one(part: pl.DataFrame, measure: str) -> _Spread | None:
    weights = overall_weights(part["task"].to_list()) if measure == "overall" else 1.0
    values = part["value"].to_numpy() * weights
    one = _measure(values, np.zeros(len(values)), part["patient_id"].to_list())
    if one is None:
        return None
    # variances of two independent runs add up
    return _Spread(spread=sqrt(2) * one.spread, design=one.design, patients=one.patients)


def _measure(
    a: NDArray[np.float64], b: NDArray[np.float64], patients: Sequence[str]
) -> _Spread | None:
    count = len(set(patients))
    if count < 2:
        return None
    spread = statistics.observed_spread(a, b, patients)
    alone = float(np.var(a - b, ddof=1)) / len(a)  # variance of the mean were answers not alike
    return _Spread(
        spread=spread,
        design=spread**2 / count / alone if alone > 0 else None,
        patients=count,
    )
