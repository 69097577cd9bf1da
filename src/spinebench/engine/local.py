"""This machine: in-process with one worker, else spawned processes with one BLAS thread each.

Not `concurrent.futures`: its pool cannot say which shard a dead worker had, and its workers outlive
a parent that was killed. Here each worker has a pipe of its own and leaves when its parent does.
Workers are spawned, never forked (Polars keeps threads).
"""

import contextlib
import multiprocessing
import os
import pickle
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from multiprocessing import connection, resource_tracker
from multiprocessing.process import BaseProcess
from typing import TypeVar

from spinebench.engine.shards import (
    ONE_THREAD,
    Outcome,
    Shard,
    WorkerDiedError,
    answer,
    iter_results,
    iter_shards,
    pack_task,
    run_shard,
    unpack_answer,
    usable_cores,
)
from spinebench.engine.store import ShardStore

T = TypeVar("T")
U = TypeVar("U")

_LEAVE_S = 10.0  # for a worker that was told to leave
_SPAWN = multiprocessing.get_context("spawn")
_starting = threading.Lock()  # the environment is shared by all threads


class LocalEngine:
    """Processes of this machine; one worker means none but this one."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or usable_cores()

    def map(
        self,
        function: Callable[[T], U],
        items: Sequence[T],
        *,
        label: str,
        shard: int = 8,
        store: ShardStore[T, U] | None = None,
        name: Callable[[T], str] | None = None,
    ) -> Iterator[U]:
        """See `Engine.map`. Processes are only started for more than one shard."""
        shards = iter_shards(items, shard)
        if self.workers == 1 or len(items) <= shard:
            outcomes = _run_here(function, shards, store)
        else:
            outcomes = self._run_in_pool(function, shards, store, label, name)
        return iter_results(outcomes, total=len(items), label=label)

    def _run_in_pool(
        self,
        function: Callable[[T], U],
        shards: Iterator[Shard[T]],
        store: ShardStore[T, U] | None,
        label: str,
        name: Callable[[T], str] | None,
    ) -> Generator[Outcome[U], None, None]:
        pool = _Pool(pack_task(function, store), self.workers)
        under_way: deque[tuple[Shard[T], Future[bytes]]] = deque()

        def take() -> Outcome[U]:
            shard, future = under_way.popleft()
            try:
                return unpack_answer(future.result())
            except _ChildDied as death:
                raise WorkerDiedError(f"{label}: {death} in {shard.words(name)}") from None

        try:
            for shard in shards:
                # bounded: two shards for each worker are under way or wait to be taken
                if len(under_way) == 2 * self.workers:
                    yield take()
                under_way.append((shard, pool.submit(pickle.dumps(shard.items))))
            while under_way:
                yield take()
            pool.close()
        finally:
            pool.terminate()


def _run_here(
    function: Callable[[T], U], shards: Iterator[Shard[T]], store: ShardStore[T, U] | None
) -> Generator[Outcome[U], None, None]:
    for shard in shards:
        if store is None:  # one by one: nothing waits for the rest of its shard
            for item in shard.items:
                yield Outcome([function(item)], stored=False)
        else:
            yield run_shard(function, shard.items, store)


class _ChildDied(Exception):  # noqa: N818 - an event between two threads
    """How a child ended."""


class _Pool:
    """A thread for each child: it hands over a shard and waits for the answer."""

    def __init__(self, task: bytes, workers: int) -> None:
        self._task, self._workers = task, workers
        self._work: queue.SimpleQueue[tuple[Future[bytes], bytes] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._children: set[_Child] = set()
        self._stopped = False

    def submit(self, items: bytes) -> Future[bytes]:
        """The answer to a pickled shard, or _ChildDied."""
        future: Future[bytes] = Future()
        self._work.put((future, items))
        if len(self._threads) < self._workers:
            # daemon: a thread that waits for a child never keeps the interpreter from leaving
            thread = threading.Thread(target=self._serve, daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def close(self) -> None:
        """Let the children leave by themselves; all is answered."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def terminate(self) -> None:
        """End children that are still there, whatever they do."""
        with _starting:
            self._stopped = True
            for child in self._children:
                child.process.terminate()
        self.close()

    def _serve(self) -> None:
        child: _Child | None = None
        while (job := self._work.get()) is not None:
            future, items = job
            try:
                child = child or self._start_child()
                future.set_result(child.ask(items))
            except BaseException as error:  # noqa: BLE001 - an open future would hang the run
                future.set_exception(error)
                self._forget(child)
                child = None
        self._forget(child)

    def _start_child(self) -> "_Child":
        with _starting:
            if self._stopped:
                raise _ChildDied("the pool was stopped")
            child = _Child(self._task)
            self._children.add(child)
            return child

    def _forget(self, child: "_Child | None") -> None:
        if child is not None:
            child.leave()
            with _starting:
                self._children.discard(child)


class _Child:
    """A spawned process that answers shards until its pipe closes."""

    def __init__(self, task: bytes) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self.process: BaseProcess = _SPAWN.Process(
            target=_answer_shards, args=(theirs, task), daemon=True
        )
        try:
            with _one_thread_each(), _interrupts_blocked():
                self.process.start()
        finally:
            theirs.close()

    def ask(self, items: bytes) -> bytes:
        """Answer to a shard; raises _ChildDied."""
        try:
            self._pipe.send_bytes(items)
            return self._pipe.recv_bytes()
        except (EOFError, OSError):
            raise _ChildDied(_how_it_ended(self._exit_code())) from None

    def leave(self) -> None:
        """Close the pipe, wait for the process to end."""
        self._pipe.close()
        if self._exit_code() is None:
            self.process.kill()
            self._exit_code()

    def _exit_code(self) -> int | None:
        """Exit code once the process has ended; None if it has not after some seconds."""
        connection.wait([self.process.sentinel], _LEAVE_S)
        with _starting:  # a start looks after all children: two must not reap one at once
            if connection.wait([self.process.sentinel], 0):
                self.process.join(_LEAVE_S)
            return self.process.exitcode


def _answer_shards(pipe: connection.Connection, task: bytes) -> None:
    """The child's life."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):  # the parent closed the pipe, or is gone
        while True:
            pipe.send_bytes(answer(task, pipe.recv_bytes()))


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # at once, in the middle of a shard: nobody is left to take it


def _how_it_ended(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "a worker was killed (often memory that ran out; fewer workers need less)"
    if code is not None and code < 0:
        return f"a worker crashed ({signal.Signals(-code).name})"
    return f"a worker left with exit code {code}"


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """A child inherits the environment at its start: set it, then put it back."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """A child inherits the blocked signals: Ctrl-C reaches the parent alone, which ends its own."""
    # it unblocks SIGINT when it starts its helper, so it must have done so before
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
