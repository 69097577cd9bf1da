"""A table of one's own: full records of a folder by hand, every reason, every way to be wrong."""

import os
from pathlib import Path

import polars as pl
import pytest

from spinebench.benchmark.labels import Graded, iter_evidence
from spinebench.engine import LocalEngine
from spinebench.errors import DataError, UsageError
from spinebench.records import Finding
from spinebench.sources.base import ImageRef, Reading
from spinebench.sources.table import TableSource, parse_column_map
from spinebench.sources.table_rows import COLUMNS
from tests.sources.folders import Files, film_bytes, mr_bytes, write_files
from tests.sources.reading import reject_lines
from tests.sources.table_folder import (
    AXI,
    HEADER,
    ROWS,
    picture_bytes,
    read_table,
    table_files,
    volume_bytes,
)

WIDE = HEADER.split(",")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    return read_table(tmp_path_factory.mktemp("table"), table_files())


def image(path: str, patient: str, study: str, **fields: object) -> ImageRef:
    frame = fields.pop("suffix", "")
    known: dict[str, object] = {
        "series_id": path,
        "sequence": None,
        "instance_number": None,
        "official_split": None,
        **fields,
    }
    return ImageRef(
        image_id=f"table:{path}{frame}",
        source="table",
        path=path,
        patient_id=f"table:{patient}",
        study_id=study,
        **known,  # type: ignore[arg-type] # fields of the record by name
    )


def finding(row: int, image_id: str, disease: str | None, grade: str, **fields: object) -> Finding:
    known: dict[str, object] = {
        "measure": None,
        "measure_kind": None,
        "level": None,
        "side": None,
        "point_px": None,
        "box_px": None,
        "point_mm": None,
        "rater": None,
        "grade_file": None,
        "grade_row": None,
        "grade_column": None,
        **fields,
    }
    return Finding(
        finding_id=f"table:labels.csv:{row}",
        image_id=f"table:{image_id}",
        disease=disease,
        grade=grade,  # type: ignore[arg-type] # a word of the record
        file="labels.csv",
        row=row,
        **known,  # type: ignore[arg-type] # fields of the record by name
    )


def test_images_in_full(base: Reading) -> None:
    assert list(base.images.values()) == [
        # no column says whose it is: PatientID and the UIDs of the header do
        image(
            "mr/a.dcm",
            "77",
            "77",
            series_id="77.5",
            modality="MR",
            view="SAG",
            instance_number=3,
        ),
        image(
            "film.dicom",
            "P2",
            "a" * 32,
            series_id="9" * 32,
            modality="XR",
            view="LAT",
            instance_number=1,
        ),
        image(
            "ct.nii.gz",
            "P3",
            "ct.nii.gz",
            suffix="#SAG1",
            modality="CT",
            view="SAG",
            frame=1,
            age_years=45.0,
            sex="F",
        ),
        image(
            "ct.nii.gz",
            "P3",
            "ct.nii.gz",
            suffix="#AX2",
            modality="CT",
            view="AX",
            frame=2,
            age_years=45.0,
            sex="F",
        ),
        image(
            "png/x.png",
            "P4",
            "png/x.png",
            modality="XR",
            view="AP",
            age_years=60.0,
            sex="M",
            spacing_mm=(0.2, 0.3),
            notes=("modality taken from the view",),
        ),
        image("jpg/y.jpg", "P4", "jpg/y.jpg", modality="XR", view="LAT"),
    ]


def test_findings_in_full(base: Reading) -> None:
    assert base.findings == [
        finding(
            2,
            "mr/a.dcm",
            "Spinal Canal Stenosis",
            "severe",
            level="L4/L5",
            point_px=(20.0, 10.0),
            # sagittal: columns run back by 0.5 mm, rows down by 0.6 mm from (2, -50, 40)
            point_mm=(2.0, -40.0, 34.0),
            rater="r1",
            source_words="Spinal Canal Stenosis: Severe",
        ),
        finding(
            3,
            "mr/a.dcm",
            "Foraminal stenosis",
            "none",
            level="L4/L5",
            side="left",
            rater="r1",
            source_words="left neural foraminal narrowing: normal/mild",
        ),
        finding(
            4,
            "film.dicom",
            "Spondylolisthesis",
            "moderate",
            level="L5/S1",
            box_px=(10.0, 5.0, 30.0, 20.0),
            source_words="Spondylolysthesis: 2",
        ),
        finding(
            5,
            "ct.nii.gz#SAG1",
            "Vertebral collapse",
            "moderate",
            level="T12",
            source_words="Vertebral collapse: moderate",
        ),
        finding(
            6,
            "ct.nii.gz#AX2",
            "Vertebral collapse",
            "ungraded",
            level="T12",
            source_words="Vertebral collapse",
        ),
        finding(7, "png/x.png", None, "none", source_words="No finding"),
        finding(8, "jpg/y.jpg", "Osteophytes", "ungraded", side="right", source_words="Osteophyte"),
    ]


def test_the_account(base: Reading) -> None:
    assert base.ledger.read == {"labels.csv": 7}
    assert reject_lines(base) == [("labels.csv", None, None, "modality_taken_from_the_view")]


def test_parquet_says_the_same(base: Reading, tmp_path: Path) -> None:
    write_files(tmp_path, table_files())
    frame = pl.read_csv(tmp_path / "labels.csv", infer_schema=True)
    assert (frame.schema["frame"], frame.schema["modality"]) == (pl.Int64, pl.String)
    boxes = [None, None, [10.0, 5.0, 30.0, 20.0], None, None, None, None]
    frame.with_columns(pl.Series("box", boxes)).write_parquet(tmp_path / "labels.parquet")
    reading = TableSource().read(tmp_path / "labels.parquet", LocalEngine(1))
    assert reading.images == base.images
    renamed = [f.finding_id.replace(".parquet", ".csv") for f in reading.findings]
    assert renamed == [f.finding_id for f in base.findings]
    assert [f.box_px for f in reading.findings] == [f.box_px for f in base.findings]


def test_columns_of_another_name_and_images_elsewhere(base: Reading, tmp_path: Path) -> None:
    header = HEADER.replace("image", "File Name").replace("disease", "dx").replace("box", "remark")
    files = table_files(header=header)
    labels = files.pop("labels.csv")
    write_files(tmp_path / "scans", files)
    write_files(tmp_path / "sheets", {"labels.csv": labels})
    columns = parse_column_map(["image=File Name", "disease = dx", "box=remark"])
    source = TableSource(columns, tmp_path / "scans")
    reading = source.read(tmp_path / "sheets/labels.csv", LocalEngine(1))
    assert reading.images == base.images
    assert reading.findings == base.findings
    assert (reading.root, reading.tables_root) == (tmp_path / "scans", tmp_path / "sheets")


def test_two_workers_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spinebench.sources.table_files._FILES_PER_ITEM", 2)
    rows = tuple(f"p/{n}.png,P{n},Healthy,,,,AP,,,,,,,," for n in range(40))
    files = table_files((*ROWS, *rows))
    files |= {f"p/{n}.png": picture_bytes("PNG", 8, n + 4) for n in range(40)}
    one = read_table(tmp_path, files)
    two = TableSource().read(tmp_path / "labels.csv", LocalEngine(2))
    assert (two.images, two.findings) == (one.images, one.findings)
    assert len(one.images) == 46


# --- rows that are dropped ---------------------------------------------------------------------


def row_of(**cells: str) -> str:
    given = {"image": "png/x.png", "patient": "P9", "disease": "Osteophytes", "view": "AP", **cells}
    return ",".join(f'"{given.get(name, "")}"' for name in WIDE)


DROPPED = {
    "no_image": row_of(image=""),
    "no_disease": row_of(disease=""),
    "unknown_disease": row_of(disease="Osteophyts"),
    "unknown_grade": row_of(grade="4"),
    "unknown_level": row_of(level="L4/L6"),
    "unknown_side": row_of(side="up"),
    "unknown_view": row_of(view="oblique"),
    "unknown_modality": row_of(modality="US"),
    "side_contradicts_disease": row_of(disease="Left Subarticular Stenosis", side="right"),
    "malformed_frame": row_of(frame="first"),
    "malformed_point": row_of(point="1 2 3"),
    "malformed_box": row_of(box="1 2 3"),
    "empty_box": row_of(box="9 1 9 20"),
    "point_outside_image": row_of(point="30.5 10"),
    "box_outside_image": row_of(box="1 2 31 20"),
    "normal_with_grade": row_of(disease="Healthy", grade="mild"),
    "normal_with_place": row_of(disease="normal", level="L4/L5"),
    "malformed_row": "png/x.png,P9",
    "missing_file": row_of(image="png/none.png"),
    "path_outside_folder": row_of(image="../secret.png"),
    "no_such_frame": row_of(frame="1"),
    "no_plane": row_of(image="ct.nii.gz", view="", modality="CT", frame="1"),
    "unreadable_file": row_of(image="labels.csv"),
}


@pytest.mark.parametrize("reason", DROPPED)
def test_a_row_that_cannot_be_used_is_dropped_by_name(
    base: Reading, tmp_path: Path, reason: str
) -> None:
    rows = (*ROWS[:5], ROWS[6], DROPPED[reason])
    reading = read_table(tmp_path, table_files(rows))
    lines = [line for line in reject_lines(reading) if line[1] is not None]
    assert lines == [("labels.csv", 8, None, reason)]
    # nothing else is touched
    expected = [f for f in base.findings if f.row != 7]
    assert [(f.image_id, f.disease) for f in reading.findings] == [
        (f.image_id, f.disease) for f in expected
    ]
    details = [r.detail for r in reading.ledger.rejects if r.row == 8]
    assert str(tmp_path) not in details[0]


def test_of_a_volume_without_a_frame_the_middle_slice_is_taken(tmp_path: Path) -> None:
    rows = (row_of(image="ct.nii.gz", view="SAG", modality="CT"),)
    reading = read_table(tmp_path, table_files(rows))
    (image,) = reading.images.values()
    assert (image.image_id, image.frame) == ("table:ct.nii.gz#SAG2", 2)
    assert "middle slice taken" in image.notes


def test_what_a_dropped_row_leaves_open_is_not_known(tmp_path: Path) -> None:
    rows = (
        row_of(disease="Spinal Canal Stenosis", grade="none"),
        row_of(disease="Foraminal stenosis", grade="sevre", level="L4/L5"),
        row_of(disease="Osteophyts"),
        row_of(disease="Vertebral collapse", grade="severe", level="L9"),
    )
    reading = read_table(tmp_path, table_files(rows))
    assert [(f.disease, f.grade) for f in reading.findings] == [("Spinal Canal Stenosis", "none")]
    assert [(c.disease, c.level, c.grade, c.row) for c in reading.cells] == [
        ("Foraminal stenosis", "L4/L5", None, 3),
        ("?", None, None, 4),
        ("Vertebral collapse", None, None, 5),
    ]
    (evidence,) = iter_evidence(reading)
    decision = Graded().decide(evidence)
    assert (decision.labels, decision.put_aside[0].reason) == ((), "grade_unknown")


def test_a_modality_that_nobody_names_is_another(tmp_path: Path) -> None:
    rows = (row_of(view=""), row_of(image="ct.nii.gz", view="SAG", frame="1"))
    reading = read_table(tmp_path, table_files(rows))
    for image_id in ("table:png/x.png", "table:ct.nii.gz#SAG1"):
        image = reading.images[image_id]
        assert image.modality == "OT"
        assert "modality not known" in image.notes
    notes = [line for line in reject_lines(reading) if line[3] == "modality_not_known"]
    assert len(notes) == 2


@pytest.mark.parametrize(
    ("reason", "detail"),
    [
        ("unknown_disease", "'Osteophyts'; near 'Osteophytes'"),
        ("unknown_level", "'L4/L6'; one like L4 or L4/L5"),
        ("no_such_frame", "png/x.png: frame 1 of 1, from 0"),
        ("point_outside_image", "png/x.png: (30.5, 10) on 30 x 40"),
        ("missing_file", "png/none.png: no such file or directory"),
    ],
)
def test_what_the_ledger_says(tmp_path: Path, reason: str, detail: str) -> None:
    reading = read_table(tmp_path, table_files((DROPPED[reason],)))
    assert [r.detail for r in reading.ledger.rejects if r.row == 2] == [detail]


@pytest.mark.parametrize(
    "path",
    [
        "../a.png",
        "/etc/passwd",
        "png/../../a.png",
        "C:\\scans\\a.png",
        "\\\\host\\a.png",
        "a\\..\\b",
    ],
)
def test_a_path_out_of_the_folder_is_never_followed(tmp_path: Path, path: str) -> None:
    outside = tmp_path / "a.png"
    outside.write_bytes(picture_bytes("PNG", 8, 8))
    reading = read_table(tmp_path / "in", table_files((row_of(image=path),)))
    assert [line for line in reject_lines(reading) if line[1]] == [
        ("labels.csv", 2, None, "path_outside_folder")
    ]
    assert reading.images == {}


def test_a_link_out_of_the_folder_is_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "out"
    write_files(outside, {"a.png": picture_bytes("PNG", 8, 8)})
    root = write_files(tmp_path / "in", {"real/b.png": picture_bytes("PNG", 8, 9)})
    (root / "link.png").symlink_to(outside / "a.png")
    (root / "folder").symlink_to(outside)
    (root / "within.png").symlink_to(root / "real/b.png")
    names = ("link.png", "folder/a.png", "within.png")
    files: Files = {"labels.csv": "\n".join((HEADER, *(row_of(image=name) for name in names)))}
    # the folder itself may be reached by a link
    (tmp_path / "alias").symlink_to(root)
    reading = read_table(tmp_path / "alias", files)
    assert [line for line in reject_lines(reading) if line[1]] == [
        ("labels.csv", 2, None, "path_outside_folder"),
        ("labels.csv", 3, None, "path_outside_folder"),
    ]
    assert list(reading.images) == ["table:within.png"]


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")  # to open it would wait for a writer
    (tmp_path / "loop.png").symlink_to("loop.png")
    rows = [row_of(image=name) for name in ("pipe.png", "png", "loop.png", "png/x.png/y.png")]
    long = row_of(image="n" * 300 + ".png")
    reading = read_table(tmp_path, table_files((*rows, long)))
    assert [(line[1], line[3]) for line in reject_lines(reading) if line[1]] == [
        (2, "unreadable_file"),
        (3, "unreadable_file"),
        (4, "missing_file"),
        (5, "missing_file"),
        (6, "missing_file"),
    ]


def test_damaged_and_forbidden_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = table_files()
    files |= {"mr/a.dcm": b"", "film.dicom": b"not an image at all", "ct.nii.gz": b"\x1f\x8bno"}
    files["png/x.png"] = bytes(files["png/x.png"])[:20]
    write_files(tmp_path, files)
    (tmp_path / "jpg/y.jpg").chmod(0)
    real = Path.open

    def refuse(path: Path, *args: object, **kwargs: object) -> object:
        if path.name == "y.jpg":  # root may read anything
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)  # type: ignore[arg-type] # as Path.open takes them

    monkeypatch.setattr(Path, "open", refuse)
    reading = TableSource().read(tmp_path / "labels.csv", LocalEngine(1))
    assert [(line[1], line[3]) for line in reject_lines(reading)] == [
        (2, "unreadable_file"),
        (3, "unreadable_file"),
        (4, "unreadable_file"),
        (5, "unreadable_file"),
        (6, "unreadable_file"),
        (7, "unreadable_file"),
        (8, "permission_denied"),
    ]
    assert (reading.images, reading.findings) == ({}, [])


# --- rows beside each other --------------------------------------------------------------------


def kept_and_dropped(reading: Reading) -> tuple[list[int], list[tuple[int | None, str]]]:
    dropped = [(line[1], line[3]) for line in reject_lines(reading)]
    silent = (None, "modality_taken_from_the_view")
    return [f.row for f in reading.findings], [line for line in dropped if line != silent]


@pytest.mark.parametrize(
    ("rows", "kept", "dropped"),
    [
        # the same again, written otherwise
        ([{"grade": "2"}, {"grade": "Moderate"}], [2], [(3, "duplicate_row")]),
        # the same statement with two grades: nobody knows which is right
        (
            [{"grade": "mild"}, {"grade": "severe"}, {"level": "L4/L5"}],
            [4],
            [(2, "contradictory_rows"), (3, "contradictory_rows")],
        ),
        # two readers may differ
        (
            [{"grade": "mild", "rater": "a"}, {"grade": "severe", "rater": "b"}],
            [2, 3],
            [(None, "raters_disagree")],
        ),
        # a normal beside a disease; beside a disease ruled out; beside a row that nobody can read
        ([{}, {"disease": "Healthy"}], [2], [(3, "normal_contradicts_disease")]),
        ([{"grade": "none"}, {"disease": "Healthy"}], [2, 3], []),
        (
            [{"disease": "Healthy"}, {"disease": "scoliosis"}],
            [],
            [(2, "normal_contradicts_disease"), (3, "unknown_disease")],
        ),
        # an image of two patients
        (
            [{}, {"disease": "Disc space narrowing", "patient": "P8"}],
            [],
            [(2, "contradictory_image"), (3, "contradictory_image")],
        ),
        # two boxes of one disease
        ([{"box": "1 1 9 9"}, {"box": "11 1 19 9"}], [2, 3], []),
    ],
)
def test_rows_of_one_image(
    tmp_path: Path, rows: list[dict[str, str]], kept: list[int], dropped: list[object]
) -> None:
    reading = read_table(tmp_path, table_files(tuple(row_of(**cells) for cells in rows)))
    assert kept_and_dropped(reading) == (kept, dropped)


def test_what_one_row_says_of_an_image_holds_for_all(tmp_path: Path) -> None:
    rows = (row_of(age="50"), row_of(disease="Disc space narrowing", sex="weiblich", spacing="0.5"))
    reading = read_table(tmp_path, table_files(rows))
    (ref,) = reading.images.values()
    assert (ref.age_years, ref.sex, ref.spacing_mm) == (50.0, None, (0.5, 0.5))
    assert (None, "sex_not_understood") in kept_and_dropped(reading)[1]


# --- whose they are ----------------------------------------------------------------------------


def owners(reading: Reading) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    return {ref.path: (ref.patient_id, ref.study_id, ref.notes) for ref in reading.images.values()}


def test_patients_by_column_header_study_or_image(tmp_path: Path) -> None:
    files: Files = {
        # 0 and 1: one study, named on 0 only; 2: PatientID; 3: none, so the study
        "0.dcm": film_bytes(0, "X", "AP"),
        "1.dcm": film_bytes(0, "Y", "LL"),
        "2.dcm": film_bytes(1, "Z", "AP"),
        "3.dcm": film_bytes(2, None, "AP"),
        "4.png": picture_bytes("PNG", 8, 8),
        "labels.csv": "image,disease,patient,modality\n0.dcm,Healthy,P0,\n1.dcm,Healthy,,\n"
        "2.dcm,Healthy,,\n3.dcm,Healthy,,\n4.png,Healthy,,XR\n",
    }
    reading = read_table(tmp_path, files)
    no_id = "PatientID missing; the study stands for it"
    nobody = "neither patient nor study named; the image stands for them"
    assert owners(reading) == {
        "0.dcm": ("table:P0", "a" * 32, ()),
        "1.dcm": ("table:P0", "a" * 32, ()),
        "2.dcm": ("table:Z", "b" * 32, ()),
        "3.dcm": (f"table:{'c' * 32}", "c" * 32, (no_id,)),
        "4.png": ("table:4.png", "4.png", (nobody,)),
    }
    notes = {(r.reason, r.detail) for r in reading.ledger.rejects}
    assert notes == {("patient_id_missing", "1 studies"), ("patient_unknown", "1 images")}


def test_one_study_number_in_two_patients_is_two_studies(tmp_path: Path) -> None:
    files: Files = {
        "a.png": picture_bytes("PNG", 8, 8),
        "b.png": picture_bytes("PNG", 8, 9),
        "labels.csv": "image,disease,patient,study,view\na.png,Healthy,P1,1,AP\n"
        "b.png,Healthy,P2,1,AP\n",
    }
    reading = read_table(tmp_path, files)
    assert [(p, s) for p, s, _ in owners(reading).values()] == [
        ("table:P1", "P1/1"),
        ("table:P2", "P2/1"),
    ]
    assert ("study_in_two_patients", "1 study names, taken as one study for each patient") in {
        (r.reason, r.detail) for r in reading.ledger.rejects
    }


def test_the_header_is_contradicted_in_a_note(tmp_path: Path) -> None:
    files: Files = {
        "a.dcm": mr_bytes("1", "2", 3, position=(0.0, 0.0, 0.0), orientation=AXI),
        "labels.csv": "image,disease,view,modality\na.dcm,Healthy,SAG,CT\n",
    }
    reading = read_table(tmp_path, files)
    (ref,) = reading.images.values()
    assert (ref.view, ref.modality) == ("SAG", "CT")
    assert ref.notes == ("view differs from the header's", "modality differs from the header's")
    assert {line[3] for line in reject_lines(reading)} == {
        "view_differs_from_header",
        "modality_differs_from_header",
    }


def test_slices_of_a_thin_volume_need_no_view(tmp_path: Path) -> None:
    files: Files = {
        "v.nii.gz": volume_bytes((4, 5, 1)),
        "labels.csv": "image,disease,modality\nv.nii.gz,Healthy,CT\n",
    }
    (ref,) = read_table(tmp_path, files).images.values()
    assert (ref.view, ref.frame, ref.image_id) == ("AX", 0, "table:v.nii.gz#AX0")


# --- tables that cannot be read ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "labels.csv: found an empty file, expected a header image, disease"),
        ("image,dx\n", "labels.csv, row 1: column disease: found image, dx, expected"),
        ("image,disease,level,level\n", "labels.csv: column level: found it twice"),
        (b"image,disease\n\xff\xfe,x\n", "labels.csv, byte 14: found bytes that are no UTF-8"),
    ],
)
def test_an_unusable_table_is_one_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(tmp_path, {"labels.csv": content})


def test_an_unusable_call_is_one_line(tmp_path: Path) -> None:
    files = table_files()
    with pytest.raises(UsageError, match="no column 'diagnosis' to map; there are image, disease,"):
        read_table(tmp_path, files, columns={"diagnosis": "dx"})
    with pytest.raises(UsageError, match=r"labels\.xlsx is no table: a file ending in \.csv or"):
        read_table(tmp_path, files, "labels.xlsx")
    with pytest.raises(UsageError, match="none: no such folder of images"):
        read_table(tmp_path, files, image_root=tmp_path / "none")
    with pytest.raises(DataError, match=r"other\.csv: found no such file"):
        read_table(tmp_path, files, "other.csv")
    with pytest.raises(UsageError, match="column map 'image': write it ours=theirs"):
        parse_column_map(["image"])
    with pytest.raises(UsageError, match="column map: image is given twice"):
        parse_column_map(["image=a", "image=b"])


def test_columns_that_are_not_used_are_named(tmp_path: Path) -> None:
    files = table_files(("png/x.png,Healthy,AP,1",), "image,disease,view,report")
    reading = read_table(tmp_path, files)
    assert ("columns_not_used", "report") in {(r.reason, r.detail) for r in reading.ledger.rejects}


def test_every_reason_and_column_stands_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs/sources.md").read_text(encoding="utf-8")
    section = page.split("(`table`)")[1].split("\n## ")[0]
    beside = ("contradictory_image", "contradictory_rows", "duplicate_row", "permission_denied")
    for word in (*DROPPED, *beside, "normal_contradicts_disease", *COLUMNS):
        assert f"`{word}`" in section, word
