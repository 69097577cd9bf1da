"""Protocols: what is said, in what order, and the way back to the options."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinebench.errors import UsageError
from spinebench.evaluation.prompts import (
    asks_for_several,
    closing_line,
    format_options,
    load_prompt,
    parse_options,
    protocol_names,
)

OPTIONS = {"A": "Healthy", "B": "Foraminal stenosis, left", "C": "Osteophytes", "D": "x", "E": "y"}


@pytest.mark.parametrize(
    ("task", "closing"),
    [("diagnosis", "My final option: [X]"), ("localization", "My final options: [X, Y, ...]")],
)
def test_released_has_the_published_parts_in_order(task: str, closing: str) -> None:
    before, after = load_prompt("released", task).render("What is shown?", OPTIONS)
    role, question = before.index("board certification"), before.index("What is shown?")
    options = before.index("[A: Healthy, B: Foraminal stenosis, left, C: Osteophytes, D: x, E: y]")
    assert role < question < options
    assert before.splitlines()[-1] == closing
    assert after == ""  # the image comes last
    assert "<image>" not in before


def test_only_localization_says_that_several_may_be_right() -> None:
    several = {t: load_prompt("released", t).text for t in ("diagnosis", "localization")}
    assert "several may be right" in several["localization"]
    assert "Exactly one option is right" in several["diagnosis"]
    assert several["localization"].count("[A, C]") == 1


def test_the_hash_is_of_the_text_alone() -> None:
    prompt = load_prompt("released", "diagnosis")
    assert len(prompt.sha256) == 64
    assert prompt.sha256 != load_prompt("released", "localization").sha256
    assert protocol_names() == ["cot", "direct", "released"]


def test_a_file_replaces_the_text(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text('Look: <image>\n{question} {options}\nJSON {"answer": 1} {} {1}\n')
    prompt = load_prompt("released", "diagnosis", file)
    assert prompt.render("What?", {"A": "a {question}", "B": "b"}) == (
        "Look: ", 'What? [A: a {question}, B: b]\nJSON {"answer": 1} {} {1}',
    )  # fmt: skip


def test_a_file_may_name_each_option(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("{question} [A: {optionA_text}, B: {optionB_text}]")
    prompt = load_prompt("released", "diagnosis", file)
    assert prompt.render("What?", {"A": "one", "B": "two"})[0] == "What? [A: one, B: two]"
    with pytest.raises(UsageError, match="names options A, B, a question has A, B, C"):
        prompt.render("What?", {"A": "one", "B": "two", "C": "three"})


def test_a_toml_file_has_a_text_per_task(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[diagnosis]\ntext = "{question} {options}"\n')
    assert load_prompt("released", "diagnosis", file).text == "{question} {options}"
    with pytest.raises(UsageError, match=r"no text under \[localization\]"):
        load_prompt("released", "localization", file)
    file.write_text("[diagnosis\n")
    with pytest.raises(UsageError, match=r"mine\.toml: "):
        load_prompt("released", "diagnosis", file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{question} {options} {image}", r"unknown placeholder \{image\}"),
        ("{options}", r"no \{question\}"),
        ("{question}", r"neither \{options\} nor"),
        ("{question} {options} <image> <image>", "more than once"),
    ],
)
def test_a_file_that_cannot_work_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.txt"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_prompt("released", "diagnosis", file)


def test_files_and_names_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_prompt("released", "diagnosis", tmp_path / "none.txt")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe{question}")
    with pytest.raises(UsageError, match="not UTF-8 text"):
        load_prompt("released", "diagnosis", tmp_path / "bytes.txt")
    with pytest.raises(UsageError, match="unknown protocol 'cot2'; there are cot, direct, rel"):
        load_prompt("cot2", "diagnosis")
    with pytest.raises(UsageError, match="unknown task 'grading'"):
        load_prompt("released", "grading")


@pytest.mark.parametrize("task", ["diagnosis", "localization"])
def test_options_come_back_from_the_released_prompt(task: str) -> None:
    text, _ = load_prompt("released", task).render("Which [A: trap, B: trap]?", OPTIONS)
    assert parse_options(text) == OPTIONS
    assert asks_for_several(text) is (task == "localization")


words = st.text("abcXYZ é-/()0123456789.", min_size=1).map(str.strip).filter(bool)


@given(st.lists(words, min_size=2, max_size=26))
def test_options_come_back_whatever_they_say(texts: list[str]) -> None:
    options = {chr(ord("A") + i): text for i, text in enumerate(texts)}
    assert parse_options(f"Before. {format_options(options)} After, [B: no].") == options


@pytest.mark.parametrize(
    "text",
    [
        "Choose.\nA: one\nB: two, three\nC: four\n",
        "Choose.\nA. one\n  B) two, three\n(C) four\nAnswer with [A].",
        "[A: one,  B:  two, three,\nC: four]\nMy answer: [X]",
    ],
)
def test_other_ways_to_write_options(text: str) -> None:
    assert parse_options(text) == {"A": "one", "B": "two, three", "C": "four"}


def test_no_options_and_no_closing_line() -> None:
    assert parse_options("What is shown? A: nothing.") == {}
    assert parse_options("See [A: alone].") == {}
    assert asks_for_several("Answer with a letter.") is None


def test_closing_lines() -> None:
    assert closing_line(["B"], several=False) == "My final option: [B]"
    assert closing_line(["A", "C"], several=True) == "My final options: [A, C]"
