"""All figures of a run as plain data, for `scores.json` and for the page."""

from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import polars as pl

from spinebench.evaluation import score
from spinebench.evaluation.levels import level_confusion
from spinebench.evaluation.prompts import TASKS
from spinebench.evaluation.side import SIDE
from spinebench.records import Image, Prediction, Question
from spinebench.tables import read_frame

BY = ("disease", "source", "sequence", "view", "levels")


def load_answers(bench: Path, predictions: Path) -> pl.DataFrame:
    """Scored answers (see `score.build_answers`) of a benchmark folder and a predictions table."""
    return score.build_answers(
        read_frame(bench / "questions.parquet", Question),
        read_frame(bench / "images.parquet", Image),
        read_frame(predictions, Prediction),
    )


def score_run(bench: Path, predictions: Path, *, seed: int) -> dict[str, Any]:
    """Headline figures, and for each task the tables by disease, source, sequence, view, level.

    `by` -> column -> rows; `positions` by letter; `confusion` for diagnosis and alignment; `levels`
    and `level_confusion` for localization. Every metric is an object with `estimate`, `low`,
    `high`, `items`, `patients`.
    """
    answers = load_answers(bench, predictions)
    scores: dict[str, Any] = score.score_answers(answers, seed=seed)
    for task in (*TASKS, SIDE):
        if scores[task] is None:
            continue
        part = answers.filter(pl.col("task") == task)
        scores[task]["by"] = {column: score.score_by(part, column) for column in BY}
        scores[task]["positions"] = score.score_positions(part)
        if task == "localization":
            scores[task]["levels"] = score.score_levels(part)
            scores[task]["level_confusion"] = level_confusion(part)
        elif task != SIDE:
            scores[task]["confusion"] = score.confusion_matrix(part)
    return {"seed": seed, **_plain(scores)}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
