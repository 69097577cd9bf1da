"""From which gain on a shortcut counts, and how it is told.

Both the interval (at `predict.LEVEL`, chosen for many comparisons) and the size decide: a gain that
is certain but small changes no score that anybody compares.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spinebench.benchmark.audit.findings import (
    SEVERITIES,
    AuditFinding,
    Measure,
    Severity,
    build_finding,
)
from spinebench.benchmark.audit.predict import LEVEL, Items, measure
from spinebench.benchmark.audit.registry import CHECKS

MINOR_GAIN = 0.05  # lower bound of the gain over the reference
SERIOUS_GAIN = 0.15


def judge_shortcut(
    check: str,
    name: str,
    words: str,
    items: Items,
    right: NDArray[np.float64],
    reference: NDArray[np.float64],
    *,
    least: float = MINOR_GAIN,
) -> Iterator[AuditFinding | Measure]:
    """The measure of a shortcut, and a finding with it where it gains enough.

    `right` and `reference` say of each question how surely the shortcut, and something fair without
    it, names the answer. `words` follow "from". Items are what only the shortcut answers.
    """
    found = measure(name, items, right, reference)
    yield found
    severity = grade_gain(found, least=least)
    if severity is not None:
        worst = min(severity, CHECKS[check].worst, key=SEVERITIES.index)
        through = np.flatnonzero((right > 0) & (reference < 1))
        ids = sorted(items.questions[row].question_id for row in through)
        summary = f"{items.task}, from {words}: {gain_words(found)}"
        yield from build_finding(check, worst, summary, ids, measures=(found,))


def grade_gain(found: Measure, *, least: float = MINOR_GAIN) -> Severity | None:
    """Severity of a measured shortcut; None where the gain may be nothing, or is small."""
    if found.gain_low is None or found.gain_low < least:
        return None
    return "serious" if found.gain_low >= SERIOUS_GAIN else "minor"


def gain_words(found: Measure) -> str:
    """`92 % of 300 answers are right (88 to 95 at level 99.9 %), 25 % without it`."""
    bounds = ""
    if found.low is not None and found.high is not None:
        bounds = f" ({100 * found.low:.0f} to {100 * found.high:.0f} at level {100 * LEVEL:g} %)"
    return (
        f"{100 * found.estimate:.0f} % of {found.questions:,} answers are right{bounds}, "
        f"{100 * found.reference:.0f} % without it"
    )
