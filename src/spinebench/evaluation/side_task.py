"""The side task: which side is the lesion on? Asked of a phantom's picture and of its mirror image.

A mirrored picture under the same convention shows the lesion on the other side, so the answer must
change. The convention is either told in words (`text`) or burnt in as a letter R (`marker`). With
the marker there is a third picture, mirrored together with the place of its marker: there the
answer must stay, and who reads places instead of the marker is found out.

The folder is a benchmark whose questions are asked in the words of localization, with the options
Left and Right; their label rule tells them apart (`side`), so that they are scored as a task of
their own. `flips.parquet` (schema "flip/1") says which questions belong together.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from spinebench.benchmark.pictures import Picture, PictureJob, read_picture
from spinebench.benchmark.write import BenchmarkContent, write_benchmark
from spinebench.engine import Engine
from spinebench.errors import UsageError
from spinebench.evaluation.perturb_benchmark import store_picture
from spinebench.evaluation.side import SIDE_RULE
from spinebench.evaluation.side_cases import SideCase, list_side_cases, load_truth
from spinebench.folders import check_place, written_whole
from spinebench.imaging.marks import remove_marks
from spinebench.imaging.standard import DEFAULT_POLICY
from spinebench.phantom.truth import TRUTH_FILE
from spinebench.records import Image, Question, item_seed, question_content_hash
from spinebench.sources.base import ImageRef, Source
from spinebench.sources.registry import find_source
from spinebench.tables import Ledger, merged_rejects, sha256_of_file, write_frame

FLIP_TABLE = "flips.parquet"
FLIP_SCHEMA = "flip/1"
Convention = Literal["text", "marker"]
Variant = Literal["plain", "mirrored", "mirrored_with_marker"]
CONVENTIONS: tuple[Convention, ...] = ("text", "marker")
OTHER_SIDE = {"Left": "Right", "Right": "Left"}

_COLUMNS = ("question_id", "pair", "variant", "side", "disease")
_LETTER_SHARE = 0.06  # height of the letter, of the long side
_LETTER_PLACE = (0.05, 0.04)  # of the height and width, from the border
_LETTER_LEAST_PX = 12

Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SideJob:
    """What one worker call needs: a phantom's image, and how its pictures are to be made."""

    root: Path
    ref: ImageRef
    folder: Path
    convention: Convention
    seed: int


def write_flip_task(
    phantom: Path, out: Path, *, convention: str, seed: int, engine: Engine
) -> dict[str, Any]:
    """Manifest of the side task's benchmark, made of a folder of phantoms with their truth.

    Raises UsageError for a folder without truth, or without a picture that can be asked about.
    """
    if convention not in CONVENTIONS:
        raise UsageError(f"unknown convention {convention!r}; there are {', '.join(CONVENTIONS)}")
    kind: Convention = "marker" if convention == "marker" else "text"
    words = load_wordings()
    truth = load_truth(phantom)
    place = check_place(out)
    source = find_source(str(truth["image_id"][0]).partition(":")[0])
    reading = source.read(phantom, engine)
    ledger = Ledger(source.name)
    cases = list_side_cases(truth, list(words["question"]), ledger)
    with written_whole(place) as folder:
        jobs = {
            case.image_id: SideJob(reading.root, reading.images[case.image_id], folder, kind, seed)
            for case in cases
            if case.image_id in reading.images
        }
        made = engine.map(make_pictures, list(jobs.values()), label="side pictures", shard=8)
        pictures: dict[str, dict[Variant, Image] | str] = dict(zip(jobs, made, strict=True))
        images: dict[str, Image] = {}
        questions: list[Question] = []
        rows: list[tuple[str, str, str, str, str]] = []
        for case in cases:
            found = pictures.get(case.image_id, "not_read")
            if isinstance(found, str):
                ledger.drop(TRUTH_FILE, case.row, found)
                continue
            ledger.use(TRUTH_FILE)
            for variant, image in found.items():
                question, side = _ask(case, variant, image, kind, words, seed)
                images[image.image_id] = image
                questions.append(question)
                pair = f"{case.image_id}/{case.disease}"
                rows.append((question.question_id, pair, variant, side, case.disease))
        if not questions:
            raise UsageError(f"{phantom}: no picture with a lesion on one side only{_why(ledger)}")
        ledger.check()
        frame = pl.DataFrame(rows, schema=dict.fromkeys(_COLUMNS, pl.String), orient="row")
        write_frame(folder / FLIP_TABLE, frame, schema=FLIP_SCHEMA)
        content = BenchmarkContent(
            images=list(images.values()), findings=[], questions=questions,
            rejects=merged_rejects([ledger]),
        )  # fmt: skip
        about = _about(phantom, source, kind, seed, words, content, ledger)
        return write_benchmark(folder, content, about)


def load_wordings() -> dict[str, Any]:
    """Wordings of the side task: `name`, `convention` and `question` by disease."""
    file = resources.files("spinebench").joinpath("data/side_task/wordings.toml")
    return tomllib.loads(file.read_text("utf-8"))


def make_pictures(job: SideJob) -> dict[Variant, Image] | str:
    """Pictures of one image by variant, or why there are none. Runs in a worker process."""
    read = read_picture(PictureJob(job.root, job.ref, job.folder))
    if not isinstance(read, Picture):
        return read.reason
    image = read.image
    with PillowImage.open(job.folder / image.path) as picture:
        rgb = np.asarray(picture.convert("RGB"))
    if image.modality == "XR":
        # the film's own marker would contradict a mirrored picture
        rgb, marks = remove_marks(
            rgb, np.random.default_rng(item_seed(job.seed, "side", image.image_id))
        )
        if not marks:
            return "marker_not_found"
    made: dict[Variant, Image] = {}
    for variant, pixels in build_variants(rgb, job.convention).items():
        made[variant] = store_picture(
            image, pixels, job.folder, image_id=f"{image.image_id}~{variant}",
            note=f"side task, {variant}", moved=variant != "plain",
        )  # fmt: skip
    return made


def build_variants(rgb: Rgb, convention: Convention) -> dict[Variant, Rgb]:
    """Pictures by variant from one whose columns run to the patient's left, without a marker."""
    mirrored = np.ascontiguousarray(rgb[:, ::-1])
    if convention == "text":
        return {"plain": rgb, "mirrored": mirrored}
    return {
        "plain": burn_letter(rgb, on_the_right=False),
        "mirrored": burn_letter(mirrored, on_the_right=False),
        "mirrored_with_marker": burn_letter(mirrored, on_the_right=True),
    }


def burn_letter(rgb: Rgb, *, on_the_right: bool, letter: str = "R") -> Rgb:
    """The picture with a white letter at the top, on the left or the right of the picture."""
    rows, cols = rgb.shape[:2]
    size = max(_LETTER_LEAST_PX, round(_LETTER_SHARE * max(rows, cols)))
    font = ImageFont.load_default(size=size)
    picture = PillowImage.fromarray(rgb)
    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = draw.textbbox((0, 0), letter, font=font)
    x = _LETTER_PLACE[1] * cols
    x = cols - x - (right - left) if on_the_right else x
    y = _LETTER_PLACE[0] * rows
    box = (x - 2, y - 2, x + right - left + 2, y + bottom - top + 2)
    draw.rectangle(box, fill=(0, 0, 0))  # readable on any ground
    draw.text((x - left, y - top), letter, fill=(255, 255, 255), font=font)
    return np.asarray(picture)


def _ask(
    case: SideCase,
    variant: Variant,
    image: Image,
    convention: Convention,
    words: Mapping[str, Any],
    seed: int,
) -> tuple[Question, str]:
    """The question on one picture, and the side that is right on it."""
    side = case.side.capitalize()
    if variant == "mirrored":
        side = OTHER_SIDE[side]
    # all pictures of a case have one order of options: a constant letter never looks like a flip
    rng = np.random.default_rng(item_seed(seed, "side_task", case.image_id, case.disease))
    options = ("Left", "Right") if rng.integers(2) else ("Right", "Left")
    gold = ("AB"[options.index(side)],)
    text = f"{words['convention'][convention]} {words['question'][case.disease]}"
    content = question_content_hash(
        text=text, options=options, gold=gold, pixel_sha256=(image.pixel_sha256,)
    )
    readable = case.image_id.replace(":", "-").replace("/", ".")
    kind = "".join(word[0].lower() for word in case.disease.split())
    question = Question(
        question_id=f"side-{readable}~{kind}~{variant}@{content}",
        kind="mcq", task="localization", source=image.source, image_ids=(image.image_id,),
        text=text, options=options, gold=gold, multiple=True, disease=case.disease,
        levels=case.levels, side=side.lower(), axis=image.view,
        template=f"{words['name']}/{convention}", negatives=(), similarities=(), split="test",
        patient_id=image.patient_id, finding_ids=(), rule=SIDE_RULE,
        rests_on=(f"{image.source}:{TRUTH_FILE}:{case.row}",),
    )  # fmt: skip
    return question, side


def _about(
    phantom: Path,
    source: Source,
    convention: Convention,
    seed: int,
    words: Mapping[str, Any],
    content: BenchmarkContent,
    ledger: Ledger,
) -> dict[str, Any]:
    images: Sequence[Image] = content.images
    plain = [q for q in content.questions if "~plain@" in q.question_id]
    return {
        "seed": seed,
        "label_rule": SIDE_RULE,
        "policy": DEFAULT_POLICY.name,
        "sources": {
            source.name: {
                "title": f"{source.title}, phantoms",
                "terms": asdict(source.terms),
                "images": len(images),
                "patients": len({image.patient_id for image in images}),
                "accounting": ledger.summary(),
            }
        },
        "flip_task": {
            "truth_sha256": sha256_of_file(phantom / TRUTH_FILE),
            "convention": convention,
            "wordings": words["name"],
            "pairs": len(plain),
            "sides": dict(sorted(Counter(str(q.side) for q in plain).items())),
            "diseases": dict(sorted(Counter(q.disease for q in plain).items())),
        },
    }


def _why(ledger: Ledger) -> str:
    reasons = Counter(reject.reason for reject in ledger.rejects)
    told = ", ".join(f"{reason} {number}" for reason, number in sorted(reasons.items()))
    return f" ({told})" if told else ""
