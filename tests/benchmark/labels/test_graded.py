"""Each case of the rule's table in docs/benchmark.md."""

from zlib import crc32

import pytest

from spinebench.benchmark.labels import Decision, Graded, iter_evidence
from spinebench.records import Finding, Grade
from spinebench.sources.base import Reading, StudyCell
from spinebench.tables import Ledger
from tests.examples import a_finding, an_image_ref

SAG = an_image_ref(image_id="rsna:t2/5.dcm", view="SAG", sequence="T2/STIR")
T1 = an_image_ref(image_id="rsna:t1/3.dcm", view="SAG", sequence="T1")
AX = an_image_ref(image_id="rsna:ax/8.dcm", view="AX")
FILM = an_image_ref(image_id="vindr:a.dicom", source="vindr", modality="XR", view="AP")
CANAL, FORAMEN, RECESS = "Spinal Canal Stenosis", "Foraminal stenosis", "Subarticular Stenosis"
DISCS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")


def mark(
    image: str, disease: str | None, level: str | None, grade: Grade, **more: object
) -> Finding:
    name = f"{image}/{disease}/{level}/{more.get('side')}"
    fields = {"finding_id": name, "image_id": image, "disease": disease, "level": level}
    place = {"file": "points.csv", "row": crc32(name.encode()), "grade_file": None}
    return a_finding(**{"side": None, **fields, **place, "grade": grade, **more})


def cell(disease: str, level: str, grade: Grade | None, side: str | None = None) -> StudyCell:
    column = f"{disease} {level} {side}"
    return StudyCell(
        study_id="1", disease=disease, level=level, side=side, grade=grade, file="train.csv",
        row=2, column=column,
    )  # fmt: skip


def decide(
    image, findings: list[Finding], *, cells: list[StudyCell] = (), others=(), keep: bool = False
) -> Decision:
    reading = Reading(root=None, source="x", ledger=Ledger(source="x"))
    reading.images = {ref.image_id: ref for ref in (SAG, T1, AX, FILM, image)}
    reading.findings = [*findings, *others]
    reading.cells = list(cells)
    evidence = {e.image.image_id: e for e in iter_evidence(reading)}
    return Graded("keep" if keep else "drop").decide(evidence[image.image_id])


def asked(decision: Decision) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {label.task: (label.disease, label.levels) for label in decision.labels}


def canal(grades: dict[str, Grade]) -> list[Finding]:
    return [
        mark(SAG.image_id, CANAL, level, grades.get(level, "none"), finding_id=level)
        for level in DISCS
    ]


def reasons(decision: Decision) -> set[str]:
    return {aside.reason for aside in decision.put_aside}


@pytest.mark.parametrize("grade", ["moderate", "severe"])
def test_moderate_or_severe_is_disease_and_only_its_levels_are_gold(grade: Grade) -> None:
    decision = decide(SAG, canal({"L4/L5": grade}))
    assert asked(decision) == {
        "diagnosis": (CANAL, ("L4/L5",)),
        "localization": (CANAL, ("L4/L5",)),
    }
    diagnosis, localization = decision.labels
    assert diagnosis.finding_ids == ("L4/L5",)
    assert localization.finding_ids == tuple(sorted(DISCS))  # a wrong level rests on its own row
    assert decision.put_aside == ()


def test_normal_everywhere_is_healthy_and_rests_on_every_cell() -> None:
    others = [
        mark(T1.image_id, FORAMEN, level, "none", side=side)
        for level in DISCS
        for side in ("left", "right")
    ]
    cells = [cell(RECESS, level, "none", side) for level in DISCS for side in ("left", "right")]
    decision = decide(SAG, canal({}), others=others, cells=cells)
    assert asked(decision) == {"diagnosis": ("Healthy", ())}
    (label,) = decision.labels
    assert len(label.units) == 25
    assert label.never_offered == frozenset()


@pytest.mark.parametrize(
    ("grade", "reason"),
    [("severe", "diseased_elsewhere"), ("mild", "mild_not_asked"), (None, "grade_unknown")],
)
def test_one_other_cell_of_the_study_forbids_healthy(grade: Grade | None, reason: str) -> None:
    decision = decide(SAG, canal({}), cells=[cell(RECESS, "L2/L3", grade, "left")])
    assert decision.labels == ()
    assert reasons(decision) == {reason}
    assert decision.put_aside[0].detail == f"its study: {RECESS} L2/L3"


def test_an_axial_slice_shows_its_own_level_only() -> None:
    own = [mark(AX.image_id, RECESS, "L4/L5", "none", side=side) for side in ("left", "right")]
    elsewhere = [cell(CANAL, "L1/L2", "severe"), cell(CANAL, "L4/L5", "none")]
    assert asked(decide(AX, own, cells=elsewhere)) == {"diagnosis": ("Healthy", ())}
    same_level = [cell(CANAL, "L4/L5", "severe")]
    assert reasons(decide(AX, own, cells=same_level)) == {"diseased_elsewhere"}


def test_a_level_that_is_not_graded_is_unknown() -> None:
    """A table that grades one level says nothing of the others: no Healthy."""
    one = decide(SAG, [mark(SAG.image_id, CANAL, "L4/L5", "none")])
    assert (one.labels, reasons(one)) == ((), {"grade_unknown"})
    assert (
        one.put_aside[0].detail
        == f"not graded: {CANAL} L1/L2, {CANAL} L2/L3, {CANAL} L3/L4 and 1 more"
    )
    four = [finding for finding in canal({}) if finding.level != "L2/L3"]
    assert decide(SAG, four).put_aside[0].detail == f"not graded: {CANAL} L2/L3"
    assert asked(decide(SAG, canal({}))) == {"diagnosis": ("Healthy", ())}
    # of the whole image, or by vertebra
    assert asked(decide(SAG, [mark(SAG.image_id, CANAL, None, "none")])) == {
        "diagnosis": ("Healthy", ())
    }
    vertebrae = [
        mark(SAG.image_id, "Vertebral collapse", f"L{number}", "none") for number in range(1, 6)
    ]
    assert asked(decide(SAG, vertebrae)) == {"diagnosis": ("Healthy", ())}
    assert reasons(decide(SAG, vertebrae[1:])) == {"grade_unknown"}
    # another condition of the study, at one level
    beside = decide(SAG, canal({}), cells=[cell(RECESS, "L4/L5", "none")])
    assert reasons(beside) == {"grade_unknown"}
    # an explicit normal needs no grades
    normal = mark(SAG.image_id, None, None, "none")
    assert asked(decide(SAG, [normal], cells=[cell(RECESS, "L4/L5", "none")])) == {
        "diagnosis": ("Healthy", ())
    }


def test_every_side_that_is_graded_anywhere_must_be_graded() -> None:
    left = [mark(T1.image_id, FORAMEN, level, "none", side="left") for level in DISCS]
    assert asked(decide(T1, left)) == {"diagnosis": ("Healthy", ())}
    one_right = decide(T1, left, cells=[cell(FORAMEN, "L4/L5", "none", "right")])
    assert reasons(one_right) == {"grade_unknown"}
    one_both = decide(T1, left, cells=[cell(FORAMEN, "L4/L5", "none", "bilateral")])
    assert reasons(one_both) == {"grade_unknown"}
    cells = [cell(FORAMEN, level, "none", "bilateral") for level in DISCS]
    assert asked(decide(T1, left, cells=cells)) == {"diagnosis": ("Healthy", ())}


def test_an_axial_slice_needs_grades_of_its_own_level() -> None:
    own = [mark(AX.image_id, RECESS, "L4/L5", "none")]
    assert asked(decide(AX, own)) == {"diagnosis": ("Healthy", ())}
    decision = decide(AX, own, cells=[cell(CANAL, "L1/L2", "none")])
    assert decision.put_aside[0].detail == f"not graded: {CANAL} L4/L5"


def test_the_level_of_an_axial_slice_is_not_asked() -> None:
    own = [
        mark(AX.image_id, RECESS, "L4/L5", "severe", side="left"),
        mark(AX.image_id, RECESS, "L4/L5", "none", side="right"),
    ]
    decision = decide(AX, own)
    assert asked(decision) == {"diagnosis": (RECESS, ("L4/L5",))}
    assert [(note.reason, note.detail) for note in decision.notes] == [
        ("level_without_cue", "rsna:ax/8.dcm: an axial slice does not show its level")
    ]
    assert [(a.finding.side, a.reason) for a in decision.put_aside] == [("right", "grade_none")]


def test_no_option_is_true_of_the_study_at_the_levels_shown() -> None:
    cells = [
        cell(RECESS, "L2/L3", "moderate", "left"),
        cell(FORAMEN, "L5/S1", None, "right"),
    ]
    diagnosis = decide(SAG, canal({"L4/L5": "severe"}), cells=cells).label("diagnosis")
    assert diagnosis is not None
    assert diagnosis.never_offered == {RECESS, FORAMEN}
    # on an axial slice of another level the same cells forbid nothing
    axial = decide(AX, [mark(AX.image_id, CANAL, "L4/L5", "severe")], cells=cells)
    assert axial.labels[0].never_offered == frozenset()


@pytest.mark.parametrize(
    ("grade", "reason"),
    [("moderate", "level_on_another_image"), ("mild", "level_mild"), (None, "level_unknown")],
)
def test_a_level_is_a_wrong_option_only_where_it_is_known_to_be(
    grade: Grade | None, reason: str
) -> None:
    own = [mark(SAG.image_id, CANAL, "L4/L5", "severe")]
    decision = decide(SAG, own, cells=[cell(CANAL, "L1/L2", grade)])
    assert asked(decision) == {"diagnosis": (CANAL, ("L4/L5",))}
    assert [(n.reason, n.detail) for n in decision.notes] == [(reason, "rsna:t2/5.dcm: L1/L2")]


def test_the_other_side_says_nothing_about_this_one() -> None:
    own = [mark(T1.image_id, FORAMEN, "L4/L5", "severe", side="left")]
    right = [cell(FORAMEN, "L1/L2", "severe", "right")]
    assert asked(decide(T1, own, cells=right))["localization"] == (FORAMEN, ("L4/L5",))
    left = [cell(FORAMEN, "L1/L2", "severe", "left")]
    assert "localization" not in asked(decide(T1, own, cells=left))


def test_a_point_on_an_empty_cell_is_no_mark() -> None:
    own = [mark(SAG.image_id, CANAL, "L4/L5", "ungraded")]
    assert asked(decide(SAG, own))["diagnosis"] == (CANAL, ("L4/L5",))  # a source without grades
    decision = decide(SAG, own, cells=[cell(CANAL, "L4/L5", None)])
    assert decision.labels == ()
    assert reasons(decision) == {"grade_unknown"}


def test_ungraded_marks_and_explicit_normals_of_films() -> None:
    spur = mark(FILM.image_id, "Osteophytes", None, "ungraded")
    assert asked(decide(FILM, [spur])) == {"diagnosis": ("Osteophytes", ())}
    normal = mark(FILM.image_id, None, None, "none")
    assert asked(decide(FILM, [normal])) == {"diagnosis": ("Healthy", ())}
    both = decide(FILM, [normal, spur])
    assert (both.labels, reasons(both)) == ((), {"contradiction"})
    # the other film of the study shows a spur: no wrong option on this one
    other = mark(T1.image_id, "Osteophytes", None, "ungraded")
    (label,) = decide(FILM, [normal], others=[other]).labels
    assert (label.disease, label.never_offered) == ("Healthy", {"Osteophytes"})


def test_mild_is_not_asked() -> None:
    mild = mark(FILM.image_id, "Osteophytes", None, "mild")
    decision = decide(FILM, [mild])
    assert (decision.labels, reasons(decision)) == ((), {"mild_not_asked"})
    severe = mark(FILM.image_id, "Disc space narrowing", None, "severe")
    beside = decide(FILM, [mild, severe])
    assert asked(beside) == {"diagnosis": ("Disc space narrowing", ())}
    assert beside.labels[0].never_offered == {"Osteophytes"}
    assert reasons(beside) == {"grade_mild"}


def test_several_diseases_are_dropped_or_one_is_asked() -> None:
    findings = [
        mark(FILM.image_id, "Osteophytes", None, "ungraded"),
        mark(FILM.image_id, "Disc space narrowing", None, "ungraded"),
    ]
    assert reasons(decide(FILM, findings)) == {"several_diseases"}
    kept = decide(FILM, findings, keep=True)
    (label,) = kept.labels
    assert {label.disease, *label.never_offered} == {"Osteophytes", "Disc space narrowing"}
    assert reasons(kept) == {"another_disease_asked"}


def test_shape_is_a_task_of_its_own_and_never_health() -> None:
    shape = mark(FILM.image_id, "cervical Lordosis", None, "ungraded")
    assert asked(decide(FILM, [shape])) == {"alignment": ("cervical Lordosis", ())}
    worn = mark(FILM.image_id, "Spondylosis", None, "ungraded")
    decision = decide(FILM, [shape, worn])
    assert asked(decision) == {"alignment": ("cervical Lordosis", ())}
    assert reasons(decision) == {"dropped_class"}
    healthy = mark(FILM.image_id, None, None, "none")
    assert asked(decide(FILM, [shape, healthy])) == {
        "alignment": ("cervical Lordosis", ()),
        "diagnosis": ("Healthy", ()),
    }
    second = mark(FILM.image_id, "cervical Kyphosis", None, "ungraded")
    assert reasons(decide(FILM, [shape, second])) == {"contradiction"}
