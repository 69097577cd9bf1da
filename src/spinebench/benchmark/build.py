"""Folders of images to a benchmark folder: read, label, standardise, split, ask, account, write."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from spinebench.benchmark.embed import DEFAULT_EMBEDDER, load_embedder
from spinebench.benchmark.labels import Labelled, LabelRule, load_label_rule
from spinebench.benchmark.negatives import LIBRARY_PER_DISEASE, choose_negatives
from spinebench.benchmark.pictures import Picture, PictureJob, read_picture
from spinebench.benchmark.questions import (
    DEFAULT_POOL,
    QuestionWriter,
    load_question_pool,
)
from spinebench.benchmark.split import SplitShares, check_no_crossing, split_of_patient
from spinebench.benchmark.write import BenchmarkContent, write_benchmark
from spinebench.engine import Engine
from spinebench.errors import UsageError
from spinebench.folders import check_place, written_whole
from spinebench.imaging.standard import DEFAULT_POLICY
from spinebench.records import Finding, Image, Question, Split, sha256_of_json
from spinebench.sources.base import Reading
from spinebench.sources.registry import SOURCES
from spinebench.tables import (
    merged_rejects,
    sha256_of_file,
)

Drop = tuple[str, str]  # reason, detail


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What decides the content of a benchmark, besides its sources."""

    seed: int = 0
    rule: str = "released"
    embedder: str = DEFAULT_EMBEDDER
    pool: str = DEFAULT_POOL
    shares: SplitShares = field(default_factory=SplitShares)
    library_per_disease: int = LIBRARY_PER_DISEASE
    duplicates: Literal["fail", "drop"] = "fail"  # identical pixels in two images


def build_benchmark(
    folders: Mapping[str, Path], out: Path, *, options: BuildOptions, engine: Engine
) -> dict[str, Any]:
    """Manifest of the benchmark built in `out` from source folders by source name.

    The same folders and options give the same bytes, whatever the engine. Nothing stands in `out`
    until all of it is written. Raises UsageError for wrong folders or options, DataError if a
    patient or identical pixels would lie in two splits.
    """
    place = check_place(out)
    rule = load_label_rule(options.rule)
    pool = load_question_pool(options.pool)
    load_embedder(options.embedder)
    readings = [SOURCES[name].read(folders[name], engine) for name in SOURCES if name in folders]
    if not readings:
        raise UsageError(f"no source folder given; there are: {', '.join(SOURCES)}")
    with written_whole(place) as folder:
        drops: dict[str, Drop] = {}  # by finding id
        labels = _label_images(readings, rule, drops)
        pictures = _read_pictures(readings, labels, folder, options, engine, drops)
        pictures = _drop_duplicates(pictures, options.duplicates, labels, drops)
        splits = {
            picture.image.image_id: split_of_patient(
                picture.image.patient_id, seed=options.seed, shares=options.shares
            )
            for picture in pictures
        }
        check_no_crossing((picture.image for picture in pictures), splits)
        writer = QuestionWriter(pool, options.seed, rule.name)
        questions = _write_questions(pictures, labels, splits, writer, options)
        _settle_accounts(readings, questions, drops)
        return _write_folder(folder, readings, pictures, questions, writer, options)


def _label_images(
    readings: Sequence[Reading], rule: LabelRule, drops: dict[str, Drop]
) -> dict[str, Labelled]:
    """Labels by image id; findings that the rule puts aside go to `drops`."""
    labels: dict[str, Labelled] = {}
    for reading in readings:
        by_image: dict[str, list[Finding]] = defaultdict(list)
        for finding in reading.findings:
            by_image[finding.image_id].append(finding)
        for image_id, findings in by_image.items():
            decision = rule.decide(findings)
            if decision.label is not None:
                labels[image_id] = decision.label
            for finding, reason, detail in decision.put_aside:
                drops[finding.finding_id] = (reason, detail)
    return labels


def _read_pictures(
    readings: Sequence[Reading],
    labels: Mapping[str, Labelled],
    folder: Path,
    options: BuildOptions,
    engine: Engine,
    drops: dict[str, Drop],
) -> list[Picture]:
    """Standard pictures of all labelled images, by image id; unreadable ones go to `drops`."""
    jobs = [
        PictureJob(reading.root, reading.images[image_id], folder, options.embedder)
        for reading in readings
        for image_id in sorted(reading.images)
        if image_id in labels
    ]
    pictures: list[Picture] = []
    for result in engine.map(read_picture, jobs, label="reading images"):
        if isinstance(result, Picture):
            pictures.append(result)
        else:
            _drop_label(labels[result.image_id], (result.reason, result.detail), drops)
    return sorted(pictures, key=lambda picture: picture.image.image_id)


def _drop_label(label: Labelled, drop: Drop, drops: dict[str, Drop]) -> None:
    drops.update(dict.fromkeys(label.finding_ids, drop))


def _drop_duplicates(
    pictures: list[Picture],
    duplicates: Literal["fail", "drop"],
    labels: Mapping[str, Labelled],
    drops: dict[str, Drop],
) -> list[Picture]:
    """Only the first image of identical pixels, if asked so; else all (the check comes later)."""
    if duplicates == "fail":
        return pictures
    first: dict[str, str] = {}
    kept: list[Picture] = []
    for picture in pictures:
        image_id = picture.image.image_id
        earlier = first.setdefault(picture.image.pixel_sha256, image_id)
        if earlier == image_id:
            kept.append(picture)
        else:
            _drop_label(labels[image_id], ("identical_pixels", f"as {earlier}"), drops)
    return kept


def _write_questions(
    pictures: Sequence[Picture],
    labels: Mapping[str, Labelled],
    splits: Mapping[str, Split],
    writer: QuestionWriter,
    options: BuildOptions,
) -> list[Question]:
    images = [picture.image for picture in pictures]
    if not images:
        return []
    negatives = choose_negatives(
        np.stack([picture.vector for picture in pictures]),
        [labels[image.image_id].disease for image in images],
        [image.image_id for image in images],
        seed=options.seed,
        per_disease=options.library_per_disease,
    )
    questions: list[Question] = []
    for image, distractors in zip(images, negatives, strict=True):
        label, split = labels[image.image_id], splits[image.image_id]
        questions.append(writer.write_diagnosis(image, label, distractors, split))
        where = writer.write_localization(image, label, split)
        if where is not None:
            questions.append(where)
    return sorted(questions, key=lambda question: question.question_id)


def _settle_accounts(
    readings: Sequence[Reading], questions: Sequence[Question], drops: Mapping[str, Drop]
) -> None:
    """Every unit that a reading carries becomes used or dropped; then each ledger must add up."""
    used_findings = {finding_id for q in questions for finding_id in q.finding_ids}
    used_images = {image_id for q in questions for image_id in q.image_ids}
    for reading in readings:
        ledger = reading.ledger
        used_units: set[tuple[str, int, str | None]] = set()
        lost: dict[tuple[str, int, str | None], Drop] = {}
        for finding in reading.findings:
            units = _units_of(finding)
            if finding.finding_id in used_findings:
                used_units.update(units)
            else:
                lost.update(dict.fromkeys(units, drops[finding.finding_id]))
        for (file, row), image_ids in reading.extra_units.items():
            if used_images.intersection(image_ids):
                used_units.add((file, row, None))
            else:
                lost[file, row, None] = ("no_question", "none of its images is asked about")
        for (file, row, column), (reason, detail) in lost.items():
            if (file, row, column) not in used_units:
                ledger.drop(file, row, reason, detail, column)
        for file, count in Counter(unit[0] for unit in used_units).items():
            ledger.use(file, count)
        ledger.check()


def _units_of(finding: Finding) -> list[tuple[str, int, str | None]]:
    units: list[tuple[str, int, str | None]] = [(finding.file, finding.row, None)]
    if finding.grade_file is not None and finding.grade_row is not None:
        units.append((finding.grade_file, finding.grade_row, finding.grade_column))
    return units


def _write_folder(
    folder: Path,
    readings: Sequence[Reading],
    pictures: Sequence[Picture],
    questions: Sequence[Question],
    writer: QuestionWriter,
    options: BuildOptions,
) -> dict[str, Any]:
    images = [picture.image for picture in pictures]
    used = {finding_id for q in questions for finding_id in q.finding_ids}
    findings = sorted(
        (f for reading in readings for f in reading.findings if f.finding_id in used),
        key=lambda f: f.finding_id,
    )
    content = BenchmarkContent(
        images=images,
        findings=findings,
        questions=questions,
        rejects=merged_rejects([r.ledger for r in readings]),
        vectors=np.stack([picture.vector for picture in pictures])
        if pictures
        else np.zeros((0, 0), np.float32),
    )
    about = {
        "seed": options.seed,
        "label_rule": writer.rule,
        "policy": DEFAULT_POLICY.name,
        "embedder": options.embedder,
        "library_per_disease": options.library_per_disease,
        "question_pool": {"name": writer.pool.name, "sha256": writer.pool.sha256},
        "split_shares": asdict(options.shares),
        "duplicates": options.duplicates,
        "sources": {r.source: _describe_source(r, images) for r in readings},
    }
    return write_benchmark(folder, content, about)


def _describe_source(reading: Reading, images: Sequence[Image]) -> dict[str, Any]:
    source = SOURCES[reading.source]
    own = [image for image in images if image.source == reading.source]
    originals = {image.image_id: image.original_sha256 for image in own}
    annotations = {
        file: sha256_of_file(reading.root / file) for file in sorted(reading.ledger.read)
    }
    return {
        "title": source.title,
        "terms": asdict(source.terms),
        "annotations_sha256": annotations,
        "images_sha256": sha256_of_json(originals),
        "images": len(own),
        "patients": len({image.patient_id for image in own}),
        "accounting": reading.ledger.summary(),
    }
