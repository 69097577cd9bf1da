"""Answers about phantoms beside the size of the lesion that each picture shows.

A question joins the truth by its image. Its size is the largest of the findings of its disease that
the image can show. Only questions with one right option count, asked about the lesion itself;
everything else is left out with a reason and a number.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from spinebench.errors import UsageError
from spinebench.evaluation.breakdown import load_answers
from spinebench.evaluation.psychometric import RESAMPLES, Curve, fit_curve
from spinebench.phantom.truth import TRUTH_FILE, TRUTH_SCHEMA
from spinebench.tables import read_named_frame

Unit = Literal["mm", "share"]
UNITS: tuple[Unit, ...] = ("mm", "share")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How large a lesion is: a column of the truth, and what of it grows with the lesion."""

    name: str
    disease: str
    words: str  # what the axis says
    measure_kind: str
    mm: Literal["measure", "lost", "lost_of_expected"]  # how millimetres follow, see `_MM`
    share: bool  # whether the share lost is known too


MEASURES: dict[str, Measure] = {
    m.name: m
    for m in (
        Measure(name="slip", disease="Spondylolisthesis", words="slip",
                measure_kind="slip_mm", mm="measure", share=False),
        Measure(name="canal", disease="Spinal Canal Stenosis", words="canal narrowed by",
                measure_kind="canal_ap_mm", mm="lost", share=True),
        Measure(name="foramen", disease="Foraminal stenosis", words="foramen narrowed by",
                measure_kind="foramen_ap_mm", mm="lost", share=True),
        Measure(name="recess", disease="Subarticular Stenosis", words="lateral recess narrowed by",
                measure_kind="recess_height_mm", mm="lost", share=True),
        Measure(name="disc", disease="Disc space narrowing", words="disc height lost",
                measure_kind="disc_height_mm", mm="lost", share=True),
        Measure(name="collapse", disease="Vertebral collapse", words="vertebral height lost",
                measure_kind="height_loss_fraction", mm="lost_of_expected", share=True),
        Measure(name="osteophyte", disease="Osteophytes", words="osteophyte",
                measure_kind="osteophyte_mm", mm="measure", share=False),
    )
}  # fmt: skip

_MM: dict[str, pl.Expr] = {
    "measure": pl.col("measure"),
    "lost": pl.col("expected") - pl.col("measure"),
    "lost_of_expected": pl.col("fraction_lost") * pl.col("expected"),
}


@dataclass(frozen=True, kw_only=True)
class MeasuredCurve:
    """The curve of one measure, and what was left out of it."""

    measure: Measure
    unit: Unit
    curve: Curve
    left_out: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Plain data, for `--json`."""
        curve = asdict(self.curve)
        curve["threshold"] = self.curve.threshold._asdict()
        curve["right"] = self.curve.right._asdict()
        for place, one in enumerate(self.curve.bins):
            curve["bins"][place]["right"] = one.right._asdict()
        return {
            "measure": self.measure.name,
            "disease": self.measure.disease,
            "unit": self.unit,
            "left_out": self.left_out,
            **curve,
            "bins": list(curve["bins"]),
        }


def build_curves(
    bench: Path,
    run: Path,
    truth: Sequence[Path],
    *,
    measures: Sequence[str] | None = None,
    unit: str = "mm",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> list[MeasuredCurve]:
    """Curves of a run, one for each measure that its questions ask about (or that is named).

    `truth` are phantom folders or their tables. Raises UsageError for an unknown measure or unit,
    and where no image of the benchmark is in the truth.
    """
    if unit not in UNITS:
        raise UsageError(f"unknown unit {unit!r}; there are {', '.join(UNITS)}")
    scale: Unit = "mm" if unit == "mm" else "share"
    chosen = [_find_measure(name, scale) for name in measures or ()]
    answers = load_answers(bench, run / "predictions.parquet")
    table = _read_truth(truth)
    known = set(table["image_id"].unique())
    images = set(_phantom_image(answers)["shown"].unique())
    if not known & images:
        raise UsageError(f"{bench}: none of its images stands in the truth that was given")
    if not chosen:
        asked = set(answers["disease"])
        chosen = [m for m in MEASURES.values() if m.disease in asked and (m.share or unit == "mm")]
    curves = []
    for measure in chosen:
        points, left_out = collect_points(answers, table, measure, scale)
        curve = fit_curve(
            points["x"].to_numpy(), points["right"].to_numpy(), points["guess"].to_numpy(),
            points["patient_id"].to_numpy(), seed=seed, resamples=resamples,
        )  # fmt: skip
        curves.append(MeasuredCurve(measure=measure, unit=scale, curve=curve, left_out=left_out))
    return curves


def collect_points(
    answers: pl.DataFrame, truth: pl.DataFrame, measure: Measure, unit: Unit
) -> tuple[pl.DataFrame, dict[str, int]]:
    """One row per answer: `x`, `right` (0 or 1), `guess`, `patient_id`; and what was left out.

    `answers` are those of `score.build_answers`. Left out: `several_right` (questions with more
    than one right option), `not_counted` (failed, not run), `not_visible` (the image shows no
    finding of the disease).
    """
    asked = answers.filter(pl.col("disease") == measure.disease)
    single = asked.filter(~pl.col("multiple"))
    counted = single.filter("counted")
    size = _MM[measure.mm] if unit == "mm" else pl.col("fraction_lost")
    sizes = (
        truth.filter(
            (pl.col("statement") == "finding")
            & pl.col("visible")
            & (pl.col("disease") == measure.disease)
            & (pl.col("measure_kind") == measure.measure_kind)
        )
        .group_by("image_id")
        .agg(x=size.max())
        .drop_nulls("x")
        .rename({"image_id": "shown"})
    )
    points = (
        _phantom_image(counted)
        .join(sizes, on="shown")
        .group_by("question_id", "epoch")
        .agg(
            x=pl.col("x").max(),
            right=pl.col("correct").first().cast(pl.Float64),
            guess=1.0 / pl.col("options").first().list.len(),
            patient_id=pl.col("patient_id").first(),
        )
        .sort("question_id", "epoch")
    )
    left_out = Counter(
        several_right=asked.height - single.height,
        not_counted=single.height - counted.height,
        not_visible=counted.height - points.height,
    )
    return points, {reason: number for reason, number in left_out.items() if number}


def _phantom_image(answers: pl.DataFrame) -> pl.DataFrame:
    """One row per answer and image, `shown` being the phantom's image, changed or not."""
    # a changed picture is named after its original: "rsna:….dcm~crop-2" (see perturb_benchmark)
    shown = pl.col("image_ids").list.eval(pl.element().str.replace(r"~[a-z]+-\d+$", ""))
    return answers.with_columns(shown=shown).explode("shown")


def _find_measure(name: str, unit: Unit) -> Measure:
    if name not in MEASURES:
        raise UsageError(f"no measure {name!r}; there are {', '.join(MEASURES)}")
    if unit == "share" and not MEASURES[name].share:
        raise UsageError(f"{name} has no share that is lost; ask for it in mm")
    return MEASURES[name]


def _read_truth(paths: Sequence[Path]) -> pl.DataFrame:
    files = [path / TRUTH_FILE if path.is_dir() else path for path in paths]
    for path, file in zip(paths, files, strict=True):
        if not file.is_file():
            raise UsageError(f"{path}: no {TRUTH_FILE} there")
    return pl.concat([read_named_frame(file, TRUTH_SCHEMA) for file in files])
