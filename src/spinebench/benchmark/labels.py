"""Label rules: from the findings of one image to the class it is asked about.

A rule has a name and a version, and is the only place where that decision is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from spinebench.anatomy.diseases import DISEASES, HEALTHY
from spinebench.anatomy.levels import parse_level
from spinebench.errors import UsageError
from spinebench.records import Finding

# classes that both the published work and we leave out: no disease of the spine, or none by name
DROPPED_CLASSES = ("Other lesions", "Surgical implant")


@dataclass(frozen=True, slots=True)
class Labelled:
    """The class of one image, the levels it is seen at, and the findings that say so."""

    disease: str
    levels: tuple[str, ...]  # canonical, cranial to caudal; empty where the source names none
    finding_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule makes of one image: a label or none, and the findings it put aside with why."""

    label: Labelled | None
    put_aside: tuple[tuple[Finding, str, str], ...]  # finding, reason, detail


class LabelRule(Protocol):
    """A named, versioned rule."""

    name: str

    def decide(self, findings: Sequence[Finding]) -> Decision:
        """Label one image from all of its findings (not empty, all of the same image)."""
        ...


class Released:
    """`released/1`: as published, faults included.

    Severity is ignored: a slice graded normal counts as diseased. Sides are merged. "Other
    lesions" and "Surgical implant" are dropped, and with them an image that has nothing else. An
    image is kept only if exactly one of the 11 diseases is left; Healthy comes only from an
    explicit normal. Levels are those of all findings of the disease, whatever their grade.
    """

    name = "released/1"

    def decide(self, findings: Sequence[Finding]) -> Decision:
        """See `LabelRule.decide`."""
        aside: list[tuple[Finding, str, str]] = []
        kept: list[Finding] = []
        for finding in findings:
            if finding.disease in DROPPED_CLASSES:
                aside.append((finding, "dropped_class", f"{finding.disease} is not asked about"))
            else:
                kept.append(finding)
        classes = {HEALTHY if f.disease is None else f.disease for f in kept}
        unknown = classes - {HEALTHY, *DISEASES}
        if unknown:
            raise ValueError(f"a source gave {sorted(unknown)}, which no label rule knows")
        if not classes:
            return Decision(None, tuple(aside))
        if len(classes) > 1:
            detail = "several classes on one image: " + ", ".join(sorted(classes))
            aside += [(finding, "several_diseases", detail) for finding in kept]
            return Decision(None, tuple(aside))
        (disease,) = classes
        named = {parse_level(f.level) for f in kept if f.level is not None}
        levels = tuple(str(level) for level in sorted(named))
        label = Labelled(disease, levels, tuple(sorted(f.finding_id for f in kept)))
        return Decision(label, tuple(aside))


_RULES: dict[str, LabelRule] = {"released": Released()}


def load_label_rule(name: str) -> LabelRule:
    """Label rule by name, with or without its version; raises UsageError that lists the known."""
    for short, rule in _RULES.items():
        if name in (short, rule.name):
            return rule
    known = ", ".join(rule.name for rule in _RULES.values())
    raise UsageError(f"no label rule {name!r}; there are: {known}")
