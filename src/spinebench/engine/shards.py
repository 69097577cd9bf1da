"""What a worker does with a shard, and how its outcome travels back: the same in every engine."""

import os
import pickle
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from spinebench.engine.store import ShardStore
from spinebench.errors import SpinebenchError
from spinebench.progress import iter_with_progress

T = TypeVar("T")
U = TypeVar("U")

# read by the libraries when they are first imported
ONE_THREAD: Mapping[str, str] = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "POLARS_MAX_THREADS",
    ),
    "1",
)


class WorkerDiedError(SpinebenchError):
    """A worker process was killed or crashed: which shard it had, and how it ended."""


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Shard(Generic[T]):
    """A few consecutive items, and where they stand."""

    start: int
    items: Sequence[T]
    total: int  # of all items

    def words(self, name: Callable[[T], str] | None) -> str:
        """The shard as a message says it: `items 9 to 16 of 40 (a.dcm to h.dcm)`; from 1."""
        first, last = self.start + 1, self.start + len(self.items)
        where = f"items {first} to {last}" if last > first else f"item {first}"
        where = f"{where} of {self.total}"
        if name is None:
            return where
        names = dict.fromkeys((name(self.items[0]), name(self.items[-1])))
        return f"{where} ({' to '.join(names)})"


def iter_shards(items: Sequence[T], size: int) -> Iterator[Shard[T]]:
    """Shards of at most `size` items; the sequence is sliced one shard at a time."""
    total = len(items)
    for start in range(0, total, size):
        yield Shard(start, items[start : start + size], total)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[U]):
    """Results of a shard; `stored` says that an earlier run had computed them."""

    results: list[U]
    stored: bool


def run_shard(
    function: Callable[[T], U], items: Sequence[T], store: ShardStore[T, U] | None
) -> Outcome[U]:
    """Outcome of a shard, from the store if it is there, else computed and stored.

    New results are read back from the store as well: a run that was interrupted and one that was
    not go through the same codec.
    """
    if store is None:
        return Outcome([function(item) for item in items], stored=False)
    found = store.find(items)
    if found is not None:
        return Outcome(found, stored=True)
    return Outcome(store.keep(items, [function(item) for item in items]), stored=False)


def pack_task(function: Callable[[T], U], store: ShardStore[T, U] | None) -> bytes:
    """What every shard of a stage needs, as a worker takes it."""
    return pickle.dumps((function, store))


def answer(task: bytes, items: bytes) -> bytes:
    """The pickled outcome of a pickled shard, or the pickled exception: in the worker."""
    try:
        function, store = pickle.loads(task)
        return pickle.dumps(run_shard(function, pickle.loads(items), store))
    except Exception as error:  # noqa: BLE001 - carried to the caller and raised there
        return _pack_error(error)


def _pack_error(error: Exception) -> bytes:
    lines = "".join(traceback.format_exception(error))
    try:
        packed = pickle.dumps(error)
        pickle.loads(packed)  # some can be written but not read
    except Exception:  # noqa: BLE001 - whatever an exception's own pickling raises
        packed = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return pickle.dumps((packed, lines))


def unpack_answer(answered: bytes) -> Outcome[Any]:
    """Outcome of a worker's answer; raises the exception that the worker met, its lines as note."""
    outcome = pickle.loads(answered)
    if isinstance(outcome, Outcome):
        return outcome
    packed, lines = outcome
    error: Exception = pickle.loads(packed)
    if not isinstance(error, SpinebenchError):
        error.add_note(f"in a worker:\n{lines}")
    raise error


def iter_results(
    outcomes: Generator[Outcome[U], None, None], *, total: int, label: str
) -> Iterator[U]:
    """Results one by one, with progress; the engine's part ends as soon as this does."""
    stored = 0

    def flat() -> Iterator[U]:
        nonlocal stored
        for outcome in outcomes:
            stored += len(outcome.results) if outcome.stored else 0
            yield from outcome.results

    with closing(outcomes):
        yield from iter_with_progress(flat(), total=total, label=label, stored=lambda: stored)
