"""Inspect's logs, read in one pass over the zip.

Inspect's own reader validates every event of every sample (about 1 ms each, and 200 ms each through
`read_eval_log_samples`), which this has no use for. The members are those of Inspect's published
log format: one JSON `EvalSample` under `samples/`.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import inspect_ai.log  # noqa: F401  (teaches zipfile the logs' zstandard compression before 3.14)

from spinebench.errors import DataError


def iter_log_samples(log: Path) -> Iterator[dict[str, Any]]:
    """Samples of one log (`.eval` or `.json`) as plain JSON. Raises DataError if it is damaged."""
    try:
        if log.suffix == ".json":
            yield from json.loads(log.read_text(encoding="utf-8")).get("samples") or []
            return
        with zipfile.ZipFile(log) as archive:
            for name in archive.namelist():
                if name.startswith("samples/") and name.endswith(".json"):
                    yield json.loads(archive.read(name))
    except (zipfile.BadZipFile, json.JSONDecodeError, OSError) as error:
        raise DataError(file=str(log), found=str(error), expected="a log of Inspect") from error
