"""Release folders in the public layout, written by hand from what is known of the public files."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from tests.benchmark.release.sample import picture_bytes


def entry(
    image: str, answers: Any, *, task: str = "spine_disease_classification", **more: Any
) -> Any:
    """One entry as the public files have it: no options, no id."""
    question = "What type of spinal disease does this patient have?"
    if task == "spine_lesion_localization":
        question = "What level of spine is the lesion located?"
    return {"image": image, "question": question, "task": task, "answers": answers, **more}


def write_public(root: Path, train: Any, test: Any = (), *, pictures: bool = True) -> Path:
    """The folder; each entry's picture is a JPEG of its own, the same path the same picture."""
    for folder, name, entries in (("all", "train.json", train), ("evaluation", "test.json", test)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        text = entries if isinstance(entries, str) else json.dumps(list(entries))
        (root / folder / name).write_text(text, encoding="utf-8")
        if not pictures or isinstance(entries, str):
            continue
        for item in entries:
            path = item.get("image") if isinstance(item, dict) else None
            if isinstance(path, str) and path.startswith("/"):
                continue
            if isinstance(path, str) and not {"..", "\0"} & {*path.split("/"), *path}:
                write_picture(root / folder / path)
    return root


def write_picture(path: Path) -> None:
    """A JPEG that depends on the path below `all/` or `evaluation/`."""
    below = re.split("/(?:all|evaluation)/", str(path))[-1]
    seed = int.from_bytes(hashlib.sha256(below.encode()).digest()[:4], "big")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture_bytes(seed, kind="JPEG"))
