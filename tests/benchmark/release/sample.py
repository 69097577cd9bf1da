"""A benchmark of three sources, three tasks and three splits, written straight from records."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from spinebench.benchmark.write import BenchmarkContent, write_benchmark
from spinebench.imaging.standard import pixel_sha256
from spinebench.records import Image, Question, Split, Task, question_content_hash
from spinebench.tables import write_by_hash
from tests.examples import a_finding, a_reject, an_image

LEVELS = ("L4/L5", "L1/L2", "L5/S1", "L3/L4", "L2/L3")
SHAPES = (
    "cervical Kyphosis", "cervical Lordosis", "Straight cervical vertebrae",
    "sigmoid cervical vertebrae",
)  # fmt: skip
FIVE = (
    "Osteophytes", "Healthy", "Foraminal stenosis", "Subarticular Stenosis", "Spinal Canal Stenosis"
)  # fmt: skip
PATIENTS: tuple[Split, ...] = ("train", "test", "test", "reserve")
TERMS = {
    "rsna": {
        "name": "Kaggle rules", "url": "https://example.org/rsna", "summary": "Research only.",
        "redistribution": False, "third_party_models": True,
    },
    "csxa": {
        "name": "CC BY 4.0", "url": "https://example.org/csxa", "summary": "Free | with a name.",
        "redistribution": True, "third_party_models": True,
    },
    "vindr": {
        "name": "PhysioNet", "url": "https://example.org/vindr", "summary": "No sharing.",
        "redistribution": False, "third_party_models": False,
    },
}  # fmt: skip


def picture_bytes(seed: int, rows: int = 24, cols: int = 20, kind: str = "PNG") -> bytes:
    """A picture of noise in RGB."""
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, cols, 3), dtype=np.uint8)
    stream = io.BytesIO()
    PillowImage.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def write_sample(folder: Path, *, free: bool = False) -> Path:
    """The benchmark; `free` says that all its pictures may be given on."""
    images: list[Image] = []
    questions: list[Question] = []
    for number, split in enumerate(PATIENTS):
        slice_ = _image(folder, "rsna", f"train_images/{70 + number}/9/11.dcm", 70 + number, number)
        film = _image(
            folder, "vindr", f"train_images/{number:032x}.dicom", 80 + number, 10 + number
        )
        neck = _image(folder, "csxa", f"films/{number:04d}.png", number, 20 + number)
        images += [slice_, film, neck]
        disease = FIVE[2 + number % 3]
        questions += [
            _question(slice_, "diagnosis", split, FIVE, (disease,), disease),
            _question(slice_, "localization", split, LEVELS, LEVELS[: 1 + number % 3], disease),
            _question(film, "diagnosis", split, FIVE, ("Healthy",), "Healthy"),
            _question(neck, "alignment", split, SHAPES, (SHAPES[number],), SHAPES[number]),
        ]
    content = BenchmarkContent(
        images=sorted(images, key=lambda i: i.image_id),
        findings=[a_finding(image_id=images[0].image_id)],
        questions=sorted(questions, key=lambda q: q.question_id),
        rejects=[a_reject()],
    )
    sources: dict[str, Any] = {
        name: {
            "title": f"Title of {name}",
            "terms": terms | ({"redistribution": True} if free else {}),
            "annotations_sha256": {}, "images_sha256": "", "images": 4, "patients": 4,
            "accounting": {},
        }
        for name, terms in TERMS.items()
    }  # fmt: skip
    about = {
        "seed": 7, "label_rule": "released/1", "policy": "rgb-v1",
        "embedder": "gradient-histograms/1", "sources": sources,
    }  # fmt: skip
    write_benchmark(folder, content, about)
    return folder


def _image(folder: Path, source: str, path: str, patient: int, seed: int) -> Image:
    data = picture_bytes(seed)
    stored, digest = write_by_hash(folder / "images", data, ".png")
    with PillowImage.open(io.BytesIO(data)) as picture:
        pixels = np.asarray(picture)
    mr = source == "rsna"
    return an_image(
        image_id=f"{source}:{path}", source=source, path=f"images/{stored}",
        patient_id=f"{source}:{patient}", study_id=str(patient), series_id="9",
        modality="MR" if mr else "XR", view="AX" if mr else "LAT", sequence="T2" if mr else None,
        rows=24, cols=20, file_rows=24, file_cols=20,
        original_sha256=hashlib.sha256(path.encode()).hexdigest(), file_sha256=digest,
        pixel_sha256=pixel_sha256(pixels), policy="rgb-v1",
    )  # fmt: skip


def _question(
    image: Image, task: Task, split: Split, options: tuple[str, ...], right: tuple[str, ...],
    disease: str,
) -> Question:  # fmt: skip
    gold = tuple(sorted("ABCDE"[options.index(option)] for option in right))
    text = f"About {task}: what does\tthis “spine” show, and\nwhy?"
    content = question_content_hash(
        text=text, options=options, gold=gold, pixel_sha256=(image.pixel_sha256,)
    )
    readable = image.image_id.replace(":", "-").replace("/", ".")
    return Question(
        question_id=f"{task}-{readable}@{content}", kind="mcq", task=task, source=image.source,
        image_ids=(image.image_id,), text=text, options=options, gold=gold,
        multiple=task == "localization", disease=disease, levels=tuple(sorted(right))
        if task == "localization" else (), side=None, axis=image.view, template=f"{task}-01",
        negatives=("Osteophytes",) if task == "diagnosis" else (),
        similarities=(0.1 + 0.2,) if task == "diagnosis" else (), split=split,
        patient_id=image.patient_id, finding_ids=("rsna:train_label_coordinates.csv:2",),
        rule="released/1", rests_on=("rsna:train.csv:2",),
        never_offered=("Vertebral collapse",) if disease == "Foraminal stenosis" else (),
        in_subset=split == "test" and task == "diagnosis",
    )  # fmt: skip
