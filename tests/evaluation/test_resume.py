"""Runs that are killed, stopped, edited or turned: what is asked again, and what is not."""

import gc
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation import run as run_module
from spinebench.evaluation.extractor_model import extractor_prompt_sha256
from spinebench.evaluation.journal import read_journal
from spinebench.evaluation.models import DEFAULT_SETTINGS
from spinebench.evaluation.prompts import closing_line, parse_options
from spinebench.evaluation.run import resume_run, run_evaluation
from spinebench.evaluation.run_folder import rescore_run
from spinebench.evaluation.select import select_questions
from spinebench.records import Image, Prediction, Question
from spinebench.tables import (
    read_manifest,
    read_table,
    sha256_of_file,
    write_json,
    write_table,
)
from tests.evaluation.scripted_server import Received, Reply, scripted_server

QUICK = {"max_retries": 0}


# Inspect keeps a model with the connections of an event loop that is over; they go unclosed
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def _connections_end_here() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("LOCAL_API_KEY", "none")
    return monkeypatch


def ask(bench: Path, out: Path, **options: Any) -> dict[str, Any]:
    options = {"tasks": ["diagnosis"], "settings": QUICK, "model_args": QUICK, **options}
    return run_evaluation(bench, model_of(out), out, **options)


def model_of(out: Path) -> str:
    """A name for each test: Inspect keeps a model with the address that it had at first."""
    return f"openai-api/local/{out.parent.name}"


def right(request: Received) -> Reply:
    return Reply(closing_line(["A"], several=False))


def test_a_run_goes_on_with_what_it_lacks(
    bench: Path, tmp_path: Path, local: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with scripted_server(right) as server:
        local.setenv("LOCAL_BASE_URL", server.url)
        first = ask(bench, out, limit=10)
        assert (len(server.received), first["state"]) == (10, "incomplete")
        ask(bench, out, limit=10)
        assert len(server.received) == 10
        whole = ask(bench, out)
        assert len(server.received) == 40
        before = {p.name: p.stat().st_mtime_ns for p in out.iterdir() if p.is_file()}
        again = ask(bench, out)
    assert len(server.received) == 40
    assert (whole["state"], whole["complete"]) == ("complete", True)
    assert again == whole
    # a finished run is not written again
    assert before == {p.name: p.stat().st_mtime_ns for p in out.iterdir() if p.is_file()}
    assert whole["journal"] == {"lines": 40, "torn_lines": 0, "answered_twice": 0}


def test_failures_are_asked_again_and_answers_are_not(
    bench: Path, tmp_path: Path, local: pytest.MonkeyPatch
) -> None:
    broken = True
    asked: Counter[str] = Counter()

    def reply(request: Received) -> Reply:
        asked[request.image_sha256[0]] += 1
        odd = int(request.image_sha256[0], 16) % 3 == 0
        return Reply(status=500) if broken and odd else right(request)

    with scripted_server(reply) as server:
        local.setenv("LOCAL_BASE_URL", server.url)
        first = ask(bench, tmp_path / "run")
        failed = first["counts"]["diagnosis"]["failed"]
        assert failed > 3
        broken = False
        second = resume_run(tmp_path / "run", model_args=QUICK)
    assert second["counts"]["diagnosis"]["answered"] == 40
    assert Counter(asked.values()) == {1: 40 - failed, 2: failed}
    assert second["journal"]["answered_twice"] == 0


def test_only_an_edited_question_is_asked_again(
    edited: Path, tmp_path: Path, local: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    benchmark = Benchmark.load(edited)
    chosen = select_questions(benchmark, "diagnosis", "test")[7]
    with scripted_server(right) as server:
        local.setenv("LOCAL_BASE_URL", server.url)
        ask(edited, out)
        changed = replace(chosen, text="Which is it?", question_id=chosen.question_id + "e")
        questions = [
            changed if q.question_id == chosen.question_id else q for q in benchmark.questions
        ]
        store(edited, questions)
        server.received.clear()
        manifest = ask(edited, out)
        (request,) = server.received
    assert "Which is it?" in request.text
    assert manifest["complete"]
    predictions = read_table(out / "predictions.parquet", Prediction)
    assert changed.question_id in {p.question_id for p in predictions}
    assert chosen.question_id not in {p.question_id for p in predictions}


def test_an_image_that_was_encoded_anew_is_sent_again(
    edited: Path, tmp_path: Path, local: pytest.MonkeyPatch
) -> None:
    benchmark = Benchmark.load(edited)
    (image_id,) = select_questions(benchmark, "diagnosis", "test")[0].image_ids
    with scripted_server(right) as server:
        local.setenv("LOCAL_BASE_URL", server.url)
        ask(edited, tmp_path / "run")
        path = benchmark.image_file(image_id)
        path.write_bytes(path.read_bytes() + b"\0")
        digest = sha256_of_file(path)
        images = [
            replace(i, file_sha256=digest) if i.image_id == image_id else i
            for i in benchmark.images.values()
        ]
        write_table(edited / "images.parquet", images, Image)
        store(edited, benchmark.questions)
        server.received.clear()
        ask(edited, tmp_path / "run")
    assert [r.image_sha256 for r in server.received] == [[digest]]


def store(bench: Path, questions: list[Question]) -> None:
    write_table(bench / "questions.parquet", questions, Question)
    manifest = read_manifest(bench, "benchmark")
    manifest["tables"] = {name: sha256_of_file(bench / name) for name in manifest["tables"]}
    write_json(bench / "manifest.json", manifest)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": {"temperature": 0.5}}, "another setting temperature: None there, 0.5 here"),
        ({"protocol": "cot"}, "another protocol: released there, cot here"),
        ({"no_image": True}, r"another protocol: released there, released\+no-image here"),
        ({"epochs": 2}, "another epochs: 1 there, 2 here"),
        ({"tasks": ["diagnosis"]}, "another tasks"),
    ],
)
def test_another_way_of_asking_needs_another_folder(
    bench: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    run_evaluation(bench, "spinebench/random", tmp_path / "run", limit=1)
    with pytest.raises(UsageError, match=message):
        run_evaluation(bench, "spinebench/random", tmp_path / "run", **options)
    prompt = tmp_path / "mine.txt"
    prompt.write_text("{question} {options}")
    with pytest.raises(UsageError, match="holds a run with another prompt"):
        run_evaluation(bench, "spinebench/random", tmp_path / "run", prompt=prompt)


def test_how_calls_are_made_may_change(bench: Path, tmp_path: Path) -> None:
    run_evaluation(bench, "spinebench/random", tmp_path / "run", limit=1)
    settings = {"max_retries": 1, "timeout": 5}
    found = run_evaluation(
        bench, "spinebench/random", tmp_path / "run", settings=settings, max_connections=3
    )
    assert found["complete"]


def test_resume_needs_what_no_file_holds(
    bench: Path, tmp_path: Path, local: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="is no run that can be continued: there is no run"):
        resume_run(tmp_path)
    with scripted_server(right) as server:
        out = tmp_path / "run"
        ask(bench, out, limit=2, model_base_url=server.url)
        with pytest.raises(UsageError, match="was given --model-arg max_retries; give it again"):
            resume_run(out)
        with pytest.raises(UsageError, match="was given --model-base-url; give it again"):
            resume_run(out, model_args=QUICK)
        resume_run(out, model_args=QUICK, model_base_url=server.url, limit=4)
        assert len(server.received) == 4
    assert server.url not in (out / "run.json").read_text()


def test_a_replaced_prompt_is_kept_for_the_resume(
    bench: Path, tmp_path: Path, local: pytest.MonkeyPatch
) -> None:
    prompt = tmp_path / "mine.txt"
    prompt.write_text("My own words: {question} {options}")
    with scripted_server(right) as server:
        local.setenv("LOCAL_BASE_URL", server.url)
        ask(bench, tmp_path / "run", limit=2, prompt=prompt)
        prompt.unlink()
        found = resume_run(tmp_path / "run", model_args=QUICK, limit=4)
    assert [r.text.startswith("My own words: ") for r in server.received] == [True] * 4
    assert found["prompt_replaced"] is True


_CHILD = """
import sys
from pathlib import Path
from spinebench.evaluation.run import run_evaluation
if __name__ == "__main__":
    run_evaluation(Path(sys.argv[1]), sys.argv[4], Path(sys.argv[2]), tasks=["diagnosis"],
                   max_connections=4, processes=int(sys.argv[3]))
"""


def test_after_a_kill_no_answer_is_asked_for_again(
    bench: Path, tmp_path: Path, local: pytest.MonkeyPatch
) -> None:
    """The server kills the run; what is on the way then is all that may be asked twice.

    Two processes ask: they must end with their parent. Many kills: `benchmarks/bench_kill.py`.
    """
    asked: Counter[str] = Counter()
    children: list[subprocess.Popen[bytes]] = []
    lock = threading.Lock()
    killed = threading.Event()

    def reply(request: Received) -> Reply:
        with lock:
            asked[request.image_sha256[0]] += 1
            if sum(asked.values()) == 15 and not killed.is_set():
                children[0].kill()
                children[0].wait()
                killed.set()
        time.sleep(0.01)
        return right(request)

    script = tmp_path / "child.py"
    script.write_text(_CHILD)
    out = tmp_path / "run"
    with scripted_server(reply) as server:
        local.setenv("LOCAL_BASE_URL", server.url)
        command = [sys.executable, str(script), str(bench), str(out), "2", model_of(out)]
        children.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        children[0].wait()
        assert children[0].returncode == -signal.SIGKILL
        time.sleep(0.5)  # workers end with their parent
        stored = {line.key for line in read_journal(out / "journal").heard}
        before = Counter(asked)
        manifest = resume_run(out, processes=1)
    again = sum(count - 1 for count in asked.values())
    assert not (out / "manifest.json.tmp").exists()
    assert manifest["counts"]["diagnosis"]["answered"] == 40
    assert 0 < len(stored) <= 15
    assert again == sum(before.values()) - len(stored)
    assert again <= 4 + 1
    assert manifest["journal"]["answered_twice"] == 0


def test_two_processes_give_what_one_gives(
    bench: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [
        run_evaluation(
            bench, "spinebench/random", tmp_path / str(n), processes=n, tasks=["diagnosis"]
        )
        for n in (1, 2)
    ]
    tables = [
        [replace(p, seconds=None) for p in read_table(tmp_path / n / "predictions.parquet",
                                                      Prediction)]
        for n in "12"
    ]  # fmt: skip
    assert tables[0] == tables[1]
    assert found[0]["scores"] == found[1]["scores"]
    assert len(list((tmp_path / "2/logs").glob("*.eval"))) == 2
    assert capsys.readouterr().out == ""


def test_a_dead_server_stops_the_run_early(
    bench: Path, tmp_path: Path, local: pytest.MonkeyPatch
) -> None:
    alive = False

    def reply(request: Received) -> Reply:
        return right(request) if alive else Reply(status=500)

    with scripted_server(reply) as server:
        local.setenv("LOCAL_BASE_URL", server.url)
        found = ask(bench, tmp_path / "run", max_connections=1)
        assert found["state"] == "failed"
        assert found["counts"]["diagnosis"]["failed"] == 10
        assert found["counts"]["diagnosis"]["not_run"] == 30
        assert len(server.received) == 10
        (words,) = found["stopped"]
        assert "nothing but failures in a row, the last: openai.InternalServerError" in words
        alive = True
        second = resume_run(tmp_path / "run", model_args=QUICK)
    assert (second["state"], second["stopped"]) == ("complete", [])


def test_failures_between_answers_stop_nothing(
    bench: Path, tmp_path: Path, local: pytest.MonkeyPatch
) -> None:
    turn = iter(range(1000))
    with scripted_server(
        lambda r: right(r) if next(turn) % 3 == 2 else Reply(status=500)
    ) as server:
        local.setenv("LOCAL_BASE_URL", server.url)
        found = ask(bench, tmp_path / "run", max_connections=1, stop_after=3)
        never = ask(bench, tmp_path / "other", max_connections=1, stop_after=1, limit=20)
    assert found["state"] == "incomplete"
    assert found["counts"]["diagnosis"]["not_run"] == 0
    assert never["counts"]["diagnosis"]["failed"] == 1


def test_money_stops_a_run(bench: Path, tmp_path: Path, local: pytest.MonkeyPatch) -> None:
    prices = tmp_path / "prices.json"
    table = {
        "date": "d",
        "source": "s",
        "models": {model_of(tmp_path / "run"): {"input": 1000.0, "output": 10000.0}},
    }
    prices.write_text(json.dumps(table))
    # 11 tokens in, 7 out: 0.081 dollars an answer
    with scripted_server(right) as server:
        local.setenv("LOCAL_BASE_URL", server.url)
        with pytest.raises(UsageError, match=r"no price of openai-api/local/.* is known"):
            ask(bench, tmp_path / "run", max_cost=1.0)
        found = ask(bench, tmp_path / "run", max_connections=1, prices=prices, max_cost=0.5)
        asked = len(server.received)
        again = resume_run(tmp_path / "run", model_args=QUICK)
        assert len(server.received) == asked  # it is spent already
        more = resume_run(tmp_path / "run", model_args=QUICK, max_cost=100.0)
    assert (found["state"], again["state"], more["state"]) == ("cost", "cost", "complete")
    assert asked == 7  # six cost 0.486
    assert found["usage"]["cost_usd"] == pytest.approx(7 * 0.081)
    assert found["stopped"] == ["stopped: --max-cost 0.5 is spent"]
    assert more["usage"] == {
        "input_tokens": 440, "output_tokens": 280, "cost_usd": pytest.approx(40 * 0.081),
    }  # fmt: skip
    assert more["price"]["source"] == "s"


def test_rescoring_makes_no_call_and_changes_no_answer(bench: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = run_evaluation(bench, "spinebench/random", out)
    scores = (out / "scores.json").read_bytes()
    (out / "scores.json").unlink()
    for folder in ("journal", "logs"):
        (out / folder).rename(tmp_path / folder)
    assert rescore_run(out)["scores"] == first["scores"]
    assert (out / "scores.json").read_bytes() == scores
    # as a version with other rules would have left it
    predictions = read_table(out / "predictions.parquet", Prediction)
    spoiled = [replace(p, outcome="unparsed", letters=(), stage=None) for p in predictions]
    write_table(out / "predictions.parquet", spoiled, Prediction)
    with pytest.raises(Exception, match="`spinebench eval resume` makes it anew"):
        rescore_run(out)
    manifest = read_manifest(out, "run")
    manifest["tables"]["predictions.parquet"] = sha256_of_file(out / "predictions.parquet")
    write_json(out / "manifest.json", manifest)
    assert rescore_run(out)["counts"]["diagnosis"]["unparsed"] == 40
    again = rescore_run(out, extract_again=True)
    assert read_table(out / "predictions.parquet", Prediction) == predictions
    assert again["scores"] == first["scores"]
    assert again["counts"] == first["counts"]


def test_rotations_are_asked_in_turn_and_read_back(
    bench: Path, tmp_path: Path, local: pytest.MonkeyPatch
) -> None:
    """A model that always says A is right in one rotation of five."""
    with scripted_server(right) as server:
        local.setenv("LOCAL_BASE_URL", server.url)
        found = ask(bench, tmp_path / "run", circular=True, limit=6)
    assert len(server.received) == 30
    assert found["protocol"] == "released+circular"
    predictions = read_table(tmp_path / "run/predictions.parquet", Prediction)
    answered = [p for p in predictions if p.outcome == "answered"]
    assert {p.protocol for p in answered} == {"released+circular"}
    assert [p.letter_map for p in answered[:5]] == ["ABCDE", "BCDEA", "CDEAB", "DEABC", "EABCD"]
    assert [p.letters for p in answered[:5]] == [("A",), ("B",), ("C",), ("D",), ("E",)]
    assert found["scores"]["diagnosis"]["accuracy"]["estimate"] == pytest.approx(1 / 5)
    by_text = {r.text for r in server.received}
    assert len(by_text) == 30 or len({tuple(parse_options(t).items()) for t in by_text}) >= 5


def test_without_an_image_the_words_say_so(
    bench: Path, tmp_path: Path, local: pytest.MonkeyPatch
) -> None:
    with scripted_server(right) as server:
        local.setenv("LOCAL_BASE_URL", server.url)
        found = ask(bench, tmp_path / "run", protocol="cot", no_image=True, limit=3)
    assert {tuple(r.kinds) for r in server.received} == {("text",)}
    assert all("No image is shown." in r.text for r in server.received)
    assert found["protocol"] == "cot+no-image"
    assert found["prompt_replaced"] is False
    predictions = read_table(tmp_path / "run/predictions.parquet", Prediction)
    assert {p.sent_sha256 for p in predictions} == {()}


def test_the_extractor_reads_what_the_rules_cannot_once(
    bench: Path, tmp_path: Path, local: pytest.MonkeyPatch
) -> None:
    said = "The picture speaks for the second of them, I suppose."
    asked = Counter[str]()

    def reply(request: Received) -> Reply:
        reads = request.body["model"].startswith("reader-")
        asked["reader" if reads else "model"] += 1
        if reads:
            assert request.kinds == ["text"]
            return Reply(json.dumps({"letters": ["B"], "quote": "the second of them"}))
        return Reply(said)

    with scripted_server(reply) as server:
        local.setenv("LOCAL_BASE_URL", server.url)
        plain = ask(bench, tmp_path / "run", limit=3)
        assert plain["counts"]["diagnosis"]["unparsed"] == 3
        reader = f"openai-api/local/reader-{tmp_path.name}"
        found = ask(bench, tmp_path / "run", limit=3, extractor=reader)
        ask(bench, tmp_path / "run", limit=3, extractor=reader)
    assert found["counts"]["diagnosis"]["answered"] == 3
    assert asked == {"model": 3, "reader": 3}
    predictions = read_table(tmp_path / "run/predictions.parquet", Prediction)
    assert [(p.letters, p.stage) for p in predictions if p.outcome == "answered"] == [
        (("B",), "extractor")
    ] * 3
    assert found["extractor"] == {
        "model": reader, "prompt_sha256": extractor_prompt_sha256(), "settings": DEFAULT_SETTINGS,
        "unread": 0, "usage": {"calls": 3, "input_tokens": 33, "output_tokens": 21},
    }  # fmt: skip
    share = {"answers": 3, "asked": 3, "answered": 3, "would_ask": 0}
    assert found["scores"]["extractor"] == {**share, "asked_share": 1.0, "would_ask_share": 0.0}
    share = {"answers": 3, "asked": 0, "answered": 0, "would_ask": 3}
    assert plain["scores"]["extractor"] == {**share, "asked_share": 0.0, "would_ask_share": 1.0}
    assert plain["extractor"] is None


def test_shards_of_a_run_hold_no_more_than_they_may(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "SHARD", 16)
    run_evaluation(bench, "spinebench/random", tmp_path / "run", tasks=["diagnosis"])
    lines = [
        len(path.read_bytes().splitlines())
        for path in sorted((tmp_path / "run/journal").glob("*.jsonl"))
    ]
    assert lines == [16, 16, 8]
