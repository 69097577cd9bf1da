"""What a run has heard so far, one JSON line for each answer, written before anything else is done.

Each process writes a file of its own and only ever adds to it, so a kill at any moment costs at
most the line that was being written: it is not whole, and is skipped and counted. The table of
predictions is made from these lines.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from spinebench.errors import UsageError

_SYNC_S = 1.0  # a power cut may cost this much; a killed process costs nothing
_PATIENCE_S = 10.0  # for the processes of a run that has just been killed to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came back for one asking, unread: what the words mean is found out later."""

    key: str  # of the asking (`protocols.Ask`)
    question_id: str
    epoch: int
    letter_map: str
    sent_sha256: tuple[str, ...] = ()
    text: str = ""
    finish_reason: str | None = None
    input_tokens: int | None = None  # at the full rate, without those of a provider's cache
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: float | None = None  # where the provider itself tells
    seconds: float | None = None
    error: str | None = None  # why there is no answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model in the role `extractor` said about one answer."""

    key: str  # hash of extractor and prompt, filled in
    text: str
    input_tokens: int | None = None
    output_tokens: int | None = None


L = TypeVar("L", Heard, Reply)


@dataclass(frozen=True)
class Journal:
    """All lines of a run, read."""

    heard: list[Heard]
    torn: int = 0  # lines that were not whole
    by_key: dict[str, Heard] = field(default_factory=dict)  # the one that stands for each asking


class JournalWriter:
    """A new file of the journal; no other process writes to it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._handle = os.open(path, flags, 0o644)
        fcntl.flock(self._handle, fcntl.LOCK_EX)  # tells a later run that this one lives
        self._synced = time.monotonic()

    def write(self, line: Heard | Reply) -> None:
        """Add one line; when this returns, a kill of the process can no longer lose it."""
        data = (json.dumps(asdict(line), separators=(",", ":")) + "\n").encode("ascii")
        while data:
            data = data[os.write(self._handle, data) :]
        now = time.monotonic()
        if now - self._synced > _SYNC_S:
            os.fsync(self._handle)
            self._synced = now

    def close(self) -> None:
        """Write everything to the disk and let go of the file."""
        os.fsync(self._handle)
        os.close(self._handle)


@contextmanager
def open_journal(path: Path) -> Iterator[JournalWriter]:
    """A writer that is closed when the block ends."""
    writer = JournalWriter(path)
    try:
        yield writer
    finally:
        writer.close()


def read_journal(folder: Path) -> Journal:
    """Every whole line of the journal's files. A folder that does not exist has none.

    Of several lines for one asking an answer stands before a failure, and among equals the last.
    """
    heard, torn = _read_lines(folder, Heard)
    by_key: dict[str, Heard] = {}
    for entry in heard:
        if entry.error is None or entry.key not in by_key or by_key[entry.key].error:
            by_key[entry.key] = entry
    return Journal(heard, torn, by_key)


def read_replies(folder: Path) -> list[Reply]:
    """Every reply of the extractor, in order; two prompts that are alike may each have one."""
    return _read_lines(folder, Reply)[0]


def _read_lines(folder: Path, kind: type[L]) -> tuple[list[L], int]:
    """Whole lines of all files, in the order of files and lines, and the number of torn ones."""
    names = frozenset(f.name for f in fields(kind))
    found: list[L] = []
    torn = 0
    for path in sorted(folder.glob("*.jsonl")):
        *lines, rest = path.read_bytes().split(b"\n")
        torn += bool(rest)
        for line in lines:
            values = _parse_line(line, names)
            if values is None:
                torn += 1
            else:
                found.append(kind(**values))
    return found, torn


def _parse_line(line: bytes, names: frozenset[str]) -> dict[str, Any] | None:
    # after a power cut a file may hold blocks of zeros: such a line is torn too
    try:
        values: Any = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    if not isinstance(values, Mapping) or set(values) != names:
        return None
    plain = dict(values)
    return {k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()}


def next_file(folder: Path, number: int = 0) -> Path:
    """Path of a file that is not there yet, `number` places further than the next."""
    taken = [int(path.stem) for path in folder.glob("*.jsonl") if path.stem.isdigit()]
    return folder / f"{max(taken, default=0) + 1 + number:05d}.jsonl"


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold the journal for one run. Raises UsageError while another run writes to it.

    Workers of a run that was killed end by themselves; they are waited for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _wait_for(handle, folder)
        for path in sorted(folder.glob("*.jsonl")):
            other = os.open(path, os.O_RDONLY)
            try:
                _wait_for(other, folder)
            finally:
                os.close(other)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UsageError(f"{folder.parent} is being written by another process") from None
            time.sleep(0.1)
        else:
            return
