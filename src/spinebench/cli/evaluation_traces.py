"""`spinebench eval traces` and `eval ratings`: what models reasoned, rated by people."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from spinebench.cli.output import Json, Seed, print_result, table_lines


def traces(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs on one benchmark.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the packet; must be new or empty.")],
    bench: Annotated[
        Path | None,
        typer.Option("--bench", help="Benchmark folder (default: where the runs found it)."),
    ] = None,
    per_task: Annotated[
        int, typer.Option("--per-task", help="Traces for each model and task.", min=1)
    ] = 10,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Draw traces for people to rate, without the names of the models."""
    from spinebench.evaluation.find import find_benchmark
    from spinebench.evaluation.reasoning import write_packet
    from spinebench.report.packet_page import check_page_place, write_packet_page

    page = check_page_place(out)
    found = write_packet(bench or find_benchmark(runs), runs, out, seed=seed, per_task=per_task)
    write_packet_page(out, page)
    lines = [
        f"{out}: {found['items']} traces for raters; {page} is the same as one page to fill in",
        f"{found['key']}: which model said what; not for raters",
        *(
            f"{row['run_id']}, {row['task']}: only {row['drawn']} answers with reasoning"
            for row in found["short"]
        ),
        f"read the ratings back: spinebench eval ratings {out} RATINGS.csv …",
    ]
    if found["may_not_be_given_on"]:
        lines.append(
            f"The images of {', '.join(found['may_not_be_given_on'])} may not be given on."
        )
    print_result({"out": str(out), "page": str(page), **found}, lines, as_json=as_json)


def ratings(
    packet: Annotated[Path, typer.Argument(help="Folder written by `spinebench eval traces`.")],
    files: Annotated[
        list[Path],
        typer.Argument(help="Ratings: rater, item, criterion, score; CSV or JSON lines."),
    ],
    key: Annotated[
        Path | None, typer.Option("--key", help="The packet's key (default: beside the packet).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read ratings back: means with intervals, and how far the raters agree."""
    from spinebench.evaluation.ratings import score_ratings

    found = score_ratings(packet, files, key=key)
    print_result(found, _rating_lines(found), as_json=as_json)


def _rating_lines(found: dict[str, Any]) -> Iterator[str]:
    low, high = found["scale"]
    yield (
        f"{found['ratings']} ratings by {len(found['raters'])} raters, {low} to {high}; "
        f"{found['not_rated']} pairs of trace and criterion without any"
    )
    for part in found["criteria"].values():
        yield ""
        header = (part["title"], "mean", "95 % interval by patient", "traces", "patients")
        rows = [("all", *_cells(part["all"]))]
        rows += [
            (f"{row['model']}, {row['task']}", *_cells(row)) for row in part["by_model_and_task"]
        ]
        rows += [
            ("right answers" if row["right"] else "wrong answers", *_cells(row))
            for row in part["by_right"]
        ]
        yield from table_lines(header, rows)
        agreement = part["agreement"]
        yield (
            f"Krippendorff's alpha {_figure(agreement['krippendorff_alpha'])} over "
            f"{agreement['traces_with_several']} traces; ICC2 {_figure(agreement['icc2'])}, ICC2k "
            f"{_figure(agreement['icc2k'])} over {agreement['icc_traces']}"
        )


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str]:
    interval = "-" if row["low"] is None else f"{row['low']:.2f} to {row['high']:.2f}"
    return _figure(row["mean"]), interval, str(row["traces"]), str(row["patients"])


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
