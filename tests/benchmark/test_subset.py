"""The evaluation subset: balance, quality, patients, and what adding data may change."""

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinebench.benchmark.subset import SubsetSizes, choose_subset
from spinebench.errors import UsageError
from spinebench.records import Quality, Question
from tests.examples import a_question

LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")


def asked(name: str, patient: str, disease: str, **fields: object) -> Question:
    values = {"levels": (), "gold": ("A",), "options": (disease, "Healthy"), **fields}
    return a_question(
        question_id=f"{name}@0", image_ids=(name,), patient_id=patient, disease=disease, **values
    )


def located(name: str, patient: str, disease: str, letters: str) -> Question:
    return asked(
        name, patient, disease, task="localization", multiple=True, options=LEVELS,
        gold=tuple(letters),
    )  # fmt: skip


def graded(name: str, *, clear: bool) -> Quality:
    return Quality(
        image_id=name, sharpness=0.7, contrast=0.5, clipped_low=0.0, clipped_high=0.0, padding=0.0,
        rows=300, cols=300, clear=clear, reason=None if clear else "blurred",
    )  # fmt: skip


def test_a_large_class_gives_its_size_and_a_small_one_all() -> None:
    many = [asked(f"a{i}", f"p{i}", "Osteophytes") for i in range(150)]
    few = [asked(f"b{i}", f"p{i}", "Vertebral collapse") for i in range(28)]
    shapes = [
        asked(f"c{i}", f"p{i}", ("Lordotic", "Kyphotic")[i % 5 == 0], task="alignment")
        for i in range(130)
    ]
    everything = {q.question_id: q for q in (*many, *few, *shapes)}
    found = choose_subset(everything.values(), {}, seed=0)
    assert Counter((everything[i].task, everything[i].disease) for i in found) == {
        ("diagnosis", "Osteophytes"): 100, ("diagnosis", "Vertebral collapse"): 28,
        ("alignment", "Lordotic"): 100, ("alignment", "Kyphotic"): 26,
    }  # fmt: skip
    assert choose_subset(reversed(everything.values()), {}, seed=0) == found
    assert choose_subset(everything.values(), {}, seed=1) != found


def test_only_multiple_choice_questions_of_test_are_chosen() -> None:
    questions = [
        asked("a", "p1", "Osteophytes"),
        asked("b", "p2", "Osteophytes", split="train"),
        asked("c", "p3", "Osteophytes", split="reserve"),
        asked("d", "p4", "Osteophytes", kind="open"),
    ]
    assert choose_subset(questions, {}, seed=0) == {"a@0"}
    assert choose_subset([], {}, seed=0) == set()


def test_clear_images_come_first_and_unclear_ones_fill_up() -> None:
    questions = [asked(f"a{i}", f"p{i}", "Osteophytes") for i in range(20)]
    quality = {f"a{i}": graded(f"a{i}", clear=i < 6) for i in range(19)}  # a19: not measured
    clear = {f"a{i}@0" for i in (*range(6), 19)}
    assert choose_subset(questions, quality, seed=0, sizes=SubsetSizes(per_class=7)) == clear
    ten = choose_subset(questions, quality, seed=0, sizes=SubsetSizes(per_class=10))
    assert ten > clear
    assert len(ten) == 10


def test_every_patient_is_asked_once_before_any_is_asked_twice() -> None:
    # p0 has 90 of 100 images
    questions = [asked(f"a{i}", f"p{max(0, i - 89)}", "Osteophytes") for i in range(100)]
    patient = {q.question_id: q.patient_id for q in questions}
    for per_class, per_patient, of_p0 in ((11, 1, 1), (15, 1, 5), (12, 2, 2)):
        sizes = SubsetSizes(per_class=per_class, per_patient=per_patient)
        found = Counter(patient[i] for i in choose_subset(questions, {}, seed=3, sizes=sizes))
        assert found["p0"] == of_p0
        assert len(found) == 11


def test_localization_is_dealt_over_conditions_and_level_sets() -> None:
    questions = [
        located(f"{disease}{letters}{i}", f"p{i}", disease, letters)
        for disease, letters in product(("Subarticular Stenosis", "Spinal Canal Stenosis"), "ABCDE")
        for i in range(60)
    ]
    questions += [located(f"rare{i}", f"p{i}", "Spondylolisthesis", "CD") for i in range(7)]
    questions += [located(f"all{i}", f"p{i}", "Spinal Canal Stenosis", "ABCDE") for i in range(60)]
    by_id = {q.question_id: q for q in questions}
    found = choose_subset(questions, {}, seed=0, sizes=SubsetSizes(localization=127))
    counts = Counter((by_id[i].disease, "".join(by_id[i].gold)) for i in found)
    assert sum(counts.values()) == 127
    assert counts["Spondylolisthesis", "CD"] == 7  # all it has; the others share the rest evenly
    assert {counts["Subarticular Stenosis", x] for x in "ABCDE"} == {12}
    assert {counts["Spinal Canal Stenosis", x] for x in (*"ABCDE", "ABCDE")} == {10}


def test_wording_options_and_encoder_do_not_matter() -> None:
    questions = [asked(f"a{i}", f"p{i}", "Osteophytes") for i in range(40)]
    other = [
        replace(q, question_id=f"{q.image_ids[0]}@1", text="?", options=("Healthy", q.disease))
        for q in questions
    ]
    sizes = SubsetSizes(per_class=9)
    images = {i.partition("@")[0] for i in choose_subset(questions, {}, seed=0, sizes=sizes)}
    assert images == {i.partition("@")[0] for i in choose_subset(other, {}, seed=0, sizes=sizes)}


def test_sizes_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="3 localization questions, 0 per patient"):
        SubsetSizes(1, 3, 0)


def test_one_more_localization_question_lets_no_old_one_in() -> None:
    # rare: dealing the piles in the order of their questions' hashes fails in 7 of 1,000 draws
    for draw in range(1000):
        rng = np.random.default_rng(draw)
        questions = [
            located(f"i{i}", f"p{rng.integers(20)}", "abc"[rng.integers(3)], "ABC"[rng.integers(3)])
            for i in range(rng.integers(5, 40))
        ]
        sizes = SubsetSizes(localization=int(rng.integers(1, len(questions))))
        before = choose_subset(questions[:-1], {}, seed=5, sizes=sizes)
        after = choose_subset(questions, {}, seed=5, sizes=sizes)
        assert after <= before | {questions[-1].question_id}


some_questions = st.lists(
    st.tuples(
        st.sampled_from("abc"),  # condition
        st.sampled_from(["A", "B", "AB", "CDE"]),
        st.integers(0, 6),  # patient
        st.booleans(),  # localization
        st.booleans(),  # clear
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(some_questions, st.integers(0, 40), st.integers(1, 3), st.integers(0, 12), st.data())
def test_adding_data_lets_nothing_old_in(
    rows: list[tuple[str, str, int, bool, bool]],
    localization: int,
    per_patient: int,
    per_class: int,
    data: st.DataObject,
) -> None:
    questions: list[Question] = []
    quality: dict[str, Quality] = {}
    for place, (disease, letters, patient, where, clear) in enumerate(rows):
        name = f"i{place}"
        make = located(name, f"p{patient}", disease, letters)
        questions.append(make if where else asked(name, f"p{patient}", disease))
        quality[name] = graded(name, clear=clear)
    kept = data.draw(st.integers(0, len(rows)))
    sizes = SubsetSizes(per_class, localization, per_patient)
    before = choose_subset(questions[:kept], quality, seed=5, sizes=sizes)
    after = choose_subset(questions, quality, seed=5, sizes=sizes)
    new = {q.question_id for q in questions[kept:]}
    assert after <= before | new
    assert len(before) <= len(after)
    by_task = Counter(q.task for q in questions if q.question_id in after)
    located_in_all = sum(q.task == "localization" for q in questions)
    assert by_task["localization"] == min(localization, located_in_all)
    shuffled = data.draw(st.permutations(questions))
    assert choose_subset(shuffled, quality, seed=5, sizes=sizes) == after
