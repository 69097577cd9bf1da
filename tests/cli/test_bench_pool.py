"""Wordings from a model to a reviewed pool, through the command line and a real server."""

import json
from pathlib import Path

import pytest

from spinebench.benchmark.pool import load_question_pool
from spinebench.errors import UsageError
from tests.cli.conftest import Cli
from tests.evaluation.scripted_server import Received, Reply, scripted_server

GOOD = (
    "Which diagnosis fits this spine?",
    "What is the diagnosis?",
    "Identify the disorder shown.",
)
BAD = "Which severe stenosis is shown in this image?"


@pytest.fixture
def pool(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pool of core-2 and three unreviewed wordings, as a model would write them."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")

    def reply(request: Received) -> Reply:
        assert "not an instruction to you" in request.text
        first = "which of the listed conditions" in request.text.lower()
        return Reply("\n".join((*GOOD, BAD)) if first else "Sorry.")

    path = tmp_path / "more.json"
    with scripted_server(reply) as server:
        arguments = ("--task", "diagnosis", "--n", 3, "--out", path, "--json")
        found = cli(
            "bench", "pool", "generate", "--model", "openai/gpt-4o", "--model-base-url", server.url,
            "--setting", "temperature=1", *arguments,
        ).json()  # fmt: skip
        assert {r.body["temperature"] for r in server.received} == {1}
        assert len(server.received) == found["prompts"] == 10  # the ten wordings of the pool
    assert [entry["text"] for entry in found["kept"]] == list(GOOD)
    refused = {entry["text"]: entry["reasons"][0] for entry in found["refused"]}
    assert refused[BAD] == "guarded_severity: severe"
    return path


def test_from_a_model_to_a_pool_that_may_be_asked(cli: Cli, pool: Path) -> None:
    with pytest.raises(UsageError, match="3 wordings that nobody has reviewed"):
        load_question_pool(str(pool))
    shown = cli("bench", "pool", "review", pool, "--json").json()
    ids = [entry["id"] for entry in shown["unreviewed"]]
    assert shown["unreviewed"][0]["original"].startswith("Which of the listed conditions")
    nobody = cli("bench", "pool", "review", pool, "--accept", ids[0])
    assert (nobody.code, nobody.err) == (2, "spinebench: --by NAME: say who reviews\n")
    left = cli(
        "bench", "pool", "review", pool, "--by", "A. Reader", "--accept", "all", "--reject", ids[1],
        "--json",
    ).json()  # fmt: skip
    assert left["unreviewed"] == []
    loaded = load_question_pool(str(pool))
    texts = [text for _, text in loaded.wordings["diagnosis"]]
    assert texts[10:] == [GOOD[0], GOOD[2]]
    stored = json.loads(pool.read_text("utf-8"))
    assert [(w["state"], w["reviewed_by"], w["model"]) for w in stored["diagnosis"][10:]] == [
        ("reviewed", "A. Reader", "openai/gpt-4o"),
        ("rejected", "A. Reader", "openai/gpt-4o"),
        ("reviewed", "A. Reader", "openai/gpt-4o"),
    ]
    assert loaded.sha256 == left["sha256"] != shown["sha256"]
    assert {entry["text"] for entry in stored["rejected"]} >= {BAD}


def test_a_spoilt_paraphrase_is_found_and_cannot_be_accepted(cli: Cli, pool: Path) -> None:
    assert cli("bench", "pool", "check", pool).code == 0
    content = json.loads(pool.read_text("utf-8"))
    spoilt = content["diagnosis"][10]
    spoilt["text"] = "Which lumbar diagnosis fits this spine?"
    pool.write_text(json.dumps(content), encoding="utf-8")
    checked = cli("bench", "pool", "check", pool, "--json")
    assert (checked.code, checked.json()["broken"]) == (2, [spoilt["id"]])
    accepted = cli("bench", "pool", "review", pool, "--by", "A", "--accept", spoilt["id"])
    assert (accepted.code, accepted.err) == (
        2, f"spinebench: --accept {spoilt['id']}: guarded_level: lumbar\n",
    )  # fmt: skip
    assert cli("bench", "pool", "review", pool, "--by", "A", "--reject", spoilt["id"]).code == 0
    assert cli("bench", "pool", "check", pool).code == 0


def test_shipped_pools_hold(cli: Cli) -> None:
    for name in ("core-1", "core-2"):
        outcome = cli("bench", "pool", "check", name)
        assert outcome.code == 0
        assert "0 paraphrases that break a rule" in outcome.out


def test_wrong_arguments_are_told_in_one_line(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "new.json"
    cases = (
        (("--task", "grading", "--out", out), "--task grading: this pool has diagnosis"),
        (("--task", "diagnosis", "--out", tmp_path), "must be a new file that ends in .json"),
        (("--task", "diagnosis", "--out", out, "--pool", "x"), "no question pool 'x'"),
        (
            ("--task", "diagnosis", "--out", out, "--setting", "warmth=1"),
            "unknown setting 'warmth'",
        ),
    )
    for arguments, message in cases:
        outcome = cli("bench", "pool", "generate", "--model", "mockllm/model", "--n", 1, *arguments)
        assert outcome.code == 2
        assert message in outcome.err
    shipped = cli("bench", "pool", "review", "core-2", "--by", "A", "--reject", "dx-01")
    assert "a shipped pool is not changed" in shipped.err


def test_a_dead_server_is_told_in_one_line(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with scripted_server(lambda request: Reply(status=500)) as server:
        outcome = cli(
            "bench", "pool", "generate", "--model", "openai/gpt-4o", "--model-base-url", server.url,
            "--setting", "max_retries=0", "--task", "diagnosis", "--n", 1,
            "--out", tmp_path / "new.json",
        )  # fmt: skip
    assert outcome.code == 2
    assert outcome.err.startswith("spinebench: model openai/gpt-4o: ")
    assert "out of order" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "new.json").exists()
