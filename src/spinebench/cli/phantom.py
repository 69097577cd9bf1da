"""`spinebench phantom`: spines of known truth, in the layout of a public set."""

from pathlib import Path
from typing import Annotated

import typer

from spinebench.cli.output import Json, Seed, Workers, print_result, table_lines

app = typer.Typer(help="Phantoms of known truth.", no_args_is_help=True)


@app.command()
def write(
    out: Annotated[Path, typer.Argument(help="Folder to write; must be new or empty.")],
    source: Annotated[str, typer.Option("--source", help="Layout: rsna, vindr, buu or csxa.")],
    patients: Annotated[int, typer.Option("--patients", help="Labelled patients.", min=1)],
    seed: Seed = 0,
    matrix: Annotated[int, typer.Option("--matrix", help="Rows and columns of MR slices.")] = 384,
    film_px: Annotated[
        int | None,
        typer.Option("--film-px", help="Rows of films (default: 1,400 to 3,000, drawn per film)."),
    ] = None,
    labelled_only: Annotated[
        bool, typer.Option("--labelled-only", help="Only MR slices that carry a point.")
    ] = False,
    prevalence: Annotated[
        float, typer.Option("--prevalence", help="Multiplies every chance of disease.")
    ] = 1.0,
    plant: Annotated[
        list[str] | None,
        typer.Option(
            "--plant", help="Known defect to plant, or all; may be repeated (see `defects`)."
        ),
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Write phantom patients in the exact layout of a public set, with their truth beside it."""
    from dataclasses import asdict

    from spinebench.engine import LocalEngine
    from spinebench.phantom.write import write_phantom
    from spinebench.phantom.write_options import PhantomOptions

    options = PhantomOptions(
        matrix=matrix, film_px=film_px, all_slices=not labelled_only, prevalence=prevalence
    )
    summary = write_phantom(
        source,
        out,
        patients=patients,
        seed=seed,
        engine=LocalEngine(workers),
        options=options,
        defects=plant or (),
    )
    lines = [
        f"{out}: {summary.patients} phantom patients in the layout of {source}, "
        f"{summary.images} images, {summary.gigabytes:.3g} GB, "
        f"{summary.truth_rows} rows of truth",
        *(f"planted {planted.name}: {planted.place}" for planted in summary.planted),
    ]
    print_result(asdict(summary), lines, as_json=as_json)


@app.command()
def defects(
    source: Annotated[str, typer.Option("--source", help="Layout: rsna, vindr, buu or csxa.")],
    as_json: Json = False,
) -> None:
    """List the known defects of a set that can be planted."""
    from spinebench.phantom.defects import load_defects

    found = load_defects(source)
    rows = [(name, ", ".join(sorted(each.reasons)), each.summary) for name, each in found.items()]
    result = {
        "source": source,
        "defects": {
            name: {"reasons": sorted(each.reasons), "summary": each.summary}
            for name, each in found.items()
        },
    }
    header = ("defect", "ledger reason", "what is done")
    print_result(result, table_lines(header, rows), as_json=as_json)
