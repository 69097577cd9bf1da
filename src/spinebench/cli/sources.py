"""`spinebench sources`: what a folder is, before anything is built."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from spinebench.cli.output import Json, Workers, print_result, table_lines

app = typer.Typer(help="Folders of public image sets.", no_args_is_help=True)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Folder of a source, as it was downloaded.")],
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Say what a folder is: counts, defects, gigabytes and minutes to build."""
    from spinebench.engine import LocalEngine
    from spinebench.sources.check import check_folder
    from spinebench.sources.registry import SOURCES

    found = check_folder(folder, LocalEngine(workers))
    terms = SOURCES[found.source].terms
    lines = [
        f"{folder} is {SOURCES[found.source].title}",
        *table_lines(("count", "n"), found.counts.items()),
        "",
        *(
            table_lines(("defect", "n"), found.defects.items())
            if found.defects
            else ["no known defect found"]
        ),
        "",
        f"to build: reads {found.gigabytes_in:.3g} GB, writes about {found.gigabytes_out:.3g} GB, "
        f"about {found.minutes:.2g} min here ({found.sampled_images} images tried)",
        f"terms: {terms.name} ({terms.url}): {terms.summary}",
    ]
    print_result({**asdict(found), "terms": asdict(terms)}, lines, as_json=as_json)


@app.command("list")
def list_sources(as_json: Json = False) -> None:
    """Name the sources that can be read, with their terms."""
    from spinebench.sources.registry import SOURCES

    rows = [(name, source.title, source.terms.name) for name, source in SOURCES.items()]
    result = {
        "sources": [
            {"name": name, "title": source.title, "terms": asdict(source.terms)}
            for name, source in SOURCES.items()
        ]
    }
    print_result(result, table_lines(("name", "title", "terms"), rows), as_json=as_json)
