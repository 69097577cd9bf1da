"""What the page shows of two runs, or of two pictures, held against each other, as plain values.

As in `views`: shares are fractions, `None` is "not known" and is shown as a dash.
"""

from dataclasses import dataclass

from spinebench.evaluation.curve_points import MeasuredCurve
from spinebench.report.estimates import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """Two runs on the questions that both answered."""

    first: str  # label; the higher mean
    second: str
    difference: Estimate  # first minus second; not corrected for the number of pairs
    p: float  # by permutation of whole patients
    p_holm: float  # corrected for all pairs of this measure
    apart: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Tiers of the runs by one measure."""

    measure: str  # overall, diagnosis, localization, alignment
    title: str
    groups: tuple[tuple[str, ...], ...]  # labels; within a tier none can be told from another
    pairs: tuple[PairRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Patients that a difference takes, over the pairs of runs it was worked out from."""

    patients: int  # for the pair in the middle
    least: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerRow:
    """What a difference between two runs takes, by one measure."""

    measure: str
    patients: int  # of this split that have such a question
    pairs: int  # of runs that were looked at; 0 = worked out from a single run
    design: float | None  # design effect of patients on the difference; None = cannot be known
    needed: tuple[Needed | None, ...]  # for each of `power.DIFFERENCES`
    visible: float | None  # smallest difference that these patients show


@dataclass(frozen=True, slots=True, kw_only=True)
class DuelRow:
    """One task, or one class of it, in the comparison of two runs."""

    task: str
    name: str | None  # class; None = the whole task
    first: float  # accuracies on the common questions
    second: float
    difference: Estimate
    first_better: int  # questions
    second_better: int
    p: float | None  # of whole tasks only


@dataclass(frozen=True, slots=True, kw_only=True)
class DuelItem:
    """One question on which two runs differ."""

    question_id: str
    task: str
    better: str  # a = the first, b = the second
    truth: str
    first: str  # what it named
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """Two runs question by question."""

    first: str
    second: str
    rows: tuple[DuelRow, ...]
    differing: int  # questions on which one did better
    items: tuple[DuelItem, ...]  # some of them


@dataclass(frozen=True, slots=True, kw_only=True)
class StressRow:
    """One task under one change of the pictures."""

    task: str
    change: str
    before: float
    after: float
    drop: Estimate  # before minus after
    p: float | None  # Holm over all changes
    changed: float | None  # share of questions with another answer


@dataclass(frozen=True, slots=True, kw_only=True)
class StressView:
    """What changed pictures cost one run."""

    label: str
    rows: tuple[StressRow, ...]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipLine:
    """Pairs of a picture and its mirror image, of one kind and one disease."""

    marker_too: bool  # the marker was mirrored along with the picture
    disease: str | None  # None = all together
    expected: str  # flipped or stayed: what the answer should have done
    flipped: Estimate  # the two answers name two sides
    stayed: Estimate  # they name the same
    unclear: Estimate  # one of them names no side, or both
    right_on_both: Estimate
    said_left: float | None  # share of the answers that name one side

    @property
    def as_it_should(self) -> Estimate:
        """Share of the pairs in which the answer did what it should."""
        return self.flipped if self.expected == "flipped" else self.stayed


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipView:
    """What one run does when pictures are mirrored, under one convention."""

    label: str
    convention: str  # text or marker
    rows: tuple[FlipLine, ...]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveView:
    """Accuracy of one run against the size of the lesion, on phantoms."""

    label: str
    key: str
    curves: tuple[MeasuredCurve, ...]
