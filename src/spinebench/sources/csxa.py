"""CSXA, the Cervical Spine X-ray Atlas: lateral films of the neck with its shape and landmarks."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spinebench.engine import Engine
from spinebench.records import Finding
from spinebench.sources.base import ImageRef, Reading, Terms
from spinebench.sources.csxa_angle import Facing, find_facing, measure_cobb_deg
from spinebench.sources.csxa_films import (
    FilmFacts,
    FilmFiles,
    has_film,
    list_films,
    read_films,
)
from spinebench.sources.csxa_sheet import NORMAL, SHEET_FILE, CaseRow, Word, read_cases
from spinebench.sources.layout import find_root
from spinebench.tables import Ledger, sha256_of_file

# Ledger names of the two kinds of files, which copies keep in folders of many names.
FILMS, LANDMARK_FILES = "datasets-PNG", "datasets-JSON"
Problem = tuple[str, str]  # reason, detail
_AGE_NOTE = "the age in its name is not the sheet's"


@dataclass(frozen=True)
class Films:
    """The films that were read, by case number; why some cannot be used; which way all face."""

    of_number: Mapping[int, Sequence[FilmFacts]]
    problems: Mapping[str, Problem]  # by path
    facing: Facing | None


class CsxaSource:
    """CSXA V3.0, as downloaded from Science Data Bank, films and landmarks in any subfolder.

    Population: 4,963 lateral cervical radiographs of people with and without symptoms; age, sex and
    pixel size in the sheet, which has more rows than there are films.
    Labels: the shape of the neck in five codes (lordotic, straight, sigmoid 1 and 2, kyphotic), a
    disease column (4,818 spondylosis, 181 healthy as reported; its wording is not verified), 118
    measurements that are not read, 23 landmarks per film in LabelMe files.
    Raters: not named per row.
    Label rule here: one finding for the shape (the two sigmoid codes are one class), ungraded,
    with the C2-C7 Cobb angle of the landmarks where they allow it; and one for the disease column:
    `healthy` is an explicit normal, `spondylosis` keeps its name, and the label rule decides
    whether a shape counts beside them. No level, no side: both speak of the whole neck.
    View: lateral. Which way a patient faces is not documented; left and right of a landmark are
    those of the picture. Patient: the case number, the first four digits of a film's name.
    Known defects: a landmark twice and another missing (2548130), sheet rows without film, ages in
    names that are not the sheet's, sizes in the LabelMe files that are not the picture's.
    Licence: called open access; its text was not at hand. No official split.
    Citation: Cervical Spine X-ray Atlas, Sci Data 2024, s41597-024-03383-0; Science Data Bank, doi
    10.57760/sciencedb.15391.
    Layout and reasons: docs/sources.md.
    """

    name = "csxa"
    title = "CSXA (Cervical Spine X-ray Atlas)"
    terms = Terms(
        name="open access (licence text not verified)",
        url="https://doi.org/10.57760/sciencedb.15391",
        summary="Published as open access; the text of its licence was not verified here: read it "
        "at the source before the films are given on or sent to a model that somebody else runs.",
        redistribution=True,
        third_party_models=True,
    )
    looked_for: tuple[str, ...] = (SHEET_FILE,)

    def read(self, root: Path, engine: Engine) -> Reading:
        """Read sheet, films and landmarks. Raises UsageError if the folder is not this source."""
        root, sheet = self._find_root(root)
        ledger = Ledger(source=self.name)
        cases, named = read_cases(root, sheet, ledger)
        films, notes = list_films(root)
        _note_films(films, named, notes, ledger)
        wanted = {case.number for case in cases}
        facts = read_films(root, [film for film in films if film.number in wanted], engine)
        _note_landmarks(facts, ledger)
        films_read = _sort_films(root, facts, cases)
        reading = Reading(root=root, source=self.name, ledger=ledger)
        for case in cases:
            _read_case(reading, case, films_read)
        aged = [image.path for image in reading.images.values() if _AGE_NOTE in image.notes]
        if aged:
            ledger.drop(FILMS, None, "age_in_name_disagrees", f"{len(aged)} files, {aged[0]} first")
        reading.check_accounted()
        return reading

    def _find_root(self, folder: Path) -> tuple[Path, str]:
        """(root, sheet relative to it): the sheet's folder, or the one given where no film lies
        below the sheet but some lie beside it."""
        found = find_root(folder, self.looked_for, self.title)
        if found == folder or has_film(found) or not has_film(folder):
            return found, SHEET_FILE
        return folder, (found / SHEET_FILE).relative_to(folder).as_posix()


def _note_films(
    films: Sequence[FilmFiles], named: set[int], notes: Sequence[Problem], ledger: Ledger
) -> None:
    for reason, detail in notes:
        file = LANDMARK_FILES if reason.startswith("landmarks") else FILMS
        ledger.drop(file, None, reason, detail)
    extra = [film.path for film in films if film.number not in named]
    if extra:
        ledger.drop(FILMS, None, "files_without_rows", f"{len(extra)} files, {extra[0]} first")


def _note_landmarks(facts: Sequence[FilmFacts], ledger: Ledger) -> None:
    for film in facts:
        for reason, detail in film.notes:
            ledger.drop(LANDMARK_FILES, None, reason, detail)


def _sort_films(root: Path, facts: Sequence[FilmFacts], cases: Sequence[CaseRow]) -> Films:
    of_number: dict[int, list[FilmFacts]] = defaultdict(list)
    for film in facts:
        of_number[film.files.number].append(film)
    problems = _find_problems(root, facts, {case.number: case for case in cases})
    return Films(of_number, problems, find_facing(dict(film.points_px) for film in facts))


def _find_problems(
    root: Path, facts: Sequence[FilmFacts], cases: Mapping[int, CaseRow]
) -> dict[str, Problem]:
    """Why a film is not used, by its path: it cannot be read, or it is another case's film too."""
    problems = {
        film.files.path: (film.reason, f"{film.files.path}: {film.detail}")
        for film in facts
        if film.reason is not None
    }
    for same in _find_identical(root, [film for film in facts if film.reason is None]):
        first, *later = same
        said = {_shape_and_disease(cases[film.files.number]) for film in same}
        for film in later:
            detail = f"{film.files.path}: the same file as {first.files.path}"
            problems[film.files.path] = ("identical_film", detail)
        if len(said) > 1:
            detail = f"{first.files.path}: other cases have it with other labels"
            problems[first.files.path] = ("identical_film", detail)
    return problems


def _shape_and_disease(case: CaseRow) -> tuple[str | None, ...]:
    return tuple(None if word is None else word.meaning for word in (case.curvature, case.disease))


def _find_identical(root: Path, facts: Sequence[FilmFacts]) -> list[list[FilmFacts]]:
    """Groups of films whose files are the same byte by byte; only files of equal size are read."""
    by_size: dict[tuple[int, ...], list[FilmFacts]] = defaultdict(list)
    for film in facts:
        size = (root / film.files.path).stat().st_size
        by_size[size, film.rows, film.cols].append(film)
    by_hash: dict[str, list[FilmFacts]] = defaultdict(list)
    for films in by_size.values():
        if len(films) > 1:
            for film in films:
                by_hash[sha256_of_file(root / film.files.path)].append(film)
    return [films for films in by_hash.values() if len(films) > 1]


def _read_case(reading: Reading, case: CaseRow, films: Films) -> None:
    """Images and findings of one row, or its ledger line."""
    own = films.of_number.get(case.number, ())
    usable = [film for film in own if film.files.path not in films.problems]
    failed = [films.problems[film.files.path] for film in own if film not in usable]
    if not own:
        reading.ledger.drop(case.file, case.row, "row_without_image", f"case {case.number:04d}")
    for place, (reason, detail) in enumerate(failed):
        # the row itself is lost only where it has no film left
        row = case.row if place == 0 and not usable else None
        reading.ledger.drop(case.file, row, reason, detail)
    for film in usable:
        image = _build_image(case, film)
        reading.images[image.image_id] = image
        cobb = measure_cobb_deg(dict(film.points_px), films.facing)
        reading.findings += _build_findings(case, film, image.image_id, cobb)


def _build_image(case: CaseRow, film: FilmFacts) -> ImageRef:
    notes = [f"{reason} in its landmark file" for reason in dict(film.notes)]
    told = film.files.age_in_name
    if told is not None and case.age_years is not None and told != case.age_years:
        notes.append(_AGE_NOTE)
    number = f"{case.number:04d}"
    return ImageRef(
        image_id=f"csxa:{film.files.path}",
        source="csxa",
        path=film.files.path,
        patient_id=f"csxa:{number}",
        study_id=number,
        series_id=film.files.stem,
        modality="XR",
        view="LAT",
        sequence=None,
        instance_number=None,
        official_split=None,
        notes=tuple(notes),
        age_years=case.age_years,
        sex=case.sex,
        spacing_mm=None if case.spacing_mm is None else (case.spacing_mm, case.spacing_mm),
    )


def _build_findings(
    case: CaseRow, film: FilmFacts, image_id: str, cobb: float | None
) -> list[Finding]:
    """The shape of the neck and what the disease column says, as far as each is stated."""
    stem = film.files.stem
    found = []
    if case.curvature is not None:
        found.append(_build_finding(case, image_id, f"{stem}:curvature", case.curvature, cobb))
    if case.disease is not None:
        found.append(_build_finding(case, image_id, f"{stem}:disease", case.disease, None))
    return found


def _build_finding(
    case: CaseRow, image_id: str, key: str, word: Word, cobb_deg: float | None
) -> Finding:
    normal = word.meaning == NORMAL
    return Finding(
        finding_id=f"csxa:{case.file}:{case.row}:{key}",
        image_id=image_id,
        disease=None if normal else word.meaning,
        grade="none" if normal else "ungraded",
        measure=cobb_deg,
        measure_kind=None if cobb_deg is None else "cobb_c2_c7_deg",
        level=None,
        side=None,
        point_px=None,
        box_px=None,
        point_mm=None,
        rater=None,
        source_words=word.word,
        file=case.file,
        row=case.row,
        grade_file=None,
        grade_row=None,
        grade_column=None,
    )
