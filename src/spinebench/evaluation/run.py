"""One run: a model answers a benchmark, and what it said is kept.

out/logs/*.eval           Inspect's own logs, at most 5,000 samples each
out/predictions.parquet   records.Prediction: every question of the split, asked or not
out/scores.json           what `score` and `breakdown` make of them
out/manifest.json         kind "run": model, settings, prompts, benchmark by hash, counts
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import inspect_ai
from inspect_ai import Task, task_with
from inspect_ai.log import EvalLog
from inspect_ai.model import GenerateConfig, Model
from inspect_ai.solver import TaskState

import spinebench
from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation.breakdown import score_run
from spinebench.evaluation.find import find_benchmark, relative_benchmark
from spinebench.evaluation.models import ModelOptions, build_settings, open_model
from spinebench.evaluation.predictions import Run, build_predictions
from spinebench.evaluation.prompts import TASKS, Prompt, load_prompt
from spinebench.evaluation.score import COUNTED, LEFT_OUT
from spinebench.evaluation.select import name_part, select_questions
from spinebench.evaluation.tasks import alignment, diagnosis, localization
from spinebench.evaluation.terms import check_terms, is_local
from spinebench.folders import check_free, check_writable
from spinebench.progress import iter_with_progress
from spinebench.records import Prediction, Question, sha256_of_json
from spinebench.tables import sha256_of_file, write_json, write_table

__all__ = ["RunOptions", "find_benchmark", "run_evaluation"]

SHARD = 5000  # samples per log: Inspect reads and writes larger ones slowly
_TASKS = {"diagnosis": diagnosis, "localization": localization, "alignment": alignment}


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a model is asked."""

    tasks: Sequence[str] = TASKS
    split: str = "test"
    subset: bool = False  # only the questions of the evaluation subset
    protocol: str = "released"
    prompt: Path | None = None  # file that replaces the protocol's text
    limit: int | None = None  # questions per task
    accept_terms: Sequence[str] = ()
    model_args: Mapping[str, Any] | None = None
    model_base_url: str | None = None
    settings: Mapping[str, Any] | None = None  # of Inspect's GenerateConfig: temperature, seed, ...
    epochs: int = 1
    max_connections: int | None = None


def run_evaluation(bench: Path, model: str, out: Path, **options: Any) -> dict[str, Any]:
    """Ask `model` the questions of `bench` and write the run to `out`; keywords: `RunOptions`.

    Returns the manifest with the scores under `scores`. Raises UsageError before any call if
    something is amiss with the options or with a source's terms; KeyboardInterrupt after an
    interrupted run was written as incomplete.
    """
    chosen = RunOptions(**options)
    _check_options(chosen, out)
    benchmark = Benchmark.load(bench)
    questions = _load_questions(benchmark, chosen)
    prompts = {t: load_prompt(chosen.protocol, t, chosen.prompt) for t in questions}
    called = _model_options(model, bench, chosen)
    asked = open_model(model, called)
    # of all questions, asked or not: whether a run is stopped must not hang on `limit`
    sources = {question.source for part in questions.values() for question in part}
    check_terms(asked, sources, benchmark.manifest, chosen.accept_terms)

    run = _describe_run(benchmark, model, chosen, build_settings(called), prompts)
    everything = [question for part in questions.values() for question in part]
    state = _State()
    logs = _ask(asked, bench, out, chosen, questions, state)
    predictions = build_predictions(logs, everything, run)
    write_table(out / "predictions.parquet", predictions, Prediction)
    scores = score_run(bench, out / "predictions.parquet", seed=benchmark.manifest["seed"])
    write_json(out / "scores.json", scores)
    manifest = _build_manifest(
        benchmark, model, is_local(asked), chosen, prompts, run, predictions, questions
    )
    manifest["benchmark"]["path"] = relative_benchmark(bench, out)
    manifest["stopped"] = sorted(state.errors)
    manifest["tables"] = {
        name: sha256_of_file(out / name) for name in ("predictions.parquet", "scores.json")
    }
    write_json(out / "manifest.json", manifest)
    if state.interrupted:
        raise KeyboardInterrupt
    return {**manifest, "scores": scores}


def _check_options(options: RunOptions, out: Path) -> None:
    check_free(out)
    check_writable(out)
    unknown = sorted(set(options.tasks) - set(TASKS))
    if unknown or not options.tasks:
        raise UsageError(
            f"unknown task {', '.join(unknown) or '(none)'}; there are {', '.join(TASKS)}"
        )
    for name, value in (("limit", options.limit), ("epochs", options.epochs)):
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value}: must be at least 1")


def _load_questions(benchmark: Benchmark, options: RunOptions) -> dict[str, list[Question]]:
    """Questions of each task, in the order they are asked; tasks without any are left out."""
    found = {
        task: select_questions(benchmark, task, options.split, subset=options.subset)
        for task in TASKS
        if task in options.tasks
    }
    found = {task: questions for task, questions in found.items() if questions}
    if not found:
        raise UsageError(
            f"{benchmark.folder} has no questions of {', '.join(options.tasks)}"
            f" in {name_part(options.split, subset=options.subset)}"
        )
    return found


def _model_options(model: str, bench: Path, options: RunOptions) -> ModelOptions:
    args = dict(options.model_args or {})
    if model.startswith("spinebench/"):
        args.setdefault("bench", str(bench.resolve()))
    return ModelOptions(
        args=args,
        base_url=options.model_base_url,
        settings=options.settings or {},
        max_connections=options.max_connections,
    )


@dataclass
class _State:
    """What happened while a model was asked."""

    interrupted: bool = False  # by Ctrl-C
    errors: set[str] = field(default_factory=set)  # that ended a whole log


def _ask(
    model: Model,
    bench: Path,
    out: Path,
    options: RunOptions,
    questions: Mapping[str, Sequence[Question]],
    state: _State,
) -> Iterator[Path]:
    """Ask shard by shard; yields each log when it is written, a cancelled one too."""
    counts = {task: len(part[: options.limit]) for task, part in questions.items()}
    tick = _progress(sum(counts.values()) * options.epochs, str(model))
    known: set[Path] = set()
    for task, count in counts.items():
        for offset in range(0, count, SHARD):
            shard = _TASKS[task](
                bench=str(bench),
                split=options.split,
                protocol=options.protocol,
                prompt=str(options.prompt) if options.prompt else None,
                limit=min(SHARD, count - offset),
                accept_terms=",".join(options.accept_terms) or None,
                offset=offset,
                subset=options.subset,
            )
            # the model carries all settings; the task's own defaults would go before them
            shard = task_with(shard, cleanup=tick, config=GenerateConfig())
            headers = _run_task(shard, model, out, options.epochs)
            state.errors |= {log.error.message for log in headers if log.error}
            # after Ctrl-C Inspect writes the log as cancelled, and returns it or nothing at all
            state.interrupted = not headers or headers[0].status == "cancelled"
            yield from sorted(set((out / "logs").glob("*.eval")) - known)
            known = set((out / "logs").glob("*.eval"))
            if state.interrupted:
                return


def _run_task(task: Task, model: Model, out: Path, epochs: int) -> list[EvalLog]:
    return inspect_ai.eval(
        task,
        model=model,
        log_dir=str(out / "logs"),
        log_format="eval",
        epochs=epochs,
        display="none",
        log_images=False,  # the image's hash is in the log; its bytes are in the benchmark
        log_model_api=False,
        log_realtime=False,
        log_header_only=True,
        acp_server=False,
        ctl_server=False,
    )


def _progress(total: int, label: str) -> Callable[[TaskState], Any]:
    """A clean-up step that counts samples on stderr as they end, well or badly."""
    steps = iter(iter_with_progress(range(total), total=total, label=label))
    next(steps, None)

    async def tick(state: TaskState) -> None:
        next(steps, None)

    return tick


def _describe_run(
    benchmark: Benchmark,
    model: str,
    options: RunOptions,
    model_settings: Mapping[str, Any],
    prompts: Mapping[str, Prompt],
) -> Run:
    settings = json.dumps(model_settings, sort_keys=True)
    hashes = {task: prompt.sha256 for task, prompt in prompts.items()}
    identity = {
        "benchmark": sha256_of_file(benchmark.folder / "manifest.json"),
        "model": model,
        "settings": settings,
        "protocol": options.protocol,
        "prompts": hashes,
        "split": options.split,
        "epochs": options.epochs,
        **({"subset": True} if options.subset else {}),
    }
    name = "".join(c if c.isalnum() or c in ".-" else "-" for c in model)
    return Run(
        run_id=f"{name}-{sha256_of_json(identity)[:8]}",
        model=model,
        settings=settings,
        protocol=options.protocol,
        prompt_sha256=hashes,
        epochs=options.epochs,
    )


def _build_manifest(
    benchmark: Benchmark,
    model: str,
    local: bool,
    options: RunOptions,
    prompts: Mapping[str, Prompt],
    run: Run,
    predictions: Iterable[Prediction],
    questions: Mapping[str, Sequence[Question]],
) -> dict[str, Any]:
    """What the run was. No hosts or keys: model arguments are left out for that reason."""
    task_of = {q.question_id: task for task, part in questions.items() for q in part}
    counts: Counter[tuple[str, str]] = Counter(
        (task_of[p.question_id], p.outcome) for p in predictions
    )
    return {
        "kind": "run",
        "run_id": run.run_id,
        "spinebench": spinebench.__version__,
        "inspect_ai": version("inspect-ai"),
        "model": model,
        "local": local,
        "settings": json.loads(run.settings),
        "protocol": options.protocol,
        "prompt_replaced": options.prompt is not None,
        "prompts": {t: {"sha256": p.sha256, "text": p.text} for t, p in prompts.items()},
        "benchmark": {
            "manifest_sha256": sha256_of_file(benchmark.folder / "manifest.json"),
            "seed": benchmark.manifest["seed"],
        },
        "tasks": list(questions),
        "split": options.split,
        "subset": options.subset,
        "limit": options.limit,
        "epochs": options.epochs,
        "accepted_terms": sorted(options.accept_terms),
        "counts": {t: {o: counts[t, o] for o in (*COUNTED, *LEFT_OUT)} for t in questions},
        "complete": not any(counts[t, o] for t in questions for o in LEFT_OUT),
    }
