"""One question as a person wants to see it."""

from string import ascii_uppercase
from typing import Any

import numpy as np

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.records import Image, Question


def find_question(bench: Benchmark, part: str | None, *, seed: int) -> Question:
    """The question whose id is, or alone contains, `part`; without one a seeded pick from test.

    Raises UsageError if none or several match.
    """
    if part is None:
        pool = [q for q in bench.questions if q.split == "test"] or bench.questions
        if not pool:
            raise UsageError(f"{bench.folder} holds no question")
        return pool[int(np.random.default_rng(seed).integers(len(pool)))]
    exact = [q for q in bench.questions if q.question_id == part]
    matches = exact or [q for q in bench.questions if part in q.question_id]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise UsageError(f"no question of {bench.folder} has {part!r} in its id")
    some = ", ".join(q.question_id for q in matches[:3])
    raise UsageError(f"{len(matches)} questions have {part!r} in their id: {some}, ...")


def question_card(bench: Benchmark, question: Question) -> dict[str, Any]:
    """The question with options, image files (below the benchmark's folder) and source rows."""
    similarity = dict(zip(question.negatives, question.similarities, strict=True))
    return {
        "question_id": question.question_id,
        "task": question.task,
        "split": question.split,
        "source": question.source,
        "patient_id": question.patient_id,
        "rule": question.rule,
        "template": question.template,
        "text": question.text,
        "multiple": question.multiple,
        "disease": question.disease,
        "levels": list(question.levels),
        "gold": list(question.gold),
        "options": [
            {
                "letter": letter,
                "text": option,
                "right": letter in question.gold,
                "similarity": similarity.get(option),
            }
            for letter, option in zip(ascii_uppercase, question.options, strict=False)
        ],
        "images": [_image_card(bench, bench.images[i]) for i in question.image_ids],
        "rests_on": [_row_card(bench, finding_id) for finding_id in question.finding_ids],
        "decided_by": list(question.rests_on),
        "never_offered": list(question.never_offered),
        "in_subset": question.in_subset,
    }


def _image_card(bench: Benchmark, image: Image) -> dict[str, Any]:
    words = (image.modality, image.view, image.sequence)
    return {
        "image_id": image.image_id,
        "file": str(bench.folder / image.path),
        "rows": image.file_rows,
        "cols": image.file_cols,
        "shows": " ".join(word for word in words if word),
        "notes": list(image.notes),
    }


def _row_card(bench: Benchmark, finding_id: str) -> dict[str, Any]:
    finding = bench.findings[finding_id]
    grade_place = None
    if finding.grade_file is not None:
        grade_place = f"{finding.grade_file} row {finding.grade_row} {finding.grade_column}"
    return {
        "finding_id": finding_id,
        "place": f"{finding.file} row {finding.row}",
        "source_words": finding.source_words,
        "grade": finding.grade,
        "grade_place": grade_place,
        "level": finding.level,
        "side": finding.side,
        "point_px": finding.point_px,
        "box_px": finding.box_px,
    }
