"""Parquet files with embedded pictures, as the Hugging Face hub and lmms-eval read them.

A picture is a struct of `bytes` and `path`; what the columns mean stands in the file's metadata
under `huggingface`, so that `datasets` gives pictures and lists of text without any script.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from spinebench.benchmark.release.files import read_picture_bytes
from spinebench.benchmark.release.incoming import (
    Entry,
    Incoming,
    MalformedRowError,
    Place,
    read_extras,
    refuse_file,
    text_of,
    texts_of,
)
from spinebench.benchmark.release.rows import ReleaseRow, Selection, extras_of
from spinebench.errors import DataError
from spinebench.progress import iter_with_progress
from spinebench.records import Split, Task
from spinebench.sources.parquet_sizes import NotParquetError, read_sizes

# Pictures that one file holds at most: a shard is written, and read by others, in memory.
SHARD_BYTES = 128_000_000
MAX_UNPACKED = 2_000_000_000  # bytes of one file that is read
_ROWS_READ = 64  # rows with their pictures that are in memory at once
_ROW_GROUP = 64
BROKEN = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,  # of damaged metadata; no Exception, but no bug of ours either
    OSError,
)
_ARROW_KEY, _HIDDEN_KEY = b"ARROW:schema", b"polars.types"

_TEXT = {"dtype": "string", "_type": "Value"}
_TEXTS = {"feature": _TEXT, "_type": "List"}
_BOOL = {"dtype": "bool", "_type": "Value"}
FEATURES: dict[str, dict[str, Any]] = {
    "image": {"_type": "Image"},
    "question": _TEXT,
    "options": _TEXTS,
    "answers": _TEXTS,
    "letters": _TEXT,
    "task": _TEXT,
    "question_id": _TEXT,
    "in_subset": _BOOL,
    "multiple": _BOOL,
    "disease": _TEXT,
    "levels": _TEXTS,
    "side": _TEXT,
    "view": _TEXT,
    "modality": _TEXT,
    "sequence": _TEXT,
    "source": _TEXT,
    "image_id": _TEXT,
    "patient": _TEXT,
    "template": _TEXT,
    "rule": _TEXT,
    "negatives": _TEXTS,
    "similarities": {"feature": {"dtype": "float64", "_type": "Value"}, "_type": "List"},
    "never_offered": _TEXTS,
}
_DTYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "string": pl.String,
    "bool": pl.Boolean,
    "float64": pl.Float64,
}
_PICTURE = pl.Struct({"bytes": pl.Binary, "path": pl.String})


def schema() -> pl.Schema:
    """Columns and types of the files."""
    columns: dict[str, pl.DataType | type[pl.DataType]] = {}
    for name, feature in FEATURES.items():
        if feature["_type"] == "Image":
            columns[name] = _PICTURE
        elif feature["_type"] == "List":
            columns[name] = pl.List(_DTYPES[feature["feature"]["dtype"]])
        else:
            columns[name] = _DTYPES[feature["dtype"]]
    return pl.Schema(columns)


def plain_values(row: ReleaseRow) -> dict[str, Any]:
    """The row's values by column, without the picture."""
    return {
        "question": row.text,
        "options": list(row.options or ()),
        "answers": list(row.answers),
        "letters": row.letters,
        "task": row.task,
        **extras_of(row),
    }


def write_rows(
    selection: Selection, folder: Path, task: Task, split: Split, shard_bytes: int = SHARD_BYTES
) -> list[Path]:
    """The files written: `TASK/SPLIT-00000-of-00001.parquet`, none where nothing is asked."""
    rows = selection.rows_of(split, task)
    shards = _plan_shards(selection, rows, shard_bytes)
    written = []
    metadata = {"huggingface": json.dumps({"info": {"features": FEATURES}}, sort_keys=True)}
    label = f"writing {task}, {split}"
    for number, shard in enumerate(iter_with_progress(shards, total=len(shards), label=label)):
        path = folder / task / f"{split}-{number:05d}-of-{len(shards):05d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame = pl.DataFrame([_with_picture(selection, row) for row in shard], schema=schema())
        frame.write_parquet(
            path, compression="zstd", statistics=False, row_group_size=_ROW_GROUP,
            metadata=metadata,
        )  # fmt: skip
        _hide_arrow_schema(path)
        written.append(path)
    return written


def _hide_arrow_schema(path: Path) -> None:
    """Rename the key under which Polars keeps its own types in the file's footer.

    While it is there, pyarrow takes its metadata for the file's, and `datasets` never sees what
    stands under `huggingface`. The new key is as long, so nothing else in the footer moves.
    """
    with path.open("r+b") as stream:
        stream.seek(-8, os.SEEK_END)
        length = int.from_bytes(stream.read(4), "little")
        stream.seek(-8 - length, os.SEEK_END)
        footer = stream.read(length)
        if footer.count(_ARROW_KEY) > 1:
            raise ValueError("the footer names the Arrow schema more than once")
        stream.seek(-8 - length, os.SEEK_END)
        stream.write(footer.replace(_ARROW_KEY, _HIDDEN_KEY))


def _with_picture(selection: Selection, row: ReleaseRow) -> dict[str, Any]:
    data = read_picture_bytes(selection.bench, selection.images[row.image])
    return {"image": {"bytes": data, "path": row.image}, **plain_values(row)}


def _plan_shards(
    selection: Selection, rows: Sequence[ReleaseRow], shard_bytes: int
) -> list[list[ReleaseRow]]:
    """Rows in shards by the size of their pictures; the same for the same benchmark."""
    shards: list[list[ReleaseRow]] = []
    size = 0
    for row in rows:
        file = selection.bench.image_file(selection.images[row.image].image_id)
        own = file.stat().st_size if file.is_file() else 0  # missing: said when it is read
        if not shards or size + own > shard_bytes:
            shards.append([])
            size = 0
        shards[-1].append(row)
        size += own
    return shards


# --- reading ------------------------------------------------------------------------------------


def read_rows(incoming: Incoming, file: str, split: Split) -> Iterator[Entry]:
    """Entries of one file; pictures go to the stage a few at a time.

    Raises DataError if it is no such Parquet file.
    """
    path = incoming.root / file
    if not path.resolve().is_relative_to(incoming.root.resolve()):
        raise DataError(file=file, found="a link out of the folder", expected="a file in it")
    known = _known_columns(path, file)
    check_unpacked(path, file, frozenset(known))
    incoming.files.add(file)
    lazy = pl.scan_parquet(path, glob=False).select(known)
    start = 0
    while True:
        try:
            values = lazy.slice(start, _ROWS_READ).collect().to_dicts()
        except BROKEN as error:
            refuse_file(file, str(error).splitlines()[0][:200], "a Parquet table")
        if not values:
            return
        for number, value in enumerate(values, start=start + 1):
            yield _read_row(incoming, Place(file, number), value, split)
        start += len(values)


def check_unpacked(path: Path, file: str, columns: frozenset[str]) -> None:
    """Raise DataError for a file that would unpack to gigabytes, before it does."""
    try:
        with path.open("rb") as stream:
            sizes = read_sizes(stream, columns)
    except NotParquetError as error:
        refuse_file(file, f"bytes that are {error}", "a Parquet table")
    if sizes.unpacked_bytes > MAX_UNPACKED:
        found = f"{sizes.unpacked_bytes} bytes once unpacked"
        refuse_file(file, found, f"at most {MAX_UNPACKED} bytes; split it into several files")


def _known_columns(path: Path, file: str) -> list[str]:
    """The columns of ours that the file has; each must have its type."""
    try:
        found = pl.read_parquet_schema(path)
    except FileNotFoundError:
        refuse_file(file, "no such file", "a Parquet table")
    except PermissionError:
        refuse_file(file, "permission denied", "a file this user may read")
    except BROKEN as error:
        refuse_file(file, str(error).splitlines()[0][:200], "a Parquet table")
    expected = schema()
    for name in ("image", "question", "task", "answers"):
        if name not in found:
            raise DataError(
                file=file, field=f"column {name}", found=", ".join(list(found)[:9]) or "none",
                expected="a column of this name",
            )  # fmt: skip
    for name, dtype in found.items():
        if name in expected and dtype not in (expected[name], pl.Null):
            raise DataError(
                file=file, field=f"column {name}", found=str(dtype)[:80],
                expected=str(expected[name]),
            )  # fmt: skip
    return [name for name in expected if name in found]


def _read_row(incoming: Incoming, place: Place, value: dict[str, Any], split: Split) -> Entry:
    try:
        row = parse_values(value, split, picture_name(value, place))
        data = (value["image"] or {}).get("bytes")
        if not data:
            raise MalformedRowError("missing_file", "no picture in the row")
        return Entry(place, row, incoming.keep_bytes(data))
    except MalformedRowError as error:
        return Entry(place, None, None, error.reason, error.detail)


def picture_name(value: dict[str, Any], place: Place) -> str:
    """The picture's name as the row says, or one made of the row's place."""
    name = (value["image"] or {}).get("path") if isinstance(value["image"], dict) else None
    return name if isinstance(name, str) and 0 < len(name) < 500 else f"imported/{place.row}"


def parse_values(value: dict[str, Any], split: Split, image: str) -> ReleaseRow:
    """Row of a table's values. Raises MalformedRowError."""
    task = text_of(value, "task")
    if task not in ("diagnosis", "localization", "alignment"):
        raise MalformedRowError("unknown_task", f"task {task[:60]!r}")
    options = value.get("options")
    return ReleaseRow(
        split=split,
        task=task,  # type: ignore[arg-type]  # one of the three, as checked
        text=text_of(value, "question"),
        options=texts_of({"options": options}, "options") if options else None,
        answers=texts_of(value, "answers"),
        image=image,
        **read_extras(value),
    )
