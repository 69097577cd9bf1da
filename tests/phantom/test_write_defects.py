import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spinebench.engine import LocalEngine
from spinebench.errors import UsageError
from spinebench.imaging.dicom import read_dicom
from spinebench.imaging.standard import standardise
from spinebench.phantom import write_buu as write_buu_module
from spinebench.phantom import write_csxa as write_csxa_module
from spinebench.phantom import write_vindr as write_vindr_module
from spinebench.phantom.defect_bed import DEFECTS
from spinebench.phantom.defects import Planted, load_defects, parse_defects, plant_defects
from spinebench.phantom.film import FilmRegion, View, place_film
from spinebench.phantom.rendered import RenderedImage
from spinebench.phantom.spine import Spine
from spinebench.phantom.truth import TruthRow
from spinebench.phantom.write_buu import write_buu
from spinebench.phantom.write_csxa import write_csxa
from spinebench.phantom.write_options import PhantomOptions
from spinebench.phantom.write_rsna import write_rsna
from spinebench.phantom.write_vindr import write_vindr
from spinebench.records import Finding
from spinebench.sources.base import Reading
from spinebench.sources.registry import SOURCES

ENGINE = LocalEngine(1)
SMALL = PhantomOptions(matrix=64, film_px=220, test_patients=1, all_slices=False)
WRITTEN = (
    ("rsna", write_rsna, 16),
    ("vindr", write_vindr, 20),
    ("csxa", write_csxa, 24),
    ("buu", write_buu, 40),
)
Clean = dict[str, tuple[Path, list[TruthRow], Reading]]
Plantation = tuple[Path, list[Planted], list[TruthRow], Reading]


def render_wedge(
    spine: Spine, *, view: View, region: FilmRegion, rows: int, cols: int, seed: int
) -> RenderedImage:
    """A film in its true place that shows only a grey wedge: here tables matter, not anatomy."""
    film = place_film(spine, view, region, rows, cols)
    # no two patients, nor two films of one, have the same picture
    white = 3000 - 40 * int(spine.key.rsplit("/", 1)[1]) - (20 if view == "LAT" else 0)
    pixels = np.broadcast_to(np.linspace(200, white, cols), (rows, cols)).astype(np.uint16)
    return RenderedImage(pixels, film.affine_lps, (film.spacing_mm,) * 2, 0.0, view)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Clean:
    """A folder of each source without defects, its truth and its reading."""
    made: Clean = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write_vindr_module, "render_xray", render_wedge)
        patch.setattr(write_csxa_module, "render_xray", render_wedge)
        patch.setattr(write_buu_module, "render_xray", render_wedge)
        _fill(made, tmp_path_factory)
    return made


def _fill(made: Clean, tmp_path_factory: pytest.TempPathFactory) -> None:
    for source, write, patients in WRITTEN:
        root = tmp_path_factory.mktemp(source) / "clean"
        truth = write(root, patients=patients, seed=3, options=SMALL, engine=ENGINE)
        made[source] = root, truth, SOURCES[source].read(root, ENGINE)


def plant(clean: Clean, tmp_path: Path, source: str, *names: str) -> Plantation:
    root, truth, _ = clean[source]
    folder = tmp_path / "planted"
    shutil.copytree(root, folder)
    planted, truth_now = plant_defects(folder, source, frozenset(names), seed=3, truth=truth)
    return folder, planted, truth_now, SOURCES[source].read(folder, ENGINE)


def without_rows(finding: Finding) -> Finding:
    """The finding without the numbers of rows, which move when a row is added or taken away."""
    return replace(finding, finding_id="", row=0, grade_row=None)


def elsewhere(reading: Reading, place: str) -> set[Finding]:
    """Findings of all images but those of the planted study or film."""
    return {
        without_rows(f)
        for f in reading.findings
        if place not in f.image_id and reading.images[f.image_id].study_id != place
    }


# What each plant is expected to change besides its ledger lines: findings lost at its place.
LOST = {
    ("rsna", "levels_off_by_one"): 0,
    ("rsna", "levels_not_monotone"): 0,
    ("rsna", "missing_series"): 10,
    ("rsna", "hard_axial_study"): 0,
    ("rsna", "cervical_series"): 5,
    ("rsna", "foramina_on_one_slice"): 2,
    ("rsna", "foramina_swapped"): 2,
    ("rsna", "axial_swapped"): 2,
    ("rsna", "label_without_point"): 1,
    ("rsna", "point_without_label"): 0,
    ("rsna", "point_outside_image"): 1,
    ("rsna", "large_instance_number"): 0,
    ("rsna", "mixed_matrix"): 0,
    ("rsna", "zero_byte_file"): 5,
    ("rsna", "duplicate_row"): 0,
    ("rsna", "series_without_label"): 0,
    ("rsna", "clutter"): 0,
    ("vindr", "missing_patient_id"): 0,
    ("vindr", "malformed_window"): 0,
    ("vindr", "jpeg2000_film"): 0,
    ("vindr", "box_outside_image"): 0,
    ("vindr", "empty_box"): 1,
    ("vindr", "missing_box"): 1,
    ("vindr", "near_duplicate_box"): -1,
    ("vindr", "duplicate_row"): 0,
    ("vindr", "no_finding_with_lesion"): 0,
    ("vindr", "surgical_implant"): 0,
    ("vindr", "other_lesion"): 0,
    ("vindr", "constant_patient_id"): 0,
    ("vindr", "clutter"): 0,
    ("csxa", "row_without_image"): 0,
    ("csxa", "image_without_row"): 2,
    ("csxa", "no_curvature"): 2,
    ("csxa", "age_disagrees"): 0,
    ("csxa", "duplicate_row"): 0,
    ("csxa", "contradictory_rows"): 2,
    ("csxa", "duplicate_landmark"): 0,
    ("csxa", "landmark_outside"): 0,
    ("csxa", "json_size"): 0,
    ("csxa", "missing_json"): 0,
    ("csxa", "broken_json"): 0,
    ("csxa", "nested_json"): 0,
    ("csxa", "truncated_file"): 2,
    ("csxa", "zero_byte_file"): 2,
    ("csxa", "identical_film"): 0,
    ("csxa", "clutter"): 0,
    ("buu", "swapped_end_points"): 0,
    ("buu", "wrong_row_count"): 1,
    ("buu", "film_without_table"): 1,
    ("buu", "missing_file"): 1,
    ("buu", "truncated_file"): 1,
    ("buu", "zero_byte_file"): 1,
    ("buu", "code_on_upper_plate"): 0,
    ("buu", "unknown_class"): 1,
    ("buu", "malformed_number"): 1,
    ("buu", "point_outside_image"): 1,
    ("buu", "missing_class"): 0,
    ("buu", "missing_spacing"): 0,
    ("buu", "other_diagnosis"): 0,
    ("buu", "other_size"): 0,
    ("buu", "patient_in_two_releases"): 0,
    ("buu", "film_of_two_patients"): 1,
    ("buu", "malformed_name"): 0,
    ("buu", "clutter"): 0,
}
ALL = [(source, name) for source in DEFECTS for name in load_defects(source)]


@pytest.mark.parametrize(("source", "name"), ALL, ids=[f"{s}-{n}" for s, n in ALL])
def test_reader_names_the_defect_and_reads_the_rest_unchanged(
    clean: Clean, tmp_path: Path, source: str, name: str
) -> None:
    _, _, before = clean[source]
    _, planted, _, after = plant(clean, tmp_path, source, name)
    (one,) = planted
    assert (one.name, one.place != "") == (name, True)
    gained = Counter(r.reason for r in after.ledger.rejects)
    gained.subtract(r.reason for r in before.ledger.rejects)
    assert {reason for reason, times in gained.items() if times > 0} == set(one.reasons)
    renamed = after.images.keys() - before.images.keys()
    if not renamed:
        assert elsewhere(after, one.place) == elsewhere(before, one.place)
    lost = len(before.findings) - len(after.findings)
    assert lost == LOST.get((source, name), lost)
    assert lost > 0 or LOST[source, name] <= 0
    after.check_accounted()


@pytest.mark.parametrize("source", DEFECTS)
def test_every_known_reason_of_a_plant_is_documented(source: str) -> None:
    text = Path(__file__).parents[2].joinpath("docs", "sources.md").read_text("utf-8")
    for defect in load_defects(source).values():
        assert f"| `{defect.name}` |" in text
        for reason in defect.reasons:
            assert f"`{reason}`" in text


@pytest.mark.parametrize("source", DEFECTS)
def test_all_at_once_have_places_of_their_own(clean: Clean, tmp_path: Path, source: str) -> None:
    names = parse_defects(source, ["all"])
    _, planted, _, reading = plant(clean, tmp_path, source, *names)
    reasons = {r.reason for r in reading.ledger.rejects}
    assert {reason for one in planted for reason in one.reasons} <= reasons
    assert [one.name for one in planted] == list(load_defects(source))
    if source == "vindr":
        places = [p.place for p in planted if p.name not in ("clutter", "constant_patient_id")]
        assert len(places) == len(set(places))


def test_too_few_patients_are_told(tmp_path: Path) -> None:
    truth = write_rsna(tmp_path, patients=1, seed=1, options=SMALL, engine=ENGINE)
    with pytest.raises(UsageError, match=r"no unspoilt place left for the defect .*more patients"):
        plant_defects(tmp_path, "rsna", parse_defects("rsna", ["all"]), seed=1, truth=truth)


def test_names_are_parsed() -> None:
    assert parse_defects("vindr", ["clutter, empty_box", "missing_box"]) == {
        "clutter",
        "empty_box",
        "missing_box",
    }
    assert parse_defects("rsna", ["all"]) == frozenset(load_defects("rsna"))
    assert parse_defects("rsna", []) == frozenset()
    with pytest.raises(UsageError, match="no defect 'empty_box' in rsna; there are all, axial_sw"):
        parse_defects("rsna", ["clutter,empty_box"])


def test_truth_follows_renamed_and_missing_images(clean: Clean, tmp_path: Path) -> None:
    _, before, _ = clean["rsna"]
    folder, _, now, reading = plant(
        clean, tmp_path, "rsna", "hard_axial_study", "large_instance_number", "missing_file"
    )
    assert len({row.image_id for row in before} - {row.image_id for row in now}) > 0
    assert len({row.image_id for row in now}) == len({row.image_id for row in before}) - 1
    for row in now:
        assert (folder / row.image_id.removeprefix("rsna:")).is_file()
    renamed = [row for row in now if row.study_id == "391103067"]
    assert renamed
    assert {row.patient_id for row in renamed} == {"rsna:391103067"}
    assert set(reading.images) <= {row.image_id for row in now}
    assert any(int(image.instance_number or 0) > 5000 for image in reading.images.values())


def test_malformed_window_is_what_the_release_has_and_still_shows(
    clean: Clean, tmp_path: Path
) -> None:
    folder, planted, _, _ = plant(clean, tmp_path, "vindr", "malformed_window")
    data = (folder / planted[0].place).read_bytes()
    assert b"\x28\x00\x50\x10DS\x06\x0032688," in data
    (raster,) = read_dicom(folder / planted[0].place)
    before = read_dicom(clean["vindr"][0] / planted[0].place)[0]
    assert (raster.pixels == before.pixels).all()
    assert standardise(raster).rgb.std() > 20


def test_jpeg2000_film_keeps_every_pixel(clean: Clean, tmp_path: Path) -> None:
    folder, planted, _, _ = plant(clean, tmp_path, "vindr", "jpeg2000_film")
    (raster,) = read_dicom(folder / planted[0].place)
    before = read_dicom(clean["vindr"][0] / planted[0].place)[0]
    assert (raster.pixels == before.pixels).all()
    assert b"1.2.840.10008.1.2.4.90" in (folder / planted[0].place).read_bytes()[:400]


@pytest.mark.parametrize("name", ["surgical_implant", "other_lesion"])
def test_painted_lesion_is_white_inside_its_box_and_nothing_else_changes(
    clean: Clean, tmp_path: Path, name: str
) -> None:
    folder, planted, _, reading = plant(clean, tmp_path, "vindr", name)
    path = planted[0].place
    (finding,) = [f for f in reading.findings if f.image_id == f"vindr:{path}"]
    assert (
        finding.source_words
        == {
            "surgical_implant": "Surgical implant",
            "other_lesion": "Other lesions",
        }[name]
    )
    after = standardise(read_dicom(folder / path)[0]).rgb[..., 0].astype(int)
    before = standardise(read_dicom(clean["vindr"][0] / path)[0]).rgb[..., 0].astype(int)
    x_min, y_min, x_max, y_max = (int(v) for v in finding.box_px or ())
    inside = (slice(y_min, y_max + 1), slice(x_min, x_max + 1))
    assert (after[inside] > before[inside] + 10).mean() > 0.1
    after[inside] = before[inside]
    assert (after == before).all()


def test_unknown_layout_is_told() -> None:
    with pytest.raises(UsageError, match="no phantom layout 'verse'; there are rsna, vindr"):
        load_defects("verse")
