"""Who opens the models of a run: with several processes each its own, and nobody another one."""

from pathlib import Path
from typing import Any

import pytest

from spinebench.errors import UsageError
from spinebench.evaluation import run_models
from spinebench.evaluation.run import run_evaluation
from spinebench.evaluation.run_models import check_ours, open_reader

# one question: one shard, so that one process is started
TWO: dict[str, Any] = {"tasks": ["diagnosis"], "limit": 1, "processes": 2}


def refuse(name: str, *args: Any, **options: Any) -> None:
    raise AssertionError(f"{name} was opened in the process that leads")


def test_the_process_that_leads_opens_no_model_of_ours(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_models, "open_model", refuse)
    with pytest.raises(AssertionError, match="spinebench/random was opened"):
        run_evaluation(bench, "spinebench/random", tmp_path / "one", **{**TWO, "processes": 1})
    found = run_evaluation(bench, "spinebench/random", tmp_path / "two", **TWO)
    assert found["counts"]["diagnosis"]["answered"] == 1
    assert found["local"] is True  # VinDr's films were asked about without --accept-terms


def test_a_model_that_no_process_can_open_is_told_in_one_line(bench: Path, tmp_path: Path) -> None:
    found = run_evaluation(
        bench, "spinebench/random", tmp_path / "run", model_args={"seed": "x"}, **TWO
    )
    (told,) = found["stopped"]
    assert told.startswith("model spinebench/random: invalid literal for int()")
    assert (found["state"], found["counts"]["diagnosis"]["not_run"]) == ("failed", 40)


def test_what_can_be_seen_without_opening_is_told_at_once(tmp_path: Path) -> None:
    check_ours("spinebench/nearest")
    check_ours(f"spinebench-hf/{tmp_path}")
    with pytest.raises(UsageError, match="unknown model spinebench/best; there are"):
        check_ours("spinebench/best")
    with pytest.raises(UsageError, match="spinebench-hf//no/such: no such folder"):
        check_ours("spinebench-hf//no/such")


def test_weights_that_only_read_are_opened_when_there_is_something_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_reader(None) is None
    monkeypatch.setattr(run_models, "open_model", refuse)
    opener = open_reader(f"spinebench-hf/{tmp_path}")
    assert opener is not None
    with pytest.raises(AssertionError, match=r"spinebench-hf/.* was opened"):
        opener()
    with pytest.raises(AssertionError, match="openai-api/local/x was opened"):
        open_reader("openai-api/local/x")  # a missing key is told before anything is asked
