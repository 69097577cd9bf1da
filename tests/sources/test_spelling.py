"""What is the same word in other capitals, and what is another word."""

import pytest

from spinebench.sources.csvfile import parse_csv
from spinebench.sources.spelling import Vocabulary, fold, note_blanks
from spinebench.tables import Ledger

WORDS = ("Normal/Mild", "Severe", "No finding")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Severe", "Severe"),
        ("SEVERE", "Severe"),
        ("severe ", "Severe"),
        ("\u00a0Severe", "Severe"),
        ("normal / mild", "Normal/Mild"),
        ("no_finding", "No finding"),
        ("No  Finding", "No finding"),
        ("Sever", None),
        ("Normal Mild", None),
        ("Normal", None),
        ("", None),
    ],
)
def test_capitals_and_blanks_make_no_other_word(text: str, word: str | None) -> None:
    assert Vocabulary("grade", WORDS).find(text) == word


def test_only_words_written_otherwise_are_noted() -> None:
    ledger, words = Ledger(source="x"), Vocabulary("grade", WORDS)
    words.find("Severe")
    words.find("nothing")
    words.note("t.csv", ledger)
    assert ledger.rejects == []
    words.find("severe")
    words.find("SEVERE")
    words.note("t.csv", ledger)
    (line,) = ledger.rejects
    assert (line.file, line.row, line.reason) == ("t.csv", None, "spelled_otherwise")
    assert line.detail == "grade: 2 cells, 'severe' first"


def test_blanks_around_cells_are_noted() -> None:
    ledger = Ledger(source="x")
    note_blanks(parse_csv(" a ,b\n1,2\n", "t.csv", []), ledger)
    assert ledger.rejects == []
    note_blanks(parse_csv("a,b\n1, 2\n3 ,\n  ,x\n", "t.csv", []), ledger)
    assert [(r.row, r.reason, r.detail) for r in ledger.rejects] == [
        (None, "stray_blanks", "3 cells")
    ]


def test_folding_is_of_case_and_blanks_alone() -> None:
    assert fold(" A_b /  C ") == "a b/c"
    assert fold("L4-L5") == "l4-l5"
