"""What the page shows, as plain values: the template and the plots know nothing else.

Shares are fractions from 0 to 1. `None` is "not known" or "nothing to average" and is shown as a
dash; it is never a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from spinebench.evaluation.curve_points import MeasuredCurve
from spinebench.evaluation.published import PublishedTable
from spinebench.report.gallery import Card, Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A share with its 95 % interval by patient, and what it rests on."""

    value: float | None
    low: float | None
    high: float | None
    items: int  # in the denominator
    patients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Localization:
    """The published localization metrics, and the pooled ones beside them."""

    exact: Estimate
    precision: Estimate  # mean over questions
    recall: Estimate
    pooled_precision: Estimate  # levels of all questions thrown together
    pooled_recall: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """One line of a breakdown."""

    name: str
    diagnosis: Estimate | None  # None = no such question
    localization: Localization | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """Results by one property of the questions."""

    key: str  # disease, level, source, sequence
    title: str
    head: str  # of the first column
    note: str
    rows: tuple[GroupRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """One level as an option of localization questions."""

    level: str
    offered: int  # questions that offer it
    right: int  # questions in which it is true
    named: int  # answers that name it
    recall: Estimate  # of those in which it is true, those that name it
    precision: Estimate  # of those that name it, those in which it is true


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Diagnosis answers: truth by row, answer by column; the last columns name no class."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    without_class: tuple[str, ...]  # columns such as "unparsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Accuracy where the truth stood under one letter, and how often that letter was named."""

    letter: str
    accuracy: Estimate
    gold: int  # questions whose truth stood there
    named: int  # answers that named it


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptView:
    """The words of a protocol for one task, before a question is filled in."""

    task: str
    sha256: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitView:
    """What a score hides, in words, and the names that the rules give for it."""

    coverage: float | None  # answers that name an option, of those counted
    place: tuple[str, float, float] | None  # letter favoured, its share of wrong answers, by chance
    sight: tuple[tuple[str, Estimate], ...]  # task, gain by the image
    disagreeing: Estimate | None  # pairs of askings of one question that disagree
    place_words: str
    sight_words: str
    steady_words: str
    tags: tuple[str, ...]
    control: str | None  # folder of the same model's run without the image


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run: its line on the board and everything behind it."""

    key: str  # id on the page: m1, m2, ...
    label: str  # model, and what tells it from another run of the same model
    model: str
    run_id: str
    baseline: bool
    protocol: str
    prompts: tuple[PromptView, ...]
    settings: str
    complete: bool
    asked: int
    outcomes: Mapping[str, int]  # by outcome, all of them named
    diagnosis: Estimate
    localization: Localization
    overall: Estimate  # mean of diagnosis accuracy and localization exact
    overall_pooled: Estimate
    breakdowns: tuple[Breakdown, ...]
    levels: tuple[LevelRow, ...]
    confusion: Confusion
    positions: tuple[Position, ...]
    sensitivity: Estimate  # of Healthy: healthy images called Healthy
    specificity: Estimate  # of Healthy: ill images called anything else
    cards: Mapping[Group, tuple[Card, ...]]
    group_counts: Mapping[Group, int]
    outside_groups: int  # diagnosis answers that name no option
    level_errors: tuple[tuple[str, Estimate], ...] = ()  # what, share of localization answers
    level_distance: Estimate | None = None  # in levels, of the answers that name one
    f1: tuple[Estimate, Estimate] | None = None  # mean over questions, pooled
    control: bool = False  # no image was sent
    habits: HabitView | None = None  # filled in when all runs of a page are known


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAccount:
    """One annotation file: every unit read ended as used or dropped."""

    file: str
    read: int
    used: int
    dropped: int
    reasons: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """One source, its terms, and the account of its files."""

    name: str
    title: str
    terms_name: str
    terms_url: str
    terms_summary: str
    redistribution: bool
    third_party_models: bool
    images: int
    patients: int
    files: tuple[FileAccount, ...]
    hashes: tuple[tuple[str, str], ...]  # what, SHA-256


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the benchmark was built from."""

    sources: tuple[SourceView, ...]
    facts: tuple[tuple[str, str], ...]  # name, value: rule, seed, policy, embedder, hashes
    splits: tuple[tuple[str, int, int, int], ...]  # split, patients, diagnosis, localization
    classes: tuple[tuple[str, int], ...]  # diagnosis questions by class, all splits
    hashes: tuple[tuple[str, str], ...]  # table, SHA-256
    images: int
    patients: int
    questions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceComparison:
    """Diagnosis accuracy of every run within one source, with what `metadata` says about it."""

    source: str
    title: str
    rows: tuple[tuple[str, bool, Estimate], ...]  # label, baseline, accuracy
    chance: float | None
    words: str
    metadata: Estimate | None  # accuracy of the metadata baseline; None = not run


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentView:
    """The task that asks for the shape of the neck, where the benchmark has it."""

    questions: int
    patients: int
    chance: float | None
    rows: tuple[tuple[str, bool, Estimate], ...]  # label, baseline, accuracy


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveView:
    """Accuracy of one run against the size of the lesion, on phantoms."""

    label: str
    key: str
    curves: tuple[MeasuredCurve, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """The whole page."""

    title: str
    summary: tuple[str, ...]  # paragraphs
    warnings: tuple[str, ...]
    origin: Origin
    split: str
    test_patients: int
    test_diagnosis: int
    test_localization: int
    diagnosis_chance: float | None
    localization_chance: float | None
    runs: tuple[RunView, ...]  # as sorted on the board
    comparisons: tuple[SourceComparison, ...]
    bench_sha256: str
    version: str
    seed: int
    subset: bool = False  # only the evaluation subset of the split was asked
    alignment: AlignmentView | None = None  # None: no such question
    standings: tuple[Standing, ...] = ()
    duel: Duel | None = None  # the first two models; None = fewer than two
    stress: tuple[StressView, ...] = ()
    curves: tuple[CurveView, ...] = ()
    reported: tuple[PublishedTable, ...] = ()  # by others, on other questions
