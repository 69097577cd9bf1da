import csv
import json

import numpy as np
import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.cli.main import build_command
from spinebench.errors import DataError
from spinebench.evaluation import statistics
from spinebench.evaluation.ratings import score_ratings
from tests.evaluation.test_reasoning import WORDS
from tests.report.sample import answers_at, predictions_of, write_bench, write_run

CRITERIA = ("rationality", "features", "spatial")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A packet of six traces by two models, made by the command."""
    folder = tmp_path_factory.mktemp("ratings")
    bench = Benchmark.load(write_bench(folder / "bench", films=0))
    odd = {q.question_id: {"raw_text": WORDS} for q in bench.questions}
    for name in ("one", "two"):
        made = predictions_of(
            [q for q in bench.questions if q.task == "diagnosis"], name, answers_at(0.5), odd
        )
        write_run(
            folder / name, bench.folder, made, prompts={"diagnosis": {"text": "", "sha256": ""}}
        )
    runs = [str(folder / "one"), str(folder / "two")]
    places = ["--bench", str(folder / "bench"), "--out", str(folder / "packet")]
    arguments = ["eval", "traces", *runs, *places, "--per-task", "3"]
    build_command()(arguments, standalone_mode=False)
    return folder


@pytest.fixture(scope="module")
def key(folder):
    return json.loads((folder / "packet.key.json").read_text(encoding="utf-8"))["items"]


def write_scores(path, scores):
    """CSV from rater, item, criterion to score."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("rater", "item", "criterion", "score"))
        writer.writerows((*key, score) for key, score in scores.items())
    return path


def test_means_and_agreement_by_hand(folder, key, tmp_path):
    items = sorted(key)
    first, second = [5, 4, 3, 2, 1, 3], [5, 5, 3, 1, 1, 2]
    scores = {("Ann", item, "rationality"): n for item, n in zip(items, first, strict=True)}
    scores |= {("Bob", item, "rationality"): n for item, n in zip(items, second, strict=True)}
    found = score_ratings(folder / "packet", [write_scores(tmp_path / "r.csv", scores)])
    part = found["criteria"]["rationality"]
    means = (np.array(first) + np.array(second)) / 2
    assert part["all"]["mean"] == pytest.approx(means.mean())
    patients = [key[item]["patient_id"] for item in items]
    expected = statistics.cluster_mean_interval(means - 1, patients, highest=4.0)
    assert part["all"]["low"] == pytest.approx(expected.low + 1)
    assert part["all"]["high"] == pytest.approx(expected.high + 1)
    assert part["agreement"]["krippendorff_alpha"] == pytest.approx(
        statistics.krippendorff_alpha(np.array([first, second], dtype=float), level="ordinal")
    )
    table = np.array([first, second]).T
    assert part["agreement"]["icc2k"] == pytest.approx(statistics.icc(table, kind="ICC2k"))
    by_model = {row["model"]: row for row in part["by_model"]}
    for name, row in by_model.items():
        own = [m for m, item in zip(means, items, strict=True) if key[item]["model"] == name]
        assert row["mean"] == pytest.approx(np.mean(own))
    assert found["raters"] == ["Ann", "Bob"]
    assert found["ratings"] == 12
    assert found["not_rated"] == 12  # two criteria of six traces
    assert found["criteria"]["spatial"]["all"] == {
        "mean": None, "low": None, "high": None, "traces": 0, "patients": 0
    }  # fmt: skip


def test_one_rater_has_means_and_no_agreement(folder, key, tmp_path):
    scores = {("Ann", item, "features"): 3 for item in key}
    part = score_ratings(folder / "packet", [write_scores(tmp_path / "r.csv", scores)])
    agreement = part["criteria"]["features"]["agreement"]
    assert part["criteria"]["features"]["all"]["mean"] == 3.0
    assert agreement["krippendorff_alpha"] is None
    assert agreement["icc2"] is None
    assert agreement["icc_note"].startswith("fewer than two raters")


def test_a_missing_rating_leaves_the_mean_and_the_icc_of_the_others(folder, key, tmp_path):
    items = sorted(key)
    scores = {(r, i, "features"): n for r in "AB" for n, i in enumerate(items[:5], 1)}
    scores["A", items[5], "features"] = 5
    scores["B", items[5], "features"] = ""
    part = score_ratings(folder / "packet", [write_scores(tmp_path / "r.csv", scores)])
    part = part["criteria"]["features"]
    assert part["all"]["traces"] == 6
    assert part["agreement"]["icc_traces"] == 5
    assert part["agreement"]["icc2"] == pytest.approx(1.0)
    assert part["agreement"]["krippendorff_alpha"] == pytest.approx(1.0)


def test_json_lines_say_the_same(folder, key, tmp_path):
    rows = [
        {"rater": "A", "item": item, "criterion": one, "score": n % 5 + 1}
        for n, item in enumerate(sorted(key))
        for one in CRITERIA
    ]
    rows.append({"rater": "B", "item": min(key), "criterion": "spatial", "score": None})
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    scores = {(r["rater"], r["item"], r["criterion"]): r["score"] for r in rows[:-1]}
    as_csv = score_ratings(folder / "packet", [write_scores(tmp_path / "r.csv", scores)])
    assert score_ratings(folder / "packet", [path]) == as_csv


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("A", "T999", "features", 3), "row 2: item: found T999, expected one of the packet"),
        (("A", "T001", "beauty", 3), "row 2: criterion: found beauty"),
        (("A", "T001", "features", 6), "row 2: score: found 6, expected one of 1, 2, 3, 4, 5"),
        (("A", "T001", "features", "2.5"), "row 2: score: found 2.5"),
        (("", "T001", "features", 2), "row 2: rater: found nothing"),
    ],
)
def test_a_wrong_row_is_named(folder, tmp_path, row, words):
    path = write_scores(tmp_path / "r.csv", {row[:3]: row[3]})
    with pytest.raises(DataError, match=words):
        score_ratings(folder / "packet", [path])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            "rater,item,criterion,score\nJörg,T001,rationality,3\n".encode("latin-1"),
            "not UTF-8 text",
        ),
        (b"", "row 1: header: found nothing, expected rater,item,criterion,score"),
        (b"foo,bar\n", "row 1: header: found foo bar"),
        (b"rater;item;criterion;score\nA;T001;x;3\n", "header: found rater;item;criterion;score"),
    ],
)
def test_a_file_that_holds_no_ratings_is_refused(folder, tmp_path, data, words):
    (tmp_path / "ratings.csv").write_bytes(data)
    with pytest.raises(DataError, match=words):
        score_ratings(folder / "packet", [tmp_path / "ratings.csv"])
    with pytest.raises(DataError, match="found Is a directory, expected ratings"):
        score_ratings(folder / "packet", [tmp_path])


def test_a_second_score_and_a_strange_key_are_errors(folder, tmp_path):
    path = write_scores(tmp_path / "r.csv", {("A", "T001", "features"): 3})
    with pytest.raises(DataError, match="two of rater A for T001, features"):
        score_ratings(folder / "packet", [path, path])
    strange = tmp_path / "key.json"
    strange.write_text(json.dumps({"packet_sha256": "0" * 64, "items": {}}))
    with pytest.raises(DataError, match="that of the packet"):
        score_ratings(folder / "packet", [path], key=strange)
    (tmp_path / "bad.jsonl").write_text("{no\n")
    with pytest.raises(DataError, match="row 1: found Expecting property name"):
        score_ratings(folder / "packet", [tmp_path / "bad.jsonl"])


def test_commands(folder, key, tmp_path, capsys):
    html = (folder / "packet.html").read_text(encoding="utf-8")
    assert html.count('type="radio"') == 6 * 3 * 5
    assert "data:image/png;base64," in html
    for name in (">one<", ">two<", "run-one", "rsna:"):
        assert name not in html
    scores = {("A", item, one): 4 for item in key for one in CRITERIA}
    path = write_scores(tmp_path / "r.csv", scores)
    build_command()(["eval", "ratings", str(folder / "packet"), str(path)], standalone_mode=False)
    text = capsys.readouterr().out
    assert text.startswith("18 ratings by 1 raters, 1 to 5; 0 pairs")
    assert "Krippendorff's alpha - over 0 traces" in text
