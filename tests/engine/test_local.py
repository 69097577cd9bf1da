"""How local workers live and die, seen from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = """
import signal
import sys
from functools import partial
from pathlib import Path
from spinebench.engine import LocalEngine
from tests.engine.work import sleep_noted

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    work = partial(sleep_noted, Path(sys.argv[2]), float(sys.argv[1]))
    list(LocalEngine(2).map(work, range(8), label="x", shard=1))
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A run whose two workers have each begun a shard that takes a minute, and their ids."""
    script, notes = tmp_path / "run.py", tmp_path / "notes"
    script.write_text(SCRIPT)
    notes.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(script), "60", str(notes)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as a terminal gives
    )
    try:
        wait_until(lambda: len(list(notes.iterdir())) == 2, 30)
        yield process, [int(path.suffix[1:]) for path in notes.iterdir()]
    finally:
        process.kill()
        process.communicate()


def wait_until(condition, seconds: float) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # an orphan in a container may find nobody to bury it


Running = tuple[subprocess.Popen[str], list[int]]


def test_ctrl_c_ends_workers_without_a_word_of_theirs(running: Running) -> None:
    process, workers = running
    for pid in workers:
        os.kill(pid, signal.SIGINT)
    time.sleep(0.3)
    assert all(is_running(pid) for pid in workers)  # it is the parent's business
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert not any(is_running(pid) for pid in workers)
    # one traceback: that of the script, which does not catch it
    assert err.count("Traceback") == 1
    assert err.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_leave_when_their_parent_is_killed(running: Running, how: signal.Signals) -> None:
    process, workers = running
    process.send_signal(how)
    process.wait(10)
    wait_until(lambda: not any(is_running(pid) for pid in workers), 10)
