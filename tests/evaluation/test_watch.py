"""When a run stops: by hand, with a clock that is set by hand."""

import threading

import anyio
import pytest

from spinebench.evaluation import watch as watch_module
from spinebench.evaluation.watch import COUNTS, Counts, Limits, Watch


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watch_module.time, "monotonic", clock)
    return clock


def counts() -> Counts:
    return Counts([0.0] * COUNTS, threading.Lock())


def test_questions_that_fail_in_a_row(clock: Clock) -> None:
    found, limits = counts(), Limits(stop_after=3)
    for failed in (True, True, False, True, True):
        if failed:
            found.count_failure(limits)
        else:
            found.count_answer(None, limits)
    assert (found.stop, found.answered, found.failed) == (None, 1, 4)
    found.count_failure(limits)
    assert found.stop == "failures"


@pytest.mark.parametrize(
    ("tries", "silent_s", "stops"), [(29, 31.0, False), (30, 29.0, False), (30, 30.0, True)]
)
def test_tries_that_fail_stop_a_run_only_after_a_silence(
    clock: Clock, tries: int, silent_s: float, stops: bool
) -> None:
    found, limits = counts(), Limits(stop_after=10)
    clock.now += 500
    found.count_answer(None, limits)
    clock.now += silent_s
    for _ in range(tries):
        found.count_try(limits)
    assert (found.stop == "failures") == stops
    found.count_answer(None, limits)
    assert (found.stop == "failures") == stops  # a stop is not taken back


def test_never(clock: Clock) -> None:
    found = counts()
    for _ in range(100):
        found.count_failure(Limits(stop_after=0))
        clock.now += 60
        found.count_try(Limits(stop_after=0))
    assert found.stop is None


def test_rate_limits_say_that_the_server_lives(clock: Clock) -> None:
    watch = Watch(counts(), Limits(stop_after=1))
    clock.now += 600
    for _ in range(50):
        watch.tried("sample", 429, "RateLimitError")
    assert watch.counts.stop is None
    for _ in range(3):
        watch.tried("sample", None, "APIConnectionError")
    assert watch.counts.stop == "failures"
    assert watch.last_failure == {"sample": "APIConnectionError"}


def test_money_earlier_answers_included() -> None:
    limits = Limits(max_cost=1.0)
    found = counts()
    found.spend(0.5, limits)
    found.count_answer(0.4, limits)
    assert (found.stop, found.spent) == (None, pytest.approx(0.9))
    found.count_answer(0.1, limits)
    assert found.stop == "cost"
    spent = counts()
    spent.spend(1.0, limits)
    assert spent.stop == "cost"
    unpriced = counts()
    unpriced.count_answer(None, limits)
    assert unpriced.stop == "unpriced"


def test_the_first_reason_stands() -> None:
    found = counts()
    found.ask_to_stop("interrupted")
    found.ask_to_stop("cost")
    assert found.stop == "interrupted"


def test_a_stop_gives_up_what_is_on_its_way() -> None:
    watch = Watch(counts(), Limits(stop_after=1))
    left: list[str] = []

    async def call(name: str) -> None:
        with watch.given_up_on_stop() as scope:
            await anyio.sleep(60)
        left.append(f"{name} given up: {scope.cancelled_caught}")

    async def run() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(call, "a")
            group.start_soon(call, "b")
            await anyio.sleep(0.01)
            watch.count(None, failed=True)

    anyio.run(run)
    assert sorted(left) == ["a given up: True", "b given up: True"]
