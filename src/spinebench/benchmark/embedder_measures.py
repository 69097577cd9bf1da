"""What an encoder's vectors are worth, measured on images whose class is known. Pure arrays.

Patients are never compared with themselves in `nearest_classes` and `centroid_choices`: two slices
of one patient look alike whatever they show.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinebench.anatomy.diseases import CLASSES, HEALTHY
from spinebench.benchmark.embed.rowfile import read_rows

_BLOCK = 2048  # gallery images compared at once
_DECIMALS = 9  # of a float64 cosine: what is equal to here is a tie, decided by the row


@dataclass(frozen=True, eq=False)
class Classed:
    """Images with what is known of them; all sequences and the vectors are of one order."""

    image_ids: Sequence[str]
    patient_ids: Sequence[str]
    classes: Sequence[str]  # of CLASSES
    vectors: NDArray[np.float32]  # (images, length), L2-normalised

    def codes(self) -> NDArray[np.int64]:
        """Class of each image by its number in CLASSES."""
        return np.array([CLASSES.index(name) for name in self.classes], dtype=np.int64)

    def patients(self) -> NDArray[np.int64]:
        """Patient of each image by number."""
        return np.unique(np.array(self.patient_ids, dtype=np.str_), return_inverse=True)[1]


def nearest_classes(
    images: Classed, queries: NDArray[np.int64], neighbours: int
) -> NDArray[np.int64]:
    """Classes (queries, neighbours) of the most similar images of other patients, nearest first.

    -1 where there are fewer. Healthy images are among the neighbours.
    """
    codes, patients = images.codes(), images.patients()
    asked = np.asarray(images.vectors[queries])
    best = np.full((len(queries), 0), -np.inf)
    rows = np.full((len(queries), 0), -1, dtype=np.int64)
    for start in range(0, len(codes), _BLOCK):
        block = read_rows(images.vectors, start, start + _BLOCK)
        cosines = (asked @ block.T).astype(np.float64)
        own = patients[queries][:, None] == patients[None, start : start + len(block)]
        cosines[own] = -np.inf
        found = np.arange(start, start + len(block), dtype=np.int64)
        best = np.hstack([best, cosines])
        rows = np.hstack([rows, np.broadcast_to(found, cosines.shape)])
        # four times as many as asked for: float32 may order near ones wrongly
        kept = np.argsort(-best, axis=1, kind="stable")[:, : 4 * neighbours]
        best = np.take_along_axis(best, kept, axis=1)
        rows = np.take_along_axis(rows, kept, axis=1)
    return np.stack(
        [
            _ordered(asked[place], images.vectors, rows[place], best[place], codes, neighbours)
            for place in range(len(queries))
        ]
    )


def _ordered(
    vector: NDArray[np.float32],
    vectors: NDArray[np.float32],
    rows: NDArray[np.int64],
    coarse: NDArray[np.float64],
    codes: NDArray[np.int64],
    neighbours: int,
) -> NDArray[np.int64]:
    rows = rows[np.isfinite(coarse)]
    exact = np.round(vectors[rows].astype(np.float64) @ vector.astype(np.float64), _DECIMALS)
    order = np.lexsort((rows, -exact))[:neighbours]
    found = np.full(neighbours, -1, dtype=np.int64)
    found[: len(order)] = codes[rows[order]]
    return found


def chance_of_same_class(images: Classed, queries: NDArray[np.int64]) -> NDArray[np.float64]:
    """For each query the share of its class among all images of other patients."""
    codes, patients = images.codes(), images.patients()
    by_class = np.bincount(codes, minlength=len(CLASSES))
    by_patient = np.bincount(patients)
    shares = np.zeros(len(queries))
    for place, row in enumerate(queries):
        own = patients == patients[row]
        others = len(codes) - by_patient[patients[row]]
        same = by_class[codes[row]] - int((codes[own] == codes[row]).sum())
        shares[place] = same / others if others else 0.0
    return shares


@dataclass(frozen=True, eq=False)
class Centroids:
    """Sum of the vectors of each class, and of each class within each patient."""

    sums: NDArray[np.float64]  # (12, length)
    own: dict[tuple[int, int], NDArray[np.float64]]  # by patient and class

    @classmethod
    def build(cls, images: Classed) -> "Centroids":
        """Over all images; block by block."""
        codes, patients = images.codes(), images.patients()
        length = images.vectors.shape[1]
        sums = np.zeros((len(CLASSES), length))
        own: dict[tuple[int, int], NDArray[np.float64]] = {}
        for start in range(0, len(codes), _BLOCK):
            block = read_rows(images.vectors, start, start + _BLOCK).astype(np.float64)
            for place, vector in enumerate(block, start):
                key = (int(patients[place]), int(codes[place]))
                sums[key[1]] += vector
                own[key] = own[key] + vector if key in own else vector
        return cls(sums, own)


def centroid_choices(
    images: Classed, queries: NDArray[np.int64], options: Sequence[Sequence[str]]
) -> list[tuple[str, int] | None]:
    """The offered class whose centroid, without the query's patient, is most similar.

    With it, among how many it was chosen: an option that no other patient has an image of cannot
    be. None where the truth is such an option, or nothing else is left. `options` are those of each
    query; ties go to the order of CLASSES.
    """
    patients = images.patients()
    centroids = Centroids.build(images)
    counts: dict[tuple[int, int], int] = {}
    for patient, code in zip(patients.tolist(), images.codes().tolist(), strict=True):
        counts[patient, code] = counts.get((patient, code), 0) + 1
    totals = np.bincount(images.codes(), minlength=len(CLASSES))
    chosen: list[tuple[str, int] | None] = []
    for row, offered in zip(queries.tolist(), options, strict=True):
        patient = int(patients[row])
        numbers = sorted(CLASSES.index(name) for name in offered)
        numbers = [n for n in numbers if totals[n] > counts.get((patient, n), 0)]
        if len(numbers) < 2 or CLASSES.index(images.classes[row]) not in numbers:
            chosen.append(None)
            continue
        sums = np.stack([centroids.sums[n] - centroids.own.get((patient, n), 0) for n in numbers])
        vector = np.asarray(images.vectors[row], dtype=np.float64)
        norms = np.linalg.norm(sums, axis=1)
        cosines = np.round(sums @ vector / np.where(norms > 0, norms, 1), _DECIMALS)
        chosen.append((CLASSES[numbers[int(np.argmax(cosines))]], len(numbers)))
    return chosen


def is_diseased(images: Classed, queries: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the queries show a disease."""
    return np.array([images.classes[row] != HEALTHY for row in queries], dtype=np.bool_)
