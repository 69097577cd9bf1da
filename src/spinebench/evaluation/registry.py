"""What Inspect loads through its entry point: the tasks, and two providers of models."""

from inspect_ai.model import ModelAPI, modelapi

from spinebench.evaluation.tasks import alignment, diagnosis, localization

__all__ = ["alignment", "diagnosis", "localization", "spinebench", "spinebench_hf"]


@modelapi(name="spinebench")
def spinebench() -> type[ModelAPI]:
    """Models `spinebench/random`, `blind`, `metadata` and `nearest`."""
    # fitted only when asked for: importing the registry stays cheap for every `inspect` command
    from spinebench.evaluation.providers.api import SpinebenchAPI

    return SpinebenchAPI


@modelapi(name="spinebench-hf")
def spinebench_hf() -> type[ModelAPI]:
    """Open weights in this process: `spinebench-hf/FOLDER_OR_HUB_ID`."""
    from spinebench.evaluation.providers.transformers_api import TransformersAPI

    return TransformersAPI
