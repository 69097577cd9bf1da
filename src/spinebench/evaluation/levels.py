"""How far off the levels of an answer are: exact, off by one, wrong side, distance, confusion.

Pure. An answer that names levels is held against the right ones as two sets, with d(x, Y) the
distance in levels of x from the nearest of Y (`anatomy.level_distance`: L3/L4 to L4/L5 is 1, a
vertebra to its own disc 1/2):

    distance  mean of: d(named level, right ones) over the named, and d(right level, named ones)
              over the right, each of the two halves weighing the same
    farthest  the greatest of all these d; 0 = the same levels, at most 1 = off by one

An answer without a level (unparsed, refused, cut off) has neither: it counts among the answers, as
one without a level, and never as a number of levels.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from spinebench.anatomy.levels import (
    Level,
    Side,
    VertebralColumn,
    column_naming,
    level_distance,
    parse_level,
    parse_side,
)
from spinebench.errors import UsageError
from spinebench.evaluation.metric import COUNTED, keep_counted, score_mean, score_share

MISSED = "missed"  # column: a right level that nothing named stands for
ADDED = "added"  # row: a named level that stands for no right one
_SIDE_FIRST = re.compile(r"(\w[\w-]*)[\s,:]+(\S+)")
_SIDE_LAST = re.compile(r"(\S+?)[\s,:]+\(?(\w[\w-]*)\)?")
_ERRORS = {
    "exact_level": pl.Boolean,
    "off_by_one": pl.Boolean,
    "farther": pl.Boolean,
    "side_error": pl.Boolean,
    "distance": pl.Float64,
    "farthest": pl.Float64,
}


@dataclass(frozen=True)
class Place:
    """A level, with the side where one is named."""

    level: Level
    side: Side | None = None


@dataclass(frozen=True, kw_only=True)
class LevelErrors:
    """How the levels that were named differ from the right ones (see the module)."""

    exact_level: bool  # the same levels, whatever the sides
    off_by_one: bool  # not exact, but nothing is more than one level away
    farther: bool
    side_error: bool | None  # the same levels, other sides; None = no side is asked for
    distance: float
    farthest: float


@lru_cache(maxsize=4096)
def parse_place(text: str) -> Place | None:
    """The place that an option names: `L4/L5`, `left L4/L5`, `L4/L5 (left)`; None for others."""
    for pattern, level, side in ((_SIDE_FIRST, 2, 1), (_SIDE_LAST, 1, 2)):
        match = pattern.fullmatch(text.strip())
        if match is not None:
            try:
                return Place(parse_level(match[level]), parse_side(match[side]))
            except UsageError:
                continue
    try:
        return Place(parse_level(text))
    except UsageError:
        return None


def compare_places(right: Sequence[Place], named: Sequence[Place]) -> LevelErrors | None:
    """Errors of the named places; None where one of the two names nothing."""
    truth, said = {p.level for p in right}, {p.level for p in named}
    if not truth or not said:
        return None
    column = column_naming(truth | said)  # one person's spine: a level L6 in it moves the others
    table = [[_distance(t, s, column) for s in sorted(said)] for t in sorted(truth)]
    of_right = [min(row) for row in table]
    of_named = [min(column) for column in zip(*table, strict=True)]
    farthest = max(*of_right, *of_named)
    sided = any(place.side for place in right)
    return LevelErrors(
        exact_level=farthest == 0,
        off_by_one=0 < farthest <= 1,
        farther=farthest > 1,
        side_error=(farthest == 0 and set(right) != set(named)) if sided else None,
        distance=(sum(of_right) / len(of_right) + sum(of_named) / len(of_named)) / 2,
        farthest=farthest,
    )


def pair_levels(
    right: Sequence[Place], named: Sequence[Place]
) -> list[tuple[Level | None, Level | None]]:
    """Each right level with the named one that stands for it, for a confusion matrix.

    Levels that were hit go with themselves; then the nearest pairs first, the more cranial of two
    that are as near. None: nothing is left for a right level, or for a named one.
    """
    truth, said = {p.level for p in right}, {p.level for p in named}
    pairs: list[tuple[Level | None, Level | None]] = [(level, level) for level in truth & said]
    missed, added, column = truth - said, said - truth, column_naming(truth | said)
    near = sorted((_distance(t, s, column), t, s) for t in missed for s in added)
    for _, level, other in near:
        if level in missed and other in added:
            pairs.append((level, other))
            missed.remove(level)
            added.remove(other)
    return pairs + [(level, None) for level in missed] + [(None, level) for level in added]


@lru_cache(maxsize=4096)
def _distance(first: Level, second: Level, column: VertebralColumn) -> float:
    return level_distance(first, second, column=column)


def add_level_errors(answers: pl.DataFrame) -> pl.DataFrame:
    """Counted answers to questions whose right options are levels, with a column for each error.

    `exact_level`, `off_by_one`, `farther`, `side_error`, `distance`, `farthest` (see
    `LevelErrors`); all are null where no level was named.
    """
    keyed = keep_counted(answers).with_columns(
        _right=pl.col("right").list.sort().list.join("\n"),
        # what an answer that does not count as one mentions on its way is not its answer
        _named=pl.when(pl.col("outcome") == "answered")
        .then(pl.col("named").list.sort().list.join("\n"))
        .otherwise(pl.lit("")),
    )
    rows = []
    # few combinations occur, however many answers there are
    for right, named in keyed.select("_right", "_named").unique().iter_rows():
        truth = _places(right)
        if truth is None:
            continue
        found = compare_places(truth, _named_places(named))
        errors = {name: getattr(found, name, None) for name in _ERRORS}
        rows.append({"_right": right, "_named": named, "_sided": _is_sided(truth), **errors})
    schema = {"_right": pl.String, "_named": pl.String, "_sided": pl.Boolean, **_ERRORS}
    return keyed.join(
        pl.DataFrame(rows, schema=schema), on=["_right", "_named"], maintain_order="left"
    )


def score_level_errors(answers: pl.DataFrame) -> dict[str, Any] | None:
    """Level-aware figures; None without a question on levels.

    `exact_level`, `off_by_one`, `farther`, `without_level`: shares of all counted answers, which
    add up to 1. `side_error`: of the questions that ask for a side, right levels with another
    side; None where none does. `distance_per_item`: mean over the answers that name a level, in
    levels. `farthest`: how many answers are how many levels off at most.
    """
    rows = add_level_errors(answers)
    if not rows.height:
        return None
    rows = rows.with_columns(without_level=pl.col("farthest").is_null())
    naming = rows.filter(~pl.col("without_level"))
    sided = rows.filter("_sided")
    counts = naming.group_by("farthest").len().sort("farthest")
    return {
        "answers": rows.height,
        "exact_level": score_share(rows, "exact_level"),
        "off_by_one": score_share(rows, "off_by_one"),
        "farther": score_share(rows, "farther"),
        "without_level": score_share(rows, "without_level"),
        "side_error": score_share(sided, "side_error") if sided.height else None,
        "distance_per_item": score_mean(naming, "distance", highest=None),
        "farthest": [{"levels": far, "answers": count} for far, count in counts.iter_rows()],
    }


def level_confusion(answers: pl.DataFrame) -> dict[str, Any]:
    """Right level by named level, as `pair_levels` puts them together; sides are set aside.

    `rows`: right levels, cranial to caudal, then `added`; `columns`: named levels, then `missed`,
    unparsed, refused, truncated; `counts[row][column]`. A question on two levels counts twice.
    """
    rows = add_level_errors(answers)
    found: Counter[tuple[Level | None, Level | str | None]] = Counter()
    groups = rows.group_by("_right", "_named", "outcome").len()
    for right, named, outcome, count in groups.iter_rows():
        truth = _places(right) or ()
        if outcome == "answered":
            for pair in pair_levels(truth, _named_places(named)):
                found[pair] += count
        else:
            for level in {place.level for place in truth}:
                found[level, outcome] += count
    levels = sorted({x for pair in found for x in pair if isinstance(x, Level)})
    columns: list[Level | str | None] = [*levels, None, *COUNTED[1:]]
    lines: list[Level | None] = [*levels, None]
    return {
        "rows": [*map(str, levels), ADDED],
        "columns": [*map(str, levels), MISSED, *COUNTED[1:]],
        "counts": [[found[row, column] for column in columns] for row in lines],
    }


def _places(joined: str) -> tuple[Place, ...] | None:
    """Places of joined option texts; None if one of them names no level."""
    places = [parse_place(text) for text in joined.split("\n") if text]
    found = tuple(place for place in places if place is not None)
    return found if found and len(found) == len(places) else None


def _named_places(joined: str) -> tuple[Place, ...]:
    """Places among the options named; one like "none of these" is none."""
    places = (parse_place(text) for text in joined.split("\n") if text)
    return tuple(place for place in places if place is not None)


def _is_sided(places: Sequence[Place]) -> bool:
    return any(place.side is not None for place in places)
