"""What a baseline is asked, read back from the words and images of a message, and its answer."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from spinebench.anatomy.diseases import DISEASE_BY_NAME, find_disease
from spinebench.anatomy.levels import parse_levels
from spinebench.evaluation.prompts import asks_for_several, closing_line, parse_options


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One message: its text, the options found there, and the images' own bytes."""

    text: str
    options: Mapping[str, str]  # by letter; empty if the text has none
    images: tuple[bytes, ...]
    several: bool  # whether the closing line asks for several letters
    task: str  # "diagnosis", "localization" or "alignment", as `several` and the options say

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
    """Read a message. Where no closing line tells, options that are levels mean localization.

    Options that are all shapes of the neck mean alignment: a diagnosis offers Healthy too.
    """
    options = parse_options(text)
    several = asks_for_several(text)
    if several is None:
        several = bool(options) and all(len(parse_levels(x)) == 1 for x in options.values())
    single = "alignment" if options and all(map(_is_shape, options.values())) else "diagnosis"
    task = "localization" if several else single
    return Asked(text=text, options=options, images=tuple(images), several=several, task=task)


def _is_shape(option: str) -> bool:
    named = find_disease(option)
    return named is not None and DISEASE_BY_NAME[named.disease].kind == "curvature"


def write_answer(chosen: Chosen, asked: Asked) -> str:
    """The baseline's answer, with the closing line of the protocol."""
    return f"{chosen.reason}\n{closing_line(sorted(chosen.letters), several=asked.several)}"
