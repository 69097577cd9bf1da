"""A simulated model with a known accuracy for each disease comes back within its intervals."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from spinebench.evaluation.score import score_by

ACCURACY = {"Osteophytes": 0.25, "Spondylolisthesis": 0.5, "Healthy": 0.8}
PATIENTS, EACH = 120, 6


def test_known_accuracies_come_back_at_the_stated_rate() -> None:
    rng = np.random.default_rng(1)
    owner = np.repeat(np.arange(PATIENTS), EACH)
    disease = np.tile(np.repeat(list(ACCURACY), 2), PATIENTS)
    frame = pl.DataFrame(
        {
            "question_id": [f"q{number}" for number in range(len(owner))],
            "patient_id": [f"p{number}" for number in owner],
            "patient": owner, "disease": disease, "counted": True, "outcome": "answered",
        }
    )  # fmt: skip
    limit = stats.norm.ppf([ACCURACY[name] for name in disease])
    runs, held, points = 250, 0, 0
    for _ in range(runs):
        # luck with a patient and luck with a question: the chance of each disease stays as it is
        luck = np.sqrt(0.4) * rng.normal(size=PATIENTS)[owner]
        luck += np.sqrt(0.6) * rng.normal(size=len(owner))
        for row in score_by(frame.with_columns(correct=pl.Series(luck < limit)), "disease"):
            metric, truth = row["accuracy"], ACCURACY[row["value"]]
            assert (metric.items, metric.patients) == (2 * PATIENTS, PATIENTS)
            held += metric.low <= truth <= metric.high
            points += metric.low <= truth + 0.12 <= metric.high
    # 750 intervals, three of one run share their patients: about four standard errors
    assert held / (3 * runs) == pytest.approx(0.95, abs=0.035)
    assert points / (3 * runs) < 0.3  # and they are narrow enough to say something
