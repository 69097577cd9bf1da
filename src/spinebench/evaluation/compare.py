"""Two runs held against each other, question by question. Pure: tables in, figures out, no calls.

Only questions that both runs count are compared (answered, unparsed, refused or cut off; see
`score`); those that one of them lacks are numbered and listed. A question's value is the share of
its askings that were exactly right, so epochs and rotations weigh no more than a single asking.
The test swaps the answers of whole patients; McNemar's stands beside it only where it holds.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from spinebench.errors import UsageError
from spinebench.evaluation import statistics
from spinebench.evaluation.breakdown import load_answers
from spinebench.evaluation.run_identity import differing_settings
from spinebench.evaluation.side import SIDE
from spinebench.tables import read_manifest

RESAMPLES = 10_000
PUBLISHED_TASKS = ("diagnosis", "localization")
TASKS = (*PUBLISHED_TASKS, "alignment", SIDE)
_KEPT = ("task", "source", "disease", "patient_id", "right")


def compare_runs(bench: Path, run_a: Path, run_b: Path, *, seed: int) -> dict[str, Any]:
    """Comparison of two run folders of one benchmark; all shares are fractions.

    `a`, `b` (model, run id, protocol, complete), `notes`, `tasks`: by task `items`, `patients`,
    `accuracy_a`, `accuracy_b`, `difference` (a minus b: `estimate`, `low`, `high`),
    `p_permutation`, `p_mcnemar` with `mcnemar_note`, `outcomes`, `by_class`; `overall`; `items`:
    every question on which they differ; `only_in_a`, `only_in_b`: questions that the other run
    does not count. Raises UsageError for runs of two benchmarks and for runs without a common
    question.
    """
    folders = {"a": Path(run_a), "b": Path(run_b)}
    manifests = {side: read_manifest(folder, "run") for side, folder in folders.items()}
    if len({m["benchmark"]["manifest_sha256"] for m in manifests.values()}) > 1:
        raise UsageError(f"{run_a} and {run_b} are runs on two different benchmarks")
    answers = {
        side: load_answers(bench, folder / "predictions.parquet")
        for side, folder in folders.items()
    }
    return {
        **{side: _describe(manifests[side], folders[side]) for side in folders},
        "seed": seed,
        "resamples": RESAMPLES,
        "notes": _notes(manifests),
        **compare_answers(answers["a"], answers["b"], seed=seed),
    }


def compare_answers(a: pl.DataFrame, b: pl.DataFrame, *, seed: int) -> dict[str, Any]:
    """Comparison of two tables of `score.build_answers`, as in `compare_runs`."""
    first, second = question_values(a), question_values(b)
    both = first.join(
        second.select("question_id", "value", "named"),
        on="question_id", suffix="_b", maintain_order="left",
    )  # fmt: skip
    if not both.height:
        raise UsageError("the two runs have no answered question in common")
    return {
        "tasks": {
            task: _compare_task(part, seed=seed)
            for task in TASKS
            if (part := both.filter(pl.col("task") == task)).height
        },
        "overall": _compare_overall(both, seed=seed),
        "items": _differing(both),
        "only_in_a": _missing(first, second),
        "only_in_b": _missing(second, first),
    }


def question_values(answers: pl.DataFrame) -> pl.DataFrame:
    """One row per question that counts: `value`, the share of its askings that were right.

    Beside it `task`, `source`, `disease`, `patient_id`, `right` (texts), and `named`: what the
    askings named, a text each (the outcome's name where nothing was named), without repeats.
    """
    said = pl.when(pl.col("outcome") == "answered").then(
        pl.col("named").list.sort().list.join(", ")
    )
    return (
        answers.filter("counted")
        .with_columns(said=said.otherwise(pl.concat_str(pl.lit("("), "outcome", pl.lit(")"))))
        .group_by("question_id", maintain_order=True)
        .agg(
            *(pl.col(name).first() for name in _KEPT),
            value=pl.col("correct").cast(pl.Float64).mean(),
            named=pl.col("said").unique(maintain_order=True),
        )
    )


def overall_weights(tasks: Sequence[str]) -> NDArray[np.float64]:
    """Weight of each question so that a plain mean becomes the mean of the two tasks' accuracies.

    Raises ValueError where one of the two published tasks is missing.
    """
    labels = np.asarray(tasks, dtype=object)
    weights = np.zeros(len(labels))
    for task in PUBLISHED_TASKS:
        of_task = labels == task
        if not of_task.any():
            raise ValueError(f"no question of {task}: there is no overall")
        weights[of_task] = len(labels) / (2 * of_task.sum())
    return weights


def _compare_task(part: pl.DataFrame, *, seed: int) -> dict[str, Any]:
    a, b = part["value"].to_numpy(), part["value_b"].to_numpy()
    patients = part["patient_id"].to_list()
    p_mcnemar, note = _mcnemar(a, b, patients)
    return {
        **_figures(a, b, patients),
        "p_permutation": statistics.paired_permutation(
            a, b, patients, resamples=RESAMPLES, seed=seed
        ),
        "p_mcnemar": p_mcnemar,
        "mcnemar_note": note,
        "outcomes": _outcomes(a, b),
        "by_class": [
            {
                "value": disease,
                **_figures(
                    group["value"].to_numpy(),
                    group["value_b"].to_numpy(),
                    group["patient_id"].to_list(),
                ),
                "outcomes": _outcomes(group["value"].to_numpy(), group["value_b"].to_numpy()),
            }
            for (disease,), group in sorted(
                part.group_by(["disease"], maintain_order=True), key=lambda item: str(item[0][0])
            )
        ],
    }


def _compare_overall(both: pl.DataFrame, *, seed: int) -> dict[str, Any] | None:
    part = both.filter(pl.col("task").is_in(PUBLISHED_TASKS))
    if part["task"].n_unique() < len(PUBLISHED_TASKS):
        return None
    weights = overall_weights(part["task"].to_list())
    a, b = part["value"].to_numpy() * weights, part["value_b"].to_numpy() * weights
    patients = part["patient_id"].to_list()
    return {
        **_figures(a, b, patients),
        "p_permutation": statistics.paired_permutation(
            a, b, patients, resamples=RESAMPLES, seed=seed
        ),
    }


def _figures(
    a: NDArray[np.float64], b: NDArray[np.float64], patients: Sequence[str]
) -> dict[str, Any]:
    difference = statistics.paired_difference_interval(a, b, patients)
    return {
        "items": len(a),
        "patients": len(set(patients)),
        "accuracy_a": float(a.mean()),
        "accuracy_b": float(b.mean()),
        "difference": {
            "estimate": difference.estimate,
            "low": difference.low,
            "high": difference.high,
        },
    }


def _outcomes(a: NDArray[np.float64], b: NDArray[np.float64]) -> dict[str, int]:
    """Questions by who did better; `alike` are those on which both were right equally often."""
    return {
        "both_right": int(((a == 1) & (b == 1)).sum()),
        "a_better": int((a > b).sum()),
        "b_better": int((b > a).sum()),
        "both_wrong": int(((a == 0) & (b == 0)).sum()),
        "alike_in_part": int(((a == b) & (a > 0) & (a < 1)).sum()),
    }


def _mcnemar(
    a: NDArray[np.float64], b: NDArray[np.float64], patients: Sequence[str]
) -> tuple[float | None, str | None]:
    """McNemar's p, or None with the reason why it may not be taken."""
    if len(set(patients)) < len(patients):
        return None, "not one question per patient"
    if not np.isin(np.concatenate([a, b]), (0.0, 1.0)).all():
        return None, "some questions were asked several times with different results"
    return statistics.mcnemar(a, b, patients), None


def _differing(both: pl.DataFrame) -> list[dict[str, Any]]:
    """Questions on which the two differ, those that A did better first."""
    rows = both.filter(pl.col("value") != pl.col("value_b")).sort(
        pl.col("value") < pl.col("value_b"), "task", "disease", "question_id"
    )
    return [
        {
            "question_id": row["question_id"],
            "task": row["task"],
            "source": row["source"],
            "class": row["disease"],
            "patient_id": row["patient_id"],
            "better": "a" if row["value"] > row["value_b"] else "b",
            "truth": row["right"],
            "a": {"right": row["value"], "named": row["named"]},
            "b": {"right": row["value_b"], "named": row["named_b"]},
        }
        for row in rows.iter_rows(named=True)
    ]


def _missing(one: pl.DataFrame, other: pl.DataFrame) -> list[str]:
    return one.join(other, on="question_id", how="anti")["question_id"].sort().to_list()


def _describe(manifest: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    return {
        "model": manifest["model"],
        "run_id": manifest["run_id"],
        "folder": folder.name,
        "protocol": manifest["protocol"],
        "complete": manifest["complete"],
    }


def _notes(manifests: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a reader must know before believing the difference."""
    a, b = manifests["a"], manifests["b"]
    notes = []
    if a["protocol"] != b["protocol"] or a["prompts"] != b["prompts"]:
        notes.append("the two runs were not asked in the same words")
    if differ := differing_settings(a, b):
        notes.append(f"the two runs had different settings: {', '.join(differ)}")
    broken = [side.upper() for side in ("a", "b") if not manifests[side]["complete"]]
    if broken:
        notes.append(f"incomplete: {' and '.join(broken)}; only common questions are compared")
    return notes
