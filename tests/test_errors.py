import pickle

from spinebench.errors import DataError, UsageError


def test_data_error_says_file_row_field_found_expected() -> None:
    error = DataError(
        file="train.csv", place=12, field="level", found="'L7/L8'", expected="L1/L2 to L5/S1"
    )
    assert str(error) == "train.csv, row 12: level: found 'L7/L8', expected L1/L2 to L5/S1"


def test_data_error_without_place_and_field() -> None:
    assert str(DataError(file="a.dcm", found="0 bytes", expected="DICOM")) == (
        "a.dcm: found 0 bytes, expected DICOM"
    )


def test_errors_survive_the_way_back_from_a_worker() -> None:
    error = DataError(file="a", place="UID 1.2", field="Rows", found="none", expected="a number")
    back = pickle.loads(pickle.dumps(error))
    assert (str(back), back.place, back.field) == (str(error), "UID 1.2", "Rows")
    assert str(pickle.loads(pickle.dumps(UsageError("no folder")))) == "no folder"
