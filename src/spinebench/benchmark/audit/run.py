"""Every check over one benchmark folder."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from spinebench.benchmark.audit.answers import check_answers, is_sound
from spinebench.benchmark.audit.counts import check_counts, check_coverage
from spinebench.benchmark.audit.duplicates import check_duplicates, find_alike
from spinebench.benchmark.audit.files import check_files
from spinebench.benchmark.audit.findings import (
    ITEMS_SHOWN,
    SEVERITIES,
    AuditFinding,
    Measure,
    build_finding,
    counted,
)
from spinebench.benchmark.audit.leaks import check_leaks
from spinebench.benchmark.audit.material import Material
from spinebench.benchmark.audit.predict import Items, build_items
from spinebench.benchmark.audit.registry import CHECKS
from spinebench.benchmark.audit.shortcuts import check_shortcuts
from spinebench.benchmark.audit.splits import check_splits
from spinebench.benchmark.audit.truth import check_truth
from spinebench.benchmark.bundle import Benchmark
from spinebench.engine import Engine
from spinebench.errors import UsageError
from spinebench.records import Question


@dataclass(frozen=True)
class Audit:
    """What was found, the gravest first, and what was measured."""

    findings: tuple[AuditFinding, ...]
    measures: tuple[Measure, ...]

    def count_by_severity(self) -> dict[str, int]:
        """Number of findings of each severity, the gravest first."""
        return {
            severity: sum(f.severity == severity for f in self.findings)
            for severity in reversed(SEVERITIES)
        }


def audit_benchmark(bench: Benchmark, engine: Engine, *, only: Set[str] = frozenset()) -> Audit:
    """All findings of a benchmark, or those of the checks named in `only`.

    The same folder gives the same findings, whatever the engine. Raises UsageError for a check
    that does not exist.
    """
    unknown = sorted(only - CHECKS.keys())
    if unknown:
        raise UsageError(f"no check {unknown[0]!r}; there are: {', '.join(CHECKS)}")
    material = Material(bench, engine)
    tasks = _tasks_of(material.questions)
    found: list[AuditFinding] = []
    measures: list[Measure] = []
    for thing in _iter_all(material, tasks):
        if isinstance(thing, Measure):
            measures.append(thing)
        else:
            found.append(thing)
    found += _measures_note(measures)
    merged = [finding for finding in _merged(found) if not only or finding.check in only]
    order = list(CHECKS)
    merged.sort(key=lambda f: (-SEVERITIES.index(f.severity), order.index(f.check)))
    return Audit(tuple(merged), tuple(measures))


def _iter_all(material: Material, tasks: list[Items]) -> Iterator[AuditFinding | Measure]:
    yield from check_files(material)
    alike = find_alike(material)
    yield from check_splits(material, alike)
    yield from check_duplicates(material, alike)
    yield from check_answers(material)
    yield from check_leaks(material, tasks)
    yield from check_shortcuts(material, tasks)
    yield from check_truth(material)
    yield from check_counts(material)
    yield from check_coverage(material, tasks)


def _tasks_of(questions: Sequence[Question]) -> list[Items]:
    """Sound questions by task; a task whose items ask for one and for several is two."""
    by_task: dict[tuple[str, bool], list[Question]] = defaultdict(list)
    for question in questions:
        if question.kind == "mcq" and is_sound(question):
            by_task[question.task, question.multiple].append(question)
    return [
        build_items(task, some, several=several)
        for (task, several), some in sorted(by_task.items())
    ]


def _merged(findings: Iterable[AuditFinding]) -> Iterator[AuditFinding]:
    """One finding for each check: the gravest, with the items of all of that severity."""
    by_check: dict[str, list[AuditFinding]] = defaultdict(list)
    for finding in findings:
        by_check[finding.check].append(finding)
    for some in by_check.values():
        gravest = max(some, key=lambda f: SEVERITIES.index(f.severity))
        same = [f for f in some if f.severity == gravest.severity]
        yield replace(
            gravest,
            summary="; ".join(dict.fromkeys(f.summary for f in some)),
            items=tuple(sorted({item for f in same for item in f.items})),
            groups=tuple(group for f in same for group in f.groups),
            drop=tuple(sorted({item for f in same for item in f.drop})),
            measures=tuple(m for f in some for m in f.measures),
        )


def _measures_note(measures: Sequence[Measure]) -> list[AuditFinding]:
    names = sorted({f"{m.task}:{m.name}" for m in measures})
    summary = f"{counted(len(names), 'measure')} of what names the answer without the image"
    return build_finding("shortcuts_measured", "note", summary, names, measures=tuple(measures))


def finding_as_json(finding: AuditFinding) -> dict[str, Any]:
    """A finding for a machine: `count` counts all items, `items` holds the first 200."""
    card: dict[str, Any] = {
        "check": finding.check,
        "severity": finding.severity,
        "count": len(finding.items),
        "items": list(finding.items[:ITEMS_SHOWN]),
        "items_truncated": len(finding.items) > ITEMS_SHOWN,
        "mend": CHECKS[finding.check].mend,
        "summary": finding.summary,
        "drops": len(finding.drop),
    }
    if finding.groups:
        card["groups"] = [list(group) for group in finding.groups[:ITEMS_SHOWN]]
    if finding.measures:
        card["measures"] = [_measure_as_json(m) for m in finding.measures]
        if finding.check != "shortcuts_measured":
            widest = max(finding.measures, key=lambda m: m.gain)
            card |= {"estimate": widest.estimate, "low": widest.low, "high": widest.high,
                     "reference": widest.reference}  # fmt: skip
    return card


def _measure_as_json(found: Measure) -> dict[str, Any]:
    return {name: getattr(found, name) for name in Measure.__slots__}
