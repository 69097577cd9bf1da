"""Questions: one of five diagnoses, the lumbar disc levels of the lesion, or a neck's shape.

The first two as published; the third belongs to rules that hold shape for no disease. Wording,
order of options and ids depend on the seed and the image alone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path, PurePosixPath
from string import ascii_uppercase
from typing import Any

import numpy as np

from spinebench.anatomy.diseases import HEALTHY
from spinebench.anatomy.levels import LUMBAR_DISCS
from spinebench.benchmark.labels import Labelled
from spinebench.benchmark.labels.decision import SHAPES
from spinebench.benchmark.labels.evidence import Unit
from spinebench.benchmark.negatives import Negatives
from spinebench.errors import DataError, UsageError
from spinebench.records import (
    Image,
    Question,
    Split,
    Task,
    item_seed,
    question_content_hash,
    sha256_of_json,
)

DEFAULT_POOL = "core-1"
TASKS: tuple[Task, ...] = ("diagnosis", "localization", "alignment")
_PUBLISHED_TASKS: tuple[Task, ...] = ("diagnosis", "localization")  # every pool has them


@dataclass(frozen=True)
class QuestionPool:
    """Wordings by task: (id, text) each, all of one meaning."""

    name: str
    sha256: str
    wordings: Mapping[Task, tuple[tuple[str, str], ...]]


def load_question_pool(name_or_path: str = DEFAULT_POOL) -> QuestionPool:
    """A shipped pool by name, or a JSON file of the same form."""
    path = Path(name_or_path)
    if path.suffix == ".json":
        if not path.is_file():
            raise UsageError(f"no question pool at {path}")
        text = path.read_text(encoding="utf-8")
    else:
        shipped = resources.files("spinebench").joinpath("data/question_pools")
        file = shipped.joinpath(f"{name_or_path}.json")
        if not file.is_file():
            known = sorted(PurePosixPath(entry.name).stem for entry in shipped.iterdir())
            raise UsageError(f"no question pool {name_or_path!r}; there are: {', '.join(known)}")
        text = file.read_text(encoding="utf-8")
    return _parse_pool(text, file=str(name_or_path))


def _parse_pool(text: str, *, file: str) -> QuestionPool:
    try:
        content: dict[str, Any] = json.loads(text)
        wordings = {
            task: tuple((str(entry["id"]), str(entry["text"])) for entry in content[task])
            for task in TASKS
            if task in content or task in _PUBLISHED_TASKS
        }
        name = str(content["name"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(
            file=file, found=f"{type(error).__name__}: {error}",
            expected='{"name", "diagnosis": [{"id", "text"}], "localization": [...]}',
        ) from error  # fmt: skip
    for task, entries in wordings.items():
        if not entries or len({entry[0] for entry in entries}) < len(entries):
            raise DataError(
                file=file, field=task, found=f"{len(entries)} wordings",
                expected="at least one, each with an id of its own",
            )  # fmt: skip
    return QuestionPool(name, sha256_of_json(content), wordings)


@dataclass(frozen=True)
class QuestionWriter:
    """Writes the questions of one benchmark; each depends on the seed and its image alone."""

    pool: QuestionPool
    seed: int
    rule: str  # label rule, name and version

    def write_diagnosis(
        self, image: Image, label: Labelled, negatives: Negatives, split: Split
    ) -> Question:
        """One right answer among five: the truth, Healthy, and hard negatives, shuffled."""
        options = list(dict.fromkeys([label.disease, HEALTHY, *negatives.diseases]))
        question = self._write(image, label, options, {label.disease}, split)
        return replace(question, negatives=negatives.diseases, similarities=negatives.similarities)

    def write_localization(self, image: Image, label: Labelled, split: Split) -> Question:
        """Which of the five lumbar discs; several may be right."""
        levels = [str(level) for level in LUMBAR_DISCS]
        return self._write(image, label, levels, set(label.levels) & set(levels), split)

    def write_alignment(self, image: Image, label: Labelled, split: Split) -> Question:
        """Which of the four shapes of the neck."""
        return self._write(image, label, list(SHAPES), {label.disease}, split)

    def _write(
        self, image: Image, label: Labelled, options: list[str], gold: set[str], split: Split
    ) -> Question:
        task = label.task
        rng = np.random.default_rng(item_seed(self.seed, task, image.image_id))
        if task not in self.pool.wordings:
            raise UsageError(f"question pool {self.pool.name} has no wording for {task}")
        wordings = self.pool.wordings[task]
        template, text = wordings[int(rng.integers(len(wordings)))]
        shuffled = tuple(options[place] for place in rng.permutation(len(options)))
        letters = tuple(
            letter
            for letter, option in zip(ascii_uppercase, shuffled, strict=False)
            if option in gold
        )
        content = question_content_hash(
            text=text, options=shuffled, gold=letters, pixel_sha256=(image.pixel_sha256,)
        )
        return Question(
            question_id=f"{task}-{_readable(image.image_id)}@{content}",
            kind="mcq",
            task=task,
            source=image.source,
            image_ids=(image.image_id,),
            text=text,
            options=shuffled,
            gold=letters,
            multiple=task == "localization",
            disease=label.disease,
            levels=label.levels,
            side=None,
            axis=image.view,
            template=template,
            negatives=(),
            similarities=(),
            split=split,
            patient_id=image.patient_id,
            finding_ids=label.finding_ids,
            rule=self.rule,
            rests_on=tuple(name_unit(image.source, unit) for unit in label.units),
            never_offered=tuple(sorted(label.never_offered)),
        )


def _readable(image_id: str) -> str:
    """`source-folder.file` of an image id; the ending stays in a folder of mixed formats."""
    source, _, path = image_id.partition(":")
    if source != "table":
        path = str(PurePosixPath(path).with_suffix(""))
    return f"{source}-{path}".replace("/", ".").replace("#", ".")


def name_unit(source: str, unit: Unit) -> str:
    """A row or cell as `Question.rests_on` names it: "SOURCE:FILE:ROW" and ":COLUMN" of a cell."""
    file, row, column = unit
    return f"{source}:{file}:{row}" + ("" if column is None else f":{column}")
