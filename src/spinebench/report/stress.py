"""What changed pictures cost the runs of a page, and their curves against millimetres, if given."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from spinebench.errors import UsageError
from spinebench.evaluation.curve_points import build_curves
from spinebench.evaluation.robustness import RobustnessRow, compare_perturbed
from spinebench.evaluation.run_identity import differences
from spinebench.report.estimates import estimate_from
from spinebench.report.runs import LoadedRun
from spinebench.report.verdicts import drop_words
from spinebench.report.views import RunView
from spinebench.report.views_pairs import CurveView, StressRow, StressView
from spinebench.tables import read_manifest

# by kind of change: the strength in its unit (see evaluation.perturb.STRENGTHS)
_STRENGTHS: Mapping[str, Callable[[float], str]] = {
    "brightness": lambda amount: f"Brightness by {100 * amount:.0f} %",
    "contrast": lambda amount: f"Contrast × or ÷ {1 + amount:.2f}",
    "rotation": lambda amount: f"Turned by {amount:.0f}°",
    "crop": lambda amount: f"Cropped by {100 * amount:.0f} % of a side",
    "jpeg": lambda amount: f"JPEG, quality {amount:.0f}",
    "resolution": lambda amount: f"Resolution {100 * amount:.0f} %",
    "marker": lambda amount: "Side marker removed",
}


def change_words(kind: str, amount: float) -> str:
    """A change of the picture and its strength: `Turned by 3°`."""
    return _STRENGTHS[kind](amount)


def build_stress(
    views: Sequence[RunView],
    runs: Sequence[LoadedRun],
    perturbed: Sequence[Path],
    *,
    bench: Path,
    seed: int,
) -> tuple[StressView, ...]:
    """For each run on changed pictures, what that cost the same model's run on this page."""
    made = []
    for folder in perturbed:
        manifest = read_manifest(folder, "run")
        pair = next(
            (
                (view, run)
                for view, run in zip(views, runs, strict=True)
                if not differences(run.manifest, manifest)
            ),
            None,
        )
        if pair is None:
            raise UsageError(
                f"{folder}: none of the page's runs is by {manifest['model']} under the same "
                "settings and protocol"
            )
        view, run = pair
        rows = compare_perturbed(folder, run.folder, plain_bench=bench, seed=seed)
        shown = tuple(map(_shown, rows))
        made.append(StressView(label=view.label, rows=shown, words=drop_words(shown)))
    return tuple(made)


def _shown(row: RobustnessRow) -> StressRow:
    return StressRow(
        task=row.task,
        change=change_words(row.kind, row.amount),
        before=row.before,
        after=row.after,
        drop=estimate_from(row.drop, items=row.pairs, patients=row.patients),
        p=row.p_adjusted,
        changed=row.changed.estimate,
    )


def build_curve_views(
    views: Sequence[RunView],
    runs: Sequence[LoadedRun],
    truth: Sequence[Path],
    *,
    bench: Path,
    seed: int,
) -> tuple[CurveView, ...]:
    """Curves of every run against the phantoms' truth; none without a truth table."""
    if not truth:
        return ()
    return tuple(
        CurveView(
            label=view.label,
            key=view.key,
            curves=tuple(build_curves(bench, run.folder, truth, seed=seed)),
        )
        for view, run in zip(views, runs, strict=True)
        if not run.is_control
    )
