"""A model by its name, with settings, and a function from prompts to its texts.

Every model call of spinebench goes through Inspect's model layer; what can be wrong with a name, a
key or a setting is told in one line before any call.
"""

import asyncio
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from inspect_ai.model import GenerateConfig, Model, get_model
from pydantic import ValidationError

from spinebench.errors import UsageError

# Inspect retries without end, and waits for an answer as long as the provider's client does: a dead
# or silent server must end as `failed`, not as a run that hangs
DEFAULT_SETTINGS: dict[str, Any] = {"max_retries": 5, "attempt_timeout": 300, "timeout": 900}
# there is no server to fall silent: weights on a slow CPU may take half an hour for one answer, and
# giving that up would only start it anew
_FOR_SERVERS = frozenset({"attempt_timeout", "timeout"})
# no code of theirs opens a connection, whatever address is set
OURS = frozenset({"spinebench", "spinebench-hf"})
IN_PROCESS = OURS | {"hf", "transformer_lens", "nnterp"}


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """How a model is reached and called."""

    args: Mapping[str, Any] = field(default_factory=dict)  # of the provider
    base_url: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)  # of Inspect's GenerateConfig
    max_connections: int | None = None


def open_model(name: str, options: ModelOptions, *, shared: bool = True) -> Model:
    """Inspect's model of that name. Raises UsageError if the name, a key or a setting is wrong.

    `shared` False: a client of its own, not the one that was opened before under this name.
    """
    args = dict(options.args)
    if name.startswith("openai/") and _has_own_server(options):
        # Inspect takes a name that it does not know for OpenAI's newest and calls /responses,
        # which compatible servers rarely have; they all have /chat/completions
        args.setdefault("responses_api", False)
    try:
        config = GenerateConfig(**build_settings(name, options))
        # a baseline is fitted on a folder that may have been built anew under the same name
        memoize = shared and not name.startswith("spinebench/")
        return get_model(name, config=config, base_url=options.base_url, memoize=memoize, **args)
    except (ValueError, TypeError, ValidationError) as error:
        raise UsageError(f"model {name}: {_one_line(error)}") from error
    except Exception as error:
        # Inspect's class for a missing key or package is not part of its public API
        if type(error).__name__ != "PrerequisiteError":
            raise
        raise UsageError(f"model {name}: {_one_line(error)}") from error


def default_settings(model: str) -> dict[str, Any]:
    """Settings of a model string where none are given: what runs in this process has no timeout."""
    if model.partition("/")[0] not in IN_PROCESS:
        return dict(DEFAULT_SETTINGS)
    return {name: v for name, v in DEFAULT_SETTINGS.items() if name not in _FOR_SERVERS}


def build_settings(model: str, options: ModelOptions) -> dict[str, Any]:
    """All generation settings by name. Raises UsageError for one that Inspect does not know."""
    settings = {**default_settings(model), **options.settings}
    unknown = sorted(set(settings) - set(GenerateConfig.model_fields))
    if unknown:
        raise UsageError(f"unknown setting {unknown[0]!r}: Inspect's GenerateConfig has none such")
    if options.max_connections is not None:
        settings["max_connections"] = options.max_connections
    return settings


@contextmanager
def asked_for_texts(model: Model) -> Iterator[Callable[[Sequence[str]], list[str]]]:
    """A function that asks the model all prompts at once and returns its texts in their order.

    It raises UsageError if every call fails; one that fails among others gives an empty text.
    """
    # one loop for all rounds: a provider's client is bound to the loop that it was first used in
    with asyncio.Runner() as runner:

        def generate(prompts: Sequence[str]) -> list[str]:
            answers = runner.run(_ask_all(model, prompts))
            failures = [answer for answer in answers if isinstance(answer, Exception)]
            if failures and len(failures) == len(answers):
                raise UsageError(f"model {model}: {_one_line(failures[0])}") from failures[0]
            return ["" if isinstance(answer, Exception) else answer for answer in answers]

        yield generate


async def _ask_all(model: Model, prompts: Sequence[str]) -> list[str | Exception]:
    async def ask(prompt: str) -> str | Exception:
        try:
            return (await model.generate(prompt)).completion
        except Exception as error:  # noqa: BLE001  (each failure is kept beside the other answers)
            return error

    return await asyncio.gather(*map(ask, prompts))


def _has_own_server(options: ModelOptions) -> bool:
    """Whether `openai/` means a server at an address of the user's, not OpenAI's."""
    variables = ("OPENAI_BASE_URL", "INSPECT_EVAL_MODEL_BASE_URL")
    addresses = [options.base_url, *map(os.environ.get, variables)]
    address = next(filter(None, addresses), None)
    return address is not None and urlsplit(address).hostname != "api.openai.com"


def reason_of(error: BaseException) -> BaseException:
    """The error that says what went wrong, without what was asked.

    That is the cause of tenacity's RetryError, which names no reason, and of Inspect's
    ModelGenerateError, which repeats the whole request.
    """
    if type(error).__name__ in ("RetryError", "ModelGenerateError") and error.__cause__ is not None:
        return reason_of(error.__cause__)
    return error


def _one_line(error: BaseException) -> str:
    error = reason_of(error)
    # Inspect's own messages carry rich's markup: "ERROR: ... [bold][blue]OPENAI_API_KEY[/blue]"
    plain = re.sub(r"\[/?[a-z]+\]", "", str(error)).removeprefix("ERROR: ")
    return " ".join(plain.split()) or type(error).__name__
