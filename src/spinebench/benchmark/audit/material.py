"""What all checks look at, worked out once: the tables by image, and the pictures."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from spinebench.benchmark.audit.pictures import Pictures, read_pictures
from spinebench.benchmark.bundle import Benchmark
from spinebench.engine import Engine
from spinebench.records import Finding, Image, Question

# Of two splits the one that keeps what crosses: test is small and was measured on.
SIDE_ORDER: Mapping[str, int] = {"test": 0, "reserve": 1, "train": 2}


PATIENTS_OF_NO_STUDY = 3  # a study or series has one; two may be one mistaken for another


@dataclass(frozen=True)
class Material:
    """A benchmark under audit."""

    bench: Benchmark
    engine: Engine

    @property
    def images(self) -> dict[str, Image]:
        """Images by id."""
        return self.bench.images

    @cached_property
    def questions(self) -> list[Question]:
        """Questions of all splits and tasks whose images the benchmark has."""
        lost = {question.question_id for question in self.lost}
        return [q for q in self.bench.questions if q.question_id not in lost]

    @cached_property
    def lost(self) -> list[Question]:
        """Questions about no image, or about one that the table of images does not have."""
        known = self.images.keys()
        return [q for q in self.bench.questions if not q.image_ids or not known >= set(q.image_ids)]

    @cached_property
    def asked(self) -> dict[str, list[Question]]:
        """Questions by image id; images nobody asks about are left out."""
        found: dict[str, list[Question]] = defaultdict(list)
        for question in self.questions:
            for image_id in question.image_ids:
                found[image_id].append(question)
        return dict(found)

    @cached_property
    def findings_of_image(self) -> dict[str, list[Finding]]:
        """Findings by image id."""
        found: dict[str, list[Finding]] = defaultdict(list)
        for finding in self.bench.findings.values():
            found[finding.image_id].append(finding)
        return dict(found)

    @cached_property
    def placeholder_studies(self) -> frozenset[tuple[str, str]]:
        """Source and id of studies that are none: three or more patients hold the id."""
        patients: dict[tuple[str, str], set[str]] = defaultdict(set)
        for image in self.images.values():
            patients[image.source, image.study_id].add(image.patient_id)
        return frozenset(
            study for study, held_by in patients.items() if len(held_by) >= PATIENTS_OF_NO_STUDY
        )

    @cached_property
    def pictures(self) -> Pictures:
        """Facts of every picture; reads all files."""
        return read_pictures(self.bench.folder, list(self.images.values()), self.engine)

    def image_of(self, question: Question) -> Image:
        """The first image of a question."""
        return self.images[question.image_ids[0]]

    def question_ids(self, image_ids: Sequence[str]) -> tuple[str, ...]:
        """Questions about any of these images, sorted."""
        return tuple(
            sorted({q.question_id for image_id in image_ids for q in self.asked.get(image_id, ())})
        )


def gold_texts(question: Question) -> tuple[str, ...]:
    """Texts of the gold options that are there, sorted."""
    lettered = question.lettered
    return tuple(sorted(lettered[letter] for letter in question.gold if letter in lettered))


def squeezed(text: str) -> str:
    """Text in lower case with every run of white space as one blank."""
    return " ".join(text.split()).casefold()
