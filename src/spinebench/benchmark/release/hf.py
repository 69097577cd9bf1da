"""A Hugging Face dataset folder: Parquet with embedded pictures, a card, and `eval.yaml`.

One configuration for each task, its files `TASK/SPLIT-….parquet`. `eval.yaml` makes the test split
run under Inspect (`inspect eval hf/OWNER/NAME`); its loader wants a picture as text, so a second,
small table of the test split holds data URIs.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from spinebench.benchmark.release.card import write_card_text
from spinebench.benchmark.release.columns import plain_values, read_rows, write_rows
from spinebench.benchmark.release.consent import check_redistribution
from spinebench.benchmark.release.files import read_picture_bytes, write_release_note
from spinebench.benchmark.release.incoming import Entry, Incoming
from spinebench.benchmark.release.options import ExportOptions
from spinebench.benchmark.release.rows import Selection
from spinebench.errors import UsageError
from spinebench.records import Split, Task
from spinebench.sources.layout import check_is_folder, describe_found

NAME = "hf"
TASKS: tuple[Task, ...] = ("diagnosis", "localization", "alignment")
SPLITS: tuple[Split, ...] = ("train", "test", "reserve")
_EVAL_ROWS = 64  # rows of the table for Inspect that are in memory at once
_EVAL_COLUMNS = ("question", "options", "letters", "question_id", "patient", "disease")

LOADING = """```python
from datasets import load_dataset
load_dataset("PATH_OF_THIS_FOLDER", "diagnosis", split="test")
```

`letters` holds the right letters (`B`, or `ACD` where several are right), `answers` the same as
text. `spinebench bench import PATH_OF_THIS_FOLDER --format hf --out DIR` makes a benchmark of it,
evaluated with intervals by patient."""


def write(selection: Selection, folder: Path, options: ExportOptions) -> dict[str, Any]:
    """The release's note; Parquet files, card and `eval.yaml` were written into `folder`."""
    configs: dict[str, dict[str, str]] = {}
    for task in TASKS:
        splits: dict[str, str] = {
            split: f"{task}/{split}-*.parquet"
            for split in SPLITS
            if write_rows(selection, folder, task, split)
        }
        if splits:
            configs[task] = splits
    tested = [task for task in TASKS if _write_for_inspect(selection, folder, task)]
    for task in tested:
        configs[f"{task}-inspect"] = {"test": f"inspect/{task}-test-*.parquet"}
    if tested:
        (folder / "eval.yaml").write_text(build_eval_yaml(tested), encoding="utf-8")
    restricted = check_redistribution(selection.bench.manifest, selection.sources, options.accepted)
    card = write_card_text(selection, configs=configs, restricted=restricted, how_to_load=LOADING)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return write_release_note(folder, selection, NAME, {"eval_yaml": bool(tested)})


def _write_for_inspect(selection: Selection, folder: Path, task: Task) -> bool:
    """Write the test split with pictures as data URIs; whether there is any."""
    rows = selection.rows_of("test", task)
    parts = [rows[start : start + _EVAL_ROWS] for start in range(0, len(rows), _EVAL_ROWS)]
    for number, part in enumerate(parts):
        path = folder / "inspect" / f"{task}-test-{number:05d}-of-{len(parts):05d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = [
            {name: plain_values(row)[name] for name in _EVAL_COLUMNS}
            | {"image": _data_uri(selection, row.image)}
            for row in part
        ]
        pl.DataFrame(values).write_parquet(path, compression="zstd", statistics=False)
    return bool(parts)


def _data_uri(selection: Selection, path: str) -> str:
    image = selection.images[path]
    data = read_picture_bytes(selection.bench, image)
    kind = "jpeg" if image.path.endswith(".jpg") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


_EVAL_HEAD = """\
name: Spine questions (spinebench)
description: >
  Which disease, or at which levels, on one image of the spine. Scores of spinebench itself differ:
  it reads answers with its own rules and says what was unparsed.
evaluation_framework: inspect-ai
tasks:
"""
_EVAL_TASK = """\
  - id: {task}
    config: {task}-inspect
    split: test
    field_spec:
      input: question
      input_image: image
      choices: options
      target: letters
      metadata: [question_id, patient, disease]
    solvers:
      - name: multiple_choice
        args:
          multiple_correct: {multiple}
    scorers:
      - name: choice
"""


def build_eval_yaml(tasks: list[Task]) -> str:
    """Text of `eval.yaml`: the tasks with Inspect's own solver and scorer."""
    return _EVAL_HEAD + "".join(
        _EVAL_TASK.format(task=task, multiple=str(task == "localization").lower()) for task in tasks
    )


def read(incoming: Incoming) -> Iterator[Entry]:
    """Entries of all tasks and splits in a folder. Raises UsageError if there is none."""
    check_is_folder(incoming.root)
    found = find_tables(incoming.root)
    if not found:
        raise UsageError(
            f"{incoming.root} is no Hugging Face folder of ours: looked for "
            f"diagnosis/test-*.parquet and the like; {describe_found(incoming.root)}"
        )
    for file, split in found:
        yield from read_rows(incoming, file, split)


def find_tables(root: Path, below: str = "") -> list[tuple[str, Split]]:
    """(file relative to the root, split) of every table, by task, split and number."""
    return [
        (path.relative_to(root).as_posix(), split)
        for task in TASKS
        for split in SPLITS
        for path in sorted((root / below / task).glob(f"{split}-*.parquet"))
    ]
