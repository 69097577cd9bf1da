"""Image embedders: one file each, registered here by name.

A new embedder is one file with a class that fits `Embedder` and one line in `_EMBEDDERS`.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spinebench.benchmark.embed.gradient import GradientHistograms
from spinebench.errors import UsageError


class Embedder(Protocol):
    """Turns a standard image into a vector of fixed length; cosine compares two of them."""

    name: str  # with a version: another version gives other vectors

    def embed(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """L2-normalised vector of an RGB image (rows, cols, 3)."""
        ...


_EMBEDDERS = {GradientHistograms.name: GradientHistograms}
DEFAULT_EMBEDDER = GradientHistograms.name


def load_embedder(name: str) -> Embedder:
    """Embedder by name; raises UsageError that lists the known ones."""
    if name not in _EMBEDDERS:
        raise UsageError(f"no embedder {name!r}; there are: {', '.join(sorted(_EMBEDDERS))}")
    return _EMBEDDERS[name]()
