"""Sides of the body as findings name them."""

import re
from enum import StrEnum

from spinebench.errors import UsageError


class Side(StrEnum):
    """The patient's side, never the image's. Equal to its plain string, as records store it."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"
    MIDLINE = "midline"


_WORDS = {
    Side.LEFT: ("left", "l", "lt", "left-sided", "sinister", "左", "左侧", "左侧性"),
    Side.RIGHT: ("right", "r", "rt", "right-sided", "dexter", "右", "右侧"),
    Side.BILATERAL: (
        "bilateral",
        "both",
        "both sides",
        "bilaterally",
        "left and right",
        "双侧",
        "两侧",
    ),
    Side.MIDLINE: ("midline", "central", "median", "center", "centre", "中央", "正中", "中线"),
}
_SIDE_OF = {word: side for side, words in _WORDS.items() for word in words}


def parse_side(text: str) -> Side:
    """The side that a short field names: `left`, `R`, `Left-sided`, `bilateral`, `左侧`.

    Case, dots and outer blanks do not matter. For a whole field, not for running text. Raises
    UsageError for anything else, the empty field included.
    """
    word = re.sub(r"[\s_]+", " ", text.replace(".", " ")).strip().casefold()
    try:
        return _SIDE_OF[word]
    except KeyError:
        raise UsageError(f"no side: {text!r}; known are {', '.join(Side)}") from None
