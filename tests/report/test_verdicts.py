from dataclasses import replace

import pytest

from spinebench.report.estimates import Estimate
from spinebench.report.verdicts import (
    drop_words,
    flip_words,
    listed,
    points,
    power_words,
    unseen_words,
)
from spinebench.report.views_pairs import FlipLine, Needed, PowerRow, StressRow


def share(value: float, half: float = 0.05) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, items=80, patients=60)


def line(flipped: float, stayed: float, both: float, half: float = 0.05, **fields) -> FlipLine:
    made = FlipLine(
        marker_too=False, disease=None, expected="flipped", flipped=share(flipped, half),
        stayed=share(stayed, half), unclear=share(1 - flipped - stayed, half),
        right_on_both=share(both, half), said_left=0.52,
    )  # fmt: skip
    return replace(made, **fields)


def along(flipped: float, stayed: float, half: float = 0.05) -> FlipLine:
    return line(flipped, stayed, stayed, half, marker_too=True, expected="stayed")


def test_points_have_a_sign():
    assert points(0.123) == "+12.3"
    assert points(-0.123) == "−12.3"
    assert points(None) == "–"
    assert points(0.0) == points(-0.0004) == "0.0"
    assert points(0.1) == "+10.0"


def test_listed():
    assert [listed(x) for x in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "", "a", "a and b", "a, b and c"
    ]  # fmt: skip


def test_a_reader_of_the_picture_is_told_so():
    words = flip_words(line(0.9, 0.1, 0.85), None)
    assert words == (
        "Of 80 pictures of 60 patients, mirroring changes the side that is named in 90.0\u00a0% "
        "(interval 85.0 to 95.0); it should in all. The answer follows the picture, and names the "
        "right side in both pictures in 85.0\u00a0% (interval 80.0 to 90.0)."
    )


def test_sides_that_are_taken_for_each_other_are_told():
    assert "Left and right are taken for each other" in flip_words(line(0.9, 0.1, 0.05), None)
    assert "whether to the right side cannot be told" in flip_words(line(0.9, 0.1, 0.44), None)


@pytest.mark.parametrize(
    ("marked", "verdict"),
    [
        (along(0.1, 0.9), "as it should: the marker is read."),
        (along(0.9, 0.1), "places in the picture are read, not the marker."),
        (along(0.48, 0.52), "whether the marker is read cannot be told."),
    ],
)
def test_what_the_marker_is_worth(marked, verdict):
    assert flip_words(line(0.9, 0.1, 0.85), marked).endswith(verdict)


def test_a_constant_side_is_not_read_from_the_picture():
    words = flip_words(line(0.02, 0.98, 0.0, said_left=0.99), along(0.02, 0.98))
    assert "the side is not read from the picture. Left is named in 99.0\u00a0%" in words
    assert "marker" not in words  # that it stays there too proves nothing


def test_lots_and_silence_are_no_reading():
    lots = flip_words(line(0.52, 0.48, 0.25), None)
    assert lots.endswith("is not shown: drawing lots would change it in half.")
    assert "In 30.0\u00a0% an answer names no side" in flip_words(line(0.3, 0.4, 0.1), None)
    assert "name no side, or both" in flip_words(line(0.1, 0.1, 0.0), None)


def row(change: str, drop: float, p: float | None, changed: float | None = 0.1) -> StressRow:
    return StressRow(
        task="diagnosis", change=change, before=0.6, after=0.6 - drop, drop=share(drop), p=p,
        changed=changed,
    )  # fmt: skip


def test_drops_are_named_only_if_more_than_chance():
    words = drop_words([row("a", 0.1, 0.01), row("b", 0.2, 0.04), row("c", 0.3, 0.06, 0.4)])
    assert words == (
        "What costs more than chance, in points: b (diagnosis −20.0); a (diagnosis −10.0). Where "
        "answers changed most often (c, diagnosis), 40.0\u00a0% of the questions got another "
        "answer, right or wrong."
    )
    assert drop_words([row("a", 0.3, 0.2, None)]) == "No change is shown to cost anything."
    gained = drop_words([row("a", -0.1, 0.01, None)])
    assert gained.endswith("Better than before: a (diagnosis +10.0).")
    many = [row(name, 0.1, 0.01) for name in "abcdef"]
    assert "; d (diagnosis −10.0); and 2 more." in drop_words(many)
    both = [row("a", 0.1, 0.01, None), replace(row("a", 0.2, 0.01, None), task="localization")]
    assert drop_words(both).endswith("a (localization −20.0, diagnosis −10.0).")


def power_row(**fields) -> PowerRow:
    needed = (Needed(patients=1647, least=800, most=2000),) * 3
    made = PowerRow(
        measure="diagnosis", patients=60, pairs=3, design=1.2, needed=needed, visible=0.105
    )
    return replace(made, **fields)


def test_power_in_words():
    assert power_words([power_row(measure="overall"), power_row()]) == (
        "In diagnosis a difference of 2 points between two models takes about 1,600 patients like "
        "these to be seen four times in five; the 60 patients of this split show one of "
        "10.5 points or more."
    )
    assert power_words([power_row(pairs=0)]).endswith("independently of it.")
    unknown = power_row(needed=(None,) * 3, visible=None, design=None)
    assert "cannot be worked out" in power_words([unknown])
    assert power_words([power_row(visible=None)]).endswith("show none at all.")
    assert power_words([]) == ""


def test_what_the_image_adds_is_said_to_be_unknown():
    assert unseen_words([]) == ""
    assert unseen_words(["a"]).startswith("How much the image adds is not known for a: no run of")
    assert "no runs of the same models" in unseen_words(["a", "b"])
