"""What tokens cost, from a file of the user's. No price is built in: unknown stays unknown.

    date = "2026-05"
    source = "where the prices come from"
    [models."openai/gpt-4o"]
    input = 2.5         # US dollars for a million tokens
    output = 10.0
    cache_read = 1.25   # left out: as input
    cache_write = 2.5   # left out: as input

The same as JSON does as well. `--prices example` takes the file that ships with spinebench.
"""

import json
import re
import tomllib
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from spinebench.errors import UsageError
from spinebench.evaluation.journal import Heard

EXAMPLE = "example"
# a model's name may end in the day of its version: that changes no price
_VERSION = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$")
_MILLION = 1e6


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars for a million tokens of one model, with where that was read."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    date: str
    source: str

    def cost_of(self, heard: Heard) -> float | None:
        """US dollars of one answer: as its provider says, else by its tokens, else None."""
        if heard.cost_usd is not None:
            return heard.cost_usd
        if heard.input_tokens is None or heard.output_tokens is None:
            return None
        return (
            heard.input_tokens * self.input
            + heard.output_tokens * self.output
            + heard.cache_read_tokens * self.cache_read
            + heard.cache_write_tokens * self.cache_write
        ) / _MILLION

    def plain(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        return asdict(self)


def read_price(file: Path, model: str) -> Price | None:
    """Price of the model by a price file; None if the file has none. Raises UsageError."""
    table = _read_file(file)
    models = table.get("models")
    if not isinstance(models, dict) or not all(isinstance(table.get(k), str) for k in _SAID):
        raise UsageError(f"prices {file}: needs date, source and a table of models")
    found = models.get(model, models.get(_VERSION.sub("", model)))
    if found is None:
        return None
    numbers = {}
    for name in ("input", "output", "cache_read", "cache_write"):
        value = found.get(name, found.get("input")) if isinstance(found, dict) else None
        if name == "output" and isinstance(found, dict):
            value = found.get("output")
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise UsageError(f"prices {file}: {model}: {name}: found {value!r}, expected dollars")
        numbers[name] = float(value)
    return Price(**numbers, date=table["date"], source=table["source"])


_SAID = ("date", "source")


def _read_file(file: Path) -> dict[str, Any]:
    try:
        if str(file) == EXAMPLE:
            text = resources.files("spinebench").joinpath("data/providers/prices.toml").read_text()
            return tomllib.loads(text)
        text = file.read_text(encoding="utf-8")
        table = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UsageError(f"prices {file}: {reason}") from error
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"prices {file}: {error}") from error
    if not isinstance(table, dict):
        raise UsageError(f"prices {file}: found {type(table).__name__}, expected a table")
    return table
