"""All figures of one run: those of `breakdown`, and what the run's protocol adds to them."""

from pathlib import Path
from typing import Any

from spinebench.evaluation.breakdown import score_run


def score_whole_run(bench: Path, predictions: Path, *, seed: int) -> dict[str, Any]:
    """What `scores.json` holds."""
    return score_run(bench, predictions, seed=seed)
