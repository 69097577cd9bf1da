import numpy as np
import pytest

from spinebench.report.board import PageOptions, build_page_view
from tests.report.sample import answers_at, predictions_of, write_run


def page_of(bench, folder, rates, **options):
    runs = [
        write_run(folder / name, bench.folder,
                  predictions_of(bench.questions, name, answers_at(rate)))
        for name, rate in rates.items()
    ]  # fmt: skip
    return build_page_view(bench, runs, PageOptions(title="T", **options))[0]


def test_models_far_apart_stand_in_two_tiers(bench, tmp_path):
    page = page_of(bench, tmp_path, {"good": 0.95, "also-good": 0.93, "bad": 0.2})
    assert [one.measure for one in page.standings] == ["overall", "diagnosis", "localization"]
    overall = page.standings[0]
    assert [set(group) for group in overall.groups] == [{"good", "also-good"}, {"bad"}]
    pairs = {frozenset((pair.first, pair.second)): pair for pair in overall.pairs}
    near = pairs[frozenset(("good", "also-good"))]
    assert not near.apart
    assert all(pair.p_holm >= pair.p for pair in overall.pairs)
    scores = {run.label: run.overall.value for run in page.runs}
    for pair in overall.pairs:
        expected = scores[pair.first] - scores[pair.second]
        assert pair.difference.value == pytest.approx(expected)
        assert np.isclose(pair.difference.value, 0) or pair.difference.value > 0


def test_an_incomplete_run_and_a_control_stand_in_no_tier(bench, tmp_path):
    made = predictions_of(bench.questions, "m", answers_at(0.9))
    ids = [made[0].question_id]
    broken = predictions_of(
        bench.questions, "broken", answers_at(0.9), {ids[0]: {"outcome": "failed", "letters": ()}}
    )
    blind = predictions_of(
        bench.questions, "m", answers_at(0.3),
        {q.question_id: {"protocol": "released+no-image"} for q in bench.questions},
    )  # fmt: skip
    folders = [
        write_run(tmp_path / "m", bench.folder, made),
        write_run(tmp_path / "n", bench.folder,
                  predictions_of(bench.questions, "n", answers_at(0.5))),
        write_run(tmp_path / "broken", bench.folder, broken),
        write_run(tmp_path / "control", bench.folder, blind, protocol="released+no-image"),
    ]  # fmt: skip
    page, _ = build_page_view(bench, folders, PageOptions(title="T"))
    for standing in page.standings:
        assert {label for group in standing.groups for label in group} == {"m", "n"}
    by_label = {run.label: run for run in page.runs}
    assert by_label["m · no image"].control
    assert by_label["m"].habits.control == "control"
    assert "it uses the image" in by_label["m"].habits.sight_words
    assert by_label["n"].habits.sight_words.startswith("Not known")
    assert not any("same way" in words for words in page.warnings)
    assert page.duel.first == "m"
    assert page.duel.second == "n"


def test_the_duel_counts_what_the_runs_say(bench, tmp_path):
    page = page_of(bench, tmp_path, {"a": 0.9, "b": 0.4})
    whole = [row for row in page.duel.rows if row.name is None]
    assert [row.task for row in whole] == ["diagnosis", "localization"]
    for row in whole:
        parts = [part for part in page.duel.rows if part.task == row.task and part.name]
        assert sum(part.first_better for part in parts) == row.first_better
        assert sum(part.difference.items for part in parts) == row.difference.items
    assert page.duel.differing == sum(row.first_better + row.second_better for row in whole)
    assert len(page.duel.items) == 12
    assert {item.better for item in page.duel.items} == {"a", "b"}


def test_one_run_is_compared_with_nothing(bench, tmp_path):
    page = page_of(bench, tmp_path, {"a": 0.9}, reported=False)
    assert page.standings == ()
    assert page.duel is None
    assert page.reported == ()
