"""The table of checks, and its copy in the docs."""

from pathlib import Path

from spinebench.benchmark.audit.findings import MEANING, SEVERITIES
from spinebench.benchmark.audit.registry import CHECKS, FAMILY_TITLES

PAGE = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")


def test_the_docs_hold_every_check_as_it_is() -> None:
    rows = [
        f"| `{check.name}` | {check.looks_for} | {check.worst} | {check.mend} |"
        for check in CHECKS.values()
    ]
    assert [line for line in PAGE.splitlines() if line.startswith("| `")] == rows
    assert [f"### {title}" for title in FAMILY_TITLES.values()] == [
        line for line in PAGE.splitlines() if line.startswith("### ")
    ]


def test_the_docs_hold_every_severity() -> None:
    rows = [f"| {severity} | {MEANING[severity]} |" for severity in reversed(SEVERITIES)]
    assert all(row in PAGE for row in rows)


def test_what_is_not_mechanical_drops_nothing() -> None:
    for check in CHECKS.values():
        mechanical = not check.mend.startswith(("not mechanical", "none:"))
        assert check.drops == mechanical
        assert (check.worst == "note") == check.mend.startswith("none:"), check.name
