"""A task folder for lmms-eval: YAML, `utils.py` and Parquet; it can stand anywhere.

`lmms-eval --include_path FOLDER --tasks spinebench` asks the test split. The prompt is that of the
protocol `released`; answers are read by the closing line alone, and what cannot be read is counted
as unparsed beside the scores, never guessed.
"""

import json
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from spinebench.benchmark.release.columns import read_rows, write_rows
from spinebench.benchmark.release.files import write_release_note
from spinebench.benchmark.release.hf import SPLITS, TASKS, find_tables
from spinebench.benchmark.release.incoming import Entry, Incoming
from spinebench.benchmark.release.options import ExportOptions
from spinebench.benchmark.release.rows import Selection
from spinebench.errors import UsageError
from spinebench.records import Task
from spinebench.sources.layout import check_is_folder, describe_found

NAME = "lmms"
LOADING = """`lmms-eval --include_path PATH_OF_THIS_FOLDER --tasks spinebench --model M` asks the
test split. `unparsed` is the share of answers that could not be read; they count as wrong.
`spinebench bench import PATH_OF_THIS_FOLDER --format lmms --out DIR` makes a benchmark of it."""
_METRICS: dict[Task, tuple[str, ...]] = {
    "diagnosis": ("accuracy", "unparsed"),
    "localization": ("accuracy", "precision", "recall", "unparsed"),
    "alignment": ("accuracy", "unparsed"),
}


def write(selection: Selection, folder: Path, options: ExportOptions) -> dict[str, Any]:
    """The release's note; the task folder was written. Raises UsageError without a test split."""
    if not any(row.split == "test" for row in selection.rows):
        raise UsageError("lmms-eval asks the test split, and none of its questions is selected")
    tested: list[Task] = []
    for task in TASKS:
        for split in SPLITS:
            if write_rows(selection, folder / "data", task, split) and split == "test":
                tested.append(task)
    for task in tested:
        (folder / f"spinebench_{task}.yaml").write_text(build_task_yaml(task), encoding="utf-8")
    members = "".join(f"  - spinebench_{task}\n" for task in tested)
    (folder / "spinebench.yaml").write_text(
        f"group: spinebench\ntask:\n{members}", encoding="utf-8"
    )
    (folder / "utils.py").write_text(build_utils(), encoding="utf-8")
    return write_release_note(
        folder, selection, NAME, {"tasks": [f"spinebench_{t}" for t in tested]}
    )


def build_task_yaml(task: Task) -> str:
    """Text of one task's YAML."""
    metrics = "".join(
        f"  - metric: {name}\n"
        "    aggregation: !function utils.mean\n"
        f"    higher_is_better: {str(name != 'unparsed').lower()}\n"
        for name in _METRICS[task]
    )
    return (
        f"task: spinebench_{task}\n"
        # a name in utils.py that holds the folder: the whole can be moved
        f"dataset_path: !function utils.{task.upper()}_DATA\n"
        "test_split: test\n"
        "output_type: generate_until\n"
        "doc_to_visual: !function utils.doc_to_visual\n"
        f"doc_to_text: !function utils.{task}_to_text\n"
        "doc_to_target: letters\n"
        f"process_results: !function utils.score_{'several' if task == 'localization' else 'one'}\n"
        "generation_kwargs:\n"
        "  max_new_tokens: 1024\n"
        "  temperature: 0\n"
        "  do_sample: false\n"
        f"metric_list:\n{metrics}"
        "metadata:\n"
        "  version: 1\n"
    )


def build_utils() -> str:
    """Text of `utils.py`: the shipped functions below the prompts of the protocol."""
    data = resources.files("spinebench").joinpath("data")
    protocol = tomllib.loads(data.joinpath("protocols/released.toml").read_text("utf-8"))
    prompts = {task: protocol[task]["text"] for task in TASKS if task in protocol}
    prompts.setdefault("alignment", prompts["diagnosis"])
    body = data.joinpath("release/lmms_utils.py.txt").read_text("utf-8")
    return body.replace("@PROMPTS@", json.dumps(prompts, indent=4, ensure_ascii=False))


# --- reading ------------------------------------------------------------------------------------


def read(incoming: Incoming) -> Iterator[Entry]:
    """Entries of all tasks and splits of a task folder. Raises UsageError if there is none."""
    check_is_folder(incoming.root)
    found = find_tables(incoming.root, "data")
    if not found:
        raise UsageError(
            f"{incoming.root} is no task folder of ours for lmms-eval: looked for "
            f"data/diagnosis/test-*.parquet and the like; {describe_found(incoming.root)}"
        )
    for file, split in found:
        yield from read_rows(incoming, file, split)
