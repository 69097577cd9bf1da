"""The layout of the public release: `all/train.json`, `evaluation/test.json`, image folders.

An entry has `image`, `question`, `task` and `answers`, as the public files have; what stands
beside them is ours. In the dialect "text" the answers are option texts and the options a list, in
"letters" the options are `optionA`, `optionB`, ... and the answers letters.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from spinebench.benchmark.release.files import (
    iter_pictures,
    to_jpeg,
    write_json_lines,
    write_release_note,
)
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
from spinebench.benchmark.release.options import ExportOptions
from spinebench.benchmark.release.rows import (
    PUBLIC_TASKS,
    Dialect,
    ReleaseRow,
    Selection,
    extras_of,
)
from spinebench.errors import UsageError
from spinebench.records import Split, Task
from spinebench.sources.jsonfile import read_json
from spinebench.sources.layout import check_is_folder, describe_found, find_roots

NAME = "released"
LOADING = """`all/train.json` and `evaluation/test.json` are lists of entries; `image` is a path
from their own folder. `answers` holds option texts, or letters where the options are `optionA`,
`optionB`, ...
`spinebench bench import PATH_OF_THIS_FOLDER --format released --out DIR` makes a benchmark
of it."""
FILES: dict[Split, str] = {
    "train": "all/train.json",
    "test": "evaluation/test.json",
    "reserve": "reserve/reserve.json",
}
TASKS = {public: task for task, public in PUBLIC_TASKS.items()} | {
    task: task for task in PUBLIC_TASKS
}


def write(selection: Selection, folder: Path, options: ExportOptions) -> dict[str, Any]:
    """The release's note; JSON files and pictures were written into `folder`."""
    for split, file in FILES.items():
        rows = selection.rows_of(split)
        if not rows:
            continue
        entries = [build_entry(row, options.dialect, jpeg=options.jpeg) for row in rows]
        write_json_lines(folder / file, entries)
        base = (folder / file).parent
        for path, data in iter_pictures(selection, (row.image for row in rows)):
            target = base / _picture_name(path, jpeg=options.jpeg)
            target.parent.mkdir(parents=True, exist_ok=True)
            is_jpeg = path.endswith(".jpg")
            target.write_bytes(to_jpeg(data) if options.jpeg and not is_jpeg else data)
    about = {"dialect": options.dialect, "pictures": "jpeg" if options.jpeg else "as they are"}
    return write_release_note(folder, selection, NAME, about)


def build_entry(row: ReleaseRow, dialect: Dialect, *, jpeg: bool) -> dict[str, Any]:
    """One entry of a JSON file."""
    entry: dict[str, Any] = {
        "image": _picture_name(row.image, jpeg=jpeg),
        "question": row.text,
        "task": PUBLIC_TASKS[row.task],
    }
    options = row.options or ()
    if dialect == "letters":
        named = zip(ascii_uppercase, options, strict=False)
        entry |= {f"option{letter}": text for letter, text in named}
        entry["answers"] = list(row.letters)
    else:
        entry["options"] = list(options)
        entry["answers"] = list(row.answers)
    return entry | extras_of(row)


def _picture_name(path: str, *, jpeg: bool) -> str:
    return re.sub(r"\.png$", ".jpg", path) if jpeg else path


# --- reading ------------------------------------------------------------------------------------


def read(incoming: Incoming) -> Iterator[Entry]:
    """Entries of the public files in a folder. Raises UsageError if none of them is there."""
    root = _find_root(incoming.root)
    incoming.root = root
    for split, file in FILES.items():
        if not (root / file).exists():
            continue
        value = read_json(root, file)
        if not isinstance(value, list):
            refuse_file(file, f"a JSON {type(value).__name__}", "a list of entries")
        incoming.files.add(file)
        for number, content in enumerate(value, start=1):
            place = Place(file, number)
            try:
                row = parse_entry(content, split)
                picture = incoming.find_picture(row.image, (str(Path(file).parent), "."))
            except MalformedRowError as error:
                yield Entry(place, None, None, error.reason, error.detail)
                continue
            yield Entry(place, row, picture)


def _find_root(folder: Path) -> Path:
    check_is_folder(folder)
    for looked_for in (
        list(FILES.values())[:2],
        [FILES["train"]],
        [FILES["test"]],
        [FILES["reserve"]],
    ):
        roots = find_roots(folder, looked_for)
        if len(roots) == 1:
            return roots[0]
    raise UsageError(
        f"{folder} is not a release in the public layout: looked for {FILES['train']} or "
        f"{FILES['test']}; {describe_found(folder)}"
    )


def parse_entry(content: Any, split: Split) -> ReleaseRow:
    """Row of one entry, in either dialect. Raises MalformedRowError."""
    if not isinstance(content, dict):
        raise MalformedRowError("malformed_row", f"a JSON {type(content).__name__}, not an object")
    task = _parse_task(text_of(content, "task", "task_type"))
    extras = read_extras(content)
    if extras["in_subset"] is None:  # the public test file is the evaluation subset
        extras["in_subset"] = split == "test"
    return ReleaseRow(
        split=split,
        task=task,
        text=text_of(content, "question", "query"),
        options=_parse_options(content),
        answers=texts_of(content, "answers", "answer"),
        image=text_of(content, "image", "image_path"),
        **extras,
    )


def _parse_task(text: str) -> Task:
    if text.strip() not in TASKS:
        raise MalformedRowError("unknown_task", f"task {text[:60]!r}")
    return TASKS[text.strip()]


def _parse_options(content: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Options of either dialect, or None where the entry has none."""
    value = content.get("options", content.get("choices"))
    if isinstance(value, dict):  # {"A": ..., "B": ...}
        content, value = {f"option{key}": text for key, text in value.items()}, None
    if value is not None:
        return texts_of({"options": value}, "options")
    found: list[str] = []
    for letter in ascii_uppercase:
        text = content.get(f"option{letter}")
        if text is None:
            break
        found.append(text_of({"option": text}, "option"))
    return tuple(found) or None
