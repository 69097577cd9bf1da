"""BUU-LSPINE: lumbar radiographs, frontal and lateral, with end plates and slips (Burapha)."""

from collections import Counter, defaultdict
from pathlib import Path

from spinebench.engine import Engine
from spinebench.errors import UsageError
from spinebench.sources.base import ImageRef, Reading, StudyCell, Terms
from spinebench.sources.buu_films import FilmSheet, place_of, read_films
from spinebench.sources.buu_info import Entry, FilmInfo, exam_of, read_info
from spinebench.sources.buu_layout import LOOKED_FOR, TITLE, find_releases, list_films
from spinebench.sources.buu_statements import Statements, state_film
from spinebench.sources.buu_tables import LEVEL_BELOW, FilmContent
from spinebench.tables import Ledger


class BuuSource:
    """BUU-LSPINE, any of its releases (400, 2000, 3600, version 2), several at once too.

    Population: 3,600 patients of Burapha University, Thailand, one frontal (AP) and one left
    lateral (LA) film each; sex and age (7 to 93 years seen) stand in the file's name.
    Labels: for each film the end plates of L1 to L5, and of S1 on LA, as two points, each with a
    class: 0 normal, 1 and 2 left and right laterolisthesis (AP), 3 anterolisthesis, 4
    retrolisthesis (LA). In 3,600: normal 2,979, anterolisthesis 464, retrolisthesis 194, left 61
    and right 69, any slip 621 patients. The authors' table of diagnoses names the level by its
    lower plate (`L4b` is L4 on L5).
    Raters: not published for each film (`Finding.rater` is None).
    Label rule here: a class on L4b, or on L4a with a note, is one ungraded Spondylolisthesis at
    L4/L5; a film whose rows are all 0 is one finding of grade `none` without a level, which only
    says that nothing has slipped. Every other row accompanies its film.
    Measure: on LA films with known spacing the slip in mm, positive where the upper vertebra
    stands ahead (towards the image's left), negative behind; see docs/sources.md.
    Patient: the first four digits of the name; AP and LA of one patient are one study.
    Known defects: end points the wrong way round (3 of 400 LA tables), films without table and
    tables without film, the same patients in several releases (the later one stands), a spacing
    table that is separated by tabs and keyed without the view, possibly transitional vertebrae
    that shift the count. All LA films were made to face the image's left by the authors; which
    side of an AP film is the patient's left is documented nowhere, so that sides come from the
    class alone and nothing is mirrored.
    Citation: Klinwichit et al., BUU-LSPINE, Applied Sciences 13(15):8646, 2023. Layout and counts:
    docs/sources.md.
    """

    name = "buu"
    title = TITLE
    terms = Terms(
        name="End-user licence agreement of Burapha University (its text was not found)",
        url="https://services.informatics.buu.ac.th/spine",
        summary="Others call it an agreement that forbids giving the films on. As long as its text "
        "is not known, they are neither given on nor sent to a model that somebody else runs.",
        redistribution=False,
        third_party_models=False,
    )
    looked_for: tuple[str, ...] = LOOKED_FOR

    def read(self, root: Path, engine: Engine) -> Reading:
        """Read tables and picture headers. Raises UsageError if the folder is not this source."""
        folder = root
        root, releases = find_releases(folder)
        ledger = Ledger(source=self.name)
        files = list_films(root, releases, ledger)
        if not files:
            raise UsageError(
                f"{folder} is not {self.title}: its AP and LA hold no file named like "
                "0001-F-037Y0.jpg or .csv"
            )
        sheet = read_films(root, files, engine, ledger)
        infos = [read_info(root, release, ledger) for release in releases]
        reading = Reading(root=root, source=self.name, ledger=ledger)
        for content in sheet.kept():
            info = infos[content.film.release]
            stated = state_film(content, _image_id(content), info, ledger)
            if stated.refusal is not None:
                sheet.drop(content, *stated.refusal)
            else:
                _add_film(reading, content, stated, info)
        reading.cells += _lost_slips(sheet, reading)
        for release, info in enumerate(infos):
            _note_missing_spacing(sheet, info, release)
            _settle_info(reading, sheet, info, release)
        reading.check_accounted()
        return reading


def _lost_slips(sheet: FilmSheet, reading: Reading) -> list[StudyCell]:
    """Slips that stand in the table of a film that cannot be shown: the patient has them all the
    same. Copies in another release say nothing new.
    """
    shown = {image.study_id for image in reading.images.values()}
    cells = []
    for content in sheet.films:
        fate = sheet.fate.get(place_of(content.film))
        if fate in (None, "in_another_release") or content.film.patient not in shown:
            continue
        for plate in content.table.rows:
            if plate.code:
                cells.append(
                    StudyCell(
                        study_id=content.film.patient,
                        disease="Spondylolisthesis",
                        level=LEVEL_BELOW.get(plate.plate[:2]),
                        side=None,
                        grade="ungraded",
                        file=content.film.table or "",
                        row=plate.row,
                        column=None,
                    )
                )
    return cells


def _image_id(content: FilmContent) -> str:
    return f"buu:{place_of(content.film)}"


def _add_film(reading: Reading, content: FilmContent, stated: Statements, info: FilmInfo) -> None:
    """Add a film's image, its findings, and the rows that accompany it."""
    film, image_id = content.film, _image_id(content)
    reading.findings += stated.findings
    carried = {finding.row for finding in stated.findings}
    for plate in content.table.rows:
        if plate.row not in carried and not reading.ledger.is_dropped(film.table or "", plate.row):
            reading.extra_units[film.table or "", plate.row] = (image_id,)
    notes = list(stated.notes)
    if any(plate.is_swapped for plate in content.table.rows):
        notes.append("end points of a plate were the wrong way round")
    if not _fits_size(content, info, reading.ledger):
        notes.append("its size differs from the one in csv_info")
    spacing = info.spacing_mm.get(exam_of(film.stem))
    reading.images[image_id] = ImageRef(
        image_id=image_id,
        source="buu",
        path=place_of(film),
        patient_id=f"buu:{film.patient}",
        study_id=film.patient,
        series_id=film.stem,
        modality="XR",
        view=film.view,
        sequence=None,
        instance_number=None,
        official_split=None,
        age_years=film.age_years,
        sex=film.sex,
        spacing_mm=None if spacing is None else (spacing[1], spacing[1]),
        notes=tuple(notes),
    )


def _fits_size(content: FilmContent, info: FilmInfo, ledger: Ledger) -> bool:
    """Whether the picture has the size that csv_info gives, where it gives one."""
    if content.film.stem not in info.size:
        return True
    entry, (cols, rows) = info.size[content.film.stem]
    if (cols, rows) == (content.cols, content.rows):
        return True
    detail = f"row {entry.row}: {cols} x {rows}, the film has {content.cols} x {content.rows}"
    ledger.drop(entry.file, None, "size_disagrees", detail)
    return False


def _note_missing_spacing(sheet: FilmSheet, info: FilmInfo, release: int) -> None:
    if info.spacing_file is None:
        return
    missing = [
        content.film.stem
        for content in sheet.kept()
        if content.film.release == release and exam_of(content.film.stem) not in info.spacing_mm
    ]
    if missing:
        detail = f"{len(missing)} films, {missing[0]} first"
        sheet.ledger.drop(info.spacing_file, None, "spacing_missing", detail)


def _settle_info(reading: Reading, sheet: FilmSheet, info: FilmInfo, release: int) -> None:
    """Tie each row of csv_info to the films that it speaks of, or drop it where none is left."""
    films: dict[str, list[FilmContent]] = defaultdict(list)
    for content in sheet.films:
        if content.film.release == release:
            for key in (content.film.stem, exam_of(content.film.stem)):
                films[key].append(content)
    for entry, key in info.entries():
        named = films[key]
        used = [_image_id(content) for content in named if _image_id(content) in reading.images]
        if used:
            reading.extra_units[entry.file, entry.row] = tuple(sorted(used))
        else:
            _drop_entry(reading.ledger, entry, Counter(sheet.fate[place_of(c.film)] for c in named))


def _drop_entry(ledger: Ledger, entry: Entry, fates: Counter[str]) -> None:
    if fates:
        words = ", ".join(f"{why} {times}" for why, times in sorted(fates.items()))
        ledger.drop(entry.file, entry.row, "film_dropped", words)
    else:
        ledger.drop(entry.file, entry.row, "film_not_here", "no film of this name")
