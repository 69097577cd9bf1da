import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spinebench.engine import LocalEngine
from spinebench.errors import DataError, UsageError
from spinebench.records import Finding
from spinebench.sources.base import ImageRef, Reading
from spinebench.sources.registry import SOURCES
from spinebench.sources.rsna import RsnaSource
from spinebench.sources.rsna_tables import grade_columns, load_conditions
from tests.sources.folders import (
    AX,
    B_T2,
    GRADES_HEADER,
    SAG,
    T1,
    T2,
    A,
    B,
    Files,
    mr_bytes,
    rsna_files,
    write_files,
)
from tests.sources.reading import new_lines, read_as_nobody, read_files, reject_lines, rows_lost

G, P, S = "train.csv", "train_label_coordinates.csv", "train_series_descriptions.csv"
IMAGE = f"train_images/{A}"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    return read_files("rsna", tmp_path_factory.mktemp("rsna"), rsna_files())


def finding(row: int, path: str, **fields: object) -> Finding:
    known: dict = {
        "measure": None,
        "measure_kind": None,
        "box_px": None,
        "rater": None,
        "grade_file": G,
        "grade_row": 2,
    }
    return Finding(
        finding_id=f"rsna:{P}:{row}",
        image_id=f"rsna:train_images/{path}.dcm",
        file=P,
        row=row,
        **{**known, **fields},
    )


FORAMEN, RECESS = "Foraminal stenosis", "Subarticular Stenosis"
EXPECTED_FINDINGS = [
    finding(
        2,
        f"{A}/{T2}/5",
        disease="Spinal Canal Stenosis",
        grade="none",
        level="L1/L2",
        side=None,
        point_px=(20.0, 10.0),
        point_mm=(1.0, -40.0, 34.0),
        source_words="Spinal Canal Stenosis: Normal/Mild",
        grade_column="spinal_canal_stenosis_l1_l2",
    ),
    finding(
        3,
        f"{A}/{T2}/5",
        disease="Spinal Canal Stenosis",
        grade="moderate",
        level="L2/L3",
        side=None,
        point_px=(20.5, 20.0),
        point_mm=(1.0, -39.75, 28.0),
        source_words="Spinal Canal Stenosis: Moderate",
        grade_column="spinal_canal_stenosis_l2_l3",
    ),
    finding(
        4,
        f"{A}/{T1}/3",
        disease=FORAMEN,
        grade="severe",
        level="L4/L5",
        side="left",
        point_px=(22.0, 30.5),
        point_mm=(18.0, -39.0, 21.7),
        source_words="Left Neural Foraminal Narrowing: Severe",
        grade_column="left_neural_foraminal_narrowing_l4_l5",
    ),
    finding(
        5,
        f"{A}/{T1}/12",
        disease=FORAMEN,
        grade="none",
        level="L4/L5",
        side="right",
        point_px=(21.0, 30.0),
        point_mm=(-17.0, -39.5, 22.0),
        source_words="Right Neural Foraminal Narrowing: Normal/Mild",
        grade_column="right_neural_foraminal_narrowing_l4_l5",
    ),
    finding(
        6,
        f"{A}/{AX}/8",
        disease=RECESS,
        grade="moderate",
        level="L4/L5",
        side="left",
        point_px=(40.0, 25.0),
        point_mm=(-10.0, -5.0, -15.0),
        source_words="Left Subarticular Stenosis: Moderate",
        grade_column="left_subarticular_stenosis_l4_l5",
    ),
    finding(
        7,
        f"{A}/{AX}/8",
        disease=RECESS,
        grade="ungraded",
        level="L4/L5",
        side="right",
        point_px=(24.0, 25.0),
        point_mm=(-18.0, -5.0, -15.0),
        source_words="Right Subarticular Stenosis",
        grade_file=None,
        grade_row=None,
        grade_column=None,
    ),
    finding(
        8,
        f"{B}/{B_T2}/5031",
        disease="Spinal Canal Stenosis",
        grade="severe",
        level="L5/S1",
        side=None,
        point_px=(30.25, 40.75),
        point_mm=(0.0, -34.875, 15.55),
        source_words="Spinal Canal Stenosis: Severe",
        grade_row=3,
        grade_column="spinal_canal_stenosis_l5_s1",
    ),
]


def test_findings_are_exactly_what_the_tables_and_headers_say(base: Reading) -> None:
    rounded = [
        replace(found, point_mm=tuple(round(v, 9) for v in found.point_mm or ()))
        for found in base.findings
    ]
    assert rounded == EXPECTED_FINDINGS


def test_images_carry_series_facts(base: Reading) -> None:
    assert list(base.images) == list(dict.fromkeys(f.image_id for f in EXPECTED_FINDINGS))
    assert base.images[f"rsna:{IMAGE}/{T1}/12.dcm"] == ImageRef(
        image_id=f"rsna:{IMAGE}/{T1}/12.dcm",
        source="rsna",
        path=f"{IMAGE}/{T1}/12.dcm",
        patient_id=f"rsna:{A}",
        study_id=A,
        series_id=T1,
        modality="MR",
        view="SAG",
        sequence="T1",
        instance_number=12,
        official_split="train",
        notes=(),
    )
    kinds = {(i.series_id, i.view, i.sequence) for i in base.images.values()}
    assert kinds == {
        (T2, "SAG", "T2/STIR"),
        (T1, "SAG", "T1"),
        (AX, "AX", "T2"),
        (B_T2, "SAG", "T2/STIR"),
    }


def test_every_unit_is_dropped_or_carried(base: Reading) -> None:
    assert dict(base.ledger.read) == {
        G: 50,
        P: 7,
        S: 5,
        "test_series_descriptions.csv": 1,
        "sample_submission.csv": 1,
    }
    others = [line for line in reject_lines(base) if line[3] != "empty_cell"]
    assert others == [
        ("sample_submission.csv", 2, None, "no_labels"),
        ("test_series_descriptions.csv", 2, None, "no_labels"),
        (G, 2, "spinal_canal_stenosis_l3_l4", "label_without_coordinate"),
        (P, None, None, "levels_may_be_off_by_one"),
        (S, 5, None, "series_without_label"),
    ]
    empty = [line for line in reject_lines(base) if line[3] == "empty_cell"]
    assert len(empty) == 50 - 1 - 6
    assert (G, 2, "right_subarticular_stenosis_l4_l5", "empty_cell") in empty
    assert base.extra_units == {
        (S, 2): (f"rsna:{IMAGE}/{T2}/5.dcm",),
        (S, 3): (f"rsna:{IMAGE}/{T1}/12.dcm", f"rsna:{IMAGE}/{T1}/3.dcm"),
        (S, 4): (f"rsna:{IMAGE}/{AX}/8.dcm",),
        (S, 6): (f"rsna:train_images/{B}/{B_T2}/5031.dcm",),
    }
    base.check_accounted()


def edit(file: str, old: str, new: str) -> Callable[[Files], object]:
    def apply(files: Files) -> None:
        text = files[file]
        assert isinstance(text, str)
        assert old in text
        files[file] = text.replace(old, new)

    return apply


def put(file: str, content: str | bytes) -> Callable[[Files], object]:
    return lambda files: files.update({file: content})


def remove(file: str) -> Callable[[Files], object]:
    return lambda files: files.pop(file)


CANAL = "spinal_canal_stenosis_"
LEFT_NFN, RIGHT_NFN = (f"{side}_neural_foraminal_narrowing_l4_l5" for side in ("left", "right"))
LEFT_SAS = "left_subarticular_stenosis_l4_l5"


def both_foramina(reason: str) -> set:
    return {
        (P, 4, None, reason),
        (P, 5, None, reason),
        (G, 2, LEFT_NFN, reason),
        (G, 2, RIGHT_NFN, reason),
        (S, 3, None, "labels_dropped"),
    }


def both_recesses(reason: str) -> set:
    return {
        (P, 6, None, reason),
        (P, 7, None, reason),
        (G, 2, LEFT_SAS, reason),
        (S, 4, None, "labels_dropped"),
    }


def canal_points(reason: str) -> set:
    return {
        (P, 2, None, reason),
        (P, 3, None, reason),
        (G, 2, CANAL + "l1_l2", reason),
        (G, 2, CANAL + "l2_l3", reason),
        (S, 2, None, "labels_dropped"),
    }


def b_point(reason: str, *, series: str | None = "labels_dropped") -> set:
    lines = {(P, 8, None, reason), (G, 3, CANAL + "l5_s1", reason)}
    return lines | ({(S, 6, None, series)} if series else set())


def unpaired(row: int, reason: str, column: str) -> set:
    """A row that is no point at all leaves its grade without a point."""
    return {(P, row, None, reason), (G, 2, column, "label_without_coordinate")}


TRUNCATED = mr_bytes(B, B_T2, 5031, position=(0, 0, 0), orientation=SAG)

DEFECTS: list[tuple[str, Callable[[Files], object], set, set[int]]] = [
    (
        "sides on one sagittal slice",
        edit(P, f"{T1},12,Right", f"{T1},3,Right"),
        both_foramina("same_instance_both_sides"),
        {4, 5},
    ),
    (
        "axial sides swapped",
        edit(P, "L4/L5,40.0,25.0", "L4/L5,14.0,25.0"),
        both_recesses("axial_sides_swapped"),
        {6, 7},
    ),
    (
        "sagittal sides contradict ImagePositionPatient",
        put(
            f"{IMAGE}/{T1}/3.dcm",
            mr_bytes(A, T1, 3, position=(-25.0, -50.0, 40.0), orientation=SAG),
        ),
        both_foramina("side_contradicts_geometry"),
        {4, 5},
    ),
    (
        "axial columns run to the patient's right",
        put(
            f"{IMAGE}/{AX}/8.dcm",
            mr_bytes(A, AX, 8, position=(30.0, 20.0, -15.0), orientation=(-1, 0, 0, 0, -1, 0)),
        ),
        both_recesses("side_contradicts_geometry"),
        {6, 7},
    ),
    (
        "series blocklisted as cervical",
        lambda files: [edit(name, T2, "3892989905")(files) for name in (P, S)],
        canal_points("cervical_series"),
        {2, 3},
    ),
    (
        "series blocklisted as bad axial",
        lambda files: [edit(name, AX + ",", "2679683906,")(files) for name in (P, S)],
        both_recesses("bad_axial_series"),
        {6, 7},
    ),
    (
        "canal on an axial series",
        edit(S, f"{B_T2},Sagittal T2/STIR", f"{B_T2},Axial T2"),
        b_point("condition_series_mismatch"),
        {8},
    ),
    (
        "unknown series description",
        edit(S, f"{B_T2},Sagittal T2/STIR", f"{B_T2},Coronal T2"),
        b_point("unknown_series_description", series="unknown_series_description"),
        {8},
    ),
    (
        "series not described",
        edit(S, f"{B},{B_T2},Sagittal T2/STIR\n", ""),
        b_point("series_not_described", series=None),
        {8},
    ),
    (
        "series in two studies",
        edit(S, f"{B},{B_T2},Sag", f"{A},{B_T2},Sagittal T1\n{B},{B_T2},Sag"),
        {
            *b_point("series_in_two_studies", series="series_in_two_studies"),
            (S, 7, None, "series_in_two_studies"),
        },
        {8},
    ),
    (
        "series described twice",
        lambda files: put(S, f"{files[S]}{B},{B_T2},Sagittal T1\n")(files),
        {(S, 7, None, "duplicate_row")},
        set(),
    ),
    (
        "point described twice",
        lambda files: put(P, f"{files[P]}{B},{B_T2},5031,Spinal Canal Stenosis,L5/S1,9,9\n")(files),
        {(P, 9, None, "duplicate_row")},
        set(),
    ),
    (
        "study not in train.csv",
        lambda files: put(P, f"{files[P]}77,{B_T2},1,Spinal Canal Stenosis,L5/S1,9,9\n")(files),
        {(P, 9, None, "study_without_labels")},
        set(),
    ),
    (
        "unknown condition",
        edit(P, "Left Subarticular", "Left Subarticulr"),
        unpaired(6, "unknown_condition", LEFT_SAS),
        {6},
    ),
    (
        "unknown level",
        edit(P, "Left Subarticular Stenosis,L4/L5", "Left Subarticular Stenosis,L4/5"),
        unpaired(6, "unknown_level", LEFT_SAS),
        {6},
    ),
    (
        "instance number is no whole number",
        edit(P, f"{AX},8,Left", f"{AX},8.0,Left"),
        unpaired(6, "malformed_id", LEFT_SAS),
        {6},
    ),
    (
        "NaN coordinate",
        edit(P, "40.0,25.0", "nan,25.0"),
        unpaired(6, "malformed_coordinate", LEFT_SAS),
        {6},
    ),
    (
        "row cut off",
        edit(P, "L4/L5,40.0,25.0", "L4/L5,40.0"),
        unpaired(6, "malformed_row", LEFT_SAS),
        {6},
    ),
    (
        "point beyond the last column",
        edit(P, "30.25,40.75", "63.75,40.75"),
        b_point("point_outside_image"),
        {8},
    ),
    (
        "point above the first row",
        edit(P, "30.25,40.75", "30.25,-0.75"),
        b_point("point_outside_image"),
        {8},
    ),
    (
        "missing file",
        lambda files: (
            [
                remove(f"train_images/{B}/{B_T2}/5031.dcm")(files),
                put(f"train_images/{B}/{B_T2}/4.dcm", b"x")(files),
            ]
        ),
        b_point("missing_file"),
        {8},
    ),
    (
        "0-byte file",
        put(f"train_images/{B}/{B_T2}/5031.dcm", b""),
        b_point("unreadable_file"),
        {8},
    ),
    (
        "file cut off in the header",
        put(f"train_images/{B}/{B_T2}/5031.dcm", TRUNCATED[:400]),
        b_point("unreadable_file"),
        {8},
    ),
    (
        "file cut off in the pixels",
        put(f"train_images/{B}/{B_T2}/5031.dcm", TRUNCATED[:-3000]),
        b_point("unreadable_file"),
        {8},
    ),
    (
        "unknown grade",
        edit(G, "Moderate,Severe", "Medium,Severe"),
        {(G, 2, CANAL + "l2_l3", "unknown_grade")},
        {3},
    ),
    (
        "grades in other capitals and with blanks",
        edit(G, "Normal/Mild,Moderate,Severe", " normal / mild,MODERATE,severe "),
        {(G, None, None, "spelled_otherwise"), (G, None, None, "stray_blanks")},
        set(),
    ),
    (
        "condition and level in other capitals",
        edit(P, "Spinal Canal Stenosis,L2/L3", "spinal canal stenosis,l2/l3"),
        {(P, None, None, "spelled_otherwise")},
        set(),
    ),
    (
        "description in other capitals",
        edit(S, f"{A},{T1},Sagittal T1", f"{A},{T1},SAGITTAL T1"),
        {(S, None, None, "spelled_otherwise")},
        set(),
    ),
    (
        "study in train.csv twice",
        lambda files: put(G, f"{files[G]}{B}{',Severe' * 25}\n")(files),
        {(G, 4, column, "duplicate_row") for column in GRADES_HEADER.split(",")[1:]},
        set(),
    ),
    (
        "study id is no number",
        edit(G, f"\n{B},", "\nB1,"),
        {
            *((G, 3, column, "malformed_id") for column in GRADES_HEADER.split(",")[1:]),
            (P, 8, None, "study_without_labels"),
            (S, 6, None, "labels_dropped"),
        },
        {8},
    ),
    (
        "canal points run up the picture",
        edit(P, "20.5,20.0", "20.5,8.0"),
        {(P, None, None, "levels_not_monotone")},
        {3},
    ),
    (
        "study on a list of hard ones",
        lambda files: (
            [edit(name, B, "391103067")(files) for name in (G, P, S)]
            and put(f"train_images/391103067/{B_T2}/5031.dcm", TRUNCATED)(files)
        ),
        {(P, None, None, "hard_axial_study")},
        {8},
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
    files = rsna_files()
    change(files)
    reading = read_files("rsna", tmp_path, files)
    assert new_lines(reading, base) == lines
    changed = {f.row for f in base.findings} - {
        f.row for f in reading.findings if f in base.findings
    }
    assert changed == rows


def test_sides_at_one_place_are_not_called_swapped(base: Reading, tmp_path: Path) -> None:
    files = rsna_files()
    edit(P, "L4/L5,40.0,25.0", "L4/L5,24.0,25.0")(files)
    # copies whose headers give every slice the same place say nothing about sides
    for instance in (3, 12):
        data = mr_bytes(A, T1, instance, position=(0.0, -50.0, 40.0), orientation=SAG)
        put(f"{IMAGE}/{T1}/{instance}.dcm", data)(files)
    reading = read_files("rsna", tmp_path, files)
    assert new_lines(reading, base) == set()
    assert {f.row for f in reading.findings} == {f.row for f in base.findings}


def test_unknown_grade_leaves_its_point_ungraded(tmp_path: Path) -> None:
    files = rsna_files()
    edit(G, "Moderate,Severe", "Medium,Severe")(files)
    by_row = {f.row: f for f in read_files("rsna", tmp_path, files).findings}
    assert (by_row[3].grade, by_row[3].grade_column) == ("ungraded", None)


def test_points_of_another_level_are_noted(base: Reading, tmp_path: Path) -> None:
    # the canal is marked at L1/L2 and L2/L3; three foraminal points of "L1/L2" lie at L2/L3
    points = "".join(
        f"{A},{T1},{instance},{side} Neural Foraminal Narrowing,{level},22.0,{y}\n"
        for instance, side, level, y in (
            (3, "Left", "L1/L2", 19.5),
            (12, "Right", "L1/L2", 20.5),
            (3, "Left", "L2/L3", 11.0),
        )
    )
    files = rsna_files()
    files[P] = f"{files[P]}{points}"
    reading = read_files("rsna", tmp_path, files)
    assert new_lines(reading, base) == {(P, None, None, "levels_disagree")}
    assert len(reading.findings) == len(base.findings) + 3


def test_empty_series_folder_has_its_own_reason(base: Reading, tmp_path: Path) -> None:
    files = rsna_files()
    remove(f"train_images/{B}/{B_T2}/5031.dcm")(files)
    (tmp_path / f"train_images/{B}/{B_T2}").mkdir(parents=True)
    reading = read_files("rsna", tmp_path, files)
    assert new_lines(reading, base) == b_point("empty_folder")
    assert rows_lost(reading, base) == {8}


def test_table_may_have_bom_crlf_blank_lines_and_more_columns(
    base: Reading, tmp_path: Path
) -> None:
    files = rsna_files()
    lines = str(files[P]).splitlines()
    wider = [f"{lines[0]},note", *(f"{line},x" for line in lines[1:])]
    files[P] = "\ufeff" + "\r\n".join([*wider, "", ""])
    files[f"train_images/{A}/.DS_Store"] = b"x"
    files["index.html"] = "<html>"
    reading = read_files("rsna", tmp_path, files)
    assert reading.findings == base.findings
    assert reject_lines(reading) == reject_lines(base)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (P, "", r"^train_label_coordinates.csv: found an empty file, expected a header study_id"),
        (
            P,
            "study_id,series_id,instance_number,condition,level,x\n",
            r"^train_label_coordinates.csv, row 1: column y: found study_id, series_id, "
            r"instance_number, condition, level, x, expected columns study_id",
        ),
        (
            G,
            "study_id\n1\n",
            r"train.csv, row 1: column spinal_canal_stenosis_l1_l2 \(and 24 more\)",
        ),
        (
            S,
            b"\xff\xfe\x00",
            r"train_series_descriptions.csv, byte 0: found bytes that are no UTF-8",
        ),
        (S, 'a,b\n"x', r"train_series_descriptions.csv, row 1: column study_id"),
    ],
)
def test_table_that_cannot_be_read_is_one_line(
    tmp_path: Path, file: str, content: str | bytes, message: str
) -> None:
    files = rsna_files()
    files[file] = content
    with pytest.raises(DataError, match=message) as caught:
        read_files("rsna", tmp_path, files)
    assert "\n" not in str(caught.value)


def test_unreadable_file_of_the_hidden_test_set_is_a_note(base: Reading, tmp_path: Path) -> None:
    files = rsna_files()
    files["sample_submission.csv"] = ""
    reading = read_files("rsna", tmp_path, files)
    assert new_lines(reading, base) == {("sample_submission.csv", None, None, "unreadable_file")}
    assert reading.findings == base.findings


def test_images_without_geometry_keep_their_points(tmp_path: Path) -> None:
    files = rsna_files()
    broken = mr_bytes(B, B_T2, 7, position=(0, 0, 0), orientation=(1, 0, 0, 1, 0, 0))
    files[f"train_images/{B}/{B_T2}/5031.dcm"] = broken
    reading = read_files("rsna", tmp_path, files)
    last = reading.findings[-1]
    assert (last.point_px, last.point_mm) == ((30.25, 40.75), None)
    assert reading.images[last.image_id].notes == (
        "InstanceNumber differs from the file's name",
        "no patient geometry in the header",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_file_that_this_user_may_not_read_is_a_ledger_line(tmp_path: Path, base: Reading) -> None:
    root = write_files(tmp_path, rsna_files())
    (root / f"train_images/{B}/{B_T2}/5031.dcm").chmod(0o600)
    assert read_as_nobody("rsna", root) == [
        str(len(base.findings) - 1),
        f"{P} 8 None",
        f"{G} 3 {CANAL}l5_s1",
    ]
    (root / G).chmod(0o600)
    assert read_as_nobody("rsna", root) == [
        "train.csv: found permission denied, expected a file this user may read"
    ]


def test_root_may_be_one_or_two_levels_below(base: Reading, tmp_path: Path) -> None:
    nested = write_files(tmp_path / "mirror" / "rsna-2024", rsna_files())
    source = SOURCES["rsna"]
    for given in (nested, nested.parent, tmp_path):
        reading = source.read(given, LocalEngine(1))
        assert reading.root == nested
        assert reading.findings == base.findings
    write_files(tmp_path / "mirror" / "copy", rsna_files())
    with pytest.raises(UsageError, match=r"more than once: .*/copy, .*/rsna-2024; name one"):
        source.read(tmp_path, LocalEngine(1))


def test_two_workers_read_the_same(base: Reading) -> None:
    reading = RsnaSource().read(base.root, LocalEngine(2))
    assert (reading.images, reading.findings) == (base.images, base.findings)
    assert reading.ledger == base.ledger


def test_order_of_columns_is_the_published_one() -> None:
    assert ["study_id", *grade_columns(load_conditions())] == GRADES_HEADER.split(",")


def test_terms_forbid_giving_on() -> None:
    terms = SOURCES["rsna"].terms
    assert (terms.redistribution, terms.third_party_models) == (False, True)
