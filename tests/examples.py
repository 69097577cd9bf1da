"""Small valid records for tests; each field can be replaced."""

from dataclasses import replace
from typing import Any

from spinebench.records import Finding, Image, Prediction, Question, Reject
from spinebench.sources.base import ImageRef


def an_image(**fields: Any) -> Image:
    image = Image(
        image_id="rsna:train_images/1/2/3.dcm",
        source="rsna",
        path="images/ab/ab.png",
        patient_id="rsna:1",
        study_id="1",
        series_id="2",
        modality="MR",
        view="AX",
        sequence="T2",
        frame=None,
        instance_number=3,
        slice_position_mm=-12.5,
        rows=320,
        cols=256,
        file_rows=320,
        file_cols=256,
        scale_x=1.0,
        scale_y=1.0,
        spacing_row_mm=0.6,
        spacing_col_mm=0.6,
        affine=tuple(float(v) for v in range(16)),
        original_sha256="0" * 64,
        file_sha256="1" * 64,
        pixel_sha256="2" * 64,
        policy="rgb/1",
        age_years=None,
        sex=None,
        official_split="train",
        notes=("a note",),
    )
    return replace(image, **fields)


def an_image_ref(**fields: Any) -> ImageRef:
    ref = ImageRef(
        image_id="rsna:train_images/1/2/3.dcm",
        source="rsna",
        path="train_images/1/2/3.dcm",
        patient_id="rsna:1",
        study_id="1",
        series_id="2",
        modality="MR",
        view="AX",
        sequence="T2",
        instance_number=3,
        official_split="train",
    )
    return replace(ref, **fields)


def a_finding(**fields: Any) -> Finding:
    finding = Finding(
        finding_id="rsna:train_label_coordinates.csv:2",
        image_id="rsna:train_images/1/2/3.dcm",
        disease="Subarticular Stenosis",
        grade="moderate",
        measure=None,
        measure_kind=None,
        level="L4/L5",
        side="left",
        point_px=(173.0, 156.9),
        box_px=None,
        point_mm=(12.0, -3.0, 40.0),
        rater=None,
        source_words="Left Subarticular Stenosis",
        file="train_label_coordinates.csv",
        row=2,
        grade_file="train.csv",
        grade_row=2,
        grade_column="left_subarticular_stenosis_l4_l5",
    )
    return replace(finding, **fields)


def a_question(**fields: Any) -> Question:
    question = Question(
        question_id="diagnosis-rsna-1.2.3@0123456789ab",
        kind="mcq",
        task="diagnosis",
        source="rsna",
        image_ids=("rsna:train_images/1/2/3.dcm",),
        text="Which condition is shown?",
        options=("Healthy", "Subarticular Stenosis", "Osteophytes"),
        gold=("B",),
        multiple=False,
        disease="Subarticular Stenosis",
        levels=("L4/L5",),
        side=None,
        axis="AX",
        template="dx-01",
        negatives=("Osteophytes",),
        similarities=(0.9,),
        split="test",
        patient_id="rsna:1",
        finding_ids=("rsna:train_label_coordinates.csv:2",),
        rule="released/1",
    )
    return replace(question, **fields)


def a_prediction(**fields: Any) -> Prediction:
    prediction = Prediction(
        question_id="diagnosis-rsna-1.2.3@0123456789ab",
        run_id="run",
        model="spinebench/random",
        settings="{}",
        protocol="released",
        prompt_sha256="3" * 64,
        epoch=1,
        letter_map="ABC",
        sent_sha256=("1" * 64,),
        raw_text="My final option: [B]",
        finish_reason="stop",
        outcome="answered",
        letters=("B",),
        stage="closing_line",
        input_tokens=10,
        output_tokens=5,
        cost_usd=None,
        seconds=0.1,
        error=None,
    )
    return replace(prediction, **fields)


def a_reject(**fields: Any) -> Reject:
    reject = Reject(
        source="rsna", file="train.csv", row=2, column="x", reason="empty_cell", detail=""
    )
    return replace(reject, **fields)
