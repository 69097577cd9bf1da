"""Levels read from running text: tokens joined to segments, ranges and lists, then the context.

The rules, with examples, stand in `docs/anatomy.md`. In short: neighbours joined by a slash, a dash
or nothing are one motion segment; a pair that is not neighbouring, joined by a dash, "to" or
"through", is a range of vertebrae; "to" and "on" between neighbours leave two vertebrae.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from spinebench.anatomy.column import (
    Level,
    Region,
    VertebralColumn,
    build_segment,
    column_naming,
    expand_range,
    is_adjacent,
    iter_levels,
    level_position,
)
from spinebench.anatomy.level_context import Mention, select_level_mentions
from spinebench.anatomy.level_tokens import (
    Token,
    build_vertebra,
    iter_tokens,
    normalise_text,
    place_ordinals,
)
from spinebench.anatomy.level_words import is_level_number, is_quantity


def parse_levels(text: str) -> list[Level]:
    """The levels that running text names, in order of appearance, duplicates kept.

    English, Chinese, German and French spellings. Nerve roots, dermatomes, radiculopathies, MR
    sequences, classification codes and numbers that no vertebra has are not levels. Never raises.
    """
    plain = normalise_text(text)
    tokens = place_ordinals(list(iter_tokens(plain)), plain)
    groups = _Reader(plain, tokens).read_groups()
    return [
        level
        for group in groups
        for mention in select_level_mentions(plain, group)
        for level in mention.levels
    ]


@dataclass(slots=True)
class _Chain:
    """Vertebrae with what joins them: "" (written together), "/" or "-"; None where none exists."""

    tokens: list[Token]
    levels: list[Level | None]
    joins: list[str] = field(default_factory=list)

    def add(self, join: str, token: Token, level: Level | None) -> None:
        self.tokens.append(token)
        self.levels.append(level)
        self.joins.append(join)


class _Reader:
    """A cursor over the tokens of one text."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text, self.tokens, self.index = text, tokens, 0
        named = [token.level for token in tokens if token.kind == "vertebra"]
        # A text that names L6 or T13 is about a person who has it.
        self.column = column_naming(level for level in named if level is not None)

    def read_groups(self) -> list[list[Mention]]:
        """Every group: levels that list and range words bind together."""
        groups = []
        while self.index < len(self.tokens):
            if self._kind(0) == "vertebra":
                is_coded = self._is_after_code()
                group = self._read_group()
                if not is_coded:
                    groups.append(group)
            else:
                self.index += 1
        return groups

    def _kind(self, offset: int) -> str:
        place = self.index + offset
        return self.tokens[place].kind if 0 <= place < len(self.tokens) else "end"

    def _is_after_code(self) -> bool:
        """Whether a bone's number stands before: "53-C1" is a fracture type, "1-L4/5" a list."""
        if self.index < 2 or (self._kind(-2), self._kind(-1)) != ("number", "join"):
            return False
        bone, join, code = self.tokens[self.index - 2 : self.index + 1]
        return code.prefix == "c" and bone.number >= 10 and join.text == "-"

    def _read_group(self) -> list[Mention]:
        is_between = self._kind(-1) == "between" or (
            self._kind(-1) == "filler" and self._kind(-2) == "between"
        )
        group = [self._build_mention(self._read_chain(), "")]
        while True:
            start = self.index
            link = self._read_link()
            chain = self._read_next_chain(link, group[-1]) if link else None
            if chain is None:
                self.index = start
                return group
            mention = self._build_mention(chain, link)
            if link == "range":
                self._fill_range(group[-1], mention)
            if is_between and len(group) == 1 and self._is_pair(group[0], mention):
                segment = build_segment(group[0].levels[0], mention.levels[0])
                group = [Mention([segment], group[0].start, mention.end, "", group[0].tokens)]
            else:
                group.append(mention)

    def _read_link(self) -> str:
        """What binds the next level to this one: "list", "range", "break" (a semicolon) or ""."""
        link = ""
        while self._kind(0) in ("list", "range", "filler", "break"):
            token = self.tokens[self.index]
            if token.kind == "break" and token.text == "\n\n":
                return ""
            if token.kind == "range":
                link = "range"
            elif token.kind == "list" and link != "range":
                link = "break" if token.text in ";；" or link == "break" else "list"
            elif token.kind == "filler" and not link:
                return ""
            self.index += 1
        return link

    def _read_chain(self) -> _Chain:
        first = self.tokens[self.index]
        self.index += 1
        chain = _Chain([first], [first.level])
        while self._extend(chain):
            pass
        return chain

    def _extend(self, chain: _Chain) -> bool:
        """One more vertebra on the chain, if the next tokens give one."""
        last = chain.tokens[-1]
        if self._kind(0) == "vertebra" and self.tokens[self.index].start == last.end:
            token = self.tokens[self.index]
            chain.add("", token, token.level)
            self.index += 1
            return True
        if self._kind(0) != "join" or self._kind(1) not in ("vertebra", "number"):
            return False
        join, token = self.tokens[self.index : self.index + 2]
        level = token.level
        if token.kind == "number":
            level = _complete_number(token.number, chain.levels[-1])
            is_loose = join.text != join.text.strip()
            if level is None or is_quantity(self.text, token.end):
                return False
            if is_loose and not is_level_number(self.text, token.end):
                return False
        chain.add("/" if join.text.strip() in ("/", "_") else "-", token, level)
        self.index += 2
        return True

    def _read_next_chain(self, link: str, before: Mention) -> _Chain | None:
        if self._kind(0) == "vertebra":
            return self._read_chain()
        if self._kind(0) != "number" or not before.levels:
            return None
        for region in self._likely_regions(before):
            start = self.index
            chain = self._read_bare_chain(region)
            if chain is not None and _is_plausible(chain, link, before.levels[-1]):
                return chain
            self.index = start
        return None

    def _read_bare_chain(self, region: Region) -> _Chain | None:
        """ "5", "5/6" or "5/1" after a level, read as numbers of `region`."""
        first = self.tokens[self.index]
        level = build_vertebra(region, first.number)
        if level is None:
            return None
        self.index += 1
        chain = _Chain([first], [level])
        while self._kind(0) == "join" and self._extend(chain):
            pass
        end = chain.tokens[-1].end
        return chain if is_level_number(self.text, end) and self._kind(0) != "join" else None

    def _likely_regions(self, before: Mention) -> list[Region]:
        """The regions that a bare number may belong to, the one nearest the last level first."""
        last = before.levels[-1]
        number = self.tokens[self.index].number
        column = column_naming([last])

        def steps(region: Region) -> float:
            level = build_vertebra(region, number)
            if level is None or level not in column.vertebrae():
                return float("inf")
            return abs(level_position(level) - level_position(last, column=column))

        return sorted(dict.fromkeys((last.lower.region, last.upper.region)), key=steps)

    def _build_mention(self, chain: _Chain, link: str) -> Mention:
        first, last = chain.tokens[0], chain.tokens[-1]
        return Mention(
            _evaluate_chain(chain, self.column), first.start, last.end, link, tuple(chain.tokens)
        )

    def _fill_range(self, before: Mention, mention: Mention) -> None:
        """Put the levels between two ends of one kind before those of `mention`."""
        if before.levels and mention.levels and before.is_single and mention.is_single:
            between = _expand(before.levels[-1], mention.levels[0], self.column)[1:-1]
            mention.levels[:0] = between

    def _is_pair(self, first: Mention, second: Mention) -> bool:
        """Whether "between X and Y" names one motion segment."""
        if second.link != "list" or len(first.levels) != 1 or len(second.levels) != 1:
            return False
        one, other = first.levels[0], second.levels[0]
        return is_adjacent(one, other) or is_adjacent(other, one)


def _complete_number(number: int, before: Level | None) -> Level | None:
    """The vertebra that a bare number after a joiner means: "L4/5", and S1 in "L5/1"."""
    if before is None:
        return None
    if number == 1:
        for region in Region:
            candidate = Level(region, 1)
            # T12/1 is T12/L1, but L1/1 is nothing.
            if region != before.region and is_adjacent(before, candidate):
                return candidate
    return build_vertebra(before.region, number)


def _is_plausible(chain: _Chain, link: str, last: Level) -> bool:
    """Whether bare numbers after a level go on with it: "L3, 4" does, "L4/5, 3/5" does not."""
    levels = [level for level in chain.levels if level is not None]
    if link == "range":
        return True
    if len(levels) == 1:
        return levels[0].region == last.lower.region and levels[0] > last.lower
    return all(_is_segment(a, b) for a, b in pairwise(levels)) and (
        build_segment(levels[0], levels[1]) != last
    )


def _is_segment(first: Level | None, second: Level | None) -> bool:
    if first is None or second is None:
        return False
    return is_adjacent(first, second) or is_adjacent(second, first)


def _evaluate_chain(chain: _Chain, column: VertebralColumn) -> list[Level]:
    """The levels of joined vertebrae: segments of neighbours, ranges and lists of the others."""
    levels, joins = chain.levels, chain.joins
    if _is_chain_of_pairs(levels, joins):
        pairs = zip(levels[::2], levels[1::2], strict=True)
        discs = [build_segment(a, b) for a, b in pairs if a is not None and b is not None]
        return discs if joins[1] == "/" else _expand_all(discs, column)
    if not joins:
        return [level for level in levels if level is not None]
    result: list[Level] = []
    end: Level | None = None  # the vertebra that already stands at the end of `result`
    for first, join, second in zip(levels, joins, levels[1:], strict=False):
        if first is not None and second is not None and _is_segment(first, second):
            result.append(build_segment(first, second))
            end = second
            continue
        whole = _expand(first, second, column) if join == "-" else [first, second]
        named = [level for level in whole if level is not None]
        result.extend(named[1:] if named and named[0] == end else named)
        end = second
    return result


def _is_chain_of_pairs(levels: list[Level | None], joins: list[str]) -> bool:
    """Whether the chain alternates joiners: "L3-4/L4-5", "L1/2-L4/5"."""
    if len(levels) < 4 or len(levels) % 2 or joins[0] == joins[1]:
        return False
    if set(joins[::2]) != {joins[0]} or set(joins[1::2]) != {joins[1]}:
        return False
    return all(_is_segment(a, b) for a, b in zip(levels[::2], levels[1::2], strict=True))


def _expand_all(discs: list[Level], column: VertebralColumn) -> list[Level]:
    result = discs[:1]
    for first, second in pairwise(discs):
        result += _expand(first, second, column)[1:]
    return result


def _expand(first: Level | None, last: Level | None, column: VertebralColumn) -> list[Level]:
    """The range between two levels of one kind, both included, else the two as they stand."""
    ends = [level for level in (first, last) if level is not None]
    if first is None or last is None or first.is_disc != last.is_disc:
        return ends
    for candidate in (column, column_naming(ends)):
        if _has_levels(candidate, ends):
            return expand_range(first, last, column=candidate) if first != last else ends
    return ends


def _has_levels(column: VertebralColumn, levels: Iterable[Level]) -> bool:
    return set(levels) <= set(iter_levels(column))
