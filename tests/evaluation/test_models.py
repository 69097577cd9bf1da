"""Settings by default: what runs in this process is not given up for being slow."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from spinebench.evaluation import models
from spinebench.evaluation.models import DEFAULT_SETTINGS, ModelOptions, build_settings
from spinebench.evaluation.providers.api import SpinebenchAPI
from spinebench.evaluation.run import run_evaluation


@pytest.mark.parametrize(
    "model", ["spinebench-hf//models/x", "spinebench-hf/org/name", "spinebench/random", "hf/org/x"]
)
def test_a_model_in_this_process_has_no_timeout_unless_it_is_set(model: str) -> None:
    assert build_settings(model, ModelOptions()) == {"max_retries": 5}
    given = build_settings(model, ModelOptions(settings={"attempt_timeout": 60}))
    assert given == {"max_retries": 5, "attempt_timeout": 60}


@pytest.mark.parametrize("model", ["openai/gpt-4o", "openai-api/local/x", "vllm/org/x", "x"])
def test_a_server_may_fall_silent(model: str) -> None:
    assert build_settings(model, ModelOptions()) == DEFAULT_SETTINGS


def test_a_slow_answer_in_this_process_is_waited_for(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = SpinebenchAPI.generate

    async def slow(self: SpinebenchAPI, *args: Any, **options: Any) -> Any:
        await asyncio.sleep(1.2)
        return await answer(self, *args, **options)

    monkeypatch.setattr(SpinebenchAPI, "generate", slow)
    monkeypatch.setattr(
        models, "DEFAULT_SETTINGS", {"max_retries": 0, "attempt_timeout": 1, "timeout": 1}
    )
    options: dict[str, Any] = {"tasks": ["diagnosis"], "limit": 1}
    waited = run_evaluation(bench, "spinebench/random", tmp_path / "waited", **options)
    assert waited["counts"]["diagnosis"]["answered"] == 1
    assert waited["settings"] == {"max_retries": 0}
    given = run_evaluation(
        bench, "spinebench/random", tmp_path / "given", settings={"attempt_timeout": 1}, **options
    )
    assert given["counts"]["diagnosis"]["failed"] == 1
