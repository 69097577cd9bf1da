"""One run: a model answers a benchmark, and what it said is kept (see `run_folder`).

A run that was killed, stopped or interrupted goes on where it was when it is started once more
into the same folder: only what its journal lacks is asked.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inspect_ai.model import Model

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation.asking import Calling, Shard
from spinebench.evaluation.find import find_benchmark, relative_benchmark
from spinebench.evaluation.images import describe_handling
from spinebench.evaluation.journal import Journal, next_file, only_run, read_journal
from spinebench.evaluation.models import ModelOptions, build_settings, open_model
from spinebench.evaluation.predictions import Run, build_predictions
from spinebench.evaluation.prices import Price, read_price
from spinebench.evaluation.prompts import TASKS, Prompt, load_prompt
from spinebench.evaluation.protocols import Ask, Protocol, build_asks, parse_protocol
from spinebench.evaluation.run_extractor import extract_unparsed
from spinebench.evaluation.run_folder import (
    EXTRACTOR,
    JOURNAL,
    LOGS,
    PLAN,
    Outcome,
    check_place_of_run,
    load_finished,
    name_run,
    read_plan,
    write_plan,
    write_run,
)
from spinebench.evaluation.select import check_letters, name_part, select_questions
from spinebench.evaluation.terms import check_terms, is_local
from spinebench.evaluation.watch import DEFAULT_STOP_AFTER, Limits
from spinebench.evaluation.workers import Ended, ask_here, ask_in_processes
from spinebench.progress import iter_with_progress
from spinebench.records import Question
from spinebench.tables import sha256_of_file

__all__ = ["RunOptions", "find_benchmark", "plan_run", "resume_run", "run_evaluation"]

SHARD = 5000  # questions per log: Inspect reads and writes larger ones slowly


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a model is asked."""

    tasks: Sequence[str] = TASKS
    split: str = "test"
    subset: bool = False  # only the questions of the evaluation subset
    protocol: str = "released"  # with modifiers: "released+circular"
    prompt: Path | None = None  # file that replaces the protocol's text
    prompts: Mapping[str, Prompt] | None = None  # ready ones, of a run that is continued
    circular: bool = False
    shuffle: int | None = None
    no_image: bool = False
    limit: int | None = None  # questions per task
    accept_terms: Sequence[str] = ()
    model_args: Mapping[str, Any] | None = None
    model_base_url: str | None = None
    settings: Mapping[str, Any] | None = None  # of Inspect's GenerateConfig: temperature, seed, ...
    epochs: int = 1
    max_connections: int | None = None  # calls on their way, of all processes together
    processes: int = 1
    prices: Path | None = None
    price: Price | None = None  # a ready one, of a run that is continued
    max_cost: float | None = None  # US dollars
    stop_after: int = DEFAULT_STOP_AFTER  # questions that fail in a row; 0 = never
    extractor: str | None = None  # model that reads answers in which the rules find nothing

    @property
    def whole_protocol(self) -> Protocol:
        """The protocol with the modifiers of both its name and the options."""
        named = parse_protocol(self.protocol)
        return replace(
            named,
            circular=named.circular or self.circular,
            shuffle=named.shuffle if self.shuffle is None else self.shuffle,
            no_image=named.no_image or self.no_image,
        )


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A run before its first call: everything is read and checked."""

    options: RunOptions
    protocol: Protocol
    benchmark: Benchmark
    questions: Mapping[str, Sequence[Question]]  # by task, in the order they are asked
    prompts: Mapping[str, Prompt]
    called: ModelOptions
    model: str
    price: Price | None

    def asks(self, limit: int | None = None) -> list[Ask]:
        """Every asking, of the first `limit` questions of each task."""
        return build_asks(
            [q for part in self.questions.values() for q in part[:limit]],
            self.protocol,
            epochs=self.options.epochs,
            prompt_sha256={task: prompt.sha256 for task, prompt in self.prompts.items()},
            images=self.benchmark.images,
        )


def run_evaluation(bench: Path, model: str, out: Path, **options: Any) -> dict[str, Any]:
    """Ask `model` the questions of `bench` and write the run to `out`; keywords: `RunOptions`.

    Returns the manifest with the scores under `scores`. Where `out` holds a run that asks the same,
    it is continued. Raises UsageError before any call if something is amiss with the options or
    with a source's terms; KeyboardInterrupt after an interrupted run was written as incomplete.
    """
    planned = _keep_what_was_given(plan_run(bench, model, **options), out)
    plan = describe_plan(planned, out)
    opened = open_model(model, planned.called)
    # of all questions, asked or not: whether a run is stopped must not hang on `limit`
    sources = {question.source for part in planned.questions.values() for question in part}
    accepted = planned.options.accept_terms
    check_terms(opened, sources, planned.benchmark.manifest, accepted)
    extractor = _open_extractor(planned.options.extractor)
    check_place_of_run(out, plan)
    with only_run(out / JOURNAL):
        journal = read_journal(out / JOURNAL)
        missing = _missing(planned, journal)
        if not missing and (finished := load_finished(out, plan)) is not None:
            return finished
        write_plan(out, plan)
        ended = _ask(planned, opened, out, missing, journal)
        result = _finish(planned, plan, out, ended, opened, extractor)
    if ended.stop == "interrupted":
        raise KeyboardInterrupt
    return result


def _keep_what_was_given(planned: Planned, out: Path) -> Planned:
    """Price and extractor of the run that `out` holds, where none are given now."""
    if not (out / PLAN).is_file():
        return planned
    there = read_plan(out)
    options = replace(planned.options, extractor=planned.options.extractor or there["extractor"])
    price = planned.price or (Price(**there["price"]) if there["price"] else None)
    return replace(planned, options=options, price=price)


def resume_run(run: Path, **changes: Any) -> dict[str, Any]:
    """Continue a run as its plan has it; `changes` are `RunOptions` that may differ.

    The values of model arguments and the address of a server are in no file: where the run was
    given some, they must be given again.
    """
    plan = read_plan(run)
    given = changes.get("model_args") or {}
    lacking = [name for name in plan["model_args"] if name not in given]
    if lacking:
        raise UsageError(f"{run}: the run was given --model-arg {lacking[0]}; give it again")
    if plan["own_address"] and not changes.get("model_base_url"):
        raise UsageError(f"{run}: the run was given --model-base-url; give it again")
    bench = changes.pop("bench", None) or (run.resolve() / plan["benchmark"]["path"]).resolve()
    base = parse_protocol(plan["protocol"]).base
    prompts = {
        task: Prompt(protocol=base, task=task, text=prompt["text"])
        for task, prompt in plan["prompts"].items()
    }
    options = {
        "tasks": plan["tasks"], "split": plan["split"], "subset": plan["subset"],
        "protocol": plan["protocol"], "prompts": prompts, "limit": plan["limit"],
        "accept_terms": plan["accepted_terms"], "settings": plan["settings"],
        "epochs": plan["epochs"], "processes": plan["processes"],
        "price": Price(**plan["price"]) if plan["price"] else None, "max_cost": plan["max_cost"],
        "stop_after": plan["stop_after"], "extractor": plan["extractor"],
        "max_connections": plan["max_connections"],
    }  # fmt: skip
    options |= {name: value for name, value in changes.items() if value is not None}
    return run_evaluation(Path(bench), plan["model"], run, **options)


def plan_run(bench: Path, model: str, **options: Any) -> Planned:
    """The run as it would be asked. Raises UsageError if something is amiss with the options."""
    chosen = RunOptions(**options)
    _check_options(chosen)
    protocol = chosen.whole_protocol
    benchmark = Benchmark.load(bench)
    questions = _load_questions(benchmark, chosen)
    ready = chosen.prompts or {}
    prompts = {
        task: ready.get(task)
        or load_prompt(protocol.base, task, chosen.prompt, no_image=protocol.no_image)
        for task in questions
    }
    for task, part in questions.items():
        check_letters(part)
        for question in part:
            prompts[task].render(question.text, question.lettered)
    called = _model_options(model, bench, chosen)
    build_settings(called)
    price = chosen.price
    if chosen.prices is not None:
        price = read_price(chosen.prices, model)
    if chosen.max_cost is not None and price is None:
        raise UsageError(f"--max-cost: no price of {model} is known; give one with --prices FILE")
    return Planned(
        options=chosen, protocol=protocol, benchmark=benchmark, questions=questions,
        prompts=prompts, called=called, model=model, price=price,
    )  # fmt: skip


def describe_plan(planned: Planned, out: Path) -> dict[str, Any]:
    """The plan as `run.json` keeps it. No hosts, keys or values of model arguments."""
    options = planned.options
    folder = planned.benchmark.folder
    replaced = options.prompt is not None or any(
        prompt.sha256 != load_prompt(
            planned.protocol.base, task, no_image=planned.protocol.no_image
        ).sha256
        for task, prompt in planned.prompts.items()
    )  # fmt: skip
    return {
        "model": planned.model,
        "settings": build_settings(planned.called),
        "protocol": planned.protocol.name,
        "prompt_replaced": replaced,
        "prompts": {t: {"sha256": p.sha256, "text": p.text} for t, p in planned.prompts.items()},
        "tasks": list(options.tasks),
        "split": options.split,
        "subset": options.subset,
        "epochs": options.epochs,
        "limit": options.limit,
        "accepted_terms": sorted(options.accept_terms),
        "model_args": sorted(options.model_args or {}),
        "own_address": options.model_base_url is not None,
        "benchmark": {
            "path": relative_benchmark(folder, out),
            "manifest_sha256": sha256_of_file(folder / "manifest.json"),
        },
        "price": planned.price.plain() if planned.price else None,
        "max_cost": options.max_cost,
        "max_connections": options.max_connections,
        "stop_after": options.stop_after,
        "extractor": options.extractor,
        "processes": options.processes,
    }


def _check_options(options: RunOptions) -> None:
    unknown = sorted(set(options.tasks) - set(TASKS))
    if unknown or not options.tasks:
        raise UsageError(
            f"unknown task {', '.join(unknown) or '(none)'}; there are {', '.join(TASKS)}"
        )
    least = {"limit": 1, "epochs": 1, "processes": 1, "stop_after": 0, "shuffle": 0}
    for name, smallest in least.items():
        value = getattr(options, name)
        if value is not None and value < smallest:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} {value}: must be at least {smallest}")
    if options.max_cost is not None and options.max_cost <= 0:
        raise UsageError(f"--max-cost {options.max_cost}: must be more than 0")


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
    connections = options.max_connections
    if connections is not None:
        connections = -(-connections // options.processes)
    return ModelOptions(
        args=args,
        base_url=options.model_base_url,
        settings=options.settings or {},
        max_connections=connections,
    )


def _open_extractor(name: str | None) -> Model | None:
    return open_model(name, ModelOptions()) if name else None


def _missing(planned: Planned, journal: Journal) -> list[Ask]:
    """What is still to be asked: what was never answered. A failure is no answer."""
    return [
        ask
        for ask in planned.asks(planned.options.limit)
        if ask.key not in journal.by_key or journal.by_key[ask.key].error is not None
    ]


def _ask(
    planned: Planned, opened: Model, out: Path, missing: Sequence[Ask], journal: Journal
) -> Ended:
    options = planned.options
    shards = _cut(missing, options.processes, out)
    if not shards:
        return Ended()
    calling = Calling(
        bench=planned.benchmark.folder.resolve(),
        model=planned.model,
        called=planned.called,
        prompts=planned.prompts,
        no_image=planned.protocol.no_image,
        logs=out / LOGS,
        limits=Limits(stop_after=options.stop_after, max_cost=options.max_cost),
        price=planned.price,
        about={"protocol": planned.protocol.name, "split": options.split,
               "subset": options.subset},
    )  # fmt: skip
    costs = [planned.price.cost_of(heard) if planned.price else None for heard in journal.heard]
    spent = sum(cost for cost in costs if cost is not None)
    if journal.heard:
        done = sum(entry.error is None for entry in journal.by_key.values())
        print(f"{planned.model}: {done} answered before, {len(missing)} to ask", file=sys.stderr)
    tick = _progress(len(missing), planned.model)
    if options.processes > 1:
        return ask_in_processes(calling, shards, options.processes, spent, tick)
    return ask_here(calling, shards, planned.benchmark, opened, spent, tick)


def _cut(missing: Sequence[Ask], processes: int, out: Path) -> list[Shard]:
    """Shards of one task each; smaller ones where several processes share the work."""
    shards: list[Shard] = []
    for task in TASKS:
        part = [ask for ask in missing if ask.question.task == task]
        size = min(SHARD, -(-len(part) // processes)) or 1
        for start in range(0, len(part), size):
            path = next_file(out / JOURNAL, len(shards))
            shards.append(Shard(task=task, asks=part[start : start + size], journal=path))
    return shards


def _progress(total: int, label: str) -> Callable[[int, int], None]:
    """Shows questions answered and failed, each of which only grows, on stderr."""
    state = _Shown()
    steps = iter(
        iter_with_progress(
            range(total),
            total=total,
            label=label,
            note=lambda: f", {state.failed} failed" if state.failed else "",
        )
    )
    next(steps, None)

    def tick(answered: int, failed: int) -> None:
        state.failed = failed
        for _ in range(answered + failed - state.done):
            next(steps, None)
        state.done = max(state.done, answered + failed)

    return tick


@dataclass
class _Shown:
    done: int = 0
    failed: int = 0


def _finish(
    planned: Planned,
    plan: Mapping[str, Any],
    out: Path,
    ended: Ended,
    opened: Model,
    extractor: Model | None,
) -> dict[str, Any]:
    journal = read_journal(out / JOURNAL)
    asks = planned.asks()
    run = Run(
        run_id=name_run(plan),
        model=planned.model,
        settings=json.dumps(plan["settings"], sort_keys=True),
        protocol=planned.protocol.name,
        prompt_sha256={task: prompt.sha256 for task, prompt in planned.prompts.items()},
    )
    predictions = build_predictions(asks, journal.by_key, run, planned.price)
    if extractor is not None and ended.stop != "interrupted":
        predictions = extract_unparsed(predictions, asks, extractor, out / EXTRACTOR)
    answers = sum(heard.error is None for heard in journal.heard)
    answered = sum(heard.error is None for heard in journal.by_key.values())
    outcome = Outcome(
        state=_state_of(ended, complete=all(p.outcome not in _LACKING for p in predictions)),
        stopped=_words_of(ended, planned, journal),
        local=is_local(opened),
        images=describe_handling(planned.model),
        journal={
            "lines": len(journal.heard),
            "torn_lines": journal.torn,
            "answered_twice": answers - answered,
        },
    )
    return write_run(out, planned.benchmark, plan, predictions, outcome)


_LACKING = ("failed", "not_run")


def _state_of(ended: Ended, *, complete: bool) -> str:
    if ended.stop in ("interrupted", "cost"):
        return ended.stop
    if ended.stop or ended.errors:
        return "failed"
    return "complete" if complete else "incomplete"


def _words_of(ended: Ended, planned: Planned, journal: Journal) -> list[str]:
    words = sorted(ended.errors)
    if ended.stop == "failures":
        last = next((h.error for h in reversed(journal.heard) if h.error), "no answer")
        words.append(f"stopped: nothing but failures in a row, the last: {last}")
    elif ended.stop == "cost":
        words.append(f"stopped: --max-cost {planned.options.max_cost} is spent")
    elif ended.stop == "unpriced":
        words.append("stopped: --max-cost cannot be kept, an answer came without token counts")
    return words
