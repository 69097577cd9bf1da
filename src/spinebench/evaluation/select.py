"""Which questions a run asks, and in what order."""

import hashlib
from collections.abc import Sequence

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.records import Question

SPLITS = ("train", "test", "reserve")


def select_questions(
    benchmark: Benchmark, task: str, split: str, *, subset: bool = False
) -> list[Question]:
    """Multiple-choice questions of a task and split, ordered by a hash of their ids.

    So every first part of the list is a fair sample over sources and classes: a limit of 100
    holds the questions of a limit of 10, and none of them depends on how the table is ordered.
    `subset` keeps those of the evaluation subset, which lies in `test`.
    """
    if split not in SPLITS:
        raise UsageError(f"unknown split {split!r}; there are {', '.join(SPLITS)}")
    if subset and split != "test":
        raise UsageError(f"the evaluation subset lies in the split test, not in {split}")
    chosen = [
        q
        for q in benchmark.questions
        if (q.kind, q.task, q.split) == ("mcq", task, split) and (q.in_subset or not subset)
    ]
    return sorted(chosen, key=lambda q: hashlib.sha256(q.question_id.encode()).digest())


def name_part(split: str, *, subset: bool) -> str:
    """What is asked, in words."""
    whole = f"its split {split!r}"
    return f"the evaluation subset of {whole}" if subset else whole


def check_letters(questions: Sequence[Question]) -> None:
    """Raise UsageError for a question that cannot be lettered or has no right option."""
    for question in questions:
        if not 2 <= len(question.options) <= 26 or not set(question.gold) <= set(question.lettered):
            raise UsageError(
                f"question {question.question_id}: {len(question.options)} options,"
                f" right {', '.join(question.gold) or 'none'}"
            )
