"""How questions are put: a named protocol, what may be changed about it, and each single asking.

A protocol's full name is written into every prediction: `released`, `cot+circular`,
`direct+shuffle-7`, `released+no-image`. Light: does not import Inspect.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np

from spinebench.errors import UsageError
from spinebench.records import Image, Question, item_seed

_SHUFFLE = re.compile(r"shuffle-(\d+)")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A named text, and the modifiers that every question is put with."""

    base: str = "released"  # name of the text
    circular: bool = False  # every question once for each rotation of its options
    shuffle: int | None = None  # seed of a random order of options for each question
    no_image: bool = False  # a sentence stands in the image's place

    @property
    def name(self) -> str:
        """Full name, the modifiers in a fixed order."""
        parts = [self.base]
        if self.circular:
            parts.append("circular")
        if self.shuffle is not None:
            parts.append(f"shuffle-{self.shuffle}")
        if self.no_image:
            parts.append("no-image")
        return "+".join(parts)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question put once: the epoch, the order of its options, and what identifies it."""

    question: Question
    epoch: int  # from 1
    letter_map: str  # original letters in the order shown: "CABDE" = shown A is original C
    key: str  # hash of all that is put to the model; an answer under it is not asked for again

    @property
    def shown(self) -> dict[str, str]:
        """Option texts by the letter they are shown under."""
        return show_options(self.question, self.letter_map)


def parse_protocol(name: str) -> Protocol:
    """Protocol of a full name. Raises UsageError on a modifier that does not exist."""
    base, *modifiers = name.split("+")
    seeds = [found for found in map(_SHUFFLE.fullmatch, modifiers) if found]
    rest = [m for m in modifiers if not _SHUFFLE.fullmatch(m)]
    unknown = sorted(set(rest) - {"circular", "no-image"})
    if unknown or len(set(modifiers)) < len(modifiers) or len(seeds) > 1:
        raise UsageError(
            f"protocol {name!r}: after the name come circular, shuffle-SEED and no-image,"
            " each at most once"
        )
    return Protocol(
        base=base,
        circular="circular" in rest,
        shuffle=int(seeds[0][1]) if seeds else None,
        no_image="no-image" in rest,
    )


def build_asks(
    questions: Sequence[Question],
    protocol: Protocol,
    *,
    epochs: int,
    prompt_sha256: Mapping[str, str],
    images: Mapping[str, Image],
) -> list[Ask]:
    """Every asking of the questions, in their order: by epoch, then by rotation."""
    asks: list[Ask] = []
    for question in questions:
        sent = [] if protocol.no_image else [images[i].file_sha256 for i in question.image_ids]
        words = prompt_sha256[question.task]
        for epoch in range(1, epochs + 1):
            for order in letter_maps(question, protocol, epoch):
                parts = (question.question_id, str(epoch), order, words, *sent)
                key = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
                asks.append(Ask(question, epoch, order, key))
    return asks


def letter_maps(question: Question, protocol: Protocol, epoch: int) -> list[str]:
    """Orders of the options, as letter maps: one, or one for each rotation.

    A shuffle is drawn for each question and epoch from the seed; rotations start from it.
    """
    letters = "".join(question.lettered)
    if protocol.shuffle is not None:
        seed = item_seed(protocol.shuffle, "shuffle", question.question_id, str(epoch))
        order = np.random.default_rng(seed).permutation(len(letters))
        letters = "".join(letters[place] for place in order)
    if not protocol.circular:
        return [letters]
    return [letters[turn:] + letters[:turn] for turn in range(len(letters))]


def show_options(question: Question, letter_map: str) -> dict[str, str]:
    """Option texts by the letter they are shown under."""
    original = question.lettered
    return {
        shown: original[letter] for shown, letter in zip(ascii_uppercase, letter_map, strict=False)
    }


def original_letters(shown: Iterable[str], letter_map: str) -> tuple[str, ...]:
    """Original letters of shown ones, sorted."""
    return tuple(sorted(letter_map[ascii_uppercase.index(letter)] for letter in shown))


def shown_letters(original: Iterable[str], letter_map: str) -> tuple[str, ...]:
    """Letters that original ones are shown under, sorted."""
    return tuple(sorted(ascii_uppercase[letter_map.index(letter)] for letter in original))
