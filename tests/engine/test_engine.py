"""What holds for every engine; Ray's part runs with `make test-ray`."""

import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from spinebench.engine import Engine, LocalEngine, WorkerDiedError, load_engine
from spinebench.errors import DataError, UsageError
from tests.engine.work import (
    count_files,
    die_at_five,
    divide_by,
    fail_at_five,
    number_store,
    sleep_noted,
    square,
    square_counted,
    threads_and_process,
)

RAY = pytest.param("ray", marks=pytest.mark.ray)
ALL = ["one", "two", RAY]
APART = ["two", RAY]  # with processes of their own


@pytest.fixture(scope="module")
def ray_of_two() -> Iterator[Engine]:
    engine = load_engine("ray", 2)
    assert engine.workers == 2
    yield engine
    import ray

    ray.shutdown()


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "ray":
        found: Engine = request.getfixturevalue("ray_of_two")
        return found
    return load_engine("local", {"one": 1, "two": 2}[request.param])


@pytest.mark.parametrize("engine", ALL, indirect=True)
def test_results_keep_the_order_of_items(engine: Engine) -> None:
    results = engine.map(square, range(50), label="x", shard=3)
    assert list(results) == [x * x for x in range(50)]


@pytest.mark.parametrize("engine", ALL, indirect=True)
def test_no_items(engine: Engine) -> None:
    assert list(engine.map(square, [], label="x")) == []


@pytest.mark.parametrize("engine", APART, indirect=True)
def test_workers_have_one_thread_and_the_environment_is_put_back(engine: Engine) -> None:
    before = dict(os.environ)
    found = list(engine.map(threads_and_process, range(4), label="x", shard=1))
    assert {threads for threads, _ in found} == {"1"}
    assert os.getpid() not in {pid for _, pid in found}
    assert dict(os.environ) == before


@pytest.mark.parametrize("engine", ALL, indirect=True)
def test_an_error_of_a_worker_is_raised_here(engine: Engine) -> None:
    results = engine.map(fail_at_five, range(10), label="x", shard=2)
    got = [next(results) for _ in range(4)]
    assert got == [0, 1, 2, 3]
    with pytest.raises(DataError, match="f, row 5: found five, expected another"):
        list(results)


@pytest.mark.parametrize("engine", ALL, indirect=True)
def test_a_bug_is_raised_as_what_it_is(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        list(engine.map(divide_by, [2, 1, 0, 1], label="x", shard=1))


@pytest.mark.parametrize(
    ("engine", "how", "words"),
    [
        ("two", "killed", r"a worker was killed \(often memory .*\)"),
        ("two", "crashed", r"a worker crashed \(SIGSEGV\)"),
        ("two", "left", r"a worker left with exit code 3"),
        pytest.param(
            "ray", "killed", r"a worker died \(WorkerCrashedError\)", marks=pytest.mark.ray
        ),
    ],
    indirect=["engine"],
)
def test_a_dead_worker_is_one_line_and_what_was_finished_stays(
    engine: Engine, how: str, words: str, tmp_path: Path
) -> None:
    store = number_store(tmp_path)
    work = partial(die_at_five, how)
    results = engine.map(work, range(12), label="reading", shard=2, store=store, name=str)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(
        WorkerDiedError, match=rf"^reading: {words} in items 5 to 6 of 12 \(4 to 5\)$"
    ):
        next(results)
    assert store.find([0, 1]) == [0, 1]
    assert store.find([4, 5]) is None


class _Counting(Sequence[int]):
    """Numbers that are made when asked for, and remember the furthest."""

    def __init__(self, size: int) -> None:
        self.size, self.furthest, self.longest = size, 0, 0

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: Any) -> Any:
        assert isinstance(index, slice)
        part = range(*index.indices(self.size))
        self.furthest, self.longest = max(self.furthest, part.stop), max(self.longest, len(part))
        return list(part)


@pytest.mark.parametrize("engine", APART, indirect=True)
def test_memory_is_bounded(engine: Engine) -> None:
    items = _Counting(1_000_000_000)
    results = engine.map(square, items, label="x", shard=5)
    assert [next(results) for _ in range(10)] == [x * x for x in range(10)]
    assert items.longest == 5
    # two shards for each of two workers beside the one that is being taken
    assert items.furthest <= 5 * (2 + 2 * 2)
    results.close()  # type: ignore[attr-defined] # every engine gives a generator


@pytest.mark.parametrize("engine", ALL, indirect=True)
def test_a_stopped_run_goes_on_where_it_stood(
    engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (made := tmp_path / "made").mkdir()
    store = number_store(tmp_path / "store")
    work = partial(square_counted, made)
    first = engine.map(work, range(40), label="x", shard=4, store=store)
    assert [next(first) for _ in range(10)] == [x * x for x in range(10)]
    first.close()  # type: ignore[attr-defined] # every engine gives a generator
    before = count_files(made)
    assert before < 40
    assert list(engine.map(work, range(40), label="x", shard=4, store=store)) == [
        x * x for x in range(40)
    ]
    # stopped in the middle of a shard, each worker may have had to do that one again
    assert 40 <= count_files(made) <= 40 + 4 * engine.workers
    after = count_files(made)
    capsys.readouterr()
    assert list(engine.map(work, range(40), label="x", shard=4, store=store)) == [
        x * x for x in range(40)
    ]
    assert count_files(made) == after
    err = capsys.readouterr().err
    assert re.search(r"^x: 40/40 in \d+ s, 40 of them done before$", err, flags=re.MULTILINE)


@pytest.mark.parametrize("engine", ALL, indirect=True)
def test_a_damaged_result_is_computed_again(engine: Engine, tmp_path: Path) -> None:
    (made := tmp_path / "made").mkdir()
    store = number_store(tmp_path / "store")
    work = partial(square_counted, made)
    list(engine.map(work, range(12), label="x", shard=4, store=store))
    path = next(p for p in (tmp_path / "store").rglob("*.json") if p.read_text()[1:2] == "0")
    path.write_text("[0, 1, 4, 8]")
    assert list(engine.map(work, range(12), label="x", shard=4, store=store)) == [
        x * x for x in range(12)
    ]
    assert sorted(p.name for p in made.glob("*-1")) == ["0-1", "1-1", "2-1", "3-1"]


@pytest.mark.ray
def test_engines_share_a_store(ray_of_two: Engine, tmp_path: Path) -> None:
    (made := tmp_path / "made").mkdir()
    store, work = number_store(tmp_path / "store"), partial(square_counted, made)
    there = list(ray_of_two.map(work, range(20), label="x", shard=4, store=store))
    assert list(LocalEngine(2).map(work, range(20), label="x", shard=4, store=store)) == there
    assert count_files(made) == 20


@pytest.mark.parametrize("engine", APART, indirect=True)
def test_shards_run_side_by_side(engine: Engine, tmp_path: Path) -> None:
    work = partial(sleep_noted, tmp_path, 0.05)
    list(engine.map(work, range(12), label="x", shard=1))
    assert len({path.suffix for path in tmp_path.iterdir()}) == 2


def test_engines_by_name() -> None:
    assert load_engine("local", 3).workers == 3
    assert load_engine("local").workers == len(os.sched_getaffinity(0))
    with pytest.raises(UsageError, match="no engine 'daft'; there are: local, ray"):
        load_engine("daft")


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_the_extra_is_named() -> None:
    with pytest.raises(UsageError, match=r"pip install 'spinebench\[ray\]'"):
        load_engine("ray")


@pytest.mark.ray
def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    ray.shutdown()
    monkeypatch.setenv("RAY_ADDRESS", "not an address")
    with pytest.raises(UsageError, match="Ray at not an address cannot be reached: "):
        list(load_engine("ray").map(square, [1], label="x"))
