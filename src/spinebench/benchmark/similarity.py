"""How alike an image is to each disease of the library: one number from many cosines.

A float32 product over the whole library finds the images that can matter: the rounding error of a
sum of products is at most (number of terms) x 2^-24 for vectors of length one, in whatever order
and blocks it is summed. Only those are computed again, pair by pair in float64. The results depend
on the two vectors alone, neither on blocks, workers and threads nor on the BLAS.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from spinebench.anatomy.diseases import DISEASES
from spinebench.engine.shards import usable_cores
from spinebench.errors import UsageError

Aggregate = Literal["max", "mean", "top5"]
Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]
Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]

_TOP = 5
_UNIT = 2.0**-24  # relative rounding error of float32
_PAIRS = 128  # gathered at once: both sides stay in a core's cache
_CROWDED = 8  # more than one pair in so many: one float64 product is cheaper than the pairs


def check_aggregate(name: str) -> Aggregate:
    """The aggregate of this name; raises UsageError that lists the known."""
    for known in get_args(Aggregate):
        if name == known:
            return known  # type: ignore[no-any-return]  # get_args is untyped
    raise UsageError(f"no aggregate {name!r}; there are: {', '.join(get_args(Aggregate))}")


@dataclass(frozen=True, eq=False)
class Library:
    """The images that others are compared with, disease by disease in the order of DISEASES."""

    rows: Indices  # of the table of vectors, one per library image ("page")
    edges: Indices  # (12,); the pages of disease d are edges[d] to edges[d + 1]
    vectors: Singles  # (pages, length)
    doubles: Doubles  # the same, as float64

    @classmethod
    def build(cls, vectors: Singles, rows: Sequence[int], diseases: Sequence[str]) -> "Library":
        """Library of these rows of the table; `diseases` holds the class of each."""
        labels = np.array([DISEASES.index(disease) for disease in diseases], dtype=np.int64)
        order = np.lexsort((np.array(rows, dtype=np.int64), labels))
        ordered = np.array(rows, dtype=np.int64)[order]
        edges = np.searchsorted(labels[order], np.arange(len(DISEASES) + 1))
        pages = np.array(vectors[ordered], dtype=np.float32, order="C")
        return cls(ordered, edges, pages, pages.astype(np.float64))

    def pages_of(self, disease: int) -> slice:
        """The pages of a disease, by its number."""
        return slice(int(self.edges[disease]), int(self.edges[disease + 1]))


class BlockScores:
    """Scores of a block of images for each disease.

    `barred` is a pair (pages, columns): these library images do not count for these images of the
    block. A disease without any page that counts has the score -inf. `room` (pages, images) holds
    the cosines, if given: memory that the block before had.
    """

    def __init__(
        self,
        library: Library,
        block: Singles,
        barred: tuple[Indices, Indices],
        aggregate: Aggregate,
        room: Singles | None = None,
    ) -> None:
        self._library, self._block, self._aggregate = library, block, aggregate
        self._doubles = block.astype(np.float64)
        self._barred = barred
        self._room = room
        self.images = block.shape[0]
        self.error = 2 * _UNIT * max(1, block.shape[1])  # of a cosine; norms are one but for 1e-7

    @cached_property
    def _cosines(self) -> Singles:
        # images along the columns: reductions over pages then run along whole rows of memory
        shape = (len(self._library.vectors), self.images)
        room = self._room if self._room is not None and self._room.shape == shape else None
        cosines: Singles = np.matmul(self._library.vectors, self._block.T, out=room)
        cosines[self._barred] = -np.inf
        return cosines

    def coarse(self) -> Doubles:
        """Scores (11, images), each wrong by at most `error`; -inf where nothing counts."""
        if self._aggregate == "mean":
            return self._means
        scores = np.full((len(DISEASES), self.images), -np.inf)
        for disease, row in enumerate(scores):
            cosines = self._cosines[self._library.pages_of(disease)]
            if not len(cosines):
                continue
            if self._aggregate == "max":
                row[:] = cosines.max(axis=0)
            else:
                row[:] = _mean_of_top(cosines)
        return scores

    def exact(self, needed: Bools) -> Doubles:
        """Scores (11, images) in float64 where `needed`, elsewhere -inf."""
        if self._aggregate == "mean":
            return np.where(needed, self._means, -np.inf)
        scores = np.full(needed.shape, -np.inf)
        _ = self._cosines  # before the threads below ask for them at once

        def fill(disease: int) -> None:
            pages, columns = self._contenders(disease, needed[disease])
            cosines = self._pair_cosines(pages, columns, self._library.pages_of(disease))
            if self._aggregate == "max":
                np.maximum.at(scores[disease], columns, cosines)
            else:
                _put_means_of_top(scores[disease], columns, cosines)

        # numpy lets go of the interpreter; each disease has a row of its own
        list(_threads().map(fill, np.flatnonzero(needed.any(axis=1)).tolist()))
        return scores

    def _contenders(self, disease: int, needed: Bools) -> tuple[Indices, Indices]:
        """Pairs (page, column) that can be the largest, or among the five largest."""
        span = self._library.pages_of(disease)
        cosines = self._cosines[span]
        if self._aggregate == "max" or len(cosines) <= 1:
            last = cosines.max(axis=0, initial=-np.inf)
        elif len(cosines) <= _TOP:
            last = np.full(cosines.shape[1], -2.0, np.float32)
        else:
            last = np.partition(cosines, len(cosines) - _TOP, axis=0)[len(cosines) - _TOP]
            last = np.maximum(last, -2.0)  # fewer than five may count
        floor = last.astype(np.float64) - 2 * self.error
        floor = np.where(needed & np.isfinite(floor), floor, np.inf).astype(np.float32)
        # rounding to float32 must not lift the floor
        hits = cosines >= np.nextafter(floor, np.float32(-np.inf))
        pages, columns = np.divmod(np.flatnonzero(hits), hits.shape[1])  # many times np.nonzero
        return pages + span.start, columns

    def _pair_cosines(self, pages: Indices, columns: Indices, span: slice) -> Doubles:
        left, right = self._library.doubles, self._doubles
        if len(pages) * _CROWDED > (span.stop - span.start) * len(right):
            crowd: Doubles = (left[span] @ right.T)[pages - span.start, columns]
            return crowd
        found = np.empty(len(pages))
        length = right.shape[1]
        a, b = np.empty((_PAIRS, length)), np.empty((_PAIRS, length))
        for start in range(0, len(pages), _PAIRS):
            part = slice(start, min(start + _PAIRS, len(pages)))
            count = part.stop - start
            # mode "clip" writes into `out` without a copy between
            np.take(left, pages[part], axis=0, out=a[:count], mode="clip")
            np.take(right, columns[part], axis=0, out=b[:count], mode="clip")
            np.einsum("ij,ij->i", a[:count], b[:count], out=found[part])
        return found

    @cached_property
    def _means(self) -> Doubles:
        """The mean of cosines is the cosine with the sum: exact without any pair but the barred."""
        library = self._library
        spans = [library.pages_of(disease) for disease in range(len(DISEASES))]
        sums = np.stack([library.doubles[span].sum(axis=0) for span in spans])
        totals: Doubles = sums @ self._doubles.T
        counts = np.repeat([[span.stop - span.start] for span in spans], totals.shape[1], axis=1)
        pages, columns = self._barred
        if len(pages):
            disease = np.searchsorted(library.edges, pages, side="right") - 1
            cosines = self._pair_cosines(pages, columns, slice(0, len(library.doubles)))
            np.subtract.at(totals, (disease, columns), cosines)
            np.subtract.at(counts, (disease, columns), 1)
        means: Doubles = np.full(totals.shape, -np.inf)
        np.divide(totals, counts, out=means, where=counts > 0)
        return means


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(4, usable_cores()))


def _mean_of_top(cosines: Singles) -> Doubles:
    """Mean of the five largest of each column, of fewer where fewer count."""
    top = cosines
    if len(cosines) > _TOP:
        top = np.partition(cosines, len(cosines) - _TOP, axis=0)[-_TOP:]
    counts = np.isfinite(top)
    totals = np.where(counts, top, 0).sum(axis=0, dtype=np.float64)
    means: Doubles = np.full(top.shape[1], -np.inf)
    np.divide(totals, counts.sum(axis=0), out=means, where=counts.any(axis=0))
    return means


def _put_means_of_top(row: Doubles, columns: Indices, cosines: Doubles) -> None:
    order = np.lexsort((-cosines, columns))
    columns, cosines = columns[order], cosines[order]
    rank = np.arange(len(columns)) - np.searchsorted(columns, columns)
    columns, cosines = columns[rank < _TOP], cosines[rank < _TOP]
    totals = np.bincount(columns, cosines, minlength=len(row))
    counts = np.bincount(columns, minlength=len(row))
    np.divide(totals, counts, out=row, where=counts > 0)
