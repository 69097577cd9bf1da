"""How the tests look at a reading: whole ledgers, and the difference that a defect makes."""

import os
import subprocess
import sys
from pathlib import Path

from spinebench.engine import LocalEngine
from spinebench.sources.base import Reading
from spinebench.sources.registry import SOURCES
from tests.sources.folders import Files, write_files

Line = tuple[str, int | None, str | None, str]  # file, row, column, reason


def read_files(source: str, root: Path, files: Files) -> Reading:
    """Write the files and read them in this process."""
    return SOURCES[source].read(write_files(root, files), LocalEngine(1))


def reject_lines(reading: Reading) -> list[Line]:
    """All lines of the ledger without their details, sorted."""
    lines = [(r.file, r.row, r.column, r.reason) for r in reading.ledger.rejects]
    return sorted(lines, key=lambda line: tuple(str(part) for part in line))


def new_lines(reading: Reading, base: Reading) -> set[Line]:
    """Lines that this reading has and the base has not."""
    return set(reject_lines(reading)) - set(reject_lines(base))


def rows_lost(reading: Reading, base: Reading) -> set[int]:
    """Rows of findings that the base has and this reading has not; all others must be equal."""
    before = {finding.finding_id: finding for finding in base.findings}
    after = {finding.finding_id: finding for finding in reading.findings}
    assert {key: before.get(key) for key in after} == after
    return {finding.row for key, finding in before.items() if key not in after}


_AS_NOBODY = """
import os, sys
from pathlib import Path
from spinebench.engine import LocalEngine
from spinebench.errors import SpinebenchError
from spinebench.sources.registry import SOURCES

source, root = SOURCES[sys.argv[1]], Path(sys.argv[2])
source.read(root, LocalEngine(1))  # as root, so that every module is loaded by now
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    reading = source.read(root, LocalEngine(1))
except SpinebenchError as error:
    print(error)
else:
    print(len(reading.findings))
    for r in reading.ledger.rejects:
        if r.reason == "permission_denied":
            print(r.file, r.row, r.column)
"""


def read_as_nobody(source: str, root: Path) -> list[str]:
    """Read as a user without rights (only root can become one): the error, or the findings'
    number and the lines of the ledger for permission_denied.
    """
    for folder in (root, *root.parents):
        if folder.stat().st_uid == os.geteuid() and "pytest" in str(folder):
            folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, source, str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()
