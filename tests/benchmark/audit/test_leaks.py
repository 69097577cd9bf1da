"""Position skew against scipy, and what a question's words give away, case by case."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from spinebench.benchmark.audit.leaks import leaks_of, measure_skew
from spinebench.benchmark.audit.material import Material
from spinebench.benchmark.bundle import Benchmark
from spinebench.engine import LocalEngine
from tests.benchmark.audit.fixture import CLASSES, LEVELS
from tests.examples import a_question


def asked(counts: dict[str, int], options: int = 5):
    question = a_question(options=tuple("vwxyz"[:options]))
    return [replace(question, gold=tuple(gold)) for gold, n in counts.items() for _ in range(n)]


def test_one_right_letter_is_pearsons_test() -> None:
    counts = {"A": 30, "B": 12, "C": 20, "D": 18, "E": 20}
    p_value, surplus, letter, share = measure_skew(asked(counts))
    assert p_value == pytest.approx(stats.chisquare(list(counts.values())).pvalue)
    assert (letter, share, surplus) == ("A", 0.3, pytest.approx(0.1))


def test_several_right_letters_have_uniform_p_values() -> None:
    rng = np.random.default_rng(3)
    values = []
    for _ in range(300):
        golds = ["".join(sorted(rng.choice(list("ABCDE"), 2, replace=False))) for _ in range(60)]
        values.append(measure_skew(asked({g: golds.count(g) for g in set(golds)}))[0])
    assert stats.kstest(values, "uniform").pvalue > 0.01


def test_too_few_are_not_tested() -> None:
    assert measure_skew(asked({"A": 20})) is None
    assert measure_skew(asked({"A": 25})) is not None


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        ("What does this spine show?", {}, []),
        ("Is it osteophytes?", {}, ["name the answer"]),
        ("Is it an OSTEOPHYTE or not?", {}, ["name the answer"]),
        ("Is it disc space narrowing?", {}, []),
        (f"Which of {', '.join(CLASSES)} is it?", {}, []),
        ("Patient pt000 has what?", {}, ["hold the id of the patient, study or series"]),
        ("Film st000x0 has what?", {}, ["hold the id of the patient, study or series"]),
        ("What is on this OWN film?", {}, ["name the source"]),
        ("What does the table show?", {"source": "table"}, []),
        ("Where is it?", {"task": "localization"}, []),
        ("Is it at L4-L5?", {"task": "localization"}, ["name a level of the answer"]),
        ("Is it at L1/L2?", {"task": "localization"}, []),
        (f"Which of {', '.join(LEVELS)}?", {"task": "localization"}, []),
        ("At which level are the osteophytes?", {"task": "localization"}, []),
    ],
)  # fmt: skip
def test_words_that_give_away(
    text: str, fields: dict[str, str], expected: list[str], clean
) -> None:
    image = next(iter(clean.images.values()))
    question = a_question(
        text=text, image_ids=(image.image_id,), source="own", patient_id=image.patient_id,
        options=CLASSES, gold=("C",), disease="Osteophytes", levels=("L4/L5",),
    )  # fmt: skip
    if fields.get("task") == "localization":
        question = replace(question, options=LEVELS, gold=("D",), multiple=True)
    question = replace(question, **fields)
    material = Material(Benchmark.load(clean.write()), LocalEngine(1))
    assert list(leaks_of(question, material)) == expected
