"""The third task and the evaluation subset, from the benchmark to the page."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import inspect_ai
import numpy as np
import pytest
from inspect_ai.model import ChatMessage, ModelOutput, ModelUsage, get_model

from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.labels.decision import SHAPES
from spinebench.benchmark.write import count_content
from spinebench.errors import UsageError
from spinebench.evaluation.providers.asked import read_asked
from spinebench.evaluation.run import run_evaluation
from spinebench.evaluation.select import select_questions
from spinebench.evaluation.tasks import alignment
from spinebench.records import Question
from spinebench.report.page import build_report
from spinebench.tables import read_manifest, write_json
from tests.evaluation.conftest import CLASSES, build_question, write_tables

SHAPE_OF = dict(zip(CLASSES, SHAPES, strict=True))  # the bar's place is what a shape looks like


@pytest.fixture(scope="module")
def necks(bench: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small benchmark, its films asked for a shape too; a subset of three patients."""
    folder = Path(shutil.copytree(bench, tmp_path_factory.mktemp("necks") / "bench"))
    benchmark = Benchmark.load(folder)
    questions: list[Question] = []
    for question in benchmark.questions:
        questions.append(question)
        if question.source == "vindr":
            image = benchmark.images[question.image_ids[0]]
            shape = SHAPE_OF[question.disease]
            turn = int(question.patient_id.partition(":")[2])
            asked = build_question(
                image, question.split, task="alignment", disease=shape,
                options=tuple(np.roll(SHAPES, turn).tolist()), right=(shape,),
                text="Which shape does the neck have?",
            )  # fmt: skip
            questions.append(replace(asked, levels=()))
    patients = {"rsna:9", "rsna:10", "vindr:9"}  # of the split test
    questions = [replace(q, in_subset=q.patient_id in patients) for q in questions]
    images = list(benchmark.images.values())
    write_tables(folder, images, questions)
    manifest = read_manifest(folder, "benchmark")
    told = {"images_sha256": "0", "images": 64, "patients": 16, "accounting": {}}
    for name, source in manifest["sources"].items():
        source |= {"title": name.upper(), "annotations_sha256": {}, **told}
    manifest |= {
        "spinebench": "0", "library_per_disease": 200, "split_shares": {}, "duplicates": "fail",
        "question_pool": {"name": "core-2", "sha256": "0"},
        "counts": count_content(images, questions),
    }  # fmt: skip
    write_json(folder / "manifest.json", manifest)
    return folder


@pytest.fixture(scope="module")
def nearest(necks: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("runs") / "nearest"
    return out, run_evaluation(necks, "spinebench/nearest", out)


def test_alignment_has_its_own_block_and_no_part_in_overall(
    bench: Path, nearest: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    _, summary = nearest
    scores = summary["scores"]
    assert summary["tasks"] == ["diagnosis", "localization", "alignment"]
    assert summary["counts"]["alignment"]["answered"] == 20
    found = scores["alignment"]
    assert (found["accuracy"]["estimate"], found["accuracy"]["items"]) == (1.0, 20)
    assert found["confusion"]["rows"] == list(SHAPES)
    assert found["confusion"]["counts"][0] == [5, 0, 0, 0, 0, 0, 0]
    assert [row["value"] for row in found["by"]["disease"]] == sorted(SHAPES, key=str)
    assert found["by"]["levels"] == []
    assert sum(row["right"] for row in found["positions"]) == 20
    without = run_evaluation(bench, "spinebench/nearest", tmp_path / "run")["scores"]
    assert without.pop("alignment") is None
    del without["extractor"]  # counts the answers of all tasks
    assert {name: scores[name] for name in without} == without


@pytest.mark.parametrize("name", ["random", "blind", "metadata"])
def test_every_baseline_answers_it(necks: Path, tmp_path: Path, name: str) -> None:
    summary = run_evaluation(necks, f"spinebench/{name}", tmp_path / "run", tasks=["alignment"])
    assert summary["tasks"] == ["alignment"]
    assert summary["counts"]["alignment"]["answered"] == 20
    assert summary["scores"]["diagnosis"] is None
    assert summary["scores"]["overall"] is None
    assert summary["scores"]["overall_pooled"] is None


def test_a_message_with_four_shapes_is_alignment() -> None:
    line = "My final option: [X]"
    shapes = ", ".join(f"{letter}: {s}" for letter, s in zip("ABCD", SHAPES, strict=True))
    assert read_asked(f"? [{shapes}]\n{line}", []).task == "alignment"
    assert read_asked(f"? [{shapes}, E: Healthy]\n{line}", []).task == "diagnosis"
    assert read_asked(f"What?\n{line}", []).task == "diagnosis"


def test_the_task_under_inspect(necks: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    def answer(messages: list[ChatMessage], *_: Any) -> ModelOutput:
        seen.append(messages[-1].text)
        output = ModelOutput.from_content("m", "My final option: [A]")
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    (log,) = inspect_ai.eval(
        alignment(bench=str(necks), subset=True), log_dir=str(tmp_path), display="none",
        model=get_model("mockllm/model", custom_outputs=answer), log_realtime=False,
        acp_server=False, ctl_server=False,
    )  # fmt: skip
    assert len(log.samples or []) == 4  # of one patient
    assert log.eval.metadata is not None
    assert log.eval.metadata["subset"] is True
    for sample in log.samples or []:
        assert sample.scores is not None
        (score,) = sample.scores.values()
        assert score.value == ("C" if sample.target == ["A"] else "I")
    assert all(text.splitlines()[-1] == "My final option: [X]" for text in seen)
    assert all(shape in seen[0] for shape in SHAPES)
    assert "Healthy" not in seen[0]


def test_a_benchmark_without_it_says_so(bench: Path) -> None:
    with pytest.raises(UsageError, match="has no alignment questions in its split 'test'"):
        alignment(bench=str(bench))


def test_only_the_subset_is_asked(necks: Path, tmp_path: Path) -> None:
    summary = run_evaluation(necks, "spinebench/random", tmp_path / "run", subset=True)
    benchmark = Benchmark.load(necks)
    expected = {
        task: sum(q.in_subset and q.task == task for q in benchmark.questions)
        for task in ("diagnosis", "localization", "alignment")
    }
    found = {task: sum(counts.values()) for task, counts in summary["counts"].items()}
    assert found == expected == {"diagnosis": 12, "localization": 6, "alignment": 4}
    assert (summary["subset"], summary["complete"], summary["split"]) == (True, True, "test")
    whole = run_evaluation(necks, "spinebench/random", tmp_path / "whole", tasks=["diagnosis"])
    assert (whole["subset"], whole["run_id"] != summary["run_id"]) == (False, True)
    with pytest.raises(UsageError, match="run asked the evaluation subset only, others the whole"):
        build_report(necks, [tmp_path / "run", tmp_path / "whole"], tmp_path / "page.html")


def test_a_subset_that_cannot_be(bench: Path, necks: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no questions of diagnosis in the evaluation subset of"):
        run_evaluation(
            bench, "spinebench/random", tmp_path / "run", subset=True, tasks=["diagnosis"]
        )
    with pytest.raises(UsageError, match="lies in the split test, not in train"):
        select_questions(Benchmark.load(necks), "diagnosis", "train", subset=True)


def test_the_page_has_the_section_only_where_it_is_asked(
    necks: Path, nearest: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    build_report(necks, [nearest[0]], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    section = page.split('<section id="alignment">')[1].split("</section>")[0]
    assert "20 questions on 5 patients" in section
    assert "spinebench/<wbr>nearest" in section
    assert "A third task, alignment (20 questions)" in page
    assert "evaluation subset" not in page
    content = json.loads((nearest[0] / "manifest.json").read_text("utf-8"))
    assert content["prompts"]["alignment"]["text"] == content["prompts"]["diagnosis"]["text"]
