"""Every planted fault is found by its check, and by no other than what must come with it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spinebench.benchmark.audit.mend import mend_benchmark
from spinebench.benchmark.audit.registry import CHECKS
from spinebench.benchmark.audit.run import audit_benchmark
from spinebench.benchmark.bundle import Benchmark
from spinebench.engine import LocalEngine
from spinebench.records import Question
from spinebench.tables import read_table, write_table
from tests.benchmark.audit.faults import FAULTS, Fault
from tests.benchmark.audit.fixture import Sample, above_note, audit_folder

NOTES = {"healthy_unverified", "ids_shared", "near_duplicates_same_patient", "not_checked",
         "restricted_source_pixels", "shortcuts_measured", "small_test"}  # fmt: skip
# the same arithmetic as for another column, with another name
LIKE_ANOTHER = {"source_gives_class", "modality_gives_class", "aspect_gives_class",
                "file_size_gives_class", "metadata_shortcut"}  # fmt: skip
# no writer of ours leaves these: tables that were changed later
AFTERWARDS = {"table_altered", "image_unknown"}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.check)
def test_a_planted_fault_is_found_by_its_check_alone(
    fault: Fault, spoilable: Callable[[], Sample]
) -> None:
    sample = spoilable()
    expected = fault.plant(sample)
    audit = audit_folder(sample.write())
    assert above_note(audit.findings) == {fault.check, *fault.implies}
    found = {finding.check: finding for finding in audit.findings}
    assert found[fault.check].severity == fault.severity
    assert expected <= set(found[fault.check].items)
    assert bool(found[fault.check].drop) == CHECKS[fault.check].drops


def test_a_mended_copy_has_none_of_the_faults_that_are_mended(
    spoilable: Callable[[], Sample], tmp_path: Path
) -> None:
    sample = spoilable()
    mechanical = [fault for fault in FAULTS if CHECKS[fault.check].drops]
    for fault in mechanical:
        fault.plant(sample)
    folder = sample.write()
    before = {path.name: path.read_bytes() for path in folder.glob("*.*")}
    audit = audit_folder(folder)
    found = {finding.check for finding in audit.findings}
    # one fault may hide another that is planted into the same item
    assert len(found & {fault.check for fault in mechanical}) > 20
    mended = mend_benchmark(Benchmark.load(folder), audit, tmp_path / "mended")
    assert {path.name: path.read_bytes() for path in folder.glob("*.*")} == before
    assert set(mended.count_by_check()) <= found
    left = above_note(audit_folder(tmp_path / "mended").findings)
    assert not {check for check in left if CHECKS[check].drops}
    assert 0 < mended.kept_questions < len(sample.questions)


def test_a_table_that_was_changed_afterwards(spoilable: Callable[[], Sample]) -> None:
    folder = spoilable().write()
    questions = read_table(folder / "questions.parquet", Question)
    questions[0] = replace(questions[0], image_ids=())
    questions[1] = replace(questions[1], image_ids=("own:none",))
    write_table(folder / "questions.parquet", questions, Question)
    bench = Benchmark.load(folder, altered=True)
    found = {f.check: f.items for f in audit_benchmark(bench, LocalEngine(1)).findings}
    assert found["table_altered"] == ("questions.parquet",)
    assert set(found["image_unknown"]) == {q.question_id for q in questions[:2]}


def test_every_check_above_a_note_has_a_fault() -> None:
    planted = {fault.check for fault in FAULTS}
    assert planted | NOTES | LIKE_ANOTHER | AFTERWARDS == set(CHECKS)
    assert not planted & LIKE_ANOTHER
    assert len(planted) >= 15
