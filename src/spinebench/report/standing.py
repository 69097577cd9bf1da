"""Which models can be told apart: tiers and pairs, and the first two held against each other.

Only complete runs that saw the images take part. Results that were reported elsewhere never do.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from spinebench.evaluation import statistics
from spinebench.evaluation.compare import (
    PUBLISHED_TASKS,
    compare_answers,
    overall_weights,
    question_values,
)
from spinebench.report.estimates import Estimate, estimate_from
from spinebench.report.views_pairs import Duel, DuelItem, DuelRow, PairRow, Standing

RESAMPLES = 10_000
LEVEL = 0.95
DUEL_ITEMS = 12  # questions shown on which the first two differ
MEASURES = (
    ("overall", "Overall, the mean of the two accuracies"),
    ("diagnosis", "Diagnosis"),
    ("localization", "Localization, exact set"),
    ("alignment", "Alignment"),
)


def build_standings(answers: Mapping[str, pl.DataFrame], *, seed: int) -> tuple[Standing, ...]:
    """Tiers of the runs, by label, for each measure that at least two of them have."""
    values = {label: question_values(part) for label, part in answers.items()}
    found = []
    for measure, title in MEASURES:
        tasks = PUBLISHED_TASKS if measure == "overall" else (measure,)
        of_runs = {
            label: part.filter(pl.col("task").is_in(tasks))
            for label, part in values.items()
            if set(tasks) <= set(part["task"])
        }
        if len(of_runs) >= 2:
            found.append(_standing(measure, title, of_runs, seed=seed))
    return tuple(found)


def _standing(
    measure: str, title: str, values: Mapping[str, pl.DataFrame], *, seed: int
) -> Standing:
    items = (
        pl.concat(part.select("question_id", "task", "patient_id") for part in values.values())
        .unique("question_id")
        .sort("question_id")
    )
    weights = (
        pl.Series(overall_weights(items["task"].to_list()))
        if measure == "overall"
        else pl.Series([1.0] * items.height)
    )
    columns = {}
    for label, part in values.items():
        joined = items.join(
            part.select("question_id", "value"),
            on="question_id",
            how="left",
            maintain_order="left",
        )
        columns[label] = (joined["value"] * weights).fill_null(float("nan")).to_numpy()
    tiers = statistics.tiers(
        columns, items["patient_id"].to_list(), level=LEVEL, resamples=RESAMPLES, seed=seed
    )
    return Standing(
        measure=measure,
        title=title,
        groups=tiers.groups,
        pairs=tuple(
            PairRow(
                first=pair.first,
                second=pair.second,
                difference=estimate_from(pair.difference, items=pair.items, patients=pair.patients),
                p=pair.p,
                p_holm=pair.p_holm,
                apart=tiers.told_apart(pair.first, pair.second),
            )
            for pair in tiers.pairs
        ),
    )


def build_duel(
    first: tuple[str, pl.DataFrame], second: tuple[str, pl.DataFrame], *, seed: int
) -> Duel:
    """Two runs, as (label, answers), question by question."""
    found = compare_answers(first[1], second[1], seed=seed)
    rows = [
        DuelRow(
            task=task,
            name=row.get("value"),
            first=row["accuracy_a"],
            second=row["accuracy_b"],
            difference=Estimate(
                value=row["difference"]["estimate"],
                low=row["difference"]["low"],
                high=row["difference"]["high"],
                items=row["items"],
                patients=row["patients"],
            ),
            first_better=row["outcomes"]["a_better"],
            second_better=row["outcomes"]["b_better"],
            p=row.get("p_permutation"),
        )
        for task, part in found["tasks"].items()
        for row in (part, *part["by_class"])
    ]
    return Duel(
        first=first[0],
        second=second[0],
        rows=tuple(rows),
        differing=len(found["items"]),
        items=tuple(_duel_item(item) for item in _both_sides(found["items"])),
    )


def _both_sides(items: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """Some questions of either side, half and half as far as there are; the order is kept."""
    sides = {side: [item for item in items if item["better"] == side] for side in ("a", "b")}
    half = DUEL_ITEMS // 2
    of_b = min(len(sides["b"]), max(half, DUEL_ITEMS - len(sides["a"])))
    return sides["a"][: DUEL_ITEMS - of_b] + sides["b"][:of_b]


def _duel_item(item: Mapping[str, object]) -> DuelItem:
    named = {side: item[side] for side in ("a", "b")}
    return DuelItem(
        question_id=str(item["question_id"]),
        task=str(item["task"]),
        better=str(item["better"]),
        truth=_joined(item["truth"]),
        first=_joined(named["a"]),
        second=_joined(named["b"]),
    )


def _joined(value: object) -> str:
    if isinstance(value, Mapping):
        return " | ".join(value["named"])
    return "; ".join(value) if isinstance(value, list) else str(value)
