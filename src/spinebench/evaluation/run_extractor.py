"""The extractor's calls of a run: each reply is written down at once and never asked for twice.

A call that fails costs nothing but itself: the answer stays as the rules left it, the manifest says
how many were not read, and a run that is continued asks for those again. After `stop_after` calls
that failed in a row no more are made: the server is taken for dead.
"""

import asyncio
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai.model import Model, ModelOutput

from spinebench.evaluation.asking import error_words
from spinebench.evaluation.extractor_model import (
    build_extractor_prompt,
    extract_with_model,
    extractor_prompt_sha256,
    needs_extractor,
)
from spinebench.evaluation.journal import (
    JournalWriter,
    Reply,
    next_file,
    open_journal,
    read_replies,
)
from spinebench.evaluation.models import ModelOptions, build_settings
from spinebench.evaluation.outcome import Reading
from spinebench.evaluation.predictions import with_reading
from spinebench.evaluation.protocols import Ask
from spinebench.evaluation.run_models import Opener
from spinebench.progress import iter_with_progress
from spinebench.records import Prediction

_AT_ONCE = 100  # Inspect itself limits the connections


class NoReplyError(Exception):
    """The extractor was asked, and what came back holds no text."""


@dataclass(frozen=True)
class Read:
    """What became of the answers in which the rules found nothing."""

    predictions: list[Prediction]  # all of the run, those that were read as the extractor has them
    unread: int  # answers that it should have read and did not
    replies: Sequence[Reply] = ()  # all that it ever gave to this run
    interrupted: bool = False  # by Ctrl-C


def describe_extractor(name: str, read: Read) -> dict[str, Any]:
    """What the manifest says of the extractor: whom, in what words, with which settings."""
    return {
        "model": name,
        "prompt_sha256": extractor_prompt_sha256(),
        "settings": build_settings(name, ModelOptions()),
        "unread": read.unread,
        "usage": {
            "calls": len(read.replies),
            "input_tokens": _sum_known([reply.input_tokens for reply in read.replies]),
            "output_tokens": _sum_known([reply.output_tokens for reply in read.replies]),
        },
    }


def _sum_known(counts: Sequence[int | None]) -> int | None:
    """Sum, or None where one is not known."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def read_unparsed(
    predictions: Sequence[Prediction],
    asks: Sequence[Ask],
    opener: Opener,
    folder: Path,
    *,
    stop_after: int,
) -> Read:
    """The predictions, those in which the rules found nothing as a model reads them.

    `asks` are those of the predictions, in the same order; `folder` keeps the replies. The model is
    opened only if there is something to read.
    """
    wanted = list_unparsed(predictions)
    found = list(predictions)
    replies = read_replies(folder)
    if not wanted:
        return Read(found, 0, replies)
    reader = _Reader(opener(), replies, stop_after)
    interrupted = False
    with open_journal(next_file(folder)) as journal:
        try:
            asyncio.run(reader.read_all({i: (predictions[i], asks[i]) for i in wanted}, journal))
        except KeyboardInterrupt:  # what was read is kept
            interrupted = True
    for place, reading in reader.readings.items():
        found[place] = with_reading(predictions[place], reading)
    unread = len(wanted) - len(reader.readings)
    if reader.first_error is not None:
        words = f"{unread} answers were not read: {error_words(reader.first_error)}"
        print(f"extractor {reader.model}: {words}", file=sys.stderr)
    return Read(found, unread, reader.replies, interrupted)


def list_unparsed(predictions: Sequence[Prediction]) -> list[int]:
    """Places of the predictions that an extractor is asked about."""
    return [
        place
        for place, prediction in enumerate(predictions)
        if needs_extractor(Reading(prediction.outcome, (), prediction.stage), prediction.raw_text)
    ]


class _Reader:
    def __init__(self, model: Model, replies: list[Reply], stop_after: int) -> None:
        self.model = model
        self.readings: dict[int, Reading] = {}  # by place
        self.first_error: Exception | None = None
        self.replies = replies  # of this run, to which those of now are added
        self._known = {reply.key: reply.text for reply in replies}
        self._stop_after = stop_after
        self._failed_in_a_row = 0

    async def read_all(
        self, answers: dict[int, tuple[Prediction, Ask]], journal: JournalWriter
    ) -> None:
        gate = asyncio.Semaphore(_AT_ONCE)
        label = f"extractor {self.model}"
        steps = iter(iter_with_progress(range(len(answers)), total=len(answers), label=label))
        next(steps)

        async def read(place: int, prediction: Prediction, ask: Ask) -> None:
            async with gate:
                if 0 < self._stop_after <= self._failed_in_a_row:
                    return
                try:
                    self.readings[place] = await self._read(prediction, ask, journal)
                except Exception as error:  # noqa: BLE001  (counted and told; see the head)
                    self.first_error = self.first_error or error
                    self._failed_in_a_row += 1
                else:
                    self._failed_in_a_row = 0
                next(steps, None)

        await asyncio.gather(*(read(place, *answer) for place, answer in answers.items()))

    async def _read(self, prediction: Prediction, ask: Ask, journal: JournalWriter) -> Reading:
        multiple = ask.question.multiple
        prompt = build_extractor_prompt(prediction.raw_text, ask.shown, multiple=multiple)
        key = hashlib.sha256(f"{self.model}\x1f{prompt}".encode()).hexdigest()

        async def reply(prompt: str) -> str:
            if key not in self._known:
                output = await self._ask(prompt)
                usage = output.usage
                heard = Reply(
                    key=key,
                    text=output.completion,
                    input_tokens=usage.input_tokens if usage else None,
                    output_tokens=usage.output_tokens if usage else None,
                )
                journal.write(heard)
                self.replies.append(heard)
                self._known[key] = heard.text
            return self._known[key]

        read = await extract_with_model(reply, prediction.raw_text, ask.shown, multiple=multiple)
        return read.reading

    async def _ask(self, prompt: str) -> ModelOutput:
        output = await self.model.generate(prompt)
        if output.error or not output.choices:
            raise NoReplyError(str(output.error or "no answer")[:500])
        return output
