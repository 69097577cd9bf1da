"""A whole run of a tiny local model, in this process and behind a server. make test-vision"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spinebench.evaluation.run import run_evaluation
from spinebench.records import Prediction
from spinebench.tables import read_table
from tests.evaluation.providers.tiny_models import save_tiny_model

pytestmark = pytest.mark.vision

ROOT = Path(__file__).parents[2]
SETTINGS = {"max_tokens": 10, "temperature": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model("mllama", tmp_path_factory.mktemp("mllama"))


@pytest.fixture(scope="module")
def run(bench: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "local"
    run_evaluation(bench, f"spinebench-hf/{folder}", out, settings=SETTINGS, limit=6)
    return out


@contextmanager
def served(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.evaluation.tiny_server", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def asked_of(run: Path) -> dict[str, Prediction]:
    table = read_table(run / "predictions.parquet", Prediction)
    return {p.question_id: p for p in table if p.outcome != "not_run"}


def test_random_weights_are_counted_and_not_hidden(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["local"] is True  # VinDr's films were asked without --accept-terms
    asked = asked_of(run)
    assert len(asked) == 12
    for name, counts in manifest["counts"].items():
        assert counts["failed"] == 0, name
        assert counts["answered"] + counts["unparsed"] + counts["truncated"] == 6
    assert {p.outcome for p in asked.values()} <= {"unparsed", "truncated"}
    scores = json.loads((run / "scores.json").read_text())
    assert scores["diagnosis"]["accuracy"]["estimate"] == 0.0
    assert scores["diagnosis"]["accuracy"]["items"] == 6
    for prediction in asked.values():
        assert prediction.raw_text
        assert prediction.input_tokens is not None
        assert prediction.input_tokens > 100
        assert prediction.output_tokens is not None
        assert 1 <= prediction.output_tokens <= 10
        assert prediction.finish_reason == (
            "max_tokens" if prediction.output_tokens == 10 else "stop"
        )


def test_a_server_of_the_same_weights_says_the_same(
    bench: Path, folder: Path, run: Path, tmp_path: Path
) -> None:
    with served(folder) as url:
        command = [
            sys.executable, "-m", "spinebench.cli.main", "eval", "run", str(bench), "--model",
            "openai/tiny", "--out", str(tmp_path / "run"), "--limit", "6", "--json",
            "--setting", "max_tokens=10", "--setting", "temperature=0",
        ]  # fmt: skip
        address = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"}
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **address}, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["local"] is True  # loopback
    here, there = asked_of(run), asked_of(tmp_path / "run")
    assert here.keys() == there.keys()
    for key, prediction in here.items():
        assert there[key].raw_text == prediction.raw_text
        assert there[key].input_tokens == prediction.input_tokens
        assert there[key].output_tokens == prediction.output_tokens
        assert there[key].outcome == prediction.outcome
        assert there[key].sent_sha256 == prediction.sent_sha256
