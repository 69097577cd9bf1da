"""All figures of one run: those of `breakdown`, and what repeated askings and places add."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from spinebench.evaluation import score
from spinebench.evaluation.breakdown import load_answers, score_run
from spinebench.evaluation.extractor_model import count_extractor
from spinebench.evaluation.habits import as_shown, measure_places, measure_steadiness
from spinebench.evaluation.metric import Metric, build_metric
from spinebench.evaluation.prompts import TASKS
from spinebench.evaluation.side import SIDE
from spinebench.records import Prediction
from spinebench.tables import read_frame


def score_whole_run(bench: Path, predictions: Path, *, seed: int) -> dict[str, Any]:
    """What `scores.json` holds: `breakdown.score_run`, `extractor`, and for each task two more.

    `places`: wrong answers by the letter they were shown under (`habits.PlaceHabit`; not where
    several options may be right). `consistency`: over the questions that were answered as often
    as they were to be, every rotation and epoch, the share that is right in all of them
    (`all_right`), right on average (`mean_right`), and of pairs of askings that disagree; None
    where each was asked once. `extractor`: how many answers a model in that role read and credited
    (`extractor_model.ExtractorShare`), how many it would have read where there was none, and
    both as shares of all answers.
    """
    scores = score_run(bench, predictions, seed=seed)
    frame = read_frame(predictions, Prediction)
    answers = load_answers(bench, predictions).with_columns(letter_map=frame["letter_map"])
    for task in (*TASKS, SIDE):
        if scores[task] is None:
            continue
        part = answers.filter(pl.col("task") == task)
        # letters stand for places in this table: those that were shown
        scores[task]["positions"] = [
            {name: asdict(v) if isinstance(v, Metric) else v for name, v in row.items()}
            for row in score.score_positions(as_shown(part))
        ]
        scores[task]["places"] = (
            None if task in ("localization", SIDE) else asdict(measure_places(part, seed=seed))
        )
        scores[task]["consistency"] = _consistency(part)
    scores["extractor"] = _extractor_share(frame)
    return scores


def _extractor_share(predictions: pl.DataFrame) -> dict[str, int | float | None]:
    found = count_extractor(predictions.select("outcome", "stage", "raw_text").iter_rows())

    def share(number: int) -> float | None:
        return number / found.answers if found.answers else None

    return {
        **asdict(found),
        "asked_share": share(found.asked),
        "would_ask_share": share(found.would_ask),
    }


def _consistency(answers: pl.DataFrame) -> dict[str, Any] | None:
    """Steadiness over the questions all of whose askings count."""
    whole = answers.filter(pl.col("counted").all().over("question_id"))
    steady = measure_steadiness(whole)
    if steady is None:
        return None
    repeated = whole.filter(pl.len().over("question_id") >= 2).unique("question_id")
    return {
        "times": round(steady.askings, 2),
        "all_right": asdict(build_metric(repeated, steady.always_right)),
        "mean_right": asdict(build_metric(repeated, steady.mean_right)),
        "disagreeing": asdict(build_metric(repeated, steady.disagreeing)),
    }
