"""`croissant.json` as `mlcroissant` validates and loads it."""

import json
import logging
import shutil
from pathlib import Path

import pytest

from spinebench.benchmark.bundle import Benchmark

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]


def test_it_is_valid_without_a_warning(exports: Path, caplog: pytest.LogCaptureFixture) -> None:
    import mlcroissant

    with caplog.at_level(logging.WARNING):
        dataset = mlcroissant.Dataset(exports / "croissant" / "croissant.json")
    assert [record.getMessage() for record in caplog.records] == []
    assert "http://mlcommons.org/croissant/1.0" in str(dataset.metadata.conforms_to)
    names = sorted(file.id for file in dataset.metadata.distribution)
    assert names[0] == "alignment/test-00000-of-00001.parquet"
    assert len(names) == 6


def test_a_recommended_field_that_is_missing_would_be_seen(
    exports: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import mlcroissant

    content = json.loads((exports / "croissant" / "croissant.json").read_text())
    del content["citeAs"]
    (tmp_path / "croissant.json").write_text(json.dumps(content))
    with caplog.at_level(logging.WARNING):
        mlcroissant.Dataset(tmp_path / "croissant.json")
    assert "citeAs" in caplog.text


def test_its_records_are_the_questions(exports: Path, bench: Benchmark) -> None:
    import mlcroissant

    dataset = mlcroissant.Dataset(exports / "croissant" / "croissant.json")
    name = "diagnosis_test-00000-of-00001"
    records = list(dataset.records(name))
    expected = [q for q in bench.questions if q.task == "diagnosis" and q.split == "test"]
    assert [r[f"{name}/question_id"].decode() for r in records] == [q.question_id for q in expected]
    for record, question in zip(records, expected, strict=True):
        assert [o.decode() for o in record[f"{name}/options"]] == list(question.options)
        assert record[f"{name}/letters"].decode() == "".join(question.gold)
        assert record[f"{name}/image"].size == (20, 24)


def test_a_wrong_hash_is_seen(exports: Path, tmp_path: Path) -> None:
    """The hashes in it are those that mlcroissant checks, so one that is wrong must fail."""
    import mlcroissant

    copy = Path(shutil.copytree(exports / "croissant", tmp_path / "copy"))
    content = json.loads((copy / "croissant.json").read_text())
    del content["distribution"][0]["sha256"]
    (copy / "croissant.json").write_text(json.dumps(content))
    with pytest.raises(mlcroissant.ValidationError, match="sha256"):
        mlcroissant.Dataset(copy / "croissant.json")
