"""What the runs of a page do when pictures are mirrored, if runs on a side task are given."""

from collections.abc import Sequence
from pathlib import Path

from spinebench.errors import UsageError
from spinebench.evaluation.find import find_benchmark
from spinebench.evaluation.flip import ALL, FlipRow, score_flips
from spinebench.evaluation.run_identity import shown_model
from spinebench.report.estimates import Estimate, estimate_from
from spinebench.report.verdicts import flip_words
from spinebench.report.views import RunView
from spinebench.report.views_pairs import FlipLine, FlipView
from spinebench.statistics import Interval
from spinebench.tables import read_manifest


def build_flips(views: Sequence[RunView], folders: Sequence[Path]) -> tuple[FlipView, ...]:
    """For each run on a side task, what mirrored pictures did to its answers.

    Raises UsageError for a run of a model that has no run on this page.
    """
    made = []
    for folder in folders:
        manifest = read_manifest(folder, "run")
        view = next((v for v in views if v.model == manifest["model"] and not v.control), None)
        if view is None:
            raise UsageError(f"{folder}: none of the page's runs is by {manifest['model']}")
        bench = find_benchmark([folder])
        rows = score_flips(bench, folder)
        lines = tuple(_line(row) for row in rows)
        told = read_manifest(bench, "benchmark").get("flip_task", {})
        convention = str(told.get("convention", "text"))
        whole = {line.marker_too: line for line in lines if line.disease is None}
        made.append(
            FlipView(
                label=shown_model(view.model)
                if view.protocol != manifest["protocol"]
                else view.label,
                convention=convention,
                rows=lines,
                words=flip_words(whole[False], whole.get(True)),
            )
        )
    return tuple(made)


def _line(row: FlipRow) -> FlipLine:
    def estimate(interval: Interval) -> Estimate:
        return estimate_from(interval, items=row.pairs, patients=row.patients)

    return FlipLine(
        marker_too=row.variant != "mirrored",
        disease=None if row.disease == ALL else row.disease,
        expected=row.expected,
        flipped=estimate(row.flipped),
        stayed=estimate(row.stayed),
        unclear=estimate(row.unclear),
        right_on_both=estimate(row.right_on_both),
        said_left=row.said_left.estimate,
    )
