"""How a question about a side is told from one about levels. Both are asked as localization.

A side task (`side_task`) is put in the protocol's words for localization, so that every protocol
can ask it; but it offers Left and Right and no level, and chance is another. Its answers are scored
as a task of their own, and no board counts them.
"""

from collections.abc import Iterable

from spinebench.errors import UsageError
from spinebench.records import Question

SIDE = "side"  # task of its answers in every figure
SIDE_RULE = "phantom_truth/1"  # label rule of its questions, and of nothing else


def check_no_side_task(questions: Iterable[Question], what: str) -> None:
    """Raise UsageError if questions of a side task are among those of a board; `what` names it."""
    if any(question.rule == SIDE_RULE for question in questions):
        raise UsageError(
            f"{what} is a side task, which no board counts: `spinebench eval flip RUN` reads its"
            " runs, and a page takes them as --flip RUN beside the runs that it is about"
        )
