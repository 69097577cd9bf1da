import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom import config, dcmread
from pydicom.dataset import FileDataset

from spinebench.engine import LocalEngine
from spinebench.phantom.pathology import PhantomFinding
from spinebench.phantom.truth import TruthRow
from spinebench.phantom.write_options import PhantomOptions
from spinebench.phantom.write_vindr import lesion_cells, write_checksums, write_vindr
from spinebench.sources.base import Reading
from spinebench.sources.registry import SOURCES

Folder = tuple[Path, list[TruthRow], Reading]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    root = tmp_path_factory.mktemp("vindr")
    options = PhantomOptions(film_px=260)
    truth = write_vindr(root, patients=7, seed=2, options=options, engine=LocalEngine(1))
    write_checksums(root)
    return root, truth, SOURCES["vindr"].read(root, LocalEngine(1))


@pytest.fixture(autouse=True)
def _allow_ids_that_are_no_uids() -> Iterator[None]:
    with config.disable_value_validation():
        yield


def header_of(path: Path) -> FileDataset:
    return dcmread(path)


def test_layout_is_that_of_the_release(folder: Folder) -> None:
    root, _, reading = folder
    assert sorted(path.name for path in root.iterdir()) == [
        "LICENSE.txt",
        "SHA256SUMS.txt",
        "annotations",
        "test_images",
        "train_images",
    ]
    assert "phantom" in (root / "LICENSE.txt").read_text()
    for split in ("train", "test"):
        lines = (root / f"annotations/{split}.csv").read_bytes().decode().splitlines()
        assert lines[0] == "study_id,series_id,image_id,rad_id,lesion_type,xmin,ymin,xmax,ymax"
        for line in lines[1:]:
            study, series, image, rater, _, *box = line.split(",")
            assert all(re.fullmatch("[0-9a-f]{32}", name) for name in (study, series, image))
            assert re.fullmatch("rad[1-3]", rater)
            assert len(box) == 4
            assert (root / f"{split}_images/{image}.dicom").is_file()
    assert reading.ledger.rejects == []
    files = list(root.glob("*_images/*"))
    assert len(files) == len(reading.images)


def test_checksums_are_right(folder: Folder) -> None:
    root, _, _ = folder
    lines = (root / "SHA256SUMS.txt").read_text().splitlines()
    assert len(lines) == len(list(root.glob("*_images/*"))) + 3
    for line in lines:
        digest, name = line.split(" ", 1)
        assert hashlib.sha256((root / name).read_bytes()).hexdigest() == digest


def test_header_says_who_and_which_view(folder: Folder) -> None:
    root, truth, reading = folder
    view_of = {row.image_id: row.view for row in truth}
    seen = set()
    for image in reading.images.values():
        header = header_of(root / image.path)
        assert header.StudyInstanceUID == image.study_id
        assert header.SeriesInstanceUID == image.series_id
        assert header.SOPInstanceUID == Path(image.path).stem
        assert f"vindr:{header.PatientID}" == image.patient_id
        assert header.PatientSex in ("F", "M")
        assert re.fullmatch(r"0\d\dY", header.PatientAge)
        assert image.view in (view_of[image.image_id], None)
        assert (image.view is None) == (header.ViewPosition == "")
        assert header.pixel_array.max() < 1 << header.BitsStored
        seen.add((header.PhotometricInterpretation, header.BitsStored))
    assert {photometric for photometric, _ in seen} == {"MONOCHROME1", "MONOCHROME2"}
    assert len({bits for _, bits in seen}) >= 2


def test_every_study_has_a_frontal_and_a_lateral_film(folder: Folder) -> None:
    _, truth, reading = folder
    views: dict[str, set[str]] = {}
    for row in truth:
        views.setdefault(row.study_id, set()).add(row.view)
    assert set(map(frozenset, views.values())) == {frozenset({"AP", "LAT"})}
    assert len(reading.images) == 2 * len(views)
    splits = {(i.study_id, i.official_split) for i in reading.images.values()}
    assert len(splits) == len(views)


def test_rows_are_what_the_film_shows(folder: Folder) -> None:
    _, truth, reading = folder
    visible: dict[str, set[tuple[str, tuple[float, ...]]]] = {}
    for row in truth:
        if row.statement == "finding" and row.visible and row.disease != "cervical Lordosis":
            box = tuple(round(value, 6) for value in row.box_px or ())
            visible.setdefault(row.image_id, set()).add((str(row.disease), box))
    for image_id in reading.images:
        rows = [f for f in reading.findings if f.image_id == image_id]
        if image_id not in visible:
            assert [f.disease for f in rows] == [None]
            continue
        boxes = {(str(f.disease), f.box_px) for f in rows}
        assert boxes <= visible[image_id]
        assert {disease for disease, _ in boxes} == {d for d, _ in visible[image_id]}
    assert visible


def test_monochrome1_is_turned_over(folder: Folder) -> None:
    root, _, reading = folder
    # shutters at the edge are dark as shown: low in MONOCHROME2, high in MONOCHROME1
    for image in reading.images.values():
        header = header_of(root / image.path)
        pixels = header.pixel_array / ((1 << header.BitsStored) - 1)
        shown = 1 - pixels if header.PhotometricInterpretation == "MONOCHROME1" else pixels
        middle = shown[
            len(shown) // 4 : -len(shown) // 4, shown.shape[1] // 3 : -shown.shape[1] // 3
        ]
        assert np.median(middle) > np.quantile(shown, 0.02)
        assert 0.2 < np.median(middle) < 0.95


def phantom_finding(disease: str, level: str, side: str | None) -> PhantomFinding:
    return PhantomFinding(
        disease,
        level,
        side,
        "severe",
        3.0,
        "mm",
        9.0,
        0.7,
        None,
        (0.0, 0.0, 0.0),  # type: ignore[arg-type]
    )


def test_cells_use_the_words_of_the_release() -> None:
    slip = phantom_finding("Spondylolisthesis", "L4/L5", None)
    left = phantom_finding("Foraminal stenosis", "L4/L5", "left")
    right = phantom_finding("Foraminal stenosis", "L4/L5", "right")
    neck = phantom_finding("cervical Lordosis", "C2-C7", None)
    box = (10.0, 20.0, 30.123456789, 40.0)
    assert lesion_cells([(slip, box)]) == [
        ("Spondylolysthesis", "10.0", "20.0", "30.123457", "40.0")
    ]
    # left and right fall on one another in a lateral film; elsewhere they are two
    assert len(lesion_cells([(left, box), (right, box)])) == 1
    assert len(lesion_cells([(left, box), (right, (50.0, 20.0, 70.0, 40.0))])) == 2
    assert lesion_cells([(slip, box), (left, box)])[1][0] == "Foraminal stenosis"
    assert lesion_cells([(neck, box)]) == [("No finding", "", "", "", "")]


def test_some_patients_have_two_studies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("spinebench.phantom.write_vindr._SHARE_TWO_STUDIES", 1.0)
    options = PhantomOptions(film_px=200)
    write_vindr(tmp_path, patients=1, seed=2, options=options, engine=LocalEngine(1))
    reading = SOURCES["vindr"].read(tmp_path, LocalEngine(1))
    assert len({i.study_id for i in reading.images.values()}) == 2
    assert len({i.patient_id for i in reading.images.values()}) == 1
    pixels = {p.read_bytes()[-40000:] for p in tmp_path.glob("*_images/*.dicom")}
    assert len(pixels) == 4
