"""`utils.py` of the task folder, run by itself; lmms-eval reads the folder in `tests/peers`."""

from typing import Any

import pytest

from spinebench.benchmark.release.lmms import build_task_yaml, build_utils


@pytest.fixture(scope="module")
def utils(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    names: dict[str, Any] = {"__file__": str(tmp_path_factory.mktemp("task") / "utils.py")}
    exec(compile(build_utils(), "utils.py", "exec"), names)
    return names


@pytest.mark.parametrize(
    ("answer", "letters"),
    [
        ("My final option: [B]", {"B"}),
        ("My final option: B", {"B"}),
        ("reasons, A perhaps\n**My final options: [A, C]**", {"A", "C"}),
        ("My final option: [A]\nNo. My final option: [C]", {"C"}),
        ("My final options are: A and C", {"A", "C"}),
        ("B", {"B"}),
        ("(b)", {"B"}),
        ("A doctor can help.", None),
        ("My final option: [Healthy]", None),
        ("My final option: [F]", None),
        ("", None),
        ("I cannot determine this.", None),
    ],
)
def test_answers_are_read_or_not(utils: dict[str, Any], answer: str, letters: Any) -> None:
    assert utils["read_letters"](answer, 5) == letters


def test_scores_of_one_and_of_several(utils: dict[str, Any]) -> None:
    one = {"letters": "B", "options": list("vwxyz")}
    assert utils["score_one"](one, ["My final option: [B]"]) == {"accuracy": 1.0, "unparsed": 0.0}
    assert utils["score_one"](one, ["My final option: [A]"]) == {"accuracy": 0.0, "unparsed": 0.0}
    several = {"letters": "BCD", "options": list("vwxyz")}
    assert utils["score_several"](several, ["My final options: [B, A]"]) == {
        "accuracy": 0.0, "precision": 0.5, "recall": 1 / 3, "unparsed": 0.0,
    }  # fmt: skip
    assert utils["score_several"](several, []) == {
        "accuracy": 0.0, "precision": 0.0, "recall": 0.0, "unparsed": 1.0,
    }  # fmt: skip


def test_a_question_cannot_play_with_the_prompt(utils: dict[str, Any]) -> None:
    doc = {"question": "What of {options}?", "options": ["{question}", "b"]}
    text = utils["diagnosis_to_text"](doc)
    assert "Question: What of {options}?" in text
    assert "[A: {question}, B: b]" in text


def test_each_task_names_its_functions() -> None:
    for task in ("diagnosis", "localization", "alignment"):
        text = build_task_yaml(task)  # type: ignore[arg-type]  # the three that there are
        for name in (f"{task}_to_text", f"{task.upper()}_DATA", "doc_to_visual", "mean"):
            assert f"!function utils.{name}\n" in text
            assert f"{name} = " in build_utils() or f"def {name}(" in build_utils()
