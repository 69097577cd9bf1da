"""Requests that arrive one by one, answered in batches by one thread.

A batch is whatever waits when the one before it is done: as many as `batch`, all of one kind. The
event loop never waits for the model, and nothing runs beside the model.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

_GATHER_S = 0.05  # after the last arrival: requests of one round arrive within milliseconds


@dataclass(eq=False)
class _Waiting(Generic[Q, A]):
    request: Q
    answer: "Future[A]" = field(default_factory=Future)
    abandoned: bool = False  # nobody waits for the answer any more


class Batcher(Generic[Q, A]):
    """Collects requests into batches and runs them in a thread of its own."""

    def __init__(
        self,
        run: Callable[[Sequence[Q], Callable[[], bool]], Sequence[A]],
        *,
        batch: int,
        kind: Callable[[Q], Hashable],
    ) -> None:
        """`run` gets the requests and a function that says whether all of them are abandoned.

        Requests share a batch only where `kind` gives them the same value.
        """
        self._run, self._batch, self._kind = run, batch, kind
        self._waiting: list[_Waiting[Q, A]] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    async def ask(self, request: Q) -> A:
        """The answer to one request. Raises what `run` raised for it."""
        waiting: _Waiting[Q, A] = _Waiting(request)
        with self._changed:
            if self._closed:
                raise RuntimeError("the model was closed")
            self._waiting.append(waiting)
            if self._thread is None:
                # a daemon: a long batch must not keep an interrupted process alive
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
            self._changed.notify()
        try:
            return await asyncio.wrap_future(waiting.answer)
        except asyncio.CancelledError:
            waiting.abandoned = True
            raise

    def close(self) -> None:
        """Let the thread end after the batch it is at; what still waits is cancelled."""
        with self._changed:
            self._closed = True
            for waiting in self._waiting:
                waiting.answer.cancel()
            self._waiting.clear()
            self._changed.notify()

    def _work(self) -> None:
        while batch := self._take():
            live = [waiting for waiting in batch if waiting.answer.set_running_or_notify_cancel()]
            if live:
                self._answer(live)

    def _take(self) -> list[_Waiting[Q, A]]:
        """The next batch; empty when closed."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            self._gather()
            if not self._waiting:
                return []
            kind = self._kind(self._waiting[0].request)
            alike = [w for w in self._waiting if self._kind(w.request) == kind][: self._batch]
            self._waiting = [w for w in self._waiting if w not in alike]
            return alike

    def _gather(self) -> None:
        """Wait until a batch is full or nothing more has come for a moment."""
        until = time.monotonic() + _GATHER_S
        while len(self._waiting) < self._batch and not self._closed:
            before = len(self._waiting)
            if not self._changed.wait(until - time.monotonic()) or time.monotonic() >= until:
                return
            if len(self._waiting) > before:
                until = time.monotonic() + _GATHER_S

    def _answer(self, batch: list[_Waiting[Q, A]]) -> None:
        requests = [waiting.request for waiting in batch]
        try:
            answers = self._run(requests, lambda: all(waiting.abandoned for waiting in batch))
        except Exception as error:  # noqa: BLE001  (handed to whoever waits for the answer)
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            # one request that cannot be answered, or too little memory for all of them at once,
            # must not take its neighbours along
            for waiting in batch:
                self._answer([waiting])
            return
        for waiting, answer in zip(batch, answers, strict=True):
            waiting.answer.set_result(answer)
