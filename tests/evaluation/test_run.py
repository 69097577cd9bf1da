"""Whole runs: other models through a scripted server, baselines, and what is written."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation import run as run_module
from spinebench.evaluation.find import find_benchmark
from spinebench.evaluation.models import DEFAULT_SETTINGS
from spinebench.evaluation.prompts import closing_line, parse_options
from spinebench.evaluation.run import run_evaluation
from spinebench.evaluation.select import select_questions
from spinebench.evaluation.tasks import diagnosis
from spinebench.records import Prediction, Question
from spinebench.tables import (
    read_manifest,
    read_table,
    sha256_of_file,
    write_frame,
    write_json,
)
from tests.evaluation.inspect_logs import iter_log_samples
from tests.evaluation.scripted_server import Received, Reply, scripted_server


@pytest.fixture(scope="module")
def server_run(bench: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run against a server that is right, wrong, evasive, cut off or broken, in turn."""
    diagnosis = select_questions(Benchmark.load(bench), "diagnosis", "test")
    place = {q.image_ids[0]: index for index, q in enumerate(diagnosis)}
    image_of = {i.file_sha256: i.image_id for i in Benchmark.load(bench).images.values()}
    gold = {q.image_ids[0]: q for q in diagnosis}

    def reply(request: Received) -> Reply:
        image_id = image_of[request.image_sha256[0]]
        question = gold[image_id]
        right = question.gold[0]
        wrong = next(letter for letter in "ABCDE" if letter != right)
        return {
            0: Reply(f"The bar says so.\n{closing_line([right], several=False)}"),
            1: Reply(f"Surely.\n{closing_line([wrong], several=False)}"),
            2: Reply("I'm sorry, but I can't help with interpreting medical images."),
            3: Reply("The image shows a spine."),
            4: Reply("Let me think about the first option, which", "length"),
            5: Reply(f"{closing_line([right], several=False)}\nAnd further", "length"),
            6: Reply("", "content_filter"),
            7: Reply(status=500),
        }.get(place[image_id], Reply(closing_line([right], several=False)))

    out = tmp_path_factory.mktemp("server") / "run"
    with pytest.MonkeyPatch.context() as patch, scripted_server(reply) as server:
        patch.setenv("LOCAL_API_KEY", "none")
        patch.setenv("LOCAL_BASE_URL", server.url)
        manifest = run_evaluation(
            bench, "openai-api/local/tiny", out, tasks=["diagnosis"],
            settings={"max_retries": 0, "temperature": 0.5, "seed": 3}, max_connections=4,
            model_args={"max_retries": 0},
        )  # fmt: skip
    predictions = {p.question_id: p for p in read_table(out / "predictions.parquet", Prediction)}
    return {
        "manifest": manifest, "server": server, "out": out, "questions": diagnosis,
        "predictions": [predictions[q.question_id] for q in diagnosis],
    }  # fmt: skip


def test_each_outcome_of_a_server_is_a_state(server_run: dict[str, Any]) -> None:
    found = [(p.outcome, p.stage) for p in server_run["predictions"][:9]]
    assert found == [
        ("answered", "closing_line"), ("answered", "closing_line"), ("refused", "refusal"),
        ("unparsed", None), ("truncated", None), ("answered", "closing_line"), ("refused", None),
        ("failed", None), ("answered", "closing_line"),
    ]  # fmt: skip
    failed = server_run["predictions"][7]
    assert failed.error == "openai.InternalServerError: Error code: 500 - out of order"
    assert failed.letters == ()
    assert failed.raw_text == ""
    assert failed.finish_reason is None


def test_failed_leaves_the_denominator_and_marks_the_run(server_run: dict[str, Any]) -> None:
    manifest = server_run["manifest"]
    assert manifest["counts"]["diagnosis"] == {
        "answered": 35, "unparsed": 1, "refused": 2, "truncated": 1, "failed": 1, "not_run": 0,
    }  # fmt: skip
    assert manifest["complete"] is False
    accuracy = manifest["scores"]["diagnosis"]["accuracy"]
    assert accuracy["items"] == 39
    assert accuracy["estimate"] == pytest.approx(34 / 39)
    assert manifest["scores"]["overall"] is None


def test_the_image_arrives_as_the_files_own_bytes_after_the_text(
    server_run: dict[str, Any], bench: Path
) -> None:
    images = Benchmark.load(bench).images
    expected = {images[q.image_ids[0]].file_sha256 for q in server_run["questions"]}
    received = server_run["server"].received
    assert {request.image_sha256[0] for request in received} == expected
    assert all(request.kinds == ["text", "image_url"] for request in received)
    assert all(p.sent_sha256[0] in expected for p in server_run["predictions"])
    assert all(len(parse_options(request.text)) == 5 for request in received)


def test_settings_reach_the_server_and_the_record(server_run: dict[str, Any]) -> None:
    body = server_run["server"].received[0].body
    assert (body["temperature"], body["seed"], body["model"]) == (0.5, 3, "tiny")
    prediction = server_run["predictions"][0]
    assert json.loads(prediction.settings) == {
        **DEFAULT_SETTINGS,
        "max_connections": 4, "max_retries": 0, "seed": 3, "temperature": 0.5,
    }  # fmt: skip
    assert (prediction.input_tokens, prediction.output_tokens) == (11, 7)
    assert prediction.letter_map == "ABCDE"


def test_nothing_written_names_a_place(server_run: dict[str, Any], bench: Path) -> None:
    out = server_run["out"]
    assert sorted(p.name for p in out.iterdir()) == [
        "journal", "logs", "manifest.json", "predictions.parquet", "run.json", "scores.json",
    ]  # fmt: skip
    text = "".join((out / f"{name}.json").read_text() for name in ("manifest", "scores", "run"))
    assert str(bench) not in text
    assert "127.0.0.1" not in text
    assert str(out) not in text
    assert read_manifest(out, "run")["model"] == "openai-api/local/tiny"
    assert find_benchmark([out]) == bench


def test_logs_hold_no_image(server_run: dict[str, Any]) -> None:
    (log,) = (server_run["out"] / "logs").glob("*.eval")
    text = json.dumps(list(iter_log_samples(log)))
    assert "iVBOR" not in text  # base64 of a PNG's first bytes


def test_limit_and_shards(bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "SHARD", 4)
    manifest = run_evaluation(bench, "spinebench/random", tmp_path / "run", limit=10)
    assert len(list((tmp_path / "run/logs").glob("*.eval"))) == 6  # 4 + 4 + 2 for each task
    assert manifest["counts"]["diagnosis"]["answered"] == 10
    assert manifest["counts"]["diagnosis"]["not_run"] == 30
    assert manifest["counts"]["localization"] == {
        "answered": 10, "unparsed": 0, "refused": 0, "truncated": 0, "failed": 0, "not_run": 5,
    }  # fmt: skip
    assert manifest["complete"] is False
    predictions = read_table(tmp_path / "run/predictions.parquet", Prediction)
    asked = [p.question_id for p in predictions if p.outcome == "answered"]
    first = select_questions(Benchmark.load(bench), "diagnosis", "test")[:10]
    assert asked[:10] == [q.question_id for q in first]


def test_epochs_are_separate_predictions(bench: Path, tmp_path: Path) -> None:
    manifest = run_evaluation(
        bench, "spinebench/random", tmp_path / "run", tasks=["localization"], epochs=2
    )
    predictions = read_table(tmp_path / "run/predictions.parquet", Prediction)
    assert [p.epoch for p in predictions[:4]] == [1, 2, 1, 2]
    assert len(predictions) == 30
    assert manifest["complete"] is True
    assert manifest["settings"] == {"max_retries": 5}  # no server that may fall silent


def test_the_same_run_twice_gives_the_same_answers_and_scores(bench: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run_evaluation(bench, "spinebench/random", tmp_path / name)
    tables = [
        pl.read_parquet(tmp_path / name / "predictions.parquet").drop("seconds") for name in "ab"
    ]
    assert tables[0].equals(tables[1])
    assert (tmp_path / "a/scores.json").read_bytes() == (tmp_path / "b/scores.json").read_bytes()


def test_a_changed_image_is_not_sent(edited: Path, tmp_path: Path) -> None:
    benchmark = Benchmark.load(edited)
    question = select_questions(benchmark, "diagnosis", "test")[0]
    path = benchmark.image_file(question.image_ids[0])
    path.write_bytes(path.read_bytes() + b"x")
    run_evaluation(edited, "spinebench/random", tmp_path / "run", tasks=["diagnosis"], limit=2)
    first, second = read_table(tmp_path / "run/predictions.parquet", Prediction)[:2]
    assert first.outcome == "failed"
    assert second.outcome == "answered"
    assert first.error is not None
    assert "SHA-256" in first.error
    assert first.sent_sha256 == ()


_CHILD = """
import signal, sys
from pathlib import Path
from spinebench.evaluation.run import run_evaluation
signal.signal(signal.SIGINT, signal.default_int_handler)  # the shell may have it ignored
try:
    run_evaluation(Path(sys.argv[1]), "openai-api/local/x", Path(sys.argv[2]), max_connections=2)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_writes_what_there_is(bench: Path, tmp_path: Path) -> None:
    children: list[subprocess.Popen[str]] = []
    interrupted = threading.Event()

    def reply(request: Received) -> Reply:
        if len(server.received) > 10 and not interrupted.is_set():
            interrupted.set()
            children[0].send_signal(signal.SIGINT)
        if interrupted.is_set():
            time.sleep(2)  # still on the way when the run ends
        return Reply("My final option: [A]")

    with scripted_server(reply) as server:
        environment = {**os.environ, "LOCAL_API_KEY": "none", "LOCAL_BASE_URL": server.url}
        command = [sys.executable, "-c", _CHILD, str(bench), str(tmp_path / "run")]
        children.append(
            subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        )
        _, told = children[0].communicate(timeout=60)
    assert children[0].returncode == 130, told
    manifest = read_manifest(tmp_path / "run", "run")
    counts = manifest["counts"]["diagnosis"]
    assert 1 <= counts["answered"] <= 10
    assert counts["failed"] == 0
    assert counts["not_run"] == 40 - counts["answered"]
    assert manifest["counts"]["localization"]["not_run"] == 15  # not begun any more
    assert manifest["complete"] is False


def test_a_split_without_questions_is_refused(edited: Path, tmp_path: Path) -> None:
    path = edited / "questions.parquet"
    frame = pl.read_parquet(path).filter(pl.col("split") != "reserve")
    write_frame(path, frame, schema=Question.SCHEMA)
    manifest = read_manifest(edited, "benchmark")
    manifest["tables"]["questions.parquet"] = sha256_of_file(path)
    write_json(edited / "manifest.json", manifest)
    with pytest.raises(UsageError, match="no questions of diagnosis, localization, align"):
        run_evaluation(edited, "spinebench/random", tmp_path / "run", split="reserve")
    with pytest.raises(UsageError, match="no diagnosis questions in its split 'reserve'"):
        diagnosis(bench=str(edited), split="reserve")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": ["diagnosis", "grading"]}, "unknown task grading"),
        ({"split": "validation"}, "unknown split 'validation'"),
        ({"protocol": "cot2"}, "unknown protocol 'cot2'; there are cot, direct, rel"),
        ({"limit": 0}, "--limit 0: must be at least 1"),
        ({"settings": {"warmth": 1}}, "unknown setting 'warmth'"),
        ({"settings": {"temperature": "hot"}}, "temperature"),
        ({"model": "spinebench/best"}, "unknown model spinebench/best"),
        (
            {"model": "spinebench/nearest", "no_image": True},
            r"spinebench/nearest goes by the image, and released\+no-image sends none",
        ),
        (
            {"model": "spinebench/metadata", "protocol": "cot+no-image"},
            r"spinebench/metadata goes by the image, and cot\+no-image sends none",
        ),
        ({"model": None}, "whom to ask: --model MODEL or --recipe NAME"),
        ({"model": "spinebench/best", "processes": 2}, "unknown model spinebench/best"),
        ({"model": "spinebench-hf//no/such", "processes": 2}, "no such folder"),
        ({"model": "nowhere/best"}, "model nowhere/best: Model API nowhere .* not recognized"),
        ({"model": "openai-api/local/x"}, "LOCAL_API_KEY"),
        ({"accept_terms": ["verse"]}, "--accept-terms verse: no such source.*rsna, vindr"),
    ],
)
def test_bad_options_are_one_line_and_leave_nothing(
    bench: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    options = {"model": "spinebench/random", **options}
    with pytest.raises(UsageError, match=message) as raised:
        run_evaluation(bench, options.pop("model"), tmp_path / "run", **options)
    assert "\n" not in str(raised.value)
    assert "[bold]" not in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_whether_terms_stop_a_run_does_not_hang_on_the_limit(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = select_questions(Benchmark.load(bench), "diagnosis", "test")
    limit = next(n for n, q in enumerate(first) if q.source == "vindr")
    assert limit > 0  # the questions that would be asked are of a source that allows it
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UsageError, match=r"vindr \(PhysioNet"):
        run_evaluation(bench, "openai/gpt-4o", tmp_path / "run", limit=limit, tasks=["diagnosis"])


def test_retries_of_the_command_go_before_those_of_the_task(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = diagnosis(bench=str(bench)).config
    assert (config.max_retries, config.attempt_timeout, config.timeout) == (5, 300, 900)
    with scripted_server(lambda request: Reply(status=500)) as server:
        monkeypatch.setenv("LOCAL_API_KEY", "none")
        monkeypatch.setenv("LOCAL_BASE_URL", server.url)
        manifest = run_evaluation(
            bench, "openai-api/local/x", tmp_path / "run", tasks=["diagnosis"], limit=2,
            settings={"max_retries": 0}, model_args={"max_retries": 0},
        )  # fmt: skip
    assert manifest["counts"]["diagnosis"]["failed"] == 2
    assert len(server.received) == 2


def test_a_silent_server_ends_as_failed(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reply(request: Received) -> Reply:
        time.sleep(3)
        return Reply("My final option: [A]")

    with scripted_server(reply) as server:
        monkeypatch.setenv("LOCAL_API_KEY", "none")
        monkeypatch.setenv("LOCAL_BASE_URL", server.url)
        manifest = run_evaluation(
            bench, "openai-api/local/x", tmp_path / "run", tasks=["diagnosis"], limit=1,
            settings={"max_retries": 0, "attempt_timeout": 1},
        )  # fmt: skip
    assert manifest["counts"]["diagnosis"]["failed"] == 1


def test_an_occupied_folder_is_not_written_over(bench: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("mine")
    with pytest.raises(UsageError, match="already exists and is not empty"):
        run_evaluation(bench, "spinebench/random", tmp_path)


def inspect_eval(
    *arguments: str, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inspect_ai", "eval", *arguments, "--display", "none"]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def test_inspect_eval_runs_a_task_by_name(bench: Path, tmp_path: Path) -> None:
    done = inspect_eval(
        "spinebench/diagnosis", "-T", f"bench={bench}", "-T", "limit=6",
        "--model", "spinebench/nearest", "-M", f"bench={bench}", "--log-dir", "logs", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (log,) = (tmp_path / "logs").glob("*.eval")
    samples = list(iter_log_samples(log))
    expected = select_questions(Benchmark.load(bench), "diagnosis", "test")[:6]
    assert {s["id"] for s in samples} == {q.question_id for q in expected}
    (score,) = samples[0]["scores"].values()
    assert score["metadata"]["outcome"] == "answered"


def test_inspect_eval_stops_at_terms_in_one_line(bench: Path, tmp_path: Path) -> None:
    done = inspect_eval(
        "spinebench/diagnosis", "-T", f"bench={bench}", "--model", "openai/gpt-4o",
        "--log-dir", "logs", cwd=tmp_path, OPENAI_API_KEY="none",
    )  # fmt: skip
    assert done.returncode == 2
    assert "vindr (PhysioNet Credentialed 1.5" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("logs/*.eval"))


@pytest.mark.parametrize("by_variable", [True, False])
def test_a_server_of_ones_own_needs_chat_completions_only(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_variable: bool
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with scripted_server(lambda request: Reply("My final option: [B]")) as server:
        if by_variable:
            monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        manifest = run_evaluation(
            bench,
            "openai/tiny",
            tmp_path / "run",
            tasks=["diagnosis"],
            limit=3,
            model_base_url=None if by_variable else server.url,
        )
    assert manifest["counts"]["diagnosis"]["answered"] == 3
    assert len(server.received) == 3
