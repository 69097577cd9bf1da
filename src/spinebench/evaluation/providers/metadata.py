"""`spinebench/metadata`: what the kind of picture gives away without looking at it.

The image is known by the SHA-256 of the bytes that were sent; what counts is its row in the
benchmark's table of images. Cells are tried from the finest to the coarsest until one of them
speaks for an option that is offered:

    modality, view, sequence, source, size -> without size -> modality, view, sequence
    -> modality -> everything

An image that the benchmark does not know starts at "everything". Diagnosis and alignment: the
class most often right in training in that cell. Localization: the most frequent whole set of levels
that is offered, else the most frequent single level. Ties go to the alphabet.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from spinebench.evaluation.providers.asked import Asked, Chosen
from spinebench.records import Image, Question

_Cell = tuple[object, ...]
_NAMES = ("size", "source", "sequence", "modality", "all of training")


class MetadataBaseline:
    """Fitted on the questions of the split `train` only; knows the images' table of all splits."""

    def __init__(self, train: Iterable[Question], images: Mapping[str, Image]) -> None:
        self._images = {image.file_sha256: image for image in images.values()}
        # by task and cell: how often each set of option texts was right
        self._sets: dict[tuple[str, _Cell], Counter[tuple[str, ...]]] = defaultdict(Counter)
        for question in train:
            right = tuple(sorted(question.lettered[letter] for letter in question.gold))
            for cell in _cells(images[question.image_ids[0]]):
                self._sets[question.task, cell][right] += 1

    def choose(self, asked: Asked) -> Chosen:
        """See `Baseline`."""
        known = next((self._images[h] for h in asked.image_sha256 if h in self._images), None)
        letters = {text: letter for letter, text in reversed(list(asked.options.items()))}
        for name, cell in zip(_NAMES[-len(_cells(known)) :], _cells(known), strict=True):
            sets = self._sets.get((asked.task, cell), Counter())
            right = _most_frequent(sets, letters)
            if right:
                reason = f"Most frequent in training for this kind of image (by {name})."
                return Chosen([letters[text] for text in right], reason)
        return Chosen([min(asked.options)], "Nothing like it in training.")


def _cells(image: Image | None) -> list[_Cell]:
    """Cells of an image from the finest to the coarsest; an unknown image has only the last."""
    if image is None:
        return [()]
    size = (image.rows, image.cols)
    kind = (image.modality, image.view, image.sequence)
    return [(*kind, image.source, size), (*kind, image.source), kind, (image.modality,), ()]


def _most_frequent(sets: Counter[tuple[str, ...]], offered: Mapping[str, str]) -> tuple[str, ...]:
    whole = {right: count for right, count in sets.items() if offered.keys() >= set(right)}
    if whole:
        return min(whole, key=lambda right: (-whole[right], right))
    single: Counter[str] = Counter()
    for right, count in sets.items():
        for text in right:
            single[text] += count if text in offered else 0
    best = min(single, key=lambda text: (-single[text], text), default=None)
    return (best,) if best is not None and single[best] else ()
