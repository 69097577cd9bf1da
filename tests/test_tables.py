import json
from dataclasses import fields
from pathlib import Path

import polars as pl
import pytest

from spinebench.errors import DataError
from spinebench.records import Finding, Image, Prediction, Question, Reject
from spinebench.tables import (
    Ledger,
    build_frame,
    merged_rejects,
    read_frame,
    read_manifest,
    read_table,
    schema_of,
    sha256_of_file,
    write_by_hash,
    write_frame,
    write_json,
    write_table,
)
from tests.examples import a_finding, a_prediction, a_question, a_reject, an_image

RECORDS = [an_image(), a_finding(), a_question(), a_prediction(), a_reject()]


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: type(r).__name__)
def test_records_come_back_as_they_went(record: object, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, [record, record], type(record))  # type: ignore[type-var]
    assert read_table(path, type(record)) == [record, record]  # type: ignore[type-var]
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]


@pytest.mark.parametrize("record_type", [Image, Finding, Question, Prediction, Reject])
def test_an_empty_table_keeps_its_columns(record_type: type, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_table(path, [], record_type)
    assert read_table(path, record_type) == []
    assert pl.read_parquet(path).columns == [f.name for f in fields(record_type)]


def test_schema_names_types_column_by_column() -> None:
    schema = schema_of(Finding)
    assert schema["row"] == pl.Int64
    assert schema["measure"] == pl.Float64
    assert schema["grade"] == pl.String
    assert schema["point_px"] == pl.List(pl.Float64)


def test_none_in_a_list_of_similarities_survives(tmp_path: Path) -> None:
    question = a_question(negatives=("Osteophytes", "x"), similarities=(0.5, None))
    write_table(tmp_path / "q.parquet", [question], Question)
    assert read_table(tmp_path / "q.parquet", Question)[0].similarities == (0.5, None)


def test_another_schema_version_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "images.parquet"
    write_frame(path, build_frame([an_image()], Image), schema="image/0")
    with pytest.raises(DataError, match=r"images.parquet: schema version: found image/0, expected"):
        read_table(path, Image)


def test_a_table_without_version_is_refused(tmp_path: Path) -> None:
    build_frame([an_image()], Image).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="schema version: found none, expected image/1"):
        read_table(tmp_path / "x.parquet", Image)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_frame(path, build_frame([an_image()], Image).drop("sex"), schema="image/1")
    with pytest.raises(DataError, match="'sex'"):
        read_frame(path, Image)


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1garbagePAR1"])
def test_a_damaged_table_is_a_data_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.parquet: found .* expected a Parquet table"):
        read_table(path, Image)


def test_a_missing_table_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "x.parquet", Image)


def test_a_value_outside_a_closed_set_is_refused_with_its_row() -> None:
    with pytest.raises(DataError, match=r"row 2: grade: found 'awful', expected one of mild, mod"):
        build_frame([a_finding(), a_finding(grade="awful")], Finding)


def test_null_where_a_value_must_be_is_refused() -> None:
    with pytest.raises(DataError, match="row 1: patient_id: found null, expected a value"):
        build_frame([an_image(patient_id=None)], Image)


def test_same_records_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_table(tmp_path / name, [an_image(), an_image(view=None)], Image)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_write_by_hash_stores_once_under_two_letters(tmp_path: Path) -> None:
    relative, digest = write_by_hash(tmp_path, b"abc", ".png")
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert relative == f"ba/{digest}.png"
    assert write_by_hash(tmp_path, b"abc", ".png") == (relative, digest)
    assert sha256_of_file(tmp_path / relative) == digest
    assert len(list(tmp_path.rglob("*.png"))) == 1


def test_manifest_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "manifest.json", {"kind": "run", "b": 1, "a": "ä"})
    text = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    assert text == '{\n  "a": "ä",\n  "b": 1,\n  "kind": "run"\n}\n'
    assert read_manifest(tmp_path, "run") == json.loads(text)
    with pytest.raises(DataError, match="kind: found run, expected benchmark"):
        read_manifest(tmp_path, "benchmark")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="expected JSON"):
        read_manifest(tmp_path, "run")
    with pytest.raises(DataError, match="no such file, expected the manifest of a finished run"):
        read_manifest(tmp_path / "none", "run")


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "x.json", {"x": float("nan")})
    assert not (tmp_path / "x.json").exists()


def a_ledger() -> Ledger:
    ledger = Ledger("rsna")
    ledger.count_read("a.csv", 3)
    ledger.drop("a.csv", 2, "missing_file", "x.dcm")
    ledger.use("a.csv", 2)
    return ledger


def test_ledger_adds_up() -> None:
    ledger = a_ledger()
    ledger.check()
    assert ledger.summary() == {
        "a.csv": {"read": 3, "used": 2, "dropped": 1, "reasons": {"missing_file": 1}, "notes": {}}
    }


def test_a_lost_row_is_an_error() -> None:
    ledger = a_ledger()
    ledger.count_read("a.csv")
    with pytest.raises(DataError, match="4 read, 2 used, 1 dropped"):
        ledger.check()


def test_first_reason_of_a_row_stands_and_cells_count_apart() -> None:
    ledger = a_ledger()
    ledger.drop("a.csv", 2, "later")
    ledger.drop("a.csv", 2, "empty_cell", column="c")
    assert [(r.reason, r.column) for r in ledger.rejects] == [
        ("missing_file", None),
        ("empty_cell", "c"),
    ]
    assert ledger.is_dropped("a.csv", 2)
    assert not ledger.is_dropped("a.csv", 3)


def test_a_note_on_a_whole_file_is_no_unit() -> None:
    ledger = a_ledger()
    ledger.drop("b.dcm", None, "no_rows", "no annotation speaks of it")
    ledger.check()
    assert ledger.summary()["b.dcm"]["notes"] == {"no_rows": 1}


def test_rejects_of_several_ledgers_have_one_order() -> None:
    other = Ledger("buu")
    other.drop("z.csv", 9, "x")
    assert [r.source for r in merged_rejects([a_ledger(), other])] == ["buu", "rsna"]
