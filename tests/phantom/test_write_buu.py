import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spinebench.engine import LocalEngine
from spinebench.errors import UsageError
from spinebench.phantom.pathology import PhantomFinding
from spinebench.phantom.truth import TruthRow
from spinebench.phantom.write_buu import (
    KINDS,
    _write_patient,
    codes_by_vertebra,
    draw_slips,
    format_plate_px,
    number_of,
    sample_patient,
    write_buu,
)
from spinebench.phantom.write_options import PhantomOptions
from spinebench.sources.base import Reading
from spinebench.sources.registry import SOURCES

Folder = tuple[Path, list[TruthRow], Reading]
SEED = 3
OPTIONS = PhantomOptions(film_px=260, prevalence=4.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    root = tmp_path_factory.mktemp("buu")
    truth = write_buu(root, patients=8, seed=SEED, options=OPTIONS, engine=LocalEngine(1))
    return root, truth, SOURCES["buu"].read(root, LocalEngine(1))


def plates(root: Path, path: str) -> dict[str, tuple[float, ...]]:
    lines = (root / path).with_suffix(".csv").read_text().splitlines()
    names = [f"L{n}{plate}" for n in range(1, 6) for plate in "ab"] + ["S1a"]
    assert len(lines) == (10 if "/AP/" in path else 11)
    return {name: tuple(map(float, line.split(","))) for name, line in zip(names, lines)}  # noqa: B905


def middle(plate: tuple[float, ...]) -> np.ndarray:
    return np.array([plate[0] + plate[2], plate[1] + plate[3]]) / 2


def test_layout_is_that_of_version_2(folder: Folder) -> None:
    root, _, reading = folder
    assert sorted(path.relative_to(root).as_posix() for path in root.glob("*/*")) == [
        "csv_info/diag_all_BUU_LSPINE_V2.csv",
        "csv_info/image_size_AP_BUU_LSPINE_V2.csv",
        "csv_info/image_size_LA_BUU_LSPINE_V2.csv",
        "csv_info/pixel_spacing_BUU_LSPINE_V2.csv",
        "data/AP",
        "data/LA",
    ]
    for view, digit in (("AP", "0"), ("LA", "1")):
        names = sorted(path.name for path in (root / "data" / view).iterdir())
        assert len(names) == 16
        for name in names:
            assert re.fullmatch(rf"00\d\d-[FM]-0\d\dY{digit}\.(jpg|csv)", name)
    numbers = sorted(path.name[:4] for path in (root / "data/AP").glob("*.jpg"))
    assert numbers == ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0009"]
    spacing = (root / "csv_info/pixel_spacing_BUU_LSPINE_V2.csv").read_text().splitlines()
    assert spacing[0] == "filename\tpixel_spacing"
    assert re.fullmatch(r"0001-[FM]-0\d\dY\t1\.\d{1,3}", spacing[1])
    assert reading.ledger.rejects == []
    assert len(reading.images) == 16


def test_films_are_jpeg_of_the_size_that_csv_info_says(folder: Folder) -> None:
    root, _, reading = folder
    for image in reading.images.values():
        with Image.open(root / image.path) as film:
            assert (film.format, film.mode) == ("JPEG", "L")
            pixels = np.asarray(film)
        assert pixels.std() > 25
        table = root / f"csv_info/image_size_{image.path[5:7]}_BUU_LSPINE_V2.csv"
        rows, cols = pixels.shape
        assert f"{Path(image.path).name},{rows},{cols}\n" in table.read_text()
        assert max(rows, cols) <= 260


def test_findings_read_back_are_the_truth(folder: Folder) -> None:
    _, truth, reading = folder
    expected: dict[str, list[tuple[str, str | None, str]]] = {}
    for row in truth:
        if row.disease == "Spondylolisthesis" and row.visible:
            words = f"{row.side or ''} {row.subtype}".strip()
            expected.setdefault(row.image_id, []).append((row.level, row.side, words))
    found: dict[str, list[tuple[str, str | None, str]]] = {}
    for finding in reading.findings:
        if finding.level is None:
            assert (finding.grade, finding.source_words) == ("none", "0 normal")
            assert finding.image_id not in expected
        else:
            words = finding.source_words.split(" ", 1)[1]
            found.setdefault(finding.image_id, []).append((finding.level, finding.side, words))
    assert found == expected
    assert {words for slips in found.values() for _, _, words in slips} >= {
        "anterolisthesis",
        "retrolisthesis",
    }
    assert len({f.image_id for f in reading.findings}) == 16


def test_slips_are_measured_by_their_end_plates(folder: Folder) -> None:
    _, truth, reading = folder
    real = {
        (row.image_id, row.level): row
        for row in truth
        if row.disease == "Spondylolisthesis" and row.visible
    }
    measured = [f for f in reading.findings if f.measure is not None]
    assert len(measured) >= 4
    for finding in measured:
        row = real[finding.image_id, str(finding.level)]
        assert row.measure is not None
        assert finding.measure_kind == "slip_mm"
        signed = row.measure if row.subtype == "anterolisthesis" else -row.measure
        # bodies slide by their middles along the disc, plates are read at their back corners: L5
        # is deeper than S1, and the back of a lordotic disc looks forwards
        allowed = 3.2 if finding.level == "L5/S1" else 1.7
        assert finding.measure == pytest.approx(signed, abs=allowed)
        assert np.sign(finding.measure) == np.sign(signed)


def test_plates_lie_above_and_below_the_true_bodies_and_discs(folder: Folder) -> None:
    root, truth, reading = folder
    place = {(r.image_id, r.level): r for r in truth if r.statement == "position"}
    for image in reading.images.values():
        spacing = (image.spacing_mm or (0.0,))[0]
        rows = plates(root, image.path)
        for vertebra in ("L1", "L2", "L3", "L4", "L5"):
            real = place[image.image_id, vertebra]
            centre = (middle(rows[f"{vertebra}a"]) + middle(rows[f"{vertebra}b"])) / 2
            off_mm = np.hypot(*(centre - (real.x_px, real.y_px))) * spacing
            assert off_mm < 0.1
        for upper, lower in (("L1", "L2"), ("L3", "L4"), ("L4", "L5")):
            real = place[image.image_id, f"{upper}/{lower}"]
            centre = (middle(rows[f"{upper}b"]) + middle(rows[f"{lower}a"])) / 2
            assert np.hypot(*(centre - (real.x_px, real.y_px))) * spacing < 0.1


def test_lateral_films_face_left_and_both_views_have_one_scale(folder: Folder) -> None:
    root, truth, reading = folder
    spine_of = {
        f"{number_of(index):04d}": sample_patient(index, SEED, prevalence=4.0) for index in range(8)
    }
    backs = {r.image_id: r for r in truth if r.statement == "position" and r.level == "L3"}
    for image in reading.images.values():
        rows = plates(root, image.path)
        assert all(row[0] < row[2] for row in rows.values())
        body = spine_of[image.study_id].vertebrae["L3"]
        assert (image.sex, image.age_years) == (
            spine_of[image.study_id].sex,
            spine_of[image.study_id].age,
        )
        x1, y1, x2, y2, _ = rows["L3a"]
        length_mm = np.hypot(x2 - x1, y2 - y1) * (image.spacing_mm or (0.0,))[0]
        true_mm = body.width_mm if image.view == "AP" else body.depth_mm
        assert length_mm == pytest.approx(true_mm, rel=0.01)
        if image.view == "LAT":
            assert rows["S1a"][3] < rows["S1a"][1]  # the sacrum's back corner is the higher one
            # LPS y grows backwards: the back end of the plate is at the larger column
            assert x2 - backs[image.image_id].x_px > 0
    lateral = [i for i in reading.images.values() if i.view == "LAT"]
    assert len(lateral) == 8


def test_a_patient_depends_on_number_and_seed_alone(folder: Folder, tmp_path: Path) -> None:
    root, truth, _ = folder
    written = _write_patient(tmp_path / "alone", SEED, OPTIONS, 4)
    files = [path for path in (tmp_path / "alone").rglob("*") if path.is_file()]
    assert len(files) == 4
    for path in files:
        twin = root / path.relative_to(tmp_path / "alone")
        assert twin.read_bytes() == path.read_bytes()
    assert written.truth == [row for row in truth if row.study_id == "0005"]
    _write_patient(tmp_path / "other", SEED + 1, OPTIONS, 4)
    ours, others = ({p.read_bytes() for p in d.rglob("*.jpg")} for d in tmp_path.iterdir())
    assert not ours & others


def test_slips_are_as_common_as_the_authors_count() -> None:
    drawn = []
    for seed in range(6000):
        rng = np.random.default_rng(seed)
        drawn.append(draw_slips(rng, int(rng.integers(18, 94)), 1.0))
    slipped = [slips for slips in drawn if slips]
    assert len(slipped) / len(drawn) == pytest.approx(621 / 3600, abs=0.015)
    kinds = Counter(f"{s.side or ''} {s.subtype}".strip() for slips in slipped for s in slips)
    total = sum(KINDS.values())
    for kind, patients in KINDS.items():
        assert kinds[kind] / sum(kinds.values()) == pytest.approx(patients / total, abs=0.04)
    assert all(s.level != "L5/S1" for slips in slipped for s in slips if s.side)
    assert max(len(slips) for slips in slipped) == 2
    old = sum(bool(draw_slips(np.random.default_rng(s), 90, 1.0)) for s in range(2000))
    young = sum(bool(draw_slips(np.random.default_rng(s), 20, 1.0)) for s in range(2000))
    assert old > 3 * young
    assert not any(draw_slips(np.random.default_rng(s), 90, 0.0) for s in range(500))


def test_codes_stand_at_the_upper_vertebra() -> None:
    def slip(level: str, subtype: str, side: str | None = None) -> PhantomFinding:
        return PhantomFinding(
            "Spondylolisthesis",
            level,
            side,  # type: ignore[arg-type] # a side of the test
            "ungraded",
            5.0,
            "slip_mm",
            34.0,
            None,
            subtype,
            (0.0, 0.0, 0.0),
        )

    shown = [slip("L2/L3", "retrolisthesis"), slip("L5/S1", "anterolisthesis")]
    assert codes_by_vertebra(shown) == {"L2": 4, "L5": 3}
    shown = [slip("L3/L4", "laterolisthesis", "left"), slip("L4/L5", "laterolisthesis", "right")]
    assert codes_by_vertebra(shown) == {"L3": 1, "L4": 2}


def test_numbers_have_gaps_and_four_digits(tmp_path: Path) -> None:
    assert [number_of(index) for index in (0, 6, 7, 13, 14)] == [1, 7, 9, 15, 17]
    with pytest.raises(UsageError, match="9000 patients: the names of this set have room for"):
        write_buu(tmp_path, patients=9000, seed=0, options=PhantomOptions(), engine=LocalEngine(1))


def test_coordinates_have_at_most_four_decimals() -> None:
    assert [format_plate_px(v) for v in (876.22219, 1111.472, 150.0)] == [
        "876.2222",
        "1111.472",
        "150",
    ]
