"""What stops a run before its end: a server that is dead, money that is spent, the user.

Counts are shared by all processes of a run. Calls that are on their way when a run is stopped are
given up; what was answered before is kept, and the run can be continued.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, MutableSequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio  # what Inspect itself runs on

StopReason = Literal["failures", "cost", "unpriced", "interrupted"]
_REASONS: tuple[StopReason, ...] = ("failures", "cost", "unpriced", "interrupted")

# places of the counts that are shared
_ANSWERED, _FAILED, _FAILED_IN_A_ROW, _TRIES_IN_A_ROW, _SPENT, _LAST_GOOD, _STOP = range(7)
COUNTS = 7

DEFAULT_STOP_AFTER = 10
# a server that restarts is waited for: retries alone stop a run only after this long without any
# answer
_SILENCE_S = 30.0
_TRIES = 3  # failed tries that weigh as much as one failed question
_RATE_LIMITED = 429  # says that the server lives


class StopRunError(Exception):
    """Ends a log early; no sample's own failure."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a run ends before its questions do."""

    stop_after: int = DEFAULT_STOP_AFTER  # questions that fail in a row; 0 = never
    max_cost: float | None = None  # US dollars, earlier answers of the run included


class Counts:
    """Counts of one run, in a list or in memory that processes share."""

    def __init__(self, values: MutableSequence[float], lock: AbstractContextManager[Any]) -> None:
        self._values = values
        self._lock = lock
        values[_LAST_GOOD] = values[_LAST_GOOD] or time.monotonic()

    @property
    def answered(self) -> int:
        """Questions answered since the run was started or continued."""
        return int(self._values[_ANSWERED])

    @property
    def failed(self) -> int:
        """Questions that failed since then."""
        return int(self._values[_FAILED])

    @property
    def spent(self) -> float:
        """US dollars, those of earlier answers included."""
        return self._values[_SPENT]

    @property
    def stop(self) -> StopReason | None:
        """Why the run is to end; None while it goes on."""
        number = int(self._values[_STOP])
        return _REASONS[number - 1] if number else None

    def ask_to_stop(self, reason: StopReason) -> None:
        """The first reason stands."""
        with self._lock:
            self._stop(reason)

    def spend(self, cost: float, limits: Limits) -> None:
        """Add what earlier answers have cost."""
        with self._lock:
            self._values[_SPENT] += cost
            if limits.max_cost is not None and self._values[_SPENT] >= limits.max_cost:
                self._stop("cost")

    def count_answer(self, cost: float | None, limits: Limits) -> None:
        """One question more is answered."""
        with self._lock:
            self._values[_ANSWERED] += 1
            self._values[_FAILED_IN_A_ROW] = self._values[_TRIES_IN_A_ROW] = 0
            self._values[_LAST_GOOD] = time.monotonic()
            if cost is not None:
                self._values[_SPENT] += cost
            if limits.max_cost is not None:
                if cost is None:
                    self._stop("unpriced")
                elif self._values[_SPENT] >= limits.max_cost:
                    self._stop("cost")

    def count_failure(self, limits: Limits) -> None:
        """One question more has failed for good."""
        with self._lock:
            self._values[_FAILED] += 1
            self._values[_FAILED_IN_A_ROW] += 1
            self._values[_TRIES_IN_A_ROW] += 1
            if 0 < limits.stop_after <= self._values[_FAILED_IN_A_ROW]:
                self._stop("failures")

    def count_try(self, limits: Limits) -> None:
        """A call has failed and will be tried again."""
        with self._lock:
            self._values[_TRIES_IN_A_ROW] += 1
            silent_s = time.monotonic() - self._values[_LAST_GOOD]
            enough = self._values[_TRIES_IN_A_ROW] >= _TRIES * limits.stop_after
            if limits.stop_after and enough and silent_s >= _SILENCE_S:
                self._stop("failures")

    def _stop(self, reason: StopReason) -> None:
        if not self._values[_STOP]:
            self._values[_STOP] = 1 + _REASONS.index(reason)


@dataclass
class Watch:
    """One process's part in it: the calls on their way, and how to give them up."""

    counts: Counts
    limits: Limits
    on_heard: Callable[[], None] = lambda: None  # after each question, answered or failed
    last_failure: dict[str, str] = field(default_factory=dict)  # by sample, of calls being retried
    _scopes: set[anyio.CancelScope] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def given_up_on_stop(self) -> Iterator[anyio.CancelScope]:
        """A block that is left at once when the run is stopped: `cancelled_caught` tells."""
        self._loop = asyncio.get_running_loop()
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield scope
            finally:
                self._scopes.discard(scope)

    def count(self, cost: float | None, *, failed: bool) -> None:
        """Count one question, and give up the others if that ends the run."""
        if failed:
            self.counts.count_failure(self.limits)
        else:
            self.counts.count_answer(cost, self.limits)
        self.on_heard()
        self._follow()

    def tried(self, sample: str | None, status: int | None, words: str) -> None:
        """A call of a sample failed and will be tried again."""
        if sample is not None:
            self.last_failure[sample] = words
        if status != _RATE_LIMITED:
            self.counts.count_try(self.limits)
            self._follow()

    def stop_from_outside(self) -> None:
        """Give up all calls; for another thread than that of the event loop."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._give_up)

    def _follow(self) -> None:
        if self.counts.stop:
            self._give_up()

    def _give_up(self) -> None:
        for scope in list(self._scopes):
            scope.cancel()
