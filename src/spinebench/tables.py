"""Records to Parquet and back, manifests, and the reject ledger.

The columns of a table are the fields of its record, with the types written there; the Parquet
file's metadata holds the schema's name and version under `spinebench.schema`. A table of another
version is an error, never a guess. Everything is written under a temporary name, then renamed.
"""

import hashlib
import json
import os
import types
import typing
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

import polars as pl

from spinebench.errors import DataError
from spinebench.records import Finding, Image, Prediction, Quality, Question, Reject

Record = Image | Finding | Quality | Reject | Question | Prediction
R = TypeVar("R", Image, Finding, Quality, Reject, Question, Prediction)

SCHEMA_KEY = "spinebench.schema"
_SCALARS: dict[type, type[pl.DataType]] = {
    str: pl.String,
    int: pl.Int64,
    float: pl.Float64,
    bool: pl.Boolean,
}


def schema_of(record_type: type[Record]) -> pl.Schema:
    """Polars schema of a record's table, column by column in the order of its fields."""
    hints = typing.get_type_hints(record_type)
    return pl.Schema({f.name: _column_type(hints[f.name])[0] for f in fields(record_type)})


def _column_type(hint: Any) -> tuple[pl.DataType | type[pl.DataType], bool, frozenset[str]]:
    """Column type, whether it may be null, and the closed set of its values (empty = open)."""
    nullable = False
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        members = [arm for arm in typing.get_args(hint) if arm is not type(None)]
        nullable = len(members) < len(typing.get_args(hint))
        (hint,) = members
    if typing.get_origin(hint) is Literal:
        return pl.String, nullable, frozenset(typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        inner, _, _ = _column_type(typing.get_args(hint)[0])
        return pl.List(inner), nullable, frozenset()
    return _SCALARS[hint], nullable, frozenset()


def build_frame(records: Iterable[R], record_type: type[R]) -> pl.DataFrame:
    """Table of the records, in their order; raises DataError on a value outside a closed set."""
    names = [f.name for f in fields(record_type)]
    rows = [tuple(getattr(record, name) for name in names) for record in records]
    frame = pl.DataFrame(rows, schema=schema_of(record_type), orient="row")
    _check_values(frame, record_type, file=f"<{record_type.__name__} records>")
    return frame


def write_table(path: Path, records: Iterable[R], record_type: type[R]) -> None:
    """Write records as Parquet; the bytes depend on the records only."""
    write_frame(path, build_frame(records, record_type), schema=record_type.SCHEMA)


def write_frame(path: Path, frame: pl.DataFrame, *, schema: str) -> None:
    """Write a table under a temporary name, then rename; `schema` is its name and version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    frame.write_parquet(temporary, compression="zstd", metadata={SCHEMA_KEY: schema})
    temporary.replace(path)


def read_frame(path: Path, record_type: type[Record]) -> pl.DataFrame:
    """Table of a record type. Raises DataError if it is missing, damaged or of another version."""
    frame = read_named_frame(path, record_type.SCHEMA)
    expected = schema_of(record_type)
    if frame.schema != expected:
        odd = sorted(set(frame.schema.items()) ^ set(expected.items()), key=str)
        raise DataError(
            file=str(path), field="columns", found=str(odd[0]), expected=record_type.SCHEMA
        )
    _check_values(frame, record_type, file=str(path))
    return frame


def read_named_frame(path: Path, schema: str) -> pl.DataFrame:
    """Table whose metadata names exactly this schema and version."""
    if not path.is_file():
        raise DataError(file=str(path), found="no such file", expected=f"a table {schema}")
    try:
        found = pl.read_parquet_metadata(path).get(SCHEMA_KEY)
        frame = pl.read_parquet(path, glob=False) if found == schema else None
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(file=str(path), found=reason, expected="a Parquet table") from error
    if frame is None:
        raise DataError(
            file=str(path),
            field="schema version",
            found=found or "none",
            expected=f"{schema}; build it again with this version of spinebench",
        )
    return frame


def read_table(path: Path, record_type: type[R]) -> list[R]:
    """Records of a table, in its order. Raises DataError as `read_frame` does."""
    return iter_records(read_frame(path, record_type), record_type)


def iter_records(frame: pl.DataFrame, record_type: type[R]) -> list[R]:
    """Records of a frame that has the record's columns."""
    names = [f.name for f in fields(record_type)]
    lists = {name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)}
    build: Any = record_type
    return [
        build(
            **{
                name: tuple(value) if name in lists and value is not None else value
                for name, value in zip(names, row, strict=True)
            }
        )
        for row in frame.select(names).iter_rows()
    ]


def _check_values(frame: pl.DataFrame, record_type: type[Record], *, file: str) -> None:
    for name, hint in typing.get_type_hints(record_type).items():
        if name not in frame.columns:
            continue
        _, nullable, allowed = _column_type(hint)
        column = frame[name]
        if not nullable and column.null_count():
            raise DataError(
                file=file, place=_row_of(column.is_null()), field=name, found="null",
                expected="a value",
            )  # fmt: skip
        if allowed:
            bad = column.is_not_null() & ~column.is_in(list(allowed))
            if bad.any():
                raise DataError(
                    file=file,
                    place=_row_of(bad),
                    field=name,
                    found=repr(column.filter(bad)[0]),
                    expected="one of " + ", ".join(sorted(allowed)),
                )


def _row_of(mask: pl.Series) -> int:
    first = mask.arg_max()
    return 1 + (first or 0)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Canonical JSON (keys sorted, two spaces, final newline), under a temporary name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


def read_manifest(folder: Path, kind: str) -> dict[str, Any]:
    """Manifest of an artefact folder; raises DataError unless it is a finished `kind`."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise DataError(
            file=str(path), found="no such file", expected=f"the manifest of a finished {kind}"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(file=str(path), found=str(error), expected="JSON") from error
    found = manifest.get("kind") if isinstance(manifest, dict) else type(manifest).__name__
    if found != kind:
        raise DataError(file=str(path), field="kind", found=str(found), expected=kind)
    return typing.cast(dict[str, Any], manifest)


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_by_hash(folder: Path, data: bytes, suffix: str) -> tuple[str, str]:
    """Store bytes as `folder/ab/ab12….suffix`; returns (path relative to folder, SHA-256)."""
    digest = hashlib.sha256(data).hexdigest()
    relative = f"{digest[:2]}/{digest}{suffix}"
    target = folder / relative
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        # two workers may write the same bytes at once: each has a temporary name of its own
        temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        temporary.write_bytes(data)
        temporary.replace(target)
    return relative, digest


@dataclass
class Ledger:
    """Accounts for every unit of input: read = used + dropped, per file.

    A unit is a row of a file, or a cell (row and column) where cells are counted. `used` is
    settled last, when it is known which units a question rests on.
    """

    source: str
    read: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    _dropped: set[tuple[str, int | None, str | None]] = field(default_factory=set, repr=False)

    def count_read(self, file: str, units: int = 1) -> None:
        """Add units that were read from a file."""
        self.read[file] += units

    def drop(
        self, file: str, row: int | None, reason: str, detail: str = "", column: str | None = None
    ) -> None:
        """Record one unit as not used, or with `row` None a note on the file, which is no unit.

        The first reason of a unit stands; a second drop of it is ignored.
        """
        key = (file, row, column)
        if row is not None:
            if key in self._dropped:
                return
            self._dropped.add(key)
        self.rejects.append(
            Reject(
                source=self.source, file=file, row=row, column=column, reason=reason, detail=detail
            )
        )

    def take_back(self, units: Set[tuple[str, int, str | None]]) -> None:
        """Undo the drop of these units, where there was one: a question rests on them after all."""
        self.rejects = [r for r in self.rejects if (r.file, r.row, r.column) not in units]
        self._dropped -= units

    def is_dropped(self, file: str, row: int, column: str | None = None) -> bool:
        """Whether this unit already has a line."""
        return (file, row, column) in self._dropped

    def use(self, file: str, units: int = 1) -> None:
        """Add units that a question rests on."""
        self.used[file] += units

    def dropped(self) -> Counter[str]:
        """Dropped units by file."""
        return Counter(reject.file for reject in self.rejects if reject.row is not None)

    def check(self) -> None:
        """Raise DataError unless read = used + dropped in every file."""
        dropped = self.dropped()
        for file in sorted({*self.read, *self.used, *dropped}):
            read, used = self.read[file], self.used[file]
            if read != used + dropped[file]:
                raise DataError(
                    file=f"{self.source}:{file}",
                    field="accounting",
                    found=f"{read} read, {used} used, {dropped[file]} dropped",
                    expected="read = used + dropped",
                )

    def summary(self) -> dict[str, dict[str, Any]]:
        """Counts by file, for a manifest."""
        reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
        notes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for reject in self.rejects:
            (notes if reject.row is None else reasons)[reject.file][reject.reason] += 1
        dropped = self.dropped()
        return {
            file: {
                "read": self.read[file],
                "used": self.used[file],
                "dropped": dropped[file],
                "reasons": dict(sorted(reasons[file].items())),
                "notes": dict(sorted(notes[file].items())),
            }
            for file in sorted({*self.read, *reasons, *notes})
        }


def merged_rejects(ledgers: Sequence[Ledger]) -> list[Reject]:
    """All reject lines in one stable order."""
    lines = [reject for ledger in ledgers for reject in ledger.rejects]
    return sorted(
        lines, key=lambda r: (r.source, r.file, r.row or 0, r.column or "", r.reason, r.detail)
    )
