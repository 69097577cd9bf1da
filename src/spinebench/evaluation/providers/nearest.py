"""`spinebench/nearest`: the answer of the training images that look most alike.

The embedding is the benchmark's own (the one that chose the hard negatives): looked up by the
SHA-256 of the bytes that were sent, computed from them where the benchmark has no such image.
Neighbours are training images by cosine, never of the same patient. Diagnosis and alignment: of the
task's images whose class is offered the K = 5 nearest vote, each with its cosine. Localization: of
all training images with a localization question the K nearest vote for their levels; levels with at
least half of the votes are named, the best one at least. Ties go to the alphabet. K was set
beforehand and not fitted.
"""

import hashlib
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.embed import Embedder, load_embedder
from spinebench.errors import UsageError
from spinebench.evaluation.prompts import TASKS
from spinebench.evaluation.providers.asked import Asked, Chosen
from spinebench.records import Question

K = 5


class NearestBaseline:
    """Neighbours come from the split `train` only."""

    def __init__(self, benchmark: Benchmark, train: Sequence[Question]) -> None:
        if not (benchmark.folder / "embeddings.parquet").is_file():
            raise UsageError(
                f"{benchmark.folder} holds no embeddings: give spinebench/nearest the benchmark"
                " that it was made from, -M bench=BENCH"
            )
        ids, vectors = benchmark.embeddings()
        row_of = {image_id: row for row, image_id in enumerate(ids)}
        self._embedder_name: str = benchmark.manifest["embedder"]
        # only finished rows: an image without an embedding is embedded from its bytes when asked
        self._known = {
            image.file_sha256: (vectors[row_of[image.image_id]], image.patient_id)
            for image in benchmark.images.values()
            if image.image_id in row_of
        }
        self._libraries = {
            task: _Library([q for q in train if q.task == task], row_of, vectors) for task in TASKS
        }

    def choose(self, asked: Asked) -> Chosen:
        """See `Baseline`. Raises ValueError for a message without an image."""
        if not asked.images:
            raise ValueError("spinebench/nearest needs an image in the message")
        vector, patient_id = self._look_up(asked.images[0])
        offered = None if asked.several else set(asked.options.values())
        near = self._libraries[asked.task].nearest(vector, patient_id, offered)
        if not near:
            return Chosen([min(asked.options)], "No training image to compare with.")
        votes: dict[str, float] = defaultdict(float)
        for cosine, texts in near:
            for text in texts:
                votes[text] += max(cosine, 0.0)
        half = sum(max(cosine, 0.0) for cosine, _ in near) / 2
        letters = _winners(votes, asked.options, half if asked.several else None)
        told = "; ".join(f"{' + '.join(texts)} ({cosine:.2f})" for cosine, texts in near)
        return Chosen(letters, f"Nearest training images: {told}.")

    def _look_up(self, data: bytes) -> tuple[NDArray[np.float32], str | None]:
        found = self._known.get(hashlib.sha256(data).hexdigest())
        if found is not None:
            return found
        with PillowImage.open(io.BytesIO(data)) as picture:
            return self._embedder.embed([np.asarray(picture.convert("RGB"))])[0], None

    @cached_property
    def _embedder(self) -> Embedder:
        # only when asked: the benchmark's own images need neither torch nor weights
        return load_embedder(self._embedder_name)


class _Library:
    """Training images of one task, with what was right for each."""

    def __init__(
        self,
        questions: Sequence[Question],
        row_of: Mapping[str, int],
        vectors: NDArray[np.float32],
    ) -> None:
        kept = [q for q in questions if q.image_ids[0] in row_of]
        kept.sort(key=lambda q: q.question_id)
        self._vectors = vectors[[row_of[q.image_ids[0]] for q in kept]]
        self._patients = np.array([q.patient_id for q in kept], dtype=np.str_)
        self._right = [tuple(sorted(q.lettered[letter] for letter in q.gold)) for q in kept]
        by_right: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for row, right in enumerate(self._right):
            by_right[right].append(row)
        self._rows_of = {right: np.array(rows) for right, rows in by_right.items()}

    def nearest(
        self, vector: NDArray[np.float32], patient_id: str | None, offered: set[str] | None
    ) -> list[tuple[float, tuple[str, ...]]]:
        """(cosine, right option texts) of the K nearest, among the offered classes if given."""
        groups = [
            rows
            for right, rows in self._rows_of.items()
            if offered is None or offered.issuperset(right)
        ]
        if not groups:
            return []
        rows = np.sort(np.concatenate(groups))
        if patient_id is not None:
            rows = rows[self._patients[rows] != patient_id]
        # float32 finds candidates, float64 orders them: near-ties are the same everywhere
        coarse = (self._vectors @ vector)[rows]  # all of them: picking rows first would copy them
        rows = rows[np.argsort(-coarse, kind="stable")[: 4 * K]]
        exact = np.round(self._vectors[rows].astype(np.float64) @ vector.astype(np.float64), 9)
        order = sorted(range(len(rows)), key=lambda i: (-exact[i], rows[i]))[:K]
        return [(float(exact[i]), self._right[rows[i]]) for i in order]


def _winners(
    votes: Mapping[str, float], options: Mapping[str, str], half: float | None
) -> list[str]:
    """Letters of the options with at least `half` of the votes; the best one if none or no half."""
    offered = {letter: round(votes.get(text, 0.0), 9) for letter, text in options.items()}
    best = min(offered, key=lambda letter: (-offered[letter], options[letter], letter))
    if half is None:
        return [best]
    least = round(half, 9)
    return [letter for letter, vote in offered.items() if vote > 0 and vote >= least] or [best]
