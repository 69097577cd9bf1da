"""What options, positions and words say about the answer: naive Bayes over counts.

Every count is smoothed by one. One right answer, for each option o at position i among options S:

    score = log P(o is right | o offered) + sum over other s in S: log P(s offered | o right)
          + log P(right one stands at i) + log P(wording | o right), for a known wording

The second term is what hard negatives leak: which distractors go with which truth. With several
right answers every option stands alone, as the log odds of "is right" against "is not", with
position and wording, and those above even odds are named, the best one at least.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import log

from spinebench.records import Question


class TextOnly:
    """Counts of some questions, for one right answer and for several."""

    def __init__(self, train: Iterable[Question], *, options_only: bool = False) -> None:
        """`options_only` leaves positions and wordings out."""
        train = list(train)
        self._single = _SingleCounts([q for q in train if not q.multiple], options_only)
        self._several = _SeveralCounts([q for q in train if q.multiple], options_only)

    def choose(
        self, options: Mapping[str, str], wording: str | None, *, several: bool
    ) -> list[str]:
        """Letters chosen among options by letter. Ties go to the first letter."""
        counts = self._several if several else self._single
        return counts.choose(options, wording)

    def wordings(self, *, several: bool) -> frozenset[str]:
        """Wordings counted, as `one_line` gives them."""
        return frozenset((self._several if several else self._single).wordings)


def one_line(text: str) -> str:
    """Text with every run of white space as one blank: how a wording is known."""
    return " ".join(text.split())


class _SingleCounts:
    def __init__(self, train: Sequence[Question], options_only: bool) -> None:
        self.options_only = options_only
        self.wordings = {one_line(q.text) for q in train}
        self.right: Counter[str] = Counter()
        self.offered: Counter[str] = Counter()
        self.beside: Counter[tuple[str, str]] = Counter()  # (right option, other option offered)
        self.at: Counter[int] = Counter()
        self.worded: Counter[tuple[str, str]] = Counter()
        self.questions = len(train)
        for question in train:
            right = question.lettered[question.gold[0]]
            self.right[right] += 1
            self.at[question.options.index(right)] += 1
            self.worded[right, one_line(question.text)] += 1
            for option in question.options:
                self.offered[option] += 1
                self.beside[right, option] += option != right

    def choose(self, options: Mapping[str, str], wording: str | None) -> list[str]:
        known = wording if wording in self.wordings else None
        scores = {
            letter: self._score(place, letter, options, known)
            for place, letter in enumerate(options)
        }
        return [_best(scores)]

    def _score(
        self, place: int, letter: str, options: Mapping[str, str], wording: str | None
    ) -> float:
        option = options[letter]
        right, n = self.right[option], len(options)
        score = log((right + 1) / (self.offered[option] + n))
        for other in options.values():
            if other != option:
                score += log((self.beside[option, other] + 1) / (right + 2))
        if self.options_only:
            return score
        score += log((self.at[place] + 1) / (self.questions + n))
        if wording is not None:
            score += log((self.worded[option, wording] + 1) / (right + len(self.wordings)))
        return score


class _SeveralCounts:
    def __init__(self, train: Sequence[Question], options_only: bool) -> None:
        self.options_only = options_only
        self.wordings = {one_line(q.text) for q in train}
        self.options: Counter[tuple[str, bool]] = Counter()  # (text, right?)
        self.places: Counter[tuple[int, bool]] = Counter()
        self.worded: Counter[tuple[str, bool]] = Counter()
        self.all: Counter[bool] = Counter()
        for question in train:
            wording = one_line(question.text)
            for place, (letter, option) in enumerate(question.lettered.items()):
                right = letter in question.gold
                self.options[option, right] += 1
                self.places[place, right] += 1
                self.worded[wording, right] += 1
                self.all[right] += 1

    def choose(self, options: Mapping[str, str], wording: str | None) -> list[str]:
        odds: dict[str, float] = {}
        for place, (letter, option) in enumerate(options.items()):
            odds[letter] = log((self.options[option, True] + 1) / (self.options[option, False] + 1))
            if self.options_only:
                continue
            odds[letter] += self._ratio(self.places[place, True], self.places[place, False])
            if wording is not None and wording in self.wordings:
                odds[letter] += self._ratio(self.worded[wording, True], self.worded[wording, False])
        return [letter for letter, value in odds.items() if value > 0] or [_best(odds)]

    def _ratio(self, right: int, wrong: int) -> float:
        return log((right + 1) / (self.all[True] + 2)) - log((wrong + 1) / (self.all[False] + 2))


def _best(scores: Mapping[str, float]) -> str:
    # rounded: the last bits of a sum of logarithms must not decide
    return min(scores, key=lambda letter: (-round(scores[letter], 9), letter))
