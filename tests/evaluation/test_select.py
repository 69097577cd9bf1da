"""Which questions are asked, and in what order."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation.select import check_letters, select_questions
from tests.examples import a_question


def test_only_the_task_and_split_asked_for(benchmark_of: Benchmark) -> None:
    found = select_questions(benchmark_of, "localization", "reserve")
    assert Counter((q.task, q.split) for q in found) == {("localization", "reserve"): 6}
    with pytest.raises(UsageError, match="unknown split 'dev'; there are train, test, reserve"):
        select_questions(benchmark_of, "diagnosis", "dev")


def test_open_questions_are_left_out_and_order_does_not_depend_on_the_table() -> None:
    questions = [a_question(question_id=f"q{i}") for i in range(30)]
    benchmark = Benchmark(Path(), {})
    benchmark.__dict__["questions"] = [*questions, a_question(question_id="o", kind="open")]
    first = [q.question_id for q in select_questions(benchmark, "diagnosis", "test")]
    benchmark.__dict__["questions"] = questions[::-1]
    assert [q.question_id for q in select_questions(benchmark, "diagnosis", "test")] == first
    assert first != sorted(first)
    assert len(first) == 30


def test_the_first_part_mixes_the_sources(benchmark_of: Benchmark) -> None:
    found = select_questions(benchmark_of, "diagnosis", "test")[:12]
    assert set(Counter(q.source for q in found)) == {"rsna", "vindr"}


def test_questions_that_cannot_be_lettered() -> None:
    with pytest.raises(UsageError, match="question x: 1 options, right A"):
        check_letters([a_question(question_id="x", options=("one",), gold=("A",))])
    with pytest.raises(UsageError, match="question x: 2 options, right C"):
        check_letters([a_question(question_id="x", options=("one", "two"), gold=("C",))])
    check_letters([replace(a_question(), options=("one", "two"), gold=("B",))])
