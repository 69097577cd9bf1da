"""Progress on stderr with an estimate of the time left, for work over two seconds."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_QUIET_S = 2.0
_STEP_S = 1.0
_BURST_S = 0.1  # a shard's results come all at once


def iter_with_progress(
    items: Iterable[T],
    *,
    total: int,
    label: str,
    stored: Callable[[], int] = lambda: 0,
    note: Callable[[], str] = lambda: "",
) -> Iterator[T]:
    """Yield the items; after two seconds say on stderr how far it is and how long it will take.

    On a terminal one line is rewritten; elsewhere a line is written every ten seconds. `stored`
    says how many of the items so far an earlier run had done: they are no measure of the rest.
    `note` is written behind the count.
    """
    terminal = sys.stderr.isatty()
    step_s = _STEP_S if terminal else 10 * _STEP_S
    started = time.monotonic()
    last_said = started + _QUIET_S - step_s
    said = False
    done = worked = first_burst = 0
    first_worked = started
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if worked == 0:  # what came before the first is set-up and no measure of the rest
            first_worked = now
        worked = done - stored()
        if now - first_worked < _BURST_S:
            first_burst = worked
        if done > 1 and now - last_said >= step_s and now - started >= _QUIET_S:
            left = ""
            if worked > first_burst:
                item_s = (now - first_worked) / (worked - first_burst)
                left_s = item_s * max(total - done, 0)
                left = f", about {duration_words(left_s)} left"
            _say(f"{label}: {done}/{total}{note()}{left}", terminal)
            last_said, said = now, True
    if said or stored():
        before = f", {stored()} of them done before" if stored() else ""
        took = duration_words(time.monotonic() - started)
        _say(f"{label}: {done}/{total}{note()} in {took}{before}", terminal)
        if terminal:
            print(file=sys.stderr)


def _say(line: str, terminal: bool) -> None:
    if terminal:
        print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)


def duration_words(seconds: float) -> str:
    """A duration as people say it: `8 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
