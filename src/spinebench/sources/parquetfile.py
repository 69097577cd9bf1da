"""A Parquet file as the same table of text cells that a CSV file gives.

Row 2 is the first, as if a header stood above it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import polars as pl

from spinebench.errors import DataError
from spinebench.sources.csvfile import (
    LIMIT_ROWS,
    CsvRow,
    CsvTable,
    check_columns,
    check_row_count,
    check_table_size,
)
from spinebench.sources.parquet_sizes import NotParquetError, read_sizes

# A box has four numbers, and a row one box.
_LIMIT_VALUES = 4 * LIMIT_ROWS
_LIMIT_CELL_BYTES = 10_000
_BROKEN = (
    NotParquetError,
    OSError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,  # of damaged metadata; no Exception, but no bug of ours either
)


def read_parquet(
    root: Path, file: str, required: Sequence[str], optional: Sequence[str] = ()
) -> CsvTable:
    """Table of `root/file` with the columns that are asked for; the others are named, not read.

    Numbers are written as Python does, dates as ISO 8601, lists with blanks between their members,
    null as "". Raises DataError in one line: no file, not readable, no Parquet, a required column
    missing, a nested column, more than `LIMIT_ROWS` or `LIMIT_BYTES` unpacked.
    """
    path = root / file
    try:
        check_table_size(path.stat().st_size, file)
        with path.open("rb") as stream:
            wanted = frozenset((*required, *optional))
            sizes = read_sizes(stream, wanted)
            check_row_count(sizes.rows, file)
            check_table_size(sizes.unpacked_bytes, file)
            if sizes.values > _LIMIT_VALUES * len(wanted):
                raise _unusable(file, f"{sizes.values} values", "a table")
            stream.seek(0)
            schema = pl.read_parquet_schema(stream)
            check_columns(file, None, tuple(schema), required)
            columns = [name for name in schema if name in wanted]
            stream.seek(0)
            frame = pl.read_parquet(stream, columns=columns) if columns else pl.DataFrame()
    except FileNotFoundError:
        raise _unusable(file, "no such file", "a Parquet file") from None
    except IsADirectoryError:
        raise _unusable(file, "a folder", "a Parquet file") from None
    except PermissionError:
        raise _unusable(file, "permission denied", "a file this user may read") from None
    except (
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
        NotParquetError,
        OSError,
    ) as error:
        found = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise _unusable(file, found, "a Parquet table") from error
    cells = frame.select(_text_of(file, frame[name]) for name in frame.columns)
    rows = tuple(
        CsvRow(number, dict(zip(columns, values, strict=True)))
        for number, values in enumerate(cells.iter_rows(), start=2)
    )
    return CsvTable(file, tuple(schema), rows, ())


def _text_of(file: str, column: pl.Series) -> pl.Series:
    """The column as stripped text."""
    dtype = column.dtype
    if isinstance(dtype, pl.List | pl.Array) and dtype.inner.is_numeric():
        text = column.cast(pl.List(pl.String)).list.join(" ")
    elif dtype.is_nested() or dtype == pl.Binary or dtype == pl.Object:
        raise DataError(
            file=file, field=f"column {column.name}", found=str(dtype), expected="plain values"
        )
    else:
        text = column.cast(pl.String)
    longest = cast(int, text.str.len_bytes().max() or 0)
    if longest > _LIMIT_CELL_BYTES:
        raise DataError(
            file=file,
            field=f"column {column.name}",
            found=f"a cell of {longest} bytes",
            expected=f"at most {_LIMIT_CELL_BYTES}",
        )
    return text.fill_null("").str.strip_chars()


def _unusable(file: str, found: str, expected: str) -> DataError:
    return DataError(file=file, found=found, expected=expected)
