from pathlib import Path

import pytest

from spinebench.errors import UsageError
from spinebench.folders import check_free, check_place, check_writable, written_whole


def test_only_a_new_or_empty_place_is_free(tmp_path: Path) -> None:
    check_free(tmp_path)
    check_free(tmp_path / "new")
    (tmp_path / "file").touch()
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(UsageError, match="already exists and is not empty"):
            check_free(taken)


def test_the_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    place = check_place(tmp_path / "out")
    place.mkdir()
    with written_whole(place) as partial:
        (partial / "a").write_text("1")
        assert not any(place.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (place / "a").read_text() == "1"


def test_what_an_interrupted_block_left_is_removed(tmp_path: Path) -> None:
    def fall() -> None:
        with written_whole(tmp_path / "out") as partial:
            (partial / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fall()
    assert not (tmp_path / "out").exists()
    with written_whole(tmp_path / "out"):
        pass
    assert not any((tmp_path / "out").iterdir())


def test_a_link_is_followed_and_the_folder_one_stands_in_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert check_place(tmp_path / "link") == (tmp_path / "real").resolve()
    monkeypatch.chdir(tmp_path / "real")
    with pytest.raises(UsageError, match="is the folder you stand in"):
        check_place(Path())


def test_a_place_that_cannot_be_written_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file/run cannot be written: (Not a dir|File exists)"):
        check_writable(tmp_path / "file" / "run")
    check_writable(tmp_path / "new" / "run")
    assert (tmp_path / "new").is_dir()
    # root may write everywhere, so the answer of the system is put in its mouth
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(UsageError, match="this user may not write in"):
        check_writable(tmp_path / "run")
    with pytest.raises(UsageError, match="this user may not write in"):
        check_writable(tmp_path)
