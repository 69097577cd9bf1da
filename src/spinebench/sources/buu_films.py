"""Which films of BUU-LSPINE can be used: read, in their own folder, once each, of one patient."""

import functools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spinebench.engine import Engine
from spinebench.sources.buu_layout import FilmFile
from spinebench.sources.buu_tables import FilmContent, read_film
from spinebench.tables import Ledger, sha256_of_file

_FILMS_PER_SHARD = 32


@dataclass
class FilmSheet:
    """All films with what became of them: `kept`, or the reason why not."""

    ledger: Ledger
    films: list[FilmContent]
    fate: dict[str, str] = field(default_factory=dict)  # reason by place (see `place_of`)

    def kept(self) -> list[FilmContent]:
        """Films not dropped so far, in order."""
        return [content for content in self.films if place_of(content.film) not in self.fate]

    def drop(self, content: FilmContent, reason: str, detail: str) -> None:
        """Drop a film with all rows of its table."""
        self.fate.setdefault(place_of(content.film), reason)
        for plate in content.table.rows:
            self.ledger.drop(content.film.table or "", plate.row, reason, detail)


def place_of(film: FilmFile) -> str:
    """The film's picture, or its table where there is none, relative to the root."""
    return film.picture or film.table or ""


def read_films(root: Path, films: Sequence[FilmFile], engine: Engine, ledger: Ledger) -> FilmSheet:
    """The films that can be used; of all others each row is in the ledger."""
    read = functools.partial(read_film, root)
    contents = engine.map(read, films, label="buu: reading films", shard=_FILMS_PER_SHARD)
    sheet = FilmSheet(ledger, list(contents))
    for content in sheet.films:
        _account(content, ledger)
    _drop_unusable(sheet)
    _drop_other_releases(sheet)
    _drop_identical(root, sheet)
    _note_patients(sheet)
    return sheet


def _account(content: FilmContent, ledger: Ledger) -> None:
    """Count the rows of a film's table, and drop those that could not be read."""
    file, table = content.film.table, content.table
    if file is None:
        return
    ledger.count_read(file, table.units)
    for row, reason, detail in table.refused:
        ledger.drop(file, row, reason, detail)
    if table.failure is not None:
        ledger.drop(file, None, *table.failure)
    swapped = [plate.plate for plate in table.rows if plate.is_swapped]
    if swapped:
        ledger.drop(file, None, "end_points_swapped", ", ".join(swapped))


def _drop_unusable(sheet: FilmSheet) -> None:
    bare: dict[str, list[str]] = defaultdict(list)
    for content in sheet.films:
        film, table = content.film, content.table
        if film.table is None and film.picture is not None:
            bare[str(Path(film.picture).parent)].append(Path(film.picture).name)
            sheet.drop(content, "files_without_rows", "")
        elif film.is_in_wrong_folder:
            sheet.drop(content, "view_contradicts_folder", f"in the folder {film.folder}")
        elif content.failure is not None:
            sheet.drop(content, *content.failure)
        elif not table.rows:
            reason = table.failure[0] if table.failure else table.refused[0][1]
            sheet.drop(content, reason, "")
    for folder, names in sorted(bare.items()):
        detail = f"{len(names)} files, {names[0]} first"
        sheet.ledger.drop(folder, None, "files_without_rows", detail)


def _drop_other_releases(sheet: FilmSheet) -> None:
    """Of a patient's films of one view, those of the latest release stand."""
    latest: dict[tuple[str, str], int] = {}
    for content in sheet.kept():
        key = (content.film.patient, content.film.folder)
        latest[key] = min(latest.get(key, content.film.release), content.film.release)
    for content in sheet.kept():
        if content.film.release != latest[content.film.patient, content.film.folder]:
            sheet.drop(content, "in_another_release", "the later release has this patient's film")


def _drop_identical(root: Path, sheet: FilmSheet) -> None:
    """Drop films that are the same file: of two patients, of two views, or of two releases."""
    for same in _identical(root, sheet.kept()):
        first = min(content.film.release for content in same)
        for content in same:
            if content.film.release != first:
                detail = "the later release has this very film"
                sheet.drop(content, "in_another_release", detail)
        latest = [content for content in same if content.film.release == first]
        if len({content.film.patient for content in latest}) > 1:
            reason, detail = "film_of_two_patients", "the very same file under another patient"
        else:
            reason, detail = "film_twice", "the very same file under another name"
        if len(latest) > 1:
            for content in latest:
                others = [c.film.stem for c in latest if c is not content]
                sheet.drop(content, reason, f"{detail}: {others[0]}")


def _identical(root: Path, contents: Iterable[FilmContent]) -> list[list[FilmContent]]:
    """Groups of films whose picture files hold the same bytes."""
    by_size: dict[int, list[FilmContent]] = defaultdict(list)
    for content in contents:
        by_size[content.size].append(content)
    groups: dict[str, list[FilmContent]] = defaultdict(list)
    for alike in by_size.values():
        if len(alike) > 1:  # only then is it worth reading gigabytes
            for content in alike:
                groups[sha256_of_file(root / (content.film.picture or ""))].append(content)
    return [group for group in groups.values() if len(group) > 1]


def _note_patients(sheet: FilmSheet) -> None:
    """Note patients whose films disagree on who they are: numbers may have been given twice."""
    sexes: dict[str, set[str]] = defaultdict(set)
    for content in sheet.kept():
        sexes[content.film.patient].add(content.film.sex)
    for content in sheet.kept():
        film = content.film
        if len(sexes[film.patient]) > 1:
            sheet.ledger.drop(film.table or "", None, "sex_disagrees", f"patient {film.patient}")
