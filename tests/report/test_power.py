"""How many patients a difference takes, from runs whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest

from spinebench import statistics
from spinebench.evaluation.breakdown import load_answers
from spinebench.records import item_seed
from spinebench.report.power import DIFFERENCES, build_power
from spinebench.report.views_pairs import Needed
from tests.report.sample import answers_at, predictions_of, write_run


@pytest.fixture(scope="module")
def answers(bench, tmp_path_factory):
    folder = tmp_path_factory.mktemp("power")
    found = {}
    for rate in (0.3, 0.5, 0.7):
        made = predictions_of(bench.questions, str(rate), answers_at(rate))
        run = write_run(folder / str(rate), bench.folder, made)
        found[str(rate)] = load_answers(bench.folder, run / "predictions.parquet")
    return found


def values(frame, task):
    part = frame.filter(frame["task"] == task)
    return part["correct"].cast(float).to_numpy(), part["patient_id"].to_list()


def test_the_pair_of_two_runs_is_measured(answers):
    rows = build_power({name: answers[name] for name in ("0.3", "0.7")}, baselines=())
    assert [row.measure for row in rows] == ["overall", "diagnosis", "localization"]
    row = rows[1]
    a, patients = values(answers["0.3"], "diagnosis")
    b, _ = values(answers["0.7"], "diagnosis")
    spread = statistics.observed_spread(a, b, patients)
    expected = [statistics.patients_needed(d, spread=spread) for d in DIFFERENCES]
    assert [needed.patients for needed in row.needed] == expected
    assert expected[0] > expected[1] > expected[2] > 2
    assert row.needed[0] == Needed(patients=expected[0], least=expected[0], most=expected[0])
    assert row.patients == len(set(patients))
    assert row.visible == pytest.approx(
        statistics.detectable_difference(row.patients, spread=spread)
    )
    # that difference takes just these patients
    assert statistics.patients_needed(row.visible, spread=spread) == row.patients
    alone = np.var(a - b, ddof=1) / len(a)
    assert row.design == pytest.approx(spread**2 / row.patients / alone)
    assert row.pairs == 1


def test_baselines_count_only_where_models_lack(answers):
    all_three = build_power(answers, baselines=())
    assert all_three[1].pairs == 3
    assert all_three[1].needed[0].least < all_three[1].needed[0].most
    one_baseline = build_power(answers, baselines=("0.5",))
    assert one_baseline == build_power(
        {name: answers[name] for name in ("0.3", "0.7")}, baselines=()
    )
    assert build_power(answers, baselines=("0.3", "0.5")) == all_three


def test_a_single_run_assumes_another_of_its_kind(answers):
    (row,) = [
        row for row in build_power({"0.5": answers["0.5"]}, baselines=())
        if row.measure == "diagnosis"
    ]  # fmt: skip
    right, patients = values(answers["0.5"], "diagnosis")
    one = statistics.observed_spread(right, np.zeros(len(right)), patients)
    assert row.pairs == 0
    assert row.needed[0].patients == statistics.patients_needed(0.02, spread=2**0.5 * one)


def test_what_cannot_be_worked_out_is_unknown(answers, bench, tmp_path):
    same = build_power({"a": answers["0.5"], "b": answers["0.5"]}, baselines=())
    assert {row.needed for row in same} == {(None,) * 3}
    assert {row.visible for row in same} == {None}
    assert same[0].patients > 2
    nobody = answers["0.5"].filter(answers["0.5"]["patient_id"] == "rsna:1")
    other = answers["0.3"].filter(answers["0.3"]["patient_id"] == "rsna:1")
    assert build_power({"a": nobody, "b": other}, baselines=())[0].needed == (None,) * 3
    assert build_power({}, baselines=()) == ()


def test_answers_alike_within_a_patient_take_more_patients(bench, tmp_path):
    """A run that is right or wrong on whole patients: the design effect shows it."""
    ids = {q.question_id: q for q in bench.questions}

    def by_patient(question):
        lucky = np.random.default_rng(item_seed(3, question.patient_id)).random() < 0.5
        return question.gold if lucky else next(iter(set(question.lettered) - {*question.gold}))

    made = [
        replace(p, letters=tuple(by_patient(ids[p.question_id])))
        for p in predictions_of(bench.questions, "m", lambda q: q.gold)
    ]
    run = write_run(tmp_path / "r", bench.folder, made)
    frame = load_answers(bench.folder, run / "predictions.parquet")
    rows = {row.measure: row for row in build_power({"m": frame}, baselines=())}
    assert rows["localization"].design > 1.5  # two questions each
