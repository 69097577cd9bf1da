import json

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import DataError, UsageError
from spinebench.evaluation.extractor_model import STAGE
from spinebench.records import Prediction
from spinebench.report.board import PageOptions, build_page_view, chance_of
from spinebench.report.origin import MAX_NOTED_FILES, read_origin
from spinebench.report.page import render_page
from spinebench.statistics import cluster_interval
from spinebench.tables import write_table
from tests.examples import a_question
from tests.report.sample import answers_at, predictions_of, write_run


def view_of(bench, *folders):
    return build_page_view(bench, folders, PageOptions(title="T", preface=("P",)))[0]


def test_chance():
    one = a_question()  # three options
    many = a_question(options=tuple("abcde"), multiple=True)
    assert chance_of([one]) == pytest.approx(1 / 3)
    assert chance_of([many]) == pytest.approx(1 / 31)
    assert chance_of([one, many]) == pytest.approx((1 / 3 + 1 / 31) / 2)
    assert chance_of([]) is None


def test_row_holds_the_figures_of_the_scores(bench, tmp_path):
    predictions = predictions_of(bench.questions, "m", answers_at(0.7))
    page = view_of(bench, write_run(tmp_path / "r", bench.folder, predictions))
    (run,) = page.runs
    asked = {q.question_id: q for q in bench.questions if q.split == "test"}
    diagnosis = [p for p in predictions if asked[p.question_id].task == "diagnosis"]
    right = [p.letters == asked[p.question_id].gold for p in diagnosis]
    patients = [asked[p.question_id].patient_id for p in diagnosis]
    expected = cluster_interval([float(r) for r in right], patients)
    assert (run.diagnosis.value, run.diagnosis.low, run.diagnosis.high) == pytest.approx(expected)
    assert (run.diagnosis.items, run.diagnosis.patients) == (len(right), len(set(patients)))
    assert run.overall.value == pytest.approx(
        (run.diagnosis.value + run.localization.exact.value) / 2
    )
    assert run.asked == len(asked)
    assert run.outcomes["answered"] == len(asked)
    assert run.complete
    assert sum(map(sum, run.confusion.counts)) == len(right)
    assert run.confusion.without_class == ("unparsed", "refused", "cut off")
    assert run.confusion.columns[-3:] == run.confusion.without_class
    assert sum(place.gold for place in run.positions) == len(right)


def test_breakdowns_add_up_to_the_whole(bench, tmp_path):
    predictions = predictions_of(bench.questions, "m", answers_at(0.7))
    (run,) = view_of(bench, write_run(tmp_path / "r", bench.folder, predictions)).runs
    parts = {part.key: part for part in run.breakdowns}
    assert list(parts) == ["disease", "level", "source", "sequence", "view"]
    for key in ("disease", "source", "sequence", "view"):
        rows = [row.diagnosis for row in parts[key].rows if row.diagnosis]
        assert sum(row.items for row in rows) == run.diagnosis.items
        hits = sum(row.value * row.items for row in rows)
        assert hits == pytest.approx(run.diagnosis.value * run.diagnosis.items)
    assert [row.name for row in parts["disease"].rows][-1] == "Healthy"
    assert [row.name for row in parts["sequence"].rows] == ["T1", "T2", "T2/STIR", "XR"]
    assert [row.name for row in parts["level"].rows] == [row.level for row in run.levels]
    # films carry no level: no localization among them
    assert next(row for row in parts["source"].rows if row.name == "vindr").localization is None


def test_nothing_answered_is_unknown_and_not_zero(bench, tmp_path):
    ids = [q.question_id for q in bench.questions if q.task == "localization"]
    odd = {key: {"outcome": "not_run", "letters": ()} for key in ids}
    predictions = predictions_of(bench.questions, "m", answers_at(0.7), odd)
    (run,) = view_of(bench, write_run(tmp_path / "r", bench.folder, predictions)).runs
    assert run.localization.exact.value is None
    assert run.localization.precision.value is None
    assert run.overall.value is None
    assert not run.complete


def test_refused_and_unparsed_stay_in_the_denominator(bench, tmp_path):
    ids = [q.question_id for q in bench.questions if q.task == "diagnosis" and q.split == "test"]
    odd = {
        ids[0]: {"outcome": "unparsed", "letters": ()},
        ids[1]: {"outcome": "refused", "letters": ()},
        ids[2]: {"outcome": "failed", "letters": ()},
    }
    predictions = predictions_of(bench.questions, "m", answers_at(1.0), odd)
    (run,) = view_of(bench, write_run(tmp_path / "r", bench.folder, predictions)).runs
    assert run.diagnosis.items == len(ids) - 1
    assert run.diagnosis.value == pytest.approx((len(ids) - 3) / (len(ids) - 1))
    assert {k: v for k, v in run.outcomes.items() if k != "answered"} == {
        "unparsed": 1, "refused": 1, "truncated": 0, "failed": 1, "not_run": 0,
    }  # fmt: skip
    assert not run.complete


def test_order_is_by_overall_and_unknown_comes_last(bench, tmp_path):
    ids = [q.question_id for q in bench.questions if q.task == "localization"]
    unknown = {key: {"outcome": "not_run", "letters": ()} for key in ids}
    folders = [
        write_run(tmp_path / model, bench.folder,
                  predictions_of(bench.questions, model, answers_at(rate), odd))
        for model, rate, odd in [("low", 0.2, {}), ("half", 1.0, unknown), ("high", 0.9, {})]
    ]  # fmt: skip
    assert [run.label for run in view_of(bench, *folders).runs] == ["high", "low", "half"]


def test_two_runs_of_one_model_are_told_apart(bench, tmp_path):
    predictions = predictions_of(bench.questions, "m", answers_at(0.5))
    folders = [write_run(tmp_path / name, bench.folder, predictions) for name in ("a", "b")]
    assert [run.label for run in view_of(bench, *folders).runs] == ["m · a", "m · b"]
    assert {run.key for run in view_of(bench, *folders).runs} == {"m1", "m2"}


def test_metadata_and_nearest_stand_side_by_side_in_each_source(bench, tmp_path):
    rates = {"x/model": 0.9, "spinebench/nearest": 0.5, "spinebench/metadata": 0.4}
    folders = [
        write_run(tmp_path / model, bench.folder,
                  predictions_of(bench.questions, model, answers_at(rate)))
        for model, rate in rates.items()
    ]  # fmt: skip
    page = view_of(bench, *folders)
    assert [part.title for part in page.comparisons] == ["RSNA 2024 Lumbar Spine", "VinDr-SpineXR"]
    for part in page.comparisons:
        assert [row[0] for row in part.rows] == [
            "spinebench/metadata", "spinebench/nearest", "x/model",
        ]  # fmt: skip
        assert part.metadata == part.rows[0][2]
        assert part.chance == pytest.approx(0.2)
    by_source = next(b for b in page.runs[0].breakdowns if b.key == "source")
    assert by_source.rows[0].diagnosis == page.comparisons[0].rows[2][2]


def test_a_run_on_another_benchmark_is_refused(bench, tmp_path):
    predictions = predictions_of(bench.questions, "m", answers_at(0.5))
    folder = write_run(
        tmp_path / "r", bench.folder, predictions, benchmark={"manifest_sha256": "f" * 64}
    )
    with pytest.raises(UsageError, match=r"is a run on another benchmark: .*ffffffffffff"):
        view_of(bench, folder)


def test_runs_on_different_splits_are_refused(bench, tmp_path):
    predictions = predictions_of(bench.questions, "m", answers_at(0.5))
    first = write_run(tmp_path / "a", bench.folder, predictions)
    second = write_run(tmp_path / "b", bench.folder, predictions, split="train")
    with pytest.raises(UsageError, match="on different splits: test, train"):
        view_of(bench, first, second)


def test_altered_predictions_are_refused(bench, tmp_path):
    predictions = predictions_of(bench.questions, "m", answers_at(0.5))
    folder = write_run(tmp_path / "r", bench.folder, predictions)
    write_table(folder / "predictions.parquet", predictions[1:], Prediction)
    with pytest.raises(DataError, match=r"SHA-256: found .* expected .* \(manifest\)"):
        view_of(bench, folder)


def test_a_folder_that_is_no_run_is_refused(bench, tmp_path):
    with pytest.raises(DataError, match="the manifest of a finished run"):
        view_of(bench, tmp_path)
    with pytest.raises(DataError, match="kind: found benchmark, expected run"):
        view_of(bench, bench.folder)


def test_origin_tells_the_account_of_each_file(bench):
    origin = read_origin(bench)
    manifest = json.loads((bench.folder / "manifest.json").read_text())
    assert [source.name for source in origin.sources] == ["rsna", "vindr"]
    (file,) = origin.sources[0].files
    assert (file.file, file.read, file.used, file.dropped) == ("train.csv", 63, 60, 3)
    assert file.reasons == (("empty_cell", 2), ("several_diseases", 1))
    assert [split[0] for split in origin.splits] == ["train", "test", "reserve"]
    assert origin.splits[2] == ("reserve", 0, 0, 0)
    assert dict(origin.facts)["Label rule"] == "released/1"
    assert origin.classes[0][0] == "Disc space narrowing"
    assert origin.classes[-1][0] == "Healthy"
    assert dict(origin.hashes) == manifest["tables"]


def test_many_files_with_notes_stand_in_one_line(bench):
    manifest = json.loads((bench.folder / "manifest.json").read_text())
    notes = {
        f"images/{number}.dcm": {"read": 0, "used": 0, "dropped": 0, "reasons": {"truncated": 1}}
        for number in range(MAX_NOTED_FILES + 1)
    }
    manifest["sources"]["rsna"]["accounting"] |= notes
    files = read_origin(Benchmark(bench.folder, manifest)).sources[0].files
    assert [file.file for file in files] == ["train.csv", "13 other files"]
    assert (files[1].read, files[1].reasons) == (0, (("truncated", 13),))


def test_healthy_sensitivity_and_specificity_are_not_swapped(bench, tmp_path):
    # all healthy images are called healthy, and so is every Osteophytes image
    def answer(question):
        if question.disease == "Osteophytes":
            return tuple(x for x, text in question.lettered.items() if text == "Healthy")
        return question.gold

    predictions = predictions_of(bench.questions, "m", answer)
    (run,) = view_of(bench, write_run(tmp_path / "r", bench.folder, predictions)).runs
    asked = [q for q in bench.questions if q.task == "diagnosis" and q.split == "test"]
    ill = [q for q in asked if q.disease != "Healthy"]
    missed = [q for q in ill if q.disease == "Osteophytes"]
    assert (run.sensitivity.value, run.sensitivity.items) == (1.0, len(asked) - len(ill))
    assert run.specificity.value == pytest.approx(1 - len(missed) / len(ill))
    assert run.specificity.items == len(ill)


def test_precision_by_question_and_pooled_are_told_apart(bench, tmp_path):
    # every other question gets its one true level, the others all five: 1 and 1/5 by question,
    # and 1 of 1 with 1 of 5 thrown together
    ids = [q.question_id for q in bench.questions if q.task == "localization" and q.split == "test"]
    wide = set(ids[::2])

    def answer(question):
        return tuple("ABCDE") if question.question_id in wide else question.gold

    predictions = predictions_of(bench.questions, "m", answer)
    (run,) = view_of(bench, write_run(tmp_path / "r", bench.folder, predictions)).runs
    few, many = len(ids) - len(wide), len(wide)
    found = run.localization
    assert found.exact.value == pytest.approx(few / len(ids))
    assert found.precision.value == pytest.approx((few + many / 5) / len(ids))
    assert found.pooled_precision.value == pytest.approx(len(ids) / (few + 5 * many))
    assert found.recall.value == found.pooled_recall.value == 1.0
    assert 0.0 <= found.recall.low <= found.recall.high <= 1.0


def test_bounds_of_a_mean_are_cut_at_0_and_1(bench, tmp_path):
    # right on two questions only: the t interval of so small a mean reaches below 0
    ids = [q.question_id for q in bench.questions if q.task == "localization" and q.split == "test"]

    def answer(question):
        if question.question_id in ids[:2]:
            return question.gold
        return tuple(x for x in question.lettered if x not in question.gold)[:1]

    predictions = predictions_of(bench.questions, "m", answer)
    (run,) = view_of(bench, write_run(tmp_path / "r", bench.folder, predictions)).runs
    assert run.localization.precision.value == pytest.approx(2 / len(ids))
    assert run.localization.precision.low == 0.0


def test_levels_are_told_by_their_distance(bench, tmp_path):
    """One level too low in every second answer: half are right, half one level off."""
    questions = [q for q in bench.questions if q.task == "localization" and q.split == "test"]
    below = {q.question_id: "ABCDE".index(q.gold[0]) + 1 for q in questions}

    def answer(question):
        shifted = below.get(question.question_id, 5)
        wrong = int(question.question_id[-1], 16) % 2 == 0 and shifted < 5
        return ("ABCDE"[shifted],) if wrong else question.gold

    predictions = predictions_of(bench.questions, "m", answer)
    (run,) = view_of(bench, write_run(tmp_path / "r", bench.folder, predictions)).runs
    off = sum(
        p.letters != q.gold
        for q in questions
        for p in predictions
        if p.question_id == q.question_id
    )
    whole = run.level_errors[0]
    assert whole.name is None
    assert 0 < off < len(questions)
    assert whole.off_by_one.value == pytest.approx(off / len(questions))
    assert whole.exact.value == pytest.approx(1 - off / len(questions))
    assert whole.farther.value == whole.without.value == 0.0
    assert whole.wrong_side is None
    assert whole.distance.value == pytest.approx(off / len(questions))
    assert whole.f1.value == pytest.approx(1 - off / len(questions))
    by_class = run.level_errors[1:]
    assert [row.name for row in by_class] == sorted({q.disease for q in questions})
    assert sum(row.exact.items for row in by_class) == len(questions)
    hits = sum(row.off_by_one.value * row.off_by_one.items for row in by_class)
    assert hits == pytest.approx(off)
    confusions = dict(run.level_confusions)
    assert [*confusions] == [None, *(row.name for row in by_class)]
    matrix = confusions[None]
    assert matrix.rows[-1] == "added"
    assert matrix.without_class == ("missed", "unparsed", "refused", "cut off")
    upper = matrix.rows.index("L1/L2")
    below = [q for q in questions if q.gold == ("A",) and int(q.question_id[-1], 16) % 2 == 0]
    assert matrix.counts[upper][matrix.columns.index("L2/L3")] == len(below) > 0
    assert sum(map(sum, matrix.counts)) == len(questions)


def test_the_share_of_the_extractor_is_told(bench, tmp_path):
    """Three answers that a model read, one it might have read, and one that a rule turned down."""
    ids = [q.question_id for q in bench.questions if q.split == "test"]
    unread = {"outcome": "unparsed", "letters": (), "raw_text": "It is hard to say."}
    odd = {
        ids[0]: {"stage": STAGE},
        ids[1]: {"stage": STAGE},
        ids[2]: unread | {"stage": STAGE},
        ids[3]: unread | {"stage": None},
        ids[4]: unread | {"stage": "closing_line"},
    }
    predictions = predictions_of(bench.questions, "m", answers_at(0.7), odd)
    run = write_run(tmp_path / "r", bench.folder, predictions, extractor="openai/reader")
    (view,) = view_of(bench, run).runs
    assert view.extractor == "openai/reader"
    share = view.extracted
    assert (share.answers, share.asked, share.answered, share.would_ask) == (len(ids), 3, 2, 1)
    html = render_page(view_of(bench, run), (), sections=("board", "method"))
    row = html.split("<div>What became of every question")[1].split("<tbody>")[1].split("</tr>")[0]
    asked = f"{300 / len(ids):.1f}"
    assert f'<td>{asked}<span class="ci">2 credited</span></td><td>{100 / len(ids):.1f}' in row
    assert f"openai/reader read 3 of {len(ids)} answers and credited 2." in html


def test_without_an_extractor_its_share_is_what_it_would_have_read(bench, tmp_path):
    ids = [q.question_id for q in bench.questions if q.split == "test"]
    unread = {"outcome": "unparsed", "letters": (), "raw_text": "Hard to say.", "stage": None}
    made = predictions_of(bench.questions, "m", answers_at(0.7), dict.fromkeys(ids[:2], unread))
    run = write_run(tmp_path / "r", bench.folder, made)
    html = render_page(view_of(bench, run), (), sections=("board", "method"))
    row = html.split("<div>What became of every question")[1].split("<tbody>")[1].split("</tr>")[0]
    assert f"<td>–</td><td>{200 / len(ids):.1f}</td>" in row
    assert "No run of this page used one" in html


def test_runs_on_changed_pictures_have_no_board_of_their_own(bench, tmp_path):
    run = write_run(
        tmp_path / "r", bench.folder, predictions_of(bench.questions, "m", answers_at(0.5))
    )
    changed = Benchmark(bench.folder, bench.manifest | {"perturbed": {}})
    with pytest.raises(UsageError, match="holds changed pictures: give its runs as --perturbed"):
        view_of(changed, run)


def test_what_an_imported_source_does_not_know_is_left_out(bench):
    source = dict(bench.manifest["sources"]["rsna"])
    del source["annotations_sha256"], source["images_sha256"]
    told = Benchmark(bench.folder, bench.manifest | {"sources": {"rsna": source}})
    assert read_origin(told).sources[0].hashes == ()
    assert len(read_origin(bench).sources[0].hashes) == 2
