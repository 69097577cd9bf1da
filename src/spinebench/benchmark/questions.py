"""Questions: one of five diagnoses, the lumbar disc levels of the lesion, or a neck's shape.

The first two as published; the third belongs to rules that hold shape for no disease. Wording,
order of options and ids depend on the seed and the image alone.
"""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from string import ascii_uppercase

import numpy as np

from spinebench.anatomy.diseases import HEALTHY
from spinebench.anatomy.levels import LUMBAR_DISCS
from spinebench.benchmark.labels import Labelled
from spinebench.benchmark.labels.decision import SHAPES
from spinebench.benchmark.labels.evidence import Unit
from spinebench.benchmark.negatives import Negatives
from spinebench.benchmark.pool import QuestionPool
from spinebench.errors import UsageError
from spinebench.records import (
    Image,
    Question,
    Split,
    item_seed,
    question_content_hash,
)


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
