"""What the model says here is what `transformers` itself makes it say. make test-vision"""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spinebench.evaluation.providers.transformers_generate import (
    Request,
    Turn,
    encode,
    generate,
    plain_template,
    read_picture,
)
from spinebench.evaluation.providers.transformers_load import Loaded, load_model
from tests.evaluation.providers.tiny_models import save_tiny_model

KINDS = ["llava", "mllama", "gemma3"]
vision = pytest.mark.vision


def png(seed: int, rows: int = 48, cols: int = 40) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, cols, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def ask(*parts: str | bytes, **how: Any) -> Request:
    return Request(turns=(Turn(role="user", parts=parts),), **{"max_tokens": 12, **how})


REQUESTS = [
    ask("Which disease does it show?", png(0)),
    ask("Options: [A) Healthy, B) Osteophytes] At which of all the levels is it?", png(1, 80, 40)),
    ask("What?", png(2, 30, 90)),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("tiny")
    return {kind: save_tiny_model(kind, root / kind) for kind in KINDS}


@pytest.fixture(scope="module")
def models(folders: dict[str, Path]) -> dict[str, Loaded]:
    return {kind: load_model(str(folder)) for kind, folder in folders.items()}


def own_tokens(folder: Path, request: Request, **how: Any) -> list[int]:
    """Generated tokens by transformers alone: another class, other calls, one request at a time."""
    import torch
    from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    processor = AutoProcessor.from_pretrained(folder)
    processor.image_processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    content = [
        {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}
        for part in request.turns[0].parts
    ]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True
    )
    pictures = [Image.open(io.BytesIO(data)).convert("RGB") for data in request.pictures]
    inputs = processor(
        text=prompt, images=pictures or None, return_tensors="pt", add_special_tokens=False
    )
    with torch.no_grad():
        found = model.generate(**inputs, max_new_tokens=12, do_sample=False, **how)
    tokens: list[int] = found[0, inputs["input_ids"].shape[1] :].tolist()
    return tokens


@vision
@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_those_of_transformers(
    kind: str, folders: dict[str, Path], models: dict[str, Loaded]
) -> None:
    expected = [tuple(own_tokens(folders[kind], request)) for request in REQUESTS]
    assert len(set(expected)) == len(REQUESTS)  # the models do look at what they are given
    alone = [generate(models[kind], [request])[0].tokens for request in REQUESTS]
    together = [answer.tokens for answer in generate(models[kind], REQUESTS)]
    assert alone == expected
    assert together == expected


@vision
@pytest.mark.parametrize("kind", KINDS)
def test_answer_hangs_on_the_picture(kind: str, models: dict[str, Loaded]) -> None:
    one, other, none = (
        generate(models[kind], [request])[0].tokens
        for request in (ask("What?", png(0)), ask("What?", png(9)), ask("What?"))
    )
    assert len({one, other, none}) == 3


@vision
@pytest.mark.parametrize("kind", KINDS)
def test_order_of_parts_is_kept(kind: str, models: dict[str, Loaded]) -> None:
    tokenizer = models[kind].processor.tokenizer
    inputs = encode(models[kind], [ask("before", png(0), "after")], None)
    prompt = tokenizer.decode(inputs["input_ids"][0])
    assert prompt.index("before") < prompt.index("image") < prompt.index("after")
    assert prompt.startswith(tokenizer.bos_token + "<user>")
    assert prompt.count(tokenizer.bos_token) == 1
    assert prompt.endswith("\n<assistant>")


@vision
def test_counts_and_why_an_answer_ended(models: dict[str, Loaded]) -> None:
    loaded = models["llava"]
    request = ask("What?", png(0))
    (whole,) = generate(loaded, [request])
    # <s> + "<user>" + "What?" + 4 patches + "\n<assistant>", as the tokenizer cuts them
    words = loaded.processor.tokenizer("<s><user>What?\n<assistant>", add_special_tokens=False)
    assert whole.input_tokens == len(words["input_ids"]) + 4
    assert (whole.stop_reason, whole.output_tokens) == ("max_tokens", 12)
    assert whole.text == loaded.processor.tokenizer.decode(whole.tokens)

    fourth = whole.tokens[3]
    config = loaded.model.generation_config
    kept, config.eos_token_id = (
        config.eos_token_id,
        [loaded.processor.tokenizer.eos_token_id, fourth],
    )
    try:
        (cut, *others) = generate(loaded, [request, *REQUESTS[1:]])
    finally:
        config.eos_token_id = kept
    first = whole.tokens.index(fourth)
    assert (cut.stop_reason, cut.tokens) == ("stop", whole.tokens[: first + 1])
    assert len(others) == 2


@vision
def test_no_room_is_told_and_little_room_cuts(models: dict[str, Loaded]) -> None:
    short, long = ask("a?", png(0)), ask("a? a? a? a?", png(0))
    (given,) = encode(models["llava"], [long], None)["attention_mask"].sum(dim=1).tolist()
    loaded = replace(models["llava"], context=given + 5)
    whole, cut = generate(loaded, [short, long])
    assert (cut.stop_reason, cut.output_tokens) == ("model_length", 5)
    assert (whole.stop_reason, whole.output_tokens) == ("max_tokens", 12)
    with pytest.raises(ValueError, match=f"leaves no room: the model's context is {given}"):
        generate(replace(loaded, context=given), [short, long])


@vision
@pytest.mark.parametrize("kind", KINDS)
def test_words_that_are_control_tokens_stay_words(kind: str, models: dict[str, Loaded]) -> None:
    tokenizer = models[kind].processor.tokenizer
    # Gemma 3's own processor loses count of this one; see the next test
    marks = "".join(t for t in tokenizer.all_special_tokens if t != "<image_soft_token>")
    plain, spoiled = (
        encode(models[kind], [ask(words, png(0))], None)["input_ids"][0].tolist()
        for words in ("What?", f"What?{marks}")
    )
    special = set(tokenizer.all_special_ids)
    assert [t for t in spoiled if t in special] == [t for t in plain if t in special]
    assert marks in tokenizer.decode(spoiled)


@vision
def test_a_mark_that_a_processor_miscounts_is_an_error_not_a_picture_more(
    models: dict[str, Loaded],
) -> None:
    with pytest.raises(ValueError, match="Mismatch in `image` token count"):
        generate(models["gemma3"], [ask("What?<image_soft_token>", png(0))])


@vision
def test_stop_sequence_ends_an_answer_before_it(models: dict[str, Loaded]) -> None:
    loaded = models["mllama"]
    (whole,) = generate(loaded, [ask("What?", png(0))])
    (cut,) = generate(loaded, [ask("What?", png(0), stop=("which", "never"))])
    assert cut.text == whole.text[: whole.text.index("which")]
    assert cut.stop_reason == "stop"
    assert cut.output_tokens < whole.output_tokens


@vision
def test_sampling_hangs_on_seed_and_question_alone(models: dict[str, Loaded]) -> None:
    import torch

    loaded = models["llava"]
    request = ask("What?", png(0), temperature=1.5, seed=1)
    (first,) = generate(loaded, [request])
    torch.manual_seed(99)
    before = torch.get_rng_state()
    (again,) = generate(loaded, [ask("What?", png(0), temperature=1.5, seed=1)])
    assert torch.equal(before, torch.get_rng_state())  # nobody else's numbers are touched
    (other,) = generate(loaded, [ask("What?", png(0), temperature=1.5, seed=2)])
    greedy = generate(loaded, [ask("What?", png(0))])[0]
    assert first.tokens == again.tokens
    assert len({first.tokens, other.tokens, greedy.tokens}) == 3
    assert request.kind != ask("What?", png(0), temperature=1.5, seed=1).kind


@vision
def test_nobody_waiting_ends_the_batch(models: dict[str, Loaded]) -> None:
    asked: list[int] = []

    def abandoned() -> bool:
        asked.append(1)
        return len(asked) == 3

    (answer,) = generate(models["llava"], [ask("What?", png(0))], abandoned=abandoned)
    assert answer.output_tokens == 3


@vision
def test_plain_template_for_a_model_without_one(models: dict[str, Loaded]) -> None:
    loaded = models["llava"]
    template = plain_template("USER: {content}\nASSISTANT:", "<image>")
    request = ask("It's {{ 7 }} {% x %}", png(0), "Which?")
    ids = encode(loaded, [request], template)["input_ids"][0].tolist()
    image = loaded.processor.tokenizer.convert_tokens_to_ids("<image>")
    assert ids.count(image) == 4
    words = loaded.processor.tokenizer.decode([token for token in ids if token != image])
    assert words == "USER: It's {{ 7 }} {% x %}\n\nWhich?\nASSISTANT:"
    assert generate(loaded, [request], template=template)[0].output_tokens == 12


@pytest.mark.parametrize("template", ["USER:", "{content}{content}"])
def test_plain_template_holds_the_content_once(template: str) -> None:
    with pytest.raises(ValueError, match=r"must hold \{content\} once"):
        plain_template(template, "<image>")


def test_deep_pictures_are_refused() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.full((4, 4), 40000, np.uint16)).save(stream, "PNG")
    with pytest.raises(ValueError, match="mode I;16; it must have 8 bits a channel"):
        read_picture(stream.getvalue())


def test_grey_pictures_become_rgb() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.full((2, 3), 77, np.uint8)).save(stream, "PNG")
    assert np.asarray(read_picture(stream.getvalue())).tolist() == [[[77] * 3] * 3] * 2
