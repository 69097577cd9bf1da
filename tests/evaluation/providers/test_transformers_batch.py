"""Batches of whatever waits, without a model."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from spinebench.evaluation.providers.transformers_batch import Batcher


class Recorder:
    """Answers n with 10 n, keeps what it was asked together; the first batch may be held up."""

    def __init__(self, *, hold: threading.Event | None = None, bad: int | None = None) -> None:
        self.batches: list[list[int]] = []
        self.hold, self.bad = hold, bad
        self.threads: set[int] = set()

    def __call__(self, requests: Sequence[int], abandoned: Callable[[], bool]) -> list[int]:
        self.batches.append(list(requests))
        self.threads.add(threading.get_ident())
        if self.hold is not None:
            self.hold.wait(5)
        if self.bad in requests:
            raise ValueError(f"cannot answer {self.bad}")
        return [10 * request for request in requests]


def parity(request: int) -> int:
    return request % 2


async def ask_all(batcher: Batcher[int, int], requests: Sequence[int]) -> list[int | BaseException]:
    return await asyncio.gather(*map(batcher.ask, requests), return_exceptions=True)


def test_requests_of_one_round_share_batches_in_their_order() -> None:
    run = Recorder()
    batcher = Batcher(run, batch=4, kind=lambda _: None)
    assert asyncio.run(ask_all(batcher, range(10))) == [10 * n for n in range(10)]
    assert run.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(run.threads) == 1
    assert threading.get_ident() not in run.threads
    batcher.close()


def test_only_one_kind_in_a_batch() -> None:
    run = Recorder()
    batcher = Batcher(run, batch=4, kind=parity)
    assert asyncio.run(ask_all(batcher, range(7))) == [10 * n for n in range(7)]
    assert run.batches == [[0, 2, 4, 6], [1, 3, 5]]
    batcher.close()


def test_what_comes_while_a_batch_runs_is_the_next_batch() -> None:
    async def main() -> None:
        first = asyncio.create_task(batcher.ask(1))
        while not run.batches:
            await asyncio.sleep(0.01)
        others = [asyncio.create_task(batcher.ask(n)) for n in (2, 3)]
        await asyncio.sleep(0.05)  # the loop stays free
        hold.set()
        assert await asyncio.gather(first, *others) == [10, 20, 30]

    hold = threading.Event()
    run = Recorder(hold=hold)
    batcher = Batcher(run, batch=4, kind=lambda _: None)
    asyncio.run(main())
    assert run.batches == [[1], [2, 3]]
    batcher.close()


def test_a_request_that_fails_takes_no_neighbour_along() -> None:
    run = Recorder(bad=2)
    batcher = Batcher(run, batch=3, kind=lambda _: None)
    one, two, three = asyncio.run(ask_all(batcher, [1, 2, 3]))
    assert (one, three) == (10, 30)
    assert isinstance(two, ValueError)
    assert str(two) == "cannot answer 2"
    assert run.batches == [[1, 2, 3], [1], [2], [3]]
    batcher.close()


def test_nobody_waiting_is_known_while_the_batch_runs() -> None:
    seen: list[bool] = []
    started, ended = threading.Event(), threading.Event()

    def run(requests: Sequence[int], abandoned: Callable[[], bool]) -> list[int]:
        seen.append(abandoned())
        started.set()
        until = time.monotonic() + 3
        while not abandoned() and time.monotonic() < until:
            time.sleep(0.005)
        seen.append(abandoned())
        ended.set()
        return list(requests)

    async def main() -> None:
        asked = [asyncio.create_task(batcher.ask(n)) for n in (1, 2)]
        await asyncio.to_thread(started.wait, 5)
        for task in asked:
            task.cancel()
        assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(
            *asked, return_exceptions=True
        ))  # fmt: skip

    batcher = Batcher(run, batch=2, kind=lambda _: None)
    asyncio.run(asyncio.wait_for(main(), 5))
    assert ended.wait(5)
    assert seen == [False, True]
    batcher.close()


def test_what_was_cancelled_before_its_batch_is_never_run() -> None:
    async def main() -> None:
        first = asyncio.create_task(batcher.ask(1))
        while not run.batches:
            await asyncio.sleep(0.01)
        second, third = (asyncio.create_task(batcher.ask(n)) for n in (2, 3))
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.sleep(0.01)
        hold.set()
        assert await first == 10
        assert await third == 30

    hold = threading.Event()
    run = Recorder(hold=hold)
    batcher = Batcher(run, batch=4, kind=lambda _: None)
    asyncio.run(main())
    assert run.batches == [[1], [3]]
    batcher.close()


def test_closed_is_closed() -> None:
    batcher = Batcher(Recorder(), batch=4, kind=lambda _: None)
    batcher.close()
    with pytest.raises(RuntimeError, match="the model was closed"):
        asyncio.run(batcher.ask(1))
