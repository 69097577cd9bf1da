"""What a provider does to an image after it was sent, as far as it says so. Data, not measured."""

import math
import tomllib
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

UNKNOWN: dict[str, Any] = {
    "resizes": None,
    "handling": "not known: the file's own bytes are sent, and most providers shrink large images",
    "source": None,
    "as_of": None,
}


def describe_handling(model: str) -> dict[str, Any]:
    """`resizes` (None = not known), `handling` in words, `source` and `as_of` for a manifest."""
    found = _find(model)
    return {name: found[name] for name in UNKNOWN} if found else dict(UNKNOWN)


def largest_bytes(model: str) -> int | None:
    """Bytes of the largest image that the provider takes; None = not known."""
    found = _find(model)
    return found.get("max_bytes") if found else None


def estimate_image_tokens(model: str, cols: int, rows: int) -> int | None:
    """Tokens that an image will count as, by the provider's published formula; None = not known."""
    found = _find(model)
    formula = _FORMULAS.get(found.get("tokens", "")) if found else None
    return formula(cols, rows) if formula else None


def _find(model: str) -> Mapping[str, Any] | None:
    best: tuple[int, Mapping[str, Any]] | None = None
    for provider in _load():
        for start in provider["match"]:
            if model.startswith(start) and (best is None or len(start) > best[0]):
                best = len(start), provider
    return best[1] if best else None


@lru_cache(maxsize=1)
def _load() -> list[dict[str, Any]]:
    file = resources.files("spinebench").joinpath("data/providers/images.toml")
    entries: list[dict[str, Any]] = tomllib.loads(file.read_text("utf-8"))["provider"]
    return entries


def _openai_tiles(cols: int, rows: int) -> int:
    scale = min(1.0, 2048 / max(cols, rows))
    scale *= min(1.0, 768 / (min(cols, rows) * scale))
    tiles = math.ceil(round(cols * scale) / 512) * math.ceil(round(rows * scale) / 512)
    return 85 + 170 * tiles


def _openai_patches(cols: int, rows: int) -> int:
    return min(1536, math.ceil(cols / 32) * math.ceil(rows / 32))


def _anthropic_area(cols: int, rows: int) -> int:
    scale = min(1.0, 1568 / max(cols, rows))
    return min(1600, math.ceil(cols * scale * rows * scale / 750))


def _gemini_tiles(cols: int, rows: int) -> int:
    if max(cols, rows) <= 384:
        return 258
    return 258 * math.ceil(cols / 768) * math.ceil(rows / 768)


_FORMULAS: dict[str, Callable[[int, int], int]] = {
    "openai_tiles": _openai_tiles,
    "openai_patches": _openai_patches,
    "anthropic_area": _anthropic_area,
    "gemini_tiles": _gemini_tiles,
}
