"""From the rows of a release to images and questions: answers matched, patients told from paths.

Nothing is mended here: identical pictures in two splits, repeated questions and odd options stay as
they are, for the audit to report. What cannot be a question at all is a ledger line.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from string import ascii_uppercase
from typing import cast

from spinebench.anatomy.diseases import CLASSES, DISEASE_BY_NAME, DISEASES, find_disease
from spinebench.anatomy.levels import LUMBAR_DISCS, parse_level
from spinebench.benchmark.release.incoming import Entry, MalformedRowError, Place
from spinebench.benchmark.release.pictures import StoredPicture
from spinebench.benchmark.release.rows import ReleaseRow
from spinebench.errors import UsageError
from spinebench.records import (
    Image,
    Modality,
    Question,
    SideName,
    Task,
    View,
    question_content_hash,
)
from spinebench.tables import Ledger

RULE = "imported/1"
UNKNOWN = "unknown"  # the class of a localization question whose image has no diagnosis question
_MODALITY: dict[str, Modality] = {"rsna": "MR", "vindr": "XR", "buu": "XR", "csxa": "XR"}
_BUU_NAME = re.compile(r"(\d{1,6})-[FM]-\d{1,3}Y")
# a folder with more pictures than one patient has is a box of films, not a patient
_PICTURES_OF_A_PATIENT = 40
_LETTERS = re.compile(r"[A-Z](?:\s*[,;/& ]\s*[A-Z])*|[A-Z]{2,26}")

DEFAULT_OPTIONS: dict[Task, tuple[str, ...]] = {
    "diagnosis": CLASSES,
    "localization": tuple(str(level) for level in LUMBAR_DISCS),
    "alignment": tuple(d for d in DISEASES if DISEASE_BY_NAME[d].kind == "curvature"),
}


def match_answers(options: Sequence[str], answers: Sequence[str]) -> tuple[str, ...]:
    """Letters of the options that the answers name, sorted. Raises MalformedRowError.

    An answer is an option's text, whatever its capitals or its author's spelling of a class or a
    level, or a letter. One text may hold several answers behind commas.
    """
    if not answers:
        raise MalformedRowError("no_answer", "an empty list")
    if not 2 <= len(options) <= len(ascii_uppercase):
        raise MalformedRowError("malformed_row", f"{len(options)} options, not 2 to 26")
    exact = {option: letter for letter, option in _lettered(reversed(options), len(options))}
    alike = {
        canonical(option): letter for letter, option in _lettered(reversed(options), len(options))
    }
    letters: set[str] = set()
    for answer in answers:
        text = answer.strip()
        found = exact.get(answer) or alike.get(canonical(text))
        if found is not None:
            letters.add(found)
        elif "," in text or ";" in text:
            parts = [part for part in re.split(r"[,;]", text) if part.strip()]
            letters.update(match_answers(options, parts))
        else:
            letters.update(_read_letters(text, len(options)))
    return tuple(sorted(letters))


def _lettered(options: object, count: int) -> list[tuple[str, str]]:
    # from the last to the first, so that of repeated options the first keeps its letter
    return list(zip(reversed(ascii_uppercase[:count]), options, strict=True))  # type: ignore[call-overload]  # an iterator of texts


def _read_letters(text: str, options: int) -> set[str]:
    bare = text.strip("[]() .").upper()
    known = ascii_uppercase[:options]
    letters = set(re.findall(r"[A-Z]", bare)) if _LETTERS.fullmatch(bare) else set()
    if not letters or not letters <= set(known):
        raise MalformedRowError("answer_not_among_options", f"{text[:80]!r}")
    return letters


def canonical(text: str) -> str:
    """One spelling for all of a class or a level; for other texts, lower case."""
    disease = find_disease(text)
    if disease is not None:
        return disease.disease
    try:
        return str(parse_level(text))
    except UsageError:
        return re.sub(r"\s+", " ", text).strip().casefold()


class ImageBook:
    """The images of a release: one for each picture, with ids that do not clash."""

    def __init__(self, pictures: Mapping[Path, StoredPicture], ledger: Ledger) -> None:
        self.images: dict[str, Image] = {}
        self._pictures, self._ledger = pictures, ledger
        self._in_folder: Counter[str] = Counter()
        self.assumed: Counter[tuple[str, str]] = Counter()  # (file, note)

    def count_folders(self, entries: Sequence[Entry]) -> None:
        """See how many pictures each first folder below a source holds."""
        seen: set[str] = set()
        for entry in entries:
            if entry.row is not None and entry.row.image not in seen:
                seen.add(entry.row.image)
                self._in_folder["/".join(_parts(entry.row.image)[:2])] += 1

    def find_or_add(self, entry: Entry, row: ReleaseRow) -> Image:
        """The image of a row; an image that is new is described from the row and its path."""
        assert entry.picture is not None
        picture = self._pictures[entry.picture]
        source = row.source or source_of_path(row.image)
        wanted = row.image_id if row.image_id and row.image_id.startswith(f"{source}:") else None
        wanted = wanted or f"{source}:{'/'.join(_parts(row.image)[1:])}"
        image_id, number = wanted, 1
        while image_id in self.images:
            if self.images[image_id].original_sha256 == picture.original_sha256:
                return self.images[image_id]
            number += 1
            image_id = f"{wanted}~{number}"  # one path in two folders, with other bytes
        image = self._describe(entry.place, row, picture, source, image_id)
        self.images[image_id] = image
        return image

    def _describe(
        self,
        place: Place,
        row: ReleaseRow,
        picture: StoredPicture,
        source: str,
        image_id: str,
    ) -> Image:
        patient, study, series, instance, note = self._origin(row, source, image_id)
        notes = [*picture.notes, *([note] if note else [])]
        modality = row.modality or _MODALITY.get(source)
        if modality is None:
            modality = "OT"
            self.assumed[place.file, "modality_unknown"] += 1
        if note:
            self.assumed[place.file, note.replace(" ", "_")] += 1
        return Image(
            image_id=image_id,
            source=source,
            path=picture.path,
            patient_id=patient,
            study_id=study,
            series_id=series,
            modality=cast(Modality, modality),
            view=cast(View | None, row.view),
            sequence=row.sequence,
            frame=None,
            instance_number=instance,
            slice_position_mm=None,
            rows=picture.rows,
            cols=picture.cols,
            file_rows=picture.file_rows,
            file_cols=picture.file_cols,
            scale_x=picture.scale_x,
            scale_y=picture.scale_y,
            spacing_row_mm=None,
            spacing_col_mm=None,
            affine=None,
            original_sha256=picture.original_sha256,
            file_sha256=picture.file_sha256,
            pixel_sha256=picture.pixel_sha256,
            policy=picture.policy,
            age_years=None,
            sex=None,
            official_split=None,
            notes=tuple(notes),
        )

    def _origin(
        self, row: ReleaseRow, source: str, image_id: str
    ) -> tuple[str, str, str, int | None, str]:
        """Patient, study, series, instance number, and the note on where the patient is from."""
        parts = [*_parts(row.image)]
        stem = PurePosixPath(parts[-1]).stem
        instance = int(stem) if re.fullmatch(r"\d{1,9}", stem) else None
        if source == "rsna" and len(parts) >= 4:
            study, series, note = parts[-3], parts[-2], "patient from path"
            patient = study
        elif source == "buu" and (named := _BUU_NAME.match(stem)):
            patient = study = series = named[1]
            note = "patient from name"
        elif len(parts) > 2 and self._in_folder["/".join(parts[:2])] <= _PICTURES_OF_A_PATIENT:
            patient, study, series = parts[1], parts[-2], parts[-2]
            note = "patient from folder"
        else:
            patient = study = series = image_id.partition(":")[2]
            note = "patient is the image"
        if row.patient is not None:
            if note == "patient from folder":  # a guess: the release itself knows its patients
                study = series = row.patient
            return f"{source}:{row.patient}", study, series, instance, ""
        return f"{source}:{patient}", study, series, instance, note


def source_of_path(path: str) -> str:
    """The source that a picture's path names: its first folder, or `imported`."""
    first = _parts(path)[0].casefold()
    for source in _MODALITY:
        if re.match(rf"{source}(?![a-z])", first):
            return source
    if "spinexr" in first:
        return "vindr"
    name = re.sub(r"[^a-z0-9_-]+", "-", first).strip("-_")
    return name if re.fullmatch(r"[a-z][a-z0-9_-]{0,40}", name) else "imported"


def _parts(path: str) -> list[str]:
    """Parts of a picture's path, the source's folder first."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return parts if len(parts) > 1 else ["imported", *parts]


class QuestionBook:
    """The questions of a release, with ids of their own."""

    def __init__(self) -> None:
        self.questions: dict[str, Question] = {}

    def add(self, entry: Entry, row: ReleaseRow, image: Image, disease: str | None) -> None:
        """Add the question of a row. Raises MalformedRowError."""
        options = row.options if row.options is not None else DEFAULT_OPTIONS[row.task]
        if not 2 <= len(options) <= len(ascii_uppercase):
            raise MalformedRowError("malformed_row", f"{len(options)} options, not 2 to 26")
        gold = match_answers(options, row.answers)
        levels = row.levels
        if levels is None and row.task == "localization":
            levels = tuple(canonical(options[ascii_uppercase.index(letter)]) for letter in gold)
        content = question_content_hash(
            text=row.text, options=options, gold=gold, pixel_sha256=(image.pixel_sha256,)
        )
        readable = (row.question_id or _readable(row.task, image)).rpartition("@")
        name = readable[0] or readable[2]
        question_id, number = f"{name}@{content}", 1
        while question_id in self.questions:  # asked twice: kept, for the audit to find
            number += 1
            question_id = f"{name}~{number}@{content}"
        self.questions[question_id] = Question(
            question_id=question_id,
            kind="mcq",
            task=row.task,
            source=image.source,
            image_ids=(image.image_id,),
            text=row.text,
            options=options,
            gold=gold,
            multiple=row.multiple if row.multiple is not None else _is_multiple(row.task, gold),
            disease=disease or UNKNOWN,
            levels=levels or (),
            side=cast(SideName | None, row.side),
            axis=image.view,
            template=row.template or "imported",
            negatives=row.negatives or (),
            similarities=row.similarities or (),
            split=row.split,
            patient_id=image.patient_id,
            finding_ids=(),
            rule=row.rule or RULE,
            rests_on=(f"import:{entry.place.file}:{entry.place.row}",),
            never_offered=row.never_offered or (),
            in_subset=bool(row.in_subset) and row.split == "test",
        )


def _is_multiple(task: Task, gold: tuple[str, ...]) -> bool:
    return task == "localization" or len(gold) > 1


def _readable(task: Task, image: Image) -> str:
    path = image.image_id.partition(":")[2]
    return f"{task}-{image.source}-{str(PurePosixPath(path).with_suffix('')).replace('/', '.')}"


def classes_of_images(entries: Sequence[Entry]) -> dict[str, str]:
    """The class of each picture path, from the diagnosis question about it; the first stands."""
    found: dict[str, str] = {}
    for entry in entries:
        row = entry.row
        if row is None:
            continue
        if row.disease is not None:
            found.setdefault(row.image, _class_name(row.disease))
        elif row.task == "diagnosis":
            options = row.options if row.options is not None else CLASSES
            try:
                letter = match_answers(options, row.answers)[0]
            except MalformedRowError:  # it will get its ledger line as a question
                continue
            found.setdefault(row.image, _class_name(options[ascii_uppercase.index(letter)]))
    return found


def _class_name(text: str) -> str:
    known = find_disease(text)
    return text if known is None else known.disease
