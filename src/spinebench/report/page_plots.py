"""The plots of a page, by the name that its templates know them by."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from markupsafe import Markup

from spinebench.report.estimates import Estimate
from spinebench.report.plots import ForestRow, Reference, forest_plot, percent, position_plot
from spinebench.report.views import PageView, Position
from spinebench.report.views_pairs import StressView
from spinebench.report.words import position_words


def build_plots(page: PageView) -> dict[str, Any]:
    """Plots and their axes by the name that the templates know them by."""
    controls = {run.label for run in page.runs if run.control}

    def row(label: str, baseline: bool, estimate: Estimate) -> ForestRow:
        return replace(_forest_row(label, baseline, estimate), control=label in controls)

    return {
        "diagnosis_plot": forest_plot(
            [row(r.label, r.baseline, r.diagnosis) for r in page.runs],
            key="diagnosis",
            title="Diagnosis accuracy by model",
            axis="Accuracy, %",
            references=_chance(page.diagnosis_chance),
        ),
        "localization_plot": forest_plot(
            [row(r.label, r.baseline, r.localization.exact) for r in page.runs],
            key="localization",
            title="Localization exact-set accuracy by model",
            axis="Exactly right, %",
            references=_chance(page.localization_chance),
        ),
        "alignment_plot": forest_plot(
            [row(*values) for values in page.alignment.rows],
            key="alignment",
            title="Alignment accuracy by model",
            axis="Accuracy, %",
            references=_chance(page.alignment.chance),
        )
        if page.alignment
        else None,
        "comparison_plots": [
            forest_plot(
                [row(*values) for values in part.rows],
                key=f"source{number}",
                title=f"Diagnosis accuracy by model in {part.title}",
                axis="Diagnosis accuracy, %",
                references=_chance(part.chance),
            )
            for number, part in enumerate(page.comparisons, 1)
        ],
        "drop_limits": [_drop_limit(part) for part in page.stress],
        "position_words": {run.key: position_words(run.positions) for run in page.runs},
        "position_plots": {
            run.key: _position_plot(run.key, run.positions, page.diagnosis_chance)
            for run in page.runs
        },
    }


def _position_plot(key: str, positions: Sequence[Position], chance: float | None) -> Markup:
    return position_plot(
        [_forest_row(p.letter, False, p.accuracy) for p in positions],
        key=f"{key}-position",
        title="Diagnosis accuracy by the letter under which the truth stood",
        reference=next(iter(_chance(chance)), None),
    )


def _forest_row(label: str, baseline: bool, estimate: Estimate) -> ForestRow:
    return ForestRow(
        label=label, value=estimate.value, low=estimate.low, high=estimate.high, hollow=baseline
    )


def _chance(value: float | None) -> list[Reference]:
    if value is None:
        return []
    return [Reference(value=value, label=f"guessing {percent(value)}")]


def _drop_limit(part: StressView) -> float:
    """Where the axis of drops ends: the farthest bound, up to the next ten points."""
    bounds = [
        abs(value)
        for row in part.rows
        for value in (row.drop.value, row.drop.low, row.drop.high)
        if value is not None
    ]
    return min(1.0, max(1, ceil(10 * max(bounds, default=0.0))) / 10)
