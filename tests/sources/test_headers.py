import os
from pathlib import Path

import pytest

from spinebench.engine import LocalEngine
from spinebench.sources.headers import HeaderFacts, read_header_facts, read_headers
from tests.sources.folders import SAG, T1, A, mr_bytes


def slice_bytes(**sizes: int) -> bytes:
    return mr_bytes(A, T1, 3, position=(18.0, -50.0, 40.0), orientation=SAG, **sizes)


def test_facts_of_a_slice(tmp_path: Path) -> None:
    (tmp_path / "3.dcm").write_bytes(slice_bytes())
    facts = read_header_facts(tmp_path, "3.dcm")
    assert facts == HeaderFacts(
        "3.dcm",
        rows=48,
        cols=64,
        placement=(18.0, -50.0, 40.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.6, 0.5),
        patient_id=A,
        instance_number=3,
    )
    assert facts.point_mm(10.0, 5.0) == pytest.approx((18.0, -45.0, 37.0))
    assert A not in repr(facts)  # PatientID stays out of logs


@pytest.mark.parametrize(
    ("x_px", "y_px", "held"),
    [(-0.5, -0.5, True), (63.5, 47.5, True), (63.51, 0, False), (0, 47.51, False), (-1, 0, False)],
)
def test_image_ends_half_a_pixel_beyond_its_last_centre(
    x_px: float, y_px: float, held: bool
) -> None:
    assert HeaderFacts("x", rows=48, cols=64).holds(x_px, y_px) is held


def test_no_geometry_gives_no_millimetres() -> None:
    assert HeaderFacts("x", rows=48, cols=64).point_mm(1.0, 1.0) is None


def test_what_cannot_be_read_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "folder.dcm").mkdir()
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "text.dcm").write_bytes(b"not DICOM at all")
    (tmp_path / "bare.dcm").write_bytes(slice_bytes(rows=0, cols=0))
    (tmp_path / "clutter").mkdir()
    (tmp_path / "clutter" / ".DS_Store").touch()
    found = read_headers(
        tmp_path,
        [
            "folder.dcm",
            "file/1.dcm",
            "file",
            "text.dcm",
            "bare.dcm",
            "clutter/1.dcm",
            "gone/1.dcm",
            "2.dcm",
        ],
        LocalEngine(1),
        label="test",
    )
    assert [(path, facts.reason, facts.detail) for path, facts in found.items()] == [
        ("folder.dcm", "unreadable_file", "a folder"),
        ("file/1.dcm", "missing_file", "its folder is a file"),
        ("file", "unreadable_file", "found 0 bytes"),
        ("text.dcm", "unreadable_file", "found bytes that are not DICOM"),
        ("bare.dcm", "unreadable_file", "no Rows or Columns in the header"),
        ("clutter/1.dcm", "empty_folder", "its folder is empty"),
        ("gone/1.dcm", "missing_file", "no such file"),
        ("2.dcm", "missing_file", "no such file"),
    ]


def test_promised_pixels_decide_whether_a_file_is_cut_off(tmp_path: Path) -> None:
    whole = slice_bytes()
    pixels = 48 * 64 * 2
    (tmp_path / "cut.dcm").write_bytes(whole[: pixels - 1])
    facts = read_header_facts(tmp_path, "cut.dcm")
    assert facts.reason == "unreadable_file"
    assert facts.detail == f"{pixels - 1} bytes, though its pixels alone take {pixels}"


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.dcm")
    facts = read_header_facts(tmp_path, "1.dcm")
    assert (facts.reason, facts.detail) == ("unreadable_file", "a named pipe")
