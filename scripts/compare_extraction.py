"""Prints how three readers of answers do on the golden cases, as the table of docs/extraction.md.

Ours; Inspect's own multiple-choice solver, through its public path, on the texts as they are and
with our closing line put into the words that it asks for; and the first letter of an option that
stands alone (with several right answers: all of them). Run: python scripts/compare_extraction.py
"""

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from inspect_ai.model import ChatMessageUser, ModelName, ModelOutput
from inspect_ai.scorer import Target
from inspect_ai.solver import TaskState, multiple_choice

from spinebench.evaluation.extract import extract_answer

GOLDEN = Path(__file__).parents[1] / "tests/evaluation/extraction_golden.jsonl"
_CLOSING_LINE = re.compile(r"\bmy final options?\b\s*:", re.IGNORECASE)

Case = Mapping[str, Any]
Reader = Callable[[Case], frozenset[str]]


def read_ours(case: Case) -> frozenset[str]:
    """Letters by the cascade."""
    return extract_answer(case["text"], case["options"], multiple=case["multiple"]).letters


def read_inspect(case: Case) -> frozenset[str]:
    """Letters that Inspect's `multiple_choice` marks as chosen."""
    state = TaskState(
        model=ModelName("mockllm/model"),
        sample_id=case["id"],
        epoch=1,
        input="question",
        messages=[ChatMessageUser(content="question")],
        target=Target("A"),
        choices=list(case["options"].values()),
    )

    async def generate(state: TaskState, *_: object, **__: object) -> TaskState:
        state.output = ModelOutput.from_content("mockllm/model", case["text"])
        return state

    solve = multiple_choice(multiple_correct=case["multiple"])
    done = asyncio.run(_call(solve, state, generate))
    chosen = zip(case["options"], done.choices, strict=True)
    return frozenset(letter for letter, choice in chosen if choice.correct)


async def _call(solve: Any, state: TaskState, generate: Any) -> TaskState:
    done = await solve(state, generate)
    assert isinstance(done, TaskState)
    return done


def read_inspect_in_its_words(case: Case) -> frozenset[str]:
    """As `read_inspect`, with the closing line of our protocol written as `ANSWER:`."""
    return read_inspect({**case, "text": _CLOSING_LINE.sub("\nANSWER:", case["text"])})


def read_first_letter(case: Case) -> frozenset[str]:
    """The first capital letter of an option that stands alone; all of them if several may be."""
    found = re.findall(r"\b[A-Z]\b", case["text"])
    letters = [letter for letter in found if letter in case["options"]]
    return frozenset(letters if case["multiple"] else letters[:1])


READERS: dict[str, Reader] = {
    "`extract_answer`": read_ours,
    "Inspect `multiple_choice`": read_inspect,
    "the same, closing line as `ANSWER:`": read_inspect_in_its_words,
    "first letter": read_first_letter,
}


def count_verdicts(cases: list[Case], read: Reader) -> Counter[str]:
    """How often a reader is right, wrong, misses an answer, or credits a non-answer."""
    counts: Counter[str] = Counter()
    for case in cases:
        found, expected = read(case), frozenset(case["letters"])
        if not expected:
            counts["credited" if found else "left"] += 1
        elif not found:
            counts["missed"] += 1
        else:
            counts["right" if found == expected else "wrong"] += 1
    return counts


def main() -> int:
    """Exit status: 0."""
    cases = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    print("| answers | reader | right | wrong letters | missed | non-answers credited |")
    print("| --- | --- | --- | --- | --- | --- |")
    for multiple in (False, True):
        group = [case for case in cases if case["multiple"] is multiple]
        answers = sum(bool(case["letters"]) for case in group)
        name = f"{'several' if multiple else 'one'} ({answers} answers, {len(group) - answers} not)"
        for reader, read in READERS.items():
            counts = count_verdicts(group, read)
            figures = [counts[key] for key in ("right", "wrong", "missed", "credited")]
            print(f"| {name} | {reader} | {' | '.join(map(str, figures))} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
