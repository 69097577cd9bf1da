from importlib import resources
from pathlib import Path

import pytest

from spinebench.errors import DataError
from spinebench.sources.csvfile import CsvRow, load_data_rows, parse_csv, parse_number, read_csv


def test_rows_are_numbered_as_in_an_editor() -> None:
    table = parse_csv('\nb,a\n1, x \n\n2\n3,"y, z",4\n5,\n', "t.csv", ["a"])
    assert table.columns == ("b", "a")
    assert table.rows == (CsvRow(3, {"b": "1", "a": "x"}), CsvRow(7, {"b": "5", "a": ""}))
    assert table.malformed == (
        (5, "1 cells instead of 2"),
        (6, "3 cells instead of 2"),
    )
    assert table.units == 4


def test_separators_of_lines_are_only_those_of_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("\ufeffa,b\r\n1,x\u2028y\r\n2,z\x0bw\r\n".encode())
    rows = read_csv(tmp_path, "t.csv", ["a", "b"]).rows
    assert [(r.row, r.cells["b"]) for r in rows] == [(2, "x\u2028y"), (3, "z\x0bw")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", "t.csv, row 1: column c: found a, b, expected columns a, c"),
        ("a,c,a\n", "t.csv, row 1: column a: found the column twice, expected columns a, c"),
        ("", "t.csv: found an empty file, expected a header a, c"),
        ('a,c\n1,"2\n', "t.csv, row 2: found unexpected end of data, expected comma-separated"),
        (",".join("abdefghijkl"), "found a, b, d, e, f, g, h, i, j, ... 11 in all, expected"),
    ],
)
def test_what_is_no_table_is_told(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_csv(text, "t.csv", ["a", "c"])


def test_missing_file_and_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(DataError, match=r"t.csv: found a folder"):
        read_csv(tmp_path, "t.csv", [])
    with pytest.raises(DataError, match=r"u.csv: found no such file"):
        read_csv(tmp_path, "u.csv", [])


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.5", 1.5), ("-2", -2.0), ("", None), ("nan", None), ("inf", None), ("1,5", None)],
)
def test_number(text: str, number: float | None) -> None:
    assert parse_number(text) == number


def test_every_data_file_says_where_it_is_from() -> None:
    folder = resources.files("spinebench").joinpath("data", "sources")
    names = [path.name for path in folder.iterdir()]
    assert {"rsna_defects.csv", "vindr_vocabulary.csv"} <= set(names)
    for name in names:
        text = folder.joinpath(name).read_text("utf-8")
        comments = [line for line in text.splitlines() if line.startswith("#")]
        assert any("Source" in line for line in comments)
        assert load_data_rows(name)


@pytest.mark.parametrize(
    ("limit", "value", "text", "message"),
    [
        ("LIMIT_ROWS", 3, "a\n1\n2\n3\n4\n", "t.csv: rows: found more than 3, expected at most"),
        ("LIMIT_BYTES", 9, "a\n1\n2\n3\n4\n", "t.csv: size: found 10 bytes, expected a table of"),
        ("_LIMIT_ROW_CHARACTERS", 6, "a\n123456\n", "t.csv, row 2: found more than 6 characters"),
        ("_LIMIT_ROW_CHARACTERS", 9, 'a\n"\n\n\n\n\n\n\n\n"\n', "t.csv, row 2: found more than 9"),
        ("_LIMIT_ROW_CHARACTERS", 9, "," * 20, "t.csv, row 1: found more than 9 characters"),
    ],
)
def test_a_table_of_absurd_size_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
    text: str,
    message: str,
) -> None:
    (tmp_path / "t.csv").write_text(text)
    assert read_csv(tmp_path, "t.csv", []).columns
    monkeypatch.setattr(f"spinebench.sources.csvfile.{limit}", value)
    with pytest.raises(DataError, match=message):
        read_csv(tmp_path, "t.csv", [])


def test_each_row_may_be_as_long_as_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spinebench.sources.csvfile._LIMIT_ROW_CHARACTERS", 4)
    (tmp_path / "t.csv").write_text("a,b\n" * 100)
    assert read_csv(tmp_path, "t.csv", []).units == 99


def test_the_place_of_a_byte_that_is_no_text_in_a_long_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a\n" + b"1\n" * 50_000 + b"\xff\n")
    with pytest.raises(DataError, match=r"t\.csv, byte 100002: found bytes"):
        read_csv(tmp_path, "t.csv", [])
