import pytest

from spinebench.benchmark.labels import Decision, Labelled, Released, evidence_of, load_label_rule
from spinebench.errors import UsageError
from spinebench.records import Finding
from tests.examples import a_finding, an_image_ref

POINTS, GRADES = "train_label_coordinates.csv", "train.csv"
CELL = "left_subarticular_stenosis_l4_l5"


def decide(*findings: Finding, rule: Released | None = None) -> Decision:
    return (rule or Released()).decide(evidence_of(an_image_ref(), findings))


def test_severity_is_ignored_and_sides_are_merged() -> None:
    left = a_finding(finding_id="b", side="left", grade="none", row=3)
    right = a_finding(finding_id="a", side="right", grade="severe")
    units = ((GRADES, 2, CELL), (POINTS, 2, None), (POINTS, 3, None))
    rest = ("Subarticular Stenosis", ("L4/L5",), ("a", "b"), units)
    expected = (Labelled("diagnosis", *rest), Labelled("localization", *rest))
    assert decide(left, right) == Decision(expected, ())


def test_levels_are_those_of_all_findings_from_head_to_foot() -> None:
    findings = [
        a_finding(finding_id=str(n), level=level)
        for n, level in enumerate(["L5/S1", "L1/L2", "L4/L5", "L1/L2", None])
    ]
    label = decide(*findings).label("localization")
    assert label is not None
    assert label.levels == ("L1/L2", "L4/L5", "L5/S1")


@pytest.mark.parametrize("level", [None, "L4", "C3/C4"])
def test_a_level_that_is_no_lumbar_disc_is_not_asked(level: str | None) -> None:
    decision = decide(a_finding(level=level))
    assert [label.task for label in decision.labels] == ["diagnosis"]


def test_healthy_only_from_an_explicit_normal() -> None:
    (label,) = decide(a_finding(finding_id="n", disease=None, level=None)).labels
    assert (label.disease, label.levels, label.finding_ids) == ("Healthy", (), ("n",))


def test_a_film_without_a_slip_is_healthy_where_the_source_codes_slips_only() -> None:
    word = {"disease": "Spondylolisthesis", "grade": "none", "level": None}
    film = a_finding(image_id="buu:LA/0001-F-037Y1.jpg", **word)
    assert [label.disease for label in decide(film).labels] == ["Healthy"]
    slice_of_rsna = a_finding(**word)
    assert [label.disease for label in decide(slice_of_rsna).labels] == ["Spondylolisthesis"]


def test_a_healthy_neck_is_healthy_whatever_its_shape() -> None:
    shape = a_finding(finding_id="s", disease="cervical Kyphosis", level=None)
    normal = a_finding(finding_id="h", disease=None, level=None)
    decision = decide(shape, normal)
    assert [(label.disease, label.finding_ids) for label in decision.labels] == [
        ("Healthy", ("h",))
    ]
    assert [(a.finding.finding_id, a.reason) for a in decision.put_aside] == [("s", "healthy_neck")]
    assert [label.disease for label in decide(shape).labels] == ["cervical Kyphosis"]


@pytest.mark.parametrize("dropped", ["Other lesions", "Surgical implant", "Spondylosis"])
def test_dropped_classes_leave_the_rest_or_nothing(dropped: str) -> None:
    other = a_finding(finding_id="x", disease=dropped, level=None)
    alone = decide(other)
    assert alone.labels == ()
    (aside,) = alone.put_aside
    assert (aside.finding, aside.reason, aside.detail) == (
        other, "dropped_class", f"{dropped} is not asked about",
    )  # fmt: skip
    beside = decide(other, a_finding(finding_id="y", disease="Osteophytes", level=None))
    assert [(label.disease, label.finding_ids) for label in beside.labels] == [
        ("Osteophytes", ("y",))
    ]
    assert [a.reason for a in beside.put_aside] == ["dropped_class"]


@pytest.mark.parametrize("second", ["Osteophytes", None])
def test_two_classes_on_one_image_are_not_asked(second: str | None) -> None:
    decision = decide(a_finding(finding_id="a"), a_finding(finding_id="b", disease=second))
    assert decision.labels == ()
    assert [(a.finding.finding_id, a.reason) for a in decision.put_aside] == [
        ("a", "several_diseases"),
        ("b", "several_diseases"),
    ]
    names = ", ".join(sorted(["Subarticular Stenosis", second or "Healthy"]))
    assert decision.put_aside[0].detail == f"several classes on one image: {names}"


def test_several_classes_kept_give_one_question_without_the_others() -> None:
    findings = (
        a_finding(finding_id="a", disease="Osteophytes", level=None),
        a_finding(finding_id="b", disease="Disc space narrowing", level=None),
    )
    decision = decide(*findings, rule=Released("keep"))
    (label,) = decision.labels
    assert {label.disease, *label.never_offered} == {"Osteophytes", "Disc space narrowing"}
    assert [a.reason for a in decision.put_aside] == ["another_disease_asked"]
    # beside an explicit normal nothing can be kept
    contradiction = decide(*findings, a_finding(disease=None), rule=Released("keep"))
    assert contradiction.labels == ()


def test_a_class_that_no_rule_knows_is_a_bug() -> None:
    with pytest.raises(ValueError, match="gave \\['Scoliosis'\\]"):
        decide(a_finding(disease="Scoliosis"))


def test_rules_by_name_and_version() -> None:
    assert load_label_rule("released") == load_label_rule("released/1") == Released()
    assert load_label_rule("graded").name == "graded/1"
    with pytest.raises(UsageError, match="no label rule 'x'; there are: released/1, graded/1"):
        load_label_rule("x")
