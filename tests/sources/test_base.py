from pathlib import Path

import pytest

from spinebench.errors import DataError
from spinebench.sources.base import Reading
from spinebench.tables import Ledger
from tests.sources.folders import rsna_files
from tests.sources.reading import read_files


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    return read_files("rsna", tmp_path, rsna_files())


def test_carried_units_are_rows_and_cells(reading: Reading) -> None:
    units = reading.carried_units()
    assert ("train_label_coordinates.csv", 7, None) in units
    assert ("train.csv", 2, "left_subarticular_stenosis_l4_l5") in units
    assert ("train_series_descriptions.csv", 4, None) in units
    assert len(units) == 7 + 6 + 4


def test_unit_both_carried_and_dropped_is_told(reading: Reading) -> None:
    reading.ledger.drop("train_label_coordinates.csv", 7, "duplicate_row")
    message = "row 7: found a unit both carried and dropped"
    with pytest.raises(DataError, match=message):
        reading.check_accounted()


def test_unit_that_nobody_has_is_told(reading: Reading) -> None:
    reading.findings.pop()
    message = "rsna:train.csv: accounting: found 50 read, 44 dropped, 5 carried"
    with pytest.raises(DataError, match=message):
        reading.check_accounted()


def test_file_that_was_never_read_is_told() -> None:
    ledger = Ledger(source="rsna")
    ledger.drop("train.csv", 2, "empty_cell", column="a")
    with pytest.raises(DataError, match="found 0 read, 1 dropped, 0 carried"):
        Reading(root=Path(), source="rsna", ledger=ledger).check_accounted()
