import pytest

from spinebench.errors import UsageError
from spinebench.phantom.pathology import (
    Lesion,
    PhantomFinding,
    grade_collapse,
    grade_disc,
    grade_osteophyte,
    grade_stenosis,
)


@pytest.mark.parametrize(
    ("lost", "measure_mm", "expected"),
    [
        (0.0, 16.0, "none"),
        (1 / 6, 13.4, "none"),
        (0.10, 12.9, "mild"),  # few lost, but below the 13 mm that count as normal
        (0.17, 13.4, "mild"),
        (1 / 3, 10.7, "mild"),
        (0.334, 10.6, "moderate"),
        (2 / 3, 5.3, "moderate"),
        (0.667, 5.3, "severe"),
        (0.95, 0.8, "severe"),
    ],
)
def test_thirds_of_the_levels_own_size_decide(lost: float, measure_mm: float, expected: str):
    assert grade_stenosis(lost, measure_mm, 13.0) == expected


@pytest.mark.parametrize(
    ("grade", "values"),
    [
        (grade_disc, [(0.10, "none"), (0.11, "mild"), (0.33, "mild"), (0.34, "moderate")]),
        (grade_disc, [(0.66, "moderate"), (0.67, "severe")]),
        (grade_collapse, [(0.19, "none"), (0.20, "mild"), (0.25, "moderate"), (0.41, "severe")]),
        (grade_osteophyte, [(1.9, "none"), (2.0, "mild"), (4.0, "moderate"), (6.1, "severe")]),
    ],
)
def test_other_thresholds(grade, values):
    assert [grade(value) for value, _ in values] == [expected for _, expected in values]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "canal", "level": "L4"}, "unknown level 'L4'"),
        ({"kind": "collapse", "level": "L4/L5", "subtype": "wedge"}, "unknown level 'L4/L5'"),
        ({"kind": "foramen", "level": "L4/L5"}, "needs a side"),
        ({"kind": "canal", "level": "L4/L5", "fraction": 1.2}, "out of range"),
        ({"kind": "slip", "level": "L4/L5", "mm": 5.0}, "subtype must be in"),
        ({"kind": "slip", "level": "L4/L5", "mm": 5, "subtype": "laterolisthesis"}, "needs a side"),
    ],
)
def test_impossible_lesions_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        Lesion(**arguments)


@pytest.mark.parametrize(
    ("slip_mm", "grade"), [(8.0, "I"), (8.8, "II"), (17.6, "III"), (27.0, "IV"), (36.0, "V")]
)
def test_meyerding_is_told_in_quarters_of_the_endplate_below(slip_mm: float, grade: str):
    finding = PhantomFinding(
        "Spondylolisthesis", "L4/L5", None, "ungraded", slip_mm, "slip_mm", 35.0, None,
        "anterolisthesis", (0.0, 0.0, 0.0),
    )  # fmt: skip
    assert finding.meyerding == grade
