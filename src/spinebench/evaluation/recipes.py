"""Recipes: how the published models and their successors are reached, and whether they can be here.

Data, one file each in `data/models/`: model string for Inspect, settings, what it needs, licence,
quirks, and the documents that say so. A new recipe is one file there. Checking one opens a client
or reads a folder, and calls no model.
"""

import hashlib
import os
import shlex
import time
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from spinebench.errors import DataError, UsageError

State = Literal["ok", "missing", "note"]  # a note stops nothing
_FOLDER = files("spinebench").joinpath("data/models")


class Recipe(BaseModel):
    """One model."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    name: str
    title: str
    published: str | None = None  # its name in the published table; None for others
    succeeds: str | None = None  # name of the recipe that this model takes the place of
    model: str  # for --model
    # by whom it is run: at a provider, in this process, or in a server that you start
    runs: Literal["provider", "here", "server"]
    status: Literal["available", "deprecated", "retired"]
    status_note: str = ""
    licence: str
    licence_url: str = ""
    settings: Mapping[str, Any]  # of Inspect's GenerateConfig, for --setting
    args: Mapping[str, Any] = {}  # for --model-arg
    packages: tuple[str, ...]  # as pip names them, with the oldest version that Inspect takes
    variables: tuple[
        str, ...
    ] = ()  # NAME, NAME|OTHER (one of them), NAME=VALUE (what it is set to)
    weights: str | None = None  # hub id
    gpu_gb: int | None = None  # estimate: weights in bfloat16 and a batch of questions
    serve: str | None = None  # command of the server
    quirks: tuple[str, ...]
    as_of: str
    sources: tuple[str, ...]

    def command(self, weights: Path | None = None) -> str:
        """The `eval run` that asks it, for a shell."""
        words = ["spinebench", "eval", "run", "BENCH", "--model", self.model_at(weights)]
        for name, value in self.settings.items():
            words += ["--setting", f"{name}={value}"]
        for name, value in self.args.items():
            words += ["--model-arg", f"{name}={value}"]
        return shlex.join([*words, "--out", "DIR"])

    def args_for(self, model: str) -> dict[str, Any]:
        """Its model arguments where `model` has the same provider; another takes others."""
        return dict(self.args) if _provider(model) == _provider(self.model) else {}

    def model_at(self, weights: Path | None) -> str:
        """Model string, with a folder of weights in the place of the hub id."""
        if weights is None:
            return self.model
        if self.runs != "here":
            raise UsageError(f"--weights: {self.name} does not run in this process")
        return f"{self.model.partition('/')[0]}/{weights}"


class Check(BaseModel):
    """One thing that a model needs, and how it stands here."""

    what: str
    state: State
    told: str


@cache
def load_recipes() -> tuple[Recipe, ...]:
    """All recipes: the published models in the order of their names, then the others."""
    found = [
        _read_recipe(file.name, file.read_text(encoding="utf-8"))
        for file in _FOLDER.iterdir()
        if file.name.endswith(".toml")
    ]
    return tuple(sorted(found, key=lambda recipe: (recipe.published is None, recipe.name)))


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises UsageError, with names that are near."""
    found = {recipe.name: recipe for recipe in load_recipes()}
    if name not in found:
        near = get_close_matches(name.lower(), found, n=3, cutoff=0.5)
        meant = f" (near it: {', '.join(near)})" if near else ""
        raise UsageError(f"no recipe {name!r}{meant}; there are {', '.join(found)}")
    return found[name]


def hash_recipe(name: str) -> str:
    """SHA-256 of the recipe's file."""
    return hashlib.sha256(_FOLDER.joinpath(f"{name}.toml").read_bytes()).hexdigest()


def check_needs(recipe: Recipe, model: str, base_url: str | None = None) -> None:
    """Raise UsageError that says in one line what the recipe needs and this machine lacks.

    `model` is whom the run asks: another one by the same provider, or a folder of weights, needs
    the same but for the recipe's own model; one by another provider none of it.
    """
    if _provider(model) != _provider(recipe.model):
        return
    own = model == recipe.model
    weights = None if own or recipe.runs != "here" else Path(model.partition("/")[2])
    lacking = [
        check
        for check in check_recipe(recipe, weights)
        if check.state == "missing"
        and (own or check.what != "model")
        and not (base_url and "_BASE_URL" in check.what)
    ]
    if lacking:
        told = "; ".join(f"{check.what} ({check.told})" for check in lacking)
        raise UsageError(f"recipe {recipe.name} needs what is not here: {told}")


def check_recipe(recipe: Recipe, weights: Path | None = None) -> list[Check]:
    """What it needs and how that stands on this machine. Calls no model.

    `weights` is a folder in the place of the hub id. Raises UsageError if the model runs elsewhere.
    """
    model = recipe.model_at(weights)
    checks = [_check_status(recipe)]
    checks += [_check_package(package) for package in recipe.packages]
    checks += [_check_variable(variable) for variable in recipe.variables]
    if recipe.runs == "here":
        checks += _check_weights(recipe, model.partition("/")[2])
    elif not any(check.state == "missing" for check in checks):
        checks.append(_check_client(recipe))
    if recipe.serve is not None:
        checks.append(Check(what="server", state="note", told=f"started by you: {recipe.serve}"))
    return checks


def call_model(recipe: Recipe, weights: Path | None = None) -> dict[str, Any]:
    """Ask about a grey square, with the recipe's settings: what the model said, and what it took.

    Raises UsageError if it cannot be opened or the call fails.
    """
    import asyncio

    from spinebench.evaluation.models import ModelOptions, open_model
    from spinebench.evaluation.probe import ask_about_picture

    options = ModelOptions(args=recipe.args, settings=recipe.settings)
    model = open_model(recipe.model_at(weights), options)
    started = time.monotonic()
    output = asyncio.run(ask_about_picture(model))
    usage = output.usage
    return {
        "text": output.completion,
        "stop_reason": output.stop_reason,
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "seconds": round(time.monotonic() - started, 2),
    }


def _provider(model: str) -> str:
    return model.partition("/")[0]


def _read_recipe(file: str, text: str) -> Recipe:
    try:
        recipe = Recipe(**tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        told = " ".join(str(error).split())
        raise DataError(file=file, found=told, expected="a recipe of a model") from error
    if f"{recipe.name}.toml" != file:
        raise DataError(file=file, field="name", found=recipe.name, expected="the file's name")
    return recipe


def _check_status(recipe: Recipe) -> Check:
    told = f"{recipe.status}, as of {recipe.as_of}"
    if recipe.status_note:
        told += f": {recipe.status_note}"
    return Check(what="model", state="missing" if recipe.status == "retired" else "ok", told=told)


def _check_package(package: str) -> Check:
    name, _, least = package.partition(">=")
    try:
        found = version(name)
    except PackageNotFoundError:
        return Check(what=f"package {name}", state="missing", told=f"pip install '{package}'")
    if least and _numbers(found) < _numbers(least):
        told = f"{found} is too old: pip install '{package}'"
        return Check(what=f"package {name}", state="missing", told=told)
    return Check(what=f"package {name}", state="ok", told=found)


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.partition("+")[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit())


def _check_variable(variable: str) -> Check:
    """Never tells a variable's value: it may be a key."""
    names, _, value = variable.partition("=")
    found = next((name for name in names.split("|") if os.environ.get(name)), None)
    if found is not None:
        return Check(what=f"variable {found}", state="ok", told="set")
    told = " or ".join(names.split("|"))
    how = f"export {told}={value}" if value else f"set {told}"
    return Check(what=f"variable {names}", state="missing", told=how)


def _check_weights(recipe: Recipe, name: str) -> Iterator[Check]:
    from spinebench.evaluation.providers.transformers_load import find_weights

    try:
        folder = find_weights(name)
    except UsageError as error:
        yield Check(what="weights", state="missing", told=str(error))
    else:
        size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        state: State = "ok" if size and (folder / "config.json").is_file() else "missing"
        told = f"{name}, {size / 1e9:.1f} GB" if state == "ok" else f"{name} holds no model"
        yield Check(what="weights", state=state, told=told)
    yield _check_gpu(recipe)


def _check_gpu(recipe: Recipe) -> Check:
    needed = f"about {recipe.gpu_gb} GB are needed"
    try:
        import torch  # type: ignore[import-not-found, unused-ignore]  # only in an extra
    except ModuleNotFoundError:
        return Check(what="GPU", state="note", told=f"not known without torch; {needed}")
    if not torch.cuda.is_available():
        return Check(what="GPU", state="note", told=f"none: it runs on the CPU, slowly; {needed}")
    count = torch.cuda.device_count()
    total = sum(torch.cuda.get_device_properties(i).total_memory for i in range(count)) / 1e9
    return Check(what="GPU", state="note", told=f"{total:.0f} GB on {count}; {needed}")


def _check_client(recipe: Recipe) -> Check:
    from spinebench.evaluation.models import ModelOptions, open_model

    try:
        open_model(recipe.model, ModelOptions(args=recipe.args, settings=recipe.settings))
    except UsageError as error:
        return Check(what="client", state="missing", told=str(error))
    return Check(what="client", state="ok", told=f"{recipe.model} opens; nothing was called")
