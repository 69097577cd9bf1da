"""The provider as Inspect calls it. make test-vision"""

import asyncio
import base64
import shutil
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.model import (
    ChatMessageSystem,
    ChatMessageUser,
    ContentAudio,
    ContentImage,
    ContentText,
    GenerateConfig,
    Model,
)

from spinebench.errors import UsageError
from spinebench.evaluation.models import ModelOptions, open_model
from spinebench.evaluation.providers.transformers_generate import Request, Turn, generate
from spinebench.evaluation.terms import is_local
from tests.evaluation.providers.test_transformers_generate import png
from tests.evaluation.providers.tiny_models import save_tiny_model

pytestmark = pytest.mark.vision


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model("llava", tmp_path_factory.mktemp("llava"))


def opened(folder: Path, settings: dict[str, Any] | None = None, **args: Any) -> Model:
    return open_model(
        f"spinebench-hf/{folder}", ModelOptions(args=args, settings=settings or {"max_tokens": 6})
    )


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return opened(folder, batch=3)


def message(*parts: str | bytes) -> ChatMessageUser:
    uri = "data:image/png;base64,"
    content = [
        ContentText(text=part)
        if isinstance(part, str)
        else ContentImage(image=uri + base64.b64encode(part).decode())
        for part in parts
    ]
    return ChatMessageUser(content=content)  # type: ignore[arg-type]  # a list is invariant


def test_answers_usage_and_stop_reasons_reach_inspect(model: Model) -> None:
    async def ask() -> list[Any]:
        return await asyncio.gather(
            *(model.generate([message(f"Which {n}?", png(n))]) for n in range(5))
        )

    outputs = asyncio.run(ask())
    loaded = model.api.loaded  # type: ignore[attr-defined]  # of our provider
    for n, output in enumerate(outputs):
        turn = Turn(role="user", parts=(f"Which {n}?", png(n)))
        (expected,) = generate(loaded, [Request(turns=(turn,), max_tokens=6)])
        assert output.completion == expected.text
        assert output.stop_reason == expected.stop_reason == "max_tokens"
        assert output.usage.input_tokens == expected.input_tokens
        assert output.usage.output_tokens == 6
        assert output.usage.total_tokens == expected.input_tokens + 6
        assert output.time > 0
    assert len({output.completion for output in outputs}) > 1


def test_text_alone_and_several_turns(model: Model) -> None:
    messages = [ChatMessageSystem(content="Be brief."), ChatMessageUser(content="What?")]
    output = asyncio.run(model.generate(messages))
    turns = (
        Turn(role="system", parts=("Be brief.",)), Turn(role="user", parts=("What?",))
    )  # fmt: skip
    (expected,) = generate(
        model.api.loaded,  # type: ignore[attr-defined]  # of our provider
        [Request(turns=turns, max_tokens=6)],
    )
    assert output.completion == expected.text


def test_images_stay_here_whatever_address_is_set(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.example.org/v1")
    assert is_local(model)
    assert str(model).startswith("spinebench-hf/")


def test_two_batches_are_in_flight_and_each_model_has_its_own_queue(model: Model) -> None:
    assert model.api.max_connections() == 6
    assert model.api.connection_key() == model.name
    assert model.api.max_tokens() == 2048


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"batch": 0}, "-M batch=0: must be a number of at least 1"),
        ({"batch": "many"}, "-M batch=many: must be a number"),
        ({"template": "USER:"}, r"-M template: it must hold \{content\} once"),
        ({"bathc": 3}, "unexpected keyword argument 'bathc'"),
    ],
)
def test_arguments_that_are_wrong(folder: Path, args: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        opened(folder, **args)


def test_it_takes_no_address(folder: Path) -> None:
    options = ModelOptions(base_url="http://127.0.0.1:1/v1")
    with pytest.raises(UsageError, match="runs in this process: no address"):
        open_model(f"spinebench-hf/{folder}", options)


def test_a_model_without_chat_template_waits_for_one(folder: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(folder, tmp_path / "bare"))
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(UsageError, match="has no chat template: say how it is asked"):
        opened(bare)
    model = opened(bare, template="USER: {content} ASSISTANT:")
    output = asyncio.run(model.generate([message("What?", png(0))]))
    # "USER: What?\n" + 4 patches + " ASSISTANT:"
    words = model.api.loaded.processor.tokenizer("USER: What?\n<image> ASSISTANT:")  # type: ignore[attr-defined]  # of our provider
    assert output.usage is not None
    assert output.usage.input_tokens == len(words["input_ids"]) + 3


def test_what_such_a_model_cannot_be_asked(model: Model) -> None:
    from inspect_ai.tool import ToolInfo

    sound = ContentAudio(audio="data:audio/wav;base64,AAAA", format="wav")
    with pytest.raises(ValueError, match="given text and images, no audio"):
        asyncio.run(model.generate([ChatMessageUser(content=[sound])]))
    with pytest.raises(ValueError, match="are given no tools"):
        asyncio.run(model.generate("?", tools=[ToolInfo(name="x", description="x")]))


def test_a_broken_picture_fails_alone(model: Model) -> None:
    async def ask() -> list[Any]:
        good, bad = message("What?", png(0)), message("What?", b"\x89PNG no picture")
        return await asyncio.gather(
            *(model.generate([m]) for m in (good, bad)), return_exceptions=True
        )

    good, bad = asyncio.run(ask())
    assert good.stop_reason == "max_tokens"
    assert "cannot identify image file" in str(bad)


def test_settings_reach_the_model(folder: Path) -> None:
    model = opened(folder, settings={"max_tokens": 3, "temperature": 1.2, "seed": 5, "top_k": 20})
    first, again = (
        asyncio.run(model.generate([message("What?", png(0))])).completion for _ in range(2)
    )
    assert first == again
    other = asyncio.run(
        model.generate([message("What?", png(0))], config=GenerateConfig(seed=6))
    ).completion
    assert other != first
