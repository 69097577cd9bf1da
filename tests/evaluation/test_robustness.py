"""Drops by hand, and runs that do not belong together."""

import math
import shutil
from pathlib import Path

import polars as pl
import pytest

from spinebench.engine import LocalEngine
from spinebench.errors import UsageError
from spinebench.evaluation.perturb_benchmark import PerturbOptions, write_perturbed
from spinebench.evaluation.robustness import build_rows, compare_perturbed, pair_answers
from spinebench.records import Question
from spinebench.tables import read_manifest, write_json
from tests.evaluation.run_folder_of import write_run_folder


def wrong(question: Question) -> tuple[str, ...]:
    return (next(letter for letter in question.lettered if letter not in question.gold),)


def right(question: Question) -> tuple[str, ...]:
    return question.gold


@pytest.fixture(scope="module")
def changed(bench: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("perturbed") / "bench"
    options = PerturbOptions(kinds=("brightness", "crop"))
    write_perturbed(bench, out, options=options, engine=LocalEngine(1))
    return out


@pytest.fixture(scope="module")
def plain_run(bench: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run_folder(tmp_path_factory.mktemp("plain") / "run", bench, right)


def fails_when_dark(question: Question) -> tuple[str, ...] | None:
    if "~brightness-3@" in question.question_id and question.source == "rsna":
        return wrong(question)
    if "~crop-1@" in question.question_id:
        return None  # the call failed: no pair
    return question.gold


def test_the_drop_of_each_change(changed: Path, plain_run: Path, tmp_path: Path) -> None:
    run = write_run_folder(tmp_path / "run", changed, fails_when_dark)
    rows = {(r.task, r.kind, r.step): r for r in compare_perturbed(run, plain_run)}
    assert sorted(rows) == [
        *(("diagnosis", "brightness", step) for step in (1, 2, 3)),
        ("diagnosis", "crop", 2), ("diagnosis", "crop", 3),
        *(("localization", "brightness", step) for step in (1, 2, 3)),
        ("localization", "crop", 2), ("localization", "crop", 3),
    ]  # fmt: skip
    hit = rows["diagnosis", "brightness", 3]
    assert (hit.before, hit.after, hit.drop.estimate) == (1.0, 0.5, 0.5)
    assert (hit.pairs, hit.patients, hit.amount) == (40, 10, 0.24)
    assert hit.changed.estimate == 0.5
    # 10 patients, 5 of whom lost all and none of whom won: Wilson's of 5 of 10 and of 0 of 10 with
    # a t quantile, in a right angle
    t2 = 2.2621572**2
    n_eff = 40 / (10 * 0.25 / 9 / 10 / (0.25 / 39))  # design effect 4.33: patients lose all or none
    lost, won = (
        math.sqrt(t2 * (0.25 / n_eff + t2 / (4 * n_eff**2))) / (1 + t2 / n_eff),
        t2 / (10 + t2),
    )
    half = math.hypot(lost, won)
    assert hit.drop.low == pytest.approx(0.5 - half, abs=1e-6)
    assert hit.p == pytest.approx(2 / 2**5)  # all five signs alike, either way
    assert hit.p_adjusted == pytest.approx(10 * 2 / 2**5)  # ten rows, two of this p
    calm = rows["diagnosis", "brightness", 1]
    assert (calm.drop.estimate, calm.p, calm.p_adjusted) == (0.0, 1.0, 1.0)
    assert calm.changed.estimate == 0.0


def test_another_wrong_answer_is_no_drop_but_a_change() -> None:
    def answers(ids: list[str], letters: list[list[str]]) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "question_id": ids, "epoch": 1, "task": "diagnosis", "kind": "mcq",
                "patient_id": [f"p{i}" for i in range(len(ids))], "counted": True,
                "correct": [x == ["A"] for x in letters], "letters": letters,
                "outcome": ["answered" if x else "unparsed" for x in letters],
            },
            schema_overrides={"letters": pl.List(pl.String)},
        )  # fmt: skip

    changes = pl.DataFrame(
        {
            "question_id": ["a~crop-1", "b~crop-1", "c~crop-1", "d~crop-1"],
            "original_question_id": ["a", "b", "c", "d"],
            "kind": "crop", "step": 1, "amount": 0.04,
        }
    )  # fmt: skip
    before = answers(["a", "b", "c"], [["B"], ["B"], ["A"]])
    after = answers(changes["question_id"].to_list(), [["C"], ["B"], [], ["A"]])
    pairs = pair_answers(after, before, changes)
    assert pairs["same"].to_list() == [0.0, 1.0, 0.0]  # d has no partner
    assert pairs["kind"].unique().to_list() == ["crop"]
    (row,) = build_rows(pairs, seed=0)
    assert (row.before, row.after) == (pytest.approx(1 / 3), 0.0)
    assert row.changed.estimate == pytest.approx(2 / 3)


def test_runs_that_do_not_belong_together(
    changed: Path, bench: Path, plain_run: Path, tmp_path: Path
) -> None:
    run = write_run_folder(tmp_path / "run", changed, right)
    other = write_run_folder(tmp_path / "other", changed, right, model="another")
    with pytest.raises(UsageError, match="differ in model: the same model"):
        compare_perturbed(other, plain_run)
    with pytest.raises(UsageError, match="is not a perturbed benchmark"):
        compare_perturbed(plain_run, plain_run)
    spoilt = Path(shutil.copytree(run, tmp_path / "spoilt"))
    manifest = read_manifest(spoilt, "run")
    manifest["prompts"]["diagnosis"]["sha256"] = "q"
    write_json(spoilt / "manifest.json", manifest)
    with pytest.raises(UsageError, match="differ in prompts"):
        compare_perturbed(spoilt, plain_run, perturbed_bench=changed)
    for settings, words in (
        ({"max_connections": 8}, None),
        ({"temperature": 1.0}, "differ in setting temperature: the same model"),
    ):
        manifest = {**read_manifest(run, "run"), "settings": settings}
        write_json(spoilt / "manifest.json", manifest)
        if words is None:
            assert compare_perturbed(spoilt, plain_run, perturbed_bench=changed)
        else:
            with pytest.raises(UsageError, match=words):
                compare_perturbed(spoilt, plain_run, perturbed_bench=changed)
    with pytest.raises(UsageError, match="was made from another benchmark"):
        compare_perturbed(run, run, plain_bench=bench, perturbed_bench=changed)
    silent = write_run_folder(tmp_path / "silent", changed, lambda question: None)
    with pytest.raises(UsageError, match="no question was answered both in"):
        compare_perturbed(silent, plain_run)
