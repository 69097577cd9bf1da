"""What lies on both sides of a split: patients, studies, series, images, pixels, near-pixels."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from spinebench.benchmark.audit.duplicates import Alike
from spinebench.benchmark.audit.findings import AuditFinding, build_finding, counted
from spinebench.benchmark.audit.material import PATIENTS_OF_NO_STUDY, SIDE_ORDER, Material
from spinebench.records import Image, Question


def check_splits(material: Material, alike: Alike) -> Iterator[AuditFinding]:
    """Findings on everything that crosses; items are all questions of what crosses."""
    placeholders: list[list[Question]] = []
    for check, noun, key in _UNITS:
        groups: dict[str, list[Question]] = defaultdict(list)
        for question in material.questions:
            for name in {key(material.images[image_id]) for image_id in question.image_ids}:
                if not name.endswith(":"):  # an id that is empty ties nothing together
                    groups[name].append(question)
        kept: list[list[Question]] = []
        for group in groups.values():
            is_placeholder = noun != "patient" and _is_placeholder(group)
            (placeholders if is_placeholder else kept).append(group)
        yield from _crossing(check, noun, kept)
    yield from _shared_ids(placeholders)
    yield from _one_image(material)
    for check, noun, clusters in (
        ("identical_pixels_cross_splits", "group of equal pixels", alike.identical),
        ("near_duplicates_cross_splits", "cluster of near-duplicates", alike.near),
    ):
        crossing = [
            group
            for group in clusters
            if len({q.split for image_id in group for q in material.asked[image_id]}) > 1
        ]
        asked = [[q for image_id in group for q in material.asked[image_id]] for group in crossing]
        items = sorted({image_id for group in crossing for image_id in group})
        plural = noun.replace(" ", "s ", 1)
        summary = (
            f"{counted(len(crossing), noun, plural)} with {counted(len(items), 'image')} in "
            "more than one split"
        )
        yield from build_finding(check, "critical", summary, items, groups=tuple(crossing),
                                 drop=_other_sides(asked))  # fmt: skip
    yield from _patient_unknown(material)


# a study's id is unique within its source only
_UNITS: tuple[tuple[str, str, Callable[[Image], str]], ...] = (
    ("patient_crosses_splits", "patient", lambda image: image.patient_id),
    ("study_crosses_splits", "study", lambda image: f"{image.source}:{image.study_id}"),
    ("series_crosses_splits", "series", lambda image: f"{image.source}:{image.series_id}"),
)
_PLURALS = {"patient": "patients", "study": "studies", "series": "series"}


def _is_placeholder(group: Sequence[Question]) -> bool:
    """Whether an id of a study or series stands for none: no study has three patients."""
    return len({q.patient_id for q in group}) >= PATIENTS_OF_NO_STUDY


def _shared_ids(groups: Sequence[Sequence[Question]]) -> list[AuditFinding]:
    items = sorted({q.question_id for group in groups for q in group})
    summary = (
        f"{counted(len(groups), 'id')} of studies or series held by "
        f"{PATIENTS_OF_NO_STUDY} or more patients each: placeholders, not looked at"
    )
    return build_finding("ids_shared", "note", summary, items)


def _crossing(check: str, noun: str, groups: Sequence[Sequence[Question]]) -> list[AuditFinding]:
    crossing = [group for group in groups if len({q.split for q in group}) > 1]
    items = sorted({q.question_id for group in crossing for q in group})
    summary = (
        f"{counted(len(crossing), noun, _PLURALS[noun])} with "
        f"{counted(len(items), 'question')} in more than one split"
    )
    return build_finding(check, "critical", summary, items, drop=_other_sides(crossing))


def _other_sides(groups: Sequence[Sequence[Question]]) -> tuple[str, ...]:
    """Questions outside the one split that keeps each group."""
    drop: set[str] = set()
    for group in groups:
        kept = min((q.split for q in group), key=SIDE_ORDER.__getitem__, default=None)
        drop |= {q.question_id for q in group if q.split != kept}
    return tuple(sorted(drop))


def _one_image(material: Material) -> Iterator[AuditFinding]:
    """One image in two splits: within a task, and (the published fault) only across tasks."""
    within: list[tuple[str, list[Question]]] = []
    across: list[tuple[str, list[Question]]] = []
    for image_id, questions in material.asked.items():
        if len({q.split for q in questions}) < 2:
            continue
        splits: dict[str, set[str]] = defaultdict(set)
        for question in questions:
            splits[question.task].add(question.split)
        one_task = any(len(found) > 1 for found in splits.values())
        (within if one_task else across).append((image_id, questions))
    for check, found, words in (
        ("image_crosses_splits", within, "asked about by one task in two splits"),
        ("split_leak_across_tasks", across, "in two splits, by different tasks"),
    ):
        summary = f"{counted(len(found), 'image')} {words}"
        drop = _other_sides([questions for _, questions in found])
        yield from build_finding(
            check, "critical", summary, sorted(image_id for image_id, _ in found), drop=drop
        )


def _patient_unknown(material: Material) -> list[AuditFinding]:
    items = sorted(
        q.question_id
        for q in material.questions
        if any(material.images[image_id].patient_id != q.patient_id for image_id in q.image_ids)
    )
    summary = f"{counted(len(items), 'question')} of another patient than their image"
    return build_finding("patient_unknown", "serious", summary, items, drop=tuple(items))
