"""Whether the answer is true by the source's own grades, and whether the image shows it."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from spinebench.anatomy.diseases import DISEASE_BY_NAME, HEALTHY, find_disease
from spinebench.anatomy.levels import parse_levels
from spinebench.benchmark.audit.findings import AuditFinding, build_finding, counted
from spinebench.benchmark.audit.material import Material, gold_texts
from spinebench.benchmark.labels.evidence import is_on_sides
from spinebench.records import Finding, Image, Question

_POSITIVE = frozenset({"moderate", "severe"})
# In the published construction this class is asked on axial slices, and only there; an imported
# release says no view.
_AXIAL_CLASS = ("rsna", "Subarticular Stenosis")
_USUAL_SHAPE = "cervical Lordosis"

Studies = dict[tuple[str, str], list[Finding]]  # by source and study


def check_truth(material: Material) -> Iterator[AuditFinding]:
    """Findings on answers that are not true, not unique or not to be seen."""
    rules = (
        ("axial_level_without_cue", "asks the level of an axial slice, which does not show it",
         "ask the level of an axial slice, which does not show it", _is_axial_level),
        ("level_question_without_levels", "asks for a level and offers none",
         "ask for a level and offer none", _offers_no_level),
        ("normal_shape_as_disease", "calls the usual shape of the neck a disease and Healthy wrong",
         "call the usual shape of the neck a disease and Healthy wrong", _is_usual_shape),
        ("severity_ignored", "rests only on grades of normal",
         "rest only on grades of normal", _rests_on_normal),
    )  # fmt: skip
    for check, one, many, is_bad in rules:
        items = sorted(q.question_id for q in material.questions if is_bad(q, material))
        summary = f"{counted(len(items), 'question')} {one if len(items) == 1 else many}"
        yield from build_finding(check, "serious", summary, items, drop=tuple(items))
    by_study = _findings_by_study(material)
    yield from _also_true(material, by_study)
    yield from _misses_level(material, by_study)
    yield from _unverified(material)


def _is_axial_level(question: Question, material: Material) -> bool:
    if question.task != "localization" or len(question.image_ids) != 1:
        return False
    image = material.image_of(question)
    if image.view is None:
        return (image.source, class_of(question.disease)) == _AXIAL_CLASS
    return image.view == "AX"


def _offers_no_level(question: Question, material: Material) -> bool:
    return question.task == "localization" and not any(map(levels_in, question.options))


def _is_usual_shape(question: Question, material: Material) -> bool:
    offered = {class_of(option) for option in question.options}
    return (
        question.task == "diagnosis"
        and class_of(question.disease) == _USUAL_SHAPE
        and HEALTHY in offered
    )


def _rests_on_normal(question: Question, material: Material) -> bool:
    """Diseased, or at a gold level, by rows that all grade it normal."""
    disease = class_of(question.disease)
    if disease == HEALTHY or question.task == "alignment":
        return False
    known = material.bench.findings
    own = [known[i] for i in question.finding_ids if i in known]
    rows = [f for f in own if f.disease is not None and class_of(f.disease) == disease]
    if question.task == "diagnosis":
        return bool(rows) and all(f.grade == "none" for f in rows)
    for level in (level for text in gold_texts(question) for level in levels_in(text)):
        there = [f for f in rows if f.level is not None and level in levels_in(f.level)]
        if there and all(f.grade == "none" for f in there):
            return True
    return False


def _also_true(material: Material, by_study: Studies) -> list[AuditFinding]:
    items = []
    for question in material.questions:
        if question.task != "diagnosis" or not gold_texts(question):
            continue
        # with its label: a wrong key is told by `gold_not_the_label`
        right = {class_of(text) for text in (*gold_texts(question), question.disease)}
        wrong = {class_of(text) for text in question.options} - right - {HEALTHY}
        true = {class_of(name) for name in question.never_offered}
        for image_id in question.image_ids:
            image = material.images[image_id]
            true |= _true_of(image, question, _rows_about(image, material, by_study))
        if wrong & true:
            items.append(question.question_id)
    summary = (
        f"{counted(len(items), 'question')} with a wrong option that the source's own grades do "
        "not call absent at the levels shown"
    )
    return build_finding("option_also_true", "serious", summary, sorted(items),
                         drop=tuple(sorted(items)))  # fmt: skip


def _misses_level(material: Material, by_study: Studies) -> list[AuditFinding]:
    items = sorted(
        q.question_id
        for q in material.questions
        if q.task == "localization" and gold_texts(q) and _missed_levels(q, material, by_study)
    )
    summary = (
        f"{counted(len(items), 'localization item')} with a wrong option at which the study's own "
        "findings call the disease present"
    )
    return build_finding("gold_misses_level", "serious", summary, items, drop=tuple(items))


def _missed_levels(question: Question, material: Material, by_study: Studies) -> set[str]:
    """Levels offered as wrong at which findings call the disease present.

    MR is judged by the whole study, on the sides that the picture's own findings name; an axial
    slice and a radiograph by what stands on them.
    """
    # with its label: a wrong key is told by `gold_not_the_label`
    right = {lv for text in (*gold_texts(question), *question.levels) for lv in levels_in(text)}
    wrong = {level for text in question.options for level in levels_in(text)} - right
    disease = class_of(question.disease)
    found: set[str] = set()
    for image_id in question.image_ids:
        image = material.images[image_id]
        rows = [
            f for f in _rows_about(image, material, by_study)
            if f.disease is not None and class_of(f.disease) == disease
        ]  # fmt: skip
        own = [f for f in rows if f.image_id == image_id]
        if image.modality != "MR" or image.view == "AX":
            rows = own
        sides = {f.side for f in own if _is_present(f)} or {f.side for f in own}
        sides = sides or {None}
        found |= {
            level
            for f in rows
            if _is_present(f) and f.level is not None and is_on_sides(f.side, sides)
            for level in levels_in(f.level)
        }
    return wrong & found


def _findings_by_study(material: Material) -> Studies:
    by_study: Studies = defaultdict(list)
    for finding in material.bench.findings.values():
        image = material.images.get(finding.image_id)
        study = _study_of(finding) if image is None else (image.source, image.study_id)
        if study is not None:
            by_study[study].append(finding)
    return by_study


def _rows_about(image: Image, material: Material, by_study: Studies) -> list[Finding]:
    """Findings of the image's study; of the image alone where its study's id is a placeholder."""
    study = (image.source, image.study_id)
    if study in material.placeholder_studies:
        return material.findings_of_image.get(image.image_id, [])
    return by_study.get(study, [])


def _study_of(finding: Finding) -> tuple[str, str] | None:
    """Source and study of a finding whose image nobody asks about, out of an RSNA path.

    `rsna:train_images/STUDY/SERIES/INSTANCE.dcm`; other sources have no statement across images.
    """
    source, _, path = finding.image_id.partition(":")
    parts = path.split("/")
    return (source, parts[-3]) if source == "rsna" and len(parts) >= 3 else None


def _true_of(image: Image, question: Question, study: list[Finding]) -> set[str]:
    """Classes that findings call present on an image.

    MR is judged by all grades of the study at the levels shown, since a level is graded once for
    all of its slices; on a radiograph only what stands on the film itself is taken for visible.
    """
    own = [f for f in study if f.image_id == image.image_id]
    if image.modality != "MR":
        rows = [f for f in own if _is_present(f)]
    else:
        shown = {level for name in question.levels for level in levels_in(name)}
        shown |= {level for f in own if f.level is not None for level in levels_in(f.level)}
        whole = image.view != "AX" or not shown
        rows = [
            f for f in study
            if _is_present(f) and (whole or f.level is None or shown & levels_in(f.level))
        ]  # fmt: skip
    return {class_of(f.disease) for f in rows if f.disease is not None}


def _is_present(finding: Finding) -> bool:
    # a mark without a grade is positive, but of a point of RSNA the cell is empty: nothing is known
    marked = finding.grade == "ungraded" and not finding.image_id.startswith("rsna:")
    return finding.grade in _POSITIVE or marked


def _unverified(material: Material) -> list[AuditFinding]:
    known = material.bench.findings
    items = sorted(
        q.question_id
        for q in material.questions
        if class_of(q.disease) == HEALTHY
        and not q.rests_on
        and not any(i in known for i in q.finding_ids)
    )
    summary = f"{counted(len(items), 'Healthy item')} without a row that says so"
    return build_finding("healthy_unverified", "note", summary, items)


@cache
def class_of(name: str) -> str:
    """The class that a label or an option names; other words stay as they are."""
    if name in DISEASE_BY_NAME:
        return name
    known = find_disease(name)
    return name if known is None else known.disease


@cache
def levels_in(text: str) -> frozenset[str]:
    """Levels that an option names, canonical."""
    return frozenset(str(level) for level in parse_levels(text))
