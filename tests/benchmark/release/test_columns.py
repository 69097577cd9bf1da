import json
from pathlib import Path

import polars as pl

from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.release.columns import FEATURES, schema, write_rows
from spinebench.benchmark.release.rows import select_rows


def test_shards_by_size_hold_every_row_in_order(sample: Benchmark, tmp_path: Path) -> None:
    selection = select_rows(sample, ("test",), subset=False)
    rows = selection.rows_of("test", "diagnosis")
    one = sample.image_file("rsna:train_images/71/9/11.dcm").stat().st_size
    files = write_rows(selection, tmp_path, "diagnosis", "test", shard_bytes=2 * one + 100)
    assert [f.name for f in files] == ["test-00000-of-00002.parquet", "test-00001-of-00002.parquet"]
    found = pl.concat([pl.read_parquet(f) for f in files])
    assert found["question_id"].to_list() == [row.question_id for row in rows]
    # a picture larger than a shard is a shard by itself
    assert len(write_rows(selection, tmp_path, "diagnosis", "test", shard_bytes=1)) == 4


def test_nothing_asked_writes_nothing(sample: Benchmark, tmp_path: Path) -> None:
    selection = select_rows(sample, ("train",), subset=False)
    assert write_rows(selection, tmp_path, "diagnosis", "test") == []
    assert list(tmp_path.iterdir()) == []


def test_the_footer_tells_what_columns_mean(sample: Benchmark, tmp_path: Path) -> None:
    """`datasets` reads it only where no Arrow schema of the writer stands beside it."""
    selection = select_rows(sample, ("test",), subset=False)
    (file,) = write_rows(selection, tmp_path, "alignment", "test")
    metadata = pl.read_parquet_metadata(file)
    assert json.loads(metadata["huggingface"])["info"]["features"] == FEATURES
    assert "ARROW:schema" not in metadata
    assert pl.read_parquet_schema(file) == schema()
    row = pl.read_parquet(file).row(0, named=True)
    assert row["image"]["path"] == "csxa/films/0001.png"
    assert row["image"]["bytes"] == sample.image_file("csxa:films/0001.png").read_bytes()
    assert (row["letters"], row["answers"]) == ("B", ["cervical Lordosis"])
    assert row["negatives"] == []
