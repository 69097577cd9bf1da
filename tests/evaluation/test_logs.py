"""Inspect's logs as plain JSON."""

import json
import zipfile
from pathlib import Path

import pytest

from spinebench.errors import DataError
from spinebench.evaluation.logs import iter_log_samples


def write_log(path: Path, *ids: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", "{}")
        for number, name in enumerate(ids):
            archive.writestr(f"samples/{number}_epoch_1.json", json.dumps({"id": name}))
    return path


def test_both_forms_of_a_log(tmp_path: Path) -> None:
    packed = write_log(tmp_path / "a.eval", "q1", "q2")
    assert [s["id"] for s in iter_log_samples(packed)] == ["q1", "q2"]
    plain = tmp_path / "a.json"
    plain.write_text(json.dumps({"samples": [{"id": "q3"}]}))
    assert [s["id"] for s in iter_log_samples(plain)] == ["q3"]


def test_a_damaged_log(tmp_path: Path) -> None:
    torn = tmp_path / "b.eval"
    torn.write_bytes(write_log(tmp_path / "c.eval", "q1").read_bytes()[:50])
    with pytest.raises(DataError, match="expected a log of Inspect"):
        list(iter_log_samples(torn))
