"""`spinebench report`: a page to read."""

from pathlib import Path
from typing import Annotated

import typer

from spinebench.cli.output import Json, Seed, print_result

app = typer.Typer(help="Pages to read.", no_args_is_help=True)


@app.command("html")
def html(
    runs: Annotated[list[Path], typer.Argument(help="Folders written by `spinebench eval run`.")],
    out: Annotated[Path, typer.Option("--out", help="The page to write.")],
    bench: Annotated[
        Path | None,
        typer.Option("--bench", help="Benchmark folder (default: where the run found it)."),
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Heading of the page.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write one self-contained HTML page about a set of runs."""
    from spinebench.report.page import build_report

    summary = build_report(bench, runs, out, title=title, seed=seed)
    lines = [f"{out}: {len(runs)} runs, {out.stat().st_size / 1e6:.1f} MB"]
    print_result(summary, lines, as_json=as_json)
