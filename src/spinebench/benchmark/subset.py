"""Which questions of the split `test` make up the evaluation subset.

As published, it is picked by quality and balance: about 100 questions of each class in diagnosis
(a class that has fewer gives all), 1,000 in localization; 100 of each shape in alignment. How, was
not published. Ours is one order of all candidates, of which the first are taken:

1. Candidates fall into strata: by class; in localization by condition and, within it, by the set of
   levels that is right.
2. Within a stratum clear images come first, then whoever has been asked about less: a patient's
   second question comes after every patient's first (`per_patient` = 1), and by hash of the seed,
   the task and the image.
3. In localization the places of the level sets of a condition are dealt in turn, then those of the
   conditions, each in an order given by hash.

So the subset lies in `test`, away from every patient of train and reserve; it depends neither on
the order of the questions nor on wording, options or encoder; and it is stable: questions that are
added (and belong to any patient) can push others out, but no question that was not chosen before
comes in, other than the new ones.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from spinebench.errors import UsageError
from spinebench.records import Quality, Question

Stratum = tuple[str, ...]


@dataclass(frozen=True)
class SubsetSizes:
    """How many questions the subset holds at most."""

    per_class: int = 100  # of diagnosis, and of alignment
    localization: int = 1000
    per_patient: int = 1  # of one stratum, before any patient's next ones

    def __post_init__(self) -> None:
        if min(self.per_class, self.localization) < 0 or self.per_patient < 1:
            raise UsageError(
                f"subset of {self.per_class} per class and {self.localization} localization"
                f" questions, {self.per_patient} per patient: at least 0, 0 and 1"
            )


def choose_subset(
    questions: Iterable[Question],
    quality: Mapping[str, Quality],
    *,
    seed: int,
    sizes: SubsetSizes = SubsetSizes(),
) -> set[str]:
    """Ids of the questions in the evaluation subset; `quality` is by image id.

    An image without a quality (an import has none) counts as clear.
    """
    strata: dict[Stratum, list[Question]] = defaultdict(list)
    for question in questions:
        if question.split == "test" and question.kind == "mcq":
            strata[_stratum(question)].append(question)
    ordered = {
        stratum: _order_stratum(members, quality, seed, sizes.per_patient)
        for stratum, members in strata.items()
    }
    chosen: set[str] = set()
    conditions: dict[Stratum, list[list[Question]]] = defaultdict(list)
    for stratum in sorted(ordered, key=lambda stratum: _hash(seed, *stratum)):
        if stratum[0] == "localization":
            conditions[stratum[:2]].append(ordered[stratum])
        else:
            chosen |= {q.question_id for q in ordered[stratum][: sizes.per_class]}
    by_condition = [
        _deal(conditions[condition])
        for condition in sorted(conditions, key=lambda condition: _hash(seed, *condition))
    ]
    return chosen | {q.question_id for q in _deal(by_condition)[: sizes.localization]}


def _stratum(question: Question) -> Stratum:
    if question.task != "localization":
        return (question.task, question.disease)
    right = sorted(question.lettered[letter] for letter in question.gold)
    return (question.task, question.disease, *right)


def _order_stratum(
    members: Sequence[Question], quality: Mapping[str, Quality], seed: int, per_patient: int
) -> list[Question]:
    """Clear images first; among them each patient's first ones, then the second ones; by hash."""
    seen: dict[tuple[bool, str], int] = defaultdict(int)
    keyed: list[tuple[bool, int, int, Question]] = []
    for question in sorted(members, key=lambda q: _rank(q, seed)):
        unclear = any(not quality[i].clear for i in question.image_ids if i in quality)
        turn = seen[unclear, question.patient_id] // per_patient
        seen[unclear, question.patient_id] += 1
        keyed.append((unclear, turn, len(keyed), question))
    return [entry[-1] for entry in sorted(keyed, key=lambda entry: entry[:3])]


def _deal(piles: Sequence[Sequence[Question]]) -> list[Question]:
    """The first of every pile, then the second of every pile, and so on.

    The order of the piles is fixed beforehand: were it that of the questions' hashes, a question
    that is added to one pile could let an old one of another pile in.
    """
    longest = max((len(pile) for pile in piles), default=0)
    return [pile[place] for place in range(longest) for pile in piles if place < len(pile)]


def _rank(question: Question, seed: int) -> tuple[bytes, str]:
    return _hash(seed, question.task, *question.image_ids), question.question_id


def _hash(seed: int, *key: str) -> bytes:
    return hashlib.sha256("\x1f".join(("subset", str(seed), *key)).encode()).digest()
