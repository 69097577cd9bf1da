"""The Inspect tasks themselves: samples, arguments, the guard in front of every call."""

from pathlib import Path
from typing import Any

import inspect_ai
import pytest
from inspect_ai import task_with
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, ModelOutput, ModelUsage, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation.select import select_questions
from spinebench.evaluation.tasks import diagnosis, localization
from tests.evaluation.conftest import TERMS


def run(task: Any, model: Any, tmp_path: Path, **options: Any) -> EvalLog:
    (log,) = inspect_ai.eval(
        task, model=model, log_dir=str(tmp_path), display="none", log_realtime=False,
        acp_server=False, ctl_server=False, **options,
    )  # fmt: skip
    return log


def test_samples_are_the_questions(bench: Path) -> None:
    task = localization(bench=str(bench), split="reserve")
    questions = select_questions(Benchmark.load(bench), "localization", "reserve")
    assert [s.id for s in task.dataset] == [q.question_id for q in questions]
    sample, question = task.dataset[0], questions[0]
    assert (sample.input, sample.target) == (question.text, list(question.gold))
    assert sample.metadata is not None
    assert sample.metadata["patient_id"] == question.patient_id
    assert not Path(sample.metadata["images"][0]["path"]).is_absolute()


def test_limit_and_offset_are_a_window(bench: Path) -> None:
    whole = [s.id for s in diagnosis(bench=str(bench)).dataset]
    assert len(whole) == 40
    assert [s.id for s in diagnosis(bench=str(bench), limit=3, offset=2).dataset] == whole[2:5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "dev"}, "unknown split"),
        ({"protocol": "mine"}, "unknown protocol"),
        ({"prompt": "none.txt"}, "No such file"),
        ({"bench": "nowhere"}, "nowhere is not a benchmark: looked for manifest.json"),
    ],
)
def test_bad_arguments(bench: Path, arguments: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        diagnosis(**{"bench": str(bench), **arguments})


def test_a_prompt_that_does_not_fit_the_options_is_found_before_any_call(
    bench: Path, tmp_path: Path
) -> None:
    file = tmp_path / "two.txt"
    file.write_text("{question} [A: {optionA_text}, B: {optionB_text}]")
    with pytest.raises(UsageError, match="names options A, B, a question has A, B, C, D, E"):
        diagnosis(bench=str(bench), prompt=str(file))


def test_an_altered_prompt_reaches_the_model_with_the_image_in_its_place(
    bench: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("First words. <image> Then {question} {options}")
    seen: list[list[ChatMessage]] = []

    def answer(messages: list[ChatMessage], *_: Any) -> ModelOutput:
        seen.append(messages)
        output = ModelOutput.from_content("m", "My final option: [A]")
        output.usage = ModelUsage()
        return output

    model = get_model("mockllm/model", custom_outputs=answer)
    log = run(diagnosis(bench=str(bench), prompt=str(file), limit=1), model, tmp_path)
    (message,) = seen[0]
    assert [part.type for part in message.content] == ["text", "image", "text"]  # type: ignore[union-attr]
    assert message.content[0].text == "First words. "  # type: ignore[union-attr]
    assert message.content[2].text.startswith(" Then ")  # type: ignore[union-attr]
    assert log.eval.metadata is not None
    assert len(log.eval.metadata["prompt_sha256"]) == 64


def test_a_task_built_without_its_model_still_calls_nobody_against_the_terms(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INSPECT_EVAL_MODEL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    task = diagnosis(bench=str(bench))  # no model is active here
    model = get_model("openai/gpt-4o", memoize=False)

    def called(*_: Any, **__: Any) -> None:
        raise AssertionError("a call was made")

    monkeypatch.setattr(type(model.api), "generate", called)
    log = run(task, model, tmp_path, sample_id=[s.id for s in task.dataset][:12])
    by_source: dict[str, set[str]] = {"rsna": set(), "vindr": set()}
    for sample in log.samples or []:
        assert sample.error is not None
        by_source[sample.metadata["source"]].add(sample.error.message)
    (told,) = by_source["vindr"]
    assert TERMS["vindr"]["name"] in told
    (called_for,) = by_source["rsna"]  # whose terms allow it
    assert "a call was made" in called_for


def test_terms_may_be_accepted_in_a_task_argument(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INSPECT_EVAL_MODEL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    task = diagnosis(bench=str(bench), accept_terms="vindr")
    model = get_model("openai/gpt-4o", memoize=False)

    async def answer(*_: Any, **__: Any) -> ModelOutput:
        return ModelOutput.from_content("gpt", "My final option: [A]")

    monkeypatch.setattr(type(model.api), "generate", answer)
    log = run(task, model, tmp_path)
    assert log.results is not None
    assert log.results.completed_samples == 40


def test_scores_in_the_log_are_right_or_wrong(bench: Path, tmp_path: Path) -> None:
    def answer(messages: list[ChatMessage], *_: Any) -> ModelOutput:
        output = ModelOutput.from_content("m", "My final option: [A]")
        output.usage = ModelUsage()
        return output

    task = diagnosis(bench=str(bench))
    log = run(task, get_model("mockllm/model", custom_outputs=answer), tmp_path)
    assert len(log.samples or []) == 40
    for sample in log.samples or []:
        assert sample.scores is not None
        (score,) = sample.scores.values()
        assert score.value == ("C" if sample.target == ["A"] else "I")
        assert score.metadata == {"outcome": "answered", "letters": ["A"], "stage": "closing_line"}


def test_no_answer_at_all_is_unscored_not_wrong(bench: Path, tmp_path: Path) -> None:
    @solver
    def silent() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            return state

        return solve

    task = task_with(diagnosis(bench=str(bench), limit=2), solver=silent())
    log = run(task, "mockllm/model", tmp_path)
    for sample in log.samples or []:
        assert sample.scores is not None
        (score,) = sample.scores.values()
        assert score.value != score.value  # nan: left out of every mean
        assert len(sample.messages) == 1  # the question was put all the same
