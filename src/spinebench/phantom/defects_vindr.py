"""Defects of VinDr-SpineXR that can be planted. The list and its sources: docs/sources.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gdcm
import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.config import disable_value_validation
from pydicom.dataset import FileDataset
from pydicom.uid import JPEG2000Lossless

from spinebench.errors import DataError
from spinebench.phantom.defect_bed import Bed, Row, defect
from spinebench.phantom.write_options import format_px
from spinebench.sources.vindr_tables import NO_FINDING, annotation_file

TABLE = annotation_file("train")
# Places in a row of the table.
STUDY, SERIES, IMAGE, RATER, LESION, XMIN, YMIN, XMAX, YMAX = range(9)
# A malformed window of the release, and the value of even length that it is written over.
_WINDOW, _MALFORMED_WINDOW = b"32688 ", b"32688,"


@defect("vindr", "patient_id_missing")
def plant_missing_patient_id(bed: Bed) -> str:
    """The films of a study have no PatientID."""
    study = _study(bed, "missing_patient_id")
    for path in _films_of(bed, study):
        with _edited(path) as dataset:
            dataset.PatientID = ""
    return study


@defect("vindr", "files_without_rows")
def plant_film_without_row(bed: Bed) -> str:
    """A film stands in no table."""
    image = _image(bed, "film_without_row", lambda rows: True)
    table = bed.load(TABLE)
    table[:] = [row for row in table if row[IMAGE] != image]
    return _path(image)


@defect("vindr", "missing_file")
def plant_missing_file(bed: Bed) -> str:
    """A film that the table speaks of is not there."""
    image = _image(bed, "missing_file", lambda rows: True)
    (bed.root / _path(image)).unlink()
    return _path(image)


@defect("vindr", "unreadable_file")
def plant_zero_byte_file(bed: Bed) -> str:
    """A film has 0 bytes."""
    image = _image(bed, "zero_byte_file", lambda rows: True)
    (bed.root / _path(image)).write_bytes(b"")
    return _path(image)


@defect("vindr", "unreadable_file")
def plant_truncated_file(bed: Bed) -> str:
    """A film ends in the middle of its pixels."""
    image = _image(bed, "truncated_file", lambda rows: True)
    path = bed.root / _path(image)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return _path(image)


@defect("vindr")
def plant_malformed_window(bed: Bed) -> str:
    """WindowCenter of a film is the text "32688," as in part of the release."""
    image = _image(bed, "malformed_window", lambda rows: True)
    path = bed.root / _path(image)
    with _edited(path) as dataset:
        dataset.WindowCenter = _WINDOW.decode().strip()
    data = path.read_bytes()
    # (0028,1050), VR DS, 6 bytes: pydicom would refuse to write such a number
    element = b"\x28\x00\x50\x10DS\x06\x00" + _WINDOW
    if data.count(element) != 1:
        raise DataError(
            file=_path(image), field="WindowCenter", found="no such element", expected="one"
        )
    path.write_bytes(data.replace(element, element[: -len(_WINDOW)] + _MALFORMED_WINDOW))
    return _path(image)


@defect("vindr")
def plant_jpeg2000_film(bed: Bed) -> str:
    """A film is compressed by JPEG 2000, without loss."""
    image = _image(bed, "jpeg2000_film", lambda rows: True)
    with _edited(bed.root / _path(image)) as dataset:
        dataset.PixelData = _encode_jpeg2000(bed.root / _path(image))
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    return _path(image)


@defect("vindr", "box_clipped")
def plant_box_outside_image(bed: Bed) -> str:
    """A box reaches beyond the film."""
    image = _image(bed, "box_outside_image", _has_lesion)
    row = _rows(bed, image)[0]
    width = float(dcmread(bed.root / _path(image), stop_before_pixels=True).Columns)
    row[XMAX] = format_px(width + 25.5)
    return _path(image)


@defect("vindr", "empty_box")
def plant_empty_box(bed: Bed) -> str:
    """A box has no width."""
    image = _image(bed, "empty_box", _has_lesion)
    row = _rows(bed, image)[0]
    row[XMAX] = row[XMIN]
    return _path(image)


@defect("vindr", "missing_box")
def plant_missing_box(bed: Bed) -> str:
    """A lesion has no box."""
    image = _image(bed, "missing_box", _has_lesion)
    _rows(bed, image)[0][XMIN:] = [""] * 4
    return _path(image)


@defect("vindr", "near_duplicate_box")
def plant_near_duplicate_box(bed: Bed) -> str:
    """One reader has drawn nearly the same box twice."""
    image = _image(bed, "near_duplicate_box", _has_lesion)
    row = _rows(bed, image)[0]
    numbers = [float(text) for text in row[XMIN:]]
    shift = 0.1 * (numbers[2] - numbers[0])
    moved = [numbers[0] + shift, numbers[1], numbers[2] + shift, numbers[3]]
    _insert_after(bed, row, [*row[:XMIN], *(format_px(value) for value in moved)])
    return _path(image)


@defect("vindr", "duplicate_row")
def plant_duplicate_row(bed: Bed) -> str:
    """A row stands in the table twice."""
    image = _image(bed, "duplicate_row", _has_lesion)
    row = _rows(bed, image)[0]
    _insert_after(bed, row, list(row))
    return _path(image)


@defect("vindr", "no_finding_contradicts_lesion")
def plant_no_finding_with_lesion(bed: Bed) -> str:
    """A film has a lesion and `No finding`."""
    image = _image(bed, "no_finding_with_lesion", _has_lesion)
    row = _rows(bed, image)[0]
    _insert_after(bed, row, [*row[:LESION], NO_FINDING, "", "", "", ""])
    return _path(image)


@defect("vindr")
def plant_surgical_implant(bed: Bed) -> str:
    """A film shows rods and screws from L4 to L5, labelled `Surgical implant`."""
    image = _image(bed, "surgical_implant", _is_normal, shows=_shown(bed, "L4", "L5"))
    upper, lower = (_position(bed, image, level) for level in ("L4", "L5"))
    with _edited(bed.root / _path(image)) as dataset:
        mm_px = 1.0 / float(dataset.ImagerPixelSpacing[0])
        frontal = "AP" in dataset.ProtocolName
        sides = (-16.0, 16.0) if frontal else (24.0,)
        ends = [(x + side * mm_px, y) for x, y in (upper, lower) for side in sides]
        # the rod reaches a little past both screws; seen from the side, screws point forward
        screw_mm = 5.0 if frontal else 40.0
        metal = _blank(dataset)
        for side in sides:
            rod = [(x + side * mm_px, y) for x, y in (upper, lower)]
            _draw_line(metal, rod[0], rod[1], 2.8 * mm_px)
        for x, y in ends:
            _draw_line(metal, (x, y), (x - (0.0 if frontal else screw_mm * mm_px), y), 2.5 * mm_px)
        box = _paint(dataset, metal)
    _relabel(bed, image, "Surgical implant", box)
    return _path(image)


@defect("vindr")
def plant_other_lesion(bed: Bed) -> str:
    """A film shows a dense round island in L3, labelled `Other lesions`."""
    image = _image(bed, "other_lesion", _is_normal, shows=_shown(bed, "L3"))
    place = _position(bed, image, "L3")
    with _edited(bed.root / _path(image)) as dataset:
        island = _blank(dataset)
        _draw_line(island, place, place, 5.0 / float(dataset.ImagerPixelSpacing[0]))
        box = _paint(dataset, island, strength=0.5)
    _relabel(bed, image, "Other lesions", box)
    return _path(image)


@defect("vindr", "patient_id_constant")
def plant_constant_patient_id(bed: Bed) -> str:
    """Every film that has a PatientID has the same one."""
    for path in sorted(bed.root.glob("*_images/*.dicom")):
        if path.stat().st_size > 0:
            _write_patient_id(path)
    return "train_images"


@defect("vindr")
def plant_clutter(bed: Bed) -> str:
    """A wget mirror has left index.html in every folder, a Mac .DS_Store."""
    for folder in (bed.root, *[path for path in bed.root.iterdir() if path.is_dir()]):
        (folder / "index.html").write_text("<html></html>\n")
        (folder / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    return "train_images"


# --- places ------------------------------------------------------------------------------------


def _image(
    bed: Bed,
    name: str,
    fits: Callable[[list[Row]], bool],
    shows: Callable[[str], bool] = lambda image: True,
) -> str:
    """An image of the training table that nothing has touched and whose rows fit."""
    rows: dict[str, list[Row]] = {}
    for row in bed.load(TABLE):
        rows.setdefault(row[IMAGE], []).append(row)
    fitting = [(image,) for image, found in rows.items() if fits(found) and shows(image)]
    return bed.choose(name, fitting)[0]


def _study(bed: Bed, name: str) -> str:
    """A study of which no film is touched, of a patient without another study."""
    images: dict[str, set[str]] = {}
    for row in bed.load(TABLE):
        images.setdefault(row[STUDY], set()).add(row[IMAGE])
    studies_of: dict[str, set[str]] = {}
    for truth in bed.truth:
        studies_of.setdefault(truth.patient_id, set()).add(truth.study_id)
    alone = {study for studies in studies_of.values() if len(studies) == 1 for study in studies}
    units = bed.choose(name, [tuple(sorted(images[study])) for study in images if study in alone])
    return next(row[STUDY] for row in bed.load(TABLE) if row[IMAGE] == units[0])


def _films_of(bed: Bed, study: str) -> list[Path]:
    images = sorted({row[IMAGE] for row in bed.load(TABLE) if row[STUDY] == study})
    return [bed.root / _path(image) for image in images]


def _has_lesion(rows: list[Row]) -> bool:
    return all(row[LESION] != NO_FINDING for row in rows)


def _is_normal(rows: list[Row]) -> bool:
    return [row[LESION] for row in rows] == [NO_FINDING]


def _shown(bed: Bed, *levels: str) -> Callable[[str], bool]:
    """Whether an image shows all these levels."""
    seen = {
        (row.image_id, row.level)
        for row in bed.truth
        if row.statement == "position" and row.visible
    }
    return lambda image: all((f"vindr:{_path(image)}", level) in seen for level in levels)


def _position(bed: Bed, image: str, level: str) -> tuple[float, float]:
    return next(
        (row.x_px, row.y_px)
        for row in bed.truth
        if row.image_id == f"vindr:{_path(image)}"
        and row.statement == "position"
        and row.level == level
    )


def _rows(bed: Bed, image: str) -> list[Row]:
    return [row for row in bed.load(TABLE) if row[IMAGE] == image]


def _path(image: str) -> str:
    return f"train_images/{image}.dicom"


def _insert_after(bed: Bed, row: Row, new: Row) -> None:
    table = bed.load(TABLE)
    table.insert(table.index(row) + 1, new)


def _relabel(bed: Bed, image: str, lesion: str, box: tuple[float, float, float, float]) -> None:
    row = _rows(bed, image)[0]
    row[LESION:] = [lesion, *(format_px(value) for value in box)]


# --- pixels and tags ---------------------------------------------------------------------------


@contextmanager
def _edited(path: Path) -> Iterator[FileDataset]:
    """A film whose changes are written back."""
    with disable_value_validation():
        dataset = dcmread(path)
        yield dataset
        dataset.save_as(path)


def _encode_jpeg2000(path: Path) -> bytes:
    """Encapsulated pixels of a file, by GDCM. Its own files are not kept: it writes the time."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    done = reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEG2000Lossless))
    change.SetInput(reader.GetImage())
    done = done and change.Change()
    encoded = path.with_suffix(".tmp")
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(encoded))
    if not (done and writer.Write()):
        raise DataError(file=path.name, found="no JPEG 2000", expected="GDCM to write it")
    pixels: bytes = dcmread(encoded).PixelData
    encoded.unlink()
    return pixels


def _write_patient_id(path: Path) -> None:
    """Overwrite PatientID in place, at its own length: the file may be cut off or compressed."""
    data = path.read_bytes()
    start = data.find(b"\x10\x00\x20\x00LO")
    length = int.from_bytes(data[start + 6 : start + 8], "little")
    if start < 0 or length == 0:
        return
    value = b"0" * length
    path.write_bytes(data[: start + 8] + value + data[start + 8 + length :])


Mask = npt.NDArray[np.bool_]


def _blank(dataset: FileDataset) -> Mask:
    return np.zeros((dataset.Rows, dataset.Columns), dtype=np.bool_)


def _draw_line(
    mask: Mask, start: tuple[float, float], end: tuple[float, float], radius_px: float
) -> None:
    """Mark all pixels within a radius of a segment; points are (x, y)."""
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]].astype(np.float32)
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    length2 = max(along_x**2 + along_y**2, 1e-9)
    t = np.clip(((x - start[0]) * along_x + (y - start[1]) * along_y) / length2, 0.0, 1.0)
    near = np.hypot(x - start[0] - t * along_x, y - start[1] - t * along_y) <= radius_px
    mask |= near


def _paint(
    dataset: FileDataset, mask: Mask, strength: float = 0.96
) -> tuple[float, float, float, float]:
    """Make the marked pixels denser, towards white as shown; returns their box in pixels."""
    top = (1 << dataset.BitsStored) - 1
    white = 0 if dataset.PhotometricInterpretation == "MONOCHROME1" else top
    pixels = dataset.pixel_array.astype(np.float32)
    pixels[mask] += strength * (white - pixels[mask])
    dataset.PixelData = np.rint(pixels).astype("<u2").tobytes()
    rows, cols = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    return (float(cols[0]), float(rows[0]), float(cols[-1]), float(rows[-1]))
