"""Where the films of BUU-LSPINE lie: its releases, their view folders, what a file name says."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spinebench.errors import DataError, UsageError
from spinebench.records import View
from spinebench.sources.layout import (
    CLUTTER,
    check_is_folder,
    describe_found,
    holds_all,
    list_folders,
)
from spinebench.tables import Ledger

TITLE = "BUU-LSPINE"
LOOKED_FOR = ("AP|LA",)
ViewFolder = Literal["AP", "LA"]
VIEW_FOLDERS: tuple[ViewFolder, ...] = ("AP", "LA")
VIEW_OF_FOLDER: dict[ViewFolder, View] = {"AP": "AP", "LA": "LAT"}
# In the authors' own script the folder of tables is called csv_info, and csv once it is unpacked.
_INFO_FOLDERS = ("csv_info", "csv")
# A zip may wrap itself, and version 2 has its films one level further down, in `data`.
_LEVELS_BELOW = 3
# The later release holds the earlier ones: of a patient's films its own stand.
_LATEST_FIRST = ("V2", "3600", "2000", "400")
# NNNN-G-AAAYV: patient, sex, age in years, view (0 = AP, 1 = LA).
_NAME = re.compile(r"(\d{4})-([FM])-(\d{3})Y([01])")
_VIEW_DIGITS: dict[ViewFolder, str] = {"AP": "0", "LA": "1"}
_PICTURES = (".jpg", ".jpeg")


@dataclass(frozen=True, slots=True)
class Release:
    """One release: 400, 2000, 3600 or version 2. Paths are relative to the root."""

    folder: str  # "." where the root is the release
    films: str  # folder that holds AP and LA: the same, or `data` below it
    info: str | None  # folder of the tables about all films
    age: int  # 0 = the latest that there is


@dataclass(frozen=True, slots=True)
class FilmFile:
    """One film by its name: a picture, a table of its end plates, or both."""

    release: int  # place in the order of releases; the lower one stands
    folder: ViewFolder
    stem: str
    patient: str  # four digits
    sex: str
    age_years: float | None
    picture: str | None  # relative to the root
    table: str | None

    @property
    def view(self) -> View:
        """The view that its folder says."""
        return VIEW_OF_FOLDER[self.folder]

    @property
    def is_in_wrong_folder(self) -> bool:
        """Whether the last digit of the name says the other view."""
        return self.stem[-1] != _VIEW_DIGITS[self.folder]


def find_releases(folder: Path) -> tuple[Path, list[Release]]:
    """(root, releases below it, the latest first). Raises UsageError if there is none.

    Several releases side by side are read together; then the root is the folder above them.
    """
    check_is_folder(folder)
    films = _find_film_folders(folder)
    if not films:
        raise UsageError(
            f"{folder} is not {TITLE}: looked for AP or LA, here or in data; "
            f"{describe_found(folder)}"
        )
    tops = [path.parent if path.name == "data" and path != folder else path for path in films]
    root = Path(os.path.commonpath(tops))
    found = []
    for top, path in zip(tops, films, strict=True):
        info = next((top / name for name in _INFO_FOLDERS if (top / name).is_dir()), None)
        name = top.name if info is None else f"{top.name} V2"
        age = next((n for n, mark in enumerate(_LATEST_FIRST) if mark in name), len(_LATEST_FIRST))
        found.append(
            Release(
                folder=top.relative_to(root).as_posix(),
                films=path.relative_to(root).as_posix(),
                info=None if info is None else info.relative_to(root).as_posix(),
                age=age,
            )
        )
    return root, sorted(found, key=lambda release: (release.age, release.folder))


def _find_film_folders(folder: Path) -> list[Path]:
    """Every folder, at most three levels below, that holds AP or LA; none within another."""
    found: list[Path] = []
    level = [folder]
    for _ in range(_LEVELS_BELOW + 1):
        here = [path for path in level if holds_all(path, LOOKED_FOR)]
        found += here
        level = [child for path in level if path not in here for child in list_folders(path)]
    return sorted(found)


def list_films(root: Path, releases: Sequence[Release], ledger: Ledger) -> list[FilmFile]:
    """Every film of the releases, by name; tables with another name are rows of no film.

    Raises DataError where a folder may not be listed.
    """
    films: list[FilmFile] = []
    for place, release in enumerate(releases):
        for folder in VIEW_FOLDERS:
            path = (Path(release.films) / folder).as_posix()
            if (root / path).is_dir():
                films += _list_folder(root, path, place, folder, ledger)
            else:
                ledger.drop(path, None, "no_view_folder", "the release is there without it")
    return films


def _list_folder(
    root: Path, path: str, release: int, folder: ViewFolder, ledger: Ledger
) -> list[FilmFile]:
    pictures: dict[str, str] = {}
    tables: dict[str, str] = {}
    odd: Counter[str] = Counter()
    first: dict[str, str] = {}
    for name in _list_names(root, path):
        stem, suffix = Path(name).stem, Path(name).suffix
        kind = {".csv": tables, **dict.fromkeys(_PICTURES, pictures)}.get(suffix.lower())
        if kind is None or not _NAME.fullmatch(stem):
            reason = "unknown_file" if kind is None else "malformed_name"
            odd[reason] += 1
            first.setdefault(reason, name)
        else:
            kind.setdefault(stem, f"{path}/{name}")
    for reason, times in sorted(odd.items()):
        ledger.drop(path, None, reason, f"{times} files, {first[reason][:60]} first")
    films = []
    for stem in sorted({*pictures, *tables}):
        patient, sex, years, _ = _NAME.fullmatch(stem).groups()  # type: ignore[union-attr] # kept
        age = float(years) or None  # nobody is 0 years old here: not known
        picture, table = pictures.get(stem), tables.get(stem)
        films.append(FilmFile(release, folder, stem, patient, sex, age, picture, table))
    return films


def _list_names(root: Path, path: str) -> list[str]:
    try:
        names = [entry.name for entry in (root / path).iterdir()]
    except PermissionError as error:
        raise DataError(
            file=path, found="permission denied", expected="a folder to list"
        ) from error
    return sorted(name for name in names if name not in CLUTTER and not name.startswith("._"))
