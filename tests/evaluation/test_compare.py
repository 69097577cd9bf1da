import json

import numpy as np
import polars as pl
import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.cli.main import build_command
from spinebench.errors import UsageError
from spinebench.evaluation.compare import (
    compare_answers,
    compare_runs,
    overall_weights,
    question_values,
)
from tests.report.sample import answers_at, predictions_of, write_bench, write_run


def table(rows):
    """Answers from (question, task, patient, disease, outcome, named) with B as the truth."""
    return pl.DataFrame(
        [
            {
                "question_id": question,
                "task": task,
                "source": "s",
                "disease": disease,
                "patient_id": patient,
                "right": ["B"],
                "named": list(named),
                "outcome": outcome,
                "counted": outcome not in ("failed", "not_run"),
                "correct": outcome == "answered" and list(named) == ["B"],
            }
            for question, task, patient, disease, outcome, named in rows
        ],
        schema_overrides={"named": pl.List(pl.String)},
    )


def asked(pattern, *, per_patient=1, task="diagnosis"):
    """One question per letter: r right, w wrong, u unparsed, f failed."""
    outcomes = {"r": ("answered", "B"), "w": ("answered", "C"), "u": ("unparsed", ""),
                "f": ("failed", "")}  # fmt: skip
    return table(
        (f"q{n:02d}", task, f"p{n // per_patient}", "X" if n % 2 else "Y", *outcomes[c])
        for n, c in enumerate(pattern)
    )


def test_figures_by_hand():
    found = compare_answers(asked("rrrrwwru"), asked("rwwwwwww"), seed=0)["tasks"]["diagnosis"]
    assert (found["items"], found["patients"]) == (8, 8)
    assert (found["accuracy_a"], found["accuracy_b"]) == (5 / 8, 1 / 8)
    assert found["difference"]["estimate"] == pytest.approx(0.5)
    assert found["outcomes"] == {
        "both_right": 1, "a_better": 4, "b_better": 0, "both_wrong": 3, "alike_in_part": 0
    }  # fmt: skip
    # four pairs that differ, all the same way: 2 of 16 signs are as far out
    assert found["p_permutation"] == pytest.approx(2 / 16)
    assert found["p_mcnemar"] == pytest.approx(2 / 16)
    assert found["mcnemar_note"] is None
    by_class = {row["value"]: row for row in found["by_class"]}
    assert list(by_class) == ["X", "Y"]
    assert (by_class["X"]["accuracy_a"], by_class["Y"]["accuracy_a"]) == (0.5, 0.75)


def test_mcnemar_only_with_one_question_per_patient():
    a, b = asked("rrrrrrww", per_patient=2), asked("wwrrwwww", per_patient=2)
    found = compare_answers(a, b, seed=0)["tasks"]["diagnosis"]
    assert found["p_mcnemar"] is None
    assert found["mcnemar_note"] == "not one question per patient"
    # two patients differ, both the same way: 2 of 4 signs
    assert found["p_permutation"] == pytest.approx(0.5)
    assert found["patients"] == 4


def test_askings_of_a_question_count_once_together():
    thrice = [("q0", "diagnosis", "p0", "X", "answered", letter) for letter in "BBC"]
    once = [("q1", "diagnosis", "p1", "X", "answered", "B")]
    values = question_values(table(thrice + once))
    assert values["value"].to_list() == [pytest.approx(2 / 3), 1.0]
    assert values["named"].to_list() == [["B", "C"], ["B"]]
    other = table([("q0", "diagnosis", "p0", "X", "refused", ""), *once])
    found = compare_answers(table(thrice + once), other, seed=0)
    assert found["tasks"]["diagnosis"]["accuracy_a"] == pytest.approx(5 / 6)
    assert found["tasks"]["diagnosis"]["mcnemar_note"].startswith("some questions were asked")
    (item,) = found["items"]
    assert item["better"] == "a"
    assert item["b"] == {"right": 0.0, "named": ["(refused)"]}


def test_questions_of_one_run_only_are_named_and_left_out():
    found = compare_answers(asked("rfrr"), asked("rrwf"), seed=0)
    assert found["tasks"]["diagnosis"]["items"] == 2
    assert found["only_in_a"] == ["q03"]
    assert found["only_in_b"] == ["q01"]
    assert [item["question_id"] for item in found["items"]] == ["q02"]
    with pytest.raises(UsageError, match="no answered question in common"):
        compare_answers(asked("rf"), asked("fr"), seed=0)


def test_runs_that_say_the_same_have_a_bounded_difference():
    same = asked("rwrw" * 25)
    difference = compare_answers(same, same, seed=0)["tasks"]["diagnosis"]["difference"]
    assert difference["estimate"] == 0.0
    # Wilson's upper bound for 0 of 100 with t(99): t^2 / (n + t^2)
    assert difference["high"] == pytest.approx(1.984**2 / (100 + 1.984**2), abs=1e-3)
    assert difference["low"] == -difference["high"]


def test_overall_is_the_mean_of_the_two_accuracies():
    weights = overall_weights(["diagnosis"] * 4 + ["localization"])
    values = np.array([1, 1, 0, 0, 1.0])
    assert (values * weights).mean() == pytest.approx((0.5 + 1.0) / 2)
    with pytest.raises(ValueError, match="no question of localization"):
        overall_weights(["diagnosis"])
    assert compare_answers(asked("rr"), asked("rw"), seed=0)["overall"] is None


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    bench = Benchmark.load(write_bench(folder / "bench"))
    for name, rate in (("good", 0.9), ("bad", 0.3)):
        made = predictions_of(bench.questions, name, answers_at(rate))
        write_run(folder / name, bench.folder, made)
    return folder


def test_two_run_folders(runs):
    found = compare_runs(runs / "bench", runs / "good", runs / "bad", seed=1)
    assert found["a"]["model"] == "good"
    assert found["notes"] == []
    both = found["tasks"]
    overall = found["overall"]
    for side in ("accuracy_a", "accuracy_b"):
        mean = (both["diagnosis"][side] + both["localization"][side]) / 2
        assert overall[side] == pytest.approx(mean)
    assert overall["difference"]["low"] > 0.3
    assert overall["p_permutation"] == pytest.approx(1 / 10_001)
    better = [item["better"] for item in found["items"]]
    assert better == sorted(better)
    counts = both["diagnosis"]["outcomes"], both["localization"]["outcomes"]
    assert better.count("a") == sum(part["a_better"] for part in counts)
    mirrored = compare_runs(runs / "bench", runs / "bad", runs / "good", seed=1)["overall"]
    assert mirrored["difference"]["estimate"] == pytest.approx(-overall["difference"]["estimate"])
    assert mirrored["p_permutation"] == overall["p_permutation"]


def test_runs_of_two_benchmarks_are_not_compared(runs, tmp_path):
    other = write_run(
        tmp_path / "other", runs / "bench",
        predictions_of(Benchmark.load(runs / "bench").questions, "m", answers_at(0.5)),
        benchmark={"manifest_sha256": "0" * 64, "seed": 7},
    )  # fmt: skip
    with pytest.raises(UsageError, match="two different benchmarks"):
        compare_runs(runs / "bench", runs / "good", other, seed=0)


def test_command_prints_table_and_json(runs, capsys):
    arguments = ["eval", "compare", str(runs / "good"), str(runs / "bad"),
                 "--bench", str(runs / "bench")]  # fmt: skip
    build_command()([*arguments, "--show", "3"], standalone_mode=False)
    text = capsys.readouterr().out
    assert text.startswith("A = good (good, protocol released)")
    assert "McNemar, diagnosis: not taken: not one question per patient" in text
    assert "questions differ; the first 3:" in text
    build_command()([*arguments, "--json"], standalone_mode=False)
    found = json.loads(capsys.readouterr().out)
    assert found["tasks"]["diagnosis"]["items"] == 60
