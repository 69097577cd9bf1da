"""What names the answer without the image: metadata, corners, burnt-in marks, weak distractors."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from spinebench.benchmark.audit.findings import (
    AuditFinding,
    Measure,
    Severity,
    build_finding,
    counted,
)
from spinebench.benchmark.audit.gains import MINOR_GAIN, judge_shortcut
from spinebench.benchmark.audit.material import Material, gold_texts
from spinebench.benchmark.audit.predict import (
    Bools,
    Ints,
    Items,
    best_reference,
    build_bins,
    build_codes,
    is_right,
    measure,
    score_features,
    score_vectors,
)
from spinebench.benchmark.audit.registry import FEATURE_WORDS
from spinebench.records import Image

# A file's size hangs on what the picture shows: only a large gain is no property of the disease.
_FILE_SIZE_GAIN = 0.25
_MOST_MARKS = 3  # of a zone, told apart
_MOST_SIZES = 50  # distinct picture sizes that are told apart as they are
_WEAK: tuple[tuple[Severity, float], ...] = (("serious", 0.5), ("minor", 0.25))
_FEWEST_EXPECTED = 5.0  # of a class on a kind of picture, before its absence tells anything

Feature = tuple[Ints, Bools]  # codes, and where the value is known


def check_shortcuts(material: Material, tasks: Sequence[Items]) -> Iterator[AuditFinding | Measure]:
    """Findings, and the measures they rest on, over sound questions by task."""
    for items in tasks:
        if not items.several:
            yield from _weak_distractors(material, items)
        if not items.is_enough():
            continue
        features = _features_of(material, items)
        if not items.several:
            for name, feature in features.items():
                yield from _one_feature(name, items, feature)
        every = [codes for codes, _ in features.values()]
        yield from _all_features(items, every)
        yield from _corners(material, items, every)
        yield from _marks(material, items, every)
    yield from _images_with_marks(material)


def _features_of(material: Material, items: Items) -> dict[str, Feature]:
    """Columns that are not the same everywhere, by name."""
    images = [material.image_of(question) for question in items.questions]
    rows = [material.pictures.index[image.image_id] for image in images]
    weights = material.pictures.bytes[rows].astype(np.float64)
    aspects = np.array([round(image.cols / max(image.rows, 1), 2) for image in images])
    columns: dict[str, Feature] = {
        "size": (_sizes(images), np.ones(len(images), bool)),
        "aspect": (build_bins(aspects), np.ones(len(images), bool)),
        "file_size": (build_bins(weights), weights > 0),
    }
    for name in ("source", "modality", "view", "sequence"):
        values = [getattr(image, name) for image in images]
        known = np.array([value is not None for value in values])
        columns[name] = (build_codes(values), known)
    return {
        name: (codes, known)
        for name, (codes, known) in sorted(columns.items())
        if len(np.unique(codes)) > 1
    }


def _sizes(images: Sequence[Image]) -> Ints:
    sizes = [(image.rows, image.cols) for image in images]
    if len(set(sizes)) <= _MOST_SIZES:
        return build_codes(sizes)
    return build_bins(np.array([float(rows * cols) for rows, cols in sizes]))


def _one_feature(name: str, items: Items, feature: Feature) -> Iterator[AuditFinding | Measure]:
    codes, known = feature
    some = items.where(known)
    if not some.is_enough() or len(np.unique(codes[known])) < 2:
        return
    right = is_right(some, score_features(some, [codes[known]]))
    reference = best_reference(some)
    least = _FILE_SIZE_GAIN if name == "file_size" else MINOR_GAIN
    yield from judge_shortcut(
        f"{name}_gives_class", name, FEATURE_WORDS[name], some, right, reference, least=least
    )


def _all_features(items: Items, features: Sequence[Ints]) -> Iterator[AuditFinding | Measure]:
    if not features:
        return
    right = is_right(items, score_features(items, features))
    reference = best_reference(items)
    yield from judge_shortcut(
        "metadata_shortcut", "metadata", "all metadata", items, right, reference
    )


def _corners(
    material: Material, items: Items, features: Sequence[Ints]
) -> Iterator[AuditFinding | Measure]:
    pictures = material.pictures
    rows = np.array([pictures.index[q.image_ids[0]] for q in items.questions])
    readable = np.array([pictures.state[row] == "ok" for row in rows])
    some = items.where(readable)
    if not some.is_enough():
        return
    grey = pictures.corners[rows[readable]] / 127.5 - 1
    if not (grey.std(axis=0) > 0).any():
        return
    # with squares: a class may be told by a middling grey
    gained = score_vectors(some, np.hstack([grey, grey**2]))
    yield from _beyond_metadata("corner_pixels", "the four corners", some, gained,
                                [codes[readable] for codes in features],
                                check="corner_pixels_shortcut")  # fmt: skip


def _marks(
    material: Material, items: Items, features: Sequence[Ints]
) -> Iterator[AuditFinding | Measure]:
    pictures = material.pictures
    rows = np.array([pictures.index[q.image_ids[0]] for q in items.questions])
    marks = np.minimum(pictures.marks[rows], _MOST_MARKS)
    if not marks.any():
        return
    base = score_features(items, [])
    zones = [marks[:, zone].astype(np.int64) for zone in range(marks.shape[1])]
    gained = score_features(items, zones) - base
    yield from _beyond_metadata("burnt_in_marks", "marks near the borders", items,
                                gained, features,
                                check="burnt_in_marker")  # fmt: skip


def _beyond_metadata(
    name: str,
    words: str,
    items: Items,
    gained: NDArray[np.float64],
    features: Sequence[Ints],
    *,
    check: str,
) -> Iterator[AuditFinding | Measure]:
    """Measures a thing alone, and with metadata; a finding if it adds to what metadata tell."""
    prior = score_features(items, [])
    fair = best_reference(items)
    yield measure(name, items, is_right(items, prior + gained), fair)
    told = score_features(items, features)
    right = is_right(items, told + gained)
    reference = best_reference(items, is_right(items, told))
    yield from judge_shortcut(
        check, f"{name}_and_metadata", f"{words} and all metadata", items, right, reference
    )


def _images_with_marks(material: Material) -> list[AuditFinding]:
    pictures = material.pictures
    marked = [
        image_id
        for image_id, marks in zip(pictures.ids, pictures.marks.sum(axis=1).tolist(), strict=True)
        if marks and image_id in material.asked
    ]
    verb = "has" if len(marked) == 1 else "have"
    summary = f"{counted(len(marked), 'image')} {verb} mark-like blobs near a border"
    return build_finding("burnt_in_marker", "note", summary, sorted(marked))


def _weak_distractors(material: Material, items: Items) -> Iterator[AuditFinding]:
    """Wrong options whose class is never the truth on this kind of picture, frequent as it is."""
    kinds = []
    for question in items.questions:
        image = material.image_of(question)
        kinds.append((image.modality, image.view, image.sequence))
    asked_of_kind = Counter(kinds)
    truths = [gold_texts(q)[0] for q in items.questions]
    frequency = Counter(truths)
    seen = Counter(zip(kinds, truths, strict=True))
    wrong = weak = 0
    elsewhere: dict[str, int] = defaultdict(int)
    ids = []
    for question, kind, truth in zip(items.questions, kinds, truths, strict=True):
        others = [option for option in question.options if option != truth]
        told_away = [
            option
            for option in others
            if not seen[kind, option]
            and asked_of_kind[kind] * frequency[option] >= _FEWEST_EXPECTED * len(kinds)
        ]
        wrong, weak = wrong + len(others), weak + len(told_away)
        for option in told_away:
            elsewhere[option] += 1
        if told_away and 2 * len(told_away) >= len(others):
            ids.append(question.question_id)
    share = weak / wrong if wrong else 0.0
    severity = next((severity for severity, least in _WEAK if share >= least), None)
    if severity is not None:
        first = ", ".join(sorted(elsewhere, key=lambda name: (-elsewhere[name], name))[:3])
        summary = (
            f"{items.task}: {100 * share:.0f} % of the wrong options never occur on the same kind "
            f"of picture (modality, view, sequence), most often {first}"
        )
        yield from build_finding("distractor_strength", severity, summary, sorted(ids))
