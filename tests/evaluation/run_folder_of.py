"""A run folder written from answers given by hand."""

from collections.abc import Callable
from pathlib import Path

from spinebench.benchmark.bundle import Benchmark
from spinebench.evaluation.find import relative_benchmark
from spinebench.records import Prediction, Question
from spinebench.tables import sha256_of_file, write_json, write_table

# letters that a model answers; None = the call failed
Answer = Callable[[Question], tuple[str, ...] | None]


def build_prediction(
    question: Question, letters: tuple[str, ...] | None, *, epoch: int = 1
) -> Prediction:
    outcome = "failed" if letters is None else "answered" if letters else "unparsed"
    return Prediction(
        question_id=question.question_id, run_id="r", model="m", settings="{}",
        protocol="released", prompt_sha256="p", epoch=epoch, letter_map="".join(question.lettered),
        sent_sha256=(), raw_text="", finish_reason="stop", outcome=outcome,  # type: ignore[arg-type]
        letters=letters or (), stage=None, input_tokens=None, output_tokens=None, cost_usd=None,
        seconds=None, error=None,
    )  # fmt: skip


def write_run_folder(out: Path, bench: Path, answer: Answer, *, model: str = "m") -> Path:
    """Answers to every test question of the benchmark, with as much of a manifest as is read."""
    questions = [q for q in Benchmark.load(bench).questions if q.split == "test"]
    predictions = [build_prediction(question, answer(question)) for question in questions]
    write_table(out / "predictions.parquet", predictions, Prediction)
    manifest = {
        "kind": "run", "model": model, "protocol": "released", "settings": {}, "epochs": 1,
        "prompts": {"diagnosis": {"sha256": "p"}},
        "benchmark": {
            "manifest_sha256": sha256_of_file(bench / "manifest.json"),
            "path": relative_benchmark(bench, out),
        },
    }  # fmt: skip
    write_json(out / "manifest.json", manifest)
    return out
