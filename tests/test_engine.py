import os

import pytest

from spinebench.engine import LocalEngine
from spinebench.errors import DataError
from spinebench.progress import duration_words, iter_with_progress


def square(x: int) -> int:
    return x * x


def blas_threads(_: int) -> tuple[str | None, int]:
    return os.environ.get("OMP_NUM_THREADS"), os.getpid()


def fail_at_five(x: int) -> int:
    if x == 5:
        raise DataError(file="f", place=5, found="five", expected="another")
    return x


@pytest.mark.parametrize("workers", [1, 2])
def test_results_keep_the_order_of_items(workers: int) -> None:
    results = LocalEngine(workers).map(square, list(range(50)), label="x", shard=3)
    assert list(results) == [x * x for x in range(50)]


def test_workers_have_one_thread_and_the_environment_is_put_back() -> None:
    before = dict(os.environ)
    found = list(LocalEngine(2).map(blas_threads, list(range(4)), label="x", shard=1))
    assert {threads for threads, _ in found} == {"1"}
    assert os.getpid() not in {pid for _, pid in found}
    assert dict(os.environ) == before


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_worker_is_raised_here(workers: int) -> None:
    results = LocalEngine(workers).map(fail_at_five, list(range(10)), label="x", shard=2)
    with pytest.raises(DataError, match="f, row 5: found five, expected another"):
        list(results)


def test_no_items() -> None:
    assert list(LocalEngine(2).map(square, [], label="x")) == []


def test_quick_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(iter_with_progress([1, 2], total=2, label="x")) == [1, 2]
    assert capsys.readouterr() == ("", "")


def test_long_work_tells_how_much_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 60.0, 64.0, 65.0, 74.0, 80.0])
    monkeypatch.setattr("spinebench.progress.time.monotonic", lambda: next(clock))
    assert list(iter_with_progress("abcd", total=4, label="work")) == list("abcd")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "work: 2/4, about 8 s left",
        "work: 4/4, about 0 s left",
        "work: 4/4 in 1 min 20 s",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words
