"""Parquet as text cells, and files that would unpack to more than a table may."""

import datetime
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from spinebench.errors import DataError
from spinebench.sources.csvfile import CsvRow
from spinebench.sources.parquet_sizes import NotParquetError, ParquetSizes, read_sizes
from spinebench.sources.parquetfile import read_parquet

FRAME = pl.DataFrame(
    {
        "image": ["a.png ", None],
        "frame": [1, None],
        "age": [45.5, 60.0],
        "seen": [True, None],
        "day": [datetime.date(2026, 1, 2), None],
        "box": [[1.0, 2.5], None],
        "kind": pl.Series(["x", "y"], dtype=pl.Categorical),
        "more": [1, 2],
    }
)
WANTED = ("frame", "age", "seen", "day", "box", "kind")


def test_cells_are_text_and_rows_count_from_two(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "t.parquet")
    table = read_parquet(tmp_path, "t.parquet", ["image"], WANTED)
    assert table.columns == tuple(FRAME.columns)
    first = {"frame": "1", "age": "45.5", "seen": "true", "day": "2026-01-02", "kind": "x"}
    second = {"frame": "", "age": "60.0", "seen": "", "day": "", "kind": "y"}
    assert table.rows == (
        CsvRow(2, {"image": "a.png", "box": "1.0 2.5", **first}),
        CsvRow(3, {"image": "", "box": "", **second}),
    )
    assert table.malformed == ()


@pytest.mark.parametrize("compression", ["uncompressed", "snappy", "lz4", "zstd", "gzip", "brotli"])
def test_sizes_are_those_of_the_pages(tmp_path: Path, compression: str) -> None:
    words = ["x" * n for n in range(1000)]
    frame = pl.DataFrame({"image": words, "other": words[::-1]})
    frame.write_parquet(tmp_path / "t.parquet", compression=compression, row_group_size=400)
    with (tmp_path / "t.parquet").open("rb") as stream:
        one = read_sizes(stream, frozenset({"image"}))
        both = read_sizes(stream, frozenset({"image", "other"}))
        assert read_sizes(stream, frozenset()) == ParquetSizes(1000, 0, 0)
    # each word takes its letters and four bytes for their number, and each page a few for its own
    assert 0 < one.unpacked_bytes - sum(len(word) + 4 for word in words) < 200
    assert (one.rows, one.values) == (1000, 1000)
    assert (both.rows, both.values) == (1000, 2000)


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("csvfile.LIMIT_ROWS", 1, "t.parquet: rows: found more than 1, expected at most that"),
        ("csvfile.LIMIT_BYTES", 50_000, "t.parquet: size: found 1000.. bytes, expected a table"),
        ("parquetfile._LIMIT_CELL_BYTES", 99, "column image: found a cell of 100000 bytes"),
    ],
)
def test_a_table_of_absurd_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, message: str
) -> None:
    frame = pl.DataFrame({"image": ["x" * 100_000, "y"], "other": ["z" * 9_000_000, "z"]})
    frame.write_parquet(tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 5_000
    monkeypatch.setattr("spinebench.sources.parquetfile._LIMIT_CELL_BYTES", 100_000)
    assert read_parquet(tmp_path, "t.parquet", ["image"]).units == 2  # `other` is not read
    monkeypatch.setattr(f"spinebench.sources.{limit}", value)
    with pytest.raises(DataError, match=message):
        read_parquet(tmp_path, "t.parquet", ["image"])


def test_one_value_a_hundred_million_times_is_refused(tmp_path: Path) -> None:
    column = pl.Series([1], dtype=pl.Int8).new_from_index(0, 2_000_000)
    pl.DataFrame({"image": column}).write_parquet(tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 100_000
    with pytest.raises(DataError, match="rows: found more than 1000000"):
        read_parquet(tmp_path, "t.parquet", ["image"])
    lists = pl.DataFrame({"image": [[1] * 9_000_000]})
    lists.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="found 9000000 values, expected a table"):
        read_parquet(tmp_path, "t.parquet", ["image"])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME.drop("image"), "t.parquet: column image: found frame, age, seen"),
        (pl.DataFrame({"image": [{"a": 1}]}), "column image: found Struct.*, expected plain"),
        (pl.DataFrame({"image": [b"\xff\xd8"]}), "column image: found Binary, expected plain"),
        (pl.DataFrame({"image": [["a", "b"]]}), "column image: found List"),
    ],
)
def test_unusable_columns(tmp_path: Path, frame: pl.DataFrame, message: str) -> None:
    frame.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=message):
        read_parquet(tmp_path, "t.parquet", ["image"])


def test_missing_files_folders_and_other_bytes(tmp_path: Path) -> None:
    (tmp_path / "d.parquet").mkdir()
    (tmp_path / "e.parquet").touch()
    (tmp_path / "f.parquet").write_bytes(b"PAR1" + b"\0" * 40 + struct.pack("<I", 99) + b"PAR1")
    for name, found in (
        ("none", "no such file"),
        ("d", "a folder"),
        ("e", "damaged"),
        ("f", "damaged"),
    ):
        with pytest.raises(DataError, match=rf"{name}\.parquet: found {found}"):
            read_parquet(tmp_path, f"{name}.parquet", ["image"])


def test_damaged_bytes_are_a_data_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    FRAME.write_parquet(tmp_path / "t.parquet")
    raw = np.frombuffer((tmp_path / "t.parquet").read_bytes(), np.uint8)
    rng = np.random.default_rng(0)
    read, messages = 0, []
    for k in range(150):
        changed = raw.copy()
        places = rng.integers(0 if k % 2 else len(raw) // 2, len(raw), 3)
        changed[places] = rng.integers(0, 256, 3)
        (tmp_path / "x.parquet").write_bytes(changed.tobytes())
        try:
            read_parquet(tmp_path, "x.parquet", ["image"], WANTED)
            read += 1
        except DataError as error:
            messages.append(str(error))
    assert 0 < read < 50
    assert all(line.startswith("x.parquet") and "\n" not in line for line in messages)
    capfd.readouterr()  # polars writes of its own panics to stderr


def test_a_footer_that_nests_for_ever(tmp_path: Path) -> None:
    footer = b"\x1c" * 5_000  # field 1 is a structure whose field 1 is a structure ...
    content = b"PAR1" + footer + struct.pack("<I", len(footer)) + b"PAR1"
    (tmp_path / "t.parquet").write_bytes(content)
    with (
        (tmp_path / "t.parquet").open("rb") as stream,
        pytest.raises(NotParquetError, match="damaged"),
    ):
        read_sizes(stream, frozenset({"image"}))
