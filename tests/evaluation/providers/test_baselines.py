"""The four baselines: what each knows, and that it knows nothing else."""

import asyncio
import base64
import hashlib
import io
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from inspect_ai.model import (
    ChatMessageUser,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelOutput,
    get_model,
)
from PIL import Image as PillowImage

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation.prompts import load_prompt, parse_options
from spinebench.evaluation.providers.api import build_baseline
from spinebench.evaluation.providers.asked import Asked, read_asked, write_answer
from spinebench.evaluation.providers.blind import BlindBaseline
from spinebench.evaluation.providers.metadata import MetadataBaseline
from spinebench.evaluation.providers.nearest import NearestBaseline
from spinebench.evaluation.providers.random import RandomBaseline
from spinebench.evaluation.select import select_questions
from spinebench.records import Question
from spinebench.tables import read_manifest, sha256_of_file, write_frame, write_json
from tests.evaluation.conftest import CLASSES, draw_png
from tests.examples import a_question, an_image

DX = ("Osteophytes", "Healthy", "Disc space narrowing")


def asked(
    options: tuple[str, ...],
    *,
    several: bool = False,
    images: tuple[bytes, ...] = (),
    text: str = "?",
) -> Asked:
    task = "localization" if several else "diagnosis"
    lettered = dict(zip("ABCDE", options, strict=False))
    words, _ = load_prompt("released", task).render(text, lettered)
    return read_asked(words, images)


def test_a_message_is_read_back() -> None:
    found = asked(DX, images=(b"bytes",))
    assert found.options == {"A": DX[0], "B": DX[1], "C": DX[2]}
    assert (found.task, found.several, found.images) == ("diagnosis", False, (b"bytes",))
    assert asked(("L4/L5", "L5/S1"), several=True).task == "localization"


def test_without_a_closing_line_levels_mean_several() -> None:
    assert read_asked("Choose [A: L4/L5, B: L5/S1].", []).several
    assert not read_asked("Choose [A: Healthy, B: Osteophytes].", []).several


# --- random ---


def test_random_is_seeded_by_content_and_fair() -> None:
    picks = [
        RandomBaseline(0).choose(asked(DX, text=f"question {i}")).letters[0] for i in range(600)
    ]
    counts = Counter(picks)
    assert set(counts) == {"A", "B", "C"}
    assert all(150 < n < 250 for n in counts.values())  # 200 each, sd 11.5
    again = [
        RandomBaseline(0).choose(asked(DX, text=f"question {i}")).letters[0] for i in range(600)
    ]
    assert picks == again
    other = [
        RandomBaseline(1).choose(asked(DX, text=f"question {i}")).letters[0] for i in range(600)
    ]
    assert picks != other


def test_random_sees_the_image_too() -> None:
    picks = {
        RandomBaseline(0).choose(asked(DX, images=(bytes([i]),))).letters[0] for i in range(20)
    }
    assert picks == {"A", "B", "C"}


def test_random_sets_are_uniform_over_the_non_empty_ones() -> None:
    options = ("L3/L4", "L4/L5")
    counts = Counter(
        tuple(RandomBaseline(0).choose(asked(options, several=True, text=str(i))).letters)
        for i in range(600)
    )
    assert set(counts) == {("A",), ("B",), ("A", "B")}
    assert all(150 < n < 250 for n in counts.values())


# --- blind ---


def dx(
    gold: str, options: tuple[str, ...] = DX, text: str = "What is shown?", n: int = 0
) -> Question:
    return a_question(
        question_id=f"{gold}{text}{n}{options}", options=options,
        gold=("ABC"[options.index(gold)],),
        disease=gold, text=text, split="train",
    )  # fmt: skip


def test_blind_prefers_what_is_most_often_right_of_those_offered() -> None:
    train = [dx("Healthy", n=i) for i in range(8)] + [dx("Osteophytes", n=i) for i in range(3)]
    blind = BlindBaseline(train)
    assert blind.choose(asked(DX)).letters == ["B"]
    rotated = ("Healthy", "Disc space narrowing", "Osteophytes")
    assert BlindBaseline(train + [dx("Healthy", rotated, n=i) for i in range(9)]).choose(
        asked(rotated)
    ).letters == ["A"]


def test_blind_uses_which_distractors_go_with_a_truth() -> None:
    one, two = ("Osteophytes", "Healthy", "x"), ("Osteophytes", "Healthy", "y")
    train = [dx("Osteophytes", one, n=i) for i in range(5)]
    train += [dx("Healthy", two, n=i) for i in range(5)]
    blind = BlindBaseline(train)
    assert blind.choose(asked(one)).letters == ["A"]
    assert blind.choose(asked(two)).letters == ["B"]


def test_blind_uses_the_wording() -> None:
    train = [dx("Osteophytes", text="Name it.", n=i) for i in range(5)]
    train += [dx("Healthy", text="What now?", n=i) for i in range(5)]
    blind = BlindBaseline(train)
    assert blind.choose(asked(DX, text="Name it.")).letters == ["A"]
    assert blind.choose(asked(DX, text="What now?")).letters == ["B"]


def loc(gold: str, n: int) -> Question:
    return a_question(
        question_id=f"{gold}{n}", task="localization", multiple=True,
        options=("L3/L4", "L4/L5", "L5/S1"), gold=tuple(gold), split="train", text="Where?",
    )  # fmt: skip


def test_blind_names_every_level_above_even_odds() -> None:
    blind = BlindBaseline([loc("BC", i) for i in range(8)] + [loc("A", 9)])
    question = asked(("L3/L4", "L4/L5", "L5/S1"), several=True, text="Where?")
    assert blind.choose(question).letters == ["B", "C"]
    rare = BlindBaseline([loc("A", 1), loc("B", 2), loc("B", 3), loc("C", 4)])
    assert rare.choose(question).letters == ["B"]


# --- metadata ---


def test_metadata_goes_by_the_finest_cell_that_speaks() -> None:
    t1 = an_image(image_id="t1", sequence="T1", file_sha256=_hash(b"t1"))
    t2 = an_image(image_id="t2", sequence="T2", file_sha256=_hash(b"t2"))
    big = an_image(image_id="big", sequence="T2", rows=640, file_sha256=_hash(b"big"))
    train = [
        *(replace(dx("Healthy", n=i), image_ids=("t1",)) for i in range(3)),
        *(replace(dx("Osteophytes", n=i), image_ids=("t2",)) for i in range(2)),
        replace(dx("Disc space narrowing"), image_ids=("big",)),
    ]
    model = MetadataBaseline(train, {i.image_id: i for i in (t1, t2, big)})
    assert model.choose(asked(DX, images=(b"t1",))).letters == ["B"]
    assert model.choose(asked(DX, images=(b"t2",))).letters == ["A"]
    assert model.choose(asked(DX, images=(b"big",))).letters == ["C"]
    # not offered in its cell: back to the coarser ones
    without = ("Disc space narrowing", "Healthy")
    found = model.choose(asked(without, images=(b"t2",)))
    assert (found.letters, "by source" in found.reason) == (["A"], True)
    # unknown bytes: all of training
    assert model.choose(asked(DX, images=(b"strange",))).letters == ["B"]
    assert model.choose(asked(("x", "y"), images=(b"t1",))).letters == ["A"]


def test_metadata_takes_whole_sets_of_levels() -> None:
    image = an_image(image_id="i", file_sha256=_hash(b"i"))
    train = [replace(loc(g, n), image_ids=("i",)) for n, g in enumerate(["BC", "BC", "A", "B"])]
    model = MetadataBaseline(train, {"i": image})
    whole = asked(("L5/S1", "L3/L4", "L4/L5"), several=True, images=(b"i",))
    assert sorted(model.choose(whole).letters) == ["A", "C"]
    part = asked(("L3/L4", "L5/S1"), several=True, images=(b"i",))
    assert model.choose(part).letters == ["A"]


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- nearest ---


@pytest.fixture(scope="module")
def nearest(benchmark_of: Benchmark) -> NearestBaseline:
    return NearestBaseline(benchmark_of, [q for q in benchmark_of.questions if q.split == "train"])


@pytest.mark.parametrize("disease", list(CLASSES))
def test_nearest_looks_at_the_picture_of_bytes_it_has_never_seen(
    nearest: NearestBaseline, disease: str
) -> None:
    data = draw_png(CLASSES[disease], seed=987654)
    options = tuple(CLASSES)
    found = nearest.choose(asked(options, images=(data,)))
    assert found.letters == ["ABCD"[options.index(disease)]]
    turned = tuple(reversed(options))
    assert nearest.choose(asked(turned, images=(data,))).letters == ["ABCD"[turned.index(disease)]]


def test_nearest_looks_up_the_same_vector_that_it_would_compute(
    nearest: NearestBaseline, benchmark_of: Benchmark
) -> None:
    question = select_questions(benchmark_of, "diagnosis", "test")[0]
    data = benchmark_of.image_file(question.image_ids[0]).read_bytes()
    known = nearest.choose(asked(question.options, images=(data,)))
    stream = io.BytesIO()
    with PillowImage.open(io.BytesIO(data)) as picture:
        picture.save(stream, "PNG", compress_level=0)  # the same pixels in other bytes
    assert stream.getvalue() != data
    assert nearest.choose(asked(question.options, images=(stream.getvalue(),))) == known


def test_nearest_never_takes_the_same_patient(
    nearest: NearestBaseline, benchmark_of: Benchmark
) -> None:
    question = next(q for q in benchmark_of.questions if q.split == "train" and q.gold)
    data = benchmark_of.image_file(question.image_ids[0]).read_bytes()
    found = nearest.choose(asked(question.options, images=(data,)))
    assert "(1.00)" not in found.reason  # itself would be there


def test_nearest_votes_on_levels(benchmark_of: Benchmark) -> None:
    train = [q for q in benchmark_of.questions if q.split == "train" and q.task == "localization"]
    both = [replace(q, gold=_letters(q, {"L3/L4", "L5/S1"})) for q in train]
    model = NearestBaseline(benchmark_of, both)
    levels = ("L5/S1", "L4/L5", "L3/L4")
    found = model.choose(asked(levels, several=True, images=(draw_png(0.4, 1),)))
    assert found.letters == ["A", "C"]
    with pytest.raises(ValueError, match="needs an image"):
        model.choose(asked(levels, several=True))


def _letters(question: Question, texts: set[str]) -> tuple[str, ...]:
    return tuple(letter for letter, text in question.lettered.items() if text in texts)


def test_nearest_with_nothing_to_compare(benchmark_of: Benchmark) -> None:
    model = NearestBaseline(benchmark_of, [])
    assert model.choose(asked(DX, images=(draw_png(0.4, 1),))).letters == ["A"]


# --- as an Inspect provider ---


def ask(model: str, text: str, image: bytes | None, **args: object) -> ModelOutput:
    content: list[ContentText | ContentImage] = [ContentText(text=text)]
    if image is not None:
        data = base64.b64encode(image).decode()
        content.append(ContentImage(image=f"data:image/png;base64,{data}"))

    async def call() -> ModelOutput:
        message = ChatMessageUser(content=list(content))
        return await get_model(model, memoize=False, **args).api.generate(  # type: ignore[return-value]
            [message], [], "none", GenerateConfig()
        )

    return asyncio.run(call())


@pytest.mark.parametrize("name", ["random", "blind", "metadata", "nearest"])
@pytest.mark.parametrize("task", ["diagnosis", "localization"])
def test_answers_end_with_the_closing_line(bench: Path, name: str, task: str) -> None:
    options = dict(
        zip("ABCDE", CLASSES if task == "diagnosis" else ("L4/L5", "L5/S1"), strict=False)
    )
    text, _ = load_prompt("released", task).render("What does this spine show?", options)
    output = ask(f"spinebench/{name}", text, draw_png(0.4, 3), bench=str(bench))
    last = output.completion.splitlines()[-1]
    assert last.startswith("My final option" + ("s: [" if task == "localization" else ": ["))
    assert output.usage is not None
    assert output.usage.total_tokens == 0
    assert output.stop_reason == "stop"


def test_another_prompt_with_the_same_options_gets_the_same_option(bench: Path) -> None:
    options = dict(zip("ABCD", CLASSES, strict=True))
    released, _ = load_prompt("released", "diagnosis").render("What does this spine show?", options)
    other = (
        f"Be brief. What does this spine\n show? {list(options)} [A: "
        + ", ".join(f"{letter}: {text}" for letter, text in options.items()).removeprefix("A: ")
        + "] One letter."
    )
    assert parse_options(other) == options
    for name in ("blind", "metadata", "nearest"):
        found = {
            ask(f"spinebench/{name}", text, draw_png(0.4, 3), bench=str(bench)).completion
            for text in (released, other)
        }
        assert len(found) == 1, name


def test_a_message_without_options(bench: Path) -> None:
    assert (
        ask("spinebench/random", "Hello", None).completion
        == "There are no options in this message."
    )


def test_unknown_and_unfitted_baselines() -> None:
    with pytest.raises(UsageError, match=r"unknown model spinebench/best; there are .*nearest"):
        build_baseline("best", None)
    with pytest.raises(UsageError, match="spinebench/blind is fitted on a benchmark"):
        build_baseline("blind", None)


def test_only_the_split_train_is_learnt_from(edited: Path) -> None:
    """Turning every answer of test and reserve around changes no baseline's answer."""
    before = _answers(edited)
    path = edited / "questions.parquet"
    turned = pl.read_parquet(path).with_columns(
        gold=pl.when(pl.col("split") == "train").then("gold").otherwise(pl.lit(["E"]))
    )
    write_frame(path, turned, schema=Question.SCHEMA)
    manifest = read_manifest(edited, "benchmark")
    manifest["tables"]["questions.parquet"] = sha256_of_file(path)
    write_json(edited / "manifest.json", manifest)
    assert {q.gold for q in Benchmark.load(edited).questions if q.split == "test"} == {("E",)}
    assert _answers(edited) == before


def _answers(folder: Path) -> list[str]:
    benchmark = Benchmark.load(folder)
    questions = [q for q in benchmark.questions if q.split == "test"][:20]
    answers = []
    for name in ("blind", "metadata", "nearest"):
        model = build_baseline(name, str(folder))
        for question in questions:
            data = benchmark.image_file(question.image_ids[0]).read_bytes()
            message = asked(
                question.options, several=question.multiple, images=(data,), text=question.text
            )
            answers.append(write_answer(model.choose(message), message))
    assert np.unique(answers).size > 5
    return answers


def test_nearest_needs_the_benchmark_that_was_built(
    benchmark_of: Benchmark, tmp_path: Path
) -> None:
    """A perturbed copy holds no embeddings: the error says where the library is."""
    copy = tmp_path / "copy"
    shutil.copytree(benchmark_of.folder, copy, ignore=shutil.ignore_patterns("embeddings.parquet"))
    manifest = read_manifest(copy, "benchmark")
    del manifest["tables"]["embeddings.parquet"]
    write_json(copy / "manifest.json", manifest)
    with pytest.raises(UsageError, match=r"holds no embeddings: .* -M bench=BENCH"):
        NearestBaseline(Benchmark.load(copy), [])
