"""A benchmark whose pictures are changed and whose questions are the same: any run evaluates it.

Beside the tables of a benchmark stands `perturbations.parquet` (schema "perturbation/1"): which
question it was, which change was made, and the change in numbers. Questions and their order of
options, wording and truth stay; ids follow from the new pixels, so nothing paid for is mixed up.
Findings come along; where points would move (rotation, crop) they lose their coordinates. Every
question times change is accounted for: read = used + dropped.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image as PillowImage

from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.write import BenchmarkContent, write_benchmark
from spinebench.engine import Engine
from spinebench.errors import DataError, UsageError
from spinebench.evaluation.perturb import (
    GEOMETRIC,
    PERTURB_VERSION,
    Box,
    Change,
    NotPerturbed,
    Rgb,
    list_changes,
    perturb,
)
from spinebench.evaluation.select import SPLITS, name_part
from spinebench.folders import check_place, written_whole
from spinebench.imaging.standard import (
    DEFAULT_POLICY,
    StandardImage,
    encode,
    pixel_sha256,
)
from spinebench.records import (
    Finding,
    Image,
    Question,
    Reject,
    question_content_hash,
)
from spinebench.tables import (
    Ledger,
    merged_rejects,
    read_named_frame,
    sha256_of_file,
    write_by_hash,
    write_frame,
)

PERTURBATION_TABLE = "perturbations.parquet"
PERTURBATION_SCHEMA = "perturbation/1"
_QUESTIONS = "questions.parquet"
_COLUMNS = pl.Schema(
    {
        "question_id": pl.String,
        "original_question_id": pl.String,
        "kind": pl.String,
        "step": pl.Int64,  # from 1, the weakest
        "amount": pl.Float64,  # of perturb.STRENGTHS
        "parameters": pl.String,  # JSON: a list, one object for each image
    }
)


@dataclass(frozen=True, kw_only=True)
class PerturbOptions:
    """What is changed, and how."""

    kinds: tuple[str, ...] | None = None  # None: every kind
    split: str = "test"
    subset: bool = False
    seed: int | None = None  # None: the benchmark's own


@dataclass(frozen=True, slots=True)
class PictureTask:
    """What one worker call needs: a picture, and all that is done to it."""

    image: Image
    source: Path  # the benchmark's folder
    target: Path
    changes: tuple[Change, ...]
    keep: tuple[Box, ...]  # in pixels of the standard file
    seed: int


@dataclass(frozen=True, slots=True)
class Changed:
    """One changed picture: its record, and the change in numbers."""

    image: Image
    parameters: dict[str, Any]


Outcomes = dict[str, Changed | str]  # by change name; a str is why there is none


def write_perturbed(
    bench: Path, out: Path, *, options: PerturbOptions, engine: Engine
) -> dict[str, Any]:
    """Manifest of the changed benchmark written to `out`.

    Raises UsageError for an unknown kind or split, or where there is nothing to ask.
    """
    benchmark = Benchmark.load(bench)
    changes = list_changes(options.kinds)
    place = check_place(out)
    if "perturbed" in benchmark.manifest:
        raise UsageError(f"{bench} is perturbed already; name the benchmark that it was made from")
    asked = _choose(benchmark, options)
    seed = int(benchmark.manifest["seed"]) if options.seed is None else options.seed
    with written_whole(place) as folder:
        tasks = _picture_tasks(benchmark, asked, folder, changes, seed)
        read = engine.map(change_picture, tasks, label="changing pictures", shard=4)
        outcomes = dict(zip((task.image.image_id for task in tasks), read, strict=True))
        made = _Made(benchmark)
        for change in changes:
            for row, question in asked:
                made.add(row, question, change, outcomes)
        if not made.questions:
            raise UsageError(
                f"none of {len(asked)} questions has a picture that could be changed by"
                f" {', '.join(sorted({change.kind for change in changes}))}"
            )
        write_frame(folder / PERTURBATION_TABLE, made.frame(), schema=PERTURBATION_SCHEMA)
        about = made.about(options, seed, changes)
        return write_benchmark(folder, made.content(), about)


def read_changes(bench: Path) -> pl.DataFrame:
    """Table of changes of a perturbed benchmark folder. Raises UsageError if it is none."""
    if not (bench / PERTURBATION_TABLE).is_file():
        raise UsageError(f"{bench} is not a perturbed benchmark: it has no {PERTURBATION_TABLE}")
    return read_named_frame(bench / PERTURBATION_TABLE, PERTURBATION_SCHEMA)


def _choose(benchmark: Benchmark, options: PerturbOptions) -> list[tuple[int, Question]]:
    """Multiple-choice questions of the part, each with its row in the table."""
    if options.split not in SPLITS:
        raise UsageError(f"unknown split {options.split!r}; there are {', '.join(SPLITS)}")
    if options.subset and options.split != "test":
        raise UsageError(f"the evaluation subset lies in the split test, not in {options.split}")
    asked = [
        (row, question)
        for row, question in enumerate(benchmark.questions, start=1)
        if question.kind == "mcq"
        and question.split == options.split
        and (question.in_subset or not options.subset)
    ]
    if not asked:
        part = name_part(options.split, subset=options.subset)
        raise UsageError(f"{benchmark.folder} has no questions in {part}")
    return asked


def _picture_tasks(
    benchmark: Benchmark,
    asked: Sequence[tuple[int, Question]],
    folder: Path,
    changes: Sequence[Change],
    seed: int,
) -> list[PictureTask]:
    keep: dict[str, list[Box]] = {}
    for _, question in asked:
        for image_id in question.image_ids:
            boxes = keep.setdefault(image_id, [])
            image = benchmark.images[image_id]
            if question.task == "localization":
                # levels are counted from the sacrum or the ribs: no row may go
                middle = image.file_cols / 2
                boxes.append((middle, 0.0, middle, image.file_rows - 1.0))
            boxes += [
                box
                for finding_id in question.finding_ids
                for box in _box_of(benchmark.findings[finding_id], image)
            ]
    return [
        PictureTask(
            image=benchmark.images[image_id],
            source=benchmark.folder,
            target=folder,
            changes=tuple(c for c in changes if _applies(c, benchmark.images[image_id])),
            keep=tuple(boxes),
            seed=seed,
        )
        for image_id, boxes in keep.items()
    ]


def _applies(change: Change, image: Image) -> bool:
    # lead letters are laid on films; bright fat at the rim of a slice is none
    return change.kind != "marker" or image.modality == "XR"


def _box_of(finding: Finding, image: Image) -> Iterator[Box]:
    if finding.image_id != image.image_id:
        return
    if finding.box_px is not None:
        x0, y0, x1, y1 = finding.box_px
    elif finding.point_px is not None:
        (x0, y0), (x1, y1) = finding.point_px, finding.point_px
    else:
        return
    yield (
        (x0 + 0.5) * image.scale_x - 0.5, (y0 + 0.5) * image.scale_y - 0.5,
        (x1 + 0.5) * image.scale_x - 0.5, (y1 + 0.5) * image.scale_y - 0.5,
    )  # fmt: skip


def change_picture(task: PictureTask) -> Outcomes:
    """All changes of one picture, each stored by its hash. Runs in a worker process."""
    path = task.source / task.image.path
    try:
        with PillowImage.open(path) as picture:
            rgb = np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise DataError(
            file=task.image.path, found=str(error), expected="the image's file"
        ) from error
    outcomes: Outcomes = {}
    for change in task.changes:
        done = perturb(rgb, change, key=task.image.image_id, seed=task.seed, keep=task.keep)
        if isinstance(done, NotPerturbed):
            outcomes[change.name] = done.reason
        else:
            image = store_picture(
                task.image,
                done.rgb,
                task.target,
                image_id=f"{task.image.image_id}~{change.name}",
                note=f"{change.name} of {PERTURB_VERSION}",
                moved=change.kind in GEOMETRIC,
            )
            outcomes[change.name] = Changed(image, done.parameters)
    return outcomes


def store_picture(
    image: Image, rgb: Rgb, folder: Path, *, image_id: str, note: str, moved: bool
) -> Image:
    """Record of a picture made from another, its file being written below `folder`.

    `moved`: points of the original lie elsewhere now, so that no way back to them is kept.
    """
    is_grey = bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 0] == rgb[..., 2]).all())
    standard = StandardImage(rgb, (image.scale_x, image.scale_y), "as_stored", (), is_grey)
    relative, digest = write_by_hash(
        folder / "images", encode(standard), f".{DEFAULT_POLICY.format}"
    )
    return replace(
        image,
        image_id=image_id,
        path=f"images/{relative}",
        file_rows=rgb.shape[0],
        file_cols=rgb.shape[1],
        affine=None if moved else image.affine,
        file_sha256=digest,
        pixel_sha256=pixel_sha256(rgb),
        notes=(*image.notes, note),
    )


class _Made:
    """Records of the changed benchmark, gathered question by question."""

    def __init__(self, benchmark: Benchmark) -> None:
        self._benchmark = benchmark
        self._images: dict[str, Image] = {}
        self._findings: dict[str, Finding] = {}
        self._rows: list[tuple[str, str, str, int, float, str]] = []
        self._ledgers: dict[str, Ledger] = {}
        self.questions: list[Question] = []

    def add(
        self, row: int, question: Question, change: Change, outcomes: Mapping[str, Outcomes]
    ) -> None:
        """The question on its changed pictures, or a line in the ledger."""
        ledger = self._ledgers.setdefault(question.source, Ledger(question.source))
        ledger.count_read(_QUESTIONS)
        done = [outcomes[i].get(change.name, "not_a_film") for i in question.image_ids]
        reasons = [one for one in done if isinstance(one, str)]
        if reasons:
            ledger.drop(_QUESTIONS, row, reasons[0], question.question_id, column=change.name)
            return
        changed = [one for one in done if isinstance(one, Changed)]
        ledger.use(_QUESTIONS)
        new = self._question(question, change, [one.image for one in changed])
        self.questions.append(new)
        parameters = json.dumps([one.parameters for one in changed], sort_keys=True)
        self._rows.append(
            (new.question_id, question.question_id, change.kind, change.step, change.amount,
             parameters)
        )  # fmt: skip

    def _question(self, question: Question, change: Change, images: list[Image]) -> Question:
        self._images.update({image.image_id: image for image in images})
        known = [self._benchmark.findings[i] for i in question.finding_ids]
        findings = [self._finding(f, change) for f in known if f.image_id in question.image_ids]
        content = question_content_hash(
            text=question.text, options=question.options, gold=question.gold,
            pixel_sha256=tuple(image.pixel_sha256 for image in images),
        )  # fmt: skip
        readable = question.question_id.partition("@")[0]
        return replace(
            question,
            question_id=f"{readable}~{change.name}@{content}",
            image_ids=tuple(image.image_id for image in images),
            finding_ids=tuple(finding.finding_id for finding in findings),
        )

    def _finding(self, old: Finding, change: Change) -> Finding:
        new = replace(
            old,
            finding_id=f"{old.finding_id}~{change.name}",
            image_id=f"{old.image_id}~{change.name}",
        )
        if change.kind in GEOMETRIC:
            new = replace(new, point_px=None, box_px=None)
        self._findings[new.finding_id] = new
        return new

    def frame(self) -> pl.DataFrame:
        """The table of changes, in the order of the questions."""
        return pl.DataFrame(self._rows, schema=_COLUMNS, orient="row")

    def content(self) -> BenchmarkContent:
        """All records; the ledger holds what could not be changed, and why."""
        for ledger in self._ledgers.values():
            ledger.check()
        rejects: list[Reject] = merged_rejects(list(self._ledgers.values()))
        return BenchmarkContent(
            images=list(self._images.values()),
            findings=list(self._findings.values()),
            questions=self.questions,
            rejects=rejects,
        )

    def about(
        self, options: PerturbOptions, seed: int, changes: Sequence[Change]
    ) -> dict[str, Any]:
        """What it was made from, for the manifest."""
        old = self._benchmark.manifest
        counts = Counter(f"{kind}-{step}" for _, _, kind, step, _, _ in self._rows)
        return {
            **{key: old[key] for key in ("seed", "label_rule", "policy") if key in old},
            "sources": {name: self._source(name, about) for name, about in old["sources"].items()
                        if name in self._ledgers},
            "perturbed": {
                "from_manifest_sha256": sha256_of_file(self._benchmark.folder / "manifest.json"),
                "version": PERTURB_VERSION,
                "seed": seed,
                "split": options.split,
                "subset": options.subset,
                "questions": {change.name: counts[change.name] for change in changes},
                "left_out": self._left_out(changes),
            },
        }  # fmt: skip

    def _left_out(self, changes: Sequence[Change]) -> dict[str, dict[str, int]]:
        """Reasons with their numbers, by change; changes that all questions went through lack."""
        lines = [reject for ledger in self._ledgers.values() for reject in ledger.rejects]
        found = {
            change.name: Counter(line.reason for line in lines if line.column == change.name)
            for change in changes
        }
        return {name: dict(sorted(reasons.items())) for name, reasons in found.items() if reasons}

    def _source(self, name: str, about: Mapping[str, Any]) -> dict[str, Any]:
        own = [image for image in self._images.values() if image.source == name]
        kept = {key: about[key] for key in ("title", "terms") if key in about}
        return {
            **kept,
            "images": len(own),
            "patients": len({image.patient_id for image in own}),
            "accounting": self._ledgers[name].summary(),
        }
