import pytest

from spinebench.benchmark.labels import Decision, Labelled, Released, load_label_rule
from spinebench.errors import UsageError
from tests.examples import a_finding


def test_severity_is_ignored_and_sides_are_merged() -> None:
    left = a_finding(finding_id="b", side="left", grade="none")
    right = a_finding(finding_id="a", side="right", grade="severe")
    expected = Labelled("Subarticular Stenosis", ("L4/L5",), ("a", "b"))
    assert Released().decide([left, right]) == Decision(expected, ())


def test_levels_are_those_of_all_findings_from_head_to_foot() -> None:
    findings = [
        a_finding(finding_id=str(n), level=level)
        for n, level in enumerate(["L5/S1", "L1/L2", "L4/L5", "L1/L2", None])
    ]
    label = Released().decide(findings).label
    assert label is not None
    assert label.levels == ("L1/L2", "L4/L5", "L5/S1")


def test_healthy_only_from_an_explicit_normal() -> None:
    label = Released().decide([a_finding(finding_id="n", disease=None, level=None)]).label
    assert label == Labelled("Healthy", (), ("n",))


@pytest.mark.parametrize("dropped", ["Other lesions", "Surgical implant"])
def test_dropped_classes_leave_the_rest_or_nothing(dropped: str) -> None:
    other = a_finding(finding_id="x", disease=dropped, level=None)
    alone = Released().decide([other])
    assert alone.label is None
    assert alone.put_aside == ((other, "dropped_class", f"{dropped} is not asked about"),)
    beside = Released().decide([other, a_finding(finding_id="y", disease="Osteophytes")])
    assert beside.label is not None
    assert beside.label.disease == "Osteophytes"
    assert beside.label.finding_ids == ("y",)
    assert [reason for _, reason, _ in beside.put_aside] == ["dropped_class"]


@pytest.mark.parametrize("second", ["Osteophytes", None])
def test_two_classes_on_one_image_are_not_asked(second: str | None) -> None:
    findings = [a_finding(finding_id="a"), a_finding(finding_id="b", disease=second)]
    decision = Released().decide(findings)
    assert decision.label is None
    assert [(f.finding_id, reason) for f, reason, _ in decision.put_aside] == [
        ("a", "several_diseases"),
        ("b", "several_diseases"),
    ]
    other = second or "Healthy"
    names = ", ".join(sorted(["Subarticular Stenosis", other]))
    assert decision.put_aside[0][2] == f"several classes on one image: {names}"


def test_a_class_that_no_rule_knows_is_a_bug() -> None:
    with pytest.raises(ValueError, match="gave \\['Scoliosis'\\]"):
        Released().decide([a_finding(disease="Scoliosis")])


def test_rules_by_name_and_version() -> None:
    assert load_label_rule("released") is load_label_rule("released/1")
    with pytest.raises(UsageError, match="no label rule 'released/9'; there are: released/1"):
        load_label_rule("released/9")
