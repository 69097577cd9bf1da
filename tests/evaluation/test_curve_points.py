"""Answers beside the size of the lesion that the picture shows."""

from pathlib import Path

import polars as pl
import pytest

from spinebench.errors import UsageError
from spinebench.evaluation.curve_points import MEASURES, build_curves, collect_points
from spinebench.phantom.truth import TRUTH_SCHEMA
from spinebench.tables import write_frame
from tests.evaluation.run_folder_of import write_run_folder
from tests.evaluation.truth_rows import truth_frame, truth_row


def answers_of(rows: list[dict[str, object]]) -> pl.DataFrame:
    plain = {
        "epoch": 1, "multiple": False, "counted": True, "correct": True,
        "disease": "Subarticular Stenosis", "options": ["a", "b", "c", "d", "e"],
    }  # fmt: skip
    return pl.DataFrame([{**plain, **row, "patient_id": f"p{i}"} for i, row in enumerate(rows)])


def test_the_largest_visible_finding_of_the_disease_counts() -> None:
    truth = truth_frame(
        [
            truth_row("a", side="left", measure=5.0, expected=7.0, fraction_lost=2 / 7),
            truth_row("a", side="right", measure=4.0, expected=7.0, fraction_lost=3 / 7),
            truth_row("a", side="right", measure=0.5, expected=7.0, visible=False),
            truth_row("a", side=None, disease="Spinal Canal Stenosis", measure_kind="canal_ap_mm",
                      measure=1.0, expected=16.0),
            truth_row("b", side="left", visible=False),
            truth_row("c", side="left", measure=6.0, expected=8.0, fraction_lost=0.25),
        ]
    )  # fmt: skip
    answers = answers_of(
        [
            {"question_id": "1", "image_ids": ["a"]},
            {"question_id": "2", "image_ids": ["a"], "correct": False, "options": ["x", "y"]},
            {"question_id": "3", "image_ids": ["b"]},
            {"question_id": "4", "image_ids": ["a"], "multiple": True},
            {"question_id": "5", "image_ids": ["a"], "counted": False, "correct": None},
            {"question_id": "6", "image_ids": ["c", "a"]},
            {"question_id": "7", "image_ids": ["c~crop-2"]},
            {"question_id": "8", "image_ids": ["c"], "disease": "Healthy"},
        ]
    )
    points, left_out = collect_points(answers, truth, MEASURES["recess"], "mm")
    assert points["question_id"].to_list() == ["1", "2", "6", "7"]
    assert points["x"].to_list() == [3.0, 3.0, 3.0, 2.0]
    assert points["right"].to_list() == [1.0, 0.0, 1.0, 1.0]
    assert points["guess"].to_list() == [0.2, 0.5, 0.2, 0.2]
    assert left_out == {"several_right": 1, "not_counted": 1, "not_visible": 1}
    shares, _ = collect_points(answers, truth, MEASURES["recess"], "share")
    assert shares["x"].to_list() == pytest.approx([3 / 7, 3 / 7, 3 / 7, 0.25])


@pytest.mark.parametrize(
    ("name", "values", "size"),
    [
        ("slip", {"measure": 6.5, "expected": 34.0, "fraction_lost": None}, 6.5),
        ("canal", {"measure": 6.0, "expected": 16.5, "fraction_lost": 0.6}, 10.5),
        ("foramen", {"measure": 3.0, "expected": 8.0, "fraction_lost": 0.6}, 5.0),
        ("disc", {"measure": 4.0, "expected": 10.0, "fraction_lost": 0.6}, 6.0),
        ("collapse", {"measure": 0.4, "expected": 27.0, "fraction_lost": 0.4}, 10.8),
        ("osteophyte", {"measure": 7.0, "expected": 0.0, "fraction_lost": None}, 7.0),
    ],
)
def test_millimetres_of_every_measure(name: str, values: dict[str, float], size: float) -> None:
    measure = MEASURES[name]
    row = truth_row("a", disease=measure.disease, measure_kind=measure.measure_kind, **values)
    answers = answers_of([{"question_id": "1", "image_ids": ["a"], "disease": measure.disease}])
    points, _ = collect_points(answers, truth_frame([row]), measure, "mm")
    assert points["x"].to_list() == [pytest.approx(size)]


def test_curves_of_a_run(bench: Path, tmp_path: Path) -> None:
    run = write_run_folder(tmp_path / "run", bench, lambda question: question.gold)
    rows = [
        truth_row(f"rsna:{patient}/2.0", disease="Osteophytes", measure_kind="osteophyte_mm",
                  measure=float(patient))
        for patient in range(16)
    ]  # fmt: skip
    write_frame(tmp_path / "truth.parquet", truth_frame(rows), schema=TRUTH_SCHEMA)
    (found,) = build_curves(bench, run, [tmp_path / "truth.parquet"])
    assert found.measure.name == "osteophyte"
    assert found.curve.reason == "5 answers, at least 40 are needed"
    assert found.left_out == {"several_right": 5, "not_visible": 5}
    told = found.as_json()
    assert told["threshold"] == {"estimate": None, "low": None, "high": None}
    assert told["bins"][0]["right"]["estimate"] == 1.0


def test_what_cannot_be_drawn_is_told(bench: Path, tmp_path: Path) -> None:
    run = write_run_folder(tmp_path / "run", bench, lambda question: question.gold)
    write_frame(tmp_path / "t.parquet", truth_frame([truth_row("x")]), schema=TRUTH_SCHEMA)
    truth = [tmp_path / "t.parquet"]
    with pytest.raises(UsageError, match="none of its images stands in the truth"):
        build_curves(bench, run, truth)
    with pytest.raises(UsageError, match="no measure 'width'; there are slip, canal"):
        build_curves(bench, run, truth, measures=["width"])
    with pytest.raises(UsageError, match="slip has no share that is lost; ask for it in mm"):
        build_curves(bench, run, truth, measures=["slip"], unit="share")
    with pytest.raises(UsageError, match="unknown unit 'inch'"):
        build_curves(bench, run, truth, unit="inch")
    with pytest.raises(UsageError, match=r"no phantom_truth.parquet there"):
        build_curves(bench, run, [tmp_path])
