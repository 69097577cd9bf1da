"""A side task in small: a picture of each patient, its mirror image, and one with its marker."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from spinebench.evaluation.side import SIDE_RULE
from spinebench.evaluation.side_task import FLIP_SCHEMA
from spinebench.tables import read_manifest, sha256_of_file, write_frame, write_json
from tests.evaluation.conftest import build_image, build_question, draw_png, write_tables


def write_sides(folder: Path, patients: int, diseases: Sequence[str], **about: Any) -> Path:
    """A benchmark of a side task; two patients of each disease in turn, on either side."""
    images, questions, rows = [], [], []
    for patient in range(patients):
        truth = ("Left", "Right")[patient % 2]
        disease = diseases[patient // 2 % len(diseases)]
        for place, variant in enumerate(("plain", "mirrored", "mirrored_with_marker")):
            side = {"Left": "Right", "Right": "Left"}[truth] if place == 1 else truth
            pixels = draw_png(0.3, 10 * patient + place)
            image = build_image(folder, "rsna", patient, variant, pixels)
            asked = build_question(
                image, "test", task="localization", disease=disease,
                options=("Left", "Right"), right=(side,), text="Which side?",
            )  # fmt: skip
            question = replace(asked, rule=SIDE_RULE)
            images.append(image)
            questions.append(question)
            rows.append((question.question_id, str(patient), variant, side, disease))
    write_tables(folder, images, questions)
    columns = ("question_id", "pair", "variant", "side", "disease")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    write_frame(folder / "flips.parquet", frame, schema=FLIP_SCHEMA)
    manifest = read_manifest(folder, "benchmark") | about
    manifest["tables"]["flips.parquet"] = sha256_of_file(folder / "flips.parquet")
    write_json(folder / "manifest.json", manifest)
    return folder
