"""Simulated models with a known habit, and models without it."""

from string import ascii_uppercase

import numpy as np
import polars as pl
import pytest

from spinebench.evaluation.habits import (
    SIMULATIONS,
    as_shown,
    measure_places,
    measure_sight,
    measure_steadiness,
)

OPTIONS = 5


def simulate(answer, *, questions=400, per_patient=4, askings=1, rotate=False, seed=0):
    """Answers of a model: `answer(gold, place_of_gold, generator)` gives the place it names.

    Options stand in random order; `rotate` turns them by one for each further asking.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(questions):
        gold = int(generator.integers(OPTIONS))
        for asking in range(askings):
            turn = asking if rotate else 0
            order = ascii_uppercase[:OPTIONS][turn:] + ascii_uppercase[:OPTIONS][:turn]
            place = answer(gold, order.index(ascii_uppercase[gold]), generator)
            letters = [order[place]] if place is not None else []
            rows.append(
                {
                    "question_id": f"q{number:04d}",
                    "epoch": 1 if rotate else asking + 1,
                    "task": "diagnosis",
                    "source": "s",
                    "disease": "X",
                    "patient_id": f"p{number // per_patient}",
                    "multiple": False,
                    "letter_map": order,
                    "gold": [ascii_uppercase[gold]],
                    "letters": letters,
                    "right": ["X"],
                    "named": letters,
                    "outcome": "answered" if letters else "unparsed",
                    "counted": True,
                    "correct": letters == [ascii_uppercase[gold]],
                }
            )
    return pl.DataFrame(rows, schema_overrides={"letters": pl.List(pl.String)})


def able(rate, favourite=None, pull=0.0):
    """Right at a rate, else any other place; with `pull` the favourite place whatever is true."""

    def answer(gold, place, generator):
        if favourite is not None and generator.random() < pull:
            return favourite
        if generator.random() < rate:
            return place
        return (place + int(generator.integers(1, OPTIONS))) % OPTIONS

    return answer


def test_a_model_that_favours_a_place_is_named_so():
    found = measure_places(simulate(able(0.5, favourite=2, pull=0.3)), seed=0)
    assert found.favoured == "C"
    assert found.p == pytest.approx(1 / (SIMULATIONS + 1))
    assert found.excess > 0.2
    assert found.is_biased(found.p)
    assert sum(found.counts.values()) == found.wrong
    assert sum(found.expected.values()) == pytest.approx(found.wrong)


def test_a_fair_model_is_rarely_named_so():
    named = 0
    for seed in range(30):
        found = measure_places(simulate(able(0.4), questions=200, seed=seed), seed=seed)
        named += found.is_biased(found.p)
    assert named <= 5  # binomial(30, 0.05): P(> 5) = 0.003


def test_a_truth_that_stands_in_one_place_is_no_bias_of_the_model():
    answers = simulate(able(0.9))
    skewed = answers.filter(pl.col("gold").list.first().is_in(["A", "B"]))
    found = measure_places(skewed, seed=0)
    assert not found.is_biased(found.p)


def test_a_weak_pull_in_many_answers_is_of_no_weight():
    found = measure_places(simulate(able(0.3, favourite=0, pull=0.04), questions=6000), seed=0)
    assert found.p <= 0.05
    assert found.excess < 0.05
    assert not found.is_biased(found.p)


def test_places_are_those_that_were_shown():
    """In turned orders the favourite letter is another option each time; it is still A."""
    turned = simulate(lambda gold, place, generator: 0, rotate=True, askings=5)
    found = measure_places(turned.filter(pl.col("letter_map") != "ABCDE"), seed=0)
    assert found.favoured == "A"
    assert found.counts["A"] == found.wrong > 300
    shown = as_shown(turned)
    assert shown["letters"].to_list() == [["A"]] * turned.height
    plain = turned.filter(pl.col("letter_map") == "ABCDE")
    assert as_shown(plain).equals(plain)


def test_nothing_wrong_is_nothing_to_say():
    found = measure_places(simulate(able(1.0)), seed=0)
    assert (found.wrong, found.favoured, found.p) == (0, None, None)
    assert not found.is_biased(None)


def test_a_blind_model_is_named_so():
    """Its answers hang on the words only: it says the same with the image and without."""
    blind = able(0.35)
    with_image, without = simulate(blind, seed=1), simulate(blind, seed=1)
    (found,) = measure_sight(with_image, without)
    assert found.verdict == "blind"
    assert found.gain.estimate == 0.0
    # asked anew, it is as good by chance; 400 patients rule out ten points
    noisy = simulate(blind, questions=1600, per_patient=1, seed=1)
    again = noisy.with_columns(
        correct=pl.Series(np.random.default_rng(3).random(noisy.height) < 0.35)
    )
    (found,) = measure_sight(noisy, again)
    assert found.verdict == "blind"
    assert found.gain.high < 0.1


def test_a_seeing_model_is_not_called_blind():
    with_image, without = simulate(able(0.7), seed=1), simulate(able(0.3), seed=1)
    (found,) = measure_sight(with_image, without)
    assert found.verdict == "sees"
    assert found.gain.estimate == pytest.approx(found.with_image - found.without)


def test_few_questions_leave_it_open():
    with_image = simulate(able(0.5), questions=40, seed=1)
    without = simulate(able(0.5), questions=40, seed=1).with_columns(
        correct=pl.Series(np.random.default_rng(0).random(40) < 0.5)
    )
    (found,) = measure_sight(with_image, without)
    assert found.gain.high > 0.1
    assert found.verdict == "open"


@pytest.mark.parametrize(("askings", "rotate"), [(3, False), (5, True)])
def test_a_flip_flopping_model_is_named_so(askings, rotate):
    found = measure_steadiness(simulate(able(0.4), askings=askings, rotate=rotate))
    # two askings agree if both are right or both name the same wrong one: .16 + 4 * .15^2
    assert found.disagreeing.low < 1 - (0.16 + 4 * 0.15**2) < found.disagreeing.high
    assert found.is_unsteady
    assert found.askings == askings
    assert found.always_right.low < 0.4**askings < found.always_right.high
    assert found.mean_right.estimate == pytest.approx(0.4, abs=0.05)


def test_a_steady_model_is_not_called_unsteady():
    found = measure_steadiness(simulate(lambda gold, place, generator: place, askings=3))
    assert found.disagreeing.estimate == 0.0
    assert not found.is_unsteady
    assert found.always_right.estimate == 1.0
    # always the same letter is another option in every rotation
    turned = simulate(lambda gold, place, generator: 0, askings=5, rotate=True)
    assert measure_steadiness(turned).disagreeing.estimate == 1.0


def test_one_asking_cannot_be_unsteady():
    assert measure_steadiness(simulate(able(0.5))) is None


def test_saying_nothing_twice_is_the_same():
    found = measure_steadiness(simulate(lambda gold, place, generator: None, askings=2))
    assert found.disagreeing.estimate == 0.0
    assert found.always_right.estimate == 0.0
