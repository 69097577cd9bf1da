"""Every format that carries pictures, out and back: what must survive, and what cannot."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from spinebench.benchmark.audit.run import audit_benchmark
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.release.export import export_benchmark
from spinebench.benchmark.release.importing import import_benchmark
from spinebench.benchmark.release.options import ExportOptions
from spinebench.benchmark.release.registry import PIXEL_FORMATS
from spinebench.benchmark.release.rows import hash_patient
from spinebench.engine import LocalEngine
from spinebench.records import Question

HERE = LocalEngine(1)
ALL = ExportOptions(splits=("train", "test", "reserve"), accepted=("rsna", "vindr"))
# what no format carries, and what an import has instead
LOST = {"finding_ids": (), "rests_on": None, "patient_id": None}
CASES = [(name, ALL) for name in PIXEL_FORMATS] + [
    ("released", ExportOptions(splits=ALL.splits, accepted=ALL.accepted, dialect="letters"))
]


@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda v: getattr(v, "dialect", v))
def test_questions_survive(
    sample: Benchmark, tmp_path: Path, name: str, options: ExportOptions
) -> None:
    export_benchmark(sample, tmp_path / "out", format_name=name, options=options)
    import_benchmark(tmp_path / "out", tmp_path / "back", format_name=name, engine=HERE)
    back = Benchmark.load(tmp_path / "back")
    before = {q.question_id: q for q in sample.questions}
    after = {q.question_id: q for q in back.questions}
    assert sorted(after) == sorted(before)
    for question_id, question in after.items():
        for field in fields(Question):
            if field.name not in LOST:
                assert getattr(question, field.name) == getattr(before[question_id], field.name)
        assert question.finding_ids == ()
        expected = hash_patient(before[question_id].patient_id)
        assert question.patient_id == f"{question.source}:{expected}"
    assert {i: image.pixel_sha256 for i, image in back.images.items()} == {
        i: image.pixel_sha256 for i, image in sample.images.items()
    }
    assert {i: (m.modality, m.view, m.sequence) for i, m in back.images.items()} == {
        i: (m.modality, m.view, m.sequence) for i, m in sample.images.items()
    }
    accounts = back.manifest["imported"]["accounting"]
    assert sum(account["used"] for account in accounts.values()) == len(sample.questions)
    assert [r for r in back.rejects if r.row is not None] == []


@pytest.mark.parametrize("name", PIXEL_FORMATS)
def test_what_the_rule_never_offers_is_told_of_an_import_too(
    sample: Benchmark, tmp_path: Path, name: str
) -> None:
    """The rule ruled out Osteophytes, and the item offers them all the same."""
    bench = Benchmark.load(sample.folder)
    item = next(q for q in bench.questions if q.disease == "Foraminal stenosis" and not q.multiple)
    assert "Osteophytes" in item.options
    bench.__dict__["questions"] = [
        replace(q, never_offered=("Osteophytes",)) if q == item else q for q in bench.questions
    ]
    export_benchmark(bench, tmp_path / "out", format_name=name, options=ALL)
    import_benchmark(tmp_path / "out", tmp_path / "back", format_name=name, engine=HERE)
    for audited in (bench, Benchmark.load(tmp_path / "back")):
        (found,) = audit_benchmark(audited, HERE, only={"option_also_true"}).findings
        assert found.items == (item.question_id,)


def test_the_same_bytes_each_time(sample: Benchmark, tmp_path: Path) -> None:
    for name in PIXEL_FORMATS:
        trees = []
        for turn in ("1", "2"):
            out = tmp_path / f"{name}{turn}"
            export_benchmark(sample, out, format_name=name, options=ALL)
            trees.append(
                {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
            )
        assert trees[0] == trees[1], name


def test_nothing_of_the_source_leaves(sample: Benchmark, tmp_path: Path) -> None:
    # a finding's id, the source's row and the patient's id
    secrets = [b"train_label_coordinates", b"train.csv", b'"rsna:70"', b"Left Subarticular"]
    for name in ("released", "vlmeval"):
        export_benchmark(sample, tmp_path / name, format_name=name, options=ALL)
        for path in (tmp_path / name).rglob("*"):
            if path.suffix in (".json", ".tsv"):
                assert not [s for s in secrets if s in path.read_bytes()], path.name


def test_reserve_is_kept_back_unless_named(sample: Benchmark, tmp_path: Path) -> None:
    options = ExportOptions(accepted=("rsna", "vindr"))
    note = export_benchmark(sample, tmp_path / "out", format_name="released", options=options)
    assert note["counts"]["questions_by_task_and_split"]["diagnosis"] == {"test": 4, "train": 2}
    assert not (tmp_path / "out" / "reserve").exists()


def test_the_subset_alone(sample: Benchmark, tmp_path: Path) -> None:
    options = ExportOptions(subset=True, accepted=("rsna", "vindr"))
    note = export_benchmark(sample, tmp_path / "out", format_name="hf", options=options)
    assert note["counts"]["questions_by_task_and_split"] == {"diagnosis": {"test": 4}}
    assert note["counts"]["images"] == 4
