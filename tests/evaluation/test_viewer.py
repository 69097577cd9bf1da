"""Inspect's own reader and viewer open the logs of a run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from inspect_ai.log import list_eval_logs, read_eval_log, read_eval_log_sample_summaries

from spinebench.evaluation.run import run_evaluation
from spinebench.records import Prediction
from spinebench.tables import read_table


@pytest.fixture(scope="module")
def run(bench: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("viewer") / "run"
    run_evaluation(bench, "spinebench/random", out)
    return out


def test_inspects_reader_finds_every_answer(run: Path) -> None:
    logs = list_eval_logs(str(run / "logs"))
    predictions = read_table(run / "predictions.parquet", Prediction)
    found: dict[str, str] = {}
    for log in logs:
        header = read_eval_log(log, header_only=True)
        assert header.status == "success"
        assert header.eval.model == "spinebench/random"
        whole = read_eval_log(log)
        for sample in whole.samples or []:
            found[str(sample.id).split(" ")[0]] = sample.output.completion
        assert len(read_eval_log_sample_summaries(log)) == len(whole.samples or [])
    assert len(found) == len(predictions)
    for prediction in predictions:
        (said,) = [text for name, text in found.items() if prediction.question_id in name]
        assert said == prediction.raw_text


def test_inspects_viewer_bundles_them(run: Path, tmp_path: Path) -> None:
    site = tmp_path / "view"
    subprocess.run(
        [sys.executable, "-m", "inspect_ai", "view", "bundle",
         "--log-dir", str(run / "logs"), "--output-dir", str(site)],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    assert (site / "index.html").is_file()
    listing = json.loads((site / "logs" / "listing.json").read_text(encoding="utf-8"))
    assert len(listing) == len(list((run / "logs").glob("*.eval"))) > 0
