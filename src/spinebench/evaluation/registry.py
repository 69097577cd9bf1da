"""What Inspect loads through its entry point: the tasks, and the provider of the baselines."""

from inspect_ai.model import ModelAPI, modelapi

from spinebench.evaluation.tasks import alignment, diagnosis, localization

__all__ = ["alignment", "diagnosis", "localization", "spinebench"]


@modelapi(name="spinebench")
def spinebench() -> type[ModelAPI]:
    """Models `spinebench/random`, `blind`, `metadata` and `nearest`."""
    # fitted only when asked for: importing the registry stays cheap for every `inspect` command
    from spinebench.evaluation.providers.api import SpinebenchAPI

    return SpinebenchAPI
