"""A run's name tells the model, and nothing of the machine it was on."""

from typing import Any

import pytest

from spinebench.evaluation.run_folder import name_run


def plan(model: str, **changes: Any) -> dict[str, Any]:
    return {
        "benchmark": {"manifest_sha256": "0" * 64}, "settings": {"temperature": 0.0},
        "prompts": {"diagnosis": {"sha256": "1" * 64}}, "model": model, "protocol": "released",
        "split": "test", "epochs": 1, "subset": False, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "start"),
    [
        ("openai/gpt-4o", "openai-gpt-4o-"),
        ("openai-api/local/x", "openai-api-local-x-"),
        ("spinebench-hf//home/jane/weights/llava-med/", "spinebench-hf-llava-med-"),
    ],
)
def test_a_run_is_named_after_its_model_without_a_path(model: str, start: str) -> None:
    name = name_run(plan(model))
    assert name.startswith(start)
    assert len(name) == len(start) + 8


def test_weights_in_two_folders_of_one_name_make_two_runs() -> None:
    assert name_run(plan("spinebench-hf//a/x")) != name_run(plan("spinebench-hf//b/x"))
