"""`spinebench bench export | import | rebuild`: benchmarks as others read them, and back."""

from pathlib import Path
from typing import Annotated, Any

import typer

from spinebench.cli.output import Json, Workers, print_result, table_lines
from spinebench.cli.source_options import (
    Buu,
    Columns,
    Csxa,
    Images,
    Rsna,
    Table,
    VinDr,
    gather_sources,
)

_FORMATS = "released, hf, vlmeval, lmms, croissant"
_NAMED = 10  # images that failed, told in text; --json has all

Out = Annotated[Path, typer.Option("--out", help="Folder to write; must be new or empty.")]
EngineName = Annotated[str, typer.Option("--engine", help="local or ray.")]


def export(
    bench: Annotated[Path, typer.Argument(help="Benchmark folder.")],
    out: Out,
    format_name: Annotated[str, typer.Option("--format", help=f"{_FORMATS} or recipe.")],
    splits: Annotated[
        str, typer.Option("--split", help="Splits, with commas: train,test,reserve.")
    ] = "train,test",
    subset: Annotated[
        bool, typer.Option("--subset", help="Only the evaluation subset, which lies in test.")
    ] = False,
    dialect: Annotated[
        str, typer.Option("--dialect", help="Of released: answers as text or as letters.")
    ] = "text",
    jpeg: Annotated[
        bool, typer.Option("--jpeg", help="Of released: pictures as JPEG; pixels change a little.")
    ] = False,
    accept_terms: Annotated[
        list[str] | None,
        typer.Option(
            "--accept-terms", help="Source whose restricted pictures may go out; repeat it."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Export a benchmark as a release, or as a recipe without pixels."""
    from spinebench.benchmark.bundle import Benchmark
    from spinebench.benchmark.release.export import export_benchmark
    from spinebench.benchmark.release.options import ExportOptions, parse_dialect, parse_splits

    options = ExportOptions(
        splits=parse_splits(splits),
        subset=subset,
        dialect=parse_dialect(dialect),
        jpeg=jpeg,
        accepted=tuple(accept_terms or ()),
    )
    loaded = Benchmark.load(bench)
    note = export_benchmark(loaded, out, format_name=format_name, options=options)
    counts = note["counts"]
    lines = [
        f"{out}: {counts['questions']} questions on {counts['images']} images as {format_name}"
    ]
    if note["kind"] == "recipe":
        lines.append("no pixels in it; spinebench bench rebuild makes the benchmark again")
    elif note["restricted"]:
        lines.append(
            f"note: it holds pictures of {', '.join(note['restricted'])}, which may not be given on"
        )
    print_result({"out": str(out), **note}, lines, as_json=as_json)


def import_(
    path: Annotated[Path, typer.Argument(help="Folder of a release.")],
    out: Out,
    format_name: Annotated[str, typer.Option("--format", help=f"{_FORMATS}.")],
    embedder: Annotated[
        str | None, typer.Option("--embedder", help="Of the vectors that go with the images.")
    ] = None,
    engine: EngineName = "local",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Make a benchmark of a release, the public one's layout among them."""
    from spinebench.benchmark.embed import DEFAULT_EMBEDDER
    from spinebench.benchmark.release.importing import import_benchmark
    from spinebench.engine import load_engine

    manifest = import_benchmark(
        path,
        out,
        format_name=format_name,
        engine=load_engine(engine, workers),
        embedder=embedder or DEFAULT_EMBEDDER,
    )
    accounts = manifest["imported"]["accounting"]
    lines = [_counted(out, manifest)]
    rows = [(file, a["read"], a["used"], a["dropped"]) for file, a in accounts.items()]
    lines += ["", *table_lines(("file", "read", "used", "dropped"), rows)]
    reasons = [
        (file, reason, number)
        for file, account in accounts.items()
        for reason, number in [
            *account["reasons"].items(),
            *((f"{note} (note, nothing dropped)", n) for note, n in account["notes"].items()),
        ]
    ]
    if reasons:
        lines += ["", *table_lines(("file", "reason", "n"), reasons)]
    print_result({"out": str(out), **manifest}, lines, as_json=as_json)


def rebuild(
    recipe: Annotated[Path, typer.Argument(help="Folder of a recipe.")],
    out: Out,
    rsna: Rsna = None,
    vindr: VinDr = None,
    buu: Buu = None,
    csxa: Csxa = None,
    table: Table = None,
    columns: Columns = None,
    images: Images = None,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Leave out images that are missing or differ, do not stop."),
    ] = False,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder that keeps vectors between builds.")
    ] = None,
    engine: EngineName = "local",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Make a recipe's benchmark again from your own folders, each picture proved by its hash."""
    from spinebench.benchmark.release.rebuild import rebuild_benchmark
    from spinebench.engine import load_engine

    given = {"rsna": rsna, "vindr": vindr, "buu": buu, "csxa": csxa, "table": table}
    folders, sources = gather_sources(given, columns=columns, images=images)
    manifest, verified = rebuild_benchmark(
        recipe,
        folders,
        out,
        engine=load_engine(engine, workers),
        sources=sources,
        partial=partial,
        cache=cache,
    )
    lines = [_counted(out, manifest), *_verified_lines(verified)]
    print_result({"out": str(out), **manifest, "verified": verified}, lines, as_json=as_json)


def _counted(out: Path, manifest: dict[str, Any]) -> str:
    counts = manifest["counts"]
    return (
        f"{out}: {counts['questions']} questions on {counts['images']} images "
        f"of {counts['patients']} patients"
    )


def _verified_lines(verified: dict[str, Any]) -> list[str]:
    lines = [f"pixels: {verified['images']} images as the recipe says"]
    for reason, number in verified["failed"].items():
        lines.append(f"left out: {number} ({reason})")
    lines += [f"  {image_id}" for image_id in verified["failed_images"][:_NAMED]]
    if len(verified["failed_images"]) > _NAMED:
        lines.append(f"  and {len(verified['failed_images']) - _NAMED} more")
    if verified["other_originals"]:
        lines.append(f"note: {verified['other_originals']} files differ, their pixels do not")
    for file in verified["annotations_that_differ"]:
        lines.append(f"note: {file} is not the file that the benchmark was built from")
    rows = sorted(verified["tables"].items())
    return [*lines, "", *table_lines(("table", "bytes of the original"), rows)]
