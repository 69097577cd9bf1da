"""`graded/1`: severity respected, unknown kept apart from absent. What we recommend."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from spinebench.anatomy.diseases import DISEASES, HEALTHY
from spinebench.anatomy.levels import LUMBAR_DISCS
from spinebench.benchmark.labels.decision import (
    DROPPED_CLASSES,
    SHAPES,
    Aside,
    Decision,
    Labelled,
    MultiLabel,
    check_known,
    pick_one,
    sorted_levels,
)
from spinebench.benchmark.labels.evidence import (
    Evidence,
    Statement,
    Unit,
    each_side,
    is_on_sides,
)
from spinebench.records import Finding, Task

_LUMBAR = tuple(str(level) for level in LUMBAR_DISCS)
_VERTEBRAE = tuple(str(level.upper) for level in LUMBAR_DISCS)
_POSITIVE = frozenset({"moderate", "severe", "ungraded"})

Pair = tuple[Finding, Statement]


@dataclass(frozen=True, slots=True)
class Graded:
    """Diseased = moderate, severe or an ungraded mark; Healthy = everything shown is known normal.

    Healthy needs an explicit normal, or a grade of `none` at every level shown of every condition
    that the study grades: a table that grades one level says nothing of the others.
    Levels shown: on an axial slice those its own findings name, else all. An image is diseased by
    its own findings; what the rest of its study says at the levels shown makes it no Healthy, and
    makes a class no wrong option. Mild, and a cell that is empty, decide nothing: not asked.
    """

    multi_label: MultiLabel = "drop"
    name = "graded/1"
    strict_negatives = True
    summary = "moderate or severe is disease, an empty cell is unknown, shape is no disease"

    def decide(self, evidence: Evidence) -> Decision:
        """See `LabelRule.decide`."""
        check_known(finding.disease for finding in evidence.findings)
        pairs = list(zip(evidence.findings, evidence.own, strict=True))
        shapes = [pair for pair in pairs if pair[0].disease in SHAPES]
        rest = [pair for pair in pairs if pair[0].disease not in SHAPES]
        labels, aside = _decide_shape(shapes)
        aside += [
            Aside(finding, "dropped_class", f"{finding.disease} is not asked about")
            for finding, _ in rest
            if finding.disease in DROPPED_CLASSES
        ]
        rest = [pair for pair in rest if pair[0].disease not in DROPPED_CLASSES]
        diagnosis = self._decide_diagnosis(evidence, rest) if rest else Decision((), ())
        return Decision(
            (*diagnosis.labels, *labels), (*aside, *diagnosis.put_aside), diagnosis.notes
        )

    def _decide_diagnosis(self, evidence: Evidence, pairs: list[Pair]) -> Decision:
        levels = _levels_shown(evidence, pairs)
        shown = _shown_statements(evidence, levels)
        diseases = {s.disease for _, s in pairs if s.disease and s.grade in _POSITIVE}
        if not diseases:
            return _decide_normal(evidence, pairs, levels, shown)
        normals = [finding for finding, _ in pairs if finding.disease is None]
        if normals:
            detail = "an explicit normal beside " + ", ".join(sorted(diseases))
            return _none(pairs, "contradiction", detail)
        if len(diseases) > 1 and self.multi_label == "drop":
            detail = "several classes on one image: " + ", ".join(sorted(diseases))
            return _none(pairs, "several_diseases", detail)
        disease = pick_one(evidence.image.image_id, diseases)
        return _decide_disease(evidence, disease, pairs, shown)


def _decide_shape(shapes: list[Pair]) -> tuple[tuple[Labelled, ...], list[Aside]]:
    found = {str(finding.disease) for finding, _ in shapes}
    if not found:
        return (), []
    if len(found) > 1:
        detail = "several shapes on one image: " + ", ".join(sorted(found))
        return (), [Aside(finding, "contradiction", detail) for finding, _ in shapes]
    return (_label("alignment", found.pop(), (), shapes, (s for _, s in shapes)),), []


def _levels_shown(evidence: Evidence, pairs: list[Pair]) -> frozenset[str]:
    """Levels that the image shows; empty where it shows all."""
    if evidence.image.view != "AX":
        return frozenset()
    return frozenset(finding.level for finding, _ in pairs if finding.level is not None)


def _shown_statements(evidence: Evidence, levels: frozenset[str]) -> list[Statement]:
    """All statements of the study about diseases at the levels that the image shows."""
    return [
        s
        for s in evidence.study
        if s.disease is not None
        and s.disease not in (*SHAPES, *DROPPED_CLASSES)
        and (not levels or s.level is None or s.level in levels)
    ]


def _not_graded(evidence: Evidence, levels: frozenset[str]) -> list[str]:
    """Places shown that no statement grades, of the conditions that the study grades elsewhere.

    On an image that shows all levels these are the five lumbar discs, or the five vertebrae where
    a condition is graded by vertebra. A statement without a level or a side is about all of them.
    """
    by_disease: dict[str, list[Statement]] = defaultdict(list)
    for statement in _shown_statements(evidence, frozenset()):
        by_disease[str(statement.disease)].append(statement)
    return [
        f"{disease} {level}"
        for disease, some in sorted(by_disease.items())
        for level in sorted(levels) or _whole(some)
        if not _is_graded(some, level)
    ]


def _is_graded(statements: list[Statement], level: str) -> bool:
    """Whether a level has statements on every side that any of them names."""
    there = [s for s in statements if s.level in (None, level)]
    sides = {side for s in statements for side in each_side(s.side)}
    return all(any(is_on_sides(s.side, {side}) for s in there) for side in sides)


def _whole(statements: list[Statement]) -> tuple[str, ...]:
    by_disc = any(s.level is not None and "/" in s.level for s in statements)
    return _LUMBAR if by_disc else _VERTEBRAE


def _decide_normal(
    evidence: Evidence, pairs: list[Pair], levels: frozenset[str], shown: list[Statement]
) -> Decision:
    """No mark of disease on the image itself."""
    doubtful = _not_known_absent(shown)
    if any(s.grade == "mild" for _, s in pairs):
        return _none(pairs, "mild_not_asked", "mild is neither disease nor health")
    if any(finding.disease is None for finding, _ in pairs):
        if any(s.grade is None for _, s in pairs):
            return _none(pairs, "grade_unknown", "an explicit normal beside an empty cell")
        own = (s for _, s in pairs)
        return Decision((_label("diagnosis", HEALTHY, (), pairs, own, doubtful),), ())
    for reason, grades in (
        ("diseased_elsewhere", _POSITIVE),
        ("mild_not_asked", frozenset({"mild"})),
        ("grade_unknown", frozenset({None})),
    ):
        against = [s for s in shown if s.grade in grades]
        if against:
            places = sorted({f"{s.disease} {s.level or 'no level'}" for s in against})
            return _none(pairs, reason, "its study: " + _some(places))
    not_graded = _not_graded(evidence, levels)
    if not_graded:
        return _none(pairs, "grade_unknown", "not graded: " + _some(not_graded))
    return Decision((_label("diagnosis", HEALTHY, (), pairs, shown, doubtful),), ())


def _some(places: list[str]) -> str:
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    return ", ".join(places[:3]) + more


def _decide_disease(
    evidence: Evidence, disease: str, pairs: list[Pair], shown: list[Statement]
) -> Decision:
    marks = [p for p in pairs if p[0].disease == disease and p[1].grade in _POSITIVE]
    levels = sorted_levels(finding.level for finding, _ in marks)
    never = _not_known_absent(shown) - {disease}
    labels = [_label("diagnosis", disease, levels, marks, (s for _, s in marks), never)]
    notes: tuple[Aside, ...] = ()
    gold = set(levels) & set(_LUMBAR)
    if gold:
        refused = _why_not_localized(evidence, disease, marks, gold)
        if refused is None:
            about = [p for p in pairs if p[0].disease == disease]
            ruled_out = _same_sides(evidence.study, disease, marks)
            labels.append(_label("localization", disease, levels, about, ruled_out))
        else:
            notes = (Aside(marks[0][0], *refused),)
    used = {finding_id for label in labels for finding_id in label.finding_ids}
    aside = [
        Aside(finding, *_why_unused(finding, statement, disease))
        for finding, statement in pairs
        if finding.finding_id not in used
    ]
    return Decision(tuple(labels), tuple(aside), notes)


def _why_not_localized(
    evidence: Evidence, disease: str, marks: list[Pair], gold: set[str]
) -> tuple[str, str] | None:
    """Why the level cannot be asked, or None: a level is wrong only where it is known to be."""
    image_id = evidence.image.image_id
    if evidence.image.view == "AX":
        return "level_without_cue", f"{image_id}: an axial slice does not show its level"
    statements = _same_sides(evidence.study, disease, marks)
    for reason, grades in (
        ("level_on_another_image", _POSITIVE),
        ("level_mild", frozenset({"mild"})),
        ("level_unknown", frozenset({None})),
    ):
        where = {s.level for s in statements if s.grade in grades and s.level in _LUMBAR} - gold
        if where:
            return reason, f"{image_id}: {', '.join(sorted_levels(where))}"
    return None


def _same_sides(
    statements: Iterable[Statement], disease: str, marks: list[Pair]
) -> list[Statement]:
    """Statements about the disease on the sides that the image's marks name (any, if none)."""
    sides = {s.side for _, s in marks}
    return [s for s in statements if s.disease == disease and is_on_sides(s.side, sides)]


def _not_known_absent(statements: Iterable[Statement]) -> frozenset[str]:
    """Classes that a statement calls present, mild or not known."""
    return frozenset(s.disease for s in statements if s.disease in DISEASES and s.grade != "none")


def _why_unused(finding: Finding, statement: Statement, disease: str) -> tuple[str, str]:
    if finding.disease != disease and statement.grade in _POSITIVE:
        return "another_disease_asked", f"{disease} is asked about"
    if statement.grade is None:
        return "grade_unknown", "its cell is empty"
    return f"grade_{statement.grade}", f"{disease} is asked about, from other rows"


def _none(pairs: list[Pair], reason: str, detail: str) -> Decision:
    return Decision((), tuple(Aside(finding, reason, detail) for finding, _ in pairs))


def _label(
    task: Task,
    disease: str,
    levels: tuple[str, ...],
    pairs: list[Pair],
    statements: Iterable[Statement],
    never_offered: frozenset[str] = frozenset(),
) -> Labelled:
    units: set[Unit] = {unit for _, s in pairs for unit in s.units}
    units.update(unit for s in statements for unit in s.units)
    finding_ids = tuple(sorted(finding.finding_id for finding, _ in pairs))
    rows = tuple(sorted(units, key=str))
    return Labelled(task, disease, levels, finding_ids, rows, never_offered)
