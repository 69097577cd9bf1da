"""What tells a run from others: the model as shown, the settings without those of its calls."""

from collections.abc import Mapping
from typing import Any

# settings that change how a call is made, not what is asked
TRANSPORT = frozenset({"max_connections", "max_retries", "timeout", "attempt_timeout"})


def asked_settings(run: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a run, by its plan or manifest, without those of how its calls are made."""
    return {name: value for name, value in run["settings"].items() if name not in TRANSPORT}


def differing_settings(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Names of the settings of what is asked in which two runs differ."""
    first, second = asked_settings(one), asked_settings(other)
    names = sorted({*first, *second})
    return [name for name in names if first.get(name) != second.get(name)]


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Words for what keeps two runs from being one model asked in one way; prompts apart."""
    named = [name for name in ("model", "protocol", "epochs") if one.get(name) != other.get(name)]
    return [*named, *(f"setting {name}" for name in differing_settings(one, other))]


def shown_model(model: str) -> str:
    """A model's name as others may see it: of weights in a folder, the folder's name alone."""
    provider, _, path = model.partition("//")
    return f"{provider}/{path.rstrip('/').rpartition('/')[2]}" if path else model
