"""A small benchmark folder and runs on it, written straight from records.

Sixty MR images (source rsna, 384 px, points) and thirty films (source vindr, 1,000 px high, shown
at half size, boxes). Answers are right at a set rate, decided per question by a seeded generator.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from spinebench.benchmark.bundle import Benchmark
from spinebench.records import (
    Finding,
    Image,
    Prediction,
    Question,
    Reject,
    item_seed,
    sha256_of_json,
)
from spinebench.tables import sha256_of_file, write_by_hash, write_json, write_table
from tests.examples import a_finding, a_prediction, a_question, a_reject, an_image

MR_CLASSES = ("Subarticular Stenosis", "Foraminal stenosis", "Spinal Canal Stenosis")
XR_CLASSES = ("Healthy", "Healthy", "Osteophytes", "Disc space narrowing", "Spondylolisthesis")
OPTIONS = (*MR_CLASSES, *dict.fromkeys(XR_CLASSES))
LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
NASTY = "<script>alert('x')</script><img src=x onerror=alert(1)>"

PROMPT_TEXT = "You read images of the spine.\n{question}\n{options}\nMy final option: [X]"


def drawn_pixels(rows: int, cols: int, generator: np.random.Generator) -> np.ndarray:
    """A column of grey blocks on a dark ground, (rows, cols) uint8: enough to be a picture."""
    y, x = np.mgrid[0:rows, 0:cols]
    across = np.exp(-(((x - cols * 0.5) / (cols * 0.16)) ** 2))
    blocks = 0.6 + 0.4 * np.tanh(6 * np.sin(y / rows * 2 * np.pi * 5 + generator.uniform(0, 6)))
    noise = generator.normal(0, 6, (rows, cols))
    return np.clip(20 + 190 * across * blocks + noise, 0, 255).astype(np.uint8)


def write_bench(folder: Path, *, mr: int = 60, films: int = 30, patients_split: int = 3) -> Path:
    """Benchmark folder; every `patients_split`-th patient is in `train`, the others in `test`."""
    images: list[Image] = []
    findings: list[Finding] = []
    questions: list[Question] = []
    for number in range(mr + films):
        is_mr = number < mr
        image, finding = _image_and_finding(folder, number, is_mr)
        images.append(image)
        findings.append(finding)
        split = "train" if int(image.patient_id.split(":")[1]) % patients_split == 0 else "test"
        questions += _questions(number, image, finding, split)
    write_table(folder / "images.parquet", images, Image)
    write_table(folder / "findings.parquet", findings, Finding)
    write_table(folder / "questions.parquet", questions, Question)
    write_table(folder / "rejects.parquet", [a_reject()], Reject)
    write_json(folder / "manifest.json", _manifest(folder, images, questions))
    return folder


def _image_and_finding(folder: Path, number: int, is_mr: bool) -> tuple[Image, Finding]:
    generator = np.random.default_rng(item_seed(1, "picture", str(number)))
    rows, cols, scale = (384, 384, 1.0) if is_mr else (1000, 600, 0.5)
    pixels = drawn_pixels(int(rows * scale), int(cols * scale), generator)
    temporary = folder / "images" / "new.png"
    temporary.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(np.stack([pixels] * 3, axis=-1)).save(temporary, compress_level=1)
    relative, digest = write_by_hash(folder / "images", temporary.read_bytes(), ".png")
    temporary.unlink()
    source = "rsna" if is_mr else "vindr"
    classes = MR_CLASSES if is_mr else XR_CLASSES
    disease = classes[number % len(classes)]
    image_id = f"{source}:{number}.dcm"
    image = an_image(
        image_id=image_id,
        source=source,
        path=f"images/{relative}",
        patient_id=f"{source}:{number // 2}",
        modality="MR" if is_mr else "XR",
        view=("AX", "SAG", "SAG")[number % 3] if is_mr else ("LAT", "AP")[number % 2],
        sequence=("T2", "T1", "T2/STIR")[number % 3] if is_mr else None,
        rows=rows,
        cols=cols,
        file_rows=int(rows * scale),
        file_cols=int(cols * scale),
        scale_x=scale,
        scale_y=scale,
        file_sha256=digest,
        pixel_sha256=f"{number:064d}",
    )
    finding = a_finding(
        finding_id=f"{source}:labels.csv:{number + 2}",
        image_id=image_id,
        disease=None if disease == "Healthy" else disease,
        level=LEVELS[number % 5] if is_mr else None,
        side=None,
        point_px=(180.0, 200.0) if is_mr else None,
        box_px=None if is_mr or disease == "Healthy" else (100.0, 300.0, 219.0, 399.0),
        source_words=disease,
        file="train_label_coordinates.csv" if is_mr else "train.csv",
        row=number + 2,
        grade_file="train.csv" if is_mr else None,
        grade_row=number + 2 if is_mr else None,
        grade_column="severity" if is_mr else None,
    )
    return image, finding


def _questions(number: int, image: Image, finding: Finding, split: str) -> list[Question]:
    disease = finding.disease or "Healthy"
    generator = np.random.default_rng(item_seed(1, "question", str(number)))
    others = [text for text in OPTIONS if text not in (disease, "Healthy")]
    picked = [others[i] for i in generator.permutation(len(others))]
    offered = [disease, *picked[:4]] if disease == "Healthy" else [disease, "Healthy", *picked[:3]]
    options = tuple(offered[i] for i in generator.permutation(5))
    common: dict[str, Any] = {
        "source": image.source,
        "image_ids": (image.image_id,),
        "disease": disease,
        "levels": () if finding.level is None else (finding.level,),
        "split": split,
        "patient_id": image.patient_id,
        "finding_ids": (finding.finding_id,),
        "axis": image.view,
    }
    questions = [
        a_question(
            question_id=f"diagnosis-{number:03d}@{number:012x}",
            text="Which of these does the image show?",
            options=options,
            gold=(ascii_uppercase[options.index(disease)],),
            **common,
        )
    ]
    if finding.level is not None:
        questions.append(
            a_question(
                question_id=f"localization-{number:03d}@{number:012x}",
                task="localization",
                text=f"At which disc levels is {disease} seen?",
                options=LEVELS,
                gold=(ascii_uppercase[LEVELS.index(finding.level)],),
                multiple=True,
                **common,
            )
        )
    return questions


def _manifest(folder: Path, images: list[Image], questions: list[Question]) -> dict[str, Any]:
    asked: dict[str, Counter[str]] = {"diagnosis": Counter(), "localization": Counter()}
    patients: dict[str, set[str]] = {}
    for question in questions:
        asked[question.task][question.split] += 1
        patients.setdefault(question.split, set()).add(question.patient_id)
    classes = Counter(q.disease for q in questions if q.task == "diagnosis")
    tables = sorted(folder.glob("*.parquet"))
    return {
        "kind": "benchmark",
        "spinebench": "0.1.0",
        "seed": 7,
        "label_rule": "released/1",
        "policy": "rgb/1",
        "embedder": "gradient/1",
        "library_per_disease": 200,
        "question_pool": {"name": "core-1", "sha256": "a" * 64},
        "split_shares": {"train": 0.3, "test": 0.7, "reserve": 0.0},
        "duplicates": "fail",
        "sources": {name: _source(name, images) for name in ("rsna", "vindr")},
        "counts": {
            "images": len(images),
            "patients": len({image.patient_id for image in images}),
            "patients_by_split": {split: len(ids) for split, ids in patients.items()},
            "questions": len(questions),
            "questions_by_task_and_split": {task: dict(count) for task, count in asked.items()},
            "diagnosis_by_class": dict(classes),
            "negatives_outside_library": 2,
        },
        "tables": {path.name: sha256_of_file(path) for path in tables},
    }


def _source(name: str, images: list[Image]) -> dict[str, Any]:
    own = [image for image in images if image.source == name]
    return {
        "title": {"rsna": "RSNA 2024 Lumbar Spine", "vindr": "VinDr-SpineXR"}[name],
        "terms": {
            "name": "Terms of " + name,
            "url": f"https://example.org/{name}",
            "summary": "For research only.",
            "redistribution": False,
            "third_party_models": name == "rsna",
        },
        "annotations_sha256": {"train.csv": "b" * 64},
        "images_sha256": "c" * 64,
        "images": len(own),
        "patients": len({image.patient_id for image in own}),
        "accounting": {
            "train.csv": {
                "read": len(own) + 3,
                "used": len(own),
                "dropped": 3,
                "reasons": {"empty_cell": 2, "several_diseases": 1},
            }
        },
    }


def answers_at(rate: float) -> Callable[[Question], tuple[str, ...]]:
    """Answerer that is right at a rate, else names one other option."""

    def answer(question: Question) -> tuple[str, ...]:
        generator = np.random.default_rng(item_seed(2, str(rate), question.question_id))
        if generator.random() < rate:
            return question.gold
        others = [letter for letter in question.lettered if letter not in question.gold]
        return (others[int(generator.integers(len(others)))],)

    return answer


def predictions_of(
    questions: list[Question],
    model: str,
    answer: Callable[[Question], tuple[str, ...]],
    odd: Mapping[str, dict[str, Any]] | None = None,
) -> list[Prediction]:
    """One prediction per test question; `odd` replaces fields by question id."""
    made = []
    for question in (q for q in questions if q.split == "test"):
        letters = answer(question)
        fields: dict[str, Any] = {
            "question_id": question.question_id,
            "run_id": f"run-{model}",
            "model": model,
            "settings": json.dumps({"temperature": 0.0}),
            "letter_map": ascii_uppercase[: len(question.options)],
            "raw_text": "The bright signal is lost there.\n\n"
            f"My final option{'s' if question.multiple else ''}: [{', '.join(letters)}]",
            "letters": letters,
        }
        made.append(a_prediction(**(fields | (odd or {}).get(question.question_id, {}))))
    return made


def write_run(folder: Path, bench: Path, predictions: list[Prediction], **fields: Any) -> Path:
    """Run folder as `run_evaluation` leaves it, without logs; `fields` replace the manifest's."""
    write_table(folder / "predictions.parquet", predictions, Prediction)
    prompts = {
        task: {"text": f"{task}: {PROMPT_TEXT}", "sha256": sha256_of_json({"task": task})}
        for task in ("diagnosis", "localization")
    }
    manifest = {
        "kind": "run",
        "run_id": predictions[0].run_id,
        "spinebench": "0.1.0",
        "model": predictions[0].model,
        "settings": {"temperature": 0.0},
        "protocol": "released",
        "prompts": prompts,
        "benchmark": {"manifest_sha256": sha256_of_file(bench / "manifest.json"), "seed": 7},
        "split": "test",
        "limit": None,
        "complete": not any(p.outcome in ("failed", "not_run") for p in predictions),
        "tables": {"predictions.parquet": sha256_of_file(folder / "predictions.parquet")},
    }
    write_json(folder / "manifest.json", manifest | fields)
    return folder


def write_runs(folder: Path, bench: Benchmark) -> list[Path]:
    """Five runs: three baselines, a model, and one whose name and answers are hostile."""
    questions = bench.questions
    ids = [q.question_id for q in questions if q.split == "test"]
    odd = {
        ids[0]: {"outcome": "unparsed", "letters": (), "raw_text": NASTY},
        ids[1]: {"outcome": "refused", "letters": (), "raw_text": "I cannot help with that."},
        ids[2]: {"outcome": "failed", "letters": (), "raw_text": "", "error": "500"},
    }
    odd |= {key: {"raw_text": NASTY + " My final option: [A]"} for key in ids[3:]}
    rates = {
        "spinebench/random": 0.2,
        "spinebench/metadata": 0.55,
        "spinebench/nearest": 0.6,
        "openai/gpt-4o": 0.85,
        f"evil/{NASTY}": 0.4,
    }
    made = []
    for number, (model, rate) in enumerate(rates.items()):
        predictions = predictions_of(
            questions, model, answers_at(rate), odd if model.startswith("evil") else None
        )
        made.append(write_run(folder / f"run{number}", bench.folder, predictions))
    return made
