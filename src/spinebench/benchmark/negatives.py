"""Hard negatives: the diseases whose library images look most like the image in question.

As published: a library of up to 200 images per disease, cosine of embeddings, the most similar
different diseases taken. The image itself never counts: it shows the truth, whose library images
are no candidates. The maximum over a disease's images is its score; the paper's table fits a
maximum, though a mean is not excluded.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinebench.anatomy.diseases import DISEASES, HEALTHY

LIBRARY_PER_DISEASE = 200
_BLOCK = 256  # images compared at once; fixed, so that sums are taken alike on every run
_TIE = 1e-5  # closer scores are a tie, decided by the order of DISEASES


@dataclass(frozen=True, slots=True)
class Negatives:
    """Distractors of one image, the hardest first, with their cosine (None: not in the library)."""

    diseases: tuple[str, ...]
    similarities: tuple[float | None, ...]


def choose_library(
    image_ids: Sequence[str], diseases: Sequence[str], *, seed: int, per_disease: int
) -> list[int]:
    """Indices of the library images, in order: per disease the first by hash of seed and id.

    Healthy images are never in the library. A disease with fewer images gives all it has.
    """
    by_disease: dict[str, list[tuple[bytes, int]]] = {}
    for index, (image_id, disease) in enumerate(zip(image_ids, diseases, strict=True)):
        if disease != HEALTHY:
            digest = hashlib.sha256(f"library\x1f{seed}\x1f{image_id}".encode()).digest()
            by_disease.setdefault(disease, []).append((digest, index))
    return sorted(
        index for members in by_disease.values() for _, index in sorted(members)[:per_disease]
    )


def choose_negatives(
    vectors: NDArray[np.float32],
    diseases: Sequence[str],
    image_ids: Sequence[str],
    *,
    seed: int,
    per_disease: int = LIBRARY_PER_DISEASE,
) -> list[Negatives]:
    """Negatives of every image: three for a diseased image, four for a Healthy one.

    `vectors` (images, length) are L2-normalised. Scores are float64. Where the library holds too
    few other diseases, the rest is drawn from the 11 by hash, with no similarity.
    """
    library = choose_library(image_ids, diseases, seed=seed, per_disease=per_disease)
    labels = np.array([DISEASES.index(diseases[index]) for index in library], dtype=np.int64)
    pages = vectors[library].astype(np.float64)
    chosen: list[Negatives] = []
    for start in range(0, len(image_ids), _BLOCK):
        block = vectors[start : start + _BLOCK].astype(np.float64)
        padded = np.zeros((_BLOCK, vectors.shape[1]))
        padded[: len(block)] = block
        cosines = (padded @ pages.T)[: len(block)]
        for row, index in enumerate(range(start, start + len(block))):
            scores = _score_diseases(cosines[row], labels)
            chosen.append(_hardest(scores, diseases[index], image_ids[index], seed=seed))
    return chosen


def _score_diseases(cosines: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Maximum per disease, in the order of DISEASES; -inf where the library has no image."""
    scores = np.full(len(DISEASES), -np.inf)
    np.maximum.at(scores, labels, cosines)
    return scores


def _hardest(scores: NDArray[np.float64], truth: str, image_id: str, *, seed: int) -> Negatives:
    wanted = 4 if truth == HEALTHY else 3
    left = [d for d in range(len(DISEASES)) if DISEASES[d] != truth]
    found = [d for d in left if scores[d] > -np.inf]
    picked: list[int] = []
    while found and len(picked) < wanted:
        best = max(scores[d] for d in found)
        pick = next(d for d in found if scores[d] >= best - _TIE)
        picked.append(pick)
        found.remove(pick)
    similarities: list[float | None] = [round(float(scores[d]), 6) for d in picked]
    spare = sorted(
        (d for d in left if d not in picked),
        key=lambda d: hashlib.sha256(f"spare\x1f{seed}\x1f{image_id}\x1f{d}".encode()).digest(),
    )
    fill = spare[: wanted - len(picked)]
    return Negatives(
        tuple(DISEASES[d] for d in picked + fill), tuple(similarities + [None] * len(fill))
    )
