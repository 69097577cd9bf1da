"""Samples of a log to predictions, from JSON written by hand."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from spinebench.errors import DataError
from spinebench.evaluation.predictions import (
    Run,
    build_predictions,
    iter_log_samples,
    read_prediction,
)
from tests.examples import a_question

QUESTION = a_question(question_id="q1", options=("Healthy", "Osteophytes"), gold=("B",))
RUN = Run(
    run_id="r", model="m/x", settings="{}", protocol="released",
    prompt_sha256={"diagnosis": "d" * 64, "localization": "e" * 64}, epochs=1,
)  # fmt: skip


def a_sample(
    text: str = "My final option: [B]", stop: str = "stop", **fields: Any
) -> dict[str, Any]:
    return {
        "id": "q1", "epoch": 1, "metadata": {"sent_sha256": ["a" * 64]},
        "output": {
            "completion": text, "time": 1.5,
            "choices": [{"stop_reason": stop, "message": {"content": text}}],
        },
        "model_usage": {"m/x": {"input_tokens": 10, "output_tokens": 3, "total_cost": 0.25,
                                "input_tokens_cache_read": 4, "input_tokens_cache_write": None}},
        "error": None, **fields,
    }  # fmt: skip


def write_log(path: Path, *samples: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", "{}")
        for number, sample in enumerate(samples):
            archive.writestr(f"samples/{number}_epoch_1.json", json.dumps(sample))
    return path


def test_an_answered_sample_in_full() -> None:
    found = read_prediction(a_sample(), QUESTION, RUN)
    assert (found.outcome, found.letters, found.stage) == ("answered", ("B",), "closing_line")
    assert (found.raw_text, found.finish_reason) == ("My final option: [B]", "stop")
    assert (found.input_tokens, found.output_tokens, found.cost_usd) == (14, 3, 0.25)
    assert (found.seconds, found.sent_sha256, found.letter_map) == (1.5, ("a" * 64,), "AB")
    assert (found.run_id, found.model, found.prompt_sha256) == ("r", "m/x", "d" * 64)
    assert found.error is None


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"error": {"message": "APIError('gone')", "traceback": ""}}, "APIError('gone')"),
        ({"output": {"choices": [], "completion": ""}}, "no answer"),
        ({"output": {"choices": [], "completion": "", "error": "blocked"}}, "blocked"),
        ({"limit": {"type": "time"}}, "stopped by Inspect's limit on time"),
        (
            {"error": {"message": "RetryError(<Future>)",
                       "traceback": "  | openai.APITimeoutError: Request timed out.\n"
                                    "  | tenacity.RetryError: RetryError[<Future>]\n"}},
            "openai.APITimeoutError: Request timed out.",
        ),
        (
            {"error": {"message": "RetryError(<Future>)", "traceback": "nothing"}},
            "RetryError(<Future>)",
        ),
    ],
)  # fmt: skip
def test_failures_keep_their_reason_and_name_no_letter(fields: dict[str, Any], error: str) -> None:
    found = read_prediction(a_sample(**fields), QUESTION, RUN)
    assert (found.outcome, found.letters, found.stage, found.error) == ("failed", (), None, error)


def test_silence_is_unparsed_and_unknown_silence_failed() -> None:
    assert read_prediction(a_sample(""), QUESTION, RUN).outcome == "unparsed"
    assert read_prediction(a_sample("", "content_filter"), QUESTION, RUN).outcome == "refused"
    assert read_prediction(a_sample("", "max_tokens"), QUESTION, RUN).outcome == "truncated"
    assert read_prediction(a_sample("", "unknown"), QUESTION, RUN).outcome == "failed"


def test_long_errors_are_cut() -> None:
    found = read_prediction(a_sample(error={"message": "x" * 9000}), QUESTION, RUN)
    assert found.error == "x" * 2000


def test_every_question_is_there_asked_or_not(tmp_path: Path) -> None:
    other = a_question(question_id="q2", task="localization", multiple=True)
    log = write_log(tmp_path / "a.eval", a_sample())
    run = Run(**{**{f: getattr(RUN, f) for f in RUN.__dataclass_fields__}, "epochs": 2})
    found = build_predictions([log], [other, QUESTION], run)
    assert [(p.question_id, p.epoch, p.outcome) for p in found] == [
        ("q2", 1, "not_run"), ("q2", 2, "not_run"), ("q1", 1, "answered"), ("q1", 2, "not_run"),
    ]  # fmt: skip
    assert found[0].prompt_sha256 == "e" * 64
    assert found[0].letters == ()


def test_an_answer_stands_before_a_failure_and_the_last_before_earlier(tmp_path: Path) -> None:
    failed = a_sample(error={"message": "gone"})
    logs = [
        write_log(tmp_path / "a.eval", a_sample("My final option: [A]")),
        write_log(tmp_path / "b.eval", failed),
    ]
    assert build_predictions(logs, [QUESTION], RUN)[0].letters == ("A",)
    logs.append(write_log(tmp_path / "c.eval", a_sample()))
    assert build_predictions(logs, [QUESTION], RUN)[0].letters == ("B",)
    assert build_predictions(logs[1:2], [QUESTION], RUN)[0].outcome == "failed"


@pytest.mark.parametrize("name", ["CancelledError('x')", "Cancelled()"])
def test_an_interrupted_sample_was_not_run(tmp_path: Path, name: str) -> None:
    log = write_log(tmp_path / "a.eval", a_sample(error={"message": name}))
    assert build_predictions([log], [QUESTION], RUN)[0].outcome == "not_run"


def test_a_log_of_other_questions_is_an_error(tmp_path: Path) -> None:
    log = write_log(tmp_path / "a.eval", a_sample(id="q9"))
    with pytest.raises(DataError, match=r"a\.eval: sample id: found q9"):
        build_predictions([log], [QUESTION], RUN)


def test_json_logs_and_damaged_ones(tmp_path: Path) -> None:
    plain = tmp_path / "a.json"
    plain.write_text(json.dumps({"samples": [a_sample()]}))
    assert [s["id"] for s in iter_log_samples(plain)] == ["q1"]
    torn = tmp_path / "b.eval"
    torn.write_bytes(write_log(tmp_path / "c.eval", a_sample()).read_bytes()[:50])
    with pytest.raises(DataError, match="expected a log of Inspect"):
        list(iter_log_samples(torn))
