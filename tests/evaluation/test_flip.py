"""Who flips, who stays, who says nothing."""

from pathlib import Path

import pytest

from spinebench.errors import UsageError
from spinebench.evaluation.flip import score_flips
from spinebench.records import Question
from tests.evaluation.run_folder_of import write_run_folder
from tests.evaluation.sides import write_sides

PATIENTS = 12


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 patients with a plain picture, a mirrored one, and one with its marker mirrored too."""
    folder = tmp_path_factory.mktemp("sides") / "bench"
    return write_sides(folder, PATIENTS, ["Subarticular Stenosis"])


def shares(row) -> tuple[float, float, float]:  # type: ignore[no-untyped-def]
    return row.flipped.estimate, row.stayed.estimate, row.unclear.estimate


def test_a_reader_flips_and_stays_where_it_should(sides: Path, tmp_path: Path) -> None:
    run = write_run_folder(tmp_path / "run", sides, lambda question: question.gold)
    mirrored, marked = score_flips(sides, run)
    assert (mirrored.variant, mirrored.expected, mirrored.disease) == ("mirrored", "flipped", "all")
    assert shares(mirrored) == (1.0, 0.0, 0.0)
    assert shares(marked) == (0.0, 1.0, 0.0)
    assert mirrored.right_on_both.estimate == 1.0
    assert (mirrored.pairs, mirrored.patients) == (PATIENTS, PATIENTS)


def test_a_constant_letter_never_flips(sides: Path, tmp_path: Path) -> None:
    run = write_run_folder(tmp_path / "run", sides, lambda question: ("A",))
    mirrored, _ = score_flips(sides, run)
    assert shares(mirrored) == (0.0, 1.0, 0.0)
    assert mirrored.said_left.estimate == 1.0
    assert mirrored.right_on_plain.estimate == 0.5
    assert mirrored.right_on_both.estimate == 0.0
    # 6 patients gain by the mirror and 6 lose: no drop
    assert mirrored.drop.estimate == 0.0


def test_both_sides_or_none_is_unclear_and_a_failed_call_no_pair(
    sides: Path, tmp_path: Path
) -> None:
    def answer(question: Question) -> tuple[str, ...] | None:
        patient = int(question.patient_id.partition(":")[2])
        mirrored = "mirrored@" in question.question_id
        special = {0: ("A", "B"), 1: (), 2: None}
        return special[patient] if mirrored and patient in special else question.gold

    run = write_run_folder(tmp_path / "run", sides, answer)
    mirrored, _ = score_flips(sides, run)
    assert mirrored.pairs == PATIENTS - 1
    assert shares(mirrored) == (pytest.approx(9 / 11), 0.0, pytest.approx(2 / 11))
    assert mirrored.drop.estimate == pytest.approx(2 / 11)


def test_another_benchmark_is_told(bench: Path, sides: Path, tmp_path: Path) -> None:
    run = write_run_folder(tmp_path / "run", bench, lambda question: question.gold)
    with pytest.raises(UsageError, match=r"is no side task: it has no flips.parquet"):
        score_flips(bench, run)
    silent = write_run_folder(tmp_path / "silent", sides, lambda question: None)
    with pytest.raises(UsageError, match="no pair of pictures was answered on both"):
        score_flips(sides, silent)
