"""The baselines as an Inspect model provider: `spinebench/random`, `blind`, `metadata`, `nearest`.

`-M bench=DIR` names the benchmark whose split `train` they are fitted on; `random` needs none.
"""

from collections.abc import Callable
from pathlib import Path

from inspect_ai.model import (
    ChatMessage,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation.providers.asked import Baseline, read_asked, write_answer
from spinebench.evaluation.providers.blind import BlindBaseline
from spinebench.evaluation.providers.inline import read_data_uri
from spinebench.evaluation.providers.metadata import MetadataBaseline
from spinebench.evaluation.providers.nearest import NearestBaseline
from spinebench.evaluation.providers.random import RandomBaseline
from spinebench.evaluation.told import told_in_one_line
from spinebench.records import Question


def _train(benchmark: Benchmark) -> list[Question]:
    return [q for q in benchmark.questions if q.split == "train" and q.kind == "mcq"]


_BASELINES: dict[str, Callable[[Benchmark], Baseline]] = {
    "blind": lambda benchmark: BlindBaseline(_train(benchmark)),
    "metadata": lambda benchmark: MetadataBaseline(_train(benchmark), benchmark.images),
    "nearest": lambda benchmark: NearestBaseline(benchmark, _train(benchmark)),
}
BASELINE_NAMES = ("random", *_BASELINES)


class SpinebenchAPI(ModelAPI):
    """One baseline. Offline; a call uses no tokens and says so."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  (Inspect's own signature)
        bench: str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        with told_in_one_line():
            self.baseline = build_baseline(model_name, bench, int(seed))

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """Answer the last message; a message without options gets an answer without letters."""
        text, images = _read_message(input[-1])
        asked = read_asked(text, images)
        if asked.options:
            answer = write_answer(self.baseline.choose(asked), asked)
        else:
            answer = "There are no options in this message."
        output = ModelOutput.from_content(self.model_name, answer)
        output.usage = ModelUsage()
        return output


def check_baseline(name: str) -> None:
    """Raise UsageError for a name that is no baseline's."""
    if name not in BASELINE_NAMES:
        known = ", ".join(f"spinebench/{known}" for known in BASELINE_NAMES)
        raise UsageError(f"unknown model spinebench/{name}; there are {known}")


def build_baseline(name: str, bench: str | None, seed: int = 0) -> Baseline:
    """A baseline by name, fitted on the benchmark folder. Raises UsageError."""
    check_baseline(name)
    if name == "random":
        return RandomBaseline(seed)
    if bench is None:
        raise UsageError(f"spinebench/{name} is fitted on a benchmark: give -M bench=DIR")
    return _BASELINES[name](Benchmark.load(Path(bench)))


def _read_message(message: ChatMessage) -> tuple[str, list[bytes]]:
    if isinstance(message.content, str):
        return message.content, []
    texts = [part.text for part in message.content if isinstance(part, ContentText)]
    images = [part.image for part in message.content if isinstance(part, ContentImage)]
    return "\n".join(texts), [read_data_uri(image) for image in images]
