"""What a reader of a release format hands over: rows, each with its picture's file.

Files that others wrote are not trusted: a path may not leave the folder, a value must have its
type and a bounded length, and what does not fit ends as a ledger line with a reason word.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, get_args

from spinebench.benchmark.release.rows import EXTRAS, ReleaseRow
from spinebench.errors import DataError
from spinebench.records import Modality, View
from spinebench.sources.jsonfile import parse_json
from spinebench.tables import Ledger, write_by_hash

MAX_TEXT = 20_000  # characters of one text; a question has some hundred
MAX_TEXTS = 100  # members of one list
MAX_PICTURE_BYTES = 400_000_000  # of one file; an uncompressed film of the largest size

_TEXT_EXTRAS = ("disease", "side", "template", "rule", "sequence")
_CLOSED = {
    "modality": frozenset(get_args(Modality)),
    "view": frozenset(get_args(View)),
}
_SAFE = {
    "source": re.compile(r"[a-z][a-z0-9_-]{0,40}"),
    "patient": re.compile(r"[0-9A-Za-z_.-]{1,64}"),
    "question_id": re.compile(r"[^\x00-\x1f\x7f]{1,600}"),
    "image_id": re.compile(r"[a-z][a-z0-9_-]{0,40}:[^\x00-\x1f\x7f]{1,600}"),
}


class MalformedRowError(Exception):
    """A row that cannot be used; it becomes a ledger line, never an answer."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands."""

    file: str  # relative to the release
    row: int  # from 1; in a table with a header that is row 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as read, with its picture's file; or the reason why there is none."""

    place: Place
    row: ReleaseRow | None
    picture: Path | None
    reason: str = ""
    detail: str = ""


@dataclass
class Incoming:
    """A release that is being read: its folder, where embedded pictures go, and the account."""

    root: Path  # a reader may narrow it to the folder below that holds the release
    stage: Path  # folder for the bytes of embedded pictures, named by hash
    ledger: Ledger = field(default_factory=lambda: Ledger(source="import"))
    files: set[str] = field(default_factory=set)  # tables that were read, relative to the root

    def keep_bytes(self, data: bytes) -> Path:
        """File with the bytes of an embedded picture. Raises MalformedRowError if they are none."""
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            suffix = ".png"
        elif data.startswith(b"\xff\xd8\xff"):
            suffix = ".jpg"
        else:
            raise MalformedRowError("unreadable_pixels", "bytes that are neither PNG nor JPEG")
        relative, _ = write_by_hash(self.stage, data, suffix)
        return self.stage / relative

    def find_picture(self, path: str, folders: tuple[str, ...]) -> Path:
        """The picture's file below one of the folders. Raises MalformedRowError."""
        parts = path.replace("\\", "/").split("/")
        if "\x00" in path or path.startswith(("/", "\\", "~")) or ".." in parts or ":" in parts[0]:
            raise MalformedRowError(
                "path_leaves_folder", "the image's path is not below the release"
            )
        for folder in folders:
            place = self.root / folder / path
            try:
                if not place.is_file():
                    continue
                if not place.resolve().is_relative_to(self.root.resolve()):
                    raise MalformedRowError(
                        "path_leaves_folder",
                        "a link out of the release; copy it with its links followed (cp -rL)",
                    )
                if place.stat().st_size > MAX_PICTURE_BYTES:
                    raise MalformedRowError(
                        "unreadable_pixels", f"more than {MAX_PICTURE_BYTES} bytes"
                    )
            except OSError as error:  # a name too long, a folder that may not be entered
                raise MalformedRowError(
                    "missing_file", error.strerror or "cannot be reached"
                ) from None
            return place
        raise MalformedRowError("missing_file", "no such picture in the release")


def refuse_file(file: str, found: str, expected: str) -> NoReturn:
    """Raise the DataError of a table that is not what its format says."""
    raise DataError(file=file, found=found, expected=expected)


def text_of(content: Mapping[str, Any], *names: str) -> str:
    """The text under the first of the names that is there. Raises MalformedRowError."""
    name, value = _first(content, names)
    if not isinstance(value, str):
        raise MalformedRowError("malformed_row", f"{name}: {_kind_of(value)}, not text")
    if not value.strip():
        raise MalformedRowError("malformed_row", f"{name}: empty")
    if len(value) > MAX_TEXT:
        raise MalformedRowError(
            "malformed_row", f"{name}: {len(value)} characters, at most {MAX_TEXT}"
        )
    return value


def texts_of(content: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    """The texts under the first name that is there: a list, one text, or a list written as text.

    Raises MalformedRowError. An empty list is no error here.
    """
    name, value = _first(content, names)
    if isinstance(value, str) and value.strip().startswith("["):
        value = _parse_written_list(value)
    if isinstance(value, str):
        return (text_of({name: value}, name),)
    if not isinstance(value, list):
        raise MalformedRowError("malformed_row", f"{name}: {_kind_of(value)}, not a list of texts")
    if len(value) > MAX_TEXTS:
        raise MalformedRowError(
            "malformed_row", f"{name}: {len(value)} members, at most {MAX_TEXTS}"
        )
    return tuple(text_of({name: member}, name) for member in value)


def _first(content: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, Any]:
    for name in names:
        if content.get(name) is not None:
            return name, content[name]
    raise MalformedRowError("malformed_row", f"{names[0]}: missing")


def _parse_written_list(text: str) -> Any:
    if len(text) > MAX_TEXT:
        raise MalformedRowError(
            "malformed_row", f"a list of {len(text)} characters, at most {MAX_TEXT}"
        )
    try:
        return parse_json(text, "")
    except DataError:  # ['L4/L5'] as Python prints it, or [A, C]
        members = text.strip().strip("[]").split(",")
        return [member.strip().strip("'\"") for member in members if member.strip()]


def read_extras(content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields beside the public ones, checked; None where missing. Raises MalformedRowError."""
    found: dict[str, Any] = {name: content.get(name) for name in EXTRAS}
    for name, value in found.items():
        if value is None:
            continue
        if name in ("in_subset", "multiple"):
            if not isinstance(value, bool):
                raise MalformedRowError(
                    "malformed_row", f"{name}: {_kind_of(value)}, not true or false"
                )
        elif name in ("levels", "negatives", "never_offered"):
            found[name] = texts_of(content, name)
        elif name == "similarities":
            found[name] = _numbers_of(value)
        else:
            found[name] = _word_of(name, value)
    if found["similarities"] is not None and len(found["similarities"]) != len(
        found["negatives"] or ()
    ):
        raise MalformedRowError("malformed_row", "similarities: not as many as negatives")
    return found


def _word_of(name: str, value: Any) -> str:
    text = text_of({name: value}, name)
    if name in _CLOSED and text not in _CLOSED[name]:
        expected = ", ".join(sorted(_CLOSED[name]))
        raise MalformedRowError("malformed_row", f"{name}: {text[:40]!r}, not one of {expected}")
    if name in _SAFE and not _SAFE[name].fullmatch(text):
        raise MalformedRowError(
            "malformed_row", f"{name}: characters that it may not have, or too long"
        )
    if name in _TEXT_EXTRAS and len(text) > 200:
        raise MalformedRowError("malformed_row", f"{name}: {len(text)} characters, at most 200")
    return text


def _numbers_of(value: Any) -> tuple[float | None, ...]:
    if not isinstance(value, list) or len(value) > MAX_TEXTS:
        raise MalformedRowError(
            "malformed_row", f"similarities: {_kind_of(value)}, not a short list"
        )
    for member in value:
        if member is not None and (isinstance(member, bool) or not isinstance(member, int | float)):
            raise MalformedRowError(
                "malformed_row", f"similarities: {_kind_of(member)}, not a number"
            )
    return tuple(None if member is None else float(member) for member in value)


def _kind_of(value: Any) -> str:
    names = {str: "text", bool: "true or false", int: "a number", float: "a number"}
    names |= {list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)
