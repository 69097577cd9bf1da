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

from spinebench.errors import UsageError
from spinebench.evaluation.asking import Calling, Shard
from spinebench.evaluation.find import find_benchmark
from spinebench.evaluation.images import describe_handling
from spinebench.evaluation.journal import Journal, next_file, only_run, read_journal, read_replies
from spinebench.evaluation.predictions import Run, build_predictions
from spinebench.evaluation.prices import Price
from spinebench.evaluation.prompts import TASKS, Prompt
from spinebench.evaluation.protocols import Ask, parse_protocol
from spinebench.evaluation.run_extractor import (
    Read,
    describe_extractor,
    list_unparsed,
    read_unparsed,
)
from spinebench.evaluation.run_folder import (
    EXTRACTOR,
    JOURNAL,
    LACKING,
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
from spinebench.evaluation.run_models import Opener, open_asked, open_reader
from spinebench.evaluation.run_plan import Planned, RunOptions, describe_plan, plan_run
from spinebench.evaluation.run_recipe import options_of_recipe
from spinebench.evaluation.terms import check_terms, is_local
from spinebench.evaluation.watch import Limits
from spinebench.evaluation.workers import Ended, ask_here, ask_in_processes
from spinebench.progress import iter_with_progress
from spinebench.records import Prediction

__all__ = ["RunOptions", "find_benchmark", "plan_run", "resume_run", "run_evaluation"]

SHARD = 5000  # questions per log: Inspect reads and writes larger ones slowly


def run_evaluation(bench: Path, model: str | None, out: Path, **options: Any) -> dict[str, Any]:
    """Ask `model` the questions of `bench` and write the run to `out`; keywords: `RunOptions`.

    Without a `model` that of the option `recipe` is asked.
    Returns the manifest with the scores under `scores`. Where `out` holds a run that asks the same,
    it is continued. Raises UsageError before any call if something is amiss with the options or
    with a source's terms; KeyboardInterrupt after an interrupted run was written as incomplete.
    """
    planned = _keep_what_was_given(plan_run(bench, model, **options), out)
    plan = describe_plan(planned, out)
    opened = open_asked(planned)
    # of all questions, asked or not: whether a run is stopped must not hang on `limit`
    sources = {question.source for part in planned.questions.values() for question in part}
    accepted = planned.options.accept_terms
    check_terms(opened, sources, planned.benchmark.manifest, accepted)
    reader = open_reader(planned.options.extractor)
    check_place_of_run(out, plan)
    with only_run(out / JOURNAL):
        journal = read_journal(out / JOURNAL)
        missing = _missing(planned, journal)
        if not missing and (finished := load_finished(out, plan)) is not None:
            return finished
        write_plan(out, plan)
        ended = _ask(planned, opened, out, missing, journal)
        result = _finish(planned, plan, out, ended, opened, reader)
    if ended.stop == "interrupted":
        raise KeyboardInterrupt
    return result


def _keep_what_was_given(planned: Planned, out: Path) -> Planned:
    """Price, extractor and recipe of the run that `out` holds, where none are given now."""
    if not (out / PLAN).is_file():
        return planned
    there = read_plan(out)
    options = replace(planned.options, extractor=planned.options.extractor or there["extractor"])
    price = planned.price or (Price(**there["price"]) if there["price"] else None)
    recipe = planned.recipe or there.get("recipe")
    return replace(planned, options=options, price=price, recipe=recipe)


def resume_run(run: Path, **changes: Any) -> dict[str, Any]:
    """Continue a run as its plan has it; `changes` are `RunOptions` that may differ.

    The values of model arguments and the address of a server are in no file: where the run was
    given some, they must be given again.
    """
    plan = read_plan(run)
    of_recipe = options_of_recipe(run, plan, changes.pop("recipe", None))
    given = of_recipe.pop("model_args", {}) | (changes.pop("model_args", None) or {})
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
    options |= of_recipe | {"model_args": given}
    options |= {name: value for name, value in changes.items() if value is not None}
    return run_evaluation(Path(bench), plan["model"], run, **options)


def _missing(planned: Planned, journal: Journal) -> list[Ask]:
    """What is still to be asked: what was never answered. A failure is no answer."""
    return [
        ask
        for ask in planned.asks(planned.options.limit)
        if ask.key not in journal.by_key or journal.by_key[ask.key].error is not None
    ]


def _ask(
    planned: Planned, opened: Model | None, out: Path, missing: Sequence[Ask], journal: Journal
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
    if opened is None or options.processes > 1:
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
    opened: Model | None,
    reader: Opener | None,
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
    read = None
    if reader is not None:
        read = _read_rest(planned, reader, predictions, asks, out, ended)
        predictions = read.predictions
    answers = sum(heard.error is None for heard in journal.heard)
    answered = sum(heard.error is None for heard in journal.by_key.values())
    outcome = Outcome(
        state=_state_of(ended, complete=all(p.outcome not in LACKING for p in predictions)),
        stopped=_words_of(ended, planned, journal),
        local=opened is None or is_local(opened),
        images=describe_handling(planned.model),
        extractor=_describe_extractor(planned, read),
        journal={
            "lines": len(journal.heard),
            "torn_lines": journal.torn,
            "answered_twice": answers - answered,
        },
    )
    return write_run(out, planned.benchmark, plan, predictions, outcome)


def _read_rest(
    planned: Planned,
    reader: Opener,
    predictions: list[Prediction],
    asks: Sequence[Ask],
    out: Path,
    ended: Ended,
) -> Read:
    """What the extractor makes of the answers; after Ctrl-C nobody is asked any more."""
    if ended.stop == "interrupted":
        unread = len(list_unparsed(predictions))
        return Read(predictions, unread, read_replies(out / EXTRACTOR))
    stop_after = planned.options.stop_after
    read = read_unparsed(predictions, asks, reader, out / EXTRACTOR, stop_after=stop_after)
    if read.interrupted:
        ended.stop = "interrupted"
    return read


def _describe_extractor(planned: Planned, read: Read | None) -> dict[str, Any] | None:
    name = planned.options.extractor
    return describe_extractor(name, read) if name is not None and read is not None else None


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
