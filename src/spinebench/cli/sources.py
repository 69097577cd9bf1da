"""`spinebench sources`: what can be read, what else exists, and what a folder is."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from spinebench.cli.output import Json, Workers, print_result, table_lines

app = typer.Typer(help="Folders of public image sets, and your own.", no_args_is_help=True)

_UNKNOWN = "not known"
_SURVEY = "A published survey counts {open} open and {private} private sets. Known to us:"


@app.command()
def check(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder of a source, as it was downloaded, or your own table (.csv, .parquet)."
        ),
    ],
    columns: Annotated[
        list[str] | None,
        typer.Option("--columns", help="Of a table: ours=theirs, as image=file_name. Repeatable."),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Of a table: the folder that its image paths start from."),
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Say what a folder is: counts, defects, gigabytes and minutes to build."""
    from spinebench.engine import LocalEngine
    from spinebench.errors import UsageError
    from spinebench.sources.check import check_folder, detect_source
    from spinebench.sources.table import TableSource, parse_column_map

    source, _ = detect_source(folder)
    if source.name == TableSource.name:
        source = TableSource(parse_column_map(columns or []), images)
    elif columns or images:
        raise UsageError(f"{folder} is {source.title}: --columns and --images are for a table")
    found = check_folder(folder, LocalEngine(workers), source=source)
    terms = source.terms
    lines = [
        f"{folder} is {source.title}",
        *table_lines(("count", "n"), found.counts.items()),
        "",
        *(
            table_lines(
                ("defect", "n", "the first"),
                ((name, n, found.first.get(name, "")) for name, n in found.defects.items()),
            )
            if found.defects
            else ["no known defect found"]
        ),
        "",
        f"to build: reads {found.gigabytes_in:.3g} GB, writes about {found.gigabytes_out:.3g} GB, "
        f"about {_duration(found.minutes)} here ({found.sampled_images} images tried)",
        f"terms: {terms.name}{f' ({terms.url})' if terms.url else ''}: {terms.summary}",
    ]
    print_result({**asdict(found), "terms": asdict(terms)}, lines, as_json=as_json)


@app.command("list")
def list_sources(as_json: Json = False) -> None:
    """Name the sources that can be read, and the public sets that exist, with their terms."""
    from spinebench.sources.public_sets import load_public_sets, load_survey_counts
    from spinebench.sources.registry import SOURCES

    public, survey = load_public_sets(), load_survey_counts()
    rows = [(name, source.title, source.terms.name) for name, source in SOURCES.items()]
    known = [
        (
            entry.read_by or "-",
            entry.name,
            entry.modality,
            entry.region,
            entry.size,
            entry.terms or _UNKNOWN,
        )
        for entry in public
    ]
    result = {
        "sources": [
            {"name": name, "title": source.title, "terms": asdict(source.terms)}
            for name, source in SOURCES.items()
        ],
        "public_sets": [asdict(entry) for entry in public],
        "survey": survey,
    }
    lines = [
        *table_lines(("name", "title", "terms"), rows),
        "",
        _SURVEY.format(**survey),
        "",
        *table_lines(("read by", "set", "modality", "region", "size", "terms"), known),
    ]
    print_result(result, lines, as_json=as_json)


def _duration(minutes: float) -> str:
    return f"{max(1, round(60 * minutes))} s" if minutes < 2 else f"{minutes:.0f} min"
