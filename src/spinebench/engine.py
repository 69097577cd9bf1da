"""Run a pure function over many items: here, or in spawned processes.

Results come back in the order of the items, so that nothing downstream depends on the number of
workers. Workers are spawned, never forked (Polars keeps threads), with one BLAS thread each.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

from spinebench.progress import iter_with_progress

T = TypeVar("T")
U = TypeVar("U")

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


class Engine(Protocol):
    """Where a stage runs."""

    def map(
        self, function: Callable[[T], U], items: Sequence[T], *, label: str, shard: int = 8
    ) -> Iterator[U]:
        """Yield `function(item)` in the order of items; an exception of a worker is raised here."""
        ...


class LocalEngine:
    """This machine: in-process with one worker, else a pool of spawned processes."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1

    def map(
        self, function: Callable[[T], U], items: Sequence[T], *, label: str, shard: int = 8
    ) -> Iterator[U]:
        """See `Engine.map`. A pool is only started for more than one shard."""
        if self.workers == 1 or len(items) <= shard:
            results: Iterator[U] = map(function, items)
        else:
            results = self._map_in_pool(function, items, shard)
        return iter_with_progress(results, total=len(items), label=label)

    def _map_in_pool(
        self, function: Callable[[T], U], items: Sequence[T], shard: int
    ) -> Iterator[U]:
        shards = [items[start : start + shard] for start in range(0, len(items), shard)]
        context = multiprocessing.get_context("spawn")
        with (
            _one_thread_each(),
            ProcessPoolExecutor(min(self.workers, len(shards)), mp_context=context) as pool,
        ):
            # bounded: results wait in the queue only as far as two shards a worker ahead
            pending: deque[Future[list[U]]] = deque()
            for part in shards:
                pending.append(pool.submit(_run_shard, function, part))
                if len(pending) > 2 * self.workers:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()


def _run_shard(function: Callable[[T], U], items: Sequence[T]) -> list[U]:
    return [function(item) for item in items]


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Workers inherit the environment at their start: set it for them, then put it back."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
