"""`spinebench/blind`: what question, options and positions give away without the image.

Naive Bayes over counts of the training questions, every count smoothed by one.

Diagnosis, for each option o at position i among the options S:

    score = log P(o is right | o offered) + sum over other s in S: log P(s offered | o right)
          + log P(right one stands at i) + log P(wording | o right), for a wording seen in training

The second term is what hard negatives leak: which distractors go with which truth. Localization
takes every option alone, as the log odds of "is right" against "is not", with position and
wording, and names those above even odds, the best one at least.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import log

from spinebench.evaluation.providers.asked import Asked, Chosen, squeezed
from spinebench.records import Question


class BlindBaseline:
    """Fitted on the questions of the split `train` only."""

    def __init__(self, train: Iterable[Question]) -> None:
        train = list(train)
        self._single = _SingleCounts([q for q in train if not q.multiple])
        self._several = _SeveralCounts([q for q in train if q.multiple])

    def choose(self, asked: Asked) -> Chosen:
        """See `Baseline`. Ties go to the first letter."""
        reason = "From the words, the options and their positions alone."
        if asked.several:
            return Chosen(self._several.choose(asked.options, asked.text), reason)
        return Chosen(self._single.choose(asked.options, asked.text), reason)


class _Wordings:
    """Finds which of the training wordings a prompt holds; the longest, if one holds another."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._known = sorted({squeezed(text) for text in texts}, key=lambda t: (-len(t), t))

    def __len__(self) -> int:
        return len(self._known)

    def find(self, prompt: str) -> str | None:
        prompt = squeezed(prompt)
        return next((text for text in self._known if text in prompt), None)


class _SingleCounts:
    def __init__(self, train: Sequence[Question]) -> None:
        self.wordings = _Wordings(q.text for q in train)
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
            self.worded[right, squeezed(question.text)] += 1
            for option in question.options:
                self.offered[option] += 1
                self.beside[right, option] += option != right

    def choose(self, options: Mapping[str, str], prompt: str) -> list[str]:
        wording = self.wordings.find(prompt)
        scores = {
            letter: self._score(place, letter, options, wording)
            for place, letter in enumerate(options)
        }
        return [_best(scores)]

    def _score(
        self, place: int, letter: str, options: Mapping[str, str], wording: str | None
    ) -> float:
        option = options[letter]
        right, n = self.right[option], len(options)
        score = log((right + 1) / (self.offered[option] + n))
        score += log((self.at[place] + 1) / (self.questions + n))
        for other in options.values():
            if other != option:
                score += log((self.beside[option, other] + 1) / (right + 2))
        if wording is not None:
            score += log((self.worded[option, wording] + 1) / (right + len(self.wordings)))
        return score


class _SeveralCounts:
    def __init__(self, train: Sequence[Question]) -> None:
        self.wordings = _Wordings(q.text for q in train)
        self.options: Counter[tuple[str, bool]] = Counter()  # (text, right?)
        self.places: Counter[tuple[int, bool]] = Counter()
        self.worded: Counter[tuple[str, bool]] = Counter()
        self.all: Counter[bool] = Counter()
        for question in train:
            for place, (letter, option) in enumerate(question.lettered.items()):
                right = letter in question.gold
                self.options[option, right] += 1
                self.places[place, right] += 1
                self.worded[squeezed(question.text), right] += 1
                self.all[right] += 1

    def choose(self, options: Mapping[str, str], prompt: str) -> list[str]:
        wording = self.wordings.find(prompt)
        odds: dict[str, float] = {}
        for place, (letter, option) in enumerate(options.items()):
            odds[letter] = log((self.options[option, True] + 1) / (self.options[option, False] + 1))
            odds[letter] += self._ratio(self.places[place, True], self.places[place, False])
            if wording is not None:
                odds[letter] += self._ratio(self.worded[wording, True], self.worded[wording, False])
        return [letter for letter, value in odds.items() if value > 0] or [_best(odds)]

    def _ratio(self, right: int, wrong: int) -> float:
        return log((right + 1) / (self.all[True] + 2)) - log((wrong + 1) / (self.all[False] + 2))


def _best(scores: Mapping[str, float]) -> str:
    # rounded: the last bits of a sum of logarithms must not decide
    return min(scores, key=lambda letter: (-round(scores[letter], 9), letter))
