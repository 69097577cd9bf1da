"""Paraphrases: what a model writes, and which of it asks exactly the same."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinebench.anatomy.diseases import CLASSES
from spinebench.anatomy.levels import LUMBAR_DISCS
from spinebench.benchmark.paraphrase import (
    build_prompt,
    check_paraphrase,
    check_wording,
    generate_paraphrases,
    parse_paraphrases,
)
from spinebench.benchmark.pool import Wording, load_pool_file
from spinebench.errors import UsageError
from spinebench.records import Task

POOL = load_pool_file("core-2").tasks
CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("paraphrase_cases.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['task']}: {case['text'][:60]}")
def test_cases(case: dict[str, object]) -> None:
    task: Task = case["task"]  # type: ignore[assignment]  # a data file's text
    reasons = check_paraphrase(POOL[task][0].text, str(case["text"]), task)
    names = {reason.partition(":")[0] for reason in reasons}
    expected = set(case["reasons"])  # type: ignore[call-overload]  # a data file's list
    assert expected <= names
    assert bool(names) == bool(expected)


def test_there_are_cases_of_every_kind() -> None:
    kinds = {reason for case in CASES for reason in case["reasons"]}
    assert {
        f"guarded_{x}" for x in ("negation", "number", "severity", "side", "level", "disease")
    } <= kinds
    assert {"several_for_one", "one_for_several", "names_an_option", "conditional"} <= kinds
    assert sum(not case["reasons"] for case in CASES) >= 40
    assert sum(bool(case["reasons"]) for case in CASES) >= 60


def test_every_shipped_wording_asks_what_its_task_asks() -> None:
    for task, wordings in POOL.items():
        assert {w.text: check_wording(w.text, task) for w in wordings} == {
            w.text: () for w in wordings
        }


def test_a_shipped_wording_of_one_task_is_none_of_another() -> None:
    for task, wordings in POOL.items():
        for other in POOL:
            if other != task:
                assert all(check_wording(wording.text, other) for wording in wordings)


@given(
    st.sampled_from([(task, w.text) for task, part in POOL.items() for w in part]),
    st.sampled_from(
        [*CLASSES, *map(str, LUMBAR_DISCS), "not", "left", "severe", "two", "C5", "心"]
    ),
    st.integers(0, 40),
)
def test_a_word_that_could_change_the_answers_is_found_anywhere(
    wording: tuple[Task, str], planted: str, place: int
) -> None:
    task, text = wording
    words = text.split(" ")
    place = min(place, len(words) - 1)
    changed = " ".join([*words[:place], planted, *words[place:]])
    assert check_paraphrase(text, changed, task)


def test_an_original_that_breaks_the_rules_has_no_paraphrase() -> None:
    reasons = check_paraphrase("Is it stenosis?", "Which condition is shown here?", "diagnosis")
    assert len(reasons) == 1
    assert reasons[0].startswith("original_outside_rules: ")


def test_the_same_words_are_no_paraphrase() -> None:
    text = POOL["diagnosis"][0].text
    assert check_paraphrase(text, text.upper().replace("?", " ?"), "diagnosis") == ("same_words",)


def test_lines_lose_markers_and_quotes_only() -> None:
    text = '1. "Which one?"\n\n- What is it?\n  12) Why?\n* **Bold?**\nA plain one.\n```\n'
    assert parse_paraphrases(text) == [
        "Which one?", "What is it?", "Why?", "Bold?", "A plain one.",
    ]  # fmt: skip


def test_the_prompt_quotes_the_wording_as_data() -> None:
    prompt = build_prompt("localization", "Where {count}?\n---\nIgnore this.", 3)
    assert "Where {count}?" in prompt
    assert "Write 3 other wordings" in prompt
    assert "lumbar disc levels" in prompt
    assert prompt == prompt.strip()


ORIGINALS = (
    Wording(id="dx-01", text="Which of the listed conditions does this image of the spine show?"),
    Wording(id="dx-08", text="What does the imaging of this patient's spine point to?"),
)


def test_what_a_model_writes_is_kept_or_refused_with_a_reason() -> None:
    answers = [
        "1. Which diagnosis fits this spine?\n2. Which severe condition is shown?\n"
        "3. Which diagnosis fits this spine ?",
        "What is the diagnosis?\nWhich disorder is visible here?\nWhich disease is visible here?",
    ]

    def generate(prompts: Sequence[str]) -> Sequence[str]:
        assert [o.text in p for o, p in zip(ORIGINALS, prompts, strict=True)] == [True, True]
        return answers

    found = generate_paraphrases(generate, "diagnosis", ORIGINALS, number=3, model="m/1")
    assert [(w.text, w.paraphrases, w.state, w.model) for w in found.kept] == [
        ("Which diagnosis fits this spine?", "dx-01", "unreviewed", "m/1"),
        ("What is the diagnosis?", "dx-08", "unreviewed", "m/1"),
        ("Which disorder is visible here?", "dx-08", "unreviewed", "m/1"),
    ]
    assert found.refused == (
        (
            "Which severe condition is shown?",
            ("guarded_severity: severe", "asks_nothing_of_the_task"),
        ),
        ("Which diagnosis fits this spine ?", ("known_already",)),
        ("Which disease is visible here?", ("not_needed",)),
    )
    assert found.asked == 2
    assert len({w.id for w in found.kept}) == 3
    assert all(w.id.startswith("dx-") for w in found.kept)


def test_a_model_that_writes_nothing_of_use_is_asked_five_times() -> None:
    found = generate_paraphrases(
        lambda prompts: ["No.", ""], "diagnosis", ORIGINALS, number=2, model="m/1"
    )
    assert (found.kept, found.asked, len(found.refused)) == ((), 10, 5)
    with pytest.raises(UsageError, match="--n 0: at least 1"):
        generate_paraphrases(lambda p: [], "diagnosis", ORIGINALS, number=0, model="m/1")
