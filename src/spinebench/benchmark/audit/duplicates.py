"""Pictures that are the same, or nearly: found on small copies, confirmed on all pixels.

    candidates   correlation of 16 x 16 copies at least 0.97, in blocks of one matrix product
    narrowed     correlation of 64 x 64 copies at least 0.98
    confirmed    correlation of all pixels at least 0.99, the larger picture brought to the size
                 of the smaller

Correlation of standardised pixels does not see brightness, contrast, encoding or scale. Slices of
one series are never compared: neighbours are alike by nature. Blank pictures have no correlation.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from spinebench.benchmark.audit.findings import AuditFinding, build_finding, counted
from spinebench.benchmark.audit.material import Material, gold_texts, squeezed
from spinebench.benchmark.audit.pictures import decode_rgb
from spinebench.progress import iter_with_progress
from spinebench.records import Question

CONFIRMED = 0.99
_CANDIDATE = 0.97
_NARROWED = 0.98
_BLOCK = 2048
_LONGEST_PX = 512  # pixels beyond it are averaged: no duplicate hides in them
_HELD = 64  # pictures that a worker keeps decoded


@dataclass(frozen=True)
class Alike:
    """Groups of image ids, each sorted: of the same pixels, and of near-duplicate clusters."""

    identical: tuple[tuple[str, ...], ...]
    near: tuple[tuple[str, ...], ...]


def find_alike(material: Material) -> Alike:
    """Groups among the images that questions are asked about."""
    pictures = material.pictures
    asked = [image_id for image_id in pictures.ids if image_id in material.asked]
    by_pixels: dict[str, list[str]] = defaultdict(list)
    for image_id in asked:
        read = pictures.pixel_sha256[pictures.index[image_id]]
        by_pixels[read or material.images[image_id].pixel_sha256].append(image_id)
    identical = [tuple(sorted(ids)) for ids in by_pixels.values() if len(ids) > 1]
    return Alike(tuple(sorted(identical)), tuple(_near_clusters(material, asked)))


def check_duplicates(material: Material, alike: Alike) -> Iterator[AuditFinding]:
    """Findings on copies within one split, on conflicting labels and on repeated questions."""
    yield from _identical_within(material, alike)
    yield from _near_within(material, alike)
    yield from _conflicts(material, alike)
    yield from _repeated_questions(material)


def _near_clusters(material: Material, asked: Sequence[str]) -> list[tuple[str, ...]]:
    pictures = material.pictures
    rows = np.array([pictures.index[image_id] for image_id in asked], np.int64)
    grey = pictures.grey
    usable = rows[[pictures.state[row] == "ok" and grey[row].std() > 0 for row in rows]]
    if len(usable) < 2:
        return []
    ids = [pictures.ids[row] for row in usable]
    # with the patient: where ids of series are placeholders, they would hide every copy
    series = [
        "\x1f".join((image.source, image.patient_id, image.series_id))
        for image in (material.images[image_id] for image_id in ids)
    ]
    codes = np.unique(series, return_inverse=True)[1]
    hashes = np.unique([str(pictures.pixel_sha256[row]) for row in usable], return_inverse=True)[1]
    pairs = [(ids[a], ids[b]) for a, b in iter_candidates(grey[usable], codes, hashes)]
    folder = material.bench.folder
    jobs = [(material.images[a].path, material.images[b].path) for a, b in pairs]
    confirmed = material.engine.map(
        partial(correlate_files, folder), jobs, label="confirming near-duplicates", shard=32
    )
    return join_pairs(
        pair for pair, value in zip(pairs, confirmed, strict=True) if value >= CONFIRMED
    )


def iter_candidates(
    grey: NDArray[np.uint8], series: NDArray[np.int64], pixels: NDArray[np.int64]
) -> Iterator[tuple[int, int]]:
    """Pairs of rows (a < b) that may be near-duplicates, of grey copies (images, 64, 64).

    Left out: rows of one `series`, and rows of the same `pixels` (they are told apart elsewhere).
    """
    side = grey.shape[1] // 4
    small = grey.reshape(len(grey), side, 4, side, 4).mean(axis=(2, 4), dtype=np.float32)
    unit = _standardised(small.reshape(len(grey), -1))
    starts = range(0, len(grey), _BLOCK)
    for start in iter_with_progress(starts, total=len(starts), label="comparing pictures"):
        block = unit[start : start + _BLOCK]
        for other in range(start, len(grey), _BLOCK):
            found = block @ unit[other : other + _BLOCK].T >= _CANDIDATE
            a, b = np.nonzero(found)
            a, b = a + start, b + other
            wanted = (a < b) & (series[a] != series[b]) & (pixels[a] != pixels[b])
            yield from _narrowed(grey, a[wanted], b[wanted])


def _narrowed(
    grey: NDArray[np.uint8], a: NDArray[np.int64], b: NDArray[np.int64]
) -> Iterator[tuple[int, int]]:
    for start in range(0, len(a), _BLOCK):
        left, right = a[start : start + _BLOCK], b[start : start + _BLOCK]
        first = _standardised(grey[left].reshape(len(left), -1).astype(np.float32))
        second = _standardised(grey[right].reshape(len(right), -1).astype(np.float32))
        close = np.einsum("ij,ij->i", first, second) >= _NARROWED
        yield from zip(left[close].tolist(), right[close].tolist(), strict=True)


def _standardised(flat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of mean zero and length one; a row without contrast becomes zero."""
    centred = flat - flat.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    unit: NDArray[np.float32] = centred / np.maximum(length, 1e-6)
    return unit


def correlate_files(folder: Path, pair: tuple[str, str]) -> float:
    """Correlation of all pixels of two pictures; that of a blank one is 0."""
    first, second = (_load_grey(folder / path) for path in pair)
    if first.size != second.size:
        size = (min(first.width, second.width), min(first.height, second.height))
        first, second = (g.resize(size, PillowImage.Resampling.BOX) for g in (first, second))
    a, b = (np.asarray(g, np.float64).ravel() for g in (first, second))
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0


@lru_cache(maxsize=_HELD)
def _load_grey(path: Path) -> PillowImage.Image:
    grey = PillowImage.fromarray(decode_rgb(path.read_bytes())).convert("L")
    grey.thumbnail((_LONGEST_PX, _LONGEST_PX), PillowImage.Resampling.BOX)
    return grey


def join_pairs(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Clusters that pairs chain together, each sorted, in order."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    for a, b in pairs:
        parent[root(a)] = root(b)
    clusters: dict[str, list[str]] = defaultdict(list)
    for name in sorted(parent):
        clusters[root(name)].append(name)
    return sorted(tuple(members) for members in clusters.values())


def _by_split(material: Material, group: Sequence[str]) -> dict[str, list[str]]:
    """Image ids of a group by the splits of their questions."""
    found: dict[str, list[str]] = defaultdict(list)
    for image_id in group:
        for split in sorted({q.split for q in material.asked[image_id]}):
            found[split].append(image_id)
    return found


def _identical_within(material: Material, alike: Alike) -> list[AuditFinding]:
    groups: list[tuple[str, ...]] = []
    drop: set[str] = set()
    for group in alike.identical:
        for split, ids in _by_split(material, group).items():
            if len(ids) > 1:
                groups.append(tuple(ids))
                drop |= {
                    q.question_id for i in ids[1:] for q in material.asked[i] if q.split == split
                }
    items = sorted({image_id for group in groups for image_id in group})
    summary = f"{counted(len(items), 'image')} in {counted(len(groups), 'group')} of equal pixels"
    return build_finding("identical_pixels", "minor", summary, items,
                         groups=tuple(groups), drop=tuple(sorted(drop)))  # fmt: skip


def _near_within(material: Material, alike: Alike) -> Iterator[AuditFinding]:
    several: list[tuple[str, ...]] = []
    own: list[tuple[str, ...]] = []
    drop: set[str] = set()
    for cluster in alike.near:
        for split, ids in _by_split(material, cluster).items():
            patients = sorted({material.images[i].patient_id for i in ids})
            if len(patients) > 1:
                several.append(tuple(ids))
                drop |= {
                    q.question_id
                    for i in ids if material.images[i].patient_id != patients[0]
                    for q in material.asked[i] if q.split == split
                }  # fmt: skip
            elif len(ids) > 1:
                own.append(tuple(ids))
    for check, severity, groups, words in (
        ("near_duplicates", "minor", several, "of several patients"),
        ("near_duplicates_same_patient", "note", own, "of one patient each"),
    ):
        items = sorted({image_id for group in groups for image_id in group})
        summary = f"{counted(len(items), 'image')} in {counted(len(groups), 'cluster')} {words}"
        dropped = tuple(sorted(drop)) if check == "near_duplicates" else ()
        yield from build_finding(check, severity, summary, items,  # type: ignore[arg-type]
                                 groups=tuple(groups), drop=dropped)  # fmt: skip


def _conflicts(material: Material, alike: Alike) -> list[AuditFinding]:
    in_group = {image_id for group in alike.identical for image_id in group}
    alone = [(image_id,) for image_id in material.asked if image_id not in in_group]
    groups: list[tuple[str, ...]] = []
    drop: set[str] = set()
    for group, of_equal_pixels in (
        *((group, True) for group in (*alike.identical, *alone)),
        *((cluster, False) for cluster in alike.near),
    ):
        by_task: dict[str, list[Question]] = defaultdict(list)
        for image_id in group:
            for question in material.asked[image_id]:
                if of_equal_pixels or not question.multiple:
                    by_task[question.task].append(question)
        for questions in by_task.values():
            if _disagree(questions):
                groups.append(group)
                drop |= {q.question_id for q in questions}
    items = sorted({image_id for group in groups for image_id in group})
    summary = (
        f"{counted(len(items), 'image')} in {counted(len(groups), 'group')} of pictures that "
        "cannot be told apart have different answers"
    )
    return build_finding("label_conflict", "critical", summary, items,
                         groups=tuple(groups), drop=tuple(sorted(drop)))  # fmt: skip


def _disagree(questions: Sequence[Question]) -> bool:
    """Whether answers differ, other than between the same words about one image.

    That is `contradictory_questions`.
    """
    answers = {tuple(squeezed(text) for text in gold_texts(q)) for q in questions}
    asked = {(q.image_ids, squeezed(q.text)) for q in questions}
    return len(answers - {()}) > 1 and len(asked) > 1


def _repeated_questions(material: Material) -> list[AuditFinding]:
    same: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for q in material.questions:
        options = tuple(sorted(squeezed(option) for option in q.options))
        same[q.task, q.image_ids, squeezed(q.text), options, gold_texts(q)].append(q.question_id)
    groups = [tuple(sorted(ids)) for ids in same.values() if len(ids) > 1]
    items = sorted(question_id for group in groups for question_id in group)
    drop = tuple(sorted(question_id for group in groups for question_id in group[1:]))
    summary = f"{counted(len(items), 'question')} are {counted(len(groups), 'question')} repeated"
    return build_finding("duplicate_questions", "minor", summary, items, drop=drop)
