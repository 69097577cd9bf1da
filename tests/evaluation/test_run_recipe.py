"""A run asked by recipe: what the recipe gives, what goes before it, what it lacks here."""

import gc
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from spinebench.errors import UsageError
from spinebench.evaluation import recipes
from spinebench.evaluation.estimate import estimate_run
from spinebench.evaluation.prompts import closing_line
from spinebench.evaluation.run import resume_run, run_evaluation
from tests.evaluation.scripted_server import Received, Reply, scripted_server

RECIPE = """
name = "mine"
title = "Mine"
model = "openai-api/local/mine"
runs = "server"
status = "available"
licence = "MIT"
settings = { temperature = 0, max_tokens = 77 }
args = { max_retries = 0 }
packages = []
variables = ["LOCAL_API_KEY", "LOCAL_BASE_URL=http://127.0.0.1:8000/v1"]
quirks = ["none"]
as_of = "2026-11"
sources = ["https://example.org"]
"""
ONE: dict[str, Any] = {"tasks": ["diagnosis"], "limit": 1}

NUMBERS = count(1)

# Inspect keeps a model with the connections of an event loop that is over; they go unclosed
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def _connections_end_here() -> Iterator[None]:
    yield
    gc.collect()


@dataclass(frozen=True)
class Shelf:
    """Recipes in the place of those that ship; `model` is that of the recipe `mine`."""

    folder: Path
    model: str

    @property
    def text(self) -> str:
        return RECIPE.replace("openai-api/local/mine", self.model)

    def put(self, text: str, name: str = "mine") -> None:
        (self.folder / f"{name}.toml").write_text(text)
        recipes.load_recipes.cache_clear()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    (tmp_path / "recipes").mkdir()
    monkeypatch.setattr(recipes, "_FOLDER", tmp_path / "recipes")
    monkeypatch.setenv("LOCAL_API_KEY", "none")
    # Inspect keeps the client of a name, and with it the address of another test's server
    found = Shelf(tmp_path / "recipes", f"openai-api/local/mine-{next(NUMBERS)}")
    found.put(found.text)
    yield found
    recipes.load_recipes.cache_clear()


@pytest.fixture
def asked(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Received]]:
    def reply(request: Received) -> Reply:
        return Reply(closing_line(["A"], several=False))

    with scripted_server(reply) as server:
        monkeypatch.setenv("LOCAL_BASE_URL", server.url)
        yield server.received


def test_model_and_settings_are_those_of_the_recipe(
    bench: Path, tmp_path: Path, asked: list[Received], shelf: Shelf
) -> None:
    out = tmp_path / "run"
    manifest = run_evaluation(bench, None, out, recipe="mine", **ONE)
    (request,) = asked
    assert request.body["model"] == shelf.model.rpartition("/")[2]
    assert request.body["temperature"] == 0
    assert manifest["model"] == shelf.model
    assert manifest["settings"]["max_tokens"] == 77
    sha256 = hashlib.sha256(shelf.text.encode()).hexdigest()
    assert manifest["recipe"] == {"name": "mine", "sha256": sha256}
    assert json.loads((out / "run.json").read_text())["model_args"] == ["max_retries"]


def test_what_is_given_goes_before_the_recipe(
    bench: Path, tmp_path: Path, asked: list[Received]
) -> None:
    manifest = run_evaluation(
        bench, f"openai-api/local/own-{next(NUMBERS)}", tmp_path / "run", recipe="mine",
        settings={"temperature": 0.5}, **ONE,
    )  # fmt: skip
    assert asked[0].body["model"].startswith("own-")
    assert asked[0].body["temperature"] == 0.5
    assert (manifest["settings"]["max_tokens"], manifest["recipe"]["name"]) == (77, "mine")


def test_arguments_are_for_the_recipes_provider_only(shelf: Shelf) -> None:
    recipe = recipes.find_recipe("mine")
    assert recipe.args_for("openai-api/local/mine-2") == {"max_retries": 0}
    assert recipe.args_for("spinebench/random") == {}


def test_a_resume_takes_from_the_recipe_what_no_file_of_the_run_holds(
    bench: Path, tmp_path: Path, asked: list[Received], shelf: Shelf
) -> None:
    out = tmp_path / "run"
    first = run_evaluation(bench, None, out, recipe="mine", **ONE)
    found = resume_run(out, limit=3)
    assert len(asked) == 3
    assert found["recipe"] == first["recipe"]
    assert resume_run(out, recipe="mine", limit=4)["recipe"] == first["recipe"]
    shelf.put(shelf.text.replace('"mine"', '"other"', 1), "other")
    with pytest.raises(UsageError, match="was started with recipe mine, not other"):
        resume_run(out, recipe="other")
    shelf.put(shelf.text.replace("77", "78"))
    with pytest.raises(UsageError, match="recipe mine is not what it was when the run was start"):
        resume_run(out, recipe="mine")
    with pytest.raises(UsageError, match="was given --model-arg max_retries; give it again"):
        resume_run(out)
    # the settings are those of then, and so is the recipe that is named
    last = resume_run(out, model_args={"max_retries": 0}, limit=5)
    assert (last["settings"]["max_tokens"], last["recipe"]) == (77, first["recipe"])
    assert len(asked) == 5


def test_a_recipe_may_be_named_later_if_it_asks_the_same(
    bench: Path, tmp_path: Path, asked: list[Received], shelf: Shelf
) -> None:
    same, other = tmp_path / "same", tmp_path / "other"
    settings = {"temperature": 0, "max_tokens": 77, "max_retries": 2}
    run_evaluation(bench, shelf.model, same, settings=settings, **ONE)
    found = resume_run(same, recipe="mine", limit=2)
    assert (found["recipe"]["name"], found["settings"]["max_retries"]) == ("mine", 2)
    run_evaluation(bench, shelf.model, other, **ONE)
    with pytest.raises(UsageError, match="another setting max_tokens: None there, 77 here"):
        resume_run(other, recipe="mine")
    shelf.put(shelf.text.replace(shelf.model, "openai-api/local/x"))
    with pytest.raises(
        UsageError, match=f"the run asks {shelf.model}, recipe mine openai-api/local/x"
    ):
        resume_run(other, recipe="mine")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "packages = []",
            'packages = ["no-such>=1"]',
            r"package no-such \(pip install 'no-such>=1",
        ),
        ('"LOCAL_API_KEY"', '"MY_KEY|MY_TOKEN"', r"variable MY_KEY\|MY_TOKEN \(set MY_KEY or MY_T"),
        ('"available"', '"retired"\nstatus_note = "gone"', r"model \(retired, as of 2026-11: gone"),
    ],
)
def test_what_the_recipe_needs_is_said_before_anything_is_written(
    bench: Path, tmp_path: Path, asked: list[Received], shelf: Shelf, old: str, new: str,
    message: str,
) -> None:  # fmt: skip
    shelf.put(shelf.text.replace(old, new))
    out = tmp_path / "run"
    with pytest.raises(UsageError, match=f"recipe mine needs what is not here: {message}") as told:
        run_evaluation(bench, None, out, recipe="mine", **ONE)
    assert "\n" not in str(told.value)
    assert not out.exists()
    assert not asked
    # nothing is needed to say what it would cost
    assert estimate_run(bench, None, recipe="mine", **ONE)["model"] == shelf.model
    # a model by somebody else needs nothing of it
    run_evaluation(bench, "spinebench/random", out, recipe="mine", **ONE)


def test_an_address_that_is_given_stands_for_its_variable(
    bench: Path, tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCAL_BASE_URL", raising=False)
    with pytest.raises(UsageError, match="variable LOCAL_BASE_URL"):
        run_evaluation(bench, None, tmp_path / "run", recipe="mine", **ONE)
    with scripted_server(lambda request: Reply("My final option: [A]")) as server:
        run_evaluation(
            bench, None, tmp_path / "run", recipe="mine", model_base_url=server.url, **ONE
        )
        assert len(server.received) == 1


def test_an_unknown_recipe_names_near_ones(bench: Path, tmp_path: Path) -> None:
    message = r"no recipe 'GPT4o' \(near it: gpt-4o.*\); there are claude-3"
    with pytest.raises(UsageError, match=message):
        run_evaluation(bench, None, tmp_path / "run", recipe="GPT4o")
    with pytest.raises(UsageError, match="no recipe 'zzz'; there are"):
        recipes.find_recipe("zzz")
