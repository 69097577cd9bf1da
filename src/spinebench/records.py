"""The records that every stage hands to the next: frozen, typed, one line per field.

Coordinates: `*_px` are (x, y) = (column, row) in pixels of the original image, pixel centres at
whole numbers; `*_mm` are LPS patient coordinates (+x left, +y posterior, +z superior) in
millimetres. Levels are canonical strings (`L4`, `L4/L5`). `None` always means "not known".
Each record carries the version of its table schema; a change of fields raises it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import ClassVar, Literal

Modality = Literal["XR", "MR", "CT", "OT"]  # OT, as DICOM has it: another, or not known
View = Literal["AP", "LAT", "SAG", "AX", "COR"]
Grade = Literal["none", "mild", "moderate", "severe", "ungraded"]
SideName = Literal["left", "right", "bilateral", "midline"]
Split = Literal["train", "test", "reserve"]
Kind = Literal["mcq", "open", "report", "consultation"]
Task = Literal["diagnosis", "localization", "alignment"]
Outcome = Literal["answered", "unparsed", "refused", "truncated", "failed", "not_run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One 2D picture: where it came from, what it shows, and the bytes that are sent."""

    SCHEMA: ClassVar[str] = "image/1"

    image_id: str  # source + ":" + path relative to the source's root (+ "#frame")
    source: str  # rsna, vindr, ...
    path: str  # of the standard file, relative to the benchmark's folder
    patient_id: (
        str  # source + ":" + PatientID; the study's id where PatientID is missing or constant
    )
    study_id: str
    series_id: str
    modality: Modality
    view: View | None
    sequence: str | None  # "T1", "T2", "T2/STIR"; None outside MR
    frame: int | None  # of a multi-frame file, from 0
    instance_number: int | None  # InstanceNumber; an identifier, never an order in space
    slice_position_mm: float | None  # ImagePositionPatient along the slice normal
    rows: int  # of the original
    cols: int
    file_rows: int  # of the standard file
    file_cols: int
    scale_x: float  # standard pixels per original pixel
    scale_y: float
    spacing_row_mm: float | None  # distance between rows of the original
    spacing_col_mm: float | None
    affine: (
        tuple[float, ...] | None
    )  # 16 numbers, row by row: (column, row, 0, 1) of the original to LPS
    original_sha256: str  # the source file's bytes
    file_sha256: str  # the standard file's bytes: what a model is sent
    pixel_sha256: str  # the standard pixels, whatever the file format
    policy: str  # name and version of the standardising policy
    age_years: float | None
    sex: str | None  # F, M, O
    official_split: str | None  # as the source's authors split it
    notes: tuple[str, ...] = ()  # what had to be assumed or mended


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One statement of a source about one image, with the place it stands at."""

    SCHEMA: ClassVar[str] = "finding/1"

    finding_id: str
    image_id: str
    disease: (
        str | None
    )  # one of the 11 names, a source's own ("Other lesions"), None = explicit normal
    grade: Grade
    measure: float | None  # in the unit that measure_kind names
    measure_kind: str | None  # slip_mm, canal_ap_mm, ...
    level: str | None
    side: SideName | None
    point_px: tuple[float, ...] | None  # (x, y)
    box_px: tuple[float, ...] | None  # (x_min, y_min, x_max, y_max)
    point_mm: tuple[float, ...] | None  # (x, y, z)
    rater: str | None
    source_words: str  # the label as the source writes it
    file: str  # relative to the source's root
    row: int  # from 1, the header being row 1
    grade_file: str | None  # where the grade stands, if elsewhere
    grade_row: int | None
    grade_column: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """One unit of input that was not used, and why. `column` is set where cells are counted."""

    SCHEMA: ClassVar[str] = "reject/1"

    source: str
    file: str
    row: int | None
    column: str | None
    reason: str  # short fixed word, countable
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How well one standard picture can be read; the figures are those of `imaging.quality`."""

    SCHEMA: ClassVar[str] = "quality/1"

    image_id: str
    sharpness: float
    contrast: float
    clipped_low: float  # share of the shown pixels that are black
    clipped_high: float  # share that are white
    padding: float  # share of the picture that is an even border
    rows: int  # of the original, without the border
    cols: int
    clear: bool
    reason: str | None  # why it is not clear, a short fixed word


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One item of a benchmark. Options are lettered from A in the order given."""

    SCHEMA: ClassVar[str] = "question/2"

    question_id: str  # readable id + "@" + content hash
    kind: Kind
    task: Task
    source: str
    image_ids: tuple[str, ...]
    text: str
    options: tuple[str, ...]
    gold: tuple[str, ...]  # letters, sorted
    multiple: bool  # several letters may be right
    disease: str  # the truth's class, "Healthy" among them
    levels: tuple[str, ...]
    side: str | None
    axis: str | None  # view of the image
    template: str  # id of the wording in the question pool
    negatives: tuple[str, ...]  # option texts chosen as distractors, the hardest first
    similarities: tuple[float | None, ...]  # of each negative; None = no library image of it
    split: Split
    patient_id: str
    finding_ids: tuple[str, ...]
    rule: str  # label rule, name and version
    # source rows that decide the truth, "SOURCE:FILE:ROW" or "SOURCE:FILE:ROW:COLUMN", sorted
    rests_on: tuple[str, ...] = ()
    # classes that are, or may be, true of the image beside the gold, by the rule: never offered
    never_offered: tuple[str, ...] = ()
    in_subset: bool = False  # of the evaluation subset, which lies in test

    @property
    def lettered(self) -> dict[str, str]:
        """Options by letter."""
        return dict(zip(ascii_uppercase, self.options, strict=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One answer of one model to one question, with all that is needed to score it again."""

    SCHEMA: ClassVar[str] = "prediction/1"

    question_id: str
    run_id: str
    model: str
    settings: str  # JSON of the generation settings, keys sorted
    protocol: str
    prompt_sha256: str  # of the protocol's text, before a question is filled in
    epoch: int  # from 1
    letter_map: str  # original letters in the order shown: "CABDE" = shown A is original C
    sent_sha256: tuple[str, ...]  # of each image's bytes as sent
    raw_text: str
    finish_reason: str | None
    outcome: Outcome
    letters: tuple[str, ...]  # original letters, sorted; empty unless answered
    stage: str | None  # of the extraction
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    seconds: float | None
    error: str | None


def question_content_hash(
    *, text: str, options: tuple[str, ...], gold: tuple[str, ...], pixel_sha256: tuple[str, ...]
) -> str:
    """First 12 hex digits of what makes a question the same question.

    The encoder, the split and the template's id are left out: another encoder that picks the same
    options does not throw away answers that were paid for.
    """
    content = {"text": text, "options": options, "gold": gold, "pixels": pixel_sha256}
    return sha256_of_json(content)[:12]


def sha256_of_json(value: Mapping[str, object]) -> str:
    """SHA-256 of the value's canonical JSON (keys sorted, no spaces, UTF-8)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def item_seed(seed: int, *key: str) -> list[int]:
    """Entropy for `numpy.random.default_rng`: the seed and a hash of the item's key.

    Each item has its own generator, so nothing depends on order or on the number of workers.
    """
    digest = hashlib.sha256("\x1f".join(key).encode()).digest()
    return [seed, int.from_bytes(digest[:8], "big")]
