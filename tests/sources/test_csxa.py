import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spinebench.engine import LocalEngine
from spinebench.errors import DataError, UsageError
from spinebench.records import Finding
from spinebench.sources.base import ImageRef, Reading
from spinebench.sources.registry import SOURCES
from tests.sources.csxa_folder import (
    CASES,
    STEMS,
    csxa_files,
    drawing,
    png_bytes,
    workbook,
)
from tests.sources.folders import Files, write_files
from tests.sources.reading import new_lines, read_as_nobody, read_files, reject_lines

SHEET, FILMS, DRAWINGS = "datasets.xlsx", "datasets-PNG", "datasets-JSON"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    return read_files("csxa", tmp_path_factory.mktemp("csxa"), csxa_files())


def finding(row: int, kind: str, disease: str | None, words: str) -> Finding:
    stem = STEMS[row - 3]
    return Finding(
        finding_id=f"csxa:datasets.xlsx:{row}:{stem}:{kind}",
        image_id=f"csxa:datasets-PNG/{stem}.png",
        disease=disease,
        grade="none" if disease is None else "ungraded",
        measure=pytest.approx(20.0, abs=1e-5) if kind == "curvature" else None,
        measure_kind="cobb_c2_c7_deg" if kind == "curvature" else None,
        level=None,
        side=None,
        point_px=None,
        box_px=None,
        point_mm=None,
        rater=None,
        source_words=words,
        file=SHEET,
        row=row,
        grade_file=None,
        grade_row=None,
        grade_column=None,
    )


EXPECTED_FINDINGS = [
    finding(3, "curvature", "cervical Lordosis", "Lordotic"),
    finding(3, "disease", "Spondylosis", "Cervical spondylosis"),
    finding(4, "curvature", "Straight cervical vertebrae", "Straight"),
    finding(4, "disease", None, "Healthy"),
    finding(5, "curvature", "sigmoid cervical vertebrae", "Sigmoid1"),
    finding(5, "disease", "Spondylosis", "Cervical spondylosis"),
    finding(6, "curvature", "sigmoid cervical vertebrae", "Sigmoid2"),
    finding(6, "disease", "Spondylosis", "Cervical spondylosis"),
    finding(7, "curvature", "cervical Kyphosis", "Kyphotic"),
    finding(7, "disease", "Spondylosis", "Cervical spondylosis"),
]


def image(stem: str, age: float, sex: str, mm: float) -> ImageRef:
    return ImageRef(
        image_id=f"csxa:datasets-PNG/{stem}.png",
        source="csxa",
        path=f"datasets-PNG/{stem}.png",
        patient_id=f"csxa:{stem[:4]}",
        study_id=stem[:4],
        series_id=stem,
        modality="XR",
        view="LAT",
        sequence=None,
        instance_number=None,
        official_split=None,
        notes=(),
        age_years=age,
        sex=sex,
        spacing_mm=(mm, mm),
    )


def test_findings_and_images_are_exactly_what_the_sheet_says(base: Reading) -> None:
    assert base.findings == EXPECTED_FINDINGS
    assert list(base.images.values()) == [
        image("0001135", 35.0, "M", 0.15),
        image("0006035", 35.0, "F", 0.2),
        image("0661149", 49.0, "M", 0.15),
        image("1752053", 53.0, "F", 0.15),
        image("2904134", 34.0, "M", 0.15),
    ]


def test_every_row_is_accounted_for(base: Reading) -> None:
    assert dict(base.ledger.read) == {SHEET: 5}
    assert base.ledger.rejects == []
    base.check_accounted()


# --- defects: of the sheet ---------------------------------------------------------------------

Change = Callable[[Files], object]


def cases(change: Callable[[list[list[Any]]], object]) -> Change:
    def apply(files: Files) -> None:
        rows = [list(case) for case in CASES]
        change(rows)
        files[SHEET] = workbook([tuple(row) for row in rows])

    return apply


def cell(case: int, column: int, value: object) -> Change:
    return cases(lambda rows: rows[case].__setitem__(column, value))


def labelled(case: int, change: Callable[[dict[str, Any]], object]) -> Change:
    def apply(files: Files) -> None:
        labels = drawing()
        change(labels)
        files[f"{DRAWINGS}/{STEMS[case]}.json"] = json.dumps(labels)

    return apply


def relabel(old: str, new: str) -> Change:
    def apply(labels: dict[str, Any]) -> None:
        next(s for s in labels["shapes"] if s["label"] == old)["label"] = new

    return labelled(0, apply)


def move(label: str, points: object) -> Change:
    def apply(labels: dict[str, Any]) -> None:
        next(s for s in labels["shapes"] if s["label"] == label)["points"] = points

    return labelled(0, apply)


def put(name: str, content: str | bytes) -> Change:
    return lambda files: files.update({name: content})


def note(file: str, reason: str) -> tuple[str, None, None, str]:
    return (file, None, None, reason)


FILM_0, JSON_0 = f"{FILMS}/{STEMS[0]}.png", f"{DRAWINGS}/{STEMS[0]}.json"
# defect, change, ledger lines it adds, rows of findings it changes or takes away
DEFECTS: list[tuple[str, Change, set, set[int]]] = [
    (
        "row without film",
        cases(lambda rows: rows.append([77, 1, 40, 0.15, 1, 1, 0.0])),
        {(SHEET, 8, None, "row_without_image")},
        set(),
    ),
    (
        "film without row",
        cases(lambda rows: rows.pop()),
        {note(FILMS, "files_without_rows")},
        {7},
    ),
    ("shape of words", cell(0, 4, "?"), {(SHEET, 3, None, "no_curvature")}, {3}),
    ("shape missing", cell(0, 4, None), {(SHEET, 3, None, "no_curvature")}, {3}),
    ("code without meaning", cell(0, 4, 6), {(SHEET, 3, None, "no_curvature")}, {3}),
    ("healthy without shape", cell(1, 4, None), {note(SHEET, "no_curvature")}, {4}),
    (
        "no case number",
        cell(0, 0, "A1"),
        {(SHEET, 3, None, "malformed_id")} | {note(FILMS, "files_without_rows")},
        {3},
    ),
    (
        "the same row again",
        cases(lambda rows: rows.append(rows[0])),
        {(SHEET, 8, None, "duplicate_row")},
        set(),
    ),
    (
        "the same case otherwise",
        cases(lambda rows: rows.append([*rows[0][:4], 5, *rows[0][5:]])),
        {(SHEET, row, None, "contradictory_rows") for row in (3, 8)},
        {3},
    ),
    ("unknown disease", cell(0, 5, 9), {note(SHEET, "unknown_disease")}, {3}),
    ("unknown sex", cell(0, 1, "?"), {note(SHEET, "unknown_sex")}, set()),
    ("age of words", cell(0, 2, "old"), {note(SHEET, "unknown_age")}, set()),
    ("spacing of a slide", cell(0, 3, 150), {note(SHEET, "unknown_spacing")}, set()),
    ("another age", cell(0, 2, 36), {note(FILMS, "age_in_name_disagrees")}, set()),
    (
        "film missing",
        lambda files: files.pop(FILM_0),
        {(SHEET, 3, None, "row_without_image"), note(DRAWINGS, "landmarks_without_film")},
        {3},
    ),
    ("0-byte film", put(FILM_0, b""), {(SHEET, 3, None, "unreadable_file")}, {3}),
    ("film cut off", put(FILM_0, png_bytes()[:-20]), {(SHEET, 3, None, "unreadable_file")}, {3}),
    ("film of words", put(FILM_0, "no picture, " * 9), {(SHEET, 3, None, "unreadable_file")}, {3}),
    (
        "film past all bounds",
        put(FILM_0, png_bytes()[:16] + b"\xff" * 8 + png_bytes()[24:]),
        {(SHEET, 3, None, "unreadable_file")},
        {3},
    ),
    (
        "film of another case",
        put(FILM_0, png_bytes(grey=1)),
        {(SHEET, row, None, "identical_film") for row in (3, 4)},
        {3, 4},
    ),
    ("odd name", put(f"{FILMS}/cover.png", png_bytes()), {note(FILMS, "malformed_name")}, set()),
    (
        "film in two folders",
        put(f"images/{STEMS[0]}.png", png_bytes()),
        {note(FILMS, "file_twice")},
        set(),
    ),
    ("no landmarks", lambda f: f.pop(JSON_0), {note(DRAWINGS, "landmarks_missing")}, {3}),
    ("landmarks cut off", put(JSON_0, '{"a"'), {note(DRAWINGS, "unreadable_landmarks")}, {3}),
    (
        "100,000 brackets",
        put(JSON_0, "[" * 100_000 + "]" * 100_000),
        {note(DRAWINGS, "unreadable_landmarks")},
        {3},
    ),
    ("no shapes", put(JSON_0, "[]"), {note(DRAWINGS, "unreadable_landmarks")}, {3}),
    (
        "landmark twice",
        relabel("C3 top left", "C3 top right"),
        {note(DRAWINGS, "duplicate_landmark")},
        set(),
    ),
    (
        "landmark missing",
        labelled(0, lambda labels: labels["shapes"].pop(0)),
        {note(DRAWINGS, "missing_landmark")},
        {3},
    ),
    (
        "unknown landmark",
        labelled(0, lambda labels: labels["shapes"].append({"label": "T1", "points": [[1, 2]]})),
        {note(DRAWINGS, "unknown_landmark")},
        set(),
    ),
    (
        "landmark outside",
        move("C7 bottom left", [[-3.0, 80.0]]),
        {note(DRAWINGS, "landmark_outside_image")},
        {3},
    ),
    (
        "landmark of two points",
        move("C7 bottom left", [[3.0, 8.0], [4.0, 9.0]]),
        {note(DRAWINGS, "malformed_landmark")},
        {3},
    ),
    (
        "landmark of words",
        move("C7 bottom left", [["3", 8.0]]),
        {note(DRAWINGS, "malformed_landmark")},
        {3},
    ),
    (
        "another size",
        labelled(0, lambda labels: labels.update(imageHeight=600)),
        {note(DRAWINGS, "image_size_disagrees")},
        set(),
    ),
]


@pytest.mark.parametrize(
    ("change", "lines", "rows"), [d[1:] for d in DEFECTS], ids=[d[0] for d in DEFECTS]
)
def test_defect_is_in_the_ledger_and_touches_nothing_else(
    base: Reading, tmp_path: Path, change: Change, lines: set, rows: set[int]
) -> None:
    files = csxa_files()
    change(files)
    reading = read_files("csxa", tmp_path, files)
    assert new_lines(reading, base) == lines
    assert {f.row for f in base.findings if f not in reading.findings} == rows
    reading.check_accounted()


def detail_of(tmp_path: Path, change: Change) -> list[str]:
    files = csxa_files()
    change(files)
    return [r.detail for r in read_files("csxa", tmp_path, files).ledger.rejects]


def test_duplicate_landmark_names_the_missing_one(tmp_path: Path) -> None:
    assert detail_of(tmp_path, relabel("C3 top left", "C3 top right")) == [
        f"{JSON_0}: C3 top right 2 times; C3 top left missing"
    ]


def test_identical_films_that_agree_leave_the_first(base: Reading, tmp_path: Path) -> None:
    files = csxa_files()
    cases(lambda rows: rows.append([9000, 1, 35, 0.15, 1, 1, 20.5]))(files)
    files[f"{FILMS}/9000135.png"] = files[FILM_0]
    reading = read_files("csxa", tmp_path, files)
    assert reading.findings == base.findings
    assert [(r.row, r.reason, r.detail) for r in reading.ledger.rejects if r.row] == [
        (8, "identical_film", f"{FILMS}/9000135.png: the same file as {FILM_0}")
    ]


def test_every_film_of_a_case_has_the_row(tmp_path: Path) -> None:
    files = csxa_files()
    files[f"{FILMS}/0001136.png"] = png_bytes(grey=99)
    files[f"{FILMS}/0001137.png"] = b""
    reading = read_files("csxa", tmp_path, files)
    assert [f.image_id for f in reading.findings if f.row == 3] == [
        f"csxa:{FILM_0}",
        f"csxa:{FILM_0}",
        f"csxa:{FILMS}/0001136.png",
        f"csxa:{FILMS}/0001136.png",
    ]
    assert len({f.finding_id for f in reading.findings}) == 12
    # the broken one is told, but the row is not lost
    assert (SHEET, None, None, "unreadable_file") in reject_lines(reading)
    assert reading.images[f"csxa:{FILMS}/0001136.png"].notes == (
        "the age in its name is not the sheet's",
    )
    reading.check_accounted()


@pytest.mark.parametrize("films", ["images/films", "datasets-PNG"])
def test_folders_may_be_nested_and_have_clutter(base: Reading, tmp_path: Path, films: str) -> None:
    files = {
        f"CSXA/{name.replace(FILMS, films).replace(DRAWINGS, 'annotations')}": content
        for name, content in csxa_files().items()
    }
    files[f"CSXA/__MACOSX/{films}/._{STEMS[0]}.png"] = b"\x00\x05\x16\x07"
    files[f"CSXA/{films}/._{STEMS[0]}.png"] = b"\x00\x05\x16\x07"
    files["CSXA/.DS_Store"] = b"Bud1"
    write_files(tmp_path, files)
    reading = SOURCES["csxa"].read(tmp_path, LocalEngine(1))
    assert reading.root == tmp_path / "CSXA"
    assert [f.source_words for f in reading.findings] == [f.source_words for f in base.findings]
    assert reading.ledger.rejects == []


def test_films_may_lie_beside_the_folder_of_the_sheet(base: Reading, tmp_path: Path) -> None:
    files = csxa_files()
    files[f"tables/{SHEET}"] = files.pop(SHEET)
    reading = SOURCES["csxa"].read(write_files(tmp_path, files), LocalEngine(1))
    assert reading.root == tmp_path
    assert list(reading.images) == list(base.images)
    assert {f.file for f in reading.findings} == {f"tables/{SHEET}"}
    assert dict(reading.ledger.read) == {f"tables/{SHEET}": 5}


# --- what is no such folder --------------------------------------------------------------------


def test_wrong_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / FILMS).mkdir()
    with pytest.raises(
        UsageError,
        match=r"is not CSXA \(Cervical Spine X-ray Atlas\): looked for datasets.xlsx; "
        r"found datasets-PNG/$",
    ):
        SOURCES["csxa"].read(tmp_path, LocalEngine(1))


def test_folder_in_place_of_the_sheet_is_one_line(tmp_path: Path) -> None:
    (tmp_path / SHEET).mkdir()
    with pytest.raises(DataError, match=r"^datasets.xlsx: found a folder, expected an Excel"):
        SOURCES["csxa"].read(tmp_path, LocalEngine(1))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_file_that_this_user_may_not_read_is_a_ledger_line(tmp_path: Path) -> None:
    root = write_files(tmp_path, csxa_files())
    (root / FILM_0).chmod(0o600)
    (root / f"{DRAWINGS}/{STEMS[1]}.json").chmod(0o600)
    assert read_as_nobody("csxa", root) == ["8", f"{SHEET} 3 None"]


def test_terms_say_that_the_licence_was_not_verified() -> None:
    terms = SOURCES["csxa"].terms
    assert (terms.redistribution, terms.third_party_models) == (True, True)
    assert "was not verified" in terms.summary
