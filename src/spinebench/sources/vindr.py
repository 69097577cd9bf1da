"""VinDr-SpineXR 1.0.0: spine radiographs with boxes of lesions (PhysioNet)."""

from collections import defaultdict
from pathlib import Path
from typing import cast

from spinebench.engine import Engine
from spinebench.errors import DataError
from spinebench.records import Finding, View
from spinebench.sources.base import ImageRef, Reading, StudyCell, Terms
from spinebench.sources.csvfile import load_data_rows
from spinebench.sources.headers import HeaderFacts, read_headers
from spinebench.sources.layout import find_root
from spinebench.sources.vindr_patients import Patients, find_patients
from spinebench.sources.vindr_tables import (
    NO_FINDING,
    SPLITS,
    Box,
    LesionRow,
    annotation_file,
    load_diseases,
    read_lesions,
)
from spinebench.tables import Ledger

# The release's own loader throws away boxes below this, in pixels.
_LEAST_BOX_PX = 1e-3
_NEAR_DUPLICATE_IOU = 0.5


class VinDrSource:
    """VinDr-SpineXR, as downloaded from PhysioNet; partial mirrors too.

    Population: 5,000 studies (10,466 films) of patients of two hospitals in Hanoi, all parts of
    the spine, any view; age and sex in the header where present.
    Labels: 13 lesion types collapsed to 7, each with a box, or an explicit `No finding`; 19,550
    rows for the 8,389 training films. No level, no side, no view, no part of the spine.
    Raters: radiologists; one per film in the published tables (`rad_id`).
    Label rule here: one finding per row. `Spondylolysthesis` (sic) is Spondylolisthesis; `No
    finding` is an explicit normal; `Surgical implant` and `Other lesions` keep their names.
    View: from ViewPosition (AP and PA are `AP`; LL, RL and LAT are `LAT`), None where it is empty.
    Patient: from PatientID; where that is missing, the same in all studies or in implausibly many,
    the study stands for the patient (noted on the image).
    Known defects: boxes outside the image (clipped, noted), empty boxes, near-duplicate boxes by
    one reader (kept, noted), `No finding` beside a lesion, rows without file, malformed windows
    ("32688,", handled by `imaging`).
    Citation: Pham et al., VinDr-SpineXR, PhysioNet 2021, doi 10.13026/q45h-5h59; Nguyen et al.,
    MICCAI 2021. Layout and counts: docs/sources.md.
    """

    name = "vindr"
    title = "VinDr-SpineXR"
    terms = Terms(
        name="PhysioNet restricted or credentialed access (data use agreement)",
        url="https://physionet.org/content/vindr-spinexr/1.0.0/",
        summary="For the person who signed: neither the films nor anything cut from them may be "
        "given on, which includes sending them to a model that somebody else runs.",
        redistribution=False,
        third_party_models=False,
    )
    looked_for: tuple[str, ...] = ("annotations/train.csv", "train_images")

    def read(self, root: Path, engine: Engine) -> Reading:
        """Read annotations and headers. Raises UsageError if the folder is not this source."""
        root = find_root(root, self.looked_for, self.title)
        ledger = Ledger(source=self.name)
        rows, mentioned, unplaced = _read_rows(root, ledger)
        rows = _drop_split_images(rows, ledger)
        paths = sorted({row.path for row in rows})
        headers = read_headers(root, paths, engine, label="vindr: reading headers")
        rows = _drop_unreadable(rows, headers, ledger)
        patients = find_patients((row.study, headers[row.path].patient_id) for row in rows)
        _note_patients(patients, ledger)
        reading = Reading(root=root, source=self.name, ledger=ledger)
        diseases, views = load_diseases(), _load_views()
        clipped_on: set[str] = set()
        for row in rows:
            box = None if row.box_px is None else _clip(row.box_px, headers[row.path])
            if box is not None and _is_empty(box):
                ledger.drop(row.file, row.row, "empty_box", f"{row.path}: {row.lesion}")
                unplaced[row.path, row.lesion] = (row.file, row.row)
                continue
            if box != row.box_px:
                clipped_on.add(row.path)
                ledger.drop(row.file, None, "box_clipped", f"row {row.row}: {row.lesion}")
            reading.findings.append(_build_finding(row, box, diseases[row.lesion]))
        kept = {finding.image_id for finding in reading.findings}
        for row in rows:
            if _image_id(row) in kept and _image_id(row) not in reading.images:
                facts, clipped = headers[row.path], row.path in clipped_on
                reading.images[_image_id(row)] = _build_image(row, facts, patients, views, clipped)
        reading.cells += _unplaced_cells(reading, unplaced, diseases)
        _note_near_duplicates(reading)
        _note_files_without_rows(root, mentioned, ledger)
        reading.check_accounted()
        return reading


def _unplaced_cells(
    reading: Reading,
    unplaced: dict[tuple[str, str], tuple[str, int]],
    diseases: dict[str, str | None],
) -> list[StudyCell]:
    """Lesions whose box is of no use: the place is lost, that the reader saw one is not."""
    cells = []
    for (path, lesion), (file, row) in sorted(unplaced.items()):
        image, disease = reading.images.get(f"vindr:{path}"), diseases.get(lesion)
        if image is not None and disease is not None:
            cells.append(
                StudyCell(
                    study_id=image.study_id,
                    disease=disease,
                    level=None,
                    side=None,
                    grade="ungraded",
                    file=file,
                    row=row,
                    column=None,
                )
            )
    return cells


def _read_rows(
    root: Path, ledger: Ledger
) -> tuple[list[LesionRow], set[str], dict[tuple[str, str], tuple[str, int]]]:
    """(typed rows without `No finding` beside a lesion, files that any row names, untyped ones).

    The last is file and row by path and lesion.
    """
    lesions = frozenset(load_diseases())
    kept: list[LesionRow] = []
    mentioned: set[str] = set()
    unplaced: dict[tuple[str, str], tuple[str, int]] = {}
    for split in SPLITS:
        file = annotation_file(split)
        if split == "test" and not (root / file).exists():
            ledger.drop(file, None, "missing_file", "a partial copy without the test table")
            continue
        rows, untyped = read_lesions(root, split, ledger, lesions)
        stated = set(untyped) | {(row.image, row.lesion) for row in rows}
        unplaced |= {
            (f"{split}_images/{image}.dicom", lesion): (file, row)
            for (image, lesion), row in untyped.items()
        }
        mentioned.update(f"{split}_images/{image}.dicom" for image, _ in stated)
        ill = {image for image, lesion in stated if lesion != NO_FINDING}
        for row in rows:
            if row.lesion == NO_FINDING and row.image in ill:
                ledger.drop(file, row.row, "no_finding_contradicts_lesion", row.path)
            else:
                kept.append(row)
    return kept, mentioned, unplaced


def _drop_split_images(rows: list[LesionRow], ledger: Ledger) -> list[LesionRow]:
    """Rows of images that stand in one study only: of the others, nobody knows whose they are."""
    studies: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        studies[row.path].add(row.study)
    kept = []
    for row in rows:
        if len(studies[row.path]) == 1:
            kept.append(row)
        else:
            ledger.drop(row.file, row.row, "image_in_two_studies", row.path)
    return kept


def _drop_unreadable(
    rows: list[LesionRow], headers: dict[str, HeaderFacts], ledger: Ledger
) -> list[LesionRow]:
    kept = []
    for row in rows:
        facts = headers[row.path]
        if facts.reason is None:
            kept.append(row)
        else:
            ledger.drop(row.file, row.row, facts.reason, f"{row.path}: {facts.detail}")
    return kept


def _note_patients(patients: Patients, ledger: Ledger) -> None:
    """One ledger note for each way in which PatientID failed. No identifier is written."""
    file = annotation_file("train")
    if patients.missing:
        ledger.drop(file, None, "patient_id_missing", f"{patients.missing} studies")
    if patients.constant:
        ledger.drop(file, None, "patient_id_constant", f"{patients.constant} studies")


def _clip(box: Box, facts: HeaderFacts) -> Box:
    """The part of the box on the image, whose edges are 0 and its width or height."""
    x_min, y_min, x_max, y_max = box
    return (
        min(max(x_min, 0.0), facts.cols),
        min(max(y_min, 0.0), facts.rows),
        min(max(x_max, 0.0), facts.cols),
        min(max(y_max, 0.0), facts.rows),
    )


def _is_empty(box: Box) -> bool:
    return box[2] - box[0] < _LEAST_BOX_PX or box[3] - box[1] < _LEAST_BOX_PX


def _image_id(row: LesionRow) -> str:
    return f"vindr:{row.path}"


def _build_finding(row: LesionRow, box: Box | None, disease: str | None) -> Finding:
    return Finding(
        finding_id=f"vindr:{row.file}:{row.row}",
        image_id=_image_id(row),
        disease=disease,
        grade="none" if disease is None else "ungraded",
        measure=None,
        measure_kind=None,
        level=None,
        side=None,
        point_px=None,
        box_px=box,
        point_mm=None,
        rater=row.rater or None,
        source_words=row.lesion,
        file=row.file,
        row=row.row,
        grade_file=None,
        grade_row=None,
        grade_column=None,
    )


def _build_image(
    row: LesionRow,
    facts: HeaderFacts,
    patients: Patients,
    views: dict[str, View],
    clipped: bool,
) -> ImageRef:
    notes = []
    if row.study in patients.notes:
        notes.append(patients.notes[row.study])
    if clipped:
        notes.append("a box was clipped to the image")
    return ImageRef(
        image_id=_image_id(row),
        source="vindr",
        path=row.path,
        patient_id=f"vindr:{patients.of_study[row.study]}",
        study_id=row.study,
        series_id=row.series,
        modality="XR",
        view=views.get((facts.view_position or "").strip().upper()),
        sequence=None,
        instance_number=facts.instance_number,
        official_split=row.split,
        notes=tuple(notes),
    )


def _load_views() -> dict[str, View]:
    """View of each ViewPosition that says one."""
    return {
        row["view_position"]: cast(View, row["view"]) for row in load_data_rows("vindr_views.csv")
    }


def _note_near_duplicates(reading: Reading) -> None:
    """Note each box that nearly covers an earlier one of the same image and lesion type."""
    groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in reading.findings:
        if finding.box_px is not None:
            groups[finding.image_id, finding.source_words].append(finding)
    for boxes in groups.values():
        for place, finding in enumerate(boxes):
            for earlier in boxes[:place]:
                iou = _iou(finding.box_px or (), earlier.box_px or ())
                if iou > _NEAR_DUPLICATE_IOU:
                    detail = f"rows {earlier.row} and {finding.row}: IoU {iou:.2f}"
                    reading.ledger.drop(finding.file, None, "near_duplicate_box", detail)
                    break


def _iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union of two boxes, neither of them empty."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0.0) * max(height, 0.0)
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return common / (areas - common)


def _note_files_without_rows(root: Path, mentioned: set[str], ledger: Ledger) -> None:
    """One note for each split with films that no row speaks of."""
    for split in SPLITS:
        folder = root / f"{split}_images"
        try:
            names = sorted(path.name for path in folder.glob("*.dicom"))
        except PermissionError as error:  # Python 3.13 raises here, earlier versions find nothing
            raise DataError(
                file=folder.name, found="permission denied", expected="a folder to list"
            ) from error
        extra = [name for name in names if f"{folder.name}/{name}" not in mentioned]
        if extra:
            detail = f"{len(extra)} files, {extra[0]} first"
            ledger.drop(folder.name, None, "files_without_rows", detail)
