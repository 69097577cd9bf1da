"""Run a pure function over many items: here, in spawned processes, or on a Ray cluster.

Results come back in the order of the items, so that nothing downstream depends on the number of
workers or on the engine. What goes to a worker is pickled: module-level functions, `partial`s of
them, and plain records. `docs/scaling.md` tells how to choose.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol, TypeVar

from spinebench.engine.local import LocalEngine
from spinebench.engine.shards import WorkerDiedError
from spinebench.engine.store import ShardStore
from spinebench.errors import UsageError

__all__ = [
    "ENGINES",
    "Engine",
    "EngineName",
    "LocalEngine",
    "ShardStore",
    "WorkerDiedError",
    "load_engine",
]

T = TypeVar("T")
U = TypeVar("U")

EngineName = Literal["local", "ray"]
ENGINES: tuple[EngineName, ...] = ("local", "ray")


class Engine(Protocol):
    """Where a stage runs."""

    @property
    def workers(self) -> int:
        """How many shards are worked on at once."""
        ...

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
        """Yield `function(item)` in the order of items; an exception of a worker is raised here.

        `shard` items travel together. With a store, finished shards are read from it and new ones
        kept in it. At most two shards for each worker are under way or waiting to be taken. `name`
        says an item in messages. Raises WorkerDiedError if a worker is killed or crashes.
        """
        ...


def load_engine(name: str, workers: int | None = None) -> Engine:
    """Engine by name. Raises UsageError for an unknown one, or for `ray` where it is missing."""
    if name == "local":
        return LocalEngine(workers)
    if name == "ray":
        from spinebench.engine.ray import RayEngine

        return RayEngine(workers)
    raise UsageError(f"no engine {name!r}; there are: {', '.join(ENGINES)}")
