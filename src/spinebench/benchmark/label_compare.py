"""How many images change class between label rules, from the annotations alone."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from spinebench.benchmark.labels import Decision, MultiLabel, iter_evidence, load_label_rule
from spinebench.sources.base import Reading

NOT_ASKED = "not asked"


def compare_rules(
    readings: Sequence[Reading], rules: Sequence[str], *, multi_label: MultiLabel = "drop"
) -> dict[str, Any]:
    """Counts of images by class under each rule, and of each change between two of them.

    `images`; `by_rule`: rule -> class -> images; `localization`: rule -> images whose levels are
    asked; `changed`: "A to B" -> images whose class differs; `changes`: rows of `from`, `to`,
    `images` for the first two rules, the most frequent first; `reasons`: rule -> why an image is
    not asked -> images. An image asked only about its shape counts by that shape.
    """
    loaded = [load_label_rule(name, multi_label) for name in rules]
    classes: list[tuple[str, ...]] = []
    located: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {rule.name: Counter() for rule in loaded}
    for reading in readings:
        for evidence in iter_evidence(reading):
            decisions = [rule.decide(evidence) for rule in loaded]
            classes.append(tuple(_class_of(decision) for decision in decisions))
            for rule, decision in zip(loaded, decisions, strict=True):
                located[rule.name] += decision.label("localization") is not None
                if not decision.labels:
                    reasons[rule.name][decision.put_aside[0].reason] += 1
    names = [rule.name for rule in loaded]
    by_rule = {
        name: dict(sorted(Counter(row[place] for row in classes).items()))
        for place, name in enumerate(names)
    }
    pairs = [(a, b) for a in range(len(names)) for b in range(a + 1, len(names))]
    changes = Counter((row[0], row[1]) for row in classes if row[0] != row[1]) if pairs else {}
    return {
        "images": len(classes),
        "rules": names,
        "by_rule": by_rule,
        "localization": {name: located[name] for name in names},
        "changed": {
            f"{names[a]} to {names[b]}": sum(row[a] != row[b] for row in classes) for a, b in pairs
        },
        "changes": [
            {"from": old, "to": new, "images": count}
            for (old, new), count in sorted(changes.items(), key=lambda item: (-item[1], item[0]))
        ],
        "reasons": {name: dict(sorted(found.items())) for name, found in reasons.items()},
    }


def _class_of(decision: Decision) -> str:
    label = decision.label("diagnosis") or decision.label("alignment")
    return NOT_ASKED if label is None else label.disease
