"""What a baseline is asked, read back from the words and images of a message, and its answer."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from spinebench.anatomy.levels import parse_levels
from spinebench.evaluation.prompts import asks_for_several, closing_line, parse_options


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One message: its text, the options found there, and the images' own bytes."""

    text: str
    options: Mapping[str, str]  # by letter; empty if the text has none
    images: tuple[bytes, ...]
    several: bool  # whether the closing line asks for several letters
    task: str  # "diagnosis" or "localization", as `several` says

    @property
    def image_sha256(self) -> tuple[str, ...]:
        """SHA-256 of each image's bytes."""
        return tuple(hashlib.sha256(data).hexdigest() for data in self.images)


@dataclass(frozen=True)
class Chosen:
    """A baseline's choice, and one sentence that says where it comes from."""

    letters: Sequence[str]
    reason: str


class Baseline(Protocol):
    """Chooses among the options offered; the same message always gets the same answer."""

    def choose(self, asked: Asked) -> Chosen:
        """Letters of the options chosen, at least one."""
        ...


def read_asked(text: str, images: Sequence[bytes]) -> Asked:
    """Read a message. Where no closing line tells, options that are levels mean localization."""
    options = parse_options(text)
    several = asks_for_several(text)
    if several is None:
        several = bool(options) and all(len(parse_levels(x)) == 1 for x in options.values())
    task = "localization" if several else "diagnosis"
    return Asked(text=text, options=options, images=tuple(images), several=several, task=task)


def write_answer(chosen: Chosen, asked: Asked) -> str:
    """The baseline's answer, with the closing line of the protocol."""
    return f"{chosen.reason}\n{closing_line(sorted(chosen.letters), several=asked.several)}"
