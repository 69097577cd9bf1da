"""Levels in running text: a table of written forms, and properties over all vertebrae."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spinebench.anatomy.levels import Level, is_adjacent, iter_levels, parse_levels

FORMS = json.loads((Path(__file__).parent / "level_forms.json").read_text("utf-8"))["cases"]
VERTEBRAE = [level for level in iter_levels() if level.is_vertebra]
PAIRS = [(a, b) for a, b in itertools.pairwise(VERTEBRAE) if is_adjacent(a, b)]
JOINERS = ["/", "-", "‐", "‑", "‒", "–", "—", "−", " / ", " - ", " – ", "", "／", "－", "_", "--"]


@pytest.mark.parametrize("case", FORMS, ids=lambda case: case["text"].replace("\n", " | "))
def test_written_forms(case: dict[str, object]) -> None:
    assert [str(level) for level in parse_levels(str(case["text"]))] == case["levels"]


def test_the_table_is_large_and_has_no_form_twice() -> None:
    texts = [case["text"] for case in FORMS]
    assert len(set(texts)) == len(texts) >= 120
    assert sum(not case["levels"] for case in FORMS) >= 40


# T1/T2 is a pair of pulse sequences beside sequence words; these texts have none.
@given(st.sampled_from(PAIRS), st.sampled_from(JOINERS), st.sampled_from(["upper", "lower"]))
@settings(max_examples=300)
def test_neighbours_with_any_joiner_are_one_segment(
    pair: tuple[Level, Level], joiner: str, case: str
) -> None:
    upper, lower = pair
    text = f"{upper}{joiner}{lower}"
    text = text.lower() if case == "lower" else text
    assert [str(level) for level in parse_levels(text)] == [f"{upper}/{lower}"]
    assert parse_levels(f"Disc bulge at {text}, mild.") == parse_levels(text)


@given(st.sampled_from(PAIRS), st.sampled_from(["/", "-", "–"]))
def test_the_lower_prefix_may_be_left_out(pair: tuple[Level, Level], joiner: str) -> None:
    upper, lower = pair
    assert [str(x) for x in parse_levels(f"{upper}{joiner}{lower.number}")] == [f"{upper}/{lower}"]


@given(
    st.sampled_from(PAIRS),
    st.sampled_from([" to ", " on ", " and ", ", ", " & ", " through ", "、", "至"]),
)
def test_words_between_neighbours_leave_two_vertebrae(pair: tuple[Level, Level], word: str) -> None:
    assert parse_levels(f"{pair[0]}{word}{pair[1]}") == list(pair)


@given(
    st.sampled_from(VERTEBRAE),
    st.sampled_from(VERTEBRAE),
    st.sampled_from(["-", "–", " to ", " through "]),
)
@settings(max_examples=200)
def test_other_pairs_are_ranges(first: Level, last: Level, word: str) -> None:
    low, high = VERTEBRAE.index(first), VERTEBRAE.index(last)
    found = parse_levels(f"{first}{word}{last}")
    if abs(low - high) > 1:
        step = 1 if low < high else -1
        assert found == VERTEBRAE[low : high + step if high + step >= 0 else None : step]
    elif low == high:
        assert found == [first, first]


@given(st.lists(st.sampled_from(list(iter_levels())), max_size=6))
def test_a_list_keeps_order_and_duplicates(levels: list[Level]) -> None:
    assert parse_levels("; ".join(map(str, levels))) == levels


@given(
    st.sampled_from(VERTEBRAE),
    st.sampled_from(["nerve root", "radiculopathy", "dermatome", "myotome", "root", "nerves"]),
)
def test_no_vertebra_before_a_nerve(level: Level, noun: str) -> None:
    assert parse_levels(f"left {level} {noun}") == []
    assert parse_levels(f"left {level} {noun} and disc C4/5") == parse_levels("C4/5")


@given(
    st.sampled_from(["T1", "T2"]),
    st.sampled_from(
        ["-weighted", "WI", "w", " FLAIR", " signal", " hyperintensity", "加权像", " TSE"]
    ),
)
def test_no_vertebra_before_a_sequence_word(name: str, word: str) -> None:
    assert parse_levels(f"{name}{word}") == []
    assert [str(level) for level in parse_levels(f"{name} vertebral body, {name}{word}")] == [name]


@given(st.sampled_from("CTLS"), st.integers(min_value=0, max_value=99))
def test_numbers_that_no_vertebra_has_are_not_levels(region: str, number: int) -> None:
    highest = {"C": 7, "T": 13, "L": 6, "S": 5}[region]
    expected = [f"{region}{number}"] if 1 <= number <= highest else []
    assert [str(level) for level in parse_levels(f"fracture of {region}{number}")] == expected


@given(
    st.text(
        alphabet=st.sampled_from("LTCSDh1234560/-–, .腰颈椎第五\nto and root first lumbar"),
        max_size=60,
    )
)
@settings(max_examples=400)
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert all(str(level) for level in parse_levels(text))


@given(st.text(max_size=80))
@example("腰٣/٤")  # digits of another script, found by this test
def test_any_unicode_is_read_without_an_error(text: str) -> None:
    assert all(isinstance(level, Level) for level in parse_levels(text))


def test_a_report_of_several_lines() -> None:
    report = """MRI of the L-spine, sagittal T1 and T2, axial T2.
    T12-L1 to L2-3: unremarkable.
    L3-4: mild disc bulge (2-3 mm).
    L4-5: grade 1 anterolisthesis of L4 on L5, T2 hyperintense facet fluid.
    L5-S1: protrusion contacts the left S1 nerve root.
    Impression: 1. L4-5 stenosis. 2. Left S1 radiculopathy from L5-S1."""
    expected = "T12/L1 L1/L2 L2/L3 L3/L4 L4/L5 L4 L5 L5/S1 L4/L5 L5/S1"
    assert " ".join(map(str, parse_levels(report))) == expected


def test_a_chinese_report() -> None:
    report = (
        "腰椎MRI：矢状位T1WI、T2WI。腰3/4、4/5椎间盘膨出，腰5/骶1椎间盘突出，"
        "压迫左侧骶1神经根。第一腰椎压缩骨折，T2像呈高信号。"
    )
    assert " ".join(map(str, parse_levels(report))) == "L3/L4 L4/L5 L5/S1 L1"


def test_lists_of_many_levels_take_linear_time() -> None:
    # A quadratic reader needs minutes for this.
    assert len(parse_levels("L4, " * 20_000)) == 20_000
    assert parse_levels("first and " * 20_000) == []
