"""Folders of images to a benchmark folder: read, label, standardise, split, ask, account, write."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spinebench.anatomy.diseases import DISEASES, HEALTHY
from spinebench.benchmark.accounts import Accounts
from spinebench.benchmark.embed import DEFAULT_EMBEDDER, Embedder, load_embedder
from spinebench.benchmark.labels import Labelled, LabelRule, MultiLabel, load_label_rule
from spinebench.benchmark.labels.decision import SHAPES
from spinebench.benchmark.labels.evidence import iter_evidence
from spinebench.benchmark.negatives import (
    LIBRARY_PER_DISEASE,
    NegativeRequest,
    Negatives,
    choose_negatives,
    true_classes,
)
from spinebench.benchmark.pictures import Picture
from spinebench.benchmark.pool import DEFAULT_POOL, load_question_pool
from spinebench.benchmark.questions import QuestionWriter
from spinebench.benchmark.similarity import Aggregate
from spinebench.benchmark.split import SplitShares, check_no_crossing, split_of_patient
from spinebench.benchmark.stages import (
    STAGE_VERSION,
    embed_stage,
    iter_pictures,
    picture_jobs,
    remove_stages,
)
from spinebench.benchmark.subset import SubsetSizes, choose_subset
from spinebench.benchmark.write import BenchmarkContent, write_benchmark
from spinebench.engine import Engine
from spinebench.errors import UsageError
from spinebench.folders import check_place, written_whole
from spinebench.imaging.quality import QUALITY_POLICY, describe_quality
from spinebench.imaging.standard import DEFAULT_POLICY
from spinebench.records import Image, Question, Split, sha256_of_json
from spinebench.sources.base import Reading, Source
from spinebench.sources.registry import SOURCES
from spinebench.tables import merged_rejects, sha256_of_file

Labels = Mapping[str, tuple[Labelled, ...]]  # by image id

_MANY_FILES = 40  # annotation files of a source that are told by one hash


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What decides the content of a benchmark, besides its sources."""

    seed: int = 0
    rule: str = "released"
    multi_label: MultiLabel = "drop"  # images with several diseases
    embedder: str = DEFAULT_EMBEDDER
    aggregate: Aggregate = "max"
    pool: str = DEFAULT_POOL
    allow_unreviewed: bool = False  # wordings of the pool that no person has reviewed
    shares: SplitShares = field(default_factory=SplitShares)
    library_per_disease: int = LIBRARY_PER_DISEASE
    duplicates: Literal["fail", "drop"] = "fail"  # identical pixels in two images
    unclear: Literal["drop", "keep"] = "drop"  # images that cannot be read well
    subset: SubsetSizes = field(default_factory=SubsetSizes)


def build_benchmark(
    folders: Mapping[str, Path],
    out: Path,
    *,
    options: BuildOptions,
    engine: Engine,
    sources: Mapping[str, Source] = SOURCES,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Manifest of the benchmark built in `out` from source folders by source name.

    The same folders and options give the same bytes, whatever the engine. Nothing stands in `out`
    until all of it is written; a build that was killed goes on where it stood. `cache` keeps
    vectors of a model's embedder between builds. Raises UsageError for wrong folders or options,
    DataError if a patient or identical pixels would lie in two splits.
    """
    place = check_place(out)
    rule = load_label_rule(options.rule, options.multi_label)
    pool = load_question_pool(options.pool, allow_unreviewed=options.allow_unreviewed)
    writer = QuestionWriter(pool, options.seed, rule.name)
    embedder = load_embedder(options.embedder)
    if not set(folders) & set(sources):
        raise UsageError(f"no source folder given; there are: {', '.join(sources)}")
    readings = [sources[name].read(folders[name], engine) for name in sources if name in folders]
    with written_whole(place, keep=STAGE_VERSION) as folder:
        accounts = Accounts(readings)
        labels = label_images(readings, rule, accounts)
        pictures = _read_pictures(readings, labels, folder, engine, accounts)
        pictures = _drop_unclear(pictures, options.unclear, labels, accounts)
        pictures = _drop_duplicates(pictures, options.duplicates, labels, accounts)
        images = [picture.image for picture in pictures]
        splits = {
            image.image_id: split_of_patient(
                image.patient_id, seed=options.seed, shares=options.shares
            )
            for image in images
        }
        check_no_crossing(images, splits)
        vectors = embed_stage(images, folder, embedder, engine, cache)
        questions = _write_questions(images, labels, splits, vectors, writer, rule, options)
        quality = {picture.image.image_id: picture.quality for picture in pictures}
        chosen = choose_subset(questions, quality, seed=options.seed, sizes=options.subset)
        questions = [replace(q, in_subset=q.question_id in chosen) for q in questions]
        accounts.settle(questions)
        content = BenchmarkContent(
            images=images,
            findings=accounts.findings_of(images),
            questions=questions,
            rejects=merged_rejects([reading.ledger for reading in readings]),
            vectors=vectors,
            quality=[picture.quality for picture in pictures],
        )
        about = _describe(readings, sources, images, writer, embedder, options)
        manifest = write_benchmark(folder, content, about)
        remove_stages(folder)
    return manifest


def label_images(readings: Sequence[Reading], rule: LabelRule, accounts: Accounts) -> Labels:
    """Labels by image id; findings that the rule puts aside go to the accounts."""
    labels: dict[str, tuple[Labelled, ...]] = {}
    for reading in readings:
        for evidence in iter_evidence(reading):
            decision = rule.decide(evidence)
            accounts.take(reading, decision)
            if decision.labels:
                labels[evidence.image.image_id] = decision.labels
    return labels


def _read_pictures(
    readings: Sequence[Reading],
    labels: Labels,
    folder: Path,
    engine: Engine,
    accounts: Accounts,
) -> list[Picture]:
    """All labelled images that can be decoded, by image id, their pictures stored in `folder`."""
    pictures: list[Picture] = []
    jobs = picture_jobs(readings, labels, folder)
    for result in iter_pictures(jobs, folder, engine):
        if isinstance(result, Picture):
            pictures.append(result)
        else:
            accounts.drop(labels[result.image_id], result.reason, result.detail)
    return sorted(pictures, key=lambda picture: picture.image.image_id)


def _drop_unclear(
    pictures: list[Picture],
    unclear: Literal["drop", "keep"],
    labels: Labels,
    accounts: Accounts,
) -> list[Picture]:
    """Only the images that can be read well, if asked so.

    An original that is smaller than the policy judges stays: its figures say nothing. It comes
    last in the evaluation subset.
    """
    kept: list[Picture] = []
    for picture in pictures:
        image, quality = picture.image, picture.quality
        small = min(image.rows, image.cols) < QUALITY_POLICY.judged_from_px
        if quality.clear or small or unclear == "keep":
            kept.append(picture)
        else:
            accounts.drop(labels[image.image_id], "unclear", describe_quality(quality))
    return kept


def _drop_duplicates(
    pictures: list[Picture],
    duplicates: Literal["fail", "drop"],
    labels: Labels,
    accounts: Accounts,
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
            accounts.drop(labels[image_id], "identical_pixels", f"as {earlier}")
    return kept


def _write_questions(
    images: Sequence[Image],
    labels: Labels,
    splits: Mapping[str, Split],
    vectors: NDArray[np.float32],
    writer: QuestionWriter,
    rule: LabelRule,
    options: BuildOptions,
) -> list[Question]:
    if not images:
        return []
    negatives = _choose_negatives(images, labels, splits, vectors, rule, options)
    questions: list[Question] = []
    for image, distractors in zip(images, negatives, strict=True):
        split = splits[image.image_id]
        for label in labels[image.image_id]:
            if label.task == "diagnosis":
                questions.append(writer.write_diagnosis(image, label, distractors, split))
            elif label.task == "localization":
                questions.append(writer.write_localization(image, label, split))
            else:
                questions.append(writer.write_alignment(image, label, split))
    return sorted(questions, key=lambda question: question.question_id)


def _choose_negatives(
    images: Sequence[Image],
    labels: Labels,
    splits: Mapping[str, Split],
    vectors: NDArray[np.float32],
    rule: LabelRule,
    options: BuildOptions,
) -> list[Negatives]:
    """Distractors of each image; of one without a diagnosis, none.

    A rule with `strict_negatives` also keeps the patient's own images out, takes its library from
    train alone and never offers a shape of the neck; the published construction does neither.
    """
    strict = rule.strict_negatives
    asked = [_diagnosis_of(labels[image.image_id]) for image in images]
    diseases = [HEALTHY if label is None else label.disease for label in asked]
    allowed = ~true_classes(diseases)
    for row, label in enumerate(asked):
        never = set() if label is None else set(label.never_offered)
        never |= set(SHAPES) if strict else set()
        allowed[row, [DISEASES.index(disease) for disease in never]] = False
    in_library = [
        label is not None and (not strict or splits[image.image_id] == "train")
        for image, label in zip(images, asked, strict=True)
    ]
    request = NegativeRequest(
        image_ids=[image.image_id for image in images],
        diseases=diseases,
        patient_ids=[image.patient_id for image in images],
        allowed=allowed,
        library_mask=np.array(in_library, dtype=np.bool_),
        wanted=[0 if label is None else 4 if label.disease == HEALTHY else 3 for label in asked],
        exclude_same_patient=strict,
        aggregate=options.aggregate,
        per_disease=options.library_per_disease,
    )
    return choose_negatives(vectors, request, seed=options.seed)


def _diagnosis_of(labels: Sequence[Labelled]) -> Labelled | None:
    return next((label for label in labels if label.task == "diagnosis"), None)


def _describe(
    readings: Sequence[Reading],
    sources: Mapping[str, Source],
    images: Sequence[Image],
    writer: QuestionWriter,
    embedder: Embedder,
    options: BuildOptions,
) -> dict[str, Any]:
    return {
        "seed": options.seed,
        "label_rule": writer.rule,
        "multi_label": options.multi_label,
        "policy": DEFAULT_POLICY.name,
        "embedder": embedder.name,
        "aggregate": options.aggregate,
        "library_per_disease": options.library_per_disease,
        "question_pool": {
            "name": writer.pool.name,
            "sha256": writer.pool.sha256,
            "unreviewed": len(writer.pool.unreviewed),
        },
        "split_shares": asdict(options.shares),
        "duplicates": options.duplicates,
        "unclear": options.unclear,
        "quality_policy": QUALITY_POLICY.name,
        "subset": asdict(options.subset),
        "sources": {r.source: describe_source(r, sources[r.source], images) for r in readings},
    }


def describe_source(reading: Reading, source: Source, images: Sequence[Image]) -> dict[str, Any]:
    """What a manifest says of a source: terms, hashes of its files, and the account of them."""
    own = [image for image in images if image.source == reading.source]
    originals = {image.image_id: image.original_sha256 for image in own}
    annotations = {
        file: _sha256_or_none((reading.tables_root or reading.root) / file)
        for file in sorted(reading.ledger.read)
    }
    if len(annotations) > _MANY_FILES:  # a table for each film: one hash over all of them
        annotations = {f"all {len(annotations)} files": sha256_of_json(annotations)}
    return {
        "title": source.title,
        "terms": asdict(source.terms),
        "annotations_sha256": annotations,
        "images_sha256": sha256_of_json(originals),
        "images": len(own),
        "patients": len({image.patient_id for image in own}),
        "accounting": reading.ledger.summary(),
    }


def _sha256_or_none(path: Path) -> str | None:
    """Hash of an annotation file; None for one that may not be read, which the ledger tells."""
    try:
        return sha256_of_file(path)
    except PermissionError:
        return None
