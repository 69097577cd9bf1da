"""The films of CSXA and the landmarks beside them: what each pair of files says, in parallel."""

import functools
import math
import os
import re
import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from spinebench.engine import Engine
from spinebench.errors import DataError
from spinebench.imaging.raster import check_pixel_count
from spinebench.sources.csxa_angle import PointPx
from spinebench.sources.jsonfile import read_json
from spinebench.sources.layout import CLUTTER

# The 23 landmarks, as LabelMe labels; left and right are those of the picture.
LANDMARKS: tuple[str, ...] = (
    "C2 bottom left",
    "C2 bottom right",
    "C2 centroid",
    *(
        f"C{level} {end} {side}"
        for level in range(3, 8)
        for end in ("top", "bottom")
        for side in ("left", "right")
    ),
)
_PAIRS_PER_ITEM = 16
# A picture of the release has some 0.3 MB, in base64 a third more.
_LIMIT_LANDMARK_BYTES = 64_000_000
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_MOST_CHUNKS = 100_000


@dataclass(frozen=True, slots=True)
class FilmFiles:
    """A film and the landmark file of the same name; paths relative to the root."""

    stem: str
    path: str
    landmarks: str | None

    @property
    def number(self) -> int:
        """Case number: the first four digits of the name."""
        return int(self.stem[:4])

    @property
    def age_in_name(self) -> int | None:
        """The last two of seven digits, which seem to be the age; None for other names."""
        return int(self.stem[5:]) if len(self.stem) == 7 else None


@dataclass(frozen=True, slots=True)
class FilmFacts:
    """What the two files of a film say. `reason`: ledger word, None where the film is readable."""

    files: FilmFiles
    reason: str | None = None
    detail: str = ""
    rows: int = 0
    cols: int = 0
    points_px: tuple[tuple[str, PointPx], ...] = ()  # usable landmarks: (label, (x, y))
    notes: tuple[tuple[str, str], ...] = ()  # reason and detail of what is wrong with landmarks


# --- listing -----------------------------------------------------------------------------------


def list_films(root: Path) -> tuple[list[FilmFiles], list[tuple[str, str]]]:
    """(films anywhere below the root by path, notes as reason and detail).

    Raises DataError for a folder that may not be listed.
    """
    found: dict[str, dict[str, str]] = {".png": {}, ".json": {}}
    again: list[str] = []
    odd: list[str] = []
    for path in _iter_files(root):
        kind = path.suffix.lower()
        if kind not in found:
            continue
        name = path.relative_to(root).as_posix()
        if not re.fullmatch(r"\d{4,12}", path.stem, re.ASCII):
            odd.append(name)
        elif path.stem in found[kind]:
            again.append(name)
        else:
            found[kind][path.stem] = name
    films = [
        FilmFiles(stem, name, found[".json"].get(stem))
        for stem, name in sorted(found[".png"].items(), key=lambda item: item[1])
    ]
    notes = [
        *_counted("file_twice", again),
        *_counted("malformed_name", odd),
        *_counted("landmarks_missing", [film.path for film in films if film.landmarks is None]),
        *_counted("landmarks_without_film", sorted(set(found[".json"]) - set(found[".png"]))),
    ]
    return films, notes


def has_film(root: Path) -> bool:
    """Whether any PNG file lies below the root."""
    return any(path.suffix.lower() == ".png" for path in _iter_files(root))


def _iter_files(root: Path) -> Iterable[Path]:
    """Files below the root in a fixed order, what downloads leave behind left out."""
    for folder, folders, names in os.walk(root, onerror=_refuse_folder):
        folders[:] = sorted(name for name in folders if name not in CLUTTER)
        for name in sorted(names):
            if name not in CLUTTER and not name.startswith("._"):
                yield Path(folder, name)


def _refuse_folder(error: OSError) -> None:
    name = Path(str(error.filename)).name
    raise DataError(file=name, found="permission denied", expected="a folder to list") from error


def _counted(reason: str, names: Sequence[str]) -> list[tuple[str, str]]:
    return [(reason, f"{len(names)} files, {names[0]} first")] if names else []


# --- reading -----------------------------------------------------------------------------------


def read_films(root: Path, films: Sequence[FilmFiles], engine: Engine) -> list[FilmFacts]:
    """Facts of every film, in the order given."""
    shards = [
        tuple(films[start : start + _PAIRS_PER_ITEM])
        for start in range(0, len(films), _PAIRS_PER_ITEM)
    ]
    work = functools.partial(_read_shard, root)
    results = engine.map(work, shards, label="csxa: reading films and landmarks")
    return [facts for shard in results for facts in shard]


def _read_shard(root: Path, films: tuple[FilmFiles, ...]) -> list[FilmFacts]:
    return [read_film(root, film) for film in films]


def read_film(root: Path, film: FilmFiles) -> FilmFacts:
    """Facts of one film. What cannot be read is a reason or a note, never an error."""
    try:
        rows, cols = read_png_size(root / film.path)
    except PermissionError:
        return FilmFacts(film, "permission_denied", "this user may not read the file")
    except OSError:
        return FilmFacts(film, "unreadable_file", "no file that can be opened")
    except DataError as error:
        return FilmFacts(film, "unreadable_file", f"found {error.found}")
    if film.landmarks is None:
        return FilmFacts(film, rows=rows, cols=cols)
    try:
        drawing = read_json(root, film.landmarks, _LIMIT_LANDMARK_BYTES)
    except DataError as error:
        note = ("unreadable_landmarks", str(error))
        return FilmFacts(film, rows=rows, cols=cols, notes=(note,))
    points, problems = parse_landmarks(drawing, rows=rows, cols=cols)
    notes = tuple((reason, f"{film.landmarks}: {detail}") for reason, detail in problems)
    return FilmFacts(film, rows=rows, cols=cols, points_px=tuple(points.items()), notes=notes)


def read_png_size(path: Path) -> tuple[int, int]:
    """(rows, cols) from the header of a PNG file that reaches to its end.

    Raises OSError where it cannot be opened, DataError where it is no PNG, ends too soon, or has
    more pixels than any film.
    """
    with path.open("rb") as stream:
        head = stream.read(33)
        if not head:
            raise _no_png(path, "0 bytes")
        if head[:8] != _PNG_HEAD or head[12:16] != b"IHDR" or len(head) < 33:
            raise _no_png(path, "bytes that are no PNG")
        cols, rows = struct.unpack(">II", head[16:24])
        if not rows or not cols:
            raise _no_png(path, "a picture without pixels")
        check_pixel_count(path.name, rows, cols)
        if not _reaches_end(stream):
            raise _no_png(path, "a PNG that ends too soon")
    return rows, cols


def _reaches_end(stream: BinaryIO) -> bool:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - len(_PNG_END)))
    if stream.read() == _PNG_END:
        return True
    place = len(_PNG_HEAD)  # bytes after the end are allowed: walk from chunk to chunk
    for _ in range(_MOST_CHUNKS):
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8:
            return False
        place += 12 + int.from_bytes(head[:4], "big")
        if head[4:] == b"IEND":
            return place <= size
    return False


def _no_png(path: Path, found: str) -> DataError:
    return DataError(file=path.name, found=found, expected="a complete PNG picture")


# --- landmarks ---------------------------------------------------------------------------------


def parse_landmarks(
    drawing: Any, *, rows: int, cols: int
) -> tuple[dict[str, PointPx], list[tuple[str, str]]]:
    """(usable landmarks by name, problems as reason and detail) of a LabelMe drawing.

    A landmark is usable if it stands there once, as one point, on a picture of `rows` x `cols`.
    """
    shapes = drawing.get("shapes") if isinstance(drawing, dict) else None
    if not isinstance(shapes, list):
        return {}, [("unreadable_landmarks", "no list of shapes")]
    problems: list[tuple[str, str]] = []
    told = (drawing.get("imageHeight"), drawing.get("imageWidth"))
    if told != (None, None) and told != (rows, cols):
        detail = f"says {told[1]!s:.12} x {told[0]!s:.12}, the PNG has {cols} x {rows}"
        problems.append(("image_size_disagrees", detail))
    points: dict[str, PointPx] = {}
    named = [(_name_of(shape), shape) for shape in shapes]
    times = Counter(name for name, _ in named if name is not None)
    unknown = sum(1 for name, _ in named if name is None)
    missing = [name for name in LANDMARKS if name not in times]
    for name, shape in named:
        if name is None or times[name] > 1:
            continue
        point = _point_of(shape)
        if point is None:
            problems.append(("malformed_landmark", f"{name} is not one point"))
        elif not (-0.5 <= point[0] <= cols - 0.5 and -0.5 <= point[1] <= rows - 0.5):
            problems.append(("landmark_outside_image", name))
        else:
            points[name] = point
    absent = f"{', '.join(missing[:4])}{' and others' if len(missing) > 4 else ''} missing"
    for name in (name for name in LANDMARKS if times[name] > 1):
        detail = f"{name} {times[name]} times"
        problems.append(("duplicate_landmark", f"{detail}; {absent}" if missing else detail))
    if missing and max(times.values(), default=1) == 1:
        problems.append(("missing_landmark", absent))
    if unknown:
        problems.append(("unknown_landmark", f"{unknown} shapes with other labels"))
    return points, problems


@functools.cache
def _names_by_key() -> Mapping[str, str]:
    return {name.casefold(): name for name in LANDMARKS}


def _name_of(shape: Any) -> str | None:
    label = shape.get("label") if isinstance(shape, dict) else None
    if not isinstance(label, str):
        return None
    return _names_by_key().get(re.sub(r"[\s_]+", " ", label).strip().casefold())


def _point_of(shape: Mapping[str, Any]) -> PointPx | None:
    points = shape.get("points")
    if not isinstance(points, list) or len(points) != 1:
        return None
    pair = points[0]
    if not isinstance(pair, list) or len(pair) != 2:
        return None
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in pair):
        return None
    try:
        x, y = float(pair[0]), float(pair[1])
    except OverflowError:
        return None
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None
