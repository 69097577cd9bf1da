"""`spinebench demo`: the whole flow on phantoms, offline."""

from pathlib import Path
from typing import Annotated, Any

import typer

from spinebench.cli.output import Json, Seed, Workers, print_result, table_lines

MARKER = "demo.json"
SOURCES = ("rsna", "vindr")
BASELINES = ("random", "blind", "metadata", "nearest")
# shows what a run without the image tells; --circular takes five calls a question, and a minute
CONTROL = "blind"
PATIENTS = 60
# most patients test: intervals are by patient, and under 50 they are only approximate
TEST_SHARE, RESERVE_SHARE = 0.6, 0.05


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder to write.")] = Path("demo"),
    patients: Annotated[
        int, typer.Option("--patients", help="Phantom patients in each layout.", min=2)
    ] = PATIENTS,
    seed: Seed = 0,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Make phantoms, build a benchmark, measure the baselines, write a page."""
    result = run_demo(out, patients=patients, seed=seed, workers=workers)
    rows = [
        (
            run["label"],
            *(_percent(run[name]) for name in ("diagnosis", "localization", "overall")),
        )
        for run in result["report"]["runs"]
    ]
    header = ("model", "diagnosis %", "localization %", "overall %")
    lines = [*table_lines(header, rows), "", f"page: {Path(result['page']).resolve()}"]
    print_result(result, lines, as_json=as_json)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def run_demo(out: Path, *, patients: int, seed: int, workers: int | None) -> dict[str, Any]:
    """Write `out/{rsna,vindr,bench,runs,report.html}`; an earlier demo there is replaced."""
    from spinebench.benchmark.build import BuildOptions, build_benchmark
    from spinebench.benchmark.split import SplitShares
    from spinebench.engine import LocalEngine
    from spinebench.evaluation.run import run_evaluation
    from spinebench.phantom.write import write_phantom
    from spinebench.phantom.write_options import PhantomOptions
    from spinebench.report.page import build_report
    from spinebench.tables import write_json

    _make_room(out)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / MARKER, {"kind": "demo", "patients": patients, "seed": seed})
    engine = LocalEngine(workers)
    sizes = PhantomOptions(matrix=320, film_px=1000)
    for source in SOURCES:
        _say(f"{patients} phantom patients in the layout of {source}")
        write_phantom(
            source, out / source, patients=patients, seed=seed, engine=engine, options=sizes
        )
    _say("benchmark")
    options = BuildOptions(seed=seed, shares=SplitShares(test=TEST_SHARE, reserve=RESERVE_SHARE))
    manifest = build_benchmark(
        {source: out / source for source in SOURCES}, out / "bench", options=options, engine=engine
    )
    for name in BASELINES:
        _say(f"evaluation of spinebench/{name}")
        run_evaluation(out / "bench", f"spinebench/{name}", out / "runs" / name)
    runs = [out / "runs" / name for name in BASELINES]
    _say(f"evaluation of spinebench/{CONTROL} without the image")
    runs.append(out / "runs" / f"{CONTROL}-no-image")
    run_evaluation(out / "bench", f"spinebench/{CONTROL}", runs[-1], no_image=True)
    page = out / "report.html"
    _say("page")
    report = build_report(
        out / "bench",
        runs,
        page,
        title="spinebench demo: phantom spines",
        preface=(
            "All images are phantoms: computed from a parametric spine whose findings are known. "
            "The figures show that the toolchain works; they say nothing about patients.",
        ),
        seed=seed,
    )
    return {"page": str(page), "counts": manifest["counts"], "report": report}


def _make_room(out: Path) -> None:
    import shutil

    from spinebench.errors import UsageError

    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; choose another --out")
    if out.is_dir() and any(out.iterdir()):
        if not (out / MARKER).is_file():
            raise UsageError(f"{out} is not empty and no earlier demo; choose another --out")
        shutil.rmtree(out)


def _say(step: str) -> None:
    typer.echo(f"demo: {step}", err=True)
