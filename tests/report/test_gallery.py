import io
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PillowImage

from spinebench.benchmark.bundle import Benchmark
from spinebench.report.gallery import (
    RAW_TEXT_LIMIT,
    build_pictures,
    count_groups,
    encode_thumbnail,
    group_of,
    mark_of,
    sample_cards,
)
from tests.examples import a_finding, a_question, an_image
from tests.report.sample import answers_at, predictions_of

HEALTHY = a_question(disease="Healthy", gold=("A",))
ILL = a_question()


@pytest.mark.parametrize(
    ("question", "letters", "group"),
    [
        (ILL, ("B",), "found"),
        (ILL, ("A",), "missed"),
        (ILL, ("C",), "missed"),
        (HEALTHY, ("A",), "healthy_found"),
        (HEALTHY, ("C",), "called_ill"),
        (ILL, (), None),
        (HEALTHY, (), None),
        (ILL, ("A", "B"), "missed"),
    ],
)
def test_group_of(question, letters, group):
    assert group_of(question, letters) == group


def test_mark_of_a_point_uses_pixel_centres():
    image = an_image(scale_x=0.5, scale_y=2.0)
    mark = mark_of(a_finding(point_px=(9.5, 10.0), box_px=None), image)
    assert (mark.kind, mark.x, mark.y) == ("point", 5.0, 21.0)
    assert mark.words == "Left Subarticular Stenosis, L4/L5, left"


def test_mark_of_a_box_covers_its_outer_pixels():
    image = an_image(scale_x=0.5, scale_y=0.5)
    mark = mark_of(a_finding(box_px=(10.0, 20.0, 29.0, 59.0)), image)
    assert (mark.kind, mark.x, mark.y, mark.width, mark.height) == ("box", 5.0, 10.0, 10.0, 20.0)


def test_no_mark_without_a_place():
    assert mark_of(a_finding(point_px=None, box_px=None), an_image()) is None


def test_grey_thumbnail_has_one_channel_and_the_asked_size():
    pixels = np.tile(np.arange(200, dtype=np.uint8), (400, 1))
    data = encode_thumbnail(PillowImage.fromarray(np.stack([pixels] * 3, axis=-1)), 100)
    with PillowImage.open(io.BytesIO(data)) as small:
        assert (small.format, small.mode, small.size) == ("JPEG", "L", (50, 100))


def test_coloured_thumbnail_keeps_its_colour_and_is_never_enlarged():
    pixels = np.zeros((40, 30, 3), dtype=np.uint8)
    pixels[..., 0] = 200
    with PillowImage.open(io.BytesIO(encode_thumbnail(PillowImage.fromarray(pixels), 100))) as s:
        assert (s.mode, s.size) == ("RGB", (30, 40))
        red, green, blue = s.getpixel((15, 20))
    assert red == pytest.approx(200, abs=3)
    assert max(green, blue) < 5


def test_cards_are_at_most_the_asked_number_and_in_their_group(bench):
    predictions = predictions_of(bench.questions, "m", answers_at(0.5))
    cards = sample_cards(bench, predictions, seed=0, per_group=3)
    counts, outside = count_groups(bench, predictions)
    assert {group: len(c) for group, c in cards.items()} == {
        g: min(3, n) for g, n in counts.items()
    }
    assert outside == 0
    assert sum(counts.values()) == sum(
        q.task == "diagnosis" and q.split == "test" for q in bench.questions
    )
    for group, group_cards in cards.items():
        for card in group_cards:
            right = [c for c in card.choices if c.is_gold and c.is_answer]
            assert bool(right) == (group in ("found", "healthy_found"))
            assert card.gold.endswith("Healthy") == (group in ("healthy_found", "called_ill"))


def test_sample_hangs_on_the_seed_and_not_on_the_order(bench):
    predictions = predictions_of(bench.questions, "m", answers_at(0.9))
    first = sample_cards(bench, predictions, seed=0, per_group=4)
    assert sample_cards(bench, predictions[::-1], seed=0, per_group=4) == first
    assert sample_cards(bench, predictions, seed=1, per_group=4) != first


def test_sample_takes_each_disease_once_before_any_twice(bench):
    predictions = predictions_of(bench.questions, "m", answers_at(1.0))
    cards = sample_cards(bench, predictions, seed=0, per_group=6)["found"]
    diseases = Counter(card.facts.split(" · ")[0] for card in cards)
    assert set(diseases.values()) == {1}
    assert len(diseases) == 6


def test_half_of_the_missed_show_an_ill_image_called_healthy(bench):
    def answer(question):
        if question.task == "diagnosis" and int(question.question_id[10:13]) % 5 == 0:
            return tuple(x for x, text in question.lettered.items() if text == "Healthy")
        return tuple(x for x in question.lettered if x not in question.gold)[:1]

    cards = sample_cards(bench, predictions_of(bench.questions, "m", answer), seed=0, per_group=6)
    assert [card.answer.endswith("Healthy") for card in cards["missed"][:3]] == [True] * 3


def test_answers_without_an_option_are_in_no_group(bench):
    ids = [q.question_id for q in bench.questions if q.task == "diagnosis" and q.split == "test"]
    odd = {
        ids[0]: {"outcome": "unparsed", "letters": ()},
        ids[1]: {"outcome": "refused", "letters": ()},
    }
    predictions = predictions_of(bench.questions, "m", answers_at(1.0), odd)
    counts, outside = count_groups(bench, predictions)
    assert outside == 2
    assert sum(counts.values()) == len(ids) - 2
    shown = sample_cards(bench, predictions, seed=0, per_group=1000)
    assert not {c.question_id for cards in shown.values() for c in cards} & set(ids[:2])


def test_options_stand_as_the_model_saw_them(bench):
    question = next(q for q in bench.questions if q.task == "diagnosis" and q.split == "test")
    odd = {question.question_id: {"letter_map": "EDCBA"}}
    predictions = predictions_of(bench.questions, "m", lambda q: q.gold, odd)
    shown = sample_cards(bench, predictions, seed=0, per_group=1000)
    (card,) = [c for cs in shown.values() for c in cs if c.question_id == question.question_id]
    assert [c.text for c in card.choices] == list(reversed(question.options))
    place = list(reversed(question.options)).index(question.disease)
    assert card.gold == card.answer == f"{'ABCDE'[place]}: {question.disease}"


def test_long_answers_are_cut_and_say_so(bench):
    question = next(q for q in bench.questions if q.task == "diagnosis" and q.split == "test")
    odd = {question.question_id: {"raw_text": "x" * (RAW_TEXT_LIMIT + 7)}}
    predictions = predictions_of(bench.questions, "m", lambda q: q.gold, odd)
    shown = sample_cards(bench, predictions, seed=0, per_group=1000)
    (card,) = [c for cs in shown.values() for c in cs if c.question_id == question.question_id]
    assert (len(card.raw_text), card.cut_characters) == (RAW_TEXT_LIMIT, 7)


def test_card_names_file_and_row_of_the_source(bench):
    predictions = predictions_of(bench.questions, "m", answers_at(1.0))
    cards = sample_cards(bench, predictions, seed=0, per_group=1000)["found"]
    card = next(c for c in cards if c.question_id.startswith("diagnosis-002"))
    assert card.origin == (
        "train_label_coordinates.csv, row 4",
        "train.csv, row 4, column severity",
    )
    assert card.facts == "Spinal Canal Stenosis · L3/L4 · graded moderate · rsna"
    assert card.views[0].words == "MR SAG T2/STIR"


def test_pictures_are_held_once_and_shrink_to_the_budget(bench: Benchmark):
    predictions = predictions_of(bench.questions, "m", answers_at(1.0))
    cards = sample_cards(bench, predictions, seed=0, per_group=3)["found"]
    large = build_pictures(bench, [*cards, *cards], budget_bytes=10_000_000)
    assert len(large) == 3
    whole = sum(len(p.data_uri) for p in large.values())
    small = build_pictures(bench, cards, budget_bytes=whole - 1)
    assert sum(len(p.data_uri) for p in small.values()) < whole
    assert all(p.data_uri.startswith("data:image/jpeg;base64,") for p in small.values())
    # the drawing keeps the size of the standard file whatever the size of the JPEG
    view = cards[0].views[0]
    assert (small[view.picture].width, small[view.picture].height) == (view.width, view.height)


def test_many_findings_of_one_image_are_told_by_file(bench):
    question = next(q for q in bench.questions if q.question_id.startswith("diagnosis-002"))
    first = bench.findings[question.finding_ids[0]]
    second = replace(first, finding_id="second", row=9, grade_column="other")
    changed = Benchmark(bench.folder, bench.manifest)
    changed.__dict__["findings"] = {first.finding_id: first, "second": second}
    both = replace(question, finding_ids=(first.finding_id, "second"))
    changed.__dict__["questions"] = [both]
    predictions = predictions_of([both], "m", answers_at(1.0))
    (card,) = sample_cards(changed, predictions, seed=0, per_group=1)["found"]
    assert card.origin == (
        "train_label_coordinates.csv, rows 4, 9",
        "train.csv, row 4, columns severity, other",
    )
    assert len(card.views[0].marks) == 2


def test_rotations_of_a_question_are_one_card(bench):
    questions = [q for q in bench.questions if q.task == "diagnosis"]
    made = predictions_of(questions, "m", answers_at(0.5))
    turned = [
        replace(p, letter_map=p.letter_map[turn:] + p.letter_map[:turn])
        for p in made
        for turn in range(5)
    ]
    assert count_groups(bench, turned) == count_groups(bench, made)
    cards = sample_cards(bench, turned, seed=0, per_group=6)
    assert cards == sample_cards(bench, made, seed=0, per_group=6)
