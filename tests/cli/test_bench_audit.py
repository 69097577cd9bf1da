from pathlib import Path

import pytest

from tests.benchmark.audit.faults import plant_letter_outside, plant_near_within
from tests.benchmark.audit.fixture import Sample, build_sample
from tests.cli.conftest import Cli


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return build_sample(tmp_path / "bench", patients=24)


def test_json_holds_the_findings_and_nothing_else(cli: Cli, sample: Sample) -> None:
    (question_id,) = plant_letter_outside(sample)
    outcome = cli("bench", "audit", sample.write(), "--workers", 1, "--json")
    assert outcome.code == 0, outcome.err
    result = outcome.json()
    assert set(result) == {"findings"}
    first = result["findings"][0]
    named = {key: first[key] for key in ("check", "severity", "count", "items", "mend")}
    assert named == {
        "check": "answer_not_among_options", "severity": "critical", "count": 1,
        "items": [question_id], "mend": "drop the item",
    }  # fmt: skip


def test_lines_name_check_items_and_mend(cli: Cli, sample: Sample) -> None:
    (question_id,) = plant_letter_outside(sample)
    folder = sample.write()
    lines = cli("bench", "audit", folder, "--workers", 1).out.splitlines()
    assert lines[0] == f"{folder}: 1 critical, 3 notes"
    assert lines[2:6] == [
        "critical: answer_not_among_options (1)",
        "  1 question whose gold letter has no option",
        f"  items: {question_id}",
        "  mend: drop the item",
    ]


def test_fix_says_what_it_dropped(cli: Cli, sample: Sample, tmp_path: Path) -> None:
    plant_letter_outside(sample)
    plant_near_within(sample)
    folder = sample.write()
    fixed = tmp_path / "fixed"
    told = cli("bench", "audit", folder, "--fix", fixed, "--workers", 1)
    n = len(sample.questions)
    tail = [line.split() for line in told.out.splitlines()[-4:] if line]
    assert f"{fixed}: {n - 2} questions on " in told.out
    assert "2 questions and 2 images dropped" in told.out or "2 questions and 1 images" in told.out
    assert tail[-2:] == [["near_duplicates", "1"], ["answer_not_among_options", "1"]]
    again = cli("bench", "audit", fixed, "--fix", tmp_path / "twice", "--workers", 1, "--json")
    result = again.json()
    assert {f["severity"] for f in result["findings"]} == {"note"}
    assert result["mended"] == {
        "out": str(tmp_path / "twice"), "dropped_questions": 0, "dropped_images": 0,
        "dropped_by_check": {}, "kept_questions": n - 2,
        "kept_images": result["mended"]["kept_images"],
    }  # fmt: skip


def test_a_page_is_written(cli: Cli, sample: Sample, tmp_path: Path) -> None:
    page = tmp_path / "pages" / "audit.html"
    assert cli("bench", "audit", sample.write(), "--page", page, "--workers", 1).code == 0
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_wrong_places_are_told_before_the_work(cli: Cli, sample: Sample, tmp_path: Path) -> None:
    folder = sample.write()
    for arguments, words in (
        (("--fix", folder / "inside"), "which is never written to"),
        (("--fix", folder), "already exists and is not empty"),
        (("--page", tmp_path), "is a folder; name the page to write"),
        (("--only", "luck"), "no check 'luck'; there are: patient_crosses_splits"),
    ):
        outcome = cli("bench", "audit", folder, *arguments)
        assert outcome.code == 2
        assert words in outcome.err
        assert len(outcome.err.splitlines()) == 1
        assert outcome.out == ""


def test_no_benchmark_is_one_line(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("bench", "audit", tmp_path)
    assert outcome.code == 2
    assert "is not a benchmark: looked for manifest.json" in outcome.err
