"""Levels of the spine: the type, its order and distance, and parsing. The package's front door.

`parse_level` reads one field of a table and is strict; `parse_levels` reads running text and is
forgiving. The types live in `column`, the grammar of running text in `level_parsing`.
"""

import re
from typing import Literal

from spinebench.anatomy.column import (
    LUMBAR_DISCS,
    STANDARD_COLUMN,
    Level,
    Region,
    VertebralColumn,
    build_segment,
    column_naming,
    expand_range,
    is_adjacent,
    iter_levels,
    level_distance,
    level_position,
)
from spinebench.anatomy.level_parsing import parse_levels
from spinebench.anatomy.sides import Side, parse_side
from spinebench.errors import UsageError

__all__ = [
    "LUMBAR_DISCS",
    "STANDARD_COLUMN",
    "Endplate",
    "Level",
    "Region",
    "Side",
    "VertebralColumn",
    "build_segment",
    "column_naming",
    "expand_range",
    "is_adjacent",
    "iter_levels",
    "level_distance",
    "level_position",
    "parse_endplate",
    "parse_level",
    "parse_levels",
    "parse_side",
]

Endplate = Literal["upper", "lower"]

_VERTEBRA = r"(C|T|TH|D|L|S)([1-9]\d?)"
_FIELD = re.compile(rf"{_VERTEBRA}(?:[/_-]?{_VERTEBRA}|[/_-]([1-9]\d?|S))?", re.IGNORECASE)
_ENDPLATE = re.compile(rf"{_VERTEBRA}([ab])", re.IGNORECASE)


def parse_level(text: str) -> Level:
    """The one level that a table field names.

    Takes the canonical forms and those of the datasets: `L4/L5`, `l4_l5`, `L4-L5`, `L4L5`, `L4/5`,
    `L5/S`, `T12`, `Th12`, `D12`; case and outer blanks do not matter. Raises UsageError for
    anything else: another text around it, several levels, a segment named lower
    vertebra first, a vertebra or a segment that nobody has.
    """
    match = _FIELD.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"no level: {text!r}; expected one like L4 or L4/L5")
    region, number, next_region, next_number, bare = match.groups()
    first = _build_field_vertebra(region, number)
    if next_region is not None:
        return Level(first.region, first.number, _build_field_vertebra(next_region, next_number))
    if bare is None:
        return first
    if bare in "sS":
        return Level(first.region, first.number, Level(Region.SACRAL, 1))
    return Level(first.region, first.number, _build_field_vertebra(region, bare))


def parse_endplate(text: str) -> tuple[Level, Endplate]:
    """The vertebra and the plate of a BUU-LSPINE landmark row: `L4a` upper, `L4b` lower plate.

    The disc of `L4b` is `STANDARD_COLUMN.disc_below(level)`. Raises UsageError for anything else.
    """
    match = _ENDPLATE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"no endplate: {text!r}; expected one like L4a or L4b")
    region, number, plate = match.groups()
    return _build_field_vertebra(region, number), "upper" if plate in "aA" else "lower"


def _build_field_vertebra(region: str, number: str) -> Level:
    letter = region.upper()
    return Level(Region("T" if letter in ("TH", "D") else letter), int(number))
