import sqlite3
from pathlib import Path

import numpy as np
import pytest

from spinebench.benchmark.embed.cache import VectorCache, choose_cache
from spinebench.benchmark.embed.gradient import GradientHistograms
from spinebench.errors import DataError, UsageError

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def vector(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_vectors_are_found_by_pixels_and_by_embedder(tmp_path: Path) -> None:
    with VectorCache(tmp_path, "m/1") as cache:
        cache.add([A, B], [vector(1, 2), vector(3, 4)])
        cache.add([A], [vector(9, 9)])  # the first stays
    with VectorCache(tmp_path, "m/1") as cache:
        found = cache.find([A, B, C])
        assert {key: value.tolist() for key, value in found.items()} == {A: [1, 2], B: [3, 4]}
        assert cache.has([B, C]) == {B}
    with VectorCache(tmp_path, "m/2") as other:
        assert other.find([A]) == {}


def test_names_that_read_alike_have_files_of_their_own(tmp_path: Path) -> None:
    assert VectorCache(tmp_path, "m:1").path != VectorCache(tmp_path, "m/1").path


def test_more_keys_than_one_query_takes(tmp_path: Path) -> None:
    keys = [f"{number:064x}" for number in range(1203)]
    with VectorCache(tmp_path, "m") as cache:
        cache.add(keys, [vector(number) for number in range(1203)])
        found = cache.find(keys)
    assert [found[key][0] for key in keys] == list(range(1203))


def test_a_damaged_cache_is_told(tmp_path: Path) -> None:
    path = VectorCache(tmp_path, "m").path
    path.write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(DataError, match="expected a cache of vectors; delete the file"):
        VectorCache(tmp_path, "m")


def test_vectors_of_several_lengths_are_damage(tmp_path: Path) -> None:
    with VectorCache(tmp_path, "m") as cache:
        cache.add([A, B], [vector(1), vector(1, 2)])
        with pytest.raises(DataError, match="found vectors of several lengths"):
            cache.find([A, B])


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"no cache can be kept in .*file/x: Not a directory"):
        VectorCache(tmp_path / "file" / "x", "m")


def test_a_lost_batch_leaves_what_was_there(tmp_path: Path) -> None:
    with VectorCache(tmp_path, "m") as cache:
        cache.add([A], [vector(1)])
        with pytest.raises(ValueError, match="non-hexadecimal"):
            cache.add([B, "x"], [vector(2), vector(3)])
    rows = sqlite3.connect(cache.path).execute("SELECT count(*) FROM vectors").fetchall()
    assert rows == [(1,)]


class Model(GradientHistograms):
    in_process = True


def test_where_vectors_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SPINEBENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert choose_cache(Model()) == tmp_path / "spinebench" / "embeddings"
    assert choose_cache(GradientHistograms()) is None
    monkeypatch.setenv("SPINEBENCH_CACHE", str(tmp_path / "c"))
    assert choose_cache(Model()) == choose_cache(GradientHistograms()) == tmp_path / "c"
    monkeypatch.setenv("SPINEBENCH_CACHE", "")
    assert choose_cache(Model()) is None
