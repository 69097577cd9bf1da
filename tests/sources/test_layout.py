from pathlib import Path

import pytest

from spinebench.errors import UsageError
from spinebench.sources.layout import find_root

WANTED = ("labels.csv", "images")


def make(folder: Path) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "labels.csv").touch()
    return folder


def test_nearest_level_wins(tmp_path: Path) -> None:
    make(tmp_path / "a" / "b")
    assert find_root(tmp_path, WANTED, "Set") == tmp_path / "a" / "b"
    make(tmp_path / "c")
    assert find_root(tmp_path, WANTED, "Set") == tmp_path / "c"
    assert find_root(make(tmp_path), WANTED, "Set") == tmp_path


def test_three_levels_below_is_too_far(tmp_path: Path) -> None:
    make(tmp_path / "a" / "b" / "c")
    with pytest.raises(UsageError, match=r"is not Set: looked for labels.csv, images; found a/$"):
        find_root(tmp_path, WANTED, "Set")


def test_clutter_is_never_a_root(tmp_path: Path) -> None:
    make(tmp_path / "__MACOSX")
    (tmp_path / ".DS_Store").touch()
    with pytest.raises(UsageError, match=r"found an empty folder$"):
        find_root(tmp_path, WANTED, "Set")


def test_long_lists_are_cut(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"f{number}.txt").touch()
    message = "found f0.txt, f1.txt, f2.txt, f3.txt, f4.txt, f5.txt and 3 more$"
    with pytest.raises(UsageError, match=message):
        find_root(tmp_path, WANTED, "Set")


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file is a file; a folder is needed"):
        find_root(tmp_path / "file", WANTED, "Set")
    with pytest.raises(UsageError, match="nothing: no such folder"):
        find_root(tmp_path / "nothing", WANTED, "Set")
