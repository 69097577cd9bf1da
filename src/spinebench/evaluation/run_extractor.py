"""The extractor's calls of a run: each reply is written down at once and never asked for twice."""

import asyncio
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from inspect_ai.model import Model

from spinebench.evaluation.asking import error_words
from spinebench.evaluation.extractor_model import (
    build_extractor_prompt,
    extract_with_model,
    needs_extractor,
)
from spinebench.evaluation.journal import (
    JournalWriter,
    Reply,
    next_file,
    open_journal,
    read_replies,
)
from spinebench.evaluation.outcome import Reading
from spinebench.evaluation.predictions import with_reading
from spinebench.evaluation.protocols import Ask
from spinebench.records import Prediction

_AT_ONCE = 100  # Inspect itself limits the connections


def extract_unparsed(
    predictions: Sequence[Prediction], asks: Sequence[Ask], model: Model, folder: Path
) -> list[Prediction]:
    """The predictions, those in which the rules found nothing as the model reads them.

    `asks` are those of the predictions, in the same order. A call that fails leaves its answer
    unparsed, and is made again when the run is continued.
    """
    wanted = [
        place
        for place, prediction in enumerate(predictions)
        if needs_extractor(Reading(prediction.outcome, (), prediction.stage), prediction.raw_text)
    ]
    found = list(predictions)
    if wanted:
        known = read_replies(folder)
        with open_journal(next_file(folder)) as journal:
            readings = asyncio.run(
                _read_all(model, [(predictions[i], asks[i]) for i in wanted], known, journal)
            )
        failures = [reading for reading in readings if isinstance(reading, Exception)]
        if failures:
            told = f"extractor {model}: {len(failures)} calls failed: {error_words(failures[0])}"
            print(told, file=sys.stderr)
        for place, reading in zip(wanted, readings, strict=True):
            if isinstance(reading, Reading):
                found[place] = with_reading(predictions[place], reading)
    return found


async def _read_all(
    model: Model,
    answers: Sequence[tuple[Prediction, Ask]],
    known: dict[str, str],
    journal: JournalWriter,
) -> list[Reading | Exception]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def read(prediction: Prediction, ask: Ask) -> Reading | Exception:
        multiple = ask.question.multiple
        prompt = build_extractor_prompt(prediction.raw_text, ask.shown, multiple=multiple)
        key = hashlib.sha256(f"{model}\x1f{prompt}".encode()).hexdigest()

        async def reply(prompt: str) -> str:
            if key not in known:
                known[key] = (await model.generate(prompt)).completion
                journal.write(Reply(key=key, text=known[key]))
            return known[key]

        async with gate:
            try:
                read = await extract_with_model(
                    reply, prediction.raw_text, ask.shown, multiple=multiple
                )
            except Exception as error:  # noqa: BLE001  (told and counted; the answer stays unparsed)
                return error
        return read.reading

    return await asyncio.gather(*(read(prediction, ask) for prediction, ask in answers))
