"""The same functions on Ray: this machine, or the cluster that RAY_ADDRESS names.

Shards travel pickled as to a local worker and the worker runs the same code, so results are the
same bytes. Ray only places tasks: no dashboard, no usage statistics, no environment of its own.
"""

import importlib
import logging
import os
import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeVar

from spinebench.engine.shards import (
    ONE_THREAD,
    Outcome,
    Shard,
    WorkerDiedError,
    answer,
    iter_results,
    iter_shards,
    pack_task,
    unpack_answer,
    usable_cores,
)
from spinebench.engine.store import ShardStore
from spinebench.errors import UsageError

T = TypeVar("T")
U = TypeVar("U")

_SETTINGS = {  # read when Ray is imported; what the user has set stands
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else it packs the working folder under `uv run`
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns on every start
}
_RETRIES = 1  # of a shard whose worker died: on a cluster a node may go


class RayEngine:
    """Tasks of one CPU each. Ray is started, or joined, by the first stage."""

    def __init__(self, workers: int | None = None) -> None:
        self._asked = workers
        self._ray = _import_ray()

    @property
    def workers(self) -> int:
        """As asked, else the cluster's CPUs."""
        self._start()
        return self._asked or max(int(self._ray.cluster_resources().get("CPU", 1)), 1)

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
        """See `Engine.map`."""
        outcomes = self._run(function, iter_shards(items, shard), store, label, name)
        return iter_results(outcomes, total=len(items), label=label)

    def _run(
        self,
        function: Callable[[T], U],
        shards: Iterator[Shard[T]],
        store: ShardStore[T, U] | None,
        label: str,
        name: Callable[[T], str] | None,
    ) -> Generator[Outcome[U], None, None]:
        most = 2 * self.workers
        ray = self._ray
        remote = ray.remote(num_cpus=1, max_retries=_RETRIES)(_answer_with_one_thread)
        task = ray.put(pack_task(function, store))
        under_way: deque[tuple[Shard[T], Any]] = deque()

        def take() -> Outcome[U]:
            shard, reference = under_way.popleft()
            try:
                answered = ray.get(reference)
            except ray.exceptions.RayError as error:
                how = type(error).__name__
                place = shard.words(name)
                raise WorkerDiedError(f"{label}: a worker died ({how}) in {place}") from None
            return unpack_answer(answered)

        try:
            for shard in shards:
                if len(under_way) == most:
                    yield take()
                under_way.append((shard, remote.remote(task, pickle.dumps(shard.items))))
            while under_way:
                yield take()
        finally:
            for _, reference in under_way:
                ray.cancel(reference, force=True)

    def _start(self) -> None:
        if self._ray.is_initialized():
            return
        address = os.environ.get("RAY_ADDRESS") or "local"
        here: dict[str, Any] = {}
        if address == "local":
            here = {"num_cpus": self._asked or usable_cores(), "include_dashboard": False}
        try:
            self._ray.init(address=address, logging_level=logging.ERROR, **here)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UsageError(f"Ray at {address} cannot be reached: {reason}") from error


def _import_ray() -> Any:
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise UsageError(
            "the engine ray is an extra: pip install 'spinebench[ray]', here and on every node"
        ) from error


def _answer_with_one_thread(task: bytes, items: bytes) -> bytes:
    """The worker's part. Numpy and Polars are imported by unpickling, so after this is set."""
    os.environ.update(ONE_THREAD)
    return answer(task, items)
