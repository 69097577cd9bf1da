"""The Hugging Face folder as `datasets` loads it, and `eval.yaml` as Inspect runs it."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from spinebench.benchmark.bundle import Benchmark
from spinebench.imaging.standard import pixel_sha256

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]


def test_pictures_lists_and_splits(exports: Path, bench: Benchmark) -> None:
    import datasets

    loaded = datasets.load_dataset(str(exports / "hf"), "localization")
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 1, "test": 2}
    rows = loaded["test"]
    assert isinstance(rows.features["image"], datasets.Image)
    assert rows.features["options"] == datasets.List(datasets.Value("string"))
    expected = {q.question_id: q for q in bench.questions}
    for row in rows:
        question = expected[row["question_id"]]
        assert (row["question"], tuple(row["options"])) == (question.text, question.options)
        assert row["letters"] == "".join(question.gold)
        assert row["answers"] == [question.lettered[letter] for letter in question.gold]
        pixels = np.asarray(row["image"].convert("RGB"))
        assert pixel_sha256(pixels) == bench.images[question.image_ids[0]].pixel_sha256


def test_a_file_alone_says_what_its_columns_are(exports: Path) -> None:
    """Without the card, from the Parquet file's own metadata."""
    import datasets

    file = exports / "hf" / "diagnosis" / "train-00000-of-00001.parquet"
    rows = datasets.load_dataset("parquet", data_files=str(file), split="train")
    assert isinstance(rows.features["image"], datasets.Image)
    assert rows[0]["image"].size == (20, 24)
    assert rows[0]["similarities"] == [0.1 + 0.2]


def test_eval_yaml_runs_under_inspect(exports: Path, bench: Benchmark, tmp_path: Path) -> None:
    """Inspect's own parser of `eval.yaml`, its solver and scorer, with a model that knows."""
    import datasets
    from inspect_ai import Task, eval
    from inspect_ai._eval.task.hf import HFTask, _record_to_sample_hf
    from inspect_ai.dataset import MemoryDataset
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import choice
    from inspect_ai.solver import multiple_choice

    content = yaml.safe_load((exports / "hf" / "eval.yaml").read_text("utf-8"))
    assert content["evaluation_framework"] == "inspect-ai"
    tasks = {task["id"]: HFTask.model_validate(task) for task in content["tasks"]}
    assert sorted(tasks) == ["alignment", "diagnosis", "localization"]
    for name, task in tasks.items():
        rows = datasets.load_dataset(str(exports / "hf"), task.config, split=task.split)
        samples = [_record_to_sample_hf(row, task.field_spec) for row in rows]
        assert len(samples) == sum(q.task == name and q.split == "test" for q in bench.questions)
        outputs = []
        for sample in samples:
            output = ModelOutput.from_content("mockllm/model", f"ANSWER: {','.join(sample.target)}")
            output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
            outputs.append(output)
        solver = multiple_choice(**task.solvers[0].args)
        scorer = choice()
        model = get_model("mockllm/model", custom_outputs=outputs)
        (log,) = eval(
            Task(dataset=MemoryDataset(samples), solver=solver, scorer=scorer),
            model=model, log_dir=str(tmp_path), display="none", max_samples=1,
        )  # fmt: skip
        assert log.status == "success"
        assert log.results.scores[0].metrics["accuracy"].value == 1.0
        first = log.samples[0].messages[0].content
        assert [part.type for part in first].count("image") == 1
