"""Levels of the vertebral column: vertebrae, the motion segments between them, order, distance.

A `Level` is a vertebra (C1 to C7, T1 to T13, L1 to L6, S1 to S5) or the motion segment, with its
disc, between two neighbours. T13 and L6 are variants: a `VertebralColumn` says whether a person has
them. Positions count vertebrae from C1 = 1; a segment lies half a step below its upper vertebra.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import total_ordering
from itertools import chain, pairwise

from spinebench.errors import UsageError


class Region(StrEnum):
    """The four parts of the column that have numbered vertebrae, cranial to caudal."""

    CERVICAL = "C"
    THORACIC = "T"
    LUMBAR = "L"
    SACRAL = "S"


# The highest number that a vertebra can carry, variants included.
HIGHEST_NUMBER = {Region.CERVICAL: 7, Region.THORACIC: 13, Region.LUMBAR: 6, Region.SACRAL: 5}

# Every vertebra that some person has; its index orders levels of different columns.
_ALL_VERTEBRAE = tuple(
    (region, number) for region in Region for number in range(1, HIGHEST_NUMBER[region] + 1)
)
_RANK = {vertebra: rank for rank, vertebra in enumerate(_ALL_VERTEBRAE)}

# Neighbours across two regions. T12/L1 and L5/S1 are those of most people, the others of a person
# with the variant vertebra that they name.
_BORDERS = frozenset({("C7", "T1"), ("T12", "L1"), ("T13", "L1"), ("L5", "S1"), ("L6", "S1")})


@total_ordering
@dataclass(frozen=True, slots=True)
class Level:
    """A vertebra (`below` is None) or the motion segment between it and the vertebra `below`.

    Hashable, ordered cranial to caudal; `str()` is canonical: `C5`, `L4/L5`, `L5/S1`. Raises
    UsageError for a vertebra that nobody has (C8) and for two vertebrae that are not neighbours.
    """

    region: Region  # of the vertebra, for a segment of the upper one
    number: int  # of the vertebra, for a segment of the upper one; from 1
    below: "Level | None" = None  # the lower vertebra of a segment

    def __post_init__(self) -> None:
        if not 1 <= self.number <= HIGHEST_NUMBER[self.region]:
            raise UsageError(f"no vertebra {self.region}{self.number}")
        if self.below is not None and not is_adjacent(self.upper, self.below):
            raise UsageError(f"{self.upper} and {self.below} are not neighbours, upper first")

    def __str__(self) -> str:
        name = f"{self.region}{self.number}"
        return name if self.below is None else f"{name}/{self.below}"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Level):
            return NotImplemented
        return self._order() < other._order()

    @property
    def is_vertebra(self) -> bool:
        """Whether this is one vertebra."""
        return self.below is None

    @property
    def is_disc(self) -> bool:
        """Whether this is a motion segment (with its disc, where it has one: C1/C2 has none)."""
        return self.below is not None

    @property
    def upper(self) -> "Level":
        """The upper vertebra of a segment; a vertebra itself."""
        return self if self.below is None else Level(self.region, self.number)

    @property
    def lower(self) -> "Level":
        """The lower vertebra of a segment; a vertebra itself."""
        return self if self.below is None else self.below

    def _order(self) -> tuple[int, int]:
        # A segment follows its upper vertebra; T12/T13 before T12/L1, both before T13.
        below = -1 if self.below is None else _RANK[self.below.region, self.below.number]
        return _RANK[self.region, self.number], below


def is_adjacent(upper: Level, lower: Level) -> bool:
    """Whether `lower` is the next vertebra below `upper` in some person (L5/S1 and L5/L6 both)."""
    if upper.is_disc or lower.is_disc:
        return False
    if upper.region == lower.region:
        return lower.number == upper.number + 1
    return (str(upper), str(lower)) in _BORDERS


def build_segment(first: Level, second: Level) -> Level:
    """The motion segment of two neighbouring vertebrae, named in either order.

    Raises UsageError when they are not neighbours.
    """
    upper, lower = min(first, second), max(first, second)
    if not is_adjacent(upper, lower):
        raise UsageError(f"{first} and {second} are not neighbours")
    return Level(upper.region, upper.number, lower)


@dataclass(frozen=True, slots=True)
class VertebralColumn:
    """How many vertebrae a person has. The standard one has 24 above the sacrum."""

    thoracic: int = 12  # 12 or 13
    lumbar: int = 5  # 5 or 6

    def __post_init__(self) -> None:
        if self.thoracic not in (12, 13) or self.lumbar not in (5, 6):
            raise UsageError(
                f"a column of {self.thoracic} thoracic and {self.lumbar} lumbar vertebrae is not "
                "modelled: 12 or 13 and 5 or 6 are"
            )

    def vertebrae(self) -> tuple[Level, ...]:
        """C1 to S5 of this column, cranial to caudal."""
        count = {
            Region.CERVICAL: 7,
            Region.THORACIC: self.thoracic,
            Region.LUMBAR: self.lumbar,
            Region.SACRAL: 5,
        }
        return tuple(Level(r, n) for r in Region for n in range(1, count[r] + 1))

    def discs(self) -> tuple[Level, ...]:
        """The motion segments of this column, C1/C2 to S4/S5."""
        vertebrae = self.vertebrae()
        return tuple(build_segment(a, b) for a, b in pairwise(vertebrae))

    def disc_below(self, vertebra: Level) -> Level:
        """The motion segment below a vertebra of this column, e.g. L5/S1 below L5.

        Raises UsageError for a segment, for a vertebra of another column and for S5.
        """
        for disc in self.discs():
            if disc.upper == vertebra:
                return disc
        raise UsageError(f"no disc below {vertebra} on a column of {self.words()}")

    def words(self) -> str:
        """The column in words, for messages."""
        return f"{self.thoracic} thoracic and {self.lumbar} lumbar vertebrae"


STANDARD_COLUMN = VertebralColumn()
# L1/L2 to L5/S1: the five levels of the localization questions.
LUMBAR_DISCS = tuple(disc for disc in STANDARD_COLUMN.discs() if disc.region is Region.LUMBAR)


def column_naming(levels: Iterable[Level]) -> VertebralColumn:
    """The column of a record that names these levels: standard unless T13 or L6 is among them."""
    named = {vertebra for level in levels for vertebra in (level.upper, level.lower)}
    return VertebralColumn(
        thoracic=13 if Level(Region.THORACIC, 13) in named else 12,
        lumbar=6 if Level(Region.LUMBAR, 6) in named else 5,
    )


def level_position(level: Level, *, column: VertebralColumn | None = None) -> float:
    """How far down the column a level lies: vertebra n at n (C1 = 1), a segment at n + 1/2.

    `column` None means the column that the level itself names. n of a segment is its upper
    vertebra's, so L5/S1 said of a person with L6 lies just below L5. Raises UsageError when the
    column lacks the (upper) vertebra.
    """
    chosen = column_naming([level]) if column is None else column
    vertebrae = chosen.vertebrae()
    if level.upper not in vertebrae:
        raise UsageError(f"no {level.upper} on a column of {chosen.words()}")
    return vertebrae.index(level.upper) + 1 + (0.5 if level.is_disc else 0.0)


def level_distance(
    first: Level,
    second: Level,
    *,
    column: VertebralColumn | None = None,
    record: Iterable[Level] = (),
) -> float:
    """Vertebrae between two levels, in steps of 1/2: L4 to L4/L5 is 0.5, L4 to L5 is 1.

    Without `column` both are placed on the column that they and the levels of their `record` name:
    24 vertebrae above the sacrum, one more each for T13 and L6.
    """
    chosen = column_naming(chain((first, second), record)) if column is None else column
    return abs(level_position(first, column=chosen) - level_position(second, column=chosen))


def iter_levels(column: VertebralColumn = STANDARD_COLUMN) -> Iterator[Level]:
    """Every vertebra and motion segment of a column, cranial to caudal: C1, C1/C2, C2, ... S5."""
    discs = {disc.upper: disc for disc in column.discs()}
    for vertebra in column.vertebrae():
        yield vertebra
        if vertebra in discs:
            yield discs[vertebra]


def expand_range(first: Level, last: Level, *, column: VertebralColumn) -> list[Level]:
    """Each level of the same kind from `first` to `last`, both included, in the direction given.

    Two vertebrae give vertebrae, two segments give segments. Raises UsageError when one is a
    vertebra and the other a segment, or when the column lacks one of them.
    """
    if first.is_disc != last.is_disc:
        raise UsageError(f"{first} and {last} are not of one kind")
    ladder = column.discs() if first.is_disc else column.vertebrae()
    if first not in ladder or last not in ladder:
        raise UsageError(f"{first} to {last} is no range on a column of {column.words()}")
    start, stop = ladder.index(first), ladder.index(last)
    if start <= stop:
        return list(ladder[start : stop + 1])
    return list(reversed(ladder[stop : start + 1]))
