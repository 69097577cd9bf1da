"""`spinebench models`: recipes of models, and whether one can be asked from here."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spinebench.cli.output import Json, print_result, table_lines

if TYPE_CHECKING:
    from spinebench.evaluation.recipes import Recipe

app = typer.Typer(help="Recipes of models.", no_args_is_help=True)


@app.callback()
def _models() -> None:
    pass


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """Name the published models and today's successors, with model string, needs and quirks."""
    from spinebench.evaluation.recipes import load_recipes

    recipes = load_recipes()
    rows = [
        (r.name, r.status, r.runs, r.model, "published" if r.published else f"for {r.succeeds}"
         if r.succeeds else "")
        for r in recipes
    ]  # fmt: skip
    lines = [
        *table_lines(("recipe", "status", "runs", "model", ""), rows),
        "",
        "From documents; none was called by us. One in full: spinebench models check RECIPE",
    ]
    result = {"models": [recipe.model_dump(mode="json") for recipe in recipes]}
    print_result(result, lines, as_json=as_json)


@app.command()
def check(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe, as `models list` has it.")],
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Folder of weights instead of the hub's.")
    ] = None,
    call: Annotated[
        bool,
        typer.Option("--call", help="Ask it one question about a grey square; may cost money."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what a model needs and what of it is here; ends with 2 if something is missing."""
    from spinebench.evaluation.recipes import call_model, check_recipe, find_recipe

    found = find_recipe(recipe)
    checks = check_recipe(found, weights)
    ready = not any(check.state == "missing" for check in checks)
    answer = call_model(found, weights) if call and ready else None
    result = {
        "recipe": found.model_dump(mode="json"),
        "ready": ready,
        "checks": [check.model_dump() for check in checks],
        "command": found.command(weights),
        "answer": answer,
    }
    lines = [
        *_recipe_lines(found),
        "",
        *(f"{c.state:8}{c.what}: {c.told}" for c in checks),
        "",
        found.command(weights),
    ]
    if answer is not None:
        lines += ["", f"said in {answer['seconds']} s ({answer['stop_reason']}): {answer['text']}"]
    print_result(result, lines, as_json=as_json)
    if not ready:
        raise typer.Exit(2)


def _recipe_lines(recipe: "Recipe") -> list[str]:
    lines = [f"{recipe.title}: {recipe.model}"]
    if recipe.published:
        lines.append(f"published as {recipe.published}")
    lines.append(f"licence: {' '.join(filter(None, (recipe.licence, recipe.licence_url)))}")
    lines += [f"- {quirk}" for quirk in recipe.quirks]
    return [*lines, f"sources, as of {recipe.as_of}: {', '.join(recipe.sources)}"]
