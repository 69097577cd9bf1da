from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.sources.folders import rsna_files, write_files


@pytest.fixture
def bench(cli: Cli, tmp_path: Path) -> Path:
    rsna = write_files(tmp_path / "rsna", rsna_files())
    out = tmp_path / "bench"
    built = cli(
        "bench", "build", "--rsna", rsna, "--out", out, "--seed", 1,
        "--test-share", 1, "--reserve-share", 0, "--workers", 1, "--json",
    )  # fmt: skip
    assert built.code == 0, built.err
    assert built.json()["counts"]["questions_by_task_and_split"]["diagnosis"] == {"test": 5}
    return out


def test_build_prints_the_account(cli: Cli, tmp_path: Path) -> None:
    rsna = write_files(tmp_path / "rsna", rsna_files())
    built = cli(
        "bench", "build", "--rsna", rsna, "--out", tmp_path / "b", "--test-share", 1,
        "--reserve-share", 0,
    )  # fmt: skip
    assert "10 questions on 5 images of 2 patients" in built.out
    assert "rsna:train_label_coordinates.csv" in built.out
    assert "empty_cell" in built.out


def test_show_a_question(cli: Cli, bench: Path) -> None:
    shown = cli("bench", "show", bench, "diagnosis-rsna-train_images.3000000011.2000000003.8")
    assert shown.code == 0
    assert "Subarticular Stenosis   <- right" in shown.out
    assert "rests on: train_label_coordinates.csv row 6: " in shown.out
    assert "train.csv row 2 left_subarticular_stenosis_l4_l5" in shown.out
    assert "MR AX T2" in shown.out


def test_show_as_json(cli: Cli, bench: Path) -> None:
    card = cli("bench", "show", bench, "--json").json()
    assert card["split"] == "test"
    assert sum(option["right"] for option in card["options"]) == len(card["gold"])


def test_a_wrong_choice_of_duplicates(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("bench", "build", "--out", tmp_path / "b", "--duplicates", "maybe")
    assert (outcome.code, outcome.err) == (
        2,
        "spinebench: --duplicates maybe: it is fail or drop\n",
    )


def test_a_folder_of_another_kind_is_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    outcome = cli("bench", "build", "--rsna", tmp_path / "other", "--out", tmp_path / "b")
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert "train.csv" in outcome.err


def test_a_build_without_any_image_says_why(cli: Cli, tmp_path: Path) -> None:
    files = {name: data for name, data in rsna_files().items() if not name.endswith(".dcm")}
    rsna = write_files(tmp_path / "rsna", files)
    (rsna / "train_images").mkdir(exist_ok=True)
    built = cli("bench", "build", "--rsna", rsna, "--out", tmp_path / "b")
    assert built.code == 0
    assert "0 questions on 0 images of 0 patients" in built.out
    assert "note: nothing was left to ask about; the reasons are below" in built.out
    assert "missing_file" in built.out
    assert "fell into" not in built.out
