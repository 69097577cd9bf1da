"""One shard of a run as an Inspect task: put each question, and write down what comes back.

The line in the journal is written the moment an answer is there, before it is read or scored and
before Inspect logs it. A call that fails is a line too, and costs the other questions nothing.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import inspect_ai
from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.hooks import Hooks, ModelRetry, hooks
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    ChatMessageUser,
    Content,
    ContentText,
    GenerateConfig,
    Model,
    ModelOutput,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver

from spinebench.benchmark.bundle import Benchmark
from spinebench.evaluation.journal import Heard, JournalWriter, open_journal
from spinebench.evaluation.models import ModelOptions, reason_of
from spinebench.evaluation.prices import Price
from spinebench.evaluation.prompts import Prompt
from spinebench.evaluation.protocols import Ask, shown_letters
from spinebench.evaluation.tasks import TASK_VERSION, answer_scorer, read_images
from spinebench.evaluation.watch import Limits, StopRunError, Watch
from spinebench.records import Image

_ERROR_LENGTH = 2000  # a provider may answer with a whole web page
_UNENCODABLE = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


@dataclass(frozen=True, kw_only=True)
class Calling:
    """What all shards of a run have in common; can be sent to another process."""

    bench: Path
    model: str
    called: ModelOptions
    prompts: Mapping[str, Prompt]  # by task
    no_image: bool
    logs: Path
    limits: Limits
    price: Price | None
    about: Mapping[str, Any]  # kept in the head of each log


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Questions of one task that share a log and a file of the journal."""

    task: str
    asks: Sequence[Ask]
    journal: Path


def ask_shard(
    calling: Calling, shard: Shard, benchmark: Benchmark, model: Model, watch: Watch
) -> list[EvalLog]:
    """Ask; returns the head of the log, or nothing where Inspect was interrupted."""
    images = {i: benchmark.images[i] for ask in shard.asks for i in ask.question.image_ids}
    with open_journal(shard.journal) as journal, _retries_told_to(watch):
        record = _Recorder(calling, journal, watch, benchmark.folder.resolve(), images)
        task = Task(
            name=shard.task,
            dataset=MemoryDataset([_build_sample(ask) for ask in shard.asks], name=shard.task),
            solver=_put_and_record(record, {_sample_id(ask): ask for ask in shard.asks}),
            scorer=answer_scorer(),
            # failures are recorded, not raised: what is raised is a stop, or a bug
            fail_on_error=True,
            config=GenerateConfig(),  # the model carries all settings
            version=TASK_VERSION,
            metadata=dict(calling.about),
        )
        return inspect_ai.eval(
            task,
            model=model,
            log_dir=str(calling.logs),
            log_format="eval",
            display="none",
            log_images=False,  # the image's hash is in the log; its bytes are in the benchmark
            log_model_api=False,
            log_realtime=False,  # the journal is what survives a crash
            log_header_only=True,
            acp_server=False,
            ctl_server=False,
        )


@dataclass(frozen=True)
class _Recorder:
    calling: Calling
    journal: JournalWriter
    watch: Watch
    folder: Path
    images: Mapping[str, Image]

    def write(self, heard: Heard) -> None:
        """Write the line first, then count: a stop must not come between answer and line."""
        self.journal.write(heard)
        price = self.calling.price
        cost = price.cost_of(heard) if price else heard.cost_usd
        self.watch.count(cost, failed=heard.error is not None)


def _put_and_record(record: _Recorder, asks: Mapping[str, Ask]) -> Solver:
    @solver
    def put_and_record() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            if record.watch.counts.stop:
                raise StopRunError(record.watch.counts.stop)
            ask = asks[str(state.sample_id)]
            heard = Heard(
                key=ask.key, question_id=ask.question.question_id, epoch=ask.epoch,
                letter_map=ask.letter_map,
            )  # fmt: skip
            with record.watch.given_up_on_stop() as scope:
                state = await _ask_once(state, generate, ask, heard, record)
            if scope.cancelled_caught:
                words = record.watch.last_failure.get(state.uuid)
                if words:  # it had failed, and would have been tried again
                    record.write(_failed(heard, f"given up when the run was stopped: {words}"))
                raise StopRunError(record.watch.counts.stop)
            return state

        return solve

    return put_and_record()


async def _ask_once(
    state: TaskState, generate: Generate, ask: Ask, heard: Heard, record: _Recorder
) -> TaskState:
    sent: tuple[str, ...] = ()
    try:
        content, sent = _build_content(ask, record)
        state.messages = [ChatMessageUser(content=content)]
        state.metadata["sent_sha256"] = list(sent)
        started = time.monotonic()
        state = await generate(state)
    except Exception as error:  # noqa: BLE001  (each failure becomes a line of the journal)
        failed = _failed(heard, error_words(error), sent)
        state.output = ModelOutput(model=str(state.model), error=failed.error)
        record.write(failed)
        return state
    record.write(read_output(state.output, heard, sent, time.monotonic() - started))
    return state


def _build_content(ask: Ask, record: _Recorder) -> tuple[list[Content], tuple[str, ...]]:
    prompt = record.calling.prompts[ask.question.task]
    before, after = prompt.render(ask.question.text, ask.shown)
    content: list[Content] = [ContentText(text=before)]
    sent: list[str] = []
    if not record.calling.no_image:
        wanted = [record.images[image_id] for image_id in ask.question.image_ids]
        pictures, sent = read_images(
            record.folder, [{"path": i.path, "sha256": i.file_sha256} for i in wanted]
        )
        content += pictures
    if after:
        content.append(ContentText(text=after))
    return content, tuple(sent)


def read_output(output: ModelOutput, heard: Heard, sent: tuple[str, ...], seconds: float) -> Heard:
    """What a model's output holds, put into the line `heard` of its asking."""
    # a lone surrogate, as a broken server may send, is no text that a table can hold
    text = output.completion.translate(_UNENCODABLE)
    finish_reason = output.stop_reason if output.choices else None
    error = None
    if not output.choices:
        error = str(output.error or "no answer")[:_ERROR_LENGTH]
    elif finish_reason == "unknown" and not text:
        error = "the model stopped for an unknown reason and said nothing"
    usage = output.usage
    return Heard(
        key=heard.key, question_id=heard.question_id, epoch=heard.epoch,
        letter_map=heard.letter_map, sent_sha256=sent, text=text, finish_reason=finish_reason,
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        cache_read_tokens=(usage.input_tokens_cache_read or 0) if usage else 0,
        cache_write_tokens=(usage.input_tokens_cache_write or 0) if usage else 0,
        cost_usd=usage.total_cost if usage else None,
        seconds=output.time if output.time is not None else seconds, error=error,
    )  # fmt: skip


def error_words(error: BaseException) -> str:
    """What went wrong, in one line, without what was asked."""
    error = reason_of(error)
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    words = " ".join(str(error).split()).translate(_UNENCODABLE)
    return f"{module}{kind.__qualname__}: {words}"[:_ERROR_LENGTH]


def _failed(heard: Heard, error: str, sent: tuple[str, ...] = ()) -> Heard:
    return Heard(
        key=heard.key, question_id=heard.question_id, epoch=heard.epoch,
        letter_map=heard.letter_map, sent_sha256=sent, error=error[:_ERROR_LENGTH],
    )  # fmt: skip


def _sample_id(ask: Ask) -> str:
    """The question's id; with the order and epoch where it is not asked in its own order once."""
    plain = ask.letter_map == "".join(ask.question.lettered) and ask.epoch == 1
    return ask.question.question_id + ("" if plain else f"#{ask.epoch}-{ask.letter_map}")


def _build_sample(ask: Ask) -> Sample:
    question = ask.question
    metadata: dict[str, Any] = {
        "task": question.task,
        "source": question.source,
        "patient_id": question.patient_id,
        "disease": question.disease,
        "multiple": question.multiple,
        "options": list(ask.shown.values()),
        "letter_map": ask.letter_map,
        "epoch": ask.epoch,
    }
    return Sample(
        input=question.text,
        id=_sample_id(ask),
        target=list(shown_letters(question.gold, ask.letter_map)),
        metadata=metadata,
    )


_listening: list[Watch] = []


@contextmanager
def _retries_told_to(watch: Watch) -> Iterator[None]:
    """While the block runs, calls that Inspect tries again are told to the watch."""
    _register_hooks()
    _listening.append(watch)
    try:
        yield
    finally:
        _listening.remove(watch)


@lru_cache(maxsize=1)
def _register_hooks() -> None:
    # not at import: Inspect prints every hook that it finds when its first model is opened
    @hooks(name="spinebench_retries", description="Counts calls that fail and are tried again.")
    class RetryHooks(Hooks):
        def enabled(self) -> bool:
            return bool(_listening)

        async def on_model_retry(self, data: ModelRetry) -> None:
            words = f"{data.exception_type or 'error'}, HTTP status {data.status_code or 'none'}"
            for watch in _listening:
                watch.tried(data.sample_id, data.status_code, words)
