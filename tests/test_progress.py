import pytest

from spinebench.progress import duration_words, iter_with_progress


def clock_of(monkeypatch: pytest.MonkeyPatch, *times: float) -> None:
    clock = iter(times)
    monkeypatch.setattr("spinebench.progress.time.monotonic", lambda: next(clock))


def test_quick_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(iter_with_progress([1, 2], total=2, label="x")) == [1, 2]
    assert capsys.readouterr() == ("", "")


def test_long_work_tells_how_much_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock_of(monkeypatch, 0.0, 60.0, 64.0, 65.0, 74.0, 80.0)
    assert list(iter_with_progress("abcd", total=4, label="work")) == list("abcd")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "work: 2/4, about 8 s left",
        "work: 4/4, about 0 s left",
        "work: 4/4 in 1 min 20 s",
    ]


def test_a_shard_that_comes_at_once_is_no_measure_of_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # two shards of two items, 30 s apart
    clock_of(monkeypatch, 0.0, 30.0, 30.01, 60.0, 60.01, 61.0)
    list(iter_with_progress("abcd", total=100, label="work"))
    assert capsys.readouterr().err.splitlines() == [
        "work: 2/100",
        "work: 3/100, about 48 min 30 s left",
        "work: 4/100 in 1 min 1 s",
    ]


def test_what_was_done_before_is_no_measure_of_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # a, b and c were stored and come at once; d to f take 20 s each
    clock_of(monkeypatch, 0.0, 1.0, 1.0, 1.0, 21.0, 41.0, 61.0, 62.0)
    done: list[str] = []
    items = iter_with_progress("abcdef", total=6, label="work", stored=lambda: min(len(done), 3))
    done.extend(items)
    assert capsys.readouterr().err.splitlines() == [
        "work: 4/6",
        "work: 5/6, about 20 s left",
        "work: 6/6, about 0 s left",
        "work: 6/6 in 1 min 2 s, 3 of them done before",
    ]


def test_quick_work_says_what_was_done_before(capsys: pytest.CaptureFixture[str]) -> None:
    list(iter_with_progress("ab", total=2, label="work", stored=lambda: 2))
    assert capsys.readouterr().err == "work: 2/2 in 0 s, 2 of them done before\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words
