"""Levels: the type, its order and distance, and the strict parser of table fields."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinebench.anatomy.levels import (
    LUMBAR_DISCS,
    STANDARD_COLUMN,
    Level,
    Region,
    VertebralColumn,
    build_segment,
    column_naming,
    expand_range,
    is_adjacent,
    iter_levels,
    level_distance,
    level_position,
    parse_endplate,
    parse_level,
    parse_levels,
)
from spinebench.errors import UsageError

VARIANT_COLUMN = VertebralColumn(thoracic=13, lumbar=6)
EVERY_LEVEL = sorted(
    {
        *iter_levels(),
        *iter_levels(VARIANT_COLUMN),
        *iter_levels(VertebralColumn(13, 5)),
        *iter_levels(VertebralColumn(12, 6)),
    }
)


@given(st.sampled_from(EVERY_LEVEL))
def test_canonical_names_read_back(level: Level) -> None:
    assert parse_level(str(level)) == level
    assert parse_levels(str(level)) == [level]
    assert parse_levels(f"findings at {level}.") == [level]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("L4/L5", "L4/L5"),
        ("l4_l5", "L4/L5"),  # RSNA columns
        ("L5_S1", "L5/S1"),
        ("L4-L5", "L4/L5"),  # SPARK
        ("T12-L1", "T12/L1"),
        ("L4L5", "L4/L5"),
        ("l4/5", "L4/L5"),
        ("L5/S", "L5/S1"),  # MRSpineSeg
        (" T12 ", "T12"),
        ("Th12", "T12"),
        ("D11/D12", "T11/T12"),
        ("T13/L1", "T13/L1"),
        ("L6/S1", "L6/S1"),
        ("S1", "S1"),
    ],
)
def test_parse_level_reads_the_forms_of_the_data_sets(text: str, name: str) -> None:
    assert str(parse_level(text)) == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no level"),
        ("L4/L5 disc", "no level"),
        ("L4, L5", "no level"),
        ("L4b", "no level"),
        ("lumbar", "no level"),
        ("C8", "no vertebra C8"),
        ("T14", "no vertebra T14"),
        ("L04", "no level"),
        ("L3/L5", "not neighbours"),
        ("L5/L4", "not neighbours"),
        ("L1/S", "not neighbours"),
    ],
)
def test_parse_level_refuses_anything_else(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_level(text)


def test_parse_endplate_reads_the_rows_of_buu() -> None:
    vertebra, plate = parse_endplate("L4b")
    assert (str(vertebra), plate) == ("L4", "lower")
    assert str(STANDARD_COLUMN.disc_below(vertebra)) == "L4/L5"
    sacrum, plate = parse_endplate("S1a")
    assert (str(sacrum), plate) == ("S1", "upper")
    with pytest.raises(UsageError, match="no endplate: 'L4'"):
        parse_endplate("L4")


def test_lumbar_discs_are_the_five_options_in_order() -> None:
    assert [str(disc) for disc in LUMBAR_DISCS] == ["L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1"]


def test_standard_column_has_24_presacral_vertebrae() -> None:
    names = [str(level) for level in iter_levels()]
    assert names[:5] == ["C1", "C1/C2", "C2", "C2/C3", "C3"]
    assert names[12:15] == ["C7", "C7/T1", "T1"]
    assert names[36:39] == ["T12", "T12/L1", "L1"]
    assert names[46:49] == ["L5", "L5/S1", "S1"]
    assert names[-1] == "S5"
    assert len(names) == 29 + 28


def test_parts_of_a_segment_and_of_a_vertebra() -> None:
    disc, vertebra = parse_level("L5/S1"), parse_level("L5")
    assert (disc.is_disc, disc.is_vertebra, str(disc.upper), str(disc.lower)) == (
        True,
        False,
        "L5",
        "S1",
    )
    assert (vertebra.is_disc, vertebra.is_vertebra) == (False, True)
    assert vertebra.upper == vertebra.lower == vertebra
    assert build_segment(parse_level("S1"), vertebra) == disc
    assert len({disc, parse_level("l5-s1"), vertebra}) == 2


def test_order_is_cranial_to_caudal_with_the_variants_in_place() -> None:
    names = "C1/C2 C7 C7/T1 T12 T12/T13 T12/L1 T13 T13/L1 L1 L5 L5/L6 L5/S1 L6 L6/S1 S1 S4/S5 S5"
    levels = [parse_level(name) for name in names.split()]
    shuffled = [*levels[1::2], *levels[::2]]
    assert sorted(shuffled) == levels
    assert levels[0] < levels[1] <= levels[1]
    with pytest.raises(TypeError, match="not supported"):
        assert levels[0] < "C7"  # type: ignore[operator]


@pytest.mark.parametrize(
    ("upper", "lower"), [("L4", "L6"), ("L5", "T1"), ("L4/L5", "L5"), ("T11", "L1")]
)
def test_levels_that_nobody_has_cannot_be_made(upper: str, lower: str) -> None:
    first, second = parse_level(upper), parse_level(lower)
    assert not is_adjacent(first, second)
    with pytest.raises(UsageError, match="not neighbours"):
        build_segment(first, second)
    with pytest.raises(UsageError, match="no vertebra L7"):
        Level(Region.LUMBAR, 7)


@pytest.mark.parametrize(
    ("name", "position"),
    [
        ("C1", 1),
        ("C1/C2", 1.5),
        ("C7/T1", 7.5),
        ("T12/L1", 19.5),
        ("L4", 23),
        ("L5/S1", 24.5),
        ("S1", 25),
        ("T13", 20),
        ("T13/L1", 20.5),
        ("L6", 25),
        ("L5/L6", 24.5),
        ("L6/S1", 25.5),
    ],
)
def test_positions_count_vertebrae_from_c1(name: str, position: float) -> None:
    assert level_position(parse_level(name)) == position


@pytest.mark.parametrize(
    ("first", "second", "record", "distance"),
    [
        ("L4/L5", "L5/S1", [], 1),
        ("L4", "L4/L5", [], 0.5),
        ("L5/S1", "L4/L5", [], 1),
        ("T12/L1", "L1", [], 0.5),
        ("C7", "T1", [], 1),
        ("L5", "S1", [], 1),
        ("L5", "S1", ["L6"], 2),
        ("L5", "L6/S1", [], 1.5),
        ("T12", "L1", ["T13/L1"], 2),
        ("L5/S1", "L6/S1", [], 1),
        ("L5/S1", "L5/L6", [], 0),
        ("C1", "S5", [], 28),
    ],
)
def test_distance_on_the_column_that_the_record_names(
    first: str, second: str, record: list[str], distance: float
) -> None:
    named = [parse_level(name) for name in record]
    one, other = parse_level(first), parse_level(second)
    assert level_distance(one, other, record=named) == distance
    assert level_distance(other, one, record=named) == distance


def test_distance_on_a_given_column_refuses_what_it_lacks() -> None:
    with pytest.raises(UsageError, match="no L6 on a column of 12 thoracic and 5 lumbar"):
        level_distance(parse_level("L6"), parse_level("L5"), column=STANDARD_COLUMN)
    with pytest.raises(UsageError, match="11 thoracic and 5 lumbar vertebrae is not modelled"):
        VertebralColumn(thoracic=11)
    with pytest.raises(UsageError, match="no disc below S5"):
        STANDARD_COLUMN.disc_below(parse_level("S5"))


@given(st.sampled_from(list(iter_levels())), st.sampled_from(list(iter_levels())))
def test_distance_agrees_with_steps_along_the_column(first: Level, second: Level) -> None:
    ladder = list(iter_levels())
    assert level_distance(first, second) == abs(ladder.index(first) - ladder.index(second)) / 2


def test_column_naming_needs_the_variant_itself() -> None:
    assert column_naming([]) == STANDARD_COLUMN
    assert column_naming([parse_level("L5/L6")]) == VertebralColumn(lumbar=6)
    assert column_naming(map(parse_level, ["T13", "L6"])) == VARIANT_COLUMN


def test_expand_range_keeps_kind_and_direction() -> None:
    def names(first: str, last: str, column: VertebralColumn = STANDARD_COLUMN) -> str:
        return " ".join(
            map(str, expand_range(parse_level(first), parse_level(last), column=column))
        )

    assert names("T11", "L2") == "T11 T12 L1 L2"
    assert names("T12", "L1", VARIANT_COLUMN) == "T12 T13 L1"
    assert names("S1", "L4") == "S1 L5 L4"
    assert names("L3/L4", "L5/S1") == "L3/L4 L4/L5 L5/S1"
    with pytest.raises(UsageError, match="not of one kind"):
        names("L3", "L5/S1")
    with pytest.raises(UsageError, match="no range on a column"):
        names("L3", "L6")


def test_neighbours_are_the_rungs_of_some_column() -> None:
    columns = [
        VertebralColumn(thoracic, lumbar)
        for thoracic, lumbar in itertools.product((12, 13), (5, 6))
    ]
    rungs = {(disc.upper, disc.lower) for column in columns for disc in column.discs()}
    vertebrae = [level for level in EVERY_LEVEL if level.is_vertebra]
    found = {(a, b) for a, b in itertools.product(vertebrae, repeat=2) if is_adjacent(a, b)}
    assert found == rungs
