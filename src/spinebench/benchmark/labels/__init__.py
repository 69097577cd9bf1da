"""Label rules: from what the sources say of one image to the classes it is asked about.

A new rule is one file with a class that fits `LabelRule`, and one entry in `_RULES`.
"""

from collections.abc import Callable

from spinebench.benchmark.labels.decision import Aside, Decision, Labelled, LabelRule, MultiLabel
from spinebench.benchmark.labels.evidence import Evidence, evidence_of, iter_evidence
from spinebench.benchmark.labels.graded import Graded
from spinebench.benchmark.labels.released import Released
from spinebench.errors import UsageError

__all__ = [
    "Aside", "Decision", "Evidence", "Graded", "LabelRule", "Labelled", "MultiLabel", "Released",
    "evidence_of", "iter_evidence", "load_label_rule", "parse_multi_label", "rule_names",
]  # fmt: skip

_RULES: dict[str, Callable[[MultiLabel], LabelRule]] = {"released": Released, "graded": Graded}


def load_label_rule(name: str, multi_label: MultiLabel = "drop") -> LabelRule:
    """Label rule by name, with or without its version; raises UsageError that lists the known."""
    for short, build in _RULES.items():
        rule = build(multi_label)
        if name in (short, rule.name):
            return rule
    raise UsageError(f"no label rule {name!r}; there are: {', '.join(rule_names())}")


def parse_multi_label(text: str) -> MultiLabel:
    """`drop` or `keep`; raises UsageError for anything else."""
    if text == "drop":
        return "drop"
    if text == "keep":
        return "keep"
    raise UsageError(f"--multi-label {text}: it is drop or keep")


def rule_names() -> list[str]:
    """Names of all rules with their versions."""
    return [build("drop").name for build in _RULES.values()]
