"""Tables for VLMEvalKit: one TSV for each task and split, pictures as base64.

Its documented contract: `index` (whole numbers), `image` (base64, or another row's index where the
picture is the same), `question`, one column for each option letter, `answer`, `category`,
`l2-category`, `split`; a table of any other name is taken for multiple choice as soon as it has
`A` and `B`. It scores one letter. A question with several right letters has them joined (`ACD`) in
a table of its own: VLMEvalKit runs it, but the answers have to be scored here.
"""

import base64
import binascii
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from spinebench.benchmark.release.files import read_picture_bytes, write_release_note
from spinebench.benchmark.release.incoming import (
    MAX_PICTURE_BYTES,
    Entry,
    Incoming,
    MalformedRowError,
    Place,
    read_extras,
    refuse_file,
    text_of,
)
from spinebench.benchmark.release.options import ExportOptions
from spinebench.benchmark.release.rows import EXTRAS, ReleaseRow, Selection, extras_of
from spinebench.errors import DataError, UsageError
from spinebench.progress import iter_with_progress
from spinebench.records import Split, Task
from spinebench.sources.jsonfile import parse_json
from spinebench.sources.layout import check_is_folder, describe_found

NAME = "vlmeval"
LOADING = """Copy a table into `$LMUData` and name it:
`python run.py --data spinebench_diagnosis_test --model M`.
VLMEvalKit scores one letter: the localization table, with answers like `ACD`, is for its inference
only, and its scores of it mean nothing.
`spinebench bench import PATH_OF_THIS_FOLDER --format vlmeval --out DIR` makes a benchmark of it."""
TASKS: tuple[Task, ...] = ("diagnosis", "localization", "alignment")
SPLITS: tuple[Split, ...] = ("train", "test", "reserve")
_FILE = re.compile(r"spinebench_(diagnosis|localization|alignment)_(train|test|reserve)\.tsv")
_OWN = tuple(name for name in EXTRAS if name != "disease")  # the disease is `category`
# pandas reads these as "nothing there", and VLMEvalKit then drops the option
_NOTHING = frozenset(
    (
        "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
        "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
    )
)  # fmt: skip
_REFERENCE_CHARACTERS = 64  # an `image` of at most this length is another row's index
_LINE_CHARACTERS = MAX_PICTURE_BYTES // 3 * 4 + 1_000_000


def write(selection: Selection, folder: Path, options: ExportOptions) -> dict[str, Any]:
    """The release's note; the tables were written into `folder`."""
    for task in TASKS:
        for split in SPLITS:
            rows = selection.rows_of(split, task)
            if rows:
                _write_table(folder / f"spinebench_{task}_{split}.tsv", selection, rows)
    return write_release_note(folder, selection, NAME, {})


def _write_table(path: Path, selection: Selection, rows: Sequence[ReleaseRow]) -> None:
    letters = ascii_uppercase[: max(len(row.options or ()) for row in rows)]
    fixed = ("index", "image", "question")
    columns = (*fixed, *letters, "answer", "category", "l2-category", "split", "picture", *_OWN)
    first: dict[str, int] = {}  # row of each picture
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        for index, row in enumerate(iter_with_progress(rows, total=len(rows), label=path.name)):
            earlier = first.setdefault(row.image, index)
            image = str(earlier)
            if earlier == index:
                data = read_picture_bytes(selection.bench, selection.images[row.image])
                image = base64.b64encode(data).decode("ascii")
            writer.writerow(_cells(row, index, image, letters))


def _cells(row: ReleaseRow, index: int, image: str, letters: str) -> list[str]:
    options = list(row.options or ())
    extras = extras_of(row)
    for text in (row.text, *options, row.letters):
        if text in _NOTHING:
            raise DataError(
                file="questions", place=row.question_id, field="options", found=repr(text),
                expected="a text that VLMEvalKit does not read as a missing value",
            )  # fmt: skip
    padded = options + [""] * (len(letters) - len(options))
    own = ["" if extras[name] is None else json.dumps(extras[name]) for name in _OWN]
    return [
        str(index), image, row.text, *padded, row.letters, row.disease or "", row.task, row.split,
        row.image, *own,
    ]  # fmt: skip


# --- reading ------------------------------------------------------------------------------------


def read(incoming: Incoming) -> Iterator[Entry]:
    """Entries of the tables in a folder. Raises UsageError if there is none."""
    check_is_folder(incoming.root)
    files = sorted(p.name for p in incoming.root.iterdir() if _FILE.fullmatch(p.name))
    if not files:
        raise UsageError(
            f"{incoming.root} holds no table of ours for VLMEvalKit: looked for "
            f"spinebench_diagnosis_test.tsv and the like; {describe_found(incoming.root)}"
        )
    for file in files:
        yield from _read_table(incoming, file)


def _read_table(incoming: Incoming, file: str) -> Iterator[Entry]:
    found = _FILE.fullmatch(file)
    assert found is not None
    task, split = found[1], found[2]
    kept: dict[str, Path] = {}  # pictures by index
    waiting: list[tuple[Place, ReleaseRow, str]] = []
    incoming.files.add(file)
    for number, values in _iter_rows(incoming.root / file, file):
        place = Place(file, number)
        try:
            row = parse_values(values, task, split)  # type: ignore[arg-type]  # as the pattern says
            cell = values.get("image") or ""
            if len(cell) <= _REFERENCE_CHARACTERS:
                waiting.append((place, row, cell))
                continue
            picture = incoming.keep_bytes(_decode(cell))
            kept.setdefault(values.get("index") or "", picture)
            yield Entry(place, row, picture)
        except MalformedRowError as error:
            yield Entry(place, None, None, error.reason, error.detail)
    for place, row, index in waiting:
        if index in kept:
            yield Entry(place, row, kept[index])
        else:
            yield Entry(place, None, None, "missing_file", "no picture, and no row that has it")


def _decode(cell: str) -> bytes:
    try:
        return base64.b64decode(cell, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedRowError("broken_base64", f"{len(cell)} characters") from None


def _iter_rows(path: Path, file: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(row, cells by column), the header being row 1; one line is in memory at a time."""
    try:
        stream = path.open(encoding="utf-8", newline="")
    except PermissionError:
        refuse_file(file, "permission denied", "a file this user may read")
    before = csv.field_size_limit(_LINE_CHARACTERS)
    try:
        with stream:
            reader = csv.reader(_iter_lines(stream, file), delimiter="\t", strict=True)
            header = next(reader, [])
            for name in ("index", "image", "question", "A", "B", "answer"):
                if name not in header:
                    raise DataError(
                        file=file, place=1, field=f"column {name}",
                        found=", ".join(header[:9])[:200] or "an empty file",
                        expected="a column of this name",
                    )  # fmt: skip
            for number, cells in enumerate(reader, start=2):
                if cells:
                    yield number, dict(zip(header, cells, strict=False))
    except csv.Error as error:
        refuse_file(file, str(error), "tab-separated values")
    except UnicodeDecodeError as error:
        raise DataError(
            file=file, place=f"byte {error.start}", found="bytes that are no UTF-8", expected="text"
        ) from None
    finally:
        csv.field_size_limit(before)


def _iter_lines(stream: io.TextIOBase | Any, file: str) -> Iterator[str]:
    while line := stream.readline(_LINE_CHARACTERS):
        if len(line) >= _LINE_CHARACTERS:
            refuse_file(file, f"a line of over {_LINE_CHARACTERS} characters", "a picture a line")
        yield line


def parse_values(values: dict[str, str], task: Task, split: Split) -> ReleaseRow:
    """Row of a table's cells. Raises MalformedRowError."""
    options = []
    for letter in ascii_uppercase:
        text = values.get(letter, "")
        if not text:
            break
        options.append(text_of({letter: text}, letter))
    extras = read_extras({name: _parse_cell(name, values.get(name, "")) for name in _OWN})
    category = values.get("category") or None
    extras["disease"] = None if category is None else text_of({"category": category}, "category")
    answer = text_of(values, "answer").strip()
    return ReleaseRow(
        split=split,
        task=task,
        text=text_of(values, "question"),
        options=tuple(options) or None,
        answers=tuple(answer) if re.fullmatch("[A-Z]{1,26}", answer) else (answer,),
        image=values.get("picture") or f"imported/{values.get('index', '')[:40]}",
        **extras,
    )


def _parse_cell(name: str, cell: str) -> Any:
    if not cell:
        return None
    try:
        return parse_json(cell, "")
    except DataError:
        raise MalformedRowError("malformed_row", f"{name}: no JSON value") from None
