"""What a change of the picture costs a model: the same questions with and without it, in pairs.

Each question's answers (all epochs) are averaged, before and after; what is counted is a pair that
was answered on both sides, in whatever way (see `score.COUNTED`). The drop is accuracy before minus
accuracy after, with the interval of `paired_difference_interval`; p is by permutation of patients,
adjusted by Holm over all rows of the table. `changed` is the share of pairs whose answer is not the
same as before, right or wrong: a model may lose nothing on average and still waver.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from spinebench import statistics
from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation.breakdown import load_answers
from spinebench.evaluation.find import find_benchmark
from spinebench.evaluation.perturb_benchmark import read_changes
from spinebench.evaluation.run_identity import differences
from spinebench.statistics import Interval
from spinebench.tables import read_manifest

RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class RobustnessRow:
    """One task under one change."""

    task: str
    kind: str
    step: int
    amount: float
    before: float  # accuracy on the unchanged pictures of the same questions
    after: float
    drop: Interval
    p: float | None
    p_adjusted: float | None  # Holm, over all rows
    changed: Interval  # share of pairs with another answer
    pairs: int
    patients: int


def compare_perturbed(
    perturbed_run: Path,
    plain_run: Path,
    *,
    perturbed_bench: Path | None = None,
    plain_bench: Path | None = None,
    seed: int = 0,
) -> list[RobustnessRow]:
    """Rows by task, kind and step. Raises UsageError for runs that do not belong together."""
    changed = perturbed_bench or find_benchmark([perturbed_run])
    plain = plain_bench or find_benchmark([plain_run])
    _check_pair(perturbed_run, plain_run, changed, plain)
    pairs = pair_answers(
        load_answers(changed, perturbed_run / "predictions.parquet"),
        load_answers(plain, plain_run / "predictions.parquet"),
        read_changes(changed),
    )
    if not pairs.height:
        raise UsageError(
            f"no question was answered both in {perturbed_run} and in {plain_run}:"
            " the same split and tasks are needed"
        )
    return build_rows(pairs, seed=seed)


def _check_pair(perturbed_run: Path, plain_run: Path, changed: Path, plain: Path) -> None:
    one, other = read_manifest(perturbed_run, "run"), read_manifest(plain_run, "run")
    differ = differences(one, other)
    prompts, others = one["prompts"], other["prompts"]
    if any(prompts[task]["sha256"] != others[task]["sha256"] for task in prompts.keys() & others):
        differ.append("prompts")
    if differ:
        raise UsageError(
            f"{perturbed_run} and {plain_run} differ in {', '.join(differ)}: the same model must be"
            " asked the same way"
        )
    made_from = Benchmark.load(changed).manifest.get("perturbed", {}).get("from_manifest_sha256")
    if made_from is None:
        raise UsageError(f"{changed} is not a perturbed benchmark")
    if made_from != other["benchmark"]["manifest_sha256"]:
        raise UsageError(f"{changed} was made from another benchmark than {plain}")


def pair_answers(
    perturbed: pl.DataFrame, plain: pl.DataFrame, changes: pl.DataFrame
) -> pl.DataFrame:
    """One row per changed question that was counted on both sides.

    Columns: `task`, `kind`, `step`, `amount`, `patient_id`, `before`, `after` (mean of the epochs),
    `same` (share of epochs whose answer is the same as in the plain run's same epoch).
    """
    # a question has a kind of its own ("mcq"); here it is the change's
    after = perturbed.filter("counted").drop("kind").join(changes, on="question_id")
    before = plain.filter("counted").select(
        pl.col("question_id").alias("original_question_id"),
        "epoch",
        pl.col("correct").alias("was_correct"),
        pl.col("letters").alias("was_letters"),
        pl.col("outcome").alias("was_outcome"),
    )
    both = after.join(before, on=["original_question_id", "epoch"])
    same = (pl.col("outcome") == pl.col("was_outcome")) & (
        pl.col("letters").list.sort().list.join(",")
        == pl.col("was_letters").list.sort().list.join(",")
    )
    return (
        both.group_by("question_id")
        .agg(
            *(pl.col(name).first() for name in ("task", "kind", "step", "amount", "patient_id")),
            before=pl.col("was_correct").cast(pl.Float64).mean(),
            after=pl.col("correct").cast(pl.Float64).mean(),
            same=same.cast(pl.Float64).mean(),
        )
        .sort("question_id")
    )


def build_rows(pairs: pl.DataFrame, *, seed: int) -> list[RobustnessRow]:
    """Rows of `pair_answers`, by task, kind and step in that order."""
    keys = ["task", "kind", "step", "amount"]
    groups = sorted(pairs.group_by(keys), key=lambda item: item[0])
    found = [_row(key, group, seed) for key, group in groups]
    ps = statistics.holm([row["p"] for row in found])
    return [RobustnessRow(**row, p_adjusted=float(p)) for row, p in zip(found, ps, strict=True)]


def _row(key: tuple[Any, ...], group: pl.DataFrame, seed: int) -> dict[str, Any]:
    task, kind, step, amount = key
    before, after = group["before"].to_numpy(), group["after"].to_numpy()
    patients = group["patient_id"].to_numpy()
    return {
        "task": task,
        "kind": kind,
        "step": step,
        "amount": amount,
        "before": float(before.mean()),
        "after": float(after.mean()),
        "drop": statistics.paired_difference_interval(before, after, patients),
        "p": statistics.paired_permutation(before, after, patients, resamples=RESAMPLES, seed=seed),
        "changed": statistics.cluster_mean_interval(1.0 - group["same"].to_numpy(), patients),
        "pairs": group.height,
        "patients": group["patient_id"].n_unique(),
    }
