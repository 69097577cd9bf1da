from dataclasses import replace

import pytest

from spinebench.report.estimates import Estimate
from spinebench.report.views import Localization, Origin, Position, RunView, SourceView
from spinebench.report.views_pairs import PairRow, Standing
from spinebench.report.words import (
    BLIND,
    METADATA,
    NEAREST,
    blind_words,
    comparison_words,
    giveaway_words,
    habit_words,
    position_words,
    summary_words,
    warning_words,
)

NONE = Estimate(value=None, low=None, high=None, items=0, patients=0)


def share(value: float, half: float = 0.05) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, items=100, patients=60)


def a_run(label: str, diagnosis: Estimate, **fields) -> RunView:
    run = RunView(
        key="m1",
        label=label,
        model=label,
        run_id="r",
        baseline=label.startswith("spinebench/"),
        protocol="released",
        prompts=(),
        settings="{}",
        complete=True,
        asked=100,
        outcomes={"failed": 0, "not_run": 0},
        diagnosis=diagnosis,
        localization=Localization(
            exact=NONE, precision=NONE, recall=NONE, pooled_precision=NONE, pooled_recall=NONE
        ),
        overall=NONE,
        overall_pooled=NONE,
        breakdowns=(),
        levels=(),
        confusion=None,
        positions=(),
        sensitivity=NONE,
        specificity=NONE,
        cards={},
        group_counts={},
        outside_groups=0,
    )
    return replace(run, **fields)


ORIGIN = Origin(
    sources=(
        SourceView(
            name="rsna", title="RSNA", terms_name="", terms_url="", terms_summary="",
            redistribution=False, third_party_models=True, images=10, patients=5, files=(),
            hashes=(),
        ),
    ),
    facts=(), splits=(), classes=(), hashes=(), images=10, patients=5, questions=20,
)  # fmt: skip


def pair(first: str, second: str, *, apart: bool) -> PairRow:
    return PairRow(
        first=first, second=second, difference=share(0.1), p=0.01, p_holm=0.02, apart=apart
    )


def standing(*pairs: PairRow) -> Standing:
    return Standing(measure="diagnosis", title="Diagnosis", groups=(), pairs=pairs)


def summary_of(*runs: RunView, standings: tuple[Standing, ...] = ()) -> tuple[str, ...]:
    return summary_words(
        ORIGIN, runs, standings, split="test", patients=5, diagnosis=10, localization=10,
        diagnosis_chance=0.2, localization_chance=1 / 31,
    )  # fmt: skip


def test_summary_names_the_leader_and_what_a_paired_test_says():
    runs = a_run("gpt", share(0.8)), a_run("spinebench/random", share(0.2))
    found = standing(pair("gpt", "spinebench/random", apart=True))
    words = summary_of(*runs, standings=(found,))
    assert words[2] == (
        "In diagnosis the highest accuracy is that of gpt: 80.0\u00a0% (interval 75.0 to 85.0), "
        "above the 20.0\u00a0% of guessing. Paired by patient it is above each of the others by "
        "more than chance."
    )
    assert "gpt and 1 simple baseline (spinebench/random)" in words[0]


def test_summary_says_when_the_leader_cannot_be_told_apart():
    runs = a_run("a", share(0.8)), a_run("b", share(0.75)), a_run("c", share(0.1))
    found = standing(pair("a", "b", apart=False), pair("a", "c", apart=True))
    words = summary_of(*runs, standings=(found,))
    assert words[2].endswith("Paired by patient it cannot be told apart from b.")


def test_summary_compares_nothing_without_a_standing():
    words = summary_of(a_run("a", share(0.8)), a_run("b", share(0.75)))
    assert words[2].endswith("of guessing.")


def test_runs_with_a_habit_are_named():
    named = {"favours a place": ["a", "b"], "blind": ["c"], "flip-flops": []}
    (words,) = habit_words(named)
    assert words.startswith(
        "a and b favour places among the options. c is no better with the image than without: "
        "blind."
    )
    assert "flip" not in words
    assert habit_words({"blind": []}) == ()


def test_summary_without_answers_says_so():
    words = summary_of(a_run("a", share(0.8)))
    assert words[3].startswith("No run has an answered question in localization")


@pytest.mark.parametrize(
    ("estimate", "verdict"),
    [
        (share(0.5), "above the 20.0\u00a0% of guessing"),
        (share(0.22), "not to be told from the 20.0\u00a0% of guessing"),
        (share(0.1), "below the 20.0\u00a0% of guessing"),
    ],
)
def test_summary_against_chance(estimate, verdict):
    assert verdict in summary_of(a_run("a", estimate))[2]


def compare(metadata: Estimate, nearest: Estimate, model: Estimate) -> str:
    rows = [(METADATA, METADATA, metadata), (NEAREST, NEAREST, nearest), ("gpt", "x/gpt", model)]
    return comparison_words(rows, 0.2)


def test_metadata_that_does_as_well_as_the_image():
    words = compare(share(0.6), share(0.62), share(0.3))
    assert "gives away part of the answer" in words
    assert "spinebench/nearest cannot be told apart from it" in words
    assert "gpt lies below it" in words
    assert "lies above it" not in words


def test_image_that_does_better_than_metadata():
    words = compare(share(0.3), share(0.62), share(0.7))
    assert "The interval of spinebench/nearest and gpt lies above it" in words
    assert "cannot be told apart" not in words


def test_metadata_at_chance_gives_nothing_away():
    words = compare(share(0.21), share(0.5), share(0.5))
    assert "do not show that the way an image was taken gives away the answer" in words
    assert "gives away part" not in words


def test_metadata_below_chance_misleads():
    assert "misleads" in compare(share(0.1), share(0.5), share(0.5))


def test_blind_baselines_are_not_held_against_metadata():
    rows = [
        (METADATA, METADATA, share(0.6)),
        ("spinebench/random", "spinebench/random", share(0.2)),
        ("spinebench/blind", "spinebench/blind", share(0.6)),
    ]
    words = comparison_words(rows, 0.2)
    assert "random" not in words
    assert "blind" not in words


@pytest.mark.parametrize("rows", [[], [(METADATA, METADATA, NONE)]])
def test_without_metadata_nothing_is_claimed(rows):
    assert comparison_words(rows, 0.2).startswith("spinebench/metadata was not measured here")


def test_giveaway_names_only_sources_above_chance():
    rows = [("RSNA", share(0.6), 0.2), ("VinDr", share(0.22), 0.2), ("BUU", None, 0.2)]
    (words,) = giveaway_words(rows)
    assert "above guessing in RSNA at 60.0\u00a0% (interval 55.0 to 65.0)" in words
    assert "VinDr" not in words
    assert "BUU" not in words
    assert giveaway_words(rows[1:]) == ()


def place(letter: str, estimate: Estimate) -> Position:
    return Position(letter=letter, accuracy=estimate, gold=10, named=10)


def test_position_bias_is_named_only_if_shown():
    assert position_words([place("A", share(0.8)), place("B", share(0.6))]) == (
        "Yes: with the truth under A the accuracy is 80.0\u00a0% (interval 75.0 to 85.0), under B "
        "it is 60.0\u00a0% (interval 55.0 to 65.0), and the intervals do not overlap. The model "
        "favours places, not only contents."
    )
    assert position_words([place("A", share(0.8)), place("B", share(0.75))]) == (
        "These data do not show it: no letter’s interval lies wholly above another’s (from "
        "75.0\u00a0% under B to 80.0\u00a0% under A)."
    )
    alike = position_words([place("A", share(0.5)), place("B", share(0.5))])
    assert alike.endswith("the accuracy is 50.0\u00a0% under every letter.")
    assert position_words([place("A", NONE)]).startswith("There are too few letters")


def test_position_bias_is_seen_behind_a_wide_best():
    # A is highest but rests on little; C is apart from B all the same
    rows = [place("A", share(0.9, 0.5)), place("B", share(0.4)), place("C", share(0.7))]
    assert position_words(rows).startswith("Yes: with the truth under C")


def test_warnings():
    complete = a_run("a", share(0.5))
    broken = a_run("b", share(0.5), complete=False, outcomes={"failed": 2, "not_run": 3})
    assert warning_words([complete], patients=50, rule="graded/1", split="test") == ()
    few, rule = warning_words([complete], patients=49, rule="released/1", split="test")
    assert few.startswith("The split test has 49 patients. Under 50")
    assert "severity is ignored" in rule
    (incomplete,) = warning_words([broken], patients=50, rule="graded/1", split="test")
    assert incomplete.startswith("Incomplete: b (2 failed, 3 not run).")
    other = replace(complete, protocol="direct")
    (words,) = warning_words([complete, other], patients=50, rule="graded/1", split="test")
    assert "not all asked in the same way" in words


def test_few_readable_answers_are_warned_of():
    outcomes = {"answered": 89, "unparsed": 4, "truncated": 7, "failed": 50, "not_run": 0}
    run = a_run("m", share(0.5), outcomes=outcomes)
    (words,) = warning_words([run], patients=50, rule="graded/1", split="test")
    assert words.startswith("Few readable answers: m (89.0\u00a0% name an option).")
    enough = replace(run, outcomes=outcomes | {"answered": 100})
    assert warning_words([enough], patients=50, rule="graded/1", split="test") == ()


def test_blind_is_named_only_above_chance():
    (words,) = blind_words([a_run(BLIND, share(0.6))], 0.2)
    assert "it reaches 60.0\u00a0% (interval 55.0 to 65.0) in diagnosis" in words
    assert blind_words([a_run(BLIND, share(0.22))], 0.2) == ()
    assert blind_words([a_run("gpt", share(0.6))], 0.2) == ()
    assert blind_words([a_run(BLIND, NONE)], 0.2) == ()
