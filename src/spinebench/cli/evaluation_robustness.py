"""`spinebench eval perturb|robustness|flip-task|flip|curve`: what a model's answer hangs on."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spinebench.cli.output import Json, Seed, Workers, print_result, table_lines

if TYPE_CHECKING:
    from spinebench.evaluation.curve_points import MeasuredCurve
    from spinebench.evaluation.flip import FlipRow
    from spinebench.evaluation.robustness import RobustnessRow
    from spinebench.statistics import Interval

Out = Annotated[Path, typer.Option("--out", help="Folder to write; must be new or empty.")]
Bench = Annotated[
    Path | None,
    typer.Option("--bench", help="Benchmark of the run (default: where the run found it)."),
]
FEW_TOLD = "fewer than 50 patients: intervals may not hold what they promise"


def perturb(
    bench: Annotated[Path, typer.Argument(help="Benchmark folder.")],
    out: Out,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--kinds",
            help="brightness, contrast, rotation, crop, jpeg, resolution or marker; may be repeated"
            " (default: all).",
        ),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="train, test or reserve.")] = "test",
    subset: Annotated[
        bool, typer.Option("--subset", help="Only the questions of the evaluation subset.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Default: the benchmark's own.", min=0)
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Write a benchmark of the same questions on changed pictures."""
    from spinebench.engine import LocalEngine
    from spinebench.evaluation.perturb_benchmark import PerturbOptions, write_perturbed

    options = PerturbOptions(
        kinds=None if kinds is None else tuple(kinds), split=split, subset=subset, seed=seed
    )
    manifest = write_perturbed(bench, out, options=options, engine=LocalEngine(workers))
    made = manifest["perturbed"]
    rows = [
        (name, number, ", ".join(f"{why} {n}" for why, n in made["left_out"].get(name, {}).items()))
        for name, number in made["questions"].items()
    ]
    lines = [f"{out}: {manifest['counts']['questions']} questions", ""]
    lines += table_lines(("change", "questions", "left out"), rows)
    print_result({"out": str(out), **manifest}, lines, as_json=as_json)


def robustness(
    run: Annotated[Path, typer.Argument(help="Run on the perturbed benchmark.")],
    against: Annotated[
        Path, typer.Option("--against", help="Run of the same model on the benchmark itself.")
    ],
    bench: Bench = None,
    against_bench: Annotated[
        Path | None, typer.Option("--against-bench", help="Benchmark of the other run.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Say what each change of the picture costs, question by question."""
    from spinebench.evaluation.robustness import compare_perturbed

    rows = compare_perturbed(
        run, against, perturbed_bench=bench, plain_bench=against_bench, seed=seed
    )
    result = {"run": str(run), "against": str(against), "rows": [_plain(row) for row in rows]}
    print_result(result, _robustness_lines(rows), as_json=as_json)


def flip_task(
    phantom: Annotated[Path, typer.Argument(help="Phantom folder with phantom_truth.parquet.")],
    out: Out,
    convention: Annotated[
        str,
        typer.Option("--convention", help="How the side is told: text, or marker (a burnt-in R)."),
    ] = "text",
    seed: Seed = 0,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Write a benchmark that asks for the side of a lesion, mirrored and not."""
    from spinebench.engine import LocalEngine
    from spinebench.evaluation.side_task import write_flip_task

    manifest = write_flip_task(
        phantom, out, convention=convention, seed=seed, engine=LocalEngine(workers)
    )
    made = manifest["flip_task"]
    told = [
        ("pairs", made["pairs"]),
        *(made["sides"].items()),
        *(made["diseases"].items()),
    ]
    lines = [f"{out}: {manifest['counts']['questions']} questions", ""]
    lines += table_lines(("plain pictures", "number"), told)
    print_result({"out": str(out), **manifest}, lines, as_json=as_json)


def flip(
    run: Annotated[Path, typer.Argument(help="Run on a side task.")],
    bench: Bench = None,
    as_json: Json = False,
) -> None:
    """Say how often the answer follows when the picture is mirrored."""
    from spinebench.evaluation.find import find_benchmark
    from spinebench.evaluation.flip import score_flips

    rows = score_flips(bench or find_benchmark([run]), run)
    result = {"run": str(run), "rows": [_plain(row) for row in rows]}
    print_result(result, _flip_lines(rows), as_json=as_json)


def curve(
    run: Annotated[Path, typer.Argument(help="Run on a benchmark built from phantoms.")],
    truth: Annotated[
        list[Path],
        typer.Option("--truth", help="Phantom folder or its phantom_truth.parquet; repeatable."),
    ],
    measure: Annotated[
        list[str] | None,
        typer.Option(
            "--measure",
            help="slip, canal, foramen, recess, disc, collapse or osteophyte; may be repeated"
            " (default: all that are asked about).",
        ),
    ] = None,
    unit: Annotated[
        str, typer.Option("--unit", help="mm, or share of the healthy size that is lost.")
    ] = "mm",
    bench: Bench = None,
    resamples: Annotated[
        int, typer.Option("--resamples", help="Of the bootstrap by patient.", min=100)
    ] = 1000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Fit accuracy against the size of the lesion: threshold and interval."""
    from spinebench.evaluation.curve_points import build_curves
    from spinebench.evaluation.find import find_benchmark

    curves = build_curves(
        bench or find_benchmark([run]), run, truth,
        measures=measure, unit=unit, seed=seed, resamples=resamples,
    )  # fmt: skip
    result = {"run": str(run), "curves": [one.as_json() for one in curves]}
    print_result(result, _curve_lines(curves), as_json=as_json)


def _plain(row: "RobustnessRow | FlipRow") -> dict[str, Any]:
    values = asdict(row)
    for name, value in values.items():
        if hasattr(value, "_asdict"):
            values[name] = value._asdict()
    return values


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _with_interval(interval: "Interval") -> str:
    estimate, low, high = interval
    return f"{_percent(estimate)} ({_percent(low)} to {_percent(high)})"


def _few(patients: Iterable[int]) -> list[str]:
    from spinebench.statistics import FEW_PATIENTS

    return ["", f"NOTE: {FEW_TOLD}"] if any(number < FEW_PATIENTS for number in patients) else []


def _robustness_lines(rows: "list[RobustnessRow]") -> list[str]:
    header = ("task", "change", "amount", "before %", "after %", "drop, points (95 %)", "p", "Holm",
              "other answer %", "pairs", "patients")  # fmt: skip
    cells = [
        (row.task, f"{row.kind}-{row.step}", f"{row.amount:g}", _percent(row.before),
         _percent(row.after), _with_interval(row.drop), f"{row.p:.3g}", f"{row.p_adjusted:.3g}",
         _percent(row.changed.estimate), row.pairs, row.patients)
        for row in rows
    ]  # fmt: skip
    return table_lines(header, cells) + _few(row.patients for row in rows)


def _flip_lines(rows: "list[FlipRow]") -> list[str]:
    shares = ("flipped", "stayed", "unclear", "right_on_plain", "right_on_both", "said_left")
    header = ("picture", "disease", "expected",
              *(f"{name.replace('_', ' ')} %" for name in shares), "drop, points", "pairs",
              "patients")  # fmt: skip
    cells = [
        (row.variant, row.disease, row.expected,
         *(_with_interval(getattr(row, name)) for name in shares), _with_interval(row.drop),
         row.pairs, row.patients)
        for row in rows
    ]  # fmt: skip
    few = _few(row.patients for row in rows)
    return [*table_lines(header, cells), "", "who guesses one side flips half the time", *few]


def _curve_lines(curves: "list[MeasuredCurve]") -> Iterator[str]:
    # the words of the page, so that the two cannot drift apart
    from spinebench.report.curve_plot import describe_curve

    for one in curves:
        yield f"{one.measure.name} ({one.measure.disease}): {describe_curve(one)}"
        if one.left_out:
            told = ", ".join(f"{reason} {number}" for reason, number in one.left_out.items())
            yield f"  left out: {told}"
    yield from _few(one.curve.patients for one in curves)
