"""Time and memory to score stored answers, and to read the letters out of their texts again.

    python benchmarks/bench_scoring.py [--answers 60000] [--repeats 3]

`scored`: `breakdown.score_run`, every figure of `scores.json` with its intervals by patient, the
bootstraps included. `extracted`: `outcome.read_answer` on every text. Each is a process of its own,
Python's start and all imports included; the best of the repeats counts. Texts are all different,
about 100 words of reasoning; one in five ends in a sentence instead of the protocol's last line.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from measured import Measured, run_measured

from spinebench.anatomy.diseases import CLASSES
from spinebench.records import Image, Prediction, Question
from spinebench.tables import write_table

_LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
_SOURCES = ("rsna", "vindr", "buu", "csxa")
_REASONING = (
    "The image shows the spine in case {number}. The vertebral bodies keep their height and the "
    "posterior line is even. At L4/L5 the disc is darker than its neighbours, and its height is "
    "about {mm} mm. A. Looking at option A first, the margins are smooth, so this is less likely. "
    "B would need a narrowed recess, of which there is a hint on the left side. The facets are "
    "slightly enlarged, the ligament is not thickened, and no slip is seen between L5 and S1. "
    "Taken together, the appearance fits one of the choices better than the others, though C-spine "
    "levels are not in view and clinical correlation is advised. "
)


def write_tables(folder: Path, answers: int) -> None:
    """Questions, images and predictions: three of four on diagnosis, the rest on levels."""
    questions, predictions, images = [], [], []
    for number in range(answers):
        rng = np.random.default_rng([1, number])
        image = _image(number)
        question = _question(image, number, rng, on_levels=number % 4 == 3)
        images.append(image)
        questions.append(question)
        predictions.append(_prediction(question, number, rng))
    write_table(folder / "images.parquet", images, Image)
    write_table(folder / "questions.parquet", questions, Question)
    write_table(folder / "predictions.parquet", predictions, Prediction)


def _image(number: int) -> Image:
    source = _SOURCES[number % 4 if number % 4 < 3 else 0]
    return Image(
        image_id=f"{source}:{number}", source=source, path=f"{number}.png",
        patient_id=f"{source}:{number // 10}", study_id="s", series_id="s", modality="MR",
        view="SAG" if number % 2 else "AX", sequence="T1" if number % 3 else "T2", frame=None,
        instance_number=1, slice_position_mm=None, rows=320, cols=320, file_rows=320,
        file_cols=320, scale_x=1.0, scale_y=1.0, spacing_row_mm=0.6, spacing_col_mm=0.6,
        affine=None, original_sha256=f"{number:064d}", file_sha256=f"{number:064d}",
        pixel_sha256=f"{number:064d}", policy="rgb/1", age_years=None, sex=None,
        official_split=None,
    )  # fmt: skip


def _question(image: Image, number: int, rng: np.random.Generator, *, on_levels: bool) -> Question:
    options = _LEVELS if on_levels else tuple(rng.choice(CLASSES, size=5, replace=False).tolist())
    size = int(rng.integers(1, 3)) if on_levels else 1
    gold = tuple(sorted("ABCDE"[i] for i in rng.choice(5, size=size, replace=False)))
    texts = tuple(options["ABCDE".index(letter)] for letter in gold)
    return Question(
        question_id=f"q-{number}@{number:012d}", kind="mcq",
        task="localization" if on_levels else "diagnosis", source=image.source,
        image_ids=(image.image_id,), text="What does this image of the spine show?",
        options=options, gold=gold, multiple=on_levels,
        disease=str(rng.choice(CLASSES)) if on_levels else texts[0],
        levels=texts if on_levels else ("L4/L5",), side=None, axis=image.view, template="t",
        negatives=(), similarities=(), split="test", patient_id=image.patient_id, finding_ids=(),
        rule="graded/1",
    )  # fmt: skip


def _prediction(question: Question, number: int, rng: np.random.Generator) -> Prediction:
    letters = question.gold
    if rng.random() < 0.4:
        size = len(letters)
        letters = tuple(sorted("ABCDE"[i] for i in rng.choice(5, size=size, replace=False)))
    named = ", ".join(letters)
    text = _REASONING.format(number=number, mm=int(rng.integers(4, 12)))
    plain = "s are" if question.multiple else " is"
    last = f"My final option{'s' if question.multiple else ''}: [{named}]"
    text += f"So the right answer{plain} {named}." if number % 5 == 0 else last
    answered = Prediction(
        question_id=question.question_id, run_id="run", model="bench/model", settings="{}",
        protocol="released", prompt_sha256="0" * 64, epoch=1, letter_map="ABCDE",
        sent_sha256=(f"{number:064d}",), raw_text=text, finish_reason="stop", outcome="answered",
        letters=letters, stage="closing_line", input_tokens=900, output_tokens=150,
        cost_usd=None, seconds=1.0, error=None,
    )  # fmt: skip
    if number % 50 == 7:
        return replace(answered, raw_text="I cannot say.", outcome="unparsed", letters=())
    return answered


def run_child(kind: str, folder: Path) -> None:
    """What one measured process does."""
    if kind == "scored":
        from spinebench.evaluation.breakdown import score_run

        scores = score_run(folder, folder / "predictions.parquet", seed=0)
        print(scores["overall"]["items"])
    else:
        from collections import Counter

        from spinebench.evaluation.outcome import read_answer
        from spinebench.tables import read_frame

        questions = read_frame(folder / "questions.parquet", Question).select(
            "question_id", "options", "multiple"
        )
        rows = read_frame(folder / "predictions.parquet", Prediction).select(
            "question_id", "raw_text", "finish_reason"
        )
        asked = rows.join(questions, on="question_id", how="left", maintain_order="left")
        print(json.dumps(Counter(_read_all(asked.iter_rows(named=True), read_answer))))


def _read_all(rows: Iterator[dict[str, object]], read_answer: object) -> Iterator[str]:
    for row in rows:
        options = dict(zip("ABCDE", row["options"], strict=True))  # type: ignore[call-overload]
        yield read_answer(  # type: ignore[operator]
            row["raw_text"], options, multiple=row["multiple"], finish_reason=row["finish_reason"]
        ).outcome


def measure(folder: Path, kind: str, repeats: int) -> Measured:
    command = [sys.executable, __file__, "--child", kind, str(folder)]
    return min((run_measured(command) for _ in range(repeats)), key=lambda run: run.cpu_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=60_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder, options.answers)
        print(f"| {options.answers} stored answers | wall | CPU | peak memory |")
        print("| --- | --- | --- | --- |")
        for kind, words in (
            ("scored", "scored, every figure and interval"),
            ("extracted", "letters read out of the texts again"),
        ):
            run = measure(folder, kind, options.repeats)
            print(f"| {words} | {run.wall_s:.1f} s | {run.cpu_s:.1f} s | {run.peak_mb:.0f} MB |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        run_child(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
