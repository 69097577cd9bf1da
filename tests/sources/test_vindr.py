import os
from collections.abc import Callable
from pathlib import Path

import pytest

from spinebench.engine import LocalEngine
from spinebench.errors import DataError, UsageError
from spinebench.records import Finding
from spinebench.sources.base import ImageRef, Reading
from spinebench.sources.registry import SOURCES
from tests.sources.folders import (
    FILM,
    LESIONS_HEADER,
    STUDY,
    Files,
    film_bytes,
    vindr_files,
    write_files,
)
from tests.sources.reading import new_lines, read_as_nobody, read_files, reject_lines

TRAIN, TEST = "annotations/train.csv", "annotations/test.csv"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    return read_files("vindr", tmp_path_factory.mktemp("vindr"), vindr_files())


def finding(
    file: str, row: int, film: int, words: str, disease: str | None, box: tuple | None, rater: str
) -> Finding:
    folder = "train_images" if file == TRAIN else "test_images"
    return Finding(
        finding_id=f"vindr:{file}:{row}",
        image_id=f"vindr:{folder}/{FILM[film]}.dicom",
        disease=disease,
        grade="none" if disease is None else "ungraded",
        measure=None,
        measure_kind=None,
        level=None,
        side=None,
        point_px=None,
        box_px=box,
        point_mm=None,
        rater=rater,
        source_words=words,
        file=file,
        row=row,
        grade_file=None,
        grade_row=None,
        grade_column=None,
    )


EXPECTED_FINDINGS = [
    finding(TRAIN, 2, 0, "Osteophytes", "Osteophytes", (10.5, 12.25, 20.5, 18.75), "rad1"),
    finding(TRAIN, 3, 0, "Spondylolysthesis", "Spondylolisthesis", (30, 20, 44, 32), "rad1"),
    finding(TRAIN, 4, 1, "Other lesions", "Other lesions", (5, 5, 15, 15), "rad1"),
    finding(TRAIN, 5, 2, "No finding", None, None, "rad2"),
    finding(TEST, 2, 3, "Surgical implant", "Surgical implant", (1, 2, 3, 4), "rad3"),
]


def image(film: int, study: int, series: str, patient: str, view: str | None) -> ImageRef:
    split = "test" if film == 3 else "train"
    path = f"{split}_images/{FILM[film]}.dicom"
    return ImageRef(
        image_id=f"vindr:{path}",
        source="vindr",
        path=path,
        patient_id=f"vindr:{patient}",
        study_id=STUDY[study],
        series_id=series * 32,
        modality="XR",
        view=view,
        sequence=None,
        instance_number=1,
        official_split=split,
        notes=(),
    )


def test_findings_and_images_are_exactly_what_the_tables_and_headers_say(base: Reading) -> None:
    assert base.findings == EXPECTED_FINDINGS
    assert list(base.images.values()) == [
        image(0, 0, "d", "P1", "AP"),
        image(1, 0, "e", "P1", "LAT"),
        image(2, 1, "f", "P2", "AP"),
        image(3, 2, "0", "P2", None),
    ]


def test_every_row_is_accounted_for(base: Reading) -> None:
    assert dict(base.ledger.read) == {TRAIN: 4, TEST: 1}
    assert base.ledger.rejects == []
    base.check_accounted()


def add(row: str, file: str = TRAIN) -> Callable[[Files], object]:
    return lambda files: files.update({file: f"{files[file]}{row}\n"})


def edit(old: str, new: str, file: str = TRAIN) -> Callable[[Files], object]:
    def apply(files: Files) -> None:
        text = files[file]
        assert isinstance(text, str)
        assert old in text
        files[file] = text.replace(old, new)

    return apply


OF_FILM_0 = f"{STUDY[0]},{'d' * 32},{FILM[0]},rad1"
OF_FILM_2 = f"{STUDY[1]},{'f' * 32},{FILM[2]},rad2"
BOX = "10.5,12.25,20.5,18.75"

# defect, change, ledger lines it adds, rows of findings it changes or takes away
DEFECTS: list[tuple[str, Callable[[Files], object], set, set[int]]] = [
    (
        "box beyond the film",
        edit(BOX, "50.0,30.0,70.0,45.0"),
        {(TRAIN, None, None, "box_clipped")},
        {2},
    ),
    ("empty box", edit(BOX, "10.5,12.25,10.5005,18.75"), {(TRAIN, 2, None, "empty_box")}, {2}),
    ("corners reversed", edit(BOX, "20.5,12.25,10.5,18.75"), {(TRAIN, 2, None, "empty_box")}, {2}),
    (
        "box wholly outside",
        edit(BOX, "70.0,12.25,80.0,18.75"),
        {(TRAIN, 2, None, "empty_box")},
        {2},
    ),
    (
        "No finding beside a lesion",
        add(f"{OF_FILM_2},Osteophytes,1.0,1.0,9.0,9.0"),
        {(TRAIN, 5, None, "no_finding_contradicts_lesion")},
        {5},
    ),
    (
        "No finding beside a lesion without a box",
        add(f"{OF_FILM_2},Osteophytes,,,,"),
        {
            (TRAIN, 5, None, "no_finding_contradicts_lesion"),
            (TRAIN, 6, None, "missing_box"),
        },
        {5},
    ),
    ("lesion without box", edit(BOX, ",,,"), {(TRAIN, 2, None, "missing_box")}, {2}),
    ("half a box", edit(BOX, "10.5,,20.5,18.75"), {(TRAIN, 2, None, "malformed_box")}, {2}),
    ("box of words", edit(BOX, "10.5,a,20.5,18.75"), {(TRAIN, 2, None, "malformed_box")}, {2}),
    (
        "No finding with a box",
        edit("No finding,,,,", "No finding,1.0,1.0,2.0,2.0"),
        {(TRAIN, 5, None, "no_finding_with_box")},
        {5},
    ),
    (
        "near-duplicate box",
        add(f"{OF_FILM_0},Osteophytes,10.5,12.25,20.0,18.75"),
        {(TRAIN, None, None, "near_duplicate_box")},
        set(),
    ),
    (
        "the same row again",
        add(f"{OF_FILM_0},Osteophytes,{BOX}"),
        {(TRAIN, 6, None, "duplicate_row")},
        set(),
    ),
    (
        "lesion in other capitals",
        edit("Osteophytes", "OSTEOPHYTES"),
        {(TRAIN, None, None, "spelled_otherwise")},
        set(),
    ),
    (
        "unknown lesion",
        edit("Osteophytes", "Osteophyte"),
        {(TRAIN, 2, None, "unknown_lesion_type")},
        {2},
    ),
    (
        "id that leaves the folder",
        edit(f"{FILM[1]},rad1", "../x,rad1"),
        {
            (TRAIN, 4, None, "malformed_id"),
            ("train_images", None, None, "files_without_rows"),
        },
        {4},
    ),
    ("row cut off", edit(BOX, "10.5"), {(TRAIN, 2, None, "malformed_row")}, {2}),
    (
        "row without file",
        lambda files: files.pop(f"train_images/{FILM[2]}.dicom"),
        {(TRAIN, 5, None, "missing_file")},
        {5},
    ),
    (
        "0-byte file",
        lambda files: files.update({f"train_images/{FILM[2]}.dicom": b""}),
        {(TRAIN, 5, None, "unreadable_file")},
        {5},
    ),
    (
        "file cut off",
        lambda files: files.update(
            {f"train_images/{FILM[2]}.dicom": film_bytes(1, "P2", "PA")[:-2000]}
        ),
        {(TRAIN, 5, None, "unreadable_file")},
        {5},
    ),
    (
        "no test table",
        lambda files: files.pop(TEST),
        {
            (TEST, None, None, "missing_file"),
            ("test_images", None, None, "files_without_rows"),
        },
        set(),
    ),
    (
        "film without row",
        lambda files: files.update({"train_images/extra.dicom": film_bytes(0, "P1", "AP")}),
        {("train_images", None, None, "files_without_rows")},
        set(),
    ),
    (
        "film in two studies",
        add(f"{STUDY[1]},{'d' * 32},{FILM[0]},rad1,Osteophytes,1.0,1.0,2.0,2.0"),
        {(TRAIN, row, None, "image_in_two_studies") for row in (2, 3, 6)},
        {2, 3},
    ),
]


@pytest.mark.parametrize(
    ("change", "lines", "rows"), [d[1:] for d in DEFECTS], ids=[d[0] for d in DEFECTS]
)
def test_defect_is_in_the_ledger_and_touches_nothing_else(
    base: Reading,
    tmp_path: Path,
    change: Callable[[Files], object],
    lines: set,
    rows: set[int],
) -> None:
    files = vindr_files()
    change(files)
    reading = read_files("vindr", tmp_path, files)
    assert new_lines(reading, base) == lines
    train = [f for f in base.findings if f.file == TRAIN]
    assert {f.row for f in train if f not in reading.findings} == rows
    reading.check_accounted()


def test_box_is_cut_at_the_edges_of_the_film(tmp_path: Path) -> None:
    files = vindr_files()
    edit(BOX, "-3.5,30.0,70.0,45.0")(files)
    reading = read_files("vindr", tmp_path, files)
    assert reading.findings[0].box_px == (0.0, 30.0, 60.0, 40.0)
    notes = [i.notes for i in reading.images.values()]
    assert notes == [("a box was clipped to the image",), (), (), ()]
    assert [r.detail for r in reading.ledger.rejects] == ["row 2: Osteophytes"]


def test_near_duplicate_says_rows_and_overlap(tmp_path: Path) -> None:
    files = vindr_files()
    add(f"{OF_FILM_0},Osteophytes,10.5,12.25,15.5,18.75")(files)  # IoU 0.5 exactly: not above
    add(f"{OF_FILM_0},Osteophytes,10.5,12.25,18.5,18.75")(files)
    add(f"{OF_FILM_0},Spondylolysthesis,{BOX}")(files)  # another lesion: no duplicate
    reading = read_files("vindr", tmp_path, files)
    assert [r.detail for r in reading.ledger.rejects] == ["rows 2 and 7: IoU 0.80"]


NOTE_MISSING = "PatientID missing; the study stands for it"
NOTE_CONSTANT = "PatientID is the same in too many studies; the study stands for it"


def films(*patients: tuple[int, str | None]) -> Files:
    """A folder of one film for each (study, PatientID); a study may have several."""
    rows = [
        f"{number:032x},{'5' * 32},{place:032x},rad1,No finding,,,,"
        for place, (number, _) in enumerate(patients)
    ]
    return {
        TRAIN: "\n".join([LESIONS_HEADER, *rows, ""]),
        **{
            f"train_images/{place:032x}.dicom": film_bytes(0, patient, "AP")
            for place, (_, patient) in enumerate(patients)
        },
    }


def patients_of(reading: Reading) -> list[tuple[str, tuple[str, ...]]]:
    """(patient without the prefix, notes) by image, hexadecimal study ids as short as can be."""
    return [
        (i.patient_id.removeprefix("vindr:").lstrip("0"), i.notes) for i in reading.images.values()
    ]


def test_missing_patient_is_the_study(tmp_path: Path) -> None:
    reading = read_files("vindr", tmp_path, films((1, ""), (2, "P"), (2, None), (3, None)))
    assert patients_of(reading) == [
        ("1", (NOTE_MISSING,)),
        ("P", ()),
        ("P", ()),
        ("3", (NOTE_MISSING,)),
    ]
    notes = [(r.row, r.reason, r.detail) for r in reading.ledger.rejects if r.file == TRAIN]
    assert notes == [(None, "patient_id_missing", "2 studies")]


def test_constant_patient_is_the_study(tmp_path: Path) -> None:
    reading = read_files("vindr", tmp_path, films((1, "X"), (2, "X"), (3, "X"), (4, None)))
    assert patients_of(reading) == [
        *((name, (NOTE_CONSTANT,)) for name in "123"),
        ("4", (NOTE_MISSING,)),
    ]
    notes = [(r.row, r.reason, r.detail) for r in reading.ledger.rejects if r.file == TRAIN]
    assert notes == [
        (None, "patient_id_missing", "1 studies"),
        (None, "patient_id_constant", "3 studies"),
    ]


def test_two_studies_of_one_patient_are_one_patient(tmp_path: Path) -> None:
    reading = read_files("vindr", tmp_path, films((1, "X"), (2, "X")))
    assert patients_of(reading) == [("X", ()), ("X", ())]


def test_patient_with_implausibly_many_studies_is_a_placeholder(tmp_path: Path) -> None:
    many = [(number, "ANON") for number in range(1, 22)]
    reading = read_files("vindr", tmp_path, films(*many, (30, "P")))
    found = patients_of(reading)
    assert found[0] == ("1", (NOTE_CONSTANT,))
    assert found[-1] == ("P", ())
    fewer = read_files("vindr", tmp_path / "fewer", films(*many[:20], (30, "P")))
    assert set(patients_of(fewer)) == {("ANON", ()), ("P", ())}


def test_two_patients_of_one_study_become_one_everywhere(tmp_path: Path) -> None:
    reading = read_files("vindr", tmp_path, films((1, "B"), (2, "B"), (2, "A"), (3, "A"), (4, "C")))
    note = ("several PatientIDs in one study, taken as one patient",)
    assert patients_of(reading) == [("A", ()), ("A", note), ("A", note), ("A", ()), ("C", ())]


def test_no_identifier_of_a_patient_is_in_the_ledger(tmp_path: Path) -> None:
    reading = read_files("vindr", tmp_path, films((1, "SECRET"), (2, "SECRET"), (3, "SECRET")))
    assert "SECRET" not in repr(reading)


def test_clutter_and_optional_tables_change_nothing(base: Reading, tmp_path: Path) -> None:
    files = vindr_files()
    for name in ("index.html", "annotations/index.html", "train_images/index.html", ".DS_Store"):
        files[name] = "<html>"
    files["train_meta.csv"] = "patient_id,image_id\n"
    files[TRAIN] = "\ufeff" + str(files[TRAIN]).replace("\n", "\r\n")
    reading = read_files("vindr", tmp_path, files)
    assert (reading.findings, reading.images) == (base.findings, base.images)
    assert reject_lines(reading) == []


def test_missing_column_is_one_line(tmp_path: Path) -> None:
    files = vindr_files()
    edit("lesion_type", "label", TEST)(files)
    with pytest.raises(
        DataError,
        match=r"^annotations/test.csv, row 1: column lesion_type: found study_id, series_id, "
        r"image_id, rad_id, label, xmin, ymin, xmax, ymax, expected columns study_id",
    ):
        read_files("vindr", tmp_path, files)


def test_mirror_may_be_nested(base: Reading, tmp_path: Path) -> None:
    write_files(tmp_path / "vindr-spinexr" / "1.0.0", vindr_files())
    reading = SOURCES["vindr"].read(tmp_path, LocalEngine(1))
    assert reading.root == tmp_path / "vindr-spinexr" / "1.0.0"
    assert reading.findings == base.findings


def test_wrong_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    with pytest.raises(
        UsageError,
        match=r"is not VinDr-SpineXR: looked for annotations/train.csv, train_images; "
        r"found annotations/$",
    ):
        SOURCES["vindr"].read(tmp_path, LocalEngine(1))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_file_that_this_user_may_not_read_is_a_ledger_line(tmp_path: Path) -> None:
    root = write_files(tmp_path, vindr_files())
    (root / f"train_images/{FILM[2]}.dicom").chmod(0o600)
    assert read_as_nobody("vindr", root) == ["4", f"{TRAIN} 5 None"]


def test_terms_forbid_models_of_others() -> None:
    terms = SOURCES["vindr"].terms
    assert (terms.redistribution, terms.third_party_models) == (False, False)
