"""One random generator per item, from the seed and the item's key; no global, no order."""

from __future__ import annotations

import hashlib

import numpy as np


def build_rng(seed: int, *key: str) -> np.random.Generator:
    """Generator that depends on `seed` and the joined `key` alone (first 8 bytes of SHA-256)."""
    digest = hashlib.sha256("/".join(key).encode()).digest()[:8]
    return np.random.default_rng([seed, int.from_bytes(digest)])
