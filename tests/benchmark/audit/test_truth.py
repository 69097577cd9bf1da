"""Truth by the source's own grades, on single questions."""

from dataclasses import replace

import pytest

from spinebench.anatomy.diseases import HEALTHY
from spinebench.benchmark.audit.material import Material
from spinebench.benchmark.audit.truth import check_truth
from spinebench.benchmark.bundle import Benchmark
from spinebench.engine import LocalEngine
from spinebench.records import Finding, Image, Question
from tests.benchmark.audit.fixture import LEVELS
from tests.examples import a_finding, a_question, an_image


def checks(images: list[Image], findings: list[Finding], questions: list[Question]) -> set[str]:
    bench = Benchmark(None, {"tables": {}})  # type: ignore[arg-type]  # nothing is read from it
    bench.__dict__.update(
        images={image.image_id: image for image in images},
        findings={finding.finding_id: finding for finding in findings},
        questions=questions,
    )
    return {found.check for found in check_truth(Material(bench, LocalEngine(1)))}


def where(**fields: object) -> Question:
    asked = {"task": "localization", "options": LEVELS, "gold": ("D",), "multiple": True}
    return a_question(**{**asked, "levels": ("L4/L5",), **fields})


@pytest.mark.parametrize(
    ("view", "source", "disease", "asked"),
    [
        ("AX", "rsna", "Subarticular Stenosis", True),
        ("AX", "own", "Spinal Canal Stenosis", True),
        ("SAG", "rsna", "Subarticular Stenosis", False),
        (None, "rsna", "subarticular stenosis", True),  # an imported release knows no view
        (None, "rsna", "Foraminal stenosis", False),
        (None, "own", "Subarticular Stenosis", False),
    ],
)
def test_axial_slices_do_not_show_their_level(view, source, disease, asked) -> None:
    image = an_image(view=view, source=source)
    found = checks([image], [], [where(disease=disease)])
    assert ("axial_level_without_cue" in found) == asked


def test_a_diagnosis_on_an_axial_slice_is_fine() -> None:
    assert checks([an_image()], [a_finding()], [a_question()]) == set()


def test_another_finding_of_the_study_makes_a_wrong_option_true() -> None:
    images = [an_image(), an_image(image_id="rsna:train_images/1/9/1.dcm", series_id="9")]
    other = a_finding(
        finding_id="f2", image_id=images[1].image_id, disease="Osteophytes", grade="severe"
    )
    question = a_question()

    def found(finding: Finding) -> bool:
        return "option_also_true" in checks(images, [a_finding(), finding], [question])

    assert found(other)
    assert not found(replace(other, grade="mild"))
    assert not found(replace(other, level="L1/L2"))  # the axial slice shows L4/L5 alone
    assert not found(replace(other, disease="Foraminal stenosis"))  # is not offered
    # a point of RSNA without a grade: its cell is empty
    assert not found(replace(other, grade="ungraded", grade_file=None))


def test_an_image_that_nobody_asks_about_belongs_to_its_study() -> None:
    other = a_finding(
        finding_id="f2", image_id="rsna:train_images/1/9/1.dcm", disease="Osteophytes"
    )
    assert "option_also_true" in checks([an_image()], [a_finding(), other], [a_question()])
    elsewhere = replace(other, image_id="rsna:train_images/2/9/1.dcm")
    assert checks([an_image()], [a_finding(), elsewhere], [a_question()]) == set()


def test_a_radiograph_is_judged_by_itself() -> None:
    film = an_image(image_id="x:1", modality="XR", view="LAT", sequence=None)
    question, lesion = a_question(image_ids=("x:1",)), a_finding(image_id="x:1")
    other_view = an_image(image_id="x:2", modality="XR", view="AP", sequence=None)
    second = a_finding(finding_id="f2", image_id="x:2", disease="Osteophytes", grade="ungraded")
    assert checks([film, other_view], [lesion, second], [question]) == set()
    own = replace(second, image_id=film.image_id)
    assert "option_also_true" in checks([film], [lesion, own], [question])


def test_what_the_rule_never_offers_is_told() -> None:
    question = a_question(never_offered=("Osteophytes",))
    assert "option_also_true" in checks([an_image()], [a_finding()], [question])


SAG = an_image(view="SAG")
CANAL = {"disease": "Spinal Canal Stenosis", "side": None}


def missed(findings: list[Finding], image: Image = SAG, **asked: object) -> bool:
    """Whether another slice's findings make the answer L4/L5 incomplete."""
    other = replace(image, image_id="rsna:train_images/1/2/9.dcm")
    question = where(**{"disease": CANAL["disease"], **asked})
    return "gold_misses_level" in checks([image, other], findings, [question])


def test_a_level_that_another_slice_calls_diseased_is_missed() -> None:
    own = a_finding(**CANAL)
    other = a_finding(
        **CANAL, finding_id="f2", image_id="rsna:train_images/1/2/9.dcm", level="L3/L4"
    )
    assert missed([own, other])
    assert missed([replace(other, image_id=own.image_id)])
    assert not missed([own])
    for harmless in (
        {"grade": "mild"}, {"grade": "ungraded"}, {"level": "L4/L5"}, {"level": None},
        {"level": "T11/T12"}, {"disease": "Foraminal stenosis"},
    ):  # fmt: skip
        assert not missed([own, replace(other, **harmless)]), harmless
    # a label that names the level is at odds with its key: another check tells
    assert not missed([own, other], levels=("L3/L4", "L4/L5"))


def test_only_the_sides_that_the_picture_shows_count() -> None:
    foramen = {"disease": "Foraminal stenosis"}
    own = a_finding(**foramen, side="left")
    other = a_finding(
        **foramen, finding_id="f2", image_id="rsna:train_images/1/2/9.dcm", level="L3/L4"
    )
    sides = {
        side: missed([own, replace(other, side=side)], **foramen)
        for side in ("left", "right", "bilateral", None)
    }
    assert sides == {"left": True, "right": False, "bilateral": True, None: True}
    # marks are what it shows; without any, all of its rows
    normal = a_finding(**foramen, finding_id="f3", side="right", grade="none", level="L1/L2")
    assert not missed([own, normal, replace(other, side="right")], **foramen)
    assert missed([replace(own, grade="none"), normal, replace(other, side="right")], **foramen)


def test_axial_slices_and_films_are_judged_by_what_stands_on_them() -> None:
    own = a_finding(**CANAL)
    other = a_finding(
        **CANAL, finding_id="f2", image_id="rsna:train_images/1/2/9.dcm", level="L3/L4"
    )
    for image in (an_image(view="AX"), an_image(view="LAT", modality="XR")):
        assert not missed([own, other], image)
        assert missed([own, replace(other, image_id=own.image_id)], image)


@pytest.mark.parametrize("task", ["diagnosis", "localization"])
def test_severity_is_ignored_where_all_rows_are_normal(task: str) -> None:
    question = a_question() if task == "diagnosis" else where()
    image = an_image(view="SAG")
    first, second = a_finding(grade="none"), a_finding(finding_id="f2", side="right")
    question = replace(question, finding_ids=(first.finding_id, "f2"))
    assert checks([image], [first, second], [question]) == set()
    both = [first, replace(second, grade="none")]
    assert checks([image], both, [question]) == {"severity_ignored"}
    # a moderate row elsewhere carries the disease, but not this level
    moved = [first, replace(second, level="L1/L2")]
    expected = {"severity_ignored", "gold_misses_level"} if task == "localization" else set()
    assert checks([image], moved, [question]) == expected


def test_healthy_needs_a_row() -> None:
    healthy = a_question(gold=("A",), disease=HEALTHY, levels=())
    normal = a_finding(disease=None, grade="none", level=None)
    assert checks([an_image()], [normal], [healthy]) == set()
    bare = replace(healthy, finding_ids=())
    assert checks([an_image()], [], [bare]) == {"healthy_unverified"}
    assert checks([an_image()], [], [replace(bare, rests_on=("rsna:train.csv:2:x",))]) == set()
