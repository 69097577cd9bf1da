"""What the page shows, as plain values: the template and the plots know nothing else.

Shares are fractions from 0 to 1. `None` is "not known" or "nothing to average" and is shown as a
dash; it is never a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from spinebench.evaluation.extractor_model import ExtractorShare
from spinebench.evaluation.published import PublishedTable
from spinebench.report.estimates import Estimate
from spinebench.report.gallery import Card, Group
from spinebench.report.views_pairs import (
    CurveView,
    Duel,
    FlipView,
    PowerRow,
    Standing,
    StressView,
)


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
    """Truth by row, answer by column; the last columns name no class, or no level."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    without_class: tuple[str, ...]  # columns such as "unparsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelErrorRow:
    """How far off the levels of the answers are: all of them, or those on one class."""

    name: str | None  # class; None = all
    exact: Estimate  # these four are shares of all answers and add up to 1
    off_by_one: Estimate
    farther: Estimate
    without: Estimate  # no level named
    wrong_side: Estimate | None  # right level, wrong side; None = no side is asked for
    distance: Estimate  # in levels, of the answers that name one
    localization: Localization
    f1: Estimate  # mean over questions
    pooled_f1: Estimate


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
class SightView:
    """One task with the image and without it."""

    task: str
    gain: Estimate
    without: float  # accuracy of the control, on the questions that both answered


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitView:
    """What a score hides, in words, and the names that the rules give for it."""

    coverage: float | None  # answers that name an option, of those counted
    place: tuple[str, float, float] | None  # letter favoured, its share of wrong answers, by chance
    sight: tuple[SightView, ...]
    disagreeing: Estimate | None  # pairs of askings of one question that disagree
    place_words: str
    sight_words: str
    steady_words: str
    tags: tuple[str, ...]
    control: str | None  # folder of the same model's run without the image
    control_command: str | None  # what would measure the gain; None = measured, or of no use


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
    level_errors: tuple[LevelErrorRow, ...] = ()  # all answers first, then by class
    level_confusions: tuple[tuple[str | None, Confusion], ...] = ()  # the same
    extractor: str | None = None  # model that read answers in which the rules found nothing
    extracted: ExtractorShare | None = None  # what it read, or would have read
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
    power: tuple[PowerRow, ...] = ()
    stress: tuple[StressView, ...] = ()
    flips: tuple[FlipView, ...] = ()
    curves: tuple[CurveView, ...] = ()
    reported: tuple[PublishedTable, ...] = ()  # by others, on other questions
