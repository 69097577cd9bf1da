"""A benchmark from a table of one's own."""

from pathlib import Path

import pytest

from spinebench.benchmark.build import BuildOptions, build_benchmark
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.split import SplitShares
from spinebench.engine import LocalEngine
from spinebench.sources.registry import SOURCES
from spinebench.sources.table import TableSource
from spinebench.tables import sha256_of_file
from tests.sources.folders import write_files
from tests.sources.table_folder import HEADER, table_files

OPTIONS = {"seed": 0, "shares": SplitShares(test=0.5, reserve=0.0)}


@pytest.mark.parametrize("rule", ["released", "graded"])
def test_questions_of_a_table(tmp_path: Path, rule: str) -> None:
    files = table_files(header=HEADER.replace("disease", "dx"))
    labels = files.pop("labels.csv")
    write_files(tmp_path / "scans", files)
    write_files(tmp_path / "sheets", {"labels.csv": labels})
    table = TableSource({"disease": "dx"}, tmp_path / "scans")
    manifest = build_benchmark(
        {"table": tmp_path / "sheets/labels.csv"},
        tmp_path / "bench",
        options=BuildOptions(rule=rule, **OPTIONS),  # type: ignore[arg-type] # options by name
        engine=LocalEngine(1),
        sources={**SOURCES, "table": table},
    )
    said = manifest["sources"]["table"]
    assert said["annotations_sha256"] == {
        "labels.csv": sha256_of_file(tmp_path / "sheets/labels.csv")
    }
    account = said["accounting"]["labels.csv"]
    assert account["read"] == 7 == account["used"] + account["dropped"]
    questions = [
        (q.image_ids[0], q.disease, q.levels)
        for q in Benchmark.load(tmp_path / "bench").questions
        if q.source == "table" and q.task == "diagnosis"
    ]
    expected = [
        ("table:ct.nii.gz#AX2", "Vertebral collapse", ("T12",)),
        ("table:ct.nii.gz#SAG1", "Vertebral collapse", ("T12",)),
        ("table:film.dicom", "Spondylolisthesis", ("L5/S1",)),
        ("table:jpg/y.jpg", "Osteophytes", ()),
        ("table:png/x.png", "Healthy", ()),
    ]
    if rule == "graded":  # a foramen that is not narrow is no second disease
        expected.insert(3, ("table:mr/a.dcm", "Spinal Canal Stenosis", ("L4/L5",)))
    assert sorted(questions) == sorted(expected)


def test_a_table_that_grades_one_level_makes_nobody_healthy(tmp_path: Path) -> None:
    header = "image,patient,disease,level,grade,view,modality"
    canal = "Spinal Canal Stenosis"
    rows = [f"png/x.png,P4,{canal},L4/L5,none,SAG,MR"]
    rows += [
        f"jpg/y.jpg,P5,{canal},{level},none,SAG,MR"
        for level in ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
    ]
    files = table_files(tuple(rows), header)
    write_files(tmp_path / "scans", files)
    build_benchmark(
        {"table": tmp_path / "scans/labels.csv"},
        tmp_path / "bench",
        options=BuildOptions(rule="graded", **OPTIONS),  # type: ignore[arg-type] # options by name
        engine=LocalEngine(1),
        sources=SOURCES | {"table": TableSource()},
    )
    bench = Benchmark.load(tmp_path / "bench")
    assert [(q.image_ids[0], q.disease) for q in bench.questions] == [
        ("table:jpg/y.jpg", "Healthy")
    ]
    (line,) = [r for r in bench.rejects if r.row is not None]
    assert (line.row, line.reason) == (2, "grade_unknown")
    assert line.detail == f"not graded: {canal} L1/L2, {canal} L2/L3, {canal} L3/L4 and 1 more"
