"""What a label rule gives: for each task the class of an image, and what it put aside with why."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from spinebench.anatomy.diseases import DISEASE_BY_NAME, DISEASES
from spinebench.anatomy.levels import parse_level
from spinebench.benchmark.labels.evidence import Evidence, Unit
from spinebench.records import Finding, Task

MultiLabel = Literal["drop", "keep"]

# Names of a source that are no class: both the published work and we leave them out. Spondylosis
# is CSXA's word for a degenerate neck; the 11 classes have none for it.
DROPPED_CLASSES = ("Other lesions", "Surgical implant", "Spondylosis")
# The shape of the neck is how it is held, no disease.
SHAPES = tuple(name for name in DISEASES if DISEASE_BY_NAME[name].kind == "curvature")


@dataclass(frozen=True, slots=True)
class Labelled:
    """The truth of one question about one image, and what it rests on."""

    task: Task
    disease: str  # the class asked about; for alignment, the shape
    levels: tuple[str, ...]  # canonical, cranial to caudal; empty where none is named
    finding_ids: tuple[str, ...]  # of this image, sorted
    units: tuple[Unit, ...]  # all rows that decide it, those of other images of the study included
    never_offered: frozenset[str] = frozenset()  # classes that are or may be true of the image too


@dataclass(frozen=True, slots=True)
class Aside:
    """A finding that no question of its image rests on, or (a note) a question not asked."""

    finding: Finding
    reason: str  # short fixed word, countable
    detail: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule makes of one image."""

    labels: tuple[Labelled, ...]  # at most one for each task
    put_aside: tuple[Aside, ...]  # findings in no label
    notes: tuple[Aside, ...] = ()  # why a task that one might expect is not asked

    def label(self, task: Task) -> Labelled | None:
        """The label of a task, if there is one."""
        return next((label for label in self.labels if label.task == task), None)


class LabelRule(Protocol):
    """A named, versioned rule: the only place where the class of an image is decided."""

    name: str
    summary: str  # one line
    # distractors: none of the patient's own images, library from train, no shape of the neck
    strict_negatives: bool

    def decide(self, evidence: Evidence) -> Decision:
        """Labels of one image. Every finding of it ends in a label or is put aside."""
        ...


def sorted_levels(levels: Iterable[str | None]) -> tuple[str, ...]:
    """Distinct levels in canonical form, cranial to caudal."""
    return tuple(str(level) for level in sorted({parse_level(x) for x in levels if x is not None}))


def pick_one(image_id: str, diseases: Iterable[str]) -> str:
    """One of several diseases of an image, by hash: the same whatever else is in the benchmark."""

    def place(disease: str) -> str:
        return hashlib.sha256(f"multi-label\x1f{image_id}\x1f{disease}".encode()).hexdigest()

    return min(diseases, key=place)


def check_known(diseases: Iterable[str | None]) -> None:
    """Raise ValueError for a class that no rule knows: a source's bug, not a user's."""
    unknown = {d for d in diseases if d is not None} - {*DISEASES, *DROPPED_CLASSES}
    if unknown:
        raise ValueError(f"a source gave {sorted(unknown)}, which no label rule knows")
