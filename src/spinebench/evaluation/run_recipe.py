"""What a continued run takes from a recipe: the one that it was started with, or one named now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spinebench.errors import UsageError
from spinebench.evaluation.recipes import Recipe, find_recipe, hash_recipe
from spinebench.evaluation.run_identity import TRANSPORT


def options_of_recipe(run: Path, plan: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    """`RunOptions` of a run that is continued, as far as a recipe has them; `name` is given now.

    The values of model arguments are in no file of the run: those of the recipe that it was started
    with are taken from there again. Raises UsageError for a recipe that is not the run's.
    """
    kept = plan.get("recipe")
    if kept is None:
        return {} if name is None else _adopt(run, plan, find_recipe(name))
    if name not in (None, kept["name"]):
        raise UsageError(f"{run}: the run was started with recipe {kept['name']}, not {name}")
    if not _is_unchanged(kept):
        if name is not None:
            raise UsageError(
                f"{run}: recipe {name} is not what it was when the run was started; leave out"
                " --recipe to go on with the settings of then"
            )
        return {"recipe_used": kept}
    args = find_recipe(kept["name"]).args_for(plan["model"])
    return {"recipe_used": kept, "model_args": args}


def _adopt(run: Path, plan: Mapping[str, Any], recipe: Recipe) -> dict[str, Any]:
    """A recipe named for a run that had none: it must ask the same (settings are checked later)."""
    same_weights = recipe.runs == "here" and recipe.args_for(plan["model"]) == recipe.args
    if plan["model"] != recipe.model and not same_weights:
        raise UsageError(
            f"{run}: the run asks {plan['model']}, recipe {recipe.name} {recipe.model}"
        )
    transport = {name: v for name, v in plan["settings"].items() if name in TRANSPORT}
    return {"recipe": recipe.name, "settings": transport}


def _is_unchanged(kept: Mapping[str, str]) -> bool:
    try:
        return hash_recipe(find_recipe(kept["name"]).name) == kept["sha256"]
    except UsageError:  # it no longer exists
        return False
