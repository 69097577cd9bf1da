"""Hard negatives: the diseases whose library images look most like the image in question.

As published: a library of up to 200 images per disease, cosine of embeddings, the most similar
different diseases taken. The paper's table fits a maximum over a disease's images; its mean and
the mean of its five largest are options. What may be offered to an image, and which images may
stand in the library, is told by the caller in a `NegativeRequest`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spinebench.anatomy.diseases import DISEASES, HEALTHY
from spinebench.benchmark.embed.rowfile import read_rows
from spinebench.benchmark.similarity import Aggregate, BlockScores, Indices, Library

LIBRARY_PER_DISEASE = 200
_BLOCK = 1024  # images compared at once
_TIE = 1e-5  # closer scores are a tie, decided by the order of DISEASES


class Negatives(NamedTuple):
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
    number = {HEALTHY: len(DISEASES), **{name: n for n, name in enumerate(DISEASES)}}
    numbers = np.array([number[disease] for disease in diseases], dtype=np.int64)
    return np.asarray(numbers[:, None] == np.arange(len(DISEASES)))


def choose_library(request: NegativeRequest, *, seed: int) -> list[int]:
    """Indices of the library images, in order: per disease the first by hash of seed and id.

    Healthy images are never in the library. A disease with fewer images gives all it has.
    """
    by_disease: dict[str, list[tuple[bytes, int]]] = {}
    members = zip(request.image_ids, request.diseases, request.library_mask.tolist(), strict=True)
    for index, (image_id, disease, is_candidate) in enumerate(members):
        if is_candidate and disease != HEALTHY:
            digest = hashlib.sha256(f"library\x1f{seed}\x1f{image_id}".encode()).digest()
            by_disease.setdefault(disease, []).append((digest, index))
    return sorted(
        index for drawn in by_disease.values() for _, index in sorted(drawn)[: request.per_disease]
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
        chosen += _write_out(request, rows, picks, np.round(cosines, 6), seed=seed)
    return chosen


def iter_block_scores(
    vectors: NDArray[np.float32], request: NegativeRequest, library: Library
) -> Iterator[tuple[int, BlockScores]]:
    """(first row, scores) of block after block of images, barred pages left out as requested.

    Scores are of use until the next are asked for: they share memory.
    """
    pages_of: dict[str, list[int]] = {}
    barred = _pairs([])
    room = np.empty((len(library.vectors), min(_BLOCK, len(vectors))), np.float32)
    if request.exclude_same_patient:
        for page, row in enumerate(library.rows.tolist()):
            pages_of.setdefault(request.patient_ids[row], []).append(page)
    for start in range(0, len(vectors), _BLOCK):
        block = read_rows(vectors, start, start + _BLOCK)
        if request.exclude_same_patient:
            patients = request.patient_ids[start : start + _BLOCK]
            barred = _pairs([pages_of.get(patient, ()) for patient in patients])
        yield start, BlockScores(library, block, barred, request.aggregate, room)


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


def _write_out(
    request: NegativeRequest,
    rows: range,
    picks: Indices,
    cosines: NDArray[np.float64],
    *,
    seed: int,
) -> list[Negatives]:
    # column by column: 40,000 images should not cost more here than in the product before
    diseases = list(zip(*picks.T.tolist(), strict=True)) or [()] * len(rows)
    similarities = list(zip(*cosines.T.tolist(), strict=True)) or [()] * len(rows)
    found: list[Negatives] = []
    for row, picked, values in zip(rows, diseases, similarities, strict=True):
        wanted = request.wanted[row]
        if -1 not in picked[:wanted]:
            found.append(Negatives(_names_of(picked[:wanted]), values[:wanted]))
        else:
            found.append(_fill_up(request, row, picked, values, seed=seed))
    return found


def _fill_up(
    request: NegativeRequest,
    row: int,
    picked: tuple[int, ...],
    values: tuple[float, ...],
    *,
    seed: int,
) -> Negatives:
    picked = tuple(disease for disease in picked if disease >= 0)
    image_id = request.image_ids[row]
    spare = sorted(
        (int(d) for d in np.flatnonzero(request.allowed[row]) if d not in picked),
        key=lambda d: hashlib.sha256(f"spare\x1f{seed}\x1f{image_id}\x1f{d}".encode()).digest(),
    )[: request.wanted[row] - len(picked)]
    return Negatives(_names_of((*picked, *spare)), (*values[: len(picked)], *([None] * len(spare))))


@cache
def _names_of(numbers: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(DISEASES[number] for number in numbers)
