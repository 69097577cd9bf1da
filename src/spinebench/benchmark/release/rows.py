"""One question as release formats carry it: flat, its picture beside it, nothing of the source.

The names here are the columns of every format; each adds its own spelling of options and answers.
Findings, grades, coordinates and patient ids are left out; a patient is a hash.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.records import Image, Question, Split, Task

Dialect = Literal["text", "letters"]

# The names of the public release; it has no third task.
PUBLIC_TASKS: dict[Task, str] = {
    "diagnosis": "spine_disease_classification",
    "localization": "spine_lesion_localization",
    "alignment": "spine_alignment_classification",
}

# what stands before the study in Kaggle's layout, and not in the public one
_RSNA_FOLDER = "train_images/"
_SUFFIX = re.compile(r"\.(dcm|dicom|png|jpe?g|nii(\.gz)?)$", re.IGNORECASE)
_PATH_PART = re.compile(r"[^/\\\x00-\x1f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow:
    """A question and what goes with it. `None`: the format, or the file, does not say."""

    split: Split
    task: Task
    text: str
    options: tuple[str, ...] | None
    answers: tuple[str, ...]  # as written: option texts, or letters
    image: str  # path or name of the picture within the release
    question_id: str | None = None
    in_subset: bool | None = None
    multiple: bool | None = None
    disease: str | None = None
    levels: tuple[str, ...] | None = None
    side: str | None = None
    view: str | None = None
    modality: str | None = None
    sequence: str | None = None
    source: str | None = None
    image_id: str | None = None
    patient: str | None = None  # hash, the same for all questions of a patient
    template: str | None = None
    rule: str | None = None
    negatives: tuple[str, ...] | None = None
    similarities: tuple[float | None, ...] | None = None
    never_offered: tuple[str, ...] | None = None
    letters: str = ""  # the right letters, joined; only set on export


# what formats carry beside the public fields, and may be missing in a file
EXTRAS = (
    "question_id", "in_subset", "multiple", "disease", "levels", "side", "view", "modality",
    "sequence", "source", "image_id", "patient", "template", "rule", "negatives", "similarities",
    "never_offered",
)  # fmt: skip


def build_row(question: Question, image: Image, path: str) -> ReleaseRow:
    """The row of a question; `path` is where its picture stands in the release."""
    lettered = question.lettered
    return ReleaseRow(
        split=question.split,
        task=question.task,
        text=question.text,
        options=question.options,
        answers=tuple(lettered[letter] for letter in question.gold),
        image=path,
        question_id=question.question_id,
        in_subset=question.in_subset,
        multiple=question.multiple,
        disease=question.disease,
        levels=question.levels,
        side=question.side,
        view=question.axis,
        modality=image.modality,
        sequence=image.sequence,
        source=question.source,
        image_id=image.image_id,
        patient=hash_patient(image.patient_id),
        template=question.template,
        rule=question.rule,
        negatives=question.negatives,
        similarities=question.similarities,
        never_offered=question.never_offered,
        letters="".join(question.gold),
    )


def extras_of(row: ReleaseRow) -> dict[str, Any]:
    """The fields beside the public ones, as plain values."""
    values = {name: getattr(row, name) for name in EXTRAS}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def hash_patient(patient_id: str) -> str:
    """16 hex digits that stand for a patient; they tell who is the same, not who it is."""
    return hashlib.sha256(f"patient\x1f{patient_id}".encode()).hexdigest()[:16]


def public_paths(images: Sequence[Image]) -> dict[str, str]:
    """Where each picture stands in a release, by image id: `rsna/STUDY/SERIES/NUMBER.png`.

    The whole path below the source is kept, because base names repeat. Images that would fall on
    one place, and ids that are no path, get a part of the id's hash.
    """
    places = {image.image_id: _public_path(image) for image in images}
    times = Counter(place.casefold() for place in places.values())  # disks that ignore case
    return {
        image_id: place if times[place.casefold()] == 1 else _marked(place, image_id)
        for image_id, place in places.items()
    }


def _public_path(image: Image) -> str:
    path = image.image_id.partition(":")[2]
    if image.source == "rsna":
        path = path.removeprefix(_RSNA_FOLDER)
    stem, hash_sign, frame = path.partition("#")
    parts = [image.source, *_SUFFIX.sub("", stem).split("/")]
    if any(part in ("..", ".") or not _PATH_PART.fullmatch(part) for part in parts):
        parts = [image.source.replace("/", "-"), _short_hash(image.image_id)]
    suffix = PurePosixPath(image.path).suffix
    return "/".join(parts) + (f"-frame{frame}" if hash_sign else "") + suffix


def _marked(place: str, image_id: str) -> str:
    path = PurePosixPath(place)
    return str(path.with_name(f"{path.stem}-{_short_hash(image_id)}{path.suffix}"))


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The questions that are exported and their pictures."""

    bench: Benchmark
    rows: tuple[ReleaseRow, ...]  # in the order of the benchmark
    images: Mapping[str, Image]  # by path in the release, sorted

    @property
    def sources(self) -> list[str]:
        """Names of the sources whose pictures are in it."""
        return sorted({image.source for image in self.images.values()})

    def rows_of(self, split: Split, task: Task | None = None) -> list[ReleaseRow]:
        """Rows of a split, of one task or all."""
        return [r for r in self.rows if r.split == split and task in (None, r.task)]


def select_rows(bench: Benchmark, splits: Sequence[Split], *, subset: bool) -> Selection:
    """The questions of the splits, or only those of the evaluation subset, as release rows.

    Raises UsageError if nothing is left, or for questions that no format can hold.
    """
    questions = [
        q for q in bench.questions if q.split in splits and (q.in_subset or not subset)
    ]  # fmt: skip
    if not questions:
        what = "the evaluation subset" if subset else "split " + ", ".join(splits)
        raise UsageError(f"{bench.folder} has no question in {what}")
    for question in questions:
        if question.kind != "mcq" or len(question.image_ids) != 1:
            raise UsageError(
                f"{question.question_id}: release formats hold multiple-choice questions on one "
                f"image, not {question.kind} on {len(question.image_ids)}"
            )
    used = sorted({q.image_ids[0] for q in questions})
    paths = public_paths([bench.images[image_id] for image_id in used])
    rows = [
        build_row(q, bench.images[q.image_ids[0]], paths[q.image_ids[0]]) for q in questions
    ]  # fmt: skip
    images = {paths[image_id]: bench.images[image_id] for image_id in used}
    return Selection(bench=bench, rows=tuple(rows), images=dict(sorted(images.items())))
