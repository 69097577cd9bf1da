"""`spinebench report`: pages to read, and the board for papers and sites."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from spinebench.cli.output import Json, Seed, print_result

app = typer.Typer(help="Pages to read.", no_args_is_help=True)

Runs = Annotated[list[Path], typer.Argument(help="Folders written by `spinebench eval run`.")]
Bench = Annotated[
    Path | None,
    typer.Option("--bench", help="Benchmark folder (default: where the runs found it)."),
]
Title = Annotated[str | None, typer.Option("--title", help="Heading of the page.")]
Perturbed = Annotated[
    list[Path] | None,
    typer.Option("--perturbed", help="Run of one of these models on changed pictures; repeatable."),
]
Flip = Annotated[
    list[Path] | None,
    typer.Option(
        "--flip",
        help="Run of one of these models on a side task (`eval flip-task`); repeatable.",
    ),
]
Truth = Annotated[
    list[Path] | None,
    typer.Option("--truth", help="Phantom folder or its truth table, for curves; repeatable."),
]
Reported = Annotated[
    bool, typer.Option("--reported/--no-reported", help="Show the published tables, apart.")
]


class Format(StrEnum):
    """How a board is written."""

    csv = "csv"
    latex = "latex"
    json = "json"


@app.callback()
def _report() -> None:
    pass


@app.command("html")
def html(
    runs: Runs,
    out: Annotated[Path, typer.Option("--out", help="The page to write.")],
    bench: Bench = None,
    title: Title = None,
    gallery: Annotated[
        int, typer.Option("--gallery", help="Pictures per group and model, at most.", min=0)
    ] = 6,
    perturbed: Perturbed = None,
    flip: Flip = None,
    truth: Truth = None,
    reported: Reported = True,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write one self-contained HTML page about a set of runs of one benchmark."""
    from spinebench.evaluation.find import find_benchmark
    from spinebench.report.page import build_report

    summary = build_report(
        bench or find_benchmark(runs),
        runs,
        out,
        gallery_per_group=gallery,
        **_options(title, seed, reported, perturbed=perturbed, flips=flip, truth=truth),
    )
    lines = [
        f"{out}: {len(runs)} run{'s' if len(runs) != 1 else ''}, {summary['bytes'] / 1e6:.1f} MB"
    ]
    print_result(summary, lines, as_json=as_json)


@app.command("board")
def board(
    runs: Runs,
    layout: Annotated[Format, typer.Option("--format", help="csv, latex or json.")] = Format.csv,
    bench: Bench = None,
    title: Title = None,
    reported: Reported = True,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Print the board of a set of runs: scores, intervals, tiers; reported results apart."""
    from spinebench.benchmark.bundle import Benchmark
    from spinebench.evaluation.find import find_benchmark
    from spinebench.report.board import PageOptions, build_page_view
    from spinebench.report.export import board_csv, board_latex, build_board

    options = PageOptions(**_options(title, seed, reported))
    page, _ = build_page_view(Benchmark.load(bench or find_benchmark(runs)), runs, options)
    if as_json or layout is Format.json:
        print_result(build_board(page), (), as_json=True)
    else:
        print(board_csv(page) if layout is Format.csv else board_latex(page), end="")


@app.command("site")
def site(
    runs: Runs,
    out: Annotated[Path, typer.Option("--out", help="Folder of the site; must be new or empty.")],
    bench: Bench = None,
    title: Title = None,
    gallery: Annotated[
        int,
        typer.Option(
            "--gallery", help="Pictures per group and model; a site is made to be given on.", min=0
        ),
    ] = 0,
    perturbed: Perturbed = None,
    flip: Flip = None,
    truth: Truth = None,
    reported: Reported = True,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write a static site: the board, a page for each run, and the data; links are relative."""
    from spinebench.evaluation.find import find_benchmark
    from spinebench.report.site import build_site

    found = build_site(
        bench or find_benchmark(runs),
        runs,
        out,
        gallery_per_group=gallery,
        **_options(title, seed, reported, perturbed=perturbed, flips=flip, truth=truth),
    )
    lines = [f"{out}/index.html: {len(found['runs'])} runs, {len(found['files'])} files"]
    if found["restricted"]:
        lines.append(
            f"It shows pictures that may not be given on: {', '.join(found['restricted'])}"
        )
    print_result(found, lines, as_json=as_json)


def _options(
    title: str | None, seed: int, reported: bool, **folders: list[Path] | None
) -> dict[str, Any]:
    """Keywords of `PageOptions`."""
    from spinebench.report.page import DEFAULT_TITLE

    return {
        "title": title or DEFAULT_TITLE,
        "seed": seed,
        "reported": reported,
        **{name: tuple(given or ()) for name, given in folders.items()},
    }
