"""The whole audit: nothing raised on a clean benchmark, and what its JSON holds."""

from pathlib import Path

import pytest

from spinebench.benchmark.audit.findings import ITEMS_SHOWN, AuditFinding
from spinebench.benchmark.audit.registry import CHECKS
from spinebench.benchmark.audit.run import audit_benchmark, finding_as_json
from spinebench.benchmark.bundle import Benchmark
from spinebench.engine import LocalEngine
from spinebench.errors import UsageError
from tests.benchmark.audit.faults import plant_marker, plant_near_across
from tests.benchmark.audit.fixture import Sample, above_note, audit_folder, build_sample

SEEDS = range(20)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_above_a_note_on_a_balanced_benchmark(seed: int, tmp_path: Path) -> None:
    folder = build_sample(tmp_path / "bench", seed=100 + seed, patients=50, images_each=1).write()
    audit = audit_folder(folder)
    assert above_note(audit.findings) == set()
    assert [f.check for f in audit.findings] == ["shortcuts_measured", "small_test", "not_checked"]
    assert {m.task for m in audit.measures} == {"diagnosis", "localization"}
    assert all(m.gain_low is not None and m.gain_low < 0.05 for m in audit.measures)


def test_the_gravest_comes_first_and_one_line_holds_a_check(spoilable) -> None:
    sample: Sample = spoilable()
    plant_near_across(sample)
    plant_marker(sample)
    audit = audit_folder(sample.write())
    order = [finding.severity for finding in audit.findings]
    assert order == sorted(order, key=["critical", "serious", "minor", "note"].index)
    names = [finding.check for finding in audit.findings]
    assert len(names) == len(set(names))
    assert audit.count_by_severity()["critical"] == 1
    marks = next(f for f in audit.findings if f.check == "burnt_in_marker")
    # the note on all marked images gives way to the shortcut, but its figure stays
    assert marks.severity == "serious"
    assert "images have mark-like blobs near a border" in marks.summary


def test_the_published_construction_is_told(spoilable) -> None:
    """Two classes on MR, each on a sequence of its own, one of them axial; the rest on films."""
    sample: Sample = spoilable()
    shown = {
        "Spinal Canal Stenosis": ("rsna", "MR", "AX", "T2"),
        "Foraminal stenosis": ("rsna", "MR", "SAG", "T1"),
    }
    for question in sample.questions_of("diagnosis"):
        source, modality, view, sequence = shown.get(question.disease, ("own", "XR", "LAT", None))
        sample.change_image(
            question.image_ids[0], source=source, modality=modality, view=view, sequence=sequence
        )
    found = {f.check: f.severity for f in audit_folder(sample.write()).findings}
    assert {found[f"{name}_gives_class"] for name in ("sequence", "view")} == {"serious"}
    assert found["axial_level_without_cue"] == "serious"
    assert found["distractor_strength"] == "serious"
    assert {"source_gives_class", "modality_gives_class"} <= found.keys()


def test_workers_change_nothing(spoilable) -> None:
    sample: Sample = spoilable()
    plant_near_across(sample)
    bench = Benchmark.load(sample.write())
    assert audit_benchmark(bench, LocalEngine(2)) == audit_benchmark(bench, LocalEngine(1))


def test_only_some_checks(spoilable) -> None:
    sample: Sample = spoilable()
    plant_near_across(sample)
    bench = Benchmark.load(sample.write())
    only = frozenset({"near_duplicates_cross_splits", "missing_image"})
    found = audit_benchmark(bench, LocalEngine(1), only=only).findings
    assert [finding.check for finding in found] == ["near_duplicates_cross_splits"]
    with pytest.raises(UsageError, match="no check 'luck'; there are: patient_crosses_splits, "):
        audit_benchmark(bench, LocalEngine(1), only=frozenset({"luck"}))


def test_an_empty_benchmark_is_told_so(tmp_path: Path) -> None:
    sample = Sample(tmp_path / "bench")
    (tmp_path / "bench").mkdir()
    found = audit_folder(sample.write()).findings
    assert [(f.check, f.severity) for f in found] == [
        ("empty_split", "serious"), ("not_checked", "note"),
    ]  # fmt: skip


def test_json_counts_all_items_and_shows_some() -> None:
    finding = AuditFinding(
        check="missing_image", severity="critical", summary="s",
        items=tuple(f"i{number:04d}" for number in range(ITEMS_SHOWN + 1)), drop=("q",),
    )  # fmt: skip
    card = finding_as_json(finding)
    assert card == {
        "check": "missing_image", "severity": "critical", "count": ITEMS_SHOWN + 1,
        "items": list(finding.items[:ITEMS_SHOWN]), "items_truncated": True,
        "mend": CHECKS["missing_image"].mend, "summary": "s", "drops": 1,
    }  # fmt: skip


def test_json_of_a_shortcut_has_its_interval(spoilable) -> None:
    sample: Sample = spoilable()
    plant_marker(sample)
    audit = audit_folder(sample.write())
    card = finding_as_json(next(f for f in audit.findings if f.check == "burnt_in_marker"))
    assert card["low"] < card["estimate"] <= card["high"]
    assert card["reference"] < card["low"]
    assert {m["name"] for m in card["measures"]} == {"burnt_in_marks_and_metadata"}
