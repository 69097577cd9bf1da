"""The tasks as Inspect runs them: `spinebench/diagnosis`, `localization` and `alignment`.

    inspect eval spinebench/diagnosis -T bench=DIR [-T split=test -T subset=true
        -T protocol=released -T prompt=FILE -T limit=N -T accept_terms=SOURCE]
        --model PROVIDER/MODEL

A sample's id is the question's id, which holds a hash of its content: an edited question is
another sample. The image goes out as the file's own bytes, after they were held against the hash
that the benchmark keeps.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from anyio import to_thread  # what Inspect itself runs on
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatMessageUser,
    Content,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelName,
    get_model,
)
from inspect_ai.scorer import (
    CORRECT,
    INCORRECT,
    Score,
    Scorer,
    Target,
    accuracy,
    grouped,
    scorer,
    stderr,
)
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import DataError, UsageError
from spinebench.evaluation.models import default_settings
from spinebench.evaluation.outcome import read_answer
from spinebench.evaluation.prompts import Prompt, load_prompt
from spinebench.evaluation.select import check_letters, name_part, select_questions
from spinebench.evaluation.terms import check_terms, parse_sources
from spinebench.evaluation.told import told_in_one_line
from spinebench.records import Question
from spinebench.tables import sha256_of_file

TASK_VERSION = 1  # comparability: raised when the same model would be asked or scored otherwise
_LONG_ANSWER = 50_000  # characters
_MIME_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


@task
def diagnosis(
    bench: str,
    split: str = "test",
    protocol: str = "released",
    prompt: str | None = None,
    limit: int | None = None,
    accept_terms: str | None = None,
    offset: int = 0,
    subset: bool = False,
) -> Task:
    """Which disease: one option is right."""
    with told_in_one_line():
        return build_task(
            "diagnosis", bench, split=split, protocol=protocol, prompt=prompt, limit=limit,
            accept_terms=accept_terms, offset=offset, subset=subset,
        )  # fmt: skip


@task
def localization(
    bench: str,
    split: str = "test",
    protocol: str = "released",
    prompt: str | None = None,
    limit: int | None = None,
    accept_terms: str | None = None,
    offset: int = 0,
    subset: bool = False,
) -> Task:
    """Which disc levels: several options may be right."""
    with told_in_one_line():
        return build_task(
            "localization", bench, split=split, protocol=protocol, prompt=prompt, limit=limit,
            accept_terms=accept_terms, offset=offset, subset=subset,
        )  # fmt: skip


@task
def alignment(
    bench: str,
    split: str = "test",
    protocol: str = "released",
    prompt: str | None = None,
    limit: int | None = None,
    accept_terms: str | None = None,
    offset: int = 0,
    subset: bool = False,
) -> Task:
    """Which shape the neck has: one option is right. Not every benchmark asks it."""
    with told_in_one_line():
        return build_task(
            "alignment", bench, split=split, protocol=protocol, prompt=prompt, limit=limit,
            accept_terms=accept_terms, offset=offset, subset=subset,
        )  # fmt: skip


def build_task(
    name: str,
    bench: str,
    *,
    split: str,
    protocol: str,
    prompt: str | None,
    limit: int | None,
    accept_terms: str | Iterable[str] | None,
    offset: int,
    subset: bool = False,
) -> Task:
    """Task over the questions `offset` to `offset + limit` of `select_questions`."""
    folder = Path(bench).resolve()
    benchmark = Benchmark.load(folder)
    words = load_prompt(protocol, name, Path(prompt).resolve() if prompt else None)
    questions = select_questions(benchmark, name, split, subset=subset)
    if not questions:
        raise UsageError(f"{bench} has no {name} questions in {name_part(split, subset=subset)}")
    chosen = questions[offset:] if limit is None else questions[offset : offset + limit]
    check_letters(chosen)
    for question in chosen:
        words.render(question.text, question.lettered)
    accepted = parse_sources(accept_terms)
    # all questions of the split, asked or not: whether a run is stopped must not hang on `limit`
    _check_active_model(benchmark, questions, accepted)
    return Task(
        dataset=MemoryDataset([_build_sample(q, benchmark) for q in chosen], name=name),
        setup=pose_question(
            str(folder), protocol, prompt and str(Path(prompt).resolve()), accepted
        ),
        solver=generate(),
        scorer=answer_scorer(),
        config=_default_config(),  # `inspect eval --max-retries N` goes before
        # one answer that fails must not cost the others; it is counted, and the run is incomplete
        fail_on_error=False,
        version=TASK_VERSION,
        metadata={
            "benchmark_sha256": sha256_of_file(folder / "manifest.json"),
            "prompt_sha256": words.sha256,
            "protocol": protocol,
            "split": split,
            "subset": subset,
        },
    )


@solver
def pose_question(
    bench: str, protocol: str, prompt: str | None, accept_terms: Sequence[str] = ()
) -> Solver:
    """Put the question to the model: text, then the images, as the protocol orders them.

    Runs as the task's setup, so a solver given on the command line is still asked the same. The
    terms are checked here once more: a task may be built before its model is known.
    """
    folder = Path(bench)
    manifest = Benchmark.load(folder).manifest
    prompts: dict[str, Prompt] = {}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        check_terms(get_model(), [state.metadata["source"]], manifest, accept_terms)
        name = state.metadata["task"]
        if name not in prompts:
            prompts[name] = load_prompt(protocol, name, Path(prompt) if prompt else None)
        options = shown_options(state.metadata["options"])
        before, after = prompts[name].render(state.input_text, options)
        images, sent = read_images(folder, state.metadata["images"])
        content: list[Content] = [ContentText(text=before), *images]
        if after:
            content.append(ContentText(text=after))
        state.messages = [ChatMessageUser(content=content)]
        state.metadata["sent_sha256"] = sent
        return state

    return solve


@scorer(
    metrics=[accuracy(), stderr(cluster="patient_id"), grouped(accuracy(), "source", all=False)]
)
def answer_scorer() -> Scorer:
    """Right or wrong by exact set, with how the answer was read.

    Inspect's own figures are for a first look; the published ones come from `score.py`, which
    reads the outcome and letters that are kept here in the metadata.
    """

    async def score(state: TaskState, target: Target) -> Score:
        if state.output.empty or state.output.error:
            return Score.unscored(reason="no_response", explanation=state.output.error)
        options = shown_options(state.metadata["options"])
        read = partial(
            read_answer,
            state.output.completion,
            options,
            multiple=state.metadata["multiple"],
            finish_reason=state.output.stop_reason,
        )
        # a megabyte takes seconds to read: the other calls must not time out meanwhile
        long = len(state.output.completion) > _LONG_ANSWER
        reading = await to_thread.run_sync(read) if long else read()
        right = reading.outcome == "answered" and set(reading.letters) == set(target)
        return Score(
            value=CORRECT if right else INCORRECT,
            answer=", ".join(reading.letters) or None,
            reason="refusal" if reading.outcome == "refused" else None,
            metadata={
                "outcome": reading.outcome,
                "letters": list(reading.letters),
                "stage": reading.stage,
            },
        )

    return score


def shown_options(options: Sequence[str]) -> dict[str, str]:
    """Options by the letter they are shown under."""
    return {chr(ord("A") + place): text for place, text in enumerate(options)}


def _default_config() -> GenerateConfig:
    """Our defaults for the model that is asked, as far as it is known by now."""
    try:
        model = str(ModelName(get_model()))
    except ValueError:  # no model yet
        model = ""
    return GenerateConfig(**default_settings(model))


def _check_active_model(
    benchmark: Benchmark, questions: Sequence[Question], accepted: Sequence[str]
) -> None:
    """Stop before anything is set up, where the model is known by now (`inspect eval`)."""
    try:
        model = get_model()
    except ValueError:  # no model yet: `pose_question` checks
        return
    check_terms(model, {q.source for q in questions}, benchmark.manifest, accepted)


def _build_sample(question: Question, benchmark: Benchmark) -> Sample:
    images = [benchmark.images[image_id] for image_id in question.image_ids]
    metadata: dict[str, Any] = {
        "task": question.task,
        "source": question.source,
        "patient_id": question.patient_id,
        "disease": question.disease,
        "multiple": question.multiple,
        "options": list(question.options),
        "images": [{"path": image.path, "sha256": image.file_sha256} for image in images],
    }
    return Sample(
        input=question.text,
        id=question.question_id,
        target=list(question.gold),
        choices=list(question.options),
        metadata=metadata,
    )


def read_images(
    folder: Path, images: Sequence[dict[str, str]]
) -> tuple[list[ContentImage], list[str]]:
    """Images inlined as the files' own bytes, and the SHA-256 of each as sent."""
    contents: list[ContentImage] = []
    sent: list[str] = []
    for image in images:
        path = folder / image["path"]
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DataError(
                file=image["path"],
                found=error.strerror or "unreadable",
                expected="the image's file",
            ) from error
        digest = hashlib.sha256(data).hexdigest()
        if digest != image["sha256"]:
            raise DataError(
                file=image["path"], field="SHA-256", found=digest, expected=image["sha256"]
            )
        mime_type = _MIME_TYPES[path.suffix.lower()]
        encoded = base64.b64encode(data).decode("ascii")
        contents.append(ContentImage(image=f"data:{mime_type};base64,{encoded}"))
        sent.append(digest)
    return contents, sent
