"""The recipes as data, and the checks of one on this machine."""

import csv
import json
import shlex
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest

from spinebench.cli.main import build_command
from spinebench.errors import DataError, UsageError
from spinebench.evaluation import recipes as module
from spinebench.evaluation.models import ModelOptions, build_settings
from spinebench.evaluation.recipes import Check, Recipe, check_recipe, find_recipe, load_recipes

ALL = load_recipes()
RECIPE = Recipe(
    name="x", title="X", model="openai/x", runs="provider", status="available", licence="MIT",
    settings={"temperature": 0}, packages=("openai>=3.4",), variables=("A_KEY|B_KEY",),
    quirks=("none",), as_of="2026-11", sources=("https://example.org",),
)  # fmt: skip


def published_names() -> set[str]:
    text = files("spinebench").joinpath("data/published/results_2510_12267.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["model"] for row in rows} - {"Random"}


def test_each_published_model_has_one_recipe() -> None:
    names = [recipe.published for recipe in ALL if recipe.published]
    assert len(names) == 12
    assert set(names) == published_names()


def test_successors_lead_to_a_recipe() -> None:
    names = {recipe.name for recipe in ALL}
    assert len(names) == len(ALL) == 23
    assert {recipe.succeeds for recipe in ALL if recipe.succeeds} <= names


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
def test_a_recipe_says_what_it_rests_on_and_can_be_run(recipe: Recipe) -> None:
    assert recipe.sources
    assert recipe.quirks
    assert all(source.startswith("https://") for source in recipe.sources)
    build_settings(recipe.model, ModelOptions(settings=recipe.settings))  # Inspect knows them all
    if recipe.status != "available":
        assert recipe.status_note
    if recipe.runs == "here":
        assert recipe.model == f"spinebench-hf/{recipe.weights}"
        assert recipe.gpu_gb
    if recipe.runs == "server":
        assert any(variable.startswith("LOCAL_BASE_URL=") for variable in recipe.variables)
    words = shlex.split(recipe.command())[1:]
    command = build_command()
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    with command.make_context("spinebench", words) as context:
        assert context.params["model"] == recipe.model


def test_command_takes_a_folder_of_weights(tmp_path: Path) -> None:
    folder = tmp_path / "my weights"
    command = find_recipe("medgemma-4b").command(folder)
    assert f"--model 'spinebench-hf/{folder}' --setting temperature=0" in command
    with pytest.raises(UsageError, match="--weights: gpt-4o does not run in this process"):
        find_recipe("gpt-4o").command(folder)


def test_unknown_recipes_are_told_the_known_ones() -> None:
    with pytest.raises(
        UsageError, match=r"no recipe 'gpt-4' \(near it: gpt-4o, .*\); there are claude-3\.5-"
    ):
        find_recipe("gpt-4")


def states(checks: list[Check]) -> dict[str, str]:
    return {check.what: check.state for check in checks}


def test_a_key_is_looked_for_and_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("A_KEY", "B_KEY"):
        monkeypatch.delenv(name, raising=False)
    checks = check_recipe(RECIPE)
    assert states(checks) == {
        "model": "ok", "package openai": "ok", "variable A_KEY|B_KEY": "missing"
    }  # fmt: skip
    assert checks[2].told == "set A_KEY or B_KEY"
    monkeypatch.setenv("B_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    checks = check_recipe(RECIPE)
    assert states(checks)["variable B_KEY"] == "ok"
    assert states(checks)["client"] == "ok"
    assert "secret" not in "".join(check.told for check in checks)


def test_a_client_that_does_not_open_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "x")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    # Inspect keeps a model that it has opened once: another name
    client = check_recipe(RECIPE.model_copy(update={"model": "openai/y"}))[-1]
    assert (client.what, client.state) == ("client", "missing")
    assert "OPENAI_API_KEY" in client.told


@pytest.mark.parametrize(
    ("package", "state", "told"),
    [
        ("no-such-package-here", "missing", "pip install 'no-such-package-here'"),
        ("openai>=999", "missing", "is too old: pip install 'openai>=999'"),
        ("openai>=1.0", "ok", "."),
    ],
)
def test_packages(package: str, state: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "x")
    check = check_recipe(RECIPE.model_copy(update={"packages": (package,)}))[1]
    assert check.state == state
    assert told in check.told


def test_a_retired_model_is_missing() -> None:
    checks = check_recipe(find_recipe("grok-3"))
    assert checks[0].state == "missing"
    assert checks[0].told.startswith("retired, as of 2026-11: retired on 2026-05-15")


def test_a_server_names_its_address_and_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_BASE_URL", raising=False)
    told = {check.what: check.told for check in check_recipe(find_recipe("deepseek-vl2"))}
    assert told["variable LOCAL_BASE_URL"] == "export LOCAL_BASE_URL=http://127.0.0.1:8000/v1"
    assert told["server"].startswith("started by you: vllm serve deepseek-ai/deepseek-vl2 ")


def test_weights_are_a_folder_with_a_model(tmp_path: Path) -> None:
    recipe = find_recipe("medgemma-4b")
    assert states(check_recipe(recipe, tmp_path))["weights"] == "missing"
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(bytes(200_000_000))
    check = next(c for c in check_recipe(recipe, tmp_path) if c.what == "weights")
    assert (check.state, check.told) == ("ok", f"{tmp_path}, 0.2 GB")
    gpu = next(c for c in check_recipe(recipe, tmp_path) if c.what == "GPU")
    assert (gpu.state, gpu.told.endswith("about 14 GB are needed")) == ("note", True)


def test_weights_of_the_hub_need_its_package() -> None:
    if find_spec("huggingface_hub"):
        pytest.skip("huggingface_hub is here")
    check = next(c for c in check_recipe(find_recipe("medgemma-4b")) if c.what == "weights")
    assert check.told == "huggingface_hub is not installed: pip install 'spinebench[vision]'"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = ", "x.toml: found "),
        (json.dumps({"name": "x"}), "x.toml: found "),
        ('name = "x"\ncolour = "red"', "colour"),
    ],
)
def test_a_broken_recipe_names_its_file(text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        module._read_recipe("x.toml", text)
