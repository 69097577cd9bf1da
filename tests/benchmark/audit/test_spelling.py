"""A spelling that tells the answer is found however frequent the answer is; else nothing is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spinebench.anatomy.diseases import HEALTHY
from spinebench.benchmark.audit.findings import AuditFinding, Measure
from spinebench.benchmark.audit.predict import build_items
from spinebench.benchmark.audit.spelling import check_spelling, name_of, odd_one
from spinebench.records import Question
from tests.benchmark.audit.fixture import CLASSES, DISEASES, LEVELS, build_sample
from tests.examples import a_question

Write = Callable[[str, bool, np.random.Generator], str]  # option, whether it is right


def asked(shares: Sequence[float], write: Write, *, patients: int = 100, seed: int = 0) -> list:
    """Three questions of each patient, their classes drawn by share, all classes offered."""
    rng = np.random.default_rng(seed)
    questions = []
    for number in range(3 * patients):
        disease = CLASSES[int(rng.choice(len(CLASSES), p=shares))]
        order = [CLASSES[i] for i in rng.permutation(len(CLASSES))]
        questions.append(
            a_question(
                question_id=f"q{number}", patient_id=f"own:{number % patients}", disease=disease,
                options=tuple(write(option, option == disease, rng) for option in order),
                gold=("ABCDE"[order.index(disease)],),
            )
        )  # fmt: skip
    return questions


def found(questions: list[Question], task: str = "diagnosis") -> dict[str, AuditFinding]:
    """Findings by the name of what told."""
    items = build_items(task, questions, several=questions[0].multiple)
    things = list(check_spelling(items))
    assert {m.name for t in things if isinstance(t, AuditFinding) for m in t.measures} <= {
        t.name for t in things if isinstance(t, Measure)
    }
    return {t.measures[0].name: t for t in things if isinstance(t, AuditFinding)}


def mostly(disease: str, share: float) -> list[float]:
    rest = (1 - share) / (len(CLASSES) - 1)
    return [share if name == disease else rest for name in CLASSES]


@pytest.mark.parametrize("disease", [HEALTHY, DISEASES[2]])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.69, 0.9])
def test_one_class_given_away_is_found_whatever_its_share(disease: str, share: float) -> None:
    def write(option: str, right: bool, rng: np.random.Generator) -> str:
        return option.lower() if right and option == disease else option

    findings = found(asked(mostly(disease, share), write))
    assert findings["spelling"].severity == "serious"
    measure = findings["spelling"].measures[0]
    assert (measure.estimate, measure.reference) == (1.0, 0.5)
    assert set(findings["spelling"].items) == {f"q{n}" for n in range(300)}


def test_a_rare_class_given_away_among_well_spelt_ones_is_named() -> None:
    """Every class is written in two ways, and of one of them the way tells."""

    def write(option: str, right: bool, rng: np.random.Generator) -> str:
        tells = right if option == DISEASES[0] else rng.random() < 0.5
        return option.upper() if tells else option

    findings = found(asked(mostly(HEALTHY, 0.69), write))
    assert findings.keys() == {f"spelling of {DISEASES[0]}"}
    (finding,) = findings.values()
    assert "Spinal Canal Stenosis alone: right and wrong options are told apart in 100 %" in (
        finding.summary
    )


@pytest.mark.parametrize("share", [0.2, 0.69])
def test_the_odd_one_out_is_found_where_no_text_tells(share: float) -> None:
    """A question is written in one case, drawn anew, and its answer in the other."""
    questions = []
    rng = np.random.default_rng(1)
    for question in asked(mostly(HEALTHY, share), lambda option, right, rng: option):
        upper = rng.random() < 0.5
        options = tuple(
            option.upper() if (option == question.disease) != upper else option.lower()
            for option in question.options
        )
        questions.append(replace(question, options=options))
    findings = found(questions)
    assert findings["odd_spelling"].measures[0].estimate == 1.0
    assert "spelling" not in findings


@pytest.mark.parametrize("seed", range(20))
def test_spelling_without_regard_to_the_answer_tells_nothing(seed: int) -> None:
    def write(option: str, right: bool, rng: np.random.Generator) -> str:
        return (str.upper, str.lower, str)[int(rng.integers(3))](option)

    shares = mostly(HEALTHY, (0.2, 0.69)[seed % 2])
    assert found(asked(shares, write, patients=40, seed=seed)) == {}


def test_a_class_that_is_always_written_oddly_tells_nothing() -> None:
    def write(option: str, right: bool, rng: np.random.Generator) -> str:
        return option.lower() if option == HEALTHY else option

    items = build_items("diagnosis", asked(mostly(HEALTHY, 0.69), write), several=False)
    measured = {thing.name: thing for thing in check_spelling(items)}
    # the odd one is Healthy, each time: nothing varies
    assert measured == {}


def test_levels_given_away_where_several_are_right() -> None:
    rng = np.random.default_rng(0)
    questions = []
    for number in range(200):
        gold = tuple("ABCDE"[i] for i in sorted(rng.choice(5, 2, replace=False)))
        options = tuple(
            level.replace("/", "-") if "ABCDE"[i] in gold else level
            for i, level in enumerate(LEVELS)
        )
        questions.append(
            a_question(
                question_id=f"q{number}", task="localization", patient_id=f"own:{number % 60}",
                options=options, gold=gold, multiple=True,
            )
        )  # fmt: skip
    findings = found(questions, "localization")
    assert findings["spelling"].severity == "serious"
    assert {f"spelling of {level}" for level in LEVELS} <= findings.keys()


def test_few_are_not_judged() -> None:
    def write(option: str, right: bool, rng: np.random.Generator) -> str:
        return option.lower() if right and option == HEALTHY else option

    questions = asked(mostly(HEALTHY, 0.5), write)
    few = [q for q in questions if q.disease != HEALTHY]
    few += [q for q in questions if q.disease == HEALTHY][:9]
    assert found(few) == {}


def test_nothing_is_measured_where_options_are_spelt_alike(tmp_path: Path) -> None:
    questions = build_sample(tmp_path, patients=30).questions_of("diagnosis")
    assert list(check_spelling(build_items("diagnosis", questions, several=False))) == []


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("Healthy", HEALTHY),
        (" healthy. ", HEALTHY),
        ("\uff28ealthy", HEALTHY),  # full width
        ("Healthy, as the picture clearly shows", HEALTHY),
        ("No sign of Osteophytes, healthy", "Osteophytes"),
        ("left neural foraminal narrowing", "Foraminal stenosis"),
        ("L4-L5", "L4/L5"),
        ("At l4/l5.", "L4/L5"),
        ("Something  ELSE!", "something else"),
    ],
)
def test_the_class_of_an_option(option: str, name: str) -> None:
    assert name_of(option) == name


@pytest.mark.parametrize(
    ("options", "place"),
    [
        (("Healthy", "Osteophytes", "Vertebral collapse"), None),
        (("healthy", "Osteophytes", "Vertebral collapse"), 0),
        (("HEALTHY", "OSTEOPHYTES", "Vertebral collapse"), 2),
        (("Healthy", "Osteophytes", "Vertebral Collapse"), None),  # all may be titles
        (("Healthy", "Osteophytes.", "Vertebral collapse"), 1),
        (("Healthy", " Osteophytes", "Vertebral collapse"), 1),
        (("Healthy", "cervical Kyphosis", "sigmoid cervical vertebrae"), None),  # their own names
        (("healthy", "Osteophytes", "VERTEBRAL COLLAPSE"), None),  # three ways
        (("healthy", "Osteophytes"), None),
    ],
)
def test_the_odd_one(options: tuple[str, ...], place: int | None) -> None:
    assert odd_one(options) == place
