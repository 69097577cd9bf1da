from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from spinebench.engine import LocalEngine
from spinebench.phantom.truth import TruthRow
from spinebench.phantom.write_options import PhantomOptions
from spinebench.phantom.write_rsna import _draw_numbers, name_studies, write_rsna
from spinebench.sources.base import Reading
from spinebench.sources.registry import SOURCES
from tests.sources.folders import GRADES_HEADER

PATIENTS = 6
Folder = tuple[Path, list[TruthRow], Reading]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    root = tmp_path_factory.mktemp("rsna")
    options = PhantomOptions(matrix=96, test_patients=1)
    truth = write_rsna(root, patients=PATIENTS, seed=4, options=options, engine=LocalEngine(1))
    return root, truth, SOURCES["rsna"].read(root, LocalEngine(1))


def table(root: Path, name: str) -> list[list[str]]:
    text = (root / name).read_bytes().decode()
    assert text.endswith("\n")
    assert "\r" not in text
    return [line.split(",") for line in text.splitlines()]


def test_tables_are_those_of_the_original(folder: Folder) -> None:
    root, _, _ = folder
    assert sorted(path.name for path in root.iterdir()) == [
        "sample_submission.csv",
        "test_images",
        "test_series_descriptions.csv",
        "train.csv",
        "train_images",
        "train_label_coordinates.csv",
        "train_series_descriptions.csv",
    ]
    grades = table(root, "train.csv")
    assert ",".join(grades[0]) == GRADES_HEADER
    studies = [row[0] for row in grades[1:]]
    assert len(studies) == PATIENTS
    assert studies == sorted(studies, key=int)
    assert all(4_003_253 <= int(study) <= 4_290_709_089 for study in studies)
    words = {cell for row in grades[1:] for cell in row[1:]}
    assert words <= {"Normal/Mild", "Moderate", "Severe", ""}
    points = table(root, "train_label_coordinates.csv")
    assert ",".join(points[0]) == "study_id,series_id,instance_number,condition,level,x,y"
    series = table(root, "train_series_descriptions.csv")
    assert series[0] == ["study_id", "series_id", "series_description"]
    assert {row[2] for row in series[1:]} == {"Sagittal T1", "Sagittal T2/STIR", "Axial T2"}
    on_disk = {(p.parent.name, p.name) for p in (root / "train_images").glob("*/*")}
    assert {(row[0], row[1]) for row in series[1:]} == on_disk


def test_hidden_test_set_has_series_and_rows_to_fill_in(folder: Folder) -> None:
    root, _, _ = folder
    series = table(root, "test_series_descriptions.csv")[1:]
    (study,) = {row[0] for row in series}
    assert {p.name for p in (root / "test_images" / study).iterdir()} == {row[1] for row in series}
    rows = table(root, "sample_submission.csv")
    assert rows[0] == ["row_id", "normal_mild", "moderate", "severe"]
    assert rows[1][0] == f"{study}_left_neural_foraminal_narrowing_l1_l2"
    assert len(rows) == 26
    assert study not in {row[0] for row in table(root, "train.csv")}


def test_reader_finds_no_fault(folder: Folder) -> None:
    reasons = {r.reason for r in folder[2].ledger.rejects}
    usual = {"no_labels", "empty_cell", "label_without_coordinate", "levels_may_be_off_by_one"}
    assert reasons <= usual
    assert len(folder[2].findings) > 20 * PATIENTS


def test_points_and_grades_are_the_truth(folder: Folder) -> None:
    _, truth, reading = folder
    told = {
        (row.image_id, row.disease, row.level, row.side): row
        for row in truth
        if row.statement == "finding"
    }
    for finding in reading.findings:
        row = told[finding.image_id, finding.disease, finding.level, finding.side]
        assert row.visible
        assert finding.point_px == pytest.approx((row.x_px, row.y_px), abs=1e-5)
        true_mm = np.array([row.x_mm, row.y_mm, row.z_mm])
        off_mm = float(np.linalg.norm(np.array(finding.point_mm) - true_mm))
        assert off_mm == pytest.approx(row.distance_mm, abs=1e-3)
        assert off_mm < 2.4  # half a gap between slices
        if finding.grade != "ungraded":
            assert finding.grade == {"mild": "none"}.get(str(row.grade), row.grade)


def test_side_is_in_the_header_not_in_the_order(folder: Folder) -> None:
    _, _, reading = folder
    instances: dict[tuple[str, str], dict[str, int]] = {}
    for finding in reading.findings:
        if finding.disease == "Foraminal stenosis":
            assert finding.point_mm is not None
            assert (finding.side == "left") == (finding.point_mm[0] > 0)
            image = reading.images[finding.image_id]
            pair = instances.setdefault((image.study_id, str(finding.level)), {})
            pair[str(finding.side)] = image.instance_number or 0
    orders = {pair["left"] > pair["right"] for pair in instances.values() if len(pair) == 2}
    assert orders == {True, False}


def test_axial_slices_are_one_block_per_disc(folder: Folder) -> None:
    root, _, reading = folder
    axial = {f.image_id: f.level for f in reading.findings if f.disease == "Subarticular Stenosis"}
    study = min(reading.images[i].study_id for i in axial)
    orientation_of: dict[str, set[tuple[float, ...]]] = {}
    for image_id, level in axial.items():
        image = reading.images[image_id]
        if image.study_id == study:
            header = dcmread(root / image.path, stop_before_pixels=True)
            cosines = tuple(round(float(v), 6) for v in header.ImageOrientationPatient)
            orientation_of.setdefault(str(level), set()).add(cosines)
    assert all(len(found) == 1 for found in orientation_of.values())
    assert len({next(iter(found)) for found in orientation_of.values()}) == len(orientation_of) >= 3


def test_header_has_the_tags_of_the_original_and_no_person(folder: Folder) -> None:
    root, _, reading = folder
    image = next(i for i in reading.images.values() if i.sequence == "T1")
    header = dcmread(root / image.path)
    assert header.PatientID == header.StudyInstanceUID == image.study_id
    assert header.SeriesInstanceUID == f"{image.study_id}.{image.series_id}"
    assert header.SOPInstanceUID == f"{image.study_id}.2.{image.instance_number}"
    assert (header.Modality, header.SeriesDescription) == ("MR", "T1")
    assert header.InstanceNumber == image.instance_number == int(Path(image.path).stem)
    assert header.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert (header.Rows, header.Columns, header.pixel_array.dtype) == (96, 96, np.uint16)
    for keyword in ("PatientName", "PatientSex", "PatientAge", "StudyDate", "PatientBirthDate"):
        assert keyword not in header


def test_truth_covers_every_image_level_and_graded_place(folder: Folder) -> None:
    root, truth, _ = folder
    images = {f"rsna:{p.relative_to(root).as_posix()}" for p in root.glob("*_images/*/*/*.dcm")}
    assert {row.image_id for row in truth} == images
    one = [row for row in truth if row.image_id == truth[0].image_id]
    assert [row.level for row in one if row.statement == "position"] == [
        *("T12", "L1", "L1/L2", "L2", "L2/L3", "L3", "L3/L4", "L4", "L4/L5", "L5", "L5/S1", "S1")
    ]
    graded = {
        (row.disease, row.level, row.side)
        for row in one
        if row.measure_kind in ("canal_ap_mm", "foramen_ap_mm", "recess_height_mm")
    }
    assert len(graded) == 25
    # levels run down the picture on every sagittal slice
    sagittal = [row for row in truth if row.view == "SAG" and row.statement == "position"]
    for image_id in {row.image_id for row in sagittal}:
        heights = [row.y_px for row in sagittal if row.image_id == image_id]
        assert heights == sorted(heights)


def test_labelled_slices_only(folder: Folder, tmp_path: Path) -> None:
    _, _, whole = folder
    options = PhantomOptions(matrix=96, test_patients=1, all_slices=False)
    write_rsna(tmp_path, patients=PATIENTS, seed=4, options=options, engine=LocalEngine(1))
    reading = SOURCES["rsna"].read(tmp_path, LocalEngine(1))
    assert reading.findings == whole.findings
    files = {p.relative_to(tmp_path).as_posix() for p in tmp_path.glob("train_images/*/*/*.dcm")}
    assert files == {image.path for image in reading.images.values()}


def test_ids_are_never_alike_and_a_patient_keeps_its_own() -> None:
    few, many = name_studies(5, 0, 9), name_studies(400, 2, 9)
    assert many[:5] == few
    ids = [number for study in many for number in (study.study, *study.series)]
    assert len(set(ids)) == len(ids) == 402 * 5


def test_instance_numbers_run_both_ways_and_interleaved() -> None:
    rng = np.random.default_rng(0)
    drawn = [tuple(_draw_numbers(rng, 5)) for _ in range(2000)]
    share = {order: drawn.count(order) / 2000 for order in set(drawn)}
    assert set(share) == {(1, 2, 3, 4, 5), (5, 4, 3, 2, 1), (1, 4, 2, 5, 3), (3, 5, 2, 4, 1)}
    assert share[1, 2, 3, 4, 5] == pytest.approx(0.9 * 0.64, abs=0.03)
    assert share[3, 5, 2, 4, 1] == pytest.approx(0.1 * 0.36, abs=0.015)


def write_one(tmp_path: Path) -> Reading:
    options = PhantomOptions(matrix=64, test_patients=0, all_slices=False)
    write_rsna(tmp_path, patients=1, seed=1, options=options, engine=LocalEngine(1))
    return SOURCES["rsna"].read(tmp_path, LocalEngine(1))


def levels_of(reading: Reading, disease: str) -> set[str | None]:
    return {f.level for f in reading.findings if f.disease == disease}


def test_levels_outside_the_axial_slices_have_neither_grade_nor_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spinebench.phantom.write_rsna._SHARE_WITHOUT_TOP", 1.0)
    monkeypatch.setattr("spinebench.phantom.write_rsna._SHARE_WITHOUT_TWO", 1.0)
    reading = write_one(tmp_path)
    assert levels_of(reading, "Subarticular Stenosis") == {"L3/L4", "L4/L5", "L5/S1"}
    assert len(levels_of(reading, "Foraminal stenosis")) == 5
    empty = {r.column for r in reading.ledger.rejects if r.reason == "empty_cell"}
    assert empty == {
        f"{side}_subarticular_stenosis_{level}"
        for side in ("left", "right")
        for level in ("l1_l2", "l2_l3")
    }


def test_two_axial_series_share_the_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spinebench.phantom.write_rsna._SHARE_TWO_AXIALS", 1.0)
    reading = write_one(tmp_path)
    by_series: dict[str, set[str | None]] = {}
    for finding in reading.findings:
        if finding.disease == "Subarticular Stenosis":
            series = reading.images[finding.image_id].series_id
            by_series.setdefault(series, set()).add(finding.level)
    assert sorted(by_series.values(), key=len) == [
        {"L4/L5", "L5/S1"},
        {"L1/L2", "L2/L3", "L3/L4"},
    ]


def test_grades_without_points_and_the_reverse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = {"Right Neural Foraminal Narrowing": 1.0}
    monkeypatch.setattr("spinebench.phantom.write_rsna._SHARE_NO_LABEL", shares)
    reading = write_one(tmp_path)
    ungraded = [f for f in reading.findings if f.grade == "ungraded"]
    assert {(f.disease, f.side) for f in ungraded} == {("Foraminal stenosis", "right")}
    assert len(ungraded) == 5
    monkeypatch.setattr("spinebench.phantom.write_rsna._SHARE_NO_POINT", 1.0)
    (tmp_path / "bare").mkdir()
    bare = write_one(tmp_path / "bare")
    assert bare.findings == []
    reasons = [r.reason for r in bare.ledger.rejects]
    assert reasons.count("label_without_coordinate") == 20
    assert reasons.count("empty_cell") == 5
