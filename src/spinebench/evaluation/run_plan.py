"""A run before its first call: what is asked, how, of whom; everything is read and checked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation.find import relative_benchmark
from spinebench.evaluation.models import ModelOptions, build_settings
from spinebench.evaluation.prices import Price, read_price
from spinebench.evaluation.prompts import TASKS, Prompt, load_prompt
from spinebench.evaluation.protocols import Ask, Protocol, build_asks, parse_protocol
from spinebench.evaluation.recipes import find_recipe, hash_recipe
from spinebench.evaluation.select import check_letters, name_part, select_questions
from spinebench.evaluation.watch import DEFAULT_STOP_AFTER
from spinebench.records import Question
from spinebench.tables import sha256_of_file

# `metadata` knows a picture by the bytes that were sent: without them it could only say what is
# most frequent in training
GO_BY_THE_IMAGE = frozenset({"spinebench/nearest", "spinebench/metadata"})


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
    recipe: str | None = None  # name of a recipe that model, settings and arguments are taken from
    recipe_used: Mapping[str, str] | None = None  # a ready one, of a run that is continued

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
    recipe: Mapping[str, str] | None  # `name`, `sha256`

    def asks(self, limit: int | None = None) -> list[Ask]:
        """Every asking, of the first `limit` questions of each task."""
        return build_asks(
            [q for part in self.questions.values() for q in part[:limit]],
            self.protocol,
            epochs=self.options.epochs,
            prompt_sha256={task: prompt.sha256 for task, prompt in self.prompts.items()},
            images=self.benchmark.images,
        )


def plan_run(bench: Path, model: str | None, **options: Any) -> Planned:
    """The run as it would be asked; without a `model` the recipe's is asked.

    Raises UsageError if something is amiss with the options.
    """
    model, chosen = _with_recipe(model, RunOptions(**options))
    _check_options(chosen)
    protocol = chosen.whole_protocol
    check_sees(model, protocol)
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
    build_settings(model, called)
    price = chosen.price
    if chosen.prices is not None:
        price = read_price(chosen.prices, model)
    if chosen.max_cost is not None and price is None:
        raise UsageError(f"--max-cost: no price of {model} is known; give one with --prices FILE")
    return Planned(
        options=chosen, protocol=protocol, benchmark=benchmark, questions=questions,
        prompts=prompts, called=called, model=model, price=price, recipe=chosen.recipe_used,
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
        "settings": build_settings(planned.model, planned.called),
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
        "recipe": dict(planned.recipe) if planned.recipe else None,
        "processes": options.processes,
    }


def _with_recipe(given: str | None, options: RunOptions) -> tuple[str, RunOptions]:
    """Model and options, the recipe's where none are given: what the caller says goes first."""
    if options.recipe is None:
        if given is None:
            raise UsageError(
                "whom to ask: --model MODEL or --recipe NAME (`spinebench models list`)"
            )
        return given, options
    recipe = find_recipe(options.recipe)
    model = given or recipe.model
    return model, replace(
        options,
        settings={**recipe.settings, **(options.settings or {})},
        model_args={**recipe.args_for(model), **(options.model_args or {})},
        recipe_used={"name": recipe.name, "sha256": hash_recipe(recipe.name)},
    )


def check_sees(model: str, protocol: Protocol) -> None:
    """Raise UsageError for a baseline that goes by the image and would be shown none."""
    if protocol.no_image and model in GO_BY_THE_IMAGE:
        raise UsageError(
            f"{model} goes by the image, and {protocol.name} sends none; spinebench/blind"
            " tells what can be told without"
        )


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
    if options.max_cost is not None and not 0 < options.max_cost < math.inf:
        raise UsageError(f"--max-cost {options.max_cost}: must be a number of dollars above 0")


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
