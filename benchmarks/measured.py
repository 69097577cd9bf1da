"""Run a command and say how long it took and how much memory it and its children held."""

import contextlib
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_STEP_S = 0.1


@dataclass(frozen=True)
class Measured:
    """Of a whole process tree."""

    wall_s: float
    cpu_s: float
    peak_mb: float  # highest sum of proportional set sizes, sampled ten times a second
    stdout: str


def run_measured(command: Sequence[str]) -> Measured:
    """Run to its end; raises CalledProcessError if it fails."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak_kb = 0
    while True:
        try:
            stdout, _ = process.communicate(timeout=_STEP_S)
            break
        except subprocess.TimeoutExpired:
            peak_kb = max(peak_kb, sum(_pss_kb(pid) for pid in _tree(process.pid)))
    wall_s = time.monotonic() - started
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command), stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(wall_s, cpu_s, peak_kb / 1024, stdout)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _pss_kb(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:  # it has just ended
        pass
    return 0
