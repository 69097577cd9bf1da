import base64
import hashlib
import json
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spinebench.engine import LocalEngine
from spinebench.errors import UsageError
from spinebench.phantom.csxa_workbook import HEADERS, TITLE
from spinebench.phantom.film import place_film
from spinebench.phantom.pathology import CERVICAL_RANGE, Lesion
from spinebench.phantom.rng import build_rng
from spinebench.phantom.spine import SpineOptions, sample_spine
from spinebench.phantom.truth import TruthRow
from spinebench.phantom.write import write_phantom
from spinebench.phantom.write_csxa import SHAPE_COUNTS, _sample_neck, write_csxa
from spinebench.phantom.write_options import PhantomOptions
from spinebench.sources.base import Reading
from spinebench.sources.csxa_films import LANDMARKS
from spinebench.sources.registry import SOURCES
from spinebench.sources.xlsxfile import read_xlsx

Folder = tuple[Path, list[TruthRow], Reading]
SMALL = PhantomOptions(film_px=220)
PATIENTS = 14  # enough for the folder to say which way its patients face


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    root = tmp_path_factory.mktemp("csxa")
    truth = write_csxa(root, patients=PATIENTS, seed=5, options=SMALL, engine=LocalEngine(1))
    return root, truth, SOURCES["csxa"].read(root, LocalEngine(1))


def drawing_of(root: Path, stem: str) -> dict:
    loaded: dict = json.loads((root / f"datasets-JSON/{stem}.json").read_text("utf-8"))
    return loaded


def test_layout_is_that_of_the_release(folder: Folder) -> None:
    root, _, reading = folder
    assert sorted(path.name for path in root.iterdir()) == [
        "datasets-JSON",
        "datasets-PNG",
        "datasets.xlsx",
    ]
    stems = sorted(path.stem for path in (root / "datasets-PNG").iterdir())
    assert stems == sorted(path.stem for path in (root / "datasets-JSON").iterdir())
    assert len(stems) == PATIENTS
    assert all(re.fullmatch(r"\d{4}[01]\d\d", stem) for stem in stems)
    assert reading.ledger.rejects == []
    (sheet,) = read_xlsx(root, "datasets.xlsx")
    assert sheet.name == "Sheet1"
    assert sheet.rows[0][0] == TITLE
    assert sheet.rows[1][: len(HEADERS)] == HEADERS
    assert [f"{int(row[0]):04d}" for row in sheet.rows[2:]] == [stem[:4] for stem in stems]


def test_findings_read_back_are_the_truth(folder: Folder) -> None:
    _, truth, reading = folder
    shapes = {row.image_id: row for row in truth if row.level == CERVICAL_RANGE}
    assert set(shapes) == set(reading.images)
    ill = {
        row.image_id
        for row in truth
        if row.statement == "finding" and row.grade != "none" and row.level != CERVICAL_RANGE
    }
    assert 0 < len(ill) <= PATIENTS
    for finding in reading.findings:
        if finding.measure_kind is not None:
            shape = shapes[finding.image_id]
            assert finding.disease == shape.disease
            assert finding.measure == pytest.approx(shape.measure, abs=0.01)
        else:
            word = "Cervical spondylosis" if finding.image_id in ill else "Healthy"
            assert finding.source_words == word
    assert len(reading.findings) == 2 * PATIENTS
    assert {f.measure_kind for f in reading.findings} == {"cobb_c2_c7_deg", None}


def test_images_know_their_patient(folder: Folder) -> None:
    root, truth, reading = folder
    patient_of = {row.image_id: row.patient_id for row in truth}
    for image in reading.images.values():
        stem = Path(image.path).stem
        assert patient_of[image.image_id] == image.patient_id == f"csxa:{stem[:4]}"
        assert image.age_years == int(stem[5:])
        assert image.sex == {"0": "F", "1": "M"}[stem[4]]
        assert image.notes == ()
        with Image.open(root / image.path) as film:
            assert film.mode == "L"
            assert image.spacing_mm == (pytest.approx(235.0 / film.height, rel=0.06),) * 2


def test_drawings_are_those_of_labelme(folder: Folder) -> None:
    root, _, reading = folder
    kinds = set()
    for image in reading.images.values():
        stem = Path(image.path).stem
        drawing = drawing_of(root, stem)
        assert list(drawing) == [
            "version",
            "flags",
            "shapes",
            "imagePath",
            "imageData",
            "imageHeight",
            "imageWidth",
        ]
        assert sorted(shape["label"] for shape in drawing["shapes"]) == sorted(LANDMARKS)
        assert all(len(shape["points"]) == 1 for shape in drawing["shapes"])
        kinds |= {shape["shape_type"] for shape in drawing["shapes"]}
        png = base64.b64decode(drawing["imageData"])
        assert png == (root / image.path).read_bytes()
        with Image.open(BytesIO(png)) as film:
            assert (drawing["imageHeight"], drawing["imageWidth"]) == (film.height, film.width)
    assert kinds == {"point", "polygon"}


def test_landmarks_lie_on_the_bodies(folder: Folder) -> None:
    root, truth, reading = folder
    centre = {
        (row.image_id, row.level): (row.x_px, row.y_px)
        for row in truth
        if row.statement == "position"
    }
    for image in reading.images.values():
        points = {
            shape["label"]: shape["points"][0]
            for shape in drawing_of(root, Path(image.path).stem)["shapes"]
        }
        assert points["C2 centroid"] == pytest.approx(centre[image.image_id, "C2"], abs=1e-3)
        for level in ("C3", "C4", "C5", "C6", "C7"):
            corners = np.array(
                [
                    points[f"{level} {end} {side}"]
                    for end in ("top", "bottom")
                    for side in ("left", "right")
                ]
            )
            assert corners.mean(axis=0) == pytest.approx(centre[image.image_id, level], abs=1e-3)
            (top_left, top_right, low_left, low_right) = corners
            assert top_left[0] < top_right[0]
            assert low_left[0] < low_right[0]
            assert top_left[1] < low_left[1]
            assert top_right[1] < low_right[1]


def test_sizes_of_the_sheet_are_plausible(folder: Folder) -> None:
    root, _, _ = folder
    (sheet,) = read_xlsx(root, "datasets.xlsx")
    names = sheet.rows[1]
    table = {name: np.array([float(r[i]) for r in sheet.rows[2:]]) for i, name in enumerate(names)}
    assert len(names) == len(HEADERS) + 33
    for level in ("C3", "C4", "C5", "C6", "C7"):
        assert table[f"{level} anterior height (mm)"].min() > 10.0
        assert table[f"{level} posterior height (mm)"].max() < 17.0
        assert table[f"{level} top width (mm)"].min() > 13.0
        assert table[f"{level} bottom width (mm)"].max() < 20.0


def test_shape_codes_follow_the_direction_of_the_bend() -> None:
    bends = {}
    for shape in SHAPE_COUNTS:
        spine = _sample_neck(build_rng(1, "a"), "a", 1, shape, ill=False, prevalence=1.0)
        tilt = {name: body.frame.tilt_rad for name, body in spine.vertebrae.items()}
        bends[shape] = (tilt["C5"] - tilt["C7"], tilt["C2"] - tilt["C4"])  # below, above
    assert bends["lordotic"][0] > 0.1
    assert bends["lordotic"][1] > 0.1
    assert bends["sigmoid"][0] > 0.1
    assert bends["sigmoid"][1] < -0.1
    assert bends["reverse sigmoid"][0] < -0.1
    assert bends["reverse sigmoid"][1] > 0.1
    assert bends["kyphotic"][0] < -0.05
    assert bends["kyphotic"][1] < -0.05
    assert max(map(abs, bends["straight"])) < 0.05


def test_reverse_sigmoid_is_a_sigmoid_and_leaves_the_anatomy_alone() -> None:
    spines = [
        sample_spine(
            "k",
            3,
            options=SpineOptions(
                only_forced=True, forced=(Lesion("curvature", CERVICAL_RANGE, subtype=shape),)
            ),
        )
        for shape in ("sigmoid", "reverse sigmoid")
    ]
    for spine in spines:
        (finding,) = [f for f in spine.findings if f.level == CERVICAL_RANGE]
        assert finding.disease == "sigmoid cervical vertebrae"
    sizes = [[body.height_mm for body in spine.vertebrae.values()] for spine in spines]
    assert sizes[0] == sizes[1]
    film = place_film(spines[1], "LAT", "cervical", 200, 160)
    assert film.to_px(spines[1].level_point_mm("C2"))[1] > 0


def test_a_healthy_neck_has_nothing_but_its_shape_and_an_ill_one_has_a_spur() -> None:
    for key in map(str, range(12)):
        rng = build_rng(1, key)
        well = _sample_neck(rng, key, 1, "lordotic", ill=False, prevalence=1.0)
        assert [f.level for f in well.findings if f.is_present and f.level[0] == "C"] == [
            CERVICAL_RANGE
        ]
        ill = _sample_neck(rng, key, 1, "straight", ill=True, prevalence=1.0)
        found = {f.disease for f in ill.findings if f.is_present and f.level.startswith("C")}
        assert {"Osteophytes", "Straight cervical vertebrae"} <= found


def digest(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_same_bytes_whatever_the_workers_and_same_patients_whatever_their_number(
    tmp_path: Path,
) -> None:
    def write(name: str, patients: int, workers: int, *defects: str) -> dict[str, str]:
        summary = write_phantom(
            "csxa",
            tmp_path / name,
            patients=patients,
            seed=1,
            engine=LocalEngine(workers),
            options=PhantomOptions(film_px=200),
            defects=defects,
        )
        assert summary.images == patients + ("identical_film" in defects)
        return digest(tmp_path / name)

    one = write("one", 3, 1, "identical_film", "clutter")
    assert write("two", 3, 2, "identical_film", "clutter") == one
    fewer = write("fewer", 2, 1)
    films = {name for name in fewer if name.startswith("datasets-PNG/")}
    assert len(films) == 2
    assert {name: one[name] for name in films} == {name: fewer[name] for name in films}


def test_more_patients_than_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="10000 patients: case numbers of csxa end at 9999"):
        write_csxa(tmp_path, patients=10_000, seed=1, options=SMALL, engine=LocalEngine(1))
