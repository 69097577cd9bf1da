"""Open weights in this process as an Inspect model provider: `spinebench-hf/FOLDER_OR_HUB_ID`.

Any model that `transformers` knows as image-text-to-text. Inspect's own `hf/` refuses images.
Options, as `-M NAME=VALUE`: `device`, `dtype`, `image_backend` (see `load_model`), `batch`
(questions answered at once), `template` and `image_mark` (see `plain_template`; only for a model
without a chat template, or instead of its own).
"""

import time

from inspect_ai.model import (
    ChatMessage,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    StopReason,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from spinebench.errors import UsageError
from spinebench.evaluation.providers.inline import read_data_uri
from spinebench.evaluation.providers.transformers_batch import Batcher
from spinebench.evaluation.providers.transformers_generate import (
    Answer,
    Part,
    Request,
    Turn,
    generate,
    plain_template,
    settings_of,
)
from spinebench.evaluation.providers.transformers_load import (
    PROVIDER,
    ImageBackend,
    Loaded,
    load_model,
)
from spinebench.evaluation.told import told_in_one_line

DEFAULT_BATCH = 8
DEFAULT_MAX_TOKENS = 2048  # room for reasoning before the closing line
_STOP_REASONS: dict[str, StopReason] = {
    "stop": "stop",
    "max_tokens": "max_tokens",
    "model_length": "model_length",
}


class TransformersAPI(ModelAPI):
    """One model in this process; greedy unless a temperature is set."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  (Inspect's own signature)
        device: str = "auto",
        dtype: str = "auto",
        batch: int = DEFAULT_BATCH,
        image_backend: ImageBackend = "pil",
        template: str | None = None,
        image_mark: str | None = None,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        with told_in_one_line():
            if base_url is not None:
                raise UsageError(f"{PROVIDER}/{model_name} runs in this process: no address")
            if not isinstance(batch, int) or batch < 1:
                raise UsageError(f"-M batch={batch}: must be a number of at least 1")
            self._batch = batch
            self.loaded = load_model(
                model_name, device=device, dtype=dtype, image_backend=image_backend
            )
            self.template = _find_template(self.loaded, template, image_mark)
        self._batcher: Batcher[Request, Answer] = Batcher(
            lambda requests, abandoned: generate(
                self.loaded, requests, template=self.template, abandoned=abandoned
            ),
            batch=batch,
            kind=lambda request: request.kind,
        )

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """Answer the conversation. Raises ValueError for what such a model cannot be asked."""
        if tools:
            raise ValueError(f"{PROVIDER} models are given no tools")
        request = Request(
            turns=tuple(_read_turn(message) for message in input),
            max_tokens=config.max_tokens or DEFAULT_MAX_TOKENS,
            **settings_of(config.model_dump()),
        )
        started = time.monotonic()
        answer = await self._batcher.ask(request)
        output = ModelOutput.from_content(
            self.model_name, answer.text, _STOP_REASONS[answer.stop_reason]
        )
        output.time = time.monotonic() - started
        output.usage = ModelUsage(
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            total_tokens=answer.input_tokens + answer.output_tokens,
        )
        return output

    def max_tokens(self) -> int:
        """See `ModelAPI.max_tokens`."""
        return DEFAULT_MAX_TOKENS

    def max_connections(self) -> int:
        """One batch is answered while the next one gathers."""
        return 2 * self._batch

    def connection_key(self) -> str:
        """Each model has its own queue."""
        return self.model_name

    def close(self) -> None:
        """End the thread that asks the model."""
        self._batcher.close()


def _find_template(loaded: Loaded, template: str | None, image_mark: str | None) -> str | None:
    """Template to use instead of the model's own; None for its own."""
    if template is None:
        if loaded.processor.chat_template or loaded.processor.tokenizer.chat_template:
            return None
        raise UsageError(
            f"{PROVIDER}/{loaded.name} has no chat template: say how it is asked, for example "
            "-M template='USER: {content} ASSISTANT:'"
        )
    mark = image_mark or getattr(loaded.processor, "image_token", None)
    if not mark:
        raise UsageError(f"{PROVIDER}/{loaded.name}: -M image_mark=TOKEN says where a picture is")
    try:
        return plain_template(template, str(mark))
    except ValueError as error:
        raise UsageError(f"-M template: {error}") from error


def _read_turn(message: ChatMessage) -> Turn:
    if isinstance(message.content, str):
        return Turn(role=message.role, parts=(message.content,))
    parts: list[Part] = []
    for content in message.content:
        if isinstance(content, ContentText):
            parts.append(content.text)
        elif isinstance(content, ContentImage):
            parts.append(read_data_uri(content.image))
        else:
            raise ValueError(f"{PROVIDER} models are given text and images, no {content.type}")
    return Turn(role=message.role, parts=tuple(parts))
