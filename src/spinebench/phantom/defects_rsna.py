"""Defects of RSNA 2024 that can be planted. The list and its sources: docs/sources.md."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import UID

from spinebench.phantom.defect_bed import Bed, Row, defect
from spinebench.sources.rsna_checks import load_defects as load_listed
from spinebench.sources.rsna_tables import GRADES_FILE, POINTS_FILE, SERIES_FILE

# Places in a row of train_label_coordinates.csv.
STUDY, SERIES, INSTANCE, CONDITION, LEVEL, X, Y = range(7)
CANAL = "Spinal Canal Stenosis"
FORAMEN = " Neural Foraminal Narrowing"
RECESS = " Subarticular Stenosis"
_KINDS = {"T2": (CANAL,), "T1": (FORAMEN,), "AX": (RECESS,)}
_LEVEL = "L4/L5"  # the level that is spoilt where one is enough: every study has it


@defect("rsna", "levels_disagree")
def plant_levels_off_by_one(bed: Bed) -> str:
    """Foraminal points stand one disc too low: each level has the place of the one above."""
    study = _whole_study(bed, "levels_off_by_one")
    for side in ("Left", "Right"):
        rows = _rows(bed, study, side + FORAMEN)
        places = [row[INSTANCE:CONDITION] + row[X:] for row in rows]
        for row, place in zip(rows[1:], places, strict=False):
            row[INSTANCE], row[X], row[Y] = place
    return study


@defect("rsna", "levels_not_monotone", "levels_disagree")
def plant_levels_not_monotone(bed: Bed) -> str:
    """The canal points of L2/L3 and L3/L4 have changed places."""
    study = _whole_study(bed, "levels_not_monotone")
    rows = _rows(bed, study, CANAL)
    _swap(rows[1], rows[2])
    return study


@defect("rsna", "empty_cell")
def plant_missing_series(bed: Bed) -> str:
    """A study without sagittal T1: no series, no foraminal points, empty foraminal cells."""
    study = _whole_study(bed, "missing_series")
    points = bed.load(POINTS_FILE)
    series = _rows(bed, study, "Left" + FORAMEN)[0][SERIES]
    points[:] = [row for row in points if row[SERIES] != series]
    table = bed.load(SERIES_FILE)
    table[:] = [row for row in table if row[1] != series]
    _remove_folder(bed.root / f"train_images/{study}/{series}")
    grades = _grades_row(bed, study)
    for place, name in enumerate(bed.tables[GRADES_FILE][0]):
        if "foraminal" in name:
            grades[place] = ""
    return study


@defect("rsna", "hard_axial_study")
def plant_hard_axial_study(bed: Bed) -> str:
    """A study has the id of one that solutions leave out for its axial slices."""
    study = _whole_study(bed, "hard_axial_study")
    listed = [row for row in load_listed("note") if row["reason"] == "hard_axial_study"]
    new = listed[0]["study_id"]
    for file in (GRADES_FILE, POINTS_FILE, SERIES_FILE):
        for row in bed.load(file):
            row[STUDY] = new if row[STUDY] == study else row[STUDY]
    for path in sorted((bed.root / f"train_images/{study}").glob("*/*.dcm")):
        dataset = dcmread(path)
        dataset.PatientID = dataset.StudyInstanceUID = new
        dataset.SeriesInstanceUID = dataset.SeriesInstanceUID.replace(study, new)
        _save(dataset, dataset.SOPInstanceUID.replace(study, new), path)
    bed.rename(f"train_images/{study}", f"train_images/{new}")
    return new


@defect("rsna", "cervical_series", "labels_dropped")
def plant_cervical_series(bed: Bed) -> str:
    """A sagittal T2 series has the id of the one that shows a neck."""
    return _rename_series(bed, "cervical_series", "T2")


@defect("rsna", "bad_axial_series", "labels_dropped")
def plant_bad_axial_series(bed: Bed) -> str:
    """An axial series has an id of the published exclusion list."""
    return _rename_series(bed, "bad_axial_series", "AX")


@defect("rsna", "same_instance_both_sides")
def plant_foramina_on_one_slice(bed: Bed) -> str:
    """Left and right foramen of a level are marked on the same sagittal slice."""
    study, left, right = _pair(bed, "foramina_on_one_slice", "T1", FORAMEN)
    right[INSTANCE] = left[INSTANCE]
    return study


@defect("rsna", "side_contradicts_geometry")
def plant_foramina_swapped(bed: Bed) -> str:
    """Left and right foramen of a level have changed places: only the header can tell."""
    study, left, right = _pair(bed, "foramina_swapped", "T1", FORAMEN)
    _swap(left, right)
    return study


@defect("rsna", "axial_sides_swapped")
def plant_axial_swapped(bed: Bed) -> str:
    """Left and right subarticular zone of a level have changed places on an axial slice."""
    study, left, right = _pair(bed, "axial_swapped", "AX", RECESS)
    _swap(left, right)
    return study


@defect("rsna", "label_without_coordinate")
def plant_label_without_point(bed: Bed) -> str:
    """A grade has no point."""
    study, left, _ = _pair(bed, "label_without_point", "AX", RECESS)
    bed.load(POINTS_FILE).remove(left)
    return study


@defect("rsna", "empty_cell")
def plant_point_without_label(bed: Bed) -> str:
    """A point has no grade."""
    study, *_ = _pair(bed, "point_without_label", "AX", RECESS)
    column = bed.column(GRADES_FILE, "right_subarticular_stenosis_l4_l5")
    _grades_row(bed, study)[column] = ""
    return study


@defect("rsna", "empty_folder", "labels_dropped")
def plant_empty_series_folder(bed: Bed) -> str:
    """The folder of a series is empty."""
    study, left, _ = _pair(bed, "empty_series_folder", "AX", RECESS)
    folder = bed.root / f"train_images/{study}/{left[SERIES]}"
    _remove_folder(folder)
    folder.mkdir()
    return study


@defect("rsna", "point_outside_image")
def plant_point_outside_image(bed: Bed) -> str:
    """A point lies beyond the edge of its image."""
    study, left, _ = _pair(bed, "point_outside_image", "AX", RECESS)
    left[X] = repr(float(dcmread(_path(bed, left), stop_before_pixels=True).Columns) + 30.5)
    return study


@defect("rsna")
def plant_large_instance_number(bed: Bed) -> str:
    """Instance numbers of a series start above 5,000."""
    study, left, _ = _pair(bed, "large_instance_number", "AX", RECESS)
    folder = bed.root / f"train_images/{study}/{left[SERIES]}"
    for path in sorted(folder.glob("*.dcm")):
        number = int(path.stem) + 5000
        dataset = dcmread(path)
        dataset.InstanceNumber = number
        head = dataset.SOPInstanceUID.rsplit(".", 1)[0]
        _save(dataset, f"{head}.{number}", path)
        place = f"train_images/{study}/{left[SERIES]}"
        bed.rename(f"{place}/{path.name}", f"{place}/{number}.dcm")
    for row in bed.load(POINTS_FILE):
        if row[SERIES] == left[SERIES]:
            row[INSTANCE] = str(int(row[INSTANCE]) + 5000)
    return study


@defect("rsna")
def plant_mixed_matrix(bed: Bed) -> str:
    """Slices of one series differ in size."""
    study, left, _ = _pair(bed, "mixed_matrix", "AX", RECESS)
    folder = bed.root / f"train_images/{study}/{left[SERIES]}"
    for path in sorted(folder.glob("*.dcm"), key=lambda p: int(p.stem))[::2]:
        dataset = dcmread(path)
        # cut at the far edges, where no point is: every place keeps its pixel
        cut = max(1, dataset.Rows // 32)
        pixels = dataset.pixel_array[:-cut, :-cut]
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.PixelData = pixels.astype("<u2").tobytes()
        dataset.save_as(path)
    return study


@defect("rsna", "missing_file")
def plant_missing_file(bed: Bed) -> str:
    """An image with points is not there."""
    study, left, _ = _pair(bed, "missing_file", "T1", FORAMEN)
    _path(bed, left).unlink()
    return study


@defect("rsna", "unreadable_file", "labels_dropped")
def plant_zero_byte_file(bed: Bed) -> str:
    """The image with the canal points has 0 bytes."""
    (key,) = bed.choose("zero_byte_file", _candidates(bed, "T2"))
    study = key.split("/")[0]
    for row in _rows(bed, study, CANAL):
        _path(bed, row).write_bytes(b"")
    return study


@defect("rsna", "unreadable_file")
def plant_truncated_file(bed: Bed) -> str:
    """An image with points ends in the middle of its pixels."""
    study, left, _ = _pair(bed, "truncated_file", "T1", FORAMEN)
    path = _path(bed, left)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return study


@defect("rsna", "duplicate_row")
def plant_duplicate_row(bed: Bed) -> str:
    """A point stands in the table twice."""
    (key,) = bed.choose("duplicate_row", _candidates(bed, "T2"))
    study = key.split("/")[0]
    bed.load(POINTS_FILE).append(list(_rows(bed, study, CANAL)[0]))
    return study


@defect("rsna", "series_without_label")
def plant_series_without_label(bed: Bed) -> str:
    """A study has a further axial series without any point."""
    study, left, _ = _pair(bed, "series_without_label", "AX", RECESS)
    new = str(int(left[SERIES]) + 1)
    bed.load(SERIES_FILE).append([study, new, "Axial T2"])
    folder = bed.root / f"train_images/{study}/{new}"
    folder.mkdir()
    for path in sorted((bed.root / f"train_images/{study}/{left[SERIES]}").glob("*.dcm")):
        dataset = dcmread(path)
        dataset.SeriesInstanceUID = f"{study}.{new}"
        _save(dataset, f"{study}.9.{dataset.InstanceNumber}", folder / path.name)
    return study


@defect("rsna")
def plant_clutter(bed: Bed) -> str:
    """Downloads have left .DS_Store and index.html everywhere."""
    for folder in (bed.root, *[path for path in bed.root.rglob("*") if path.is_dir()]):
        (folder / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
        (folder / "index.html").write_text("<html></html>\n")
    return "train_images"


def _whole_study(bed: Bed, name: str) -> str:
    """A study of which no series is spoilt, with all points of its sagittal series."""
    points = bed.load(POINTS_FILE)
    count: dict[str, int] = {}
    for row in points:
        if RECESS not in row[CONDITION]:
            count[row[STUDY]] = count.get(row[STUDY], 0) + 1
    whole = [study for study, points_in in count.items() if points_in == 15]
    units = bed.choose(name, [tuple(f"{study}/{kind}" for kind in _KINDS) for study in whole])
    return units[0].split("/")[0]


def _candidates(bed: Bed, kind: str) -> list[tuple[str, ...]]:
    """Units (study/kind) whose marked level has every point and every grade of that kind."""
    grades = bed.load(GRADES_FILE)
    names = bed.tables[GRADES_FILE][0]
    word = {"T2": "canal", "T1": "foraminal", "AX": "subarticular"}[kind]
    level = _LEVEL.lower().replace("/", "_")
    places = [n for n, name in enumerate(names) if word in name and name.endswith(level)]
    graded = {row[0] for row in grades if all(row[place] for place in places)}
    points: dict[str, int] = {}
    for row in bed.load(POINTS_FILE):
        if row[LEVEL] == _LEVEL and any(row[CONDITION].endswith(end) for end in _KINDS[kind]):
            points[row[STUDY]] = points.get(row[STUDY], 0) + 1
    return [(f"{s}/{kind}",) for s in graded if points.get(s, 0) == len(places)]


def _pair(bed: Bed, name: str, kind: str, condition: str) -> tuple[str, Row, Row]:
    """(study, left row, right row) at the level that is spoilt, in a place nobody has touched."""
    (key,) = bed.choose(name, _candidates(bed, kind))
    study = key.split("/")[0]
    left, right = (
        next(row for row in _rows(bed, study, side + condition) if row[LEVEL] == _LEVEL)
        for side in ("Left", "Right")
    )
    return study, left, right


def _rows(bed: Bed, study: str, condition: str) -> list[Row]:
    """Points of a study and condition, from the top level down."""
    rows = [r for r in bed.load(POINTS_FILE) if r[STUDY] == study and r[CONDITION] == condition]
    return sorted(rows, key=lambda row: row[LEVEL])


def _grades_row(bed: Bed, study: str) -> Row:
    return next(row for row in bed.load(GRADES_FILE) if row[0] == study)


def _path(bed: Bed, row: Row) -> Path:
    return bed.root / f"train_images/{row[STUDY]}/{row[SERIES]}/{row[INSTANCE]}.dcm"


def _swap(a: Row, b: Row) -> None:
    """Exchange series, instance and place of two points."""
    for column in (SERIES, INSTANCE, X, Y):
        a[column], b[column] = b[column], a[column]


def _rename_series(bed: Bed, reason: str, kind: str) -> str:
    """Give a series an id from the published list with this reason."""
    (key,) = bed.choose(reason, _candidates(bed, kind))
    study = key.split("/")[0]
    new = next(row["series_id"] for row in load_listed("drop") if row["reason"] == reason)
    condition = CANAL if kind == "T2" else "Left" + RECESS
    old = next(r for r in _rows(bed, study, condition) if r[LEVEL] == _LEVEL)[SERIES]
    for file in (POINTS_FILE, SERIES_FILE):
        for row in bed.load(file):
            row[SERIES] = new if row[SERIES] == old else row[SERIES]
    for path in sorted((bed.root / f"train_images/{study}/{old}").glob("*.dcm")):
        dataset = dcmread(path)
        dataset.SeriesInstanceUID = f"{study}.{new}"
        dataset.save_as(path)
    bed.rename(f"train_images/{study}/{old}", f"train_images/{study}/{new}")
    return study


def _save(dataset: FileDataset, sop_instance_uid: str, path: Path) -> None:
    dataset.SOPInstanceUID = UID(sop_instance_uid)
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    dataset.save_as(path)


def _remove_folder(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
