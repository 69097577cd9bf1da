"""The task folder as lmms-eval itself loads it, moved to another place, and one pass over it."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spinebench.benchmark.bundle import Benchmark

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def tasks(exports: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """lmms-eval's task objects by name."""
    from lmms_eval.tasks import TaskManager, get_task_dict

    moved = tmp_path_factory.mktemp("elsewhere") / "tasks"
    shutil.copytree(exports / "lmms", moved)
    manager = TaskManager(include_path=str(moved), include_defaults=False)
    return dict(leaves(get_task_dict(["spinebench"], manager)))


def leaves(found: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, dict):
            yield from leaves(value)
        else:
            yield str(name), value


def test_three_tasks_with_the_test_split(tasks: dict[str, Any], bench: Benchmark) -> None:
    assert sorted(tasks) == [
        "spinebench_alignment",
        "spinebench_diagnosis",
        "spinebench_localization",
    ]
    for name, task in tasks.items():
        kind = name.removeprefix("spinebench_")
        expected = [q.question_id for q in bench.questions if q.task == kind and q.split == "test"]
        assert [doc["question_id"] for doc in task.test_docs()] == expected


def test_one_pass_over_each_task(tasks: dict[str, Any], bench: Benchmark) -> None:
    questions = {q.question_id: q for q in bench.questions}
    for name, task in tasks.items():
        for doc in task.test_docs():
            question = questions[doc["question_id"]]
            text = task.doc_to_text(doc)
            assert question.text in text
            for letter, option in question.lettered.items():
                assert f"{letter}: {option}" in text
            assert ("[X, Y, ...]" in text) == (name == "spinebench_localization")
            assert not re.search(r"\{\w+\}|<image>", text)
            (picture,) = task.doc_to_visual(doc)
            assert (picture.size, picture.mode) == ((20, 24), "RGB")
            assert task.doc_to_target(doc) == "".join(question.gold)
            right = f"Because.\nMy final options: [{', '.join(question.gold)}]"
            scored = task.process_results(doc, [right])
            assert (scored["accuracy"], scored["unparsed"]) == (1.0, 0.0)
            assert set(scored) == set(task.aggregation())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("My final options: [A, B]", (1.0, 1.0, 1.0, 0.0)),
        ("**My final options: A and B.**", (1.0, 1.0, 1.0, 0.0)),
        ("My final options: [A]", (0.0, 1.0, 0.5, 0.0)),
        ("My final options: [A, B, C, D]", (0.0, 0.5, 1.0, 0.0)),
        ("B, A", (1.0, 1.0, 1.0, 0.0)),
        ("My final options: [A, Z]", (0.0, 0.0, 0.0, 1.0)),
        ("I cannot tell.", (0.0, 0.0, 0.0, 1.0)),
        ("A doctor can help.", (0.0, 0.0, 0.0, 1.0)),
        ("", (0.0, 0.0, 0.0, 1.0)),
    ],
)
def test_answers_are_read_or_unparsed_never_guessed(
    tasks: dict[str, Any], answer: str, expected: tuple[float, ...]
) -> None:
    task = tasks["spinebench_localization"]
    doc = next(doc for doc in task.test_docs() if doc["letters"] == "AB")
    scored = task.process_results(doc, [answer])
    figures = (scored["accuracy"], scored["precision"], scored["recall"], scored["unparsed"])
    assert figures == expected


def test_several_letters_for_one_are_unparsed(tasks: dict[str, Any]) -> None:
    task = tasks["spinebench_diagnosis"]
    doc = task.test_docs()[0]
    scored = task.process_results(doc, ["My final option: [A, B]"])
    assert scored == {"accuracy": 0.0, "unparsed": 1.0}


def test_aggregation_is_the_mean(tasks: dict[str, Any]) -> None:
    mean = tasks["spinebench_diagnosis"].aggregation()["accuracy"]
    assert mean([1.0, 0.0, 0.0, 1.0]) == 0.5
