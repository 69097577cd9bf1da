import json
from collections import Counter

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation.reasoning import (
    draw_traces,
    key_place,
    load_rubric,
    mask_names,
    write_packet,
)
from spinebench.tables import sha256_of_file
from tests.report.sample import answers_at, predictions_of, write_bench, write_run

WORDS = "The canal is narrow behind the disc, so I settle on this. As GPT-4o I am sure. "


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces")
    bench = Benchmark.load(write_bench(folder / "bench"))
    for number, (model, rate) in enumerate((("openai/gpt-4o", 0.7), ("google/gemini-9", 0.4))):
        odd = {
            q.question_id: {"raw_text": WORDS + f"I read {q.question_id}. My final option: [A]"}
            for q in bench.questions
        }
        made = predictions_of(bench.questions, model, answers_at(rate), odd)
        write_run(folder / f"run{number}", bench.folder, made)
    return folder


@pytest.fixture(scope="module")
def packet(folder):
    found = write_packet(
        folder / "bench", [folder / "run0", folder / "run1"], folder / "packet", seed=4
    )
    lines = (folder / "packet" / "packet.jsonl").read_text(encoding="utf-8").splitlines()
    key = json.loads((folder / "packet.key.json").read_text(encoding="utf-8"))
    return found, [json.loads(line) for line in lines], key


def test_ten_traces_for_each_model_and_task(packet):
    found, items, key = packet
    assert found["items"] == len(items) == 40
    counts = Counter((e["model"], e["task"]) for e in key["items"].values())
    assert set(counts.values()) == {10}
    assert len(counts) == 4
    assert found["short"] == []
    # no patient twice for one model and task: there are enough others
    patients = Counter((e["run_id"], e["task"], e["patient_id"]) for e in key["items"].values())
    assert max(patients.values()) == 1


def test_right_and_wrong_in_the_proportion_of_the_run(folder):
    bench = Benchmark.load(folder / "bench")
    questions = [q for q in bench.questions if q.task == "diagnosis"]
    for rate, low, high in ((0.7, 5, 9), (0.0, 0, 0), (1.0, 10, 10)):
        odd = {q.question_id: {"raw_text": WORDS} for q in questions}
        made = predictions_of(questions, "m", answers_at(rate), odd)
        drawn = draw_traces(made, questions, seed=0, count=10)
        by_id = {q.question_id: q for q in questions}
        share = sum(p.letters == by_id[p.question_id].gold for p in made) / len(made)
        right = sum(trace.right for trace in drawn)
        assert low <= right <= high
        assert abs(right - 10 * share) <= 1


def test_the_rare_side_is_there_at_least_once(folder):
    bench = Benchmark.load(folder / "bench")
    questions = [q for q in bench.questions if q.task == "diagnosis" and q.split == "test"]
    odd = {q.question_id: {"raw_text": WORDS} for q in questions}
    wrong = next(c for c in "AB" if c not in questions[7].gold)
    odd[questions[7].question_id] |= {"letters": (wrong,)}
    made = predictions_of(questions, "m", lambda q: q.gold, odd)
    drawn = draw_traces(made, questions, seed=0, count=10)
    assert [trace.right for trace in drawn].count(False) == 1
    assert len(drawn) == 10


def test_a_closing_line_alone_is_no_trace(folder):
    bench = Benchmark.load(folder / "bench")
    questions = [q for q in bench.questions if q.task == "diagnosis"]
    odd = {q.question_id: {"raw_text": "My final option: [A]"} for q in questions}
    assert draw_traces(predictions_of(questions, "m", answers_at(1), odd), questions,
                       seed=0, count=10) == []  # fmt: skip


def test_the_packet_names_no_model_patient_or_question(packet, folder):
    held = [p for p in (folder / "packet").rglob("*") if p.suffix in (".json", ".jsonl", ".csv")]
    assert len(held) == 4
    text = "".join(p.read_text(encoding="utf-8") for p in held).casefold()
    for name in ("gpt", "openai", "gemini", "google", "rsna:", "run-", "right"):
        assert name not in text.replace("rightly", ""), name
    _, items, key = packet
    assert all("As [model] I am sure." in item["trace"] for item in items)
    assert {entry["names_masked"] for entry in key["items"].values()} == {1}


def test_items_carry_what_the_model_saw(packet, folder):
    _, items, key = packet
    bench = Benchmark.load(folder / "bench")
    by_id = {q.question_id: q for q in bench.questions}
    for item in items:
        question = by_id[key["items"][item["item"]]["question_id"]]
        assert item["options"] == question.lettered
        assert question.question_id in item["trace"]
        (image,) = item["images"]
        expected = bench.images[question.image_ids[0]].file_sha256
        assert sha256_of_file(folder / "packet" / image) == expected


def test_options_stand_in_the_order_shown(folder, tmp_path):
    bench = Benchmark.load(folder / "bench")
    odd = {
        q.question_id: {"raw_text": WORDS, "letter_map": "CABDE"[: len(q.options)]}
        for q in bench.questions
        if q.task == "diagnosis"
    }
    made = predictions_of(bench.questions, "m", answers_at(0.5), odd)
    write_run(tmp_path / "r", bench.folder, made)
    write_packet(bench.folder, [tmp_path / "r"], tmp_path / "p", seed=0)
    key = json.loads(key_place(tmp_path / "p").read_text(encoding="utf-8"))
    by_id = {q.question_id: q for q in bench.questions}
    for line in (tmp_path / "p" / "packet.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        question = by_id[key["items"][item["item"]]["question_id"]]
        if question.task == "diagnosis":
            assert item["options"]["A"] == question.lettered["C"]
            assert item["options"]["B"] == question.lettered["A"]


def test_same_seed_same_packet(packet, folder, tmp_path):
    runs = [folder / "run0", folder / "run1"]
    for seed, same in ((4, True), (5, False)):
        out = tmp_path / str(seed)
        write_packet(folder / "bench", runs, out, seed=seed)
        bytes_of = [(p / "packet.jsonl").read_bytes() for p in (out, folder / "packet")]
        assert (bytes_of[0] == bytes_of[1]) is same


def test_what_falls_short_is_said(folder, tmp_path):
    runs = [folder / "run0"]
    found = write_packet(folder / "bench", runs, tmp_path / "p", seed=0, per_task=50)
    assert {row["task"]: row["drawn"] for row in found["short"]} == {"localization": 40}


def test_errors_in_one_line(folder, tmp_path):
    with pytest.raises(UsageError, match="another folder holds the same run"):
        write_packet(folder / "bench", [folder / "run0"] * 2, tmp_path / "a", seed=0)
    key_place(tmp_path / "b").write_text("{}")
    with pytest.raises(UsageError, match=r"b\.key\.json already exists"):
        write_packet(folder / "bench", [folder / "run0"], tmp_path / "b", seed=0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.key.json"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("As Gemini 2.5 Pro I see", "As [model] Pro I see"),
        ("I am Claude 3.5 Sonnet.", "I am [model]."),
        ("Qwen2.5-VL says", "[model] says"),
        ("claude sonnet, by Anthropic", "[model], by [model]"),
        ("neurogenic claudication", "neurogenic claudication"),
        ("the llama-sign at T12", "the llama-sign at T12"),
        ("together with my-model-7b", "together with [model]"),
    ],
)
def test_names_are_masked_and_words_are_not(text, masked):
    assert mask_names(text, "together/my-model-7b", load_rubric())[0] == masked
