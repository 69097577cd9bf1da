import json
from pathlib import Path

import pytest

from spinebench.engine import ShardStore
from spinebench.errors import DataError
from tests.engine.work import number_store, read_numbers, write_numbers


def only_file(folder: Path) -> Path:
    (path,) = (p for p in folder.rglob("*") if p.is_file())
    return path


def test_what_was_kept_is_found(tmp_path: Path) -> None:
    store = number_store(tmp_path)
    assert store.find([1, 2]) is None
    assert store.keep([1, 2], [1, 4]) == [1, 4]
    assert store.find([1, 2]) == [1, 4]


@pytest.mark.parametrize("items", [[2, 1], [1], [1, 2, 3], [12]])
def test_other_items_are_not_found(tmp_path: Path, items: list[int]) -> None:
    number_store(tmp_path).keep([1, 2], [1, 4])
    assert number_store(tmp_path).find(items) is None


def test_another_key_is_not_found(tmp_path: Path) -> None:
    number_store(tmp_path, version=1).keep([1, 2], [1, 4])
    assert number_store(tmp_path, version=2).find([1, 2]) is None


def test_keys_do_not_run_into_each_other(tmp_path: Path) -> None:
    store: ShardStore[str, int] = ShardStore(tmp_path, str, write_numbers, read_numbers)
    store.keep(["ab", "c"], [1, 2])
    assert store.find(["a", "bc"]) is None


def test_files_lie_in_two_levels_of_folders_under_a_checked_name(tmp_path: Path) -> None:
    number_store(tmp_path).keep([1, 2], [1, 4])
    path = only_file(tmp_path)
    first, second, name = path.relative_to(tmp_path).parts
    assert name.startswith(first + second)
    assert path.suffix == ".json"
    assert json.loads(path.read_text()) == [1, 4]


@pytest.mark.parametrize("damage", ["cut", "altered", "empty"])
def test_a_damaged_file_is_not_used_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    store = number_store(tmp_path)
    store.keep([1, 2], [1, 4])
    path = only_file(tmp_path)
    path.write_text({"cut": "[1,", "altered": "[1, 5]", "empty": ""}[damage])
    assert store.find([1, 2]) is None
    err = capsys.readouterr().err
    assert err.startswith(f"a stored result is computed again: {path.name}: SHA-256: found ")
    assert len(err.splitlines()) == 1
    assert not path.exists()
    assert store.keep([1, 2], [1, 4]) == store.find([1, 2]) == [1, 4]


def test_a_result_that_is_no_longer_of_use_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lenient = ShardStore(tmp_path, str, write_numbers, lambda path: [-1])
    lenient.keep([1], [-1])
    strict = ShardStore(tmp_path, str, write_numbers, read_numbers)
    assert strict.find([1]) is None
    assert "found -1, expected squares" in capsys.readouterr().err


def test_a_format_that_loses_a_result_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="results: found 1, expected 2"):
        number_store(tmp_path).keep([1, 2], [1])


def test_what_a_killed_writer_left_is_not_found(tmp_path: Path) -> None:
    store = number_store(tmp_path)
    store.keep([1, 2], [1, 4])
    path = only_file(tmp_path)
    stem = path.name.partition("-")[0]
    path.rename(path.with_name(f"{stem}.node.7.tmp.json"))
    assert store.find([1, 2]) is None
