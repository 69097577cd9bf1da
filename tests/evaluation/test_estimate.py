"""A dry run: counted by hand, nobody called."""

import json
from pathlib import Path

import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation.estimate import estimate_run
from spinebench.evaluation.run import run_evaluation
from spinebench.evaluation.select import select_questions


def test_what_a_run_would_send(bench: Path, tmp_path: Path) -> None:
    found = estimate_run(
        bench, "openai/gpt-4o", tmp_path / "run", tasks=["diagnosis"], limit=3, epochs=2,
        prices=Path("example"), settings={"max_tokens": 100},
    )  # fmt: skip
    benchmark = Benchmark.load(bench)
    asked = select_questions(benchmark, "diagnosis", "test")[:3]
    sizes = [benchmark.image_file(q.image_ids[0]).stat().st_size for q in asked]
    assert found["questions"] == {"diagnosis": 3}
    assert (found["calls"], found["image_bytes"]) == (6, 2 * sum(sizes))
    assert found["image_tokens"] == 6 * 255  # one tile each
    assert found["input_tokens"] == found["text_tokens"] + 6 * 255
    assert (found["output_tokens"], found["output_tokens_from"]) == (600, "max_tokens")
    cost = (found["input_tokens"] * 2.5 + 600 * 10) / 1e6
    assert found["cost_usd"] == pytest.approx(cost)
    assert found["images_too_large"] == 0
    assert not (tmp_path / "run").exists()
    assert json.dumps(found)


def test_what_is_not_known_is_null(bench: Path) -> None:
    found = estimate_run(bench, "vllm/x", tasks=["diagnosis"], limit=2)
    assert (found["image_tokens"], found["input_tokens"], found["cost_usd"]) == (None, None, None)
    assert found["text_tokens"] > 0
    assert found["output_tokens_from"] == "a guess for this protocol"
    blind = estimate_run(bench, "vllm/x", tasks=["diagnosis"], limit=2, no_image=True)
    assert (blind["image_bytes"], blind["image_tokens"]) == (0, 0)


def test_rotations_count_and_answers_that_are_there_do_not(bench: Path, tmp_path: Path) -> None:
    run_evaluation(bench, "spinebench/random", tmp_path / "run", tasks=["diagnosis"], limit=4)
    found = estimate_run(bench, "spinebench/random", tmp_path / "run", tasks=["diagnosis"], limit=6)
    assert (found["calls"], found["answered_before"]) == (2, 4)
    turned = estimate_run(bench, "spinebench/random", tasks=["diagnosis"], limit=6, circular=True)
    assert turned["calls"] == 30


def test_options_are_checked(bench: Path) -> None:
    with pytest.raises(UsageError, match="--processes 0: must be at least 1"):
        estimate_run(bench, "vllm/x", processes=0)
    for amount in (-1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=f"--max-cost {amount}: must be a number of dollars"):
            estimate_run(bench, "vllm/x", max_cost=amount)
