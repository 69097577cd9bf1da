"""What changed pictures cost the runs of a page, and their curves against millimetres, if given."""

from collections.abc import Sequence
from pathlib import Path

from spinebench.errors import UsageError
from spinebench.evaluation.curve_points import build_curves
from spinebench.evaluation.robustness import compare_perturbed
from spinebench.report.runs import LoadedRun
from spinebench.report.views import CurveView, Estimate, RunView, StressRow, StressView
from spinebench.tables import read_manifest

_SAME = ("model", "settings", "protocol", "epochs")


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
                if all(run.manifest.get(name) == manifest.get(name) for name in _SAME)
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
        made.append(
            StressView(
                label=view.label,
                rows=tuple(
                    StressRow(
                        task=row.task,
                        change=f"{row.kind} {row.amount:g}",
                        before=row.before,
                        after=row.after,
                        drop=Estimate(
                            value=row.drop.estimate,
                            low=row.drop.low,
                            high=row.drop.high,
                            items=row.pairs,
                            patients=row.patients,
                        ),
                        p=row.p_adjusted,
                        changed=row.changed.estimate,
                    )
                    for row in rows
                ),
            )
        )
    return tuple(made)


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
