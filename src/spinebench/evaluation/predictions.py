"""From Inspect's logs to the table of predictions, the lasting record of a run.

A log is read in one pass over its zip: Inspect's own reader validates every event of every sample
(about 1 ms each, and 200 ms each through `read_eval_log_samples`), which this has no use for. The
members are those of Inspect's published log format: one JSON `EvalSample` under `samples/`.
"""

import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import inspect_ai.log  # noqa: F401  (teaches zipfile the logs' zstandard compression before 3.14)

from spinebench.errors import DataError
from spinebench.evaluation.outcome import read_answer
from spinebench.records import Prediction, Question

# the line that ends a traceback: "openai.InternalServerError: Error code: 500 ..."
_RAISED = re.compile(r"^[ |]*((?:\w+\.)*\w+(?:Error|Exception|Timeout)): (.+)$", re.MULTILINE)
_ERROR_LENGTH = 2000  # a provider may answer with a whole web page


@dataclass(frozen=True, kw_only=True)
class Run:
    """What all predictions of a run have in common."""

    run_id: str
    model: str
    settings: str  # JSON of the generation settings, keys sorted
    protocol: str
    prompt_sha256: Mapping[str, str]  # by task
    epochs: int


def build_predictions(
    logs: Iterable[Path], questions: Sequence[Question], run: Run
) -> list[Prediction]:
    """One prediction for every question and epoch, in that order, whatever the logs hold.

    What no log holds is `not_run`. Where several logs hold the same question and epoch, an answer
    stands before a failure, and the last answer before earlier ones. Raises DataError for a log
    of other questions.
    """
    by_id = {question.question_id: question for question in questions}
    found: dict[tuple[str, int], Prediction] = {}
    for log in logs:
        for sample in iter_log_samples(log):
            if _was_cancelled(sample):
                continue
            question = by_id.get(str(sample["id"]))
            if question is None:
                raise DataError(
                    file=log.name, field="sample id", found=str(sample["id"]),
                    expected="a question of this benchmark's split",
                )  # fmt: skip
            prediction = read_prediction(sample, question, run)
            key = (question.question_id, prediction.epoch)
            if key not in found or prediction.outcome != "failed":
                found[key] = prediction
    return [
        found.get((question.question_id, epoch)) or _not_run(question, epoch, run)
        for question in questions
        for epoch in range(1, run.epochs + 1)
    ]


def iter_log_samples(log: Path) -> Iterator[dict[str, Any]]:
    """Samples of one log (`.eval` or `.json`) as plain JSON. Raises DataError if it is damaged."""
    try:
        if log.suffix == ".json":
            yield from json.loads(log.read_text(encoding="utf-8")).get("samples") or []
            return
        with zipfile.ZipFile(log) as archive:
            for name in archive.namelist():
                if name.startswith("samples/") and name.endswith(".json"):
                    yield json.loads(archive.read(name))
    except (zipfile.BadZipFile, json.JSONDecodeError, OSError) as error:
        raise DataError(file=str(log), found=str(error), expected="a log of Inspect") from error


def read_prediction(sample: Mapping[str, Any], question: Question, run: Run) -> Prediction:
    """Prediction of one sample of a log."""
    output = sample.get("output") or {}
    choices = output.get("choices") or []
    text = str(output.get("completion") or "")
    finish_reason = choices[0].get("stop_reason") if choices else None
    error = _error(sample, bool(choices), text, finish_reason)
    usage = _usage(sample)
    reading = None
    if error is None:
        reading = read_answer(
            text, question.lettered, multiple=question.multiple, finish_reason=finish_reason
        )
    return replace(
        _not_run(question, int(sample["epoch"]), run),
        sent_sha256=tuple((sample.get("metadata") or {}).get("sent_sha256") or ()),
        raw_text=text,
        finish_reason=finish_reason,
        outcome=reading.outcome if reading else "failed",
        letters=reading.letters if reading else (),
        stage=reading.stage if reading else None,
        input_tokens=usage.get("input_tokens"),
        output_tokens=usage.get("output_tokens"),
        cost_usd=usage.get("total_cost"),
        seconds=output.get("time"),
        error=error,
    )


def _error(
    sample: Mapping[str, Any], answered: bool, text: str, finish_reason: str | None
) -> str | None:
    """Why there is no answer to read; None if there is one, an empty or filtered one included."""
    if sample.get("error"):
        return _cause(sample["error"])[:_ERROR_LENGTH]
    if sample.get("limit"):
        return f"stopped by Inspect's limit on {sample['limit'].get('type')}"
    if not answered:
        return str((sample.get("output") or {}).get("error") or "no answer")[:_ERROR_LENGTH]
    if finish_reason == "unknown" and not text:
        return "the model stopped for an unknown reason and said nothing"
    return None


def _cause(error: Mapping[str, Any]) -> str:
    """What went wrong; behind a RetryError, which names no reason, the error that was retried."""
    message = str(error.get("message"))
    if not message.startswith("RetryError("):
        return message
    raised = _RAISED.findall(str(error.get("traceback")))
    named = [f"{kind}: {words}" for kind, words in raised if not kind.endswith("RetryError")]
    return named[-1] if named else message


def _was_cancelled(sample: Mapping[str, Any]) -> bool:
    # an interrupted sample is logged with the event loop's own exception; nobody answered it
    message = str((sample.get("error") or {}).get("message"))
    return message.startswith(("CancelledError(", "Cancelled("))


def _usage(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Tokens and cost of the sample, summed over the models it called (one, here).

    Input tokens include those read from and written to a provider's cache.
    """
    total: dict[str, Any] = {}
    for usage in (sample.get("model_usage") or {}).values():
        parts = [usage.get(name) or 0 for name in ("input_tokens", *_CACHE_TOKENS)]
        total["input_tokens"] = total.get("input_tokens", 0) + sum(parts)
        total["output_tokens"] = total.get("output_tokens", 0) + (usage.get("output_tokens") or 0)
        if usage.get("total_cost") is not None:
            total["total_cost"] = total.get("total_cost", 0.0) + usage["total_cost"]
    return total


_CACHE_TOKENS = ("input_tokens_cache_read", "input_tokens_cache_write")


def _not_run(question: Question, epoch: int, run: Run) -> Prediction:
    return Prediction(
        question_id=question.question_id,
        run_id=run.run_id,
        model=run.model,
        settings=run.settings,
        protocol=run.protocol,
        prompt_sha256=run.prompt_sha256[question.task],
        epoch=epoch,
        letter_map="".join(question.lettered),
        sent_sha256=(),
        raw_text="",
        finish_reason=None,
        outcome="not_run",
        letters=(),
        stage=None,
        input_tokens=None,
        output_tokens=None,
        cost_usd=None,
        seconds=None,
        error=None,
    )
