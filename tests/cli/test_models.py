"""`spinebench models`, and a call of a scripted server."""

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.evaluation.scripted_server import Received, Reply, scripted_server


def test_list_names_every_recipe(cli: Cli) -> None:
    said = cli("models", "list", "--json").json()["models"]
    assert len(said) == 23
    assert said[0]["name"] == "claude-3.5-sonnet"
    assert said[0]["published"] == "Claude-3-5-sonnet-20241022"
    lines = cli("models", "list").out.splitlines()
    row = next(line for line in lines if line.startswith("qwen3-vl-8b"))
    assert row.split() == [
        "qwen3-vl-8b", "available", "here", "spinebench-hf/Qwen/Qwen3-VL-8B-Instruct", "for",
        "qwen2.5-vl-7b",
    ]  # fmt: skip


def test_check_ends_with_2_where_something_is_missing(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    outcome = cli("models", "check", "gpt-4o", "--call")
    assert outcome.code == 2
    assert "missing variable OPENAI_API_KEY: set OPENAI_API_KEY" in outcome.out
    assert outcome.out.splitlines()[-1] == (
        "spinebench eval run BENCH --model openai/gpt-4o-2024-11-20 --setting temperature=0"
        " --setting max_tokens=2048 --out DIR"
    )


def test_check_calls_nothing_unless_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def reply(request: Received) -> Reply:
        return Reply("My final option: [A]")

    with scripted_server(reply) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        quiet = cli("models", "check", "gpt-4o", "--json").json()
        assert (quiet["ready"], quiet["answer"], server.received) == (True, None, [])
        said = cli("models", "check", "gpt-4o", "--call", "--json").json()
        (asked,) = server.received
    answer = said["answer"]
    assert answer.pop("seconds") >= 0
    assert answer == {
        "text": "My final option: [A]", "stop_reason": "stop", "input_tokens": 11,
        "output_tokens": 7,
    }  # fmt: skip
    assert asked.kinds == ["text", "image_url"]
    assert (asked.body["temperature"], asked.body["model"]) == (0, "gpt-4o-2024-11-20")


def test_a_call_that_fails_is_told_in_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_server(lambda request: Reply(status=404)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        outcome = cli("models", "check", "gpt-4o", "--call")
    assert outcome.code == 2
    assert outcome.err.startswith("spinebench: openai/gpt-4o-2024-11-20: the call failed: ")
    assert outcome.err.count("\n") == 1


def test_weights_for_a_model_that_runs_elsewhere(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("models", "check", "gpt-4o", "--weights", tmp_path)
    assert (outcome.code, outcome.err) == (
        2, "spinebench: --weights: gpt-4o does not run in this process\n",
    )  # fmt: skip
