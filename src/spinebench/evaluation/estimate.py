"""What a run would send and cost, told before it does. Nothing is called; guesses say so."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spinebench.evaluation.images import describe_handling, estimate_image_tokens, largest_bytes
from spinebench.evaluation.journal import Heard, read_journal
from spinebench.evaluation.protocols import Ask
from spinebench.evaluation.run_folder import JOURNAL
from spinebench.evaluation.run_plan import Planned, plan_run

_CHARACTERS_PER_TOKEN = 4
# guesses of an answer's length where --setting max_tokens does not bound it
_ANSWER_TOKENS = {"direct": 10, "released": 400, "cot": 600}


def estimate_run(
    bench: Path, model: str | None, out: Path | None = None, **options: Any
) -> dict[str, Any]:
    """Numbers of questions and calls, bytes, tokens and cost; keywords: `run.RunOptions`.

    Answers that `out` holds already are left out. `input_tokens` and `cost_usd` are None where
    they cannot be known; both are estimates.
    """
    planned = plan_run(bench, model, **options)
    asks = planned.asks(planned.options.limit)
    known = read_journal(out / JOURNAL).by_key if out is not None else {}
    missing = [a for a in asks if a.key not in known or known[a.key].error is not None]
    images = [] if planned.protocol.no_image else _images_of(planned, missing)
    tokens = [estimate_image_tokens(planned.model, cols, rows) for _, cols, rows in images]
    text = sum(_text_tokens(planned, ask) for ask in missing)
    input_tokens = text + sum(t for t in tokens if t is not None) if None not in tokens else None
    limit = (planned.options.settings or {}).get("max_tokens")
    answer = int(limit or _ANSWER_TOKENS.get(planned.protocol.base, 400))
    largest = largest_bytes(planned.model)
    return {
        "model": planned.model,
        "protocol": planned.protocol.name,
        "questions": {task: len(part[: planned.options.limit])
                      for task, part in planned.questions.items()},
        "calls": len(missing),
        "answered_before": len(asks) - len(missing),
        "image_bytes": sum(size for size, _, _ in images),
        "images_too_large": None if largest is None
        else sum(_base64_bytes(size) > largest for size, _, _ in images),
        "text_tokens": text,
        "image_tokens": None if None in tokens else sum(t for t in tokens if t is not None),
        "input_tokens": input_tokens,
        "output_tokens": answer * len(missing),
        "output_tokens_per_answer": answer,
        "output_tokens_from": "max_tokens" if limit else "a guess for this protocol",
        "price": planned.price.plain() if planned.price else None,
        "cost_usd": _cost(planned, input_tokens, answer * len(missing)),
        "images": describe_handling(planned.model),
    }  # fmt: skip


def _images_of(planned: Planned, asks: Sequence[Ask]) -> list[tuple[int, int, int]]:
    """(bytes, columns, rows) of every image that would be sent, as often as it would."""
    sizes: dict[str, tuple[int, int, int]] = {}
    sent = [image_id for ask in asks for image_id in ask.question.image_ids]
    for image_id in sent:
        if image_id not in sizes:
            image = planned.benchmark.images[image_id]
            size = planned.benchmark.image_file(image_id).stat().st_size
            sizes[image_id] = size, image.file_cols, image.file_rows
    return [sizes[image_id] for image_id in sent]


def _text_tokens(planned: Planned, ask: Ask) -> int:
    words = planned.prompts[ask.question.task].render(ask.question.text, ask.shown)
    return -(-sum(map(len, words)) // _CHARACTERS_PER_TOKEN)


def _base64_bytes(size: int) -> int:
    return -(-size // 3) * 4


def _cost(planned: Planned, input_tokens: int | None, output_tokens: int) -> float | None:
    if planned.price is None or input_tokens is None:
        return None
    told = Heard(
        key="", question_id="", epoch=1, letter_map="",
        input_tokens=input_tokens, output_tokens=output_tokens,
    )  # fmt: skip
    return planned.price.cost_of(told)
