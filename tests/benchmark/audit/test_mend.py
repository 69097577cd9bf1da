"""The mended copy: what is left, and the ledger of what is not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spinebench.benchmark.audit.findings import AuditFinding
from spinebench.benchmark.audit.mend import mend_benchmark, parse_unit
from spinebench.benchmark.audit.run import Audit
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.write import BenchmarkContent, write_benchmark
from spinebench.errors import DataError, UsageError
from spinebench.records import Reject
from tests.benchmark.audit.fixture import Sample


def drop(*findings: tuple[str, str, tuple[str, ...], tuple[str, ...]]) -> Audit:
    return Audit(
        tuple(
            AuditFinding(check=check, severity=severity, summary="", items=items, drop=dropped)  # type: ignore[arg-type]  # a severity
            for check, severity, items, dropped in findings
        ),
        (),
    )


def test_what_is_dropped_is_told_and_the_accounts_still_add_up(spoilable, tmp_path: Path) -> None:
    sample: Sample = spoilable()
    where = sample.questions_of("localization", "test")[0]
    (image_id,) = where.image_ids
    both = [q for q in sample.questions.values() if q.image_ids == (image_id,)]
    alone = sample.questions_of("localization", "test")[1]
    bench = Benchmark.load(sample.write())
    both_ids = tuple(q.question_id for q in both)
    audit = drop(
        ("contradictory_questions", "critical", (), both_ids[:1]),
        ("option_also_true", "serious", (), (*both_ids, alone.question_id)),
    )
    mended = mend_benchmark(bench, audit, tmp_path / "mended")
    assert mended.count_by_check() == {"contradictory_questions": 1, "option_also_true": 2}
    copy = Benchmark.load(tmp_path / "mended")
    dropped = {*both_ids, alone.question_id}
    assert [q for q in bench.questions if q.question_id not in dropped] == copy.questions
    assert bench.images.keys() - copy.images.keys() == {image_id}
    assert all(copy.image_file(i).is_file() for i in copy.images)
    assert bench.findings.keys() - copy.findings.keys() == {where.finding_ids[0]}
    # the row of `alone` is used by its diagnosis item; the other row by nothing any more
    first = both_ids[0]
    _, file, row, _ = parse_unit(where.rests_on[0])
    rest = sorted(dropped - {first})
    assert copy.rejects == [
        Reject(source="own", file="images.parquet", row=None, column=None,
               reason="contradictory_questions", detail=image_id)
        if mended.images[image_id] == "contradictory_questions" else
        Reject(source="own", file="images.parquet", row=None, column=None,
               reason="option_also_true", detail=image_id),
        Reject(source="own", file="questions.parquet", row=None, column=None,
               reason="contradictory_questions", detail=first),
        *(Reject(source="own", file="questions.parquet", row=None, column=None,
                 reason="option_also_true", detail=question_id) for question_id in rest),
        Reject(source="own", file=file, row=row, column=None,
               reason="contradictory_questions", detail="its questions were dropped"),
    ]  # fmt: skip
    before = bench.manifest["sources"]["own"]["accounting"]["rows.csv"]
    assert copy.manifest["sources"]["own"]["accounting"]["rows.csv"] == {
        "read": before["read"], "used": before["used"] - 1, "dropped": 1,
        "reasons": {"contradictory_questions": 1}, "notes": {},
    }  # fmt: skip
    assert copy.manifest["mended"]["dropped_questions"] == mended.count_by_check()
    assert copy.manifest["sources"]["own"]["images"] == len(copy.images)


def test_vectors_follow_their_images(clean: Sample, spoilable, tmp_path: Path) -> None:
    sample: Sample = spoilable()
    images = list(sample.images.values())
    vectors = np.arange(2 * len(images), dtype=np.float32).reshape(-1, 2)
    content = BenchmarkContent(
        images=images, findings=[], questions=list(sample.questions.values()), rejects=[],
        vectors=vectors,
    )  # fmt: skip
    write_benchmark(sample.folder, content, {"seed": 0, "label_rule": "x", "sources": {}})
    bench = Benchmark.load(sample.folder)
    gone = images[1].image_id
    ids = tuple(q.question_id for q in bench.questions if gone in q.image_ids)
    mend_benchmark(bench, drop(("label_conflict", "critical", (), ids)), tmp_path / "m")
    kept, found = Benchmark.load(tmp_path / "m").embeddings()
    assert kept == [image.image_id for image in images if image.image_id != gone]
    assert (found == np.delete(vectors, 1, axis=0)).all()


def test_a_picture_that_is_missing_goes_though_nobody_asks(spoilable, tmp_path: Path) -> None:
    sample: Sample = spoilable()
    extra = replace(next(iter(sample.images.values())), image_id="own:x", path="images/zz/zz.png")
    sample.images["own:x"] = extra
    bench = Benchmark.load(sample.write())
    mend_benchmark(bench, drop(("missing_image", "critical", ("own:x",), ())), tmp_path / "m")
    assert "own:x" not in Benchmark.load(tmp_path / "m").images


def test_the_same_folder_gives_the_same_copy(spoilable, tmp_path: Path) -> None:
    bench = Benchmark.load(spoilable().write())
    audit = drop(("gold_missing", "critical", (), (bench.questions[0].question_id,)))
    for name in "ab":
        mend_benchmark(bench, audit, tmp_path / name)
    a, b = (json.loads((tmp_path / name / "manifest.json").read_text()) for name in "ab")
    assert a == b


def test_the_original_is_never_written_to(clean: Sample, tmp_path: Path) -> None:
    bench = Benchmark.load(clean.write())
    with pytest.raises(UsageError, match="already exists and is not empty"):
        mend_benchmark(bench, drop(), clean.folder)
    with pytest.raises(UsageError, match=r"lies in .*clean, which is never written to"):
        mend_benchmark(bench, drop(), clean.folder / "mended")


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("rsna:train.csv:7", ("rsna", "train.csv", 7, None)),
        ("rsna:train.csv:7:left_l4_l5", ("rsna", "train.csv", 7, "left_l4_l5")),
        ("own:a/b:c.csv:12:x:y", ("own", "a/b:c.csv", 12, "x:y")),
    ],
)
def test_rows_are_read_back(name: str, unit: tuple[object, ...]) -> None:
    assert parse_unit(name) == unit


def test_a_row_without_a_number_is_refused() -> None:
    with pytest.raises(DataError, match=r"rests_on: found .rsna:train\.csv., expected SOURCE:FILE"):
        parse_unit("rsna:train.csv")


def test_accounts_that_cannot_be_are_refused(spoilable, tmp_path: Path) -> None:
    sample: Sample = spoilable()
    folder = sample.write()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sources"]["own"]["accounting"]["rows.csv"]["used"] = 0
    (folder / "manifest.json").write_text(json.dumps(manifest))
    bench = Benchmark.load(folder)
    healthy = next(q for q in bench.questions if q.disease == "Healthy")
    audit = drop(("gold_missing", "critical", (), (healthy.question_id,)))
    with pytest.raises(DataError, match="accounting: found 0 used, expected at least the 1"):
        mend_benchmark(bench, audit, tmp_path / "m")
    assert not (tmp_path / "m").exists()
