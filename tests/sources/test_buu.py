import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spinebench.anatomy.diseases import find_disease
from spinebench.engine import LocalEngine
from spinebench.errors import DataError, UsageError
from spinebench.records import Finding
from spinebench.sources.base import ImageRef, Reading
from spinebench.sources.buu_tables import load_class_codes
from spinebench.sources.check import check_folder
from spinebench.sources.registry import SOURCES
from tests.sources.buu_folder import (
    AP1,
    AP1_ROWS,
    AP12,
    DIAGNOSES,
    LA1,
    LA1_ROWS,
    LA12,
    SIZES,
    SPACING,
    buu_files,
    jpeg_bytes,
    moved,
)
from tests.sources.folders import Files, write_files
from tests.sources.reading import new_lines, read_as_nobody, read_files, reject_lines


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    return read_files("buu", tmp_path_factory.mktemp("buu"), buu_files())


def finding(film: str, row: int, words: str, **more: object) -> Finding:
    """A finding; without `level` the explicit normal of a film."""
    fields: dict[str, object] = {
        "finding_id": f"buu:{film}.csv:{row}",
        "image_id": f"buu:{film}.jpg",
        "disease": "Spondylolisthesis",
        "grade": "ungraded" if "level" in more else "none",
        "source_words": words,
        "file": f"{film}.csv",
        "row": row,
        **dict.fromkeys(
            ("measure", "measure_kind", "level", "side", "point_px", "box_px", "point_mm", "rater")
        ),
        **dict.fromkeys(("grade_file", "grade_row", "grade_column")),
    }
    return Finding(**{**fields, **more})  # type: ignore[arg-type] # fields by name


SLIP_1 = finding(
    LA1,
    8,
    "3 anterolisthesis",
    level="L4/L5",
    point_px=(183.0, 190.0),
    measure=6.0,  # 12 px at 0.5 mm, level plates
    measure_kind="slip_mm",
)
SLIP_12 = finding(
    AP12, 6, "1 left laterolisthesis", level="L3/L4", side="left", point_px=(220.0, 150.0)
)
# L5 on S1: the way from the sacrum's posterior corner (226, 210) to L5's (246, 230) is (20, 20);
# along (-56, 42) / 70, towards the anterior corner, that is (-1120 + 840) / 70 = -4 px
RETRO_12 = finding(
    LA12,
    10,
    "4 retrolisthesis",
    level="L5/S1",
    point_px=(211.0, 230.0),
    measure=-0.7,
    measure_kind="slip_mm",
)
NORMAL_1 = finding(AP1, 1, "0 normal")


def image(film: str, view: str, sex: str, age: float, spacing: float) -> ImageRef:
    stem = film.rsplit("/", 1)[1]
    return ImageRef(
        image_id=f"buu:{film}.jpg",
        source="buu",
        path=f"{film}.jpg",
        patient_id=f"buu:{stem[:4]}",
        study_id=stem[:4],
        series_id=stem,
        modality="XR",
        view=view,  # type: ignore[arg-type] # a word of the test
        sequence=None,
        instance_number=None,
        official_split=None,
        age_years=age,
        sex=sex,
        spacing_mm=(spacing, spacing),
    )


def test_findings_and_images_are_exactly_what_tables_and_names_say(base: Reading) -> None:
    assert [rounded(f) for f in base.findings] == [NORMAL_1, SLIP_12, SLIP_1, RETRO_12]
    assert list(base.images.values()) == [
        image(AP1, "AP", "F", 37.0, 0.5),
        image(AP12, "AP", "M", 71.0, 0.175),
        image(LA1, "LAT", "F", 37.0, 0.5),
        image(LA12, "LAT", "M", 71.0, 0.175),
    ]


def rounded(found: Finding) -> Finding:
    return found if found.measure is None else replace(found, measure=round(found.measure, 9))


def test_every_row_is_accounted_for(base: Reading) -> None:
    assert dict(base.ledger.read) == {
        f"{AP1}.csv": 10,
        f"{AP12}.csv": 10,
        f"{LA1}.csv": 11,
        f"{LA12}.csv": 11,
        SPACING: 2,
        DIAGNOSES: 3,
        SIZES[0]: 2,
        SIZES[1]: 2,
    }
    assert reject_lines(base) == []
    assert len(base.extra_units) == 42 - 4 + 9
    assert base.extra_units[f"{LA1}.csv", 11] == (f"buu:{LA1}.jpg",)
    assert base.extra_units[SPACING, 2] == (f"buu:{AP1}.jpg", f"buu:{LA1}.jpg")
    assert base.extra_units[DIAGNOSES, 3] == (f"buu:{AP12}.jpg",)
    base.check_accounted()


def edit(file: str, old: str, new: str) -> Callable[[Files], object]:
    def apply(files: Files) -> None:
        text = files[file]
        assert isinstance(text, str)
        assert old in text
        files[file] = text.replace(old, new)

    return apply


def all_of(*changes: Callable[[Files], object]) -> Callable[[Files], object]:
    return lambda files: [change(files) for change in changes]


def dropped(film: str, rows: int, reason: str, but: tuple[int, ...] = ()) -> set:
    return {(f"{film}.csv", row, None, reason) for row in range(1, rows + 1) if row not in but}


def without_picture(film: str) -> Callable[[Files], object]:
    return lambda files: files.pop(f"{film}.jpg")


def picture(film: str, content: bytes) -> Callable[[Files], object]:
    return lambda files: files.update({f"{film}.jpg": content})


def info_of(film: str) -> set:
    """Lines of csv_info that a film takes with it: its size, and what else speaks of it alone."""
    stem = film.rsplit("/", 1)[1]
    lines = set()
    for file in (DIAGNOSES, *SIZES):
        for row, line in enumerate(str(buu_files()[file]).splitlines(), 1):
            if line.startswith(stem):
                lines.add((file, row, None, "film_dropped"))
    return lines


JPEG = jpeg_bytes(0)
# defect, change, ledger lines it adds, findings (film, row) it changes or takes away
Lost = set[tuple[str, int]]
DEFECTS: list[tuple[str, Callable[[Files], object], set, Lost]] = [
    (
        "end points swapped",
        edit(f"{LA1}.csv", "148,190,218,190,3", "218,190,148,190,3"),
        {(f"{LA1}.csv", None, None, "end_points_swapped")},
        set(),
    ),
    (
        "a row too few",
        edit(f"{AP1}.csv", "150,230,250,230,0\n", ""),
        dropped(AP1, 9, "wrong_row_count") | info_of(AP1),
        {(AP1, 1)},
    ),
    (
        "a row too many",
        edit(f"{AP1}.csv", "150,230,250,230,0\n", "150,230,250,230,0\n150,240,250,240,0\n"),
        dropped(AP1, 11, "wrong_row_count") | info_of(AP1),
        {(AP1, 1)},
    ),
    (
        "an empty table",
        lambda files: files.update({f"{AP1}.csv": "\n"}),
        {(f"{AP1}.csv", None, None, "wrong_row_count")} | info_of(AP1),
        {(AP1, 1)},
    ),
    (
        "a table that is no text",
        lambda files: files.update({f"{AP1}.csv": b"\xff\xfe1,2"}),
        {(f"{AP1}.csv", None, None, "unreadable_table")} | info_of(AP1),
        {(AP1, 1)},
    ),
    (
        "a table that is far too long",
        lambda files: files.update({f"{AP1}.csv": "1,2,3,4,0\n" * 3000}),
        {(f"{AP1}.csv", None, None, "unreadable_table")} | info_of(AP1),
        {(AP1, 1)},
    ),
    (
        "a picture without table",
        lambda files: files.pop(f"{AP1}.csv"),
        {("data/AP", None, None, "files_without_rows")} | info_of(AP1),
        {(AP1, 1)},
    ),
    (
        "a table without picture",
        without_picture(AP1),
        dropped(AP1, 10, "missing_file") | info_of(AP1),
        {(AP1, 1)},
    ),
    (
        "0-byte picture",
        picture(AP1, b""),
        dropped(AP1, 10, "unreadable_file") | info_of(AP1),
        {(AP1, 1)},
    ),
    (
        "picture cut off",
        picture(AP1, JPEG[: len(JPEG) // 2]),
        dropped(AP1, 10, "unreadable_file") | info_of(AP1),
        {(AP1, 1)},
    ),
    (
        "picture that is text",
        picture(AP1, b"<html>not found</html>"),
        dropped(AP1, 10, "unreadable_file") | info_of(AP1),
        {(AP1, 1)},
    ),
    ("bytes after the picture", picture(AP1, JPEG + b"\0" * 9000), set(), set()),
    (
        "a film in the other view's folder",
        lambda files: [
            files.update({f"data/AP/0012-M-071Y1.{kind}": files.pop(f"{LA12}.{kind}")})
            for kind in ("jpg", "csv")
        ],
        dropped("data/AP/0012-M-071Y1", 11, "wrong_row_count") | info_of(LA12),
        {(LA12, 10)},
    ),
    (
        "a film in the other view's folder, with its rows",
        lambda files: [
            files.update({f"data/AP/0012-M-071Y1.{kind}": files.pop(f"{AP12}.{kind}")})
            for kind in ("jpg", "csv")
        ],
        dropped("data/AP/0012-M-071Y1", 10, "view_contradicts_folder")
        | {(DIAGNOSES, 3, None, "film_not_here"), (SIZES[0], 3, None, "film_not_here")},
        {(AP12, 6)},
    ),
    (
        "malformed number in a row of zeros",
        edit(f"{AP1}.csv", "150,110,", "15o,110,"),
        {(f"{AP1}.csv", 4, None, "malformed_coordinate")}
        | dropped(AP1, 10, "rows_missing", but=(4,))
        | info_of(AP1),
        {(AP1, 1)},
    ),
    (
        "malformed number beside a slip",
        edit(f"{LA1}.csv", "160,110,", "nan,110,"),
        {(f"{LA1}.csv", 4, None, "malformed_coordinate")},
        set(),
    ),
    (
        "a row cut off",
        edit(f"{LA1}.csv", "148,190,218,190,3", "148,190"),
        {(f"{LA1}.csv", 8, None, "malformed_row"), (DIAGNOSES, None, None, "diagnosis_disagrees")}
        | dropped(LA1, 11, "rows_missing", but=(8,))
        | info_of(LA1),
        {(LA1, 8)},
    ),
    (
        "unknown class",
        edit(f"{AP12}.csv", ",1\n", ",5\n"),
        {(f"{AP12}.csv", 6, None, "unknown_class"), (DIAGNOSES, None, None, "diagnosis_disagrees")}
        | dropped(AP12, 10, "rows_missing", but=(6,))
        | info_of(AP12),
        {(AP12, 6)},
    ),
    (
        "class that is a word",
        edit(f"{AP1}.csv", "150,110,250,110,0", "150,110,250,110,none"),
        {(f"{AP1}.csv", 4, None, "unknown_class")}
        | dropped(AP1, 10, "rows_missing", but=(4,))
        | info_of(AP1),
        {(AP1, 1)},
    ),
    (
        "class of the other view",
        edit(f"{AP1}.csv", "150,110,250,110,0", "150,110,250,110,3"),
        {(f"{AP1}.csv", 4, None, "class_of_other_view")}
        | dropped(AP1, 10, "rows_missing", but=(4,))
        | info_of(AP1),
        {(AP1, 1)},
    ),
    (
        "class on the sacrum",
        edit(f"{LA1}.csv", "170,252,226,210,0", "170,252,226,210,4"),
        {(f"{LA1}.csv", 11, None, "code_on_sacrum")},
        set(),
    ),
    (
        "two classes at one vertebra",
        edit(f"{LA1}.csv", "148,160,218,160,0", "148,160,218,160,4"),
        {(f"{LA1}.csv", 7, None, "class_contradicts_lower_plate")},
        set(),
    ),
    (
        "the same class on both plates",
        edit(f"{LA1}.csv", "148,160,218,160,0", "148,160,218,160,3"),
        set(),
        set(),
    ),
    ("class with a decimal", edit(f"{LA1}.csv", "218,190,3", "218,190,3.0"), set(), set()),
    (
        "a plate off the film",
        edit(f"{LA1}.csv", "148,190,218,190,3", "448,190,518,190,3"),
        {
            (f"{LA1}.csv", 8, None, "point_outside_image"),
            (DIAGNOSES, None, None, "diagnosis_disagrees"),
        }
        | dropped(LA1, 11, "rows_missing", but=(8,))
        | info_of(LA1),
        {(LA1, 8)},
    ),
    (
        "one end of a plate off the film",
        edit(f"{AP1}.csv", "150.5,40.25,250.5,42.25", "350.5,40.25,400.5,42.25"),
        {(f"{AP1}.csv", None, None, "end_point_outside_image")},
        set(),
    ),
    (
        "rows upside down",
        lambda files: files.update(
            {f"{AP1}.csv": "".join(reversed(AP1_ROWS.splitlines(keepends=True)))}
        ),
        {(f"{AP1}.csv", None, None, "plates_not_in_order")},
        set(),
    ),
    (
        "an anterolisthesis that stands behind",
        edit(f"{LA1}.csv", "148,190,218,190", "165,190,235,190"),
        {(f"{LA1}.csv", None, None, "slip_contradicts_class")},
        {(LA1, 8)},
    ),
    (
        "a retrolisthesis that stands less than 1 mm ahead",
        edit(f"{LA12}.csv", "176,230,246,230", "164,230,234,230"),
        set(),
        {(LA12, 10)},
    ),
    (
        "no spacing of an exam",
        edit(SPACING, "0001-F-037Y\t0.5\n", ""),
        {(SPACING, None, None, "spacing_missing")},
        {(LA1, 8)},
    ),
    (
        "a spacing that is none",
        edit(SPACING, "\t0.5", "\t-0.5"),
        {(SPACING, 2, None, "malformed_spacing"), (SPACING, None, None, "spacing_missing")},
        {(LA1, 8)},
    ),
    ("spacing separated by commas", lambda f: edit(SPACING, "\t", ",")(f), set(), set()),
    ("spacing keyed with the view", edit(SPACING, "037Y\t", "037Y1\t"), set(), set()),
    (
        "spacing of nobody, and twice",
        edit(SPACING, "\t0.175\n", "\t0.175\n0001-F-037Y\t0.4\n0999-F-050Y\t0.2\n../x\t0.2\n"),
        {
            (SPACING, 4, None, "duplicate_row"),
            (SPACING, 5, None, "film_not_here"),
            (SPACING, 6, None, "malformed_name"),
        },
        set(),
    ),
    (
        "another diagnosis",
        edit(DIAGNOSES, "L4b,3", "L4b,4"),
        {(DIAGNOSES, None, None, "diagnosis_disagrees")},
        set(),
    ),
    (
        "a diagnosis on a film of zeros",
        edit(DIAGNOSES, "0012-M-071Y0", "0001-F-037Y0,L2b,2\n0012-M-071Y0"),
        {(DIAGNOSES, None, None, "diagnosis_disagrees")}
        | {(DIAGNOSES, 3, None, "film_dropped"), (SIZES[0], 2, None, "film_dropped")}
        | dropped(AP1, 10, "diagnosis_contradicts_normal"),
        {(AP1, 1)},
    ),
    (
        "diagnoses that say nothing",
        edit(DIAGNOSES, "L4b,3\n", "L4b,3\n0001-F-037Y1,T9b,3\n0001-F-037Y1,L1b,9\nx,L1b,3\n"),
        {
            (DIAGNOSES, 3, None, "unknown_level"),
            (DIAGNOSES, 4, None, "unknown_class"),
            (DIAGNOSES, 5, None, "malformed_name"),
        },
        set(),
    ),
    (
        "another size",
        edit(SIZES[1], "0001-F-037Y1.jpg,300,400", "0001-F-037Y1.jpg,600,800"),
        {(SIZES[1], None, None, "size_disagrees")},
        set(),
    ),
    (
        "the same file under another patient",
        lambda files: files.update({f"{AP12}.jpg": files[f"{AP1}.jpg"]}),
        dropped(AP1, 10, "film_of_two_patients")
        | dropped(AP12, 10, "film_of_two_patients")
        | info_of(AP1)
        | info_of(AP12),
        {(AP1, 1), (AP12, 6)},
    ),
    (
        "the same file as both views",
        lambda files: files.update({f"{LA1}.jpg": files[f"{AP1}.jpg"]}),
        dropped(AP1, 10, "film_twice")
        | dropped(LA1, 11, "film_twice")
        | {(SPACING, 2, None, "film_dropped")}
        | info_of(AP1)
        | info_of(LA1),
        {(AP1, 1), (LA1, 8)},
    ),
    (
        "names that say nothing",
        lambda files: files.update(
            {"data/AP/3209-F-073Y1_jpg.rf.1a.jpg": JPEG, "data/AP/readme.txt": "x"}
        ),
        {("data/AP", None, None, "malformed_name"), ("data/AP", None, None, "unknown_file")},
        set(),
    ),
    (
        "one number for two people",
        lambda files: files.update(
            {"data/AP/0001-M-050Y0.jpg": jpeg_bytes(7), "data/AP/0001-M-050Y0.csv": AP1_ROWS}
        ),
        {(f"{name}.csv", None, None, "sex_disagrees") for name in (AP1, LA1)}
        | {("data/AP/0001-M-050Y0.csv", None, None, "sex_disagrees")}
        | {(SPACING, None, None, "spacing_missing")},
        set(),
    ),
]


@pytest.mark.parametrize(
    ("change", "lines", "lost"), [d[1:] for d in DEFECTS], ids=[d[0] for d in DEFECTS]
)
def test_defect_is_in_the_ledger_and_touches_nothing_else(
    base: Reading, tmp_path: Path, change: Callable[[Files], object], lines: set, lost: Lost
) -> None:
    files = buu_files()
    change(files)
    reading = read_files("buu", tmp_path, files)
    assert new_lines(reading, base) == lines
    assert {(f.file[:-4], f.row) for f in base.findings if f not in reading.findings} == lost
    reading.check_accounted()


def test_swapped_end_points_are_sorted_by_column(tmp_path: Path) -> None:
    files = buu_files()
    edit(f"{LA1}.csv", "148,190,218,190,3", "218,190,148,190,3")(files)
    reading = read_files("buu", tmp_path, files)
    assert rounded(reading.findings[2]) == SLIP_1
    assert [r.detail for r in reading.ledger.rejects] == ["L4b"]
    assert reading.images[f"buu:{LA1}.jpg"].notes == (
        "end points of a plate were the wrong way round",
    )


def test_class_on_the_upper_plate_is_taken_with_a_note(tmp_path: Path) -> None:
    files = buu_files()
    edit(f"{LA1}.csv", "148,190,218,190,3", "148,190,218,190,0")(files)
    edit(f"{LA1}.csv", "148,160,218,160,0", "148,160,218,160,3")(files)
    reading = read_files("buu", tmp_path, files)
    # the same slip at the same place: only the row that states it is another
    expected = replace(SLIP_1, finding_id=f"buu:{LA1}.csv:7", row=7)
    assert rounded(reading.findings[2]) == expected
    lines = [(r.file, r.row, r.reason, r.detail) for r in reading.ledger.rejects]
    assert lines == [(f"{LA1}.csv", None, "code_on_upper_plate", "L4a: 3")]
    assert (f"{LA1}.csv", 8) in reading.extra_units


def test_film_with_two_slips_has_two_findings(tmp_path: Path) -> None:
    files = buu_files()
    edit(f"{LA1}.csv", "160,110,230,110,0", "160,110,230,110,4")(files)
    edit(DIAGNOSES, "L4b,3\n", "L4b,3\n0001-F-037Y1,L2,4\n")(files)
    reading = read_files("buu", tmp_path, files)
    of_film = [f for f in reading.findings if f.file == f"{LA1}.csv"]
    assert [(f.row, f.level, f.source_words, f.measure) for f in of_film] == [
        (4, "L2/L3", "4 retrolisthesis", 0.0),
        (8, "L4/L5", "3 anterolisthesis", 6.0),
    ]
    assert reading.ledger.rejects == []


def without_classes(files: Files) -> None:
    for film in (AP1, LA1, AP12, LA12):
        lines = str(files[f"{film}.csv"]).splitlines()
        files[f"{film}.csv"] = "\n".join(line.rsplit(",", 1)[0] for line in lines)


def test_without_fifth_column_the_diagnoses_of_csv_info_stand(
    base: Reading, tmp_path: Path
) -> None:
    files = buu_files()
    without_classes(files)
    reading = read_files("buu", tmp_path, files)
    there = {"grade_file": DIAGNOSES, "grade_column": None}
    assert [rounded(f) for f in reading.findings] == [
        NORMAL_1,
        replace(SLIP_12, grade_row=3, **there),
        replace(SLIP_1, grade_row=2, **there),
        replace(RETRO_12, grade_row=4, **there),
    ]
    assert reading.ledger.rejects == []


def test_without_any_class_nothing_is_stated(tmp_path: Path) -> None:
    files = buu_files()
    without_classes(files)
    del files[DIAGNOSES]
    reading = read_files("buu", tmp_path, files)
    assert reading.findings == []
    assert {r.reason for r in reading.ledger.rejects} == {"no_class", "film_dropped"}
    assert sum(r.reason == "no_class" for r in reading.ledger.rejects) == 42


@pytest.mark.parametrize(
    "folder", ["BUU-LSPINE_400", "BUU-LSPINE_3600/BUU-LSPINE_3600", ".", "a/BUU_LSPINE_V2/data"]
)
def test_every_layout_is_found(tmp_path: Path, folder: str) -> None:
    write_files(tmp_path, moved(buu_files(), folder))
    reading = SOURCES["buu"].read(tmp_path, LocalEngine(1))
    top = folder.removesuffix("/data")
    assert reading.root == tmp_path / top
    inner = "data/" if folder.endswith("data") else ""
    assert list(reading.images) == [
        f"buu:{inner}{name.removeprefix('data/')}.jpg" for name in (AP1, AP12, LA1, LA12)
    ]
    assert [i.spacing_mm for i in reading.images.values()] == [None] * 4
    assert [f.measure for f in reading.findings] == [None] * 4
    assert reject_lines(reading) == [("csv_info", None, None, "no_csv_info")]


def test_release_without_frontal_films_is_read(tmp_path: Path) -> None:
    files = {name: data for name, data in buu_files().items() if "/AP/" not in name}
    reading = read_files("buu", tmp_path, files)
    assert list(reading.images) == [f"buu:{LA1}.jpg", f"buu:{LA12}.jpg"]
    lines = reject_lines(reading)
    assert ("data/AP", None, None, "no_view_folder") in lines
    assert (DIAGNOSES, 3, None, "film_not_here") in lines


def test_patient_of_two_releases_counts_once_and_the_later_one_stands(tmp_path: Path) -> None:
    early, late = "BUU-LSPINE_400", "BUU_LSPINE_V2"
    files = {f"{late}/{name}": data for name, data in buu_files().items()}
    # patient 1 again, in the early release with another picture; 12 only there
    for film in (AP12, LA12):
        del files[f"{late}/{film}.jpg"], files[f"{late}/{film}.csv"]
    files |= moved(buu_files(), early)
    files[f"{early}/AP/0001-F-037Y0.jpg"] = jpeg_bytes(9)
    reading = read_files("buu", tmp_path, files)
    assert reading.root == tmp_path
    assert list(reading.images) == [
        f"buu:{late}/{AP1}.jpg",
        f"buu:{late}/{LA1}.jpg",
        f"buu:{early}/AP/0012-M-071Y0.jpg",
        f"buu:{early}/LA/0012-M-071Y1.jpg",
    ]
    assert {i.patient_id for i in reading.images.values()} == {"buu:0001", "buu:0012"}
    again = [r for r in reading.ledger.rejects if r.reason == "in_another_release"]
    assert [r.file for r in again] == [f"{early}/AP/0001-F-037Y0.csv"] * 10 + [
        f"{early}/LA/0001-F-037Y1.csv"
    ] * 11
    # the spacing of patient 12 stands in the other release: nobody said it of this film
    assert reading.images[f"buu:{early}/LA/0012-M-071Y1.jpg"].spacing_mm is None
    reading.check_accounted()


def test_early_release_stands_in_where_the_later_film_cannot_be_read(tmp_path: Path) -> None:
    files = {f"BUU_LSPINE_V2/{name}": data for name, data in buu_files().items()}
    files[f"BUU_LSPINE_V2/{AP1}.jpg"] = b""
    reading = read_files("buu", tmp_path, files | moved(buu_files(), "BUU-LSPINE_2000"))
    assert "buu:BUU-LSPINE_2000/AP/0001-F-037Y0.jpg" in reading.images
    assert len(reading.images) == 4


def test_film_renumbered_between_releases_counts_once(tmp_path: Path) -> None:
    early = {
        name.replace("0001", "0777"): data
        for name, data in moved(buu_files(), "BUU-LSPINE_400", patients=("0001",)).items()
    }
    files = {f"BUU-LSPINE_3600/{name}": data for name, data in buu_files().items()}
    reading = read_files("buu", tmp_path, files | early)
    assert {i.patient_id for i in reading.images.values()} == {"buu:0001", "buu:0012"}
    details = {r.detail for r in reading.ledger.rejects if r.reason == "in_another_release"}
    assert details == {"the later release has this very film"}


def test_clutter_and_line_ends_change_nothing(base: Reading, tmp_path: Path) -> None:
    files = buu_files()
    for name in (".DS_Store", "data/AP/._0001-F-037Y0.jpg", "data/LA/Thumbs.db"):
        files[name] = b"x"
    for name in (f"{AP1}.csv", SPACING):
        files[name] = "\ufeff" + str(files[name]).replace("\n", "\r\n\r\n")
    files[f"{LA12}.CSV"] = files.pop(f"{LA12}.csv")
    files[f"{LA12}.JPG"] = files.pop(f"{LA12}.jpg")
    reading = read_files("buu", tmp_path, files)
    assert reject_lines(reading) == []
    assert [f.level for f in reading.findings] == [f.level for f in base.findings]
    assert list(reading.images)[3] == f"buu:{LA12}.JPG"


def test_class_of_every_row_is_counted_from_the_first(tmp_path: Path) -> None:
    files = buu_files()
    files[f"{LA1}.csv"] = LA1_ROWS.replace("160,40,230,40,0\n", "160,40,230,40,0\n\n")
    reading = read_files("buu", tmp_path, files)
    (slip,) = [f for f in reading.findings if f.file == f"{LA1}.csv"]
    assert (slip.row, slip.level) == (9, "L4/L5")  # row as an editor numbers it


def test_wrong_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(
        UsageError,
        match=r"is not BUU-LSPINE: looked for AP or LA, here or in data; found images/$",
    ):
        SOURCES["buu"].read(tmp_path, LocalEngine(1))
    (tmp_path / "LA").mkdir()
    (tmp_path / "LA" / "scan.jpg").touch()
    with pytest.raises(UsageError, match=r"its AP and LA hold no file named like 0001-F-037Y0"):
        SOURCES["buu"].read(tmp_path, LocalEngine(1))
    with pytest.raises(UsageError, match="no such folder"):
        SOURCES["buu"].read(tmp_path / "none", LocalEngine(1))


def test_folder_instead_of_a_file_is_a_ledger_line(base: Reading, tmp_path: Path) -> None:
    files = buu_files()
    del files[f"{AP1}.jpg"], files[f"{LA12}.csv"]
    files[f"{AP1}.jpg/x"] = files[f"{LA12}.csv/x"] = b""
    reading = read_files("buu", tmp_path, files)
    lines = new_lines(reading, base) - info_of(AP1) - info_of(LA12)
    assert lines == dropped(AP1, 10, "unreadable_file") | {
        (f"{LA12}.csv", None, None, "unreadable_table")
    }
    details = {r.detail for r in reading.ledger.rejects if r.reason == "unreadable_file"}
    assert details == {"found a folder"}


def test_picture_of_too_many_pixels_is_a_ledger_line(base: Reading, tmp_path: Path) -> None:
    files = buu_files()
    data = bytearray(jpeg_bytes(0))
    place = data.index(b"\xff\xc0")  # start of frame: length, precision, rows, columns
    data[place + 5 : place + 9] = b"\xff\xff\xff\xff"
    files[f"{AP1}.jpg"] = bytes(data)
    reading = read_files("buu", tmp_path, files)
    assert new_lines(reading, base) == dropped(AP1, 10, "unreadable_file") | info_of(AP1)
    (detail,) = {r.detail for r in reading.ledger.rejects if r.reason == "unreadable_file"}
    assert detail == "found more pixels than any film has"


def test_table_without_a_needed_column_is_one_line(tmp_path: Path) -> None:
    files = buu_files()
    edit(SPACING, "pixel_spacing", "mm")(files)
    with pytest.raises(
        DataError,
        match=r"^csv_info/pixel_spacing_BUU_LSPINE_V2.csv, row 1: column pixel_spacing: found "
        r"filename, mm, expected columns filename, pixel_spacing$",
    ):
        read_files("buu", tmp_path, files)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_files_that_this_user_may_not_read_are_ledger_lines(tmp_path: Path) -> None:
    root = write_files(tmp_path, buu_files())
    (root / f"{AP1}.jpg").chmod(0o600)
    (root / f"{LA12}.csv").chmod(0o600)
    count, *lines = read_as_nobody("buu", root)
    assert count == "2"
    assert sorted(lines) == sorted(
        [*(f"{AP1}.csv {row} None" for row in range(1, 11)), f"{LA12}.csv None None"]
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_folder_that_this_user_may_not_list_is_one_line(tmp_path: Path) -> None:
    root = write_files(tmp_path, buu_files())
    (root / "data" / "LA").chmod(0o700)
    assert read_as_nobody("buu", root) == [
        "data/LA: found permission denied, expected a folder to list"
    ]


def test_terms_forbid_what_is_not_known_to_be_allowed() -> None:
    terms = SOURCES["buu"].terms
    assert (terms.redistribution, terms.third_party_models) == (False, False)
    assert "not found" in terms.name


def test_check_tells_the_tables_of_many_films_together(tmp_path: Path) -> None:
    files: Files = {}
    for number in range(1, 10):
        name = f"AP/{number:04d}-F-050Y0"
        files |= {f"{name}.jpg": jpeg_bytes(number), f"{name}.csv": AP1_ROWS}
    files["LA/0001-F-050Y1.jpg"], files["LA/0001-F-050Y1.csv"] = jpeg_bytes(0), LA1_ROWS
    report = check_folder(write_files(tmp_path, files), LocalEngine(1))
    told = {name: n for name, n in report.counts.items() if "csv" in name}
    assert told == {
        "AP/*.csv (9 files) read": 90,
        "AP/*.csv (9 files) dropped": 0,
        "LA/0001-F-050Y1.csv read": 11,
        "LA/0001-F-050Y1.csv dropped": 0,
    }
    assert (report.source, report.sampled_images) == ("buu", 8)


def test_every_class_is_a_slip_of_the_vocabulary() -> None:
    for code in load_class_codes().values():
        found = find_disease(code.words)
        if code.code == 0:
            assert (code.view, code.side, code.source_words) == (None, None, "0 normal")
        else:
            assert found is not None
            assert found.disease == "Spondylolisthesis"
            assert found.side == code.side
