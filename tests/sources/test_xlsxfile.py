import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter

from spinebench.errors import DataError
from spinebench.sources import xlsxfile
from spinebench.sources.xlsxfile import XlsxSheet, read_xlsx

SHEET = "xl/worksheets/sheet1.xml"


def book_bytes() -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("One")
        sheet.write_row(1, 0, ["Number", " a b ", 2.0, 0.15, True])  # the first row is empty
        sheet.write_row(3, 1, [7, 1e-7])
        book.add_worksheet("Two").write(0, 0, "x")
        book.add_worksheet("Empty")
    return buffer.getvalue()


def changed(change: Callable[[dict[str, bytes]], object]) -> bytes:
    """The book with its parts changed."""
    with zipfile.ZipFile(io.BytesIO(book_bytes())) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    change(parts)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return buffer.getvalue()


def read(tmp_path: Path, data: bytes) -> tuple[XlsxSheet, ...]:
    (tmp_path / "a.xlsx").write_bytes(data)
    return read_xlsx(tmp_path, "a.xlsx")


def test_rows_are_those_of_excel(tmp_path: Path) -> None:
    assert read(tmp_path, book_bytes()) == (
        XlsxSheet(
            "One",
            (
                ("", "", "", "", ""),
                ("Number", "a b", "2", "0.15", "true"),
                ("", "", "", "", ""),
                ("", "7", "0.0000001", "", ""),
            ),
        ),
        XlsxSheet("Two", (("x",),)),
        XlsxSheet("Empty", ()),
    )


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "0 bytes"),
        (b"no zip archive at all", "bytes that are no zip archive"),
        (book_bytes()[:-40], "bytes that are no zip archive"),
        (book_bytes()[:300] + bytes(60) + book_bytes()[360:], "an archive that cannot|no zip arch"),
        (changed(lambda parts: parts.pop("xl/workbook.xml")), "a zip archive that is no workbook"),
        (changed(lambda parts: parts.update({SHEET: b"<worksheet><sheetData><row"})), "calamine"),
        (changed(lambda parts: parts.pop(SHEET)), "calamine error"),
    ],
)
def test_what_is_no_workbook_is_one_line(tmp_path: Path, data: bytes, found: str) -> None:
    with pytest.raises(DataError, match=rf"^a.xlsx: found .*({found})[^\n]*, expected an Excel wo"):
        read(tmp_path, data)


def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder.xlsx").mkdir()
    with pytest.raises(DataError, match=r"^none.xlsx: found no such file, expected an Excel"):
        read_xlsx(tmp_path, "none.xlsx")
    with pytest.raises(DataError, match=r"^folder.xlsx: found a folder, expected an Excel"):
        read_xlsx(tmp_path, "folder.xlsx")


def test_encrypted_member_is_one_line(tmp_path: Path) -> None:
    data = bytearray(book_bytes())
    place = data.index(b"PK\x01\x02")
    while place >= 0:  # the flag of encryption, in every entry of the central directory
        data[place + 8] |= 1
        place = data.find(b"PK\x01\x02", place + 1)
    with pytest.raises(DataError, match=r"^a.xlsx: found an archive that cannot be unpacked"):
        read(tmp_path, bytes(data))


def bomb(parts: dict[str, bytes]) -> None:
    parts["xl/media/huge.xml"] = bytes(3_000_000)


def test_workbook_that_unpacks_too_far_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = changed(bomb)
    assert len(data) < 20_000
    read(tmp_path, data)
    monkeypatch.setattr(xlsxfile, "LIMIT_UNPACKED_BYTES", 2_000_000)
    with pytest.raises(DataError, match=r"^a.xlsx: size: found a workbook that unpacks to more th"):
        read(tmp_path, data)


def test_size_that_lies_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(changed(bomb))
    monkeypatch.setattr(xlsxfile, "LIMIT_UNPACKED_BYTES", 2_000_000)
    real = (3_000_000).to_bytes(4, "little")
    assert data.count(real) == 2
    data = data.replace(real, (10).to_bytes(4, "little"))
    with pytest.raises(DataError, match=r"^a.xlsx: found bytes that are no zip archive"):
        read(tmp_path, bytes(data))


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (b'r="XFD1048576"', "a sheet of 1048576 rows and 16384 columns"),
        (b'r="A9000000"', "a sheet of 9000000 rows and 5 columns"),
    ],
)
def test_cells_at_far_corners_are_refused(tmp_path: Path, cell: bytes, found: str) -> None:
    def spread(parts: dict[str, bytes]) -> None:
        assert parts[SHEET].count(b'r="B4"') == 1
        parts[SHEET] = parts[SHEET].replace(b'r="B4"', cell)

    with pytest.raises(DataError, match=rf"^a.xlsx: size: found {found}, expected at most 8000000"):
        read(tmp_path, changed(spread))


def test_dimension_that_lies_takes_no_memory(tmp_path: Path) -> None:
    def boast(parts: dict[str, bytes]) -> None:
        assert parts[SHEET].count(b'<dimension ref="A2:E4"/>') == 1
        parts[SHEET] = parts[SHEET].replace(b"A2:E4", b"A1:XFD1048576")

    assert read(tmp_path, changed(boast))[0].rows[1][0] == "Number"
