"""`released/1`: as published, faults included."""

from collections.abc import Sequence
from dataclasses import dataclass

from spinebench.anatomy.diseases import HEALTHY
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
from spinebench.benchmark.labels.evidence import Evidence, units_of
from spinebench.records import Finding

_LUMBAR = frozenset(str(level) for level in LUMBAR_DISCS)
# Sources whose only code is "slipped or not": their "not" is the normal of the published map.
_NORMAL_WHERE_NONE = ("buu",)


@dataclass(frozen=True, slots=True)
class Released:
    """As published.

    Severity is ignored: a slice graded normal counts as diseased. Sides are merged. "Other
    lesions" and "Surgical implant" are dropped, and with them an image that has nothing else.
    Healthy comes from an explicit normal alone, BUU's films without a slip among them; a neck
    called healthy is Healthy whatever its shape. With `multi_label` "drop" an image is kept only
    if exactly one class is left; with "keep" one of its diseases is asked about. Levels are those
    of all findings of the class, whatever their grade. The shape of the neck is a disease.
    """

    multi_label: MultiLabel = "drop"
    name = "released/1"
    strict_negatives = False
    summary = "as published: severity ignored, one class for each image"

    def decide(self, evidence: Evidence) -> Decision:
        """See `LabelRule.decide`."""
        check_known(finding.disease for finding in evidence.findings)
        aside: list[Aside] = []
        kept: list[Finding] = []
        for finding in evidence.findings:
            if finding.disease in DROPPED_CLASSES:
                words = f"{finding.disease} is not asked about"
                aside.append(Aside(finding, "dropped_class", words))
            else:
                kept.append(finding)
        classes = {_class_of(finding) for finding in kept}
        if HEALTHY in classes and classes <= {HEALTHY, *SHAPES}:
            shapes = [f for f in kept if _class_of(f) != HEALTHY]
            aside += [Aside(f, "healthy_neck", "its disease column says healthy") for f in shapes]
            kept, classes = [f for f in kept if _class_of(f) == HEALTHY], {HEALTHY}
        if not classes:
            return Decision((), tuple(aside))
        if len(classes) > 1:
            detail = "several classes on one image: " + ", ".join(sorted(classes))
            if self.multi_label == "drop" or HEALTHY in classes:
                aside += [Aside(finding, "several_diseases", detail) for finding in kept]
                return Decision((), tuple(aside))
        disease = pick_one(evidence.image.image_id, classes)
        own = [finding for finding in kept if _class_of(finding) == disease]
        aside += [
            Aside(finding, "another_disease_asked", f"{disease} is asked about")
            for finding in kept
            if _class_of(finding) != disease
        ]
        return Decision(_labels(disease, own, frozenset(classes - {disease})), tuple(aside))


def _class_of(finding: Finding) -> str:
    source = finding.image_id.partition(":")[0]
    if finding.disease is None or (source in _NORMAL_WHERE_NONE and finding.grade == "none"):
        return HEALTHY
    return finding.disease


def _labels(
    disease: str, findings: Sequence[Finding], never_offered: frozenset[str]
) -> tuple[Labelled, ...]:
    levels = sorted_levels(finding.level for finding in findings)
    finding_ids = tuple(sorted(finding.finding_id for finding in findings))
    units = tuple(sorted({unit for f in findings for unit in units_of(f)}, key=str))
    diagnosis = Labelled("diagnosis", disease, levels, finding_ids, units, never_offered)
    if disease == HEALTHY or not _LUMBAR & set(levels):
        return (diagnosis,)
    return (diagnosis, Labelled("localization", disease, levels, finding_ids, units))
