"""The folder of a run: its plan, its tables, its manifest; scored again without a call.

run.json              the plan, written before the first call: what `resume` goes on with
journal/*.jsonl       every answer as it came (see `journal`)
extractor/*.jsonl     what a model in the role `extractor` said, if one was given
logs/*.eval           Inspect's own logs, at most 5,000 questions each, for its viewer
predictions.parquet   records.Prediction: every question of the split, asked or not
scores.json           all figures (see `breakdown`, `bias`, `consistency`)
manifest.json         kind "run", written last
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import spinebench
from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import DataError, UsageError
from spinebench.evaluation.find import find_benchmark
from spinebench.evaluation.predictions import read_again
from spinebench.evaluation.run_identity import differing_settings, shown_model
from spinebench.folders import check_free, check_writable
from spinebench.records import Outcome as AnswerOutcome
from spinebench.records import Prediction, Question, sha256_of_json
from spinebench.tables import (
    read_manifest,
    read_table,
    sha256_of_file,
    write_json,
    write_table,
)

PLAN, JOURNAL, EXTRACTOR, LOGS = "run.json", "journal", "extractor", "logs"
PREDICTIONS, SCORES, MANIFEST = "predictions.parquet", "scores.json", "manifest.json"
OUTCOMES: tuple[str, ...] = get_args(AnswerOutcome)
LACKING = ("failed", "not_run")  # no answer; as `metric.LEFT_OUT`, which would load scipy
_PLAN_KIND = "run-plan"
_FIXED = ("model", "protocol", "tasks", "split", "subset", "epochs")


def read_plan(run: Path) -> dict[str, Any]:
    """Plan of a run folder, finished or not. Raises UsageError if it is none."""
    if not (run / PLAN).is_file():
        raise UsageError(f"{run} is no run that can be continued: there is no {PLAN}")
    try:
        plan = json.loads((run / PLAN).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(file=str(run / PLAN), found=str(error), expected="JSON") from error
    if not isinstance(plan, dict) or plan.get("kind") != _PLAN_KIND:
        raise DataError(file=str(run / PLAN), field="kind", found="another", expected=_PLAN_KIND)
    return plan


def check_place_of_run(out: Path, plan: Mapping[str, Any]) -> None:
    """Raise UsageError unless `out` is free, or holds a run that asks the same in the same way."""
    if not (out / PLAN).is_file():
        check_free(out)
        check_writable(out)
        return
    there = read_plan(out)
    for name in _FIXED:
        if there[name] != plan[name]:
            raise _other(out, name, there[name], plan[name])
    if differ := differing_settings(there, plan):
        name = differ[0]
        old, new = there["settings"].get(name), plan["settings"].get(name)
        raise _other(out, f"setting {name}", old, new)
    recipes = [part["recipe"]["name"] for part in (there, plan) if part.get("recipe")]
    if len(set(recipes)) > 1:
        raise _other(out, "recipe", *recipes)
    for task in set(there["prompts"]) & set(plan["prompts"]):
        if there["prompts"][task]["sha256"] != plan["prompts"][task]["sha256"]:
            raise UsageError(f"{out} holds a run with another prompt; choose another --out")


def _other(out: Path, what: str, there: object, here: object) -> UsageError:
    return UsageError(
        f"{out} holds a run with another {what}: {there} there, {here} here; choose another --out"
    )


def write_plan(out: Path, plan: Mapping[str, Any]) -> None:
    """Write the plan before anything is asked."""
    write_json(out / PLAN, {**plan, "kind": _PLAN_KIND})


def name_run(plan: Mapping[str, Any]) -> str:
    """Id of the run: the model as shown, and a hash of benchmark and settings."""
    identity = {
        "benchmark": plan["benchmark"]["manifest_sha256"],
        "settings": json.dumps(plan["settings"], sort_keys=True),
        "prompts": {task: prompt["sha256"] for task, prompt in plan["prompts"].items()},
        **{name: plan[name] for name in ("model", "protocol", "split", "epochs", "subset")},
    }
    name = "".join(c if c.isalnum() or c in ".-" else "-" for c in shown_model(plan["model"]))
    return f"{name}-{sha256_of_json(identity)[:8]}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of the asking, beside the predictions."""

    state: str  # "complete", "incomplete", "interrupted", "failed", "cost"
    stopped: Sequence[str]  # why it ended early, in words
    local: bool
    images: Mapping[str, Any]  # what the provider does to an image
    journal: Mapping[str, int]  # lines, torn lines, answers that were asked for twice
    extractor: Mapping[str, Any] | None = None  # `run_extractor.describe_extractor`


def write_run(
    out: Path,
    benchmark: Benchmark,
    plan: Mapping[str, Any],
    predictions: Sequence[Prediction],
    outcome: Outcome,
) -> dict[str, Any]:
    """Write tables, scores and manifest; returns the manifest with the scores under `scores`."""
    write_table(out / PREDICTIONS, predictions, Prediction)
    # it loads scipy: the first call of a run that is continued need not wait for that
    from spinebench.evaluation.run_scores import score_whole_run

    scores = score_whole_run(benchmark.folder, out / PREDICTIONS, seed=benchmark.manifest["seed"])
    write_json(out / SCORES, scores)
    manifest = _build_manifest(benchmark, plan, predictions, outcome)
    manifest["tables"] = _hash_tables(out)
    write_json(out / MANIFEST, manifest)
    return {**manifest, "scores": scores}


def _hash_tables(out: Path) -> dict[str, str]:
    return {name: sha256_of_file(out / name) for name in (PREDICTIONS, SCORES)}


def load_finished(out: Path, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """Manifest and scores of a run that lacks nothing; None if there is still something to do."""
    if not (out / MANIFEST).is_file():
        return None
    manifest = read_manifest(out, "run")
    same = manifest["benchmark"]["manifest_sha256"] == plan["benchmark"]["manifest_sha256"]
    whole = all((out / name).is_file() for name in (PREDICTIONS, SCORES))
    if not (same and whole and manifest["complete"] and manifest["tables"] == _hash_tables(out)):
        return None
    if any(manifest.get(name) != plan[name] for name in ("price", "recipe")):
        return None
    if not _is_read(manifest.get("extractor"), plan["extractor"]):
        return None
    return {**manifest, "scores": json.loads((out / SCORES).read_text(encoding="utf-8"))}


def _is_read(kept: object, extractor: str | None) -> bool:
    """Whether that extractor has read all that it should; `kept` is the manifest's word of it."""
    if extractor is None:
        return kept is None
    return isinstance(kept, dict) and (kept["model"], kept["unread"]) == (extractor, 0)


def rescore_run(
    run: Path, bench: Path | None = None, *, extract_again: bool = False
) -> dict[str, Any]:
    """Score a run again from its predictions, without a call; returns what `write_run` does.

    The answers themselves never change; `extract_again` reads their texts by the rules of today.
    Raises DataError if the predictions are not those of the manifest.
    """
    manifest = read_manifest(run, "run")
    benchmark = Benchmark.load(bench or find_benchmark([run]))
    found, expected = sha256_of_file(run / PREDICTIONS), manifest["tables"][PREDICTIONS]
    if found != expected:
        raise DataError(
            file=str(run / PREDICTIONS), field="SHA-256", found=found,
            expected=f"{expected} (manifest); `spinebench eval resume` makes it anew",
        )  # fmt: skip
    predictions = read_table(run / PREDICTIONS, Prediction)
    by_id = {question.question_id: question for question in benchmark.questions}
    if extract_again:
        predictions = [read_again(p, by_id[p.question_id]) for p in predictions]
        write_table(run / PREDICTIONS, predictions, Prediction)
    # it loads scipy: the first call of a run that is continued need not wait for that
    from spinebench.evaluation.run_scores import score_whole_run

    scores = score_whole_run(benchmark.folder, run / PREDICTIONS, seed=benchmark.manifest["seed"])
    write_json(run / SCORES, scores)
    manifest["counts"] = count_outcomes(predictions, by_id, manifest["tasks"])
    manifest["tables"] = _hash_tables(run)
    write_json(run / MANIFEST, manifest)
    return {**manifest, "scores": scores}


def count_outcomes(
    predictions: Iterable[Prediction], questions: Mapping[str, Question], tasks: Iterable[str]
) -> dict[str, dict[str, int]]:
    """Predictions by task and outcome, every outcome named."""
    counts: Counter[tuple[str, str]] = Counter(
        (questions[p.question_id].task, p.outcome) for p in predictions
    )
    return {task: {outcome: counts[task, outcome] for outcome in OUTCOMES} for task in tasks}


def _build_manifest(
    benchmark: Benchmark,
    plan: Mapping[str, Any],
    predictions: Sequence[Prediction],
    outcome: Outcome,
) -> dict[str, Any]:
    """What the run was. No hosts or keys: model arguments are left out for that reason."""
    by_id = {question.question_id: question for question in benchmark.questions}
    tasks = list(plan["prompts"])
    counts = count_outcomes(predictions, by_id, tasks)
    kept = ("settings", "protocol", "prompt_replaced", "prompts", "split", "subset", "limit")
    return {
        "kind": "run",
        "run_id": name_run(plan),
        "spinebench": spinebench.__version__,
        "inspect_ai": version("inspect-ai"),
        "model": plan["model"],
        "local": outcome.local,
        **{name: plan[name] for name in kept},
        "benchmark": {**plan["benchmark"], "seed": benchmark.manifest["seed"]},
        "tasks": tasks,
        "epochs": plan["epochs"],
        "accepted_terms": plan["accepted_terms"],
        "images": dict(outcome.images),
        "price": plan["price"],
        "extractor": dict(outcome.extractor) if outcome.extractor else None,
        "recipe": plan["recipe"],
        "usage": _sum_usage(predictions),
        "journal": dict(outcome.journal),
        "counts": counts,
        "complete": not any(counts[t][o] for t in tasks for o in LACKING),
        "state": outcome.state,
        "stopped": list(outcome.stopped),
    }


def _sum_usage(predictions: Sequence[Prediction]) -> dict[str, float | int | None]:
    """Tokens and US dollars of all answers; None if one of them does not tell."""
    heard = [p for p in predictions if p.outcome not in LACKING]

    def total(name: str) -> Any:
        values = [getattr(p, name) for p in heard]
        return sum(values) if values and None not in values else None

    return {name: total(name) for name in ("input_tokens", "output_tokens", "cost_usd")}
