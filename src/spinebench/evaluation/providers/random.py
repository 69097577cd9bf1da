"""`spinebench/random`: a fair die, seeded by what is asked."""

import numpy as np

from spinebench.evaluation.providers.asked import Asked, Chosen
from spinebench.records import item_seed


class RandomBaseline:
    """One option with equal chance; where several may be right, any non-empty set of them.

    The chance of an exact set of five options is 1 in 31.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def choose(self, asked: Asked) -> Chosen:
        """See `Baseline`. Neither order of questions nor number of workers matters."""
        generator = np.random.default_rng(item_seed(self.seed, asked.text, *asked.image_sha256))
        letters = sorted(asked.options)
        if not asked.several:
            return Chosen([letters[int(generator.integers(len(letters)))]], "Drawn by lot.")
        # bits of a number from 1 to 2^n - 1 are the non-empty sets
        drawn = int(generator.integers(1, 2 ** len(letters)))
        return Chosen([x for i, x in enumerate(letters) if drawn >> i & 1], "Drawn by lot.")
