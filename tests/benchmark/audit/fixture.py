"""A small benchmark that is balanced by construction: labels hang on the picture's middle alone."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from spinebench.anatomy.diseases import HEALTHY
from spinebench.benchmark.audit.findings import AuditFinding
from spinebench.benchmark.audit.run import Audit, audit_benchmark
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.write import BenchmarkContent, write_benchmark
from spinebench.engine import LocalEngine
from spinebench.imaging.standard import pixel_sha256
from spinebench.records import Finding, Image, Quality, Question, Reject, question_content_hash
from spinebench.tables import write_by_hash
from tests.examples import a_finding, a_question, an_image

DISEASES = ("Spinal Canal Stenosis", "Foraminal stenosis", "Osteophytes", "Disc space narrowing")
CLASSES = (*DISEASES, HEALTHY)
LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
WORDINGS = {
    "diagnosis": ("What does this spine show?", "Name the condition.", "Which finding is it?"),
    "localization": ("At which levels is the lesion?", "Where is it?"),
}
TERMS = {
    "name": "CC BY 4.0", "url": "https://example.org", "summary": "Free.",
    "redistribution": True, "third_party_models": True,
}  # fmt: skip
SIDE_PX = 48


@dataclass
class Sample:
    """Everything of a benchmark, open to a fault before it is written."""

    folder: Path
    images: dict[str, Image] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    quality: list[Quality] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    terms: dict[str, Any] = field(default_factory=lambda: dict(TERMS))

    def questions_of(self, task: str, split: str | None = None) -> list[Question]:
        return [q for q in self.questions.values() if q.task == task and split in (None, q.split)]

    def change(self, question: Question, **fields: Any) -> Question:
        """Replace fields of a question, which keeps its place and its id."""
        self.questions[question.question_id] = replace(question, **fields)
        return self.questions[question.question_id]

    def change_image(self, image_id: str, **fields: Any) -> None:
        self.images[image_id] = replace(self.images[image_id], **fields)

    def draw(self, image_id: str, pixels: np.ndarray) -> None:
        """Give an image other pixels."""
        self.change_image(image_id, **store(self.folder, pixels))

    def pixels(self, image_id: str) -> np.ndarray:
        with PillowImage.open(self.folder / self.images[image_id].path) as picture:
            return np.asarray(picture.convert("L")).copy()

    def write(self) -> Path:
        """Write the tables; returns the folder."""
        sources = {
            name: {"title": name, "terms": self.terms, "images": 0, "patients": 0,
                   "annotations_sha256": {}, "images_sha256": "",
                   "accounting": self._accounts(name)}
            for name in sorted({image.source for image in self.images.values()})
        }  # fmt: skip
        content = BenchmarkContent(
            images=list(self.images.values()),
            findings=list(self.findings.values()),
            questions=list(self.questions.values()),
            rejects=self.rejects,
            quality=self.quality,
        )
        about = {"seed": 0, "label_rule": "test/1", "policy": "test/1", "sources": sources}
        write_benchmark(self.folder, content, about)
        return self.folder

    def _accounts(self, source: str) -> dict[str, Any]:
        rows = {row for q in self.questions.values() for row in q.rests_on if q.source == source}
        count = {"read": len(rows), "used": len(rows), "dropped": 0, "reasons": {}, "notes": {}}
        return {"rows.csv": count}


def store(folder: Path, pixels: np.ndarray) -> dict[str, Any]:
    """Fields of an image whose picture is written: path, hashes, size."""
    rgb = np.ascontiguousarray(np.repeat(pixels.astype(np.uint8)[..., None], 3, axis=2))
    stream = io.BytesIO()
    PillowImage.fromarray(rgb).save(stream, "PNG", compress_level=1)
    path, digest = write_by_hash(folder / "images", stream.getvalue(), ".png")
    return {
        "path": f"images/{path}", "file_sha256": digest, "pixel_sha256": pixel_sha256(rgb),
        "file_rows": pixels.shape[0], "file_cols": pixels.shape[1],
    }  # fmt: skip


def build_sample(
    folder: Path, *, seed: int = 0, patients: int = 80, images_each: int = 2
) -> Sample:
    """A clean benchmark: every class offered each time, all else drawn without looking at it."""
    rng = np.random.default_rng(seed)
    sample = Sample(folder)
    for patient in range(patients):
        split = "test" if patient >= patients // 3 else "train"
        for number in range(images_each):
            disease = CLASSES[int(rng.integers(len(CLASSES)))]
            image = _build_image(sample, rng, f"{patient:03d}", number, disease)
            add_questions(sample, image, split, disease, rng)
    return sample


def _build_image(
    sample: Sample, rng: np.random.Generator, patient: str, number: int, disease: str
) -> Image:
    pixels = rng.integers(0, 120, (SIDE_PX, SIDE_PX))
    place = 16 + 4 * CLASSES.index(disease)
    pixels[place : place + 3, 18:30] += 100
    rows, cols = ((480, 400), (512, 512), (640, 512))[int(rng.integers(3))]
    image = an_image(
        image_id=f"own:{patient}/{number}.png", source="own", patient_id=f"own:pt{patient}",
        study_id=f"st{patient}x{number}", series_id=f"se{patient}x{number}", view="SAG",
        sequence=("T1", "T2")[int(rng.integers(2))], rows=rows, cols=cols,
        official_split=None, notes=(), **store(sample.folder, pixels),
    )  # fmt: skip
    sample.images[image.image_id] = image
    return image


def add_questions(
    sample: Sample, image: Image, split: str, disease: str, rng: np.random.Generator
) -> None:
    """A diagnosis item, and for a disease a localization item, each on one row."""
    level = LEVELS[int(rng.integers(5))]
    row = len(sample.findings) + 2
    finding = a_finding(
        finding_id=f"own:rows.csv:{row}", image_id=image.image_id, file="rows.csv", row=row,
        disease=None if disease == HEALTHY else disease,
        level=None if disease == HEALTHY else level,
        grade="none" if disease == HEALTHY else "moderate",
        grade_file=None, grade_row=None, grade_column=None,
    )  # fmt: skip
    sample.findings[finding.finding_id] = finding
    tasks: list[tuple[str, Sequence[str], str]] = [("diagnosis", CLASSES, disease)]
    if disease != HEALTHY:
        tasks.append(("localization", LEVELS, level))
    for task, options, right in tasks:
        shuffled = tuple(options[i] for i in rng.permutation(len(options)))
        text = WORDINGS[task][int(rng.integers(len(WORDINGS[task])))]
        gold = ("ABCDE"[shuffled.index(right)],)
        content = question_content_hash(
            text=text, options=shuffled, gold=gold, pixel_sha256=(image.pixel_sha256,)
        )
        question = a_question(
            question_id=f"{task}-{image.image_id.replace('/', '.')}@{content}", task=task,
            source="own", image_ids=(image.image_id,), text=text, options=shuffled, gold=gold,
            multiple=task == "localization", disease=disease,
            levels=() if disease == HEALTHY else (level,), axis="SAG", negatives=(),
            similarities=(), split=split, patient_id=image.patient_id,
            finding_ids=(finding.finding_id,), rule="test/1", rests_on=(f"own:rows.csv:{row}",),
        )  # fmt: skip
        sample.questions[question.question_id] = question


def audit_folder(folder: Path) -> Audit:
    return audit_benchmark(Benchmark.load(folder), LocalEngine(1))


def above_note(found: Iterable[AuditFinding]) -> set[str]:
    return {finding.check for finding in found if finding.severity != "note"}
