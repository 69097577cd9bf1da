"""`spinebench report`: a page to read."""

from pathlib import Path
from typing import Annotated

import typer

from spinebench.cli.output import Json, Seed, print_result

app = typer.Typer(help="Pages to read.", no_args_is_help=True)


@app.callback()
def _report() -> None:
    pass


@app.command("html")
def html(
    runs: Annotated[list[Path], typer.Argument(help="Folders written by `spinebench eval run`.")],
    out: Annotated[Path, typer.Option("--out", help="The page to write.")],
    bench: Annotated[
        Path | None,
        typer.Option("--bench", help="Benchmark folder (default: where the runs found it)."),
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Heading of the page.")] = None,
    gallery: Annotated[
        int, typer.Option("--gallery", help="Pictures per group and model, at most.", min=0)
    ] = 6,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write one self-contained HTML page about a set of runs of one benchmark."""
    from spinebench.evaluation.find import find_benchmark
    from spinebench.report.page import DEFAULT_TITLE, build_report

    summary = build_report(
        bench or find_benchmark(runs),
        runs,
        out,
        title=title or DEFAULT_TITLE,
        seed=seed,
        gallery_per_group=gallery,
    )
    lines = [
        f"{out}: {len(runs)} run{'s' if len(runs) != 1 else ''}, {summary['bytes'] / 1e6:.1f} MB"
    ]
    print_result(summary, lines, as_json=as_json)
