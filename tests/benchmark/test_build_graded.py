"""Builds under `graded/1` from an RSNA folder written by hand."""

from pathlib import Path

import numpy as np
import pytest

from spinebench.benchmark.build import BuildOptions, build_benchmark
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.split import SplitShares
from spinebench.engine import LocalEngine
from tests.sources.folders import AXI, GRADES_HEADER, SAG, mr_bytes, write_files

NORMAL, ILL, LEVELS = "11", "12", ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
CANAL = "Spinal Canal Stenosis"


def grades(**changed: str) -> str:
    columns = GRADES_HEADER.split(",")[1:]
    return ",".join(changed.get(column, "Normal/Mild") for column in columns)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study normal in all 25 cells, points on its canal only; a study with one severe canal."""
    points = ["study_id,series_id,instance_number,condition,level,x,y"]
    points += [f"{NORMAL},101,1,{CANAL},{level},20,{5 + 8 * n}" for n, level in enumerate(LEVELS)]
    points += [f"{ILL},201,1,{CANAL},{level},20,{5 + 8 * n}" for n, level in enumerate(LEVELS)]
    points += [f"{ILL},202,4,Left Subarticular Stenosis,L1/L2,40,20"]
    ill = grades(spinal_canal_stenosis_l4_l5="Severe", left_subarticular_stenosis_l5_s1="")
    files: dict[str, str | bytes] = {
        "train.csv": f"{GRADES_HEADER}\n{NORMAL},{grades()}\n{ILL},{ill}\n",
        "train_label_coordinates.csv": "\n".join(points) + "\n",
        "train_series_descriptions.csv": "study_id,series_id,series_description\n"
        f"{NORMAL},101,Sagittal T2/STIR\n{ILL},201,Sagittal T2/STIR\n{ILL},202,Axial T2\n",
    }
    for study, series, number, look in (
        (NORMAL, "101", 1, SAG), (ILL, "201", 1, SAG), (ILL, "202", 4, AXI),
    ):  # fmt: skip
        content = mr_bytes(study, series, number, position=(0.0, -20.0, 10.0), orientation=look)
        pixels = np.random.default_rng(int(series)).integers(0, 4096, 48 * 64, dtype="<u2")
        content = content[: -pixels.nbytes] + pixels.tobytes()
        files[f"train_images/{study}/{series}/{number}.dcm"] = content
    return write_files(tmp_path / "rsna", files)


def build(folder: Path, out: Path) -> Benchmark:
    options = BuildOptions(rule="graded", shares=SplitShares(test=1.0, reserve=0.0))
    build_benchmark({"rsna": folder}, out, options=options, engine=LocalEngine(1))
    return Benchmark.load(out)


def test_what_is_asked_and_what_it_rests_on(folder: Path, tmp_path: Path) -> None:
    bench = build(folder, tmp_path / "bench")
    asked = {(q.task, q.image_ids[0].split("/")[2], q.disease, q.levels) for q in bench.questions}
    assert asked == {
        ("diagnosis", "101", "Healthy", ()),
        ("diagnosis", "201", CANAL, ("L4/L5",)),
        ("localization", "201", CANAL, ("L4/L5",)),
        ("diagnosis", "202", "Healthy", ()),  # its level, L1/L2, is normal in all five cells
    }
    by_series = {q.image_ids[0].split("/")[2]: q for q in bench.questions if q.task == "diagnosis"}
    cells = [row for row in by_series["101"].rests_on if row.startswith("rsna:train.csv:2:")]
    assert len(cells) == 25
    assert len(by_series["101"].rests_on) == 25 + 5
    assert by_series["201"].rests_on == (
        "rsna:train.csv:3:spinal_canal_stenosis_l4_l5",
        "rsna:train_label_coordinates.csv:10",
    )
    # an empty cell of the study: not known to be wrong, so not offered
    assert by_series["201"].never_offered == ("Subarticular Stenosis",)
    assert "Subarticular Stenosis" not in by_series["201"].options
    shapes = {"cervical Lordosis", "cervical Kyphosis"}
    assert not any(shapes & set(q.options) for q in bench.questions)


def test_grades_without_a_point_are_used_where_a_question_rests_on_them(
    folder: Path, tmp_path: Path
) -> None:
    bench = build(folder, tmp_path / "bench")
    account = bench.manifest["sources"]["rsna"]["accounting"]["train.csv"]
    # the first study's 25; of the second its five canal cells, and four more at L1/L2
    assert (account["read"], account["used"]) == (50, 25 + 5 + 4)
    assert account["reasons"] == {"empty_cell": 1, "label_without_coordinate": 15}


def test_library_from_train_only(folder: Path, tmp_path: Path) -> None:
    bench = build(folder, tmp_path / "bench")  # all patients in test: nothing in the library
    diagnoses = [q for q in bench.questions if q.task == "diagnosis"]
    assert [set(q.similarities) for q in diagnoses] == [{None}] * 3
