"""From conversations to texts: the chat template, one batch of `generate`, why each text ended."""

import io
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from spinebench.benchmark.embed.model import import_extra
from spinebench.evaluation.providers.transformers_load import Loaded
from spinebench.records import item_seed

Part = str | bytes  # of a message: text, or the bytes of a picture


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One message: who says it, and its parts in order."""

    role: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One question to the model, and how its answer is made."""

    turns: tuple[Turn, ...]
    max_tokens: int
    temperature: float = 0.0  # 0 takes the likeliest token each time
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None

    @property
    def pictures(self) -> list[bytes]:
        """Bytes of all pictures, in order."""
        return [part for turn in self.turns for part in turn.parts if isinstance(part, bytes)]

    @property
    def kind(self) -> Hashable:
        """Requests of one kind may share a batch. Sampling shares none: each has its own seed."""
        how = (self.max_tokens, self.temperature, self.top_p, self.top_k, self.stop)
        return (*how, len(self.pictures), None if self.temperature == 0 else id(self))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model said."""

    text: str
    stop_reason: str  # "stop", "max_tokens" or "model_length"
    input_tokens: int  # those that stand for pictures included
    output_tokens: int  # the one that ends the answer included
    tokens: tuple[int, ...] = field(repr=False)  # of the answer, without padding


def plain_template(template: str, image_mark: str) -> str:
    """Chat template for a model that has none: `template` with `{content}` for all that is said.

    Parts stand one after another, a line each; a picture is `image_mark`.
    """
    if template.count("{content}") != 1:
        raise ValueError("it must hold {content} once")
    before, after = template.split("{content}")
    return (
        f"{_quoted(before)}"
        "{% for message in messages %}{% set first = loop.first %}"
        "{% for part in message.content %}"
        "{% if not (first and loop.first) %}{{ '\\n' }}{% endif %}"
        f"{{% if part.type == 'image' %}}{_quoted(image_mark)}{{% else %}}{{{{ part.text }}}}"
        "{% endif %}{% endfor %}{% endfor %}"
        f"{_quoted(after)}"
    )


def encode(loaded: Loaded, requests: Sequence[Request], template: str | None) -> Any:
    """Input tensors of the requests, padded on the left to one length, on the model's device.

    Words that are control tokens of the model stay words: a question cannot end its own turn.
    """
    tokenizer = loaded.processor.tokenizer
    words = [part for r in requests for t in r.turns for part in t.parts if isinstance(part, str)]
    control = [token for token in tokenizer.all_special_tokens if token]
    # only where needed: with it a text is cut into tokens apart from what stands around it
    sanitize = any(token in text for token in control for text in words)
    inputs = loaded.processor.apply_chat_template(
        [[_message(turn) for turn in request.turns] for request in requests],
        chat_template=template,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        sanitize_control_tokens=sanitize,
        processor_kwargs={"padding": True},
    ).to(loaded.device)
    if "pixel_values" in inputs:
        inputs["pixel_values"] = inputs["pixel_values"].to(loaded.model.dtype)
    return inputs


def generate(
    loaded: Loaded,
    requests: Sequence[Request],
    *,
    template: str | None = None,
    abandoned: Callable[[], bool] = lambda: False,
) -> list[Answer]:
    """Answers to requests of one kind. Raises ValueError where a prompt leaves no room."""
    torch = import_extra("torch", "vision")
    inputs = encode(loaded, requests, template)
    given = inputs["attention_mask"].sum(dim=1).tolist()
    rooms = [_room(loaded, number, requests[0].max_tokens) for number in given]
    with torch.inference_mode(), torch.random.fork_rng(enabled=requests[0].temperature > 0):
        if requests[0].temperature > 0:
            _seed(torch, requests[0])
        how = _how(loaded, requests[0], max(rooms), abandoned, torch)
        found = loaded.model.generate(**inputs, **how)
    told = found[:, inputs["input_ids"].shape[1] :].tolist()
    return [
        _answer(loaded, tokens[:room], request, number, room)
        for tokens, request, number, room in zip(told, requests, given, rooms, strict=True)
    ]


def _message(turn: Turn) -> dict[str, Any]:
    content = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image", "image": read_picture(part)}
        for part in turn.parts
    ]
    return {"role": turn.role, "content": content}


def read_picture(data: bytes) -> PillowImage.Image:
    """RGB picture of a file's bytes. Raises ValueError for more than 8 bits a channel."""
    with PillowImage.open(io.BytesIO(data)) as picture:
        if picture.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
            # Pillow would cut such values off, not scale them
            raise ValueError(f"a picture of mode {picture.mode}; it must have 8 bits a channel")
        return picture.convert("RGB")


def _room(loaded: Loaded, given: int, wanted: int) -> int:
    """Tokens that the answer may have."""
    if loaded.context is None:
        return wanted
    if given >= loaded.context:
        raise ValueError(
            f"a prompt of {given} tokens leaves no room: the model's context is {loaded.context}"
        )
    return min(wanted, loaded.context - given)


def _how(
    loaded: Loaded, request: Request, room: int, abandoned: Callable[[], bool], torch: Any
) -> dict[str, Any]:
    def is_abandoned(tokens: Any, scores: Any, **_: Any) -> Any:
        return torch.full((len(tokens),), abandoned(), device=tokens.device, dtype=torch.bool)

    how: dict[str, Any] = {
        "max_new_tokens": room,
        "max_length": None,
        "do_sample": request.temperature > 0,
        "pad_token_id": loaded.processor.tokenizer.pad_token_id,
        "stopping_criteria": [is_abandoned],
    }
    if request.temperature > 0:
        how |= {"temperature": request.temperature, "top_p": request.top_p, "top_k": request.top_k}
        how = {name: value for name, value in how.items() if value is not None}
    else:
        # a model's own settings for sampling do nothing here, and transformers warns of each
        how |= {"temperature": None, "top_p": None, "top_k": None}
    if request.stop:
        how |= {"stop_strings": list(request.stop), "tokenizer": loaded.processor.tokenizer}
    return how


def _seed(torch: Any, request: Request) -> None:
    """Seed by what is asked, so that the order of requests does not matter."""
    if request.seed is None:
        torch.seed()
        return
    words = [part for turn in request.turns for part in turn.parts]
    keys = [part if isinstance(part, str) else part.hex() for part in words]
    generator = np.random.default_rng(item_seed(request.seed, *keys))
    torch.manual_seed(int(generator.integers(2**63)))


def _answer(loaded: Loaded, tokens: list[int], request: Request, given: int, room: int) -> Answer:
    tokenizer = loaded.processor.tokenizer
    ends = _end_tokens(loaded)
    place = next((i for i, token in enumerate(tokens) if token in ends), None)
    if place is not None:
        tokens = tokens[: place + 1]
    else:
        while tokens and tokens[-1] == tokenizer.pad_token_id:
            tokens = tokens[:-1]
    text: str = tokenizer.decode(tokens, skip_special_tokens=True)
    cut = [text.index(words) for words in request.stop if words in text]
    if cut:
        text = text[: min(cut)]
    full = place is None and not cut
    reason = "stop" if not full else "max_tokens" if room == request.max_tokens else "model_length"
    return Answer(
        text=text,
        stop_reason=reason,
        input_tokens=int(given),
        output_tokens=len(tokens),
        tokens=tuple(tokens),
    )


def _end_tokens(loaded: Loaded) -> frozenset[int]:
    ends = loaded.model.generation_config.eos_token_id
    if ends is None:
        ends = loaded.processor.tokenizer.eos_token_id
    return frozenset(ends if isinstance(ends, (list, tuple)) else [ends])


def _quoted(text: str) -> str:
    """Jinja that prints the text, whatever it holds."""
    return "" if not text else "{{ " + repr(text) + " }}"


def settings_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of a `Request` among generation settings."""
    return {
        "temperature": settings.get("temperature") or 0.0,
        "top_p": settings.get("top_p"),
        "top_k": settings.get("top_k"),
        "stop": tuple(settings.get("stop_seqs") or ()),
        "seed": settings.get("seed"),
    }
