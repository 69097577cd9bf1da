import pickle

import pytest

from spinebench.engine.shards import (
    Outcome,
    Shard,
    answer,
    iter_shards,
    pack_task,
    unpack_answer,
)
from spinebench.errors import DataError
from tests.engine.work import divide_by, fail_at_five, fail_oddly, return_lambda, square


def test_shards_cover_all_items_once() -> None:
    assert [(s.start, list(s.items)) for s in iter_shards(range(5), 2)] == [
        (0, [0, 1]),
        (2, [2, 3]),
        (4, [4]),
    ]


@pytest.mark.parametrize(
    ("shard", "words"),
    [
        (Shard(8, ["a", "b", "c"], 40), "items 9 to 11 of 40 (a.dcm to c.dcm)"),
        (Shard(39, ["z"], 40), "item 40 of 40 (z.dcm)"),
    ],
)
def test_a_shard_in_words(shard: Shard[str], words: str) -> None:
    assert shard.words(lambda item: f"{item}.dcm") == words
    assert shard.words(None) == words.partition(" (")[0]


def test_an_answer_travels_back() -> None:
    answered = answer(pack_task(square, None), pickle.dumps([1, 2, 3]))
    assert unpack_answer(answered) == Outcome([1, 4, 9], stored=False)


def test_an_error_for_the_user_travels_back_as_it_is() -> None:
    answered = answer(pack_task(fail_at_five, None), pickle.dumps([5]))
    with pytest.raises(DataError, match=r"^f, row 5: found five, expected another$") as caught:
        unpack_answer(answered)
    assert not hasattr(caught.value, "__notes__")


def test_a_bug_travels_back_with_the_workers_lines() -> None:
    answered = answer(pack_task(divide_by, None), pickle.dumps([1, 0]))
    with pytest.raises(ZeroDivisionError, match="division by zero") as caught:
        unpack_answer(answered)
    assert "return 1 / x" in caught.value.__notes__[0]


def test_an_error_that_cannot_travel_is_told_in_words() -> None:
    answered = answer(pack_task(fail_oddly, None), pickle.dumps([7]))
    with pytest.raises(RuntimeError, match=r"^OddError: odd 7\n"):
        unpack_answer(answered)


def test_a_result_that_cannot_travel_is_an_error() -> None:
    answered = answer(pack_task(return_lambda, None), pickle.dumps([7]))
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        unpack_answer(answered)
