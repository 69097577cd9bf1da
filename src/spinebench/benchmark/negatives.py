"""Hard negatives: the diseases whose library images look most like the image in question.

As published: a library of up to 200 images per disease, cosine of embeddings, the most similar
different diseases taken. The paper's table fits a maximum over a disease's images; its mean and
the mean of its five largest are options. What may be offered to an image, and which images may
stand in the library, is told by the caller in a `NegativeRequest`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinebench.anatomy.diseases import DISEASES, HEALTHY
from spinebench.benchmark.embed.rowfile import read_rows
from spinebench.benchmark.similarity import Aggregate, BlockScores, Indices, Library

LIBRARY_PER_DISEASE = 200
_BLOCK = 1024  # images compared at once
_TIE = 1e-5  # closer scores are a tie, decided by the order of DISEASES


@dataclass(frozen=True, slots=True)
class Negatives:
    """Distractors of one image, the hardest first, with their cosine (None: not in the library)."""

    diseases: tuple[str, ...]
    similarities: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class NegativeRequest:
    """Who needs distractors, and what may serve as one. All sequences are of one order."""

    image_ids: Sequence[str]
    diseases: Sequence[str]  # the class of each image, Healthy among them
    patient_ids: Sequence[str]
    allowed: NDArray[np.bool_]  # (images, 11); False: never offered to this image
    library_mask: NDArray[np.bool_]  # (images,); False: never in the library
    wanted: Sequence[int]  # distractors of each image
    exclude_same_patient: bool = False  # library images of an image's own patient do not count
    aggregate: Aggregate = "max"
    per_disease: int = LIBRARY_PER_DISEASE

    def __post_init__(self) -> None:
        count = len(self.image_ids)
        sizes = {len(self.diseases), len(self.patient_ids), len(self.wanted)}
        if sizes != {count} or self.library_mask.shape != (count,):
            raise ValueError(f"a request of {count} images has fields of {sorted(sizes)}")
        if self.allowed.shape != (count, len(DISEASES)):
            raise ValueError(f"allowed is {self.allowed.shape}, expected {(count, len(DISEASES))}")
        # the image itself then never counts either: it is a library image of its truth alone
        if np.any(self.allowed & true_classes(self.diseases)):
            raise ValueError("an image is allowed its own truth as a distractor")

    @classmethod
    def as_published(
        cls,
        image_ids: Sequence[str],
        diseases: Sequence[str],
        patient_ids: Sequence[str],
        *,
        aggregate: Aggregate = "max",
        per_disease: int = LIBRARY_PER_DISEASE,
    ) -> "NegativeRequest":
        """Every disease but the truth, every image in the library; four to Healthy, else three."""
        return cls(
            image_ids=image_ids,
            diseases=diseases,
            patient_ids=patient_ids,
            allowed=~true_classes(diseases),
            library_mask=np.ones(len(image_ids), np.bool_),
            wanted=[4 if disease == HEALTHY else 3 for disease in diseases],
            aggregate=aggregate,
            per_disease=per_disease,
        )


def true_classes(diseases: Sequence[str]) -> NDArray[np.bool_]:
    """Mask (images, 11): True at the class of each image; a Healthy image has none."""
    order = np.array(DISEASES)
    return np.asarray(np.array(diseases, dtype=np.str_)[:, None] == order[None, :])


def choose_library(request: NegativeRequest, *, seed: int) -> list[int]:
    """Indices of the library images, in order: per disease the first by hash of seed and id.

    Healthy images are never in the library. A disease with fewer images gives all it has.
    """
    by_disease: dict[str, list[tuple[bytes, int]]] = {}
    for index in np.flatnonzero(request.library_mask).tolist():
        disease = request.diseases[index]
        if disease != HEALTHY:
            key = f"library\x1f{seed}\x1f{request.image_ids[index]}".encode()
            digest = hashlib.sha256(key).digest()
            by_disease.setdefault(disease, []).append((digest, index))
    return sorted(
        index
        for members in by_disease.values()
        for _, index in sorted(members)[: request.per_disease]
    )


def build_library(vectors: NDArray[np.float32], request: NegativeRequest, *, seed: int) -> Library:
    """The library of `choose_library` with its vectors."""
    rows = choose_library(request, seed=seed)
    return Library.build(vectors, rows, [request.diseases[row] for row in rows])


def choose_negatives(
    vectors: NDArray[np.float32], request: NegativeRequest, *, seed: int
) -> list[Negatives]:
    """Negatives of every image, in the order of the request.

    `vectors` (images, length) are L2-normalised and may be a mapped file: one block of them is held
    at a time. Cosines are float64. Where the library holds too few allowed diseases, the rest is
    drawn by hash from the allowed ones, with no similarity; where fewer are allowed than wanted,
    all of them are given.
    """
    if len(vectors) != len(request.image_ids):
        raise ValueError(f"{len(vectors)} vectors of {len(request.image_ids)} images")
    library = build_library(vectors, request, seed=seed)
    wanted = np.array(request.wanted, dtype=np.int64)
    chosen: list[Negatives] = []
    for start, scores in iter_block_scores(vectors, request, library):
        rows = range(start, start + scores.images)
        allowed = request.allowed[rows.start : rows.stop].T
        picks, cosines = _pick(scores, allowed, wanted[rows.start : rows.stop])
        for row, picked, found in zip(rows, picks.tolist(), cosines.tolist(), strict=True):
            chosen.append(_complete(request, row, picked, found, seed=seed))
    return chosen


def iter_block_scores(
    vectors: NDArray[np.float32], request: NegativeRequest, library: Library
) -> Iterator[tuple[int, BlockScores]]:
    """(first row, scores) of block after block of images, barred pages left out as requested."""
    pages_of: dict[str, list[int]] = {}
    if request.exclude_same_patient:
        for page, row in enumerate(library.rows.tolist()):
            pages_of.setdefault(request.patient_ids[row], []).append(page)
    for start in range(0, len(vectors), _BLOCK):
        block = read_rows(vectors, start, start + _BLOCK)
        patients = request.patient_ids[start : start + _BLOCK]
        barred = _pairs([pages_of.get(patient, ()) for patient in patients])
        yield start, BlockScores(library, block, barred, request.aggregate)


def _pairs(pages_by_column: Sequence[Sequence[int]]) -> tuple[Indices, Indices]:
    counts = [len(pages) for pages in pages_by_column]
    pages = np.array([page for pages in pages_by_column for page in pages], dtype=np.int64)
    return pages, np.repeat(np.arange(len(counts)), counts)


def _pick(
    scores: BlockScores, allowed: NDArray[np.bool_], wanted: Indices
) -> tuple[Indices, NDArray[np.float64]]:
    """Diseases by number and their scores, (images, picks), the hardest first; -1 where none."""
    images = len(wanted)
    most = int(wanted.max(initial=0))
    picks = np.full((images, most), -1, dtype=np.int64)
    cosines = np.full((images, most), -np.inf)
    coarse = np.where(allowed, scores.coarse(), -np.inf)
    # nothing below the last place by more than a tie and two errors can be picked
    places = np.clip(wanted - 1, 0, len(DISEASES) - 1)
    last = -np.take_along_axis(np.sort(-coarse, axis=0), places[None, :], axis=0)
    floor = last - _TIE - 2 * scores.error
    left = scores.exact(np.isfinite(coarse) & (coarse >= floor))
    columns = np.arange(images)
    for place in range(most):
        best = left.max(axis=0)
        pick = np.argmax(left >= best - _TIE, axis=0)  # the first of those that tie
        taken = (place < wanted) & np.isfinite(best)
        picks[taken, place] = pick[taken]
        cosines[taken, place] = left[pick, columns][taken]
        left[pick[taken], columns[taken]] = -np.inf
    return picks, cosines


def _complete(
    request: NegativeRequest, row: int, picked: list[int], cosines: list[float], *, seed: int
) -> Negatives:
    picked = [disease for disease in picked if disease >= 0]
    similarities: list[float | None] = [round(cosine, 6) for cosine in cosines[: len(picked)]]
    missing = request.wanted[row] - len(picked)
    if missing > 0:
        image_id = request.image_ids[row]
        spare = sorted(
            (int(d) for d in np.flatnonzero(request.allowed[row]) if d not in picked),
            key=lambda d: hashlib.sha256(f"spare\x1f{seed}\x1f{image_id}\x1f{d}".encode()).digest(),
        )[:missing]
        picked += spare
        similarities += [None] * len(spare)
    return Negatives(tuple(DISEASES[d] for d in picked), tuple(similarities))
