"""RSNA 2024 Lumbar Spine Degenerative Classification (Kaggle; public part of RSNA LumbarDISC)."""

from collections import Counter, defaultdict
from pathlib import Path

from spinebench.engine import Engine
from spinebench.records import Finding
from spinebench.sources.base import ImageRef, Reading, StudyCell, Terms
from spinebench.sources.headers import HeaderFacts, read_headers
from spinebench.sources.layout import find_root
from spinebench.sources.rsna_checks import (
    PointSheet,
    check_files,
    check_series,
    check_sides_in_patient,
    check_sides_in_pixels,
    note_doubtful_levels,
    note_listed_studies,
)
from spinebench.sources.rsna_tables import (
    GRADE_OF_WORD,
    GRADES_FILE,
    LEVELS,
    POINTS_FILE,
    SERIES_FILE,
    VIEW_OF_SERIES,
    Cell,
    Condition,
    PointRow,
    SeriesRow,
    drop_unlabelled,
    load_conditions,
    read_grades,
    read_points,
    read_series,
)
from spinebench.tables import Ledger


class RsnaSource:
    """RSNA 2024 lumbar spine MRI, as downloaded from Kaggle.

    Population: 1,975 studies, one per patient, of adults with lumbar MRI at 8 institutions in 6
    countries (the whole of LumbarDISC is 2,697 patients; the rest is the hidden test set). No age,
    no sex. Series: sagittal T1, sagittal T2/STIR and one or more axial T2, 6,294 in all.
    Labels: three conditions (canal; foramen left, right; subarticular zone left, right) at L1/L2
    to L5/S1, graded Normal/Mild, Moderate or Severe: 49,375 cells in train.csv, 572 of them empty;
    about 48,690 points in train_label_coordinates.csv say on which slice and where.
    Raters: volunteer expert radiologists; one grade is published for each cell and no reader is
    named (`Finding.rater` is None).
    Label rule here: one finding per point, whatever its grade. Normal/Mild becomes `none` with the
    source's words kept; an empty cell makes its point `ungraded`.
    Known defects: two lists of series and studies (`data/sources/rsna_defects.csv`); both foramina
    on one sagittal slice; axial sides swapped; levels off by one in an unknown number of studies
    (a ledger note always; the reader also notes each study that contradicts itself); points
    without label and labels without point; empty series folders; instance numbers above 5,000.
    Citation: Richards et al., RSNA 2024 Lumbar Spine Degenerative Classification, Kaggle 2024.
    Layout and counts: docs/sources.md.
    """

    name = "rsna"
    title = "RSNA 2024 Lumbar Spine Degenerative Classification"
    terms = Terms(
        name="Kaggle competition rules: non-commercial use, no redistribution",
        url="https://www.kaggle.com/competitions/rsna-2024-lumbar-spine-degenerative-classification/rules",
        summary="Free for non-commercial use after accepting the rules; the data may not be given "
        "on. The rules do not name hosted models; we take sending de-identified images to one for "
        "a non-commercial measurement to be within them.",
        redistribution=False,
        third_party_models=True,
    )
    looked_for: tuple[str, ...] = (GRADES_FILE, POINTS_FILE, SERIES_FILE, "train_images")

    def read(self, root: Path, engine: Engine) -> Reading:
        """Read annotations and headers. Raises UsageError if the folder is not this source."""
        root = find_root(root, self.looked_for, self.title)
        ledger = Ledger(source=self.name)
        conditions = load_conditions()
        grades, studies = read_grades(root, ledger, conditions)
        series, refused = read_series(root, ledger)
        sheet = PointSheet(ledger, read_points(root, ledger, conditions))
        drop_unlabelled(root, ledger)
        check_series(sheet, set(studies), series, refused)
        check_sides_in_pixels(sheet)
        paths = sorted({point.path for point in sheet.kept()})
        headers = read_headers(root, paths, engine, label="rsna: reading headers")
        check_files(sheet, headers)
        check_sides_in_patient(sheet, headers)
        note_doubtful_levels(sheet, headers)
        note_listed_studies(sheet, set(studies))
        reading = Reading(root=root, source=self.name, ledger=ledger)
        for point in sheet.kept():
            description = series[point.study, point.series].description
            facts = headers[point.path]
            image = _build_image(point, facts, description)
            reading.images.setdefault(image.image_id, image)
            cell = grades.get(point.key)
            reading.findings.append(_build_finding(point, facts, image.image_id, cell))
        reading.cells += _build_cells(reading, grades, studies, conditions)
        _settle_cells(reading, sheet, grades)
        _settle_series(reading, sheet, series)
        reading.check_accounted()
        return reading


def _build_image(point: PointRow, facts: HeaderFacts, description: str) -> ImageRef:
    view, sequence = VIEW_OF_SERIES[description]
    notes = []
    if facts.instance_number is not None and facts.instance_number != point.instance:
        notes.append("InstanceNumber differs from the file's name")
    if facts.placement is None:
        notes.append("no patient geometry in the header")
    return ImageRef(
        image_id=f"rsna:{point.path}",
        source="rsna",
        path=point.path,
        patient_id=f"rsna:{point.study}",
        study_id=point.study,
        series_id=point.series,
        modality="MR",
        view=view,
        sequence=sequence,
        instance_number=point.instance,
        official_split="train",
        notes=tuple(notes),
    )


def _build_finding(
    point: PointRow, facts: HeaderFacts, image_id: str, cell: Cell | None
) -> Finding:
    words = point.condition.name if cell is None else f"{point.condition.name}: {cell.word}"
    return Finding(
        finding_id=f"rsna:{POINTS_FILE}:{point.row}",
        image_id=image_id,
        disease=point.condition.disease,
        grade="ungraded" if cell is None else GRADE_OF_WORD[cell.word],
        measure=None,
        measure_kind=None,
        level=point.level,
        side=point.condition.side,
        point_px=(point.x_px, point.y_px),
        box_px=None,
        point_mm=facts.point_mm(point.x_px, point.y_px),
        rater=None,
        source_words=words,
        file=POINTS_FILE,
        row=point.row,
        grade_file=None if cell is None else GRADES_FILE,
        grade_row=None if cell is None else cell.row,
        grade_column=None if cell is None else cell.column,
    )


def _build_cells(
    reading: Reading,
    grades: dict[tuple[str, str], Cell],
    studies: dict[str, int],
    conditions: dict[str, Condition],
) -> list[StudyCell]:
    """The grades, empty ones among them, of every study with an image that no point of it carries.

    A grade whose point was dropped (a wrong side, another region) still says what the study has.
    """
    carried = {(f.grade_row, f.grade_column) for f in reading.findings}
    asked = sorted({image.study_id for image in reading.images.values()})
    cells = []
    for study in asked:
        for condition in conditions.values():
            for level in LEVELS:
                column = condition.column(level)
                if (studies[study], column) in carried:
                    continue
                cell = grades.get((study, column))
                cells.append(
                    StudyCell(
                        study_id=study,
                        disease=condition.disease,
                        level=level,
                        side=condition.side,
                        grade=None if cell is None else GRADE_OF_WORD[cell.word],
                        file=GRADES_FILE,
                        row=studies[study],
                        column=column,
                    )
                )
    return cells


def _settle_cells(reading: Reading, sheet: PointSheet, grades: dict[tuple[str, str], Cell]) -> None:
    """Drop each readable grade that no kept point carries, for the reason of its point."""
    point_of = {point.key: point for point in sheet.points}
    for (study, column), cell in grades.items():
        point = point_of.get((study, column))
        if point is None:
            reason, detail = "label_without_coordinate", f"study {study}"
        elif point.row in sheet.reasons:
            reason = sheet.reasons[point.row]
            detail = f"study {study}: its point in {POINTS_FILE} row {point.row} was dropped"
        else:
            continue
        reading.ledger.drop(GRADES_FILE, cell.row, reason, detail, column)


def _settle_series(
    reading: Reading, sheet: PointSheet, series: dict[tuple[str, str], SeriesRow]
) -> None:
    """Tie each series row to its images, or drop it where no image of it is left."""
    images: dict[tuple[str, str], list[str]] = defaultdict(list)
    for image in reading.images.values():
        images[image.study_id, image.series_id].append(image.image_id)
    against: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for point in sheet.points:
        if point.row in sheet.reasons:
            against[point.study, point.series][sheet.reasons[point.row]] += 1
    for key, row in series.items():
        if key in images:
            reading.extra_units[SERIES_FILE, row.row] = tuple(sorted(images[key]))
        elif key in against:
            words = ", ".join(f"{why} {times}" for why, times in sorted(against[key].items()))
            detail = f"series {row.series}: every point was dropped ({words})"
            reading.ledger.drop(SERIES_FILE, row.row, "labels_dropped", detail)
        else:
            detail = f"series {row.series} has no point"
            reading.ledger.drop(SERIES_FILE, row.row, "series_without_label", detail)
