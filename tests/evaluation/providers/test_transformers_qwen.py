"""Qwen2.5-VL, whose processor needs torchvision. make test-qwen"""

from pathlib import Path

import pytest

from spinebench.evaluation.providers.transformers_generate import generate
from spinebench.evaluation.providers.transformers_load import load_model
from tests.evaluation.providers.test_transformers_generate import REQUESTS, ask, own_tokens, png
from tests.evaluation.providers.tiny_models import save_tiny_model

pytestmark = pytest.mark.timm  # that environment has torchvision


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model("qwen2_5_vl", tmp_path_factory.mktemp("qwen"))


def test_tokens_are_those_of_transformers(folder: Path) -> None:
    loaded = load_model(str(folder))
    expected = [tuple(own_tokens(folder, request)) for request in REQUESTS]
    assert len(set(expected)) == len(REQUESTS)
    alone = [generate(loaded, [request])[0].tokens for request in REQUESTS]
    together = [answer.tokens for answer in generate(loaded, REQUESTS)]
    assert alone == expected
    assert together == expected


def test_answer_hangs_on_the_picture_and_its_size_on_the_tokens(folder: Path) -> None:
    loaded = load_model(str(folder))
    small, large, none = (
        generate(loaded, [request])[0]
        for request in (ask("What?", png(0)), ask("What?", png(0, 80, 80)), ask("What?"))
    )
    assert len({small.tokens, large.tokens, none.tokens}) == 3
    assert none.input_tokens < small.input_tokens < large.input_tokens


def test_pictures_are_scaled_by_pillow_unless_said_otherwise(folder: Path) -> None:
    names = [
        type(load_model(str(folder), image_backend=backend).processor.image_processor).__name__
        for backend in ("pil", "torchvision")
    ]
    assert names == ["Qwen2VLImageProcessorPil", "Qwen2VLImageProcessor"]
