"""A small benchmark folder, written straight from records: 16 patients, two sources, all splits."""

import hashlib
import io
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image as PillowImage

from spinebench.benchmark.bundle import EMBEDDING_SCHEMA, Benchmark
from spinebench.benchmark.embed import DEFAULT_EMBEDDER, load_embedder
from spinebench.records import (
    Finding,
    Image,
    Question,
    Reject,
    Split,
    question_content_hash,
)
from spinebench.tables import (
    sha256_of_file,
    write_by_hash,
    write_frame,
    write_json,
    write_table,
)

LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
# what a class looks like here: where a bright bar lies, as a share of the height
CLASSES = {
    "Spinal canal stenosis": 0.2,
    "Neural foraminal narrowing": 0.4,
    "Osteophytes": 0.6,
    "Healthy": 0.8,
}
OTHERS = ("Disc space narrowing", "Spondylolysthesis")
SPLITS: tuple[Split, ...] = ("train",) * 9 + ("test",) * 5 + ("reserve",) * 2
TERMS = {
    "rsna": {
        "name": "Kaggle rules", "url": "https://example.org/rsna", "summary": "Research only.",
        "redistribution": False, "third_party_models": True,
    },
    "vindr": {
        "name": "PhysioNet Credentialed 1.5", "url": "https://example.org/vindr",
        "summary": "No sharing with third parties.",
        "redistribution": False, "third_party_models": False,
    },
}  # fmt: skip


def draw_png(bar: float, seed: int, rows: int = 48, cols: int = 40) -> bytes:
    """A grey field with a bright bar at a share of the height, and noise that makes it unique."""
    pixels = np.random.default_rng(seed).integers(0, 40, size=(rows, cols)).astype(np.uint8)
    pixels[int(bar * rows) : int(bar * rows) + 6] += 180
    stream = io.BytesIO()
    PillowImage.fromarray(np.stack([pixels] * 3, axis=-1)).save(stream, "PNG")
    return stream.getvalue()


def build_image(folder: Path, source: str, patient: int, name: str, png: bytes) -> Image:
    path, digest = write_by_hash(folder / "images", png, ".png")
    with PillowImage.open(io.BytesIO(png)) as picture:
        pixels = np.asarray(picture)
    mr = source == "rsna"
    return Image(
        image_id=f"{source}:{patient}/{name}", source=source, path=f"images/{path}",
        patient_id=f"{source}:{patient}", study_id=f"{source}:{patient}", series_id=f"{patient}.1",
        modality="MR" if mr else "XR", view="SAG" if mr else "LAT",
        sequence=("T1" if patient % 2 else "T2/STIR") if mr else None,
        frame=None, instance_number=1, slice_position_mm=None, rows=480, cols=400,
        file_rows=48, file_cols=40, scale_x=0.1, scale_y=0.1, spacing_row_mm=None,
        spacing_col_mm=None, affine=None, original_sha256=digest, file_sha256=digest,
        pixel_sha256=hashlib.sha256(pixels.tobytes()).hexdigest(), policy="test/1",
        age_years=None, sex=None, official_split=None,
    )  # fmt: skip


def build_question(
    image: Image, split: Split, *, task: str, disease: str, options: tuple[str, ...],
    right: tuple[str, ...], text: str,
) -> Question:  # fmt: skip
    gold = tuple(sorted("ABCDE"[options.index(option)] for option in right))
    content = question_content_hash(
        text=text, options=options, gold=gold, pixel_sha256=(image.pixel_sha256,)
    )
    return Question(
        question_id=f"{task}-{image.image_id.replace(':', '-').replace('/', '.')}@{content}",
        kind="mcq", task=task, source=image.source, image_ids=(image.image_id,), text=text,  # type: ignore[arg-type]
        options=options, gold=gold, multiple=task == "localization", disease=disease,
        levels=() if disease == "Healthy" else right if task == "localization" else ("L4/L5",),
        side=None, axis=image.view, template="t", negatives=(), similarities=(), split=split,
        patient_id=image.patient_id, finding_ids=(), rule="released/1",
    )  # fmt: skip


def write_benchmark(folder: Path, *, copies: int = 1) -> Path:
    """Write the benchmark; `copies` repeats every patient's images with other noise."""
    images: list[Image] = []
    questions: list[Question] = []
    for source in ("rsna", "vindr"):
        for patient, split in enumerate(SPLITS):
            for copy in range(copies):
                for place, (disease, bar) in enumerate(CLASSES.items()):
                    seed = 1000 * patient + 10 * place + 100_000 * copy + (source == "rsna")
                    png = draw_png(bar, seed)
                    image = build_image(folder, source, patient, f"{place}.{copy}", png)
                    images.append(image)
                    questions += _questions_of(image, split, disease, patient + place)
    write_tables(folder, images, questions)
    return folder


def _questions_of(image: Image, split: Split, disease: str, turn: int) -> list[Question]:
    options = tuple(np.roll([*CLASSES, OTHERS[turn % 2]], turn).tolist())
    found = [
        build_question(
            image, split, task="diagnosis", disease=disease, options=options, right=(disease,),
            text=("What does this spine show?", "Name the condition.")[turn % 2],
        )
    ]  # fmt: skip
    if image.source == "rsna" and disease != "Healthy":
        right = ("L4/L5",) if turn % 3 else ("L3/L4", "L5/S1")
        found.append(
            build_question(
                image, split, task="localization", disease=disease,
                options=tuple(np.roll(LEVELS, turn).tolist()), right=right,
                text="At which levels is the lesion?",
            )
        )  # fmt: skip
    return found


def write_tables(folder: Path, images: list[Image], questions: list[Question]) -> None:
    """Write, or write anew, every table of the benchmark and its manifest."""
    embedder = load_embedder(DEFAULT_EMBEDDER)
    vectors = []
    for image in images:
        with PillowImage.open(folder / image.path) as picture:
            vectors.append(embedder.embed([np.asarray(picture.convert("RGB"))])[0].tolist())
    frame = pl.DataFrame(
        {"image_id": [i.image_id for i in images], "vector": vectors},
        schema={"image_id": pl.String, "vector": pl.List(pl.Float32)},
    )
    write_frame(folder / "embeddings.parquet", frame, schema=EMBEDDING_SCHEMA)
    write_table(folder / "images.parquet", images, Image)
    write_table(folder / "findings.parquet", [], Finding)
    write_table(folder / "rejects.parquet", [], Reject)
    write_table(folder / "questions.parquet", questions, Question)
    names = [f"{n}.parquet" for n in ("embeddings", "images", "findings", "rejects", "questions")]
    manifest = {
        "kind": "benchmark", "seed": 7, "embedder": DEFAULT_EMBEDDER, "policy": "test/1",
        "label_rule": "released/1",
        "sources": {name: {"terms": terms} for name, terms in TERMS.items()},
        "tables": {name: sha256_of_file(folder / name) for name in names},
    }  # fmt: skip
    write_json(folder / "manifest.json", manifest)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The benchmark folder; nobody writes into it."""
    return write_benchmark(tmp_path_factory.mktemp("evaluation") / "bench")


@pytest.fixture(scope="session")
def benchmark_of(bench: Path) -> Benchmark:
    return Benchmark.load(bench)


@pytest.fixture
def edited(bench: Path, tmp_path: Path) -> Path:
    """A copy of the benchmark that a test may spoil."""
    return Path(shutil.copytree(bench, tmp_path / "bench"))
