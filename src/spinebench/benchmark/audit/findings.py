"""What a check reports: which items, how grave, and how it would be mended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["note", "minor", "serious", "critical"]
SEVERITIES: tuple[Severity, ...] = ("note", "minor", "serious", "critical")
MEANING: dict[Severity, str] = {
    "note": "true of the benchmark and worth telling with its results; nothing to mend",
    "minor": "some items are weak, or a margin is small; scores hardly change",
    "serious": "scores can be had without reading the image, or items cannot be answered from it",
    "critical": "scores are wrong: training images in test, a false answer key, other pictures",
}
ITEMS_SHOWN = 200  # of a finding, in JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How often something other than the image names the answer, beside a fair reference.

    Shares from 0 to 1 over the questions where the thing is known; intervals are by patient, at
    the level that `shortcuts.LEVEL` sets for many comparisons.
    """

    name: str  # text_only, sequence, corner_pixels, ...
    task: str
    estimate: float  # share answered rightly
    low: float | None  # None: one patient, no interval
    high: float | None
    reference: float  # what is had without the thing: chance, or the most frequent answer
    gain: float  # estimate - reference, and its own interval, question by question
    gain_low: float | None
    gain_high: float | None
    questions: int
    patients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """One fault, or one thing to know, with every item that shows it."""

    check: str  # a name of `registry.CHECKS`
    severity: Severity
    summary: str  # one sentence with the figures
    items: tuple[str, ...]  # question or image ids, in a stable order; for not_checked, checks
    groups: tuple[tuple[str, ...], ...] = ()  # image ids that belong together, as duplicates do
    drop: tuple[str, ...] = ()  # question ids that mending drops
    measures: tuple[Measure, ...] = ()


def build_finding(
    check: str, severity: Severity, summary: str, items: Sequence[str], **more: Any
) -> list[AuditFinding]:
    """A list with one finding, or an empty one where no item shows the fault."""
    if not items:
        return []
    return [
        AuditFinding(check=check, severity=severity, summary=summary, items=tuple(items), **more)
    ]


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`1 image`, `2,500 images`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
