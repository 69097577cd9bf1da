"""Inspect's logs as plain JSON, for tests that look into them."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import inspect_ai.log  # noqa: F401  (teaches zipfile the logs' zstandard compression before 3.14)


def iter_log_samples(log: Path) -> Iterator[dict[str, Any]]:
    """Samples of one `.eval` log."""
    with zipfile.ZipFile(log) as archive:
        for name in archive.namelist():
            if name.startswith("samples/") and name.endswith(".json"):
                yield json.loads(archive.read(name))
