import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from spinebench.benchmark.labels import Labelled
from spinebench.benchmark.negatives import Negatives
from spinebench.benchmark.pool import QuestionPool, load_question_pool
from spinebench.benchmark.questions import QuestionWriter
from spinebench.errors import DataError, UsageError
from spinebench.records import Question
from tests.examples import an_image

POOL = load_question_pool()
UNITS = (("points.csv", 2, None), ("train.csv", 3, "left_l4_l5"))
NEGATIVES = Negatives(
    ("Osteophytes", "Foraminal stenosis", "Spinal Canal Stenosis"), (0.9, 0.8, None)
)
FOUR = Negatives((*NEGATIVES.diseases, "Vertebral collapse"), (0.9, 0.8, 0.7, 0.6))


def diagnosis(n: int = 0, disease: str = "Subarticular Stenosis", seed: int = 0) -> Question:
    image = an_image(image_id=f"rsna:train_images/1/2/{n}.dcm", pixel_sha256=str(n))
    label = Labelled(
        "diagnosis", disease, ("L4/L5",), ("f1", "f2"), UNITS, frozenset({"Osteophytes"})
    )
    negatives = FOUR if disease == "Healthy" else NEGATIVES
    return QuestionWriter(POOL, seed, "released/1").write_diagnosis(image, label, negatives, "test")


def localization(*levels: str) -> Question:
    label = Labelled("localization", "Subarticular Stenosis", levels, ("f1",), UNITS)
    return QuestionWriter(POOL, 0, "released/1").write_localization(an_image(), label, "test")


def test_five_options_truth_healthy_and_three_negatives() -> None:
    question = diagnosis()
    assert set(question.options) == {"Subarticular Stenosis", "Healthy", *NEGATIVES.diseases}
    assert len(question.options) == 5
    assert [question.lettered[letter] for letter in question.gold] == ["Subarticular Stenosis"]
    assert (question.negatives, question.similarities) == (
        NEGATIVES.diseases,
        NEGATIVES.similarities,
    )
    assert not question.multiple


def test_a_healthy_image_has_four_negatives() -> None:
    question = diagnosis(disease="Healthy")
    assert set(question.options) == {"Healthy", *FOUR.diseases}
    assert [question.lettered[letter] for letter in question.gold] == ["Healthy"]


def test_the_truth_and_healthy_stand_everywhere() -> None:
    many = [diagnosis(n) for n in range(1000)]
    truth = Counter(q.gold[0] for q in many)
    healthy = Counter(q.options.index("Healthy") for q in many)
    for counts in (truth, healthy):
        assert len(counts) == 5
        # 1,000 draws of one in five: 200 with a standard deviation of 13
        assert all(140 < n < 260 for n in counts.values())
    assert len({q.template for q in many}) == len(POOL.wordings["diagnosis"])


def test_localization_offers_the_five_lumbar_discs() -> None:
    question = localization("L4/L5", "L5/S1")
    assert sorted(question.options) == ["L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1"]
    assert {question.lettered[letter] for letter in question.gold} == {"L4/L5", "L5/S1"}
    assert question.gold == tuple(sorted(question.gold))
    assert question.multiple


def test_alignment_offers_the_four_shapes_and_nothing_else() -> None:
    label = Labelled("alignment", "cervical Kyphosis", (), ("f1",), UNITS)
    pool = QuestionPool("own", "0", {"alignment": (("al-1", "Which shape?"),)})
    question = QuestionWriter(pool, 0, "graded/1").write_alignment(an_image(), label, "test")
    assert sorted(question.options) == [
        "Straight cervical vertebrae", "cervical Kyphosis", "cervical Lordosis",
        "sigmoid cervical vertebrae",
    ]  # fmt: skip
    assert [question.lettered[letter] for letter in question.gold] == ["cervical Kyphosis"]
    assert (question.task, question.multiple) == ("alignment", False)
    with pytest.raises(UsageError, match="question pool own has no wording for diagnosis"):
        QuestionWriter(pool, 0, "graded/1").write_diagnosis(
            an_image(), replace(label, task="diagnosis"), NEGATIVES, "test"
        )


def test_a_question_names_the_rows_it_rests_on_and_what_is_not_offered() -> None:
    question = diagnosis()
    assert question.rests_on == ("rsna:points.csv:2", "rsna:train.csv:3:left_l4_l5")
    assert question.never_offered == ("Osteophytes",)


def test_the_seed_changes_questions_and_the_same_seed_does_not() -> None:
    assert diagnosis(seed=0) == diagnosis(seed=0)
    different = [n for n in range(20) if diagnosis(n, seed=0) != diagnosis(n, seed=1)]
    assert len(different) > 15


def test_the_id_is_readable_and_ends_with_the_content() -> None:
    readable, _, content = diagnosis(7).question_id.partition("@")
    assert readable == "diagnosis-rsna-train_images.1.2.7"
    assert len(content) == 12


def test_images_of_one_stem_have_names_of_their_own() -> None:
    label = Labelled("localization", "Osteophytes", ("L4/L5",), ("f1",), UNITS)
    writer = QuestionWriter(POOL, 0, "graded/1")
    names = [
        writer.write_localization(an_image(image_id=image_id), label, "test").question_id
        for image_id in ("table:a/b.png", "table:a/b.jpg", "table:a/b.nii.gz#1")
    ]
    assert [name.partition("@")[0] for name in names] == [
        "localization-table-a.b.png", "localization-table-a.b.jpg",
        "localization-table-a.b.nii.gz.1",
    ]  # fmt: skip


def test_shipped_pool_has_at_least_eight_wordings_each_of_its_own() -> None:
    for entries in POOL.wordings.values():
        texts = [text for _, text in entries]
        assert len(texts) >= 8
        assert len({text.lower() for text in texts}) == len(texts)


def test_pool_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    pool = {
        "name": "own",
        "diagnosis": [{"id": "1", "text": "What?"}],
        "localization": [{"id": "1", "text": "Where?"}],
    }
    path.write_text(json.dumps(pool))
    assert load_question_pool(str(path)).wordings["localization"] == (("1", "Where?"),)
    assert load_question_pool(str(path)).sha256 != POOL.sha256


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "JSONDecodeError"),
        ('{"name": "x"}', "KeyError"),
        ('{"name": "x", "diagnosis": [], "localization": []}', "diagnosis: found 0 wordings"),
        ("[]", "TypeError"),
    ],
)
def test_a_broken_pool_is_a_data_error(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        load_question_pool(str(path))


def test_an_unknown_pool_names_the_known() -> None:
    with pytest.raises(UsageError, match="no question pool 'x'; there are: core-1"):
        load_question_pool("x")
    with pytest.raises(UsageError, match=r"no question pool at none\.json"):
        load_question_pool("none.json")
