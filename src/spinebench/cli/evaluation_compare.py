"""`spinebench eval compare`: two runs, question by question."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from spinebench.cli.output import Json, Seed, print_result, table_lines


def compare(
    run_a: Annotated[Path, typer.Argument(help="Folder of a run.")],
    run_b: Annotated[Path, typer.Argument(help="Folder of another run on the same benchmark.")],
    bench: Annotated[
        Path | None,
        typer.Option("--bench", help="Benchmark folder (default: where the runs found it)."),
    ] = None,
    show: Annotated[
        int, typer.Option("--show", help="Differing questions to list, at most.", min=0)
    ] = 20,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Compare two runs on the questions that both answered."""
    from spinebench.evaluation.compare import compare_runs
    from spinebench.evaluation.find import find_benchmark

    found = compare_runs(bench or find_benchmark([run_a, run_b]), run_a, run_b, seed=seed)
    print_result(found, _lines(found, show), as_json=as_json)


def _lines(found: dict[str, Any], show: int) -> Iterator[str]:
    for side in ("a", "b"):
        run = found[side]
        yield f"{side.upper()} = {run['model']} ({run['folder']}, protocol {run['protocol']})"
    for note in found["notes"]:
        yield f"NOTE: {note}"
    yield ""
    parts = {**found["tasks"], **({"overall": found["overall"]} if found["overall"] else {})}
    header = ("", "A %", "B %", "A - B", "95 % interval by patient", "p", "questions", "patients")
    yield from table_lines(header, [(name, *_cells(part)) for name, part in parts.items()])
    yield ""
    yield "p: permutation of whole patients, two-sided"
    for task, part in found["tasks"].items():
        p, note = part["p_mcnemar"], part["mcnemar_note"]
        yield f"McNemar, {task}: {f'p = {p:.4g}' if p is not None else f'not taken: {note}'}"
    for task, part in found["tasks"].items():
        yield ""
        rows = [(row["value"], *_cells(row), *_counts(row)) for row in part["by_class"]]
        yield from table_lines(
            (task, *header[1:5], *header[6:], "A better", "B better"),
            [(*row[:5], *row[6:]) for row in rows],
        )
    yield from _item_lines(found, show)


def _cells(part: dict[str, Any]) -> tuple[str, ...]:
    difference = part["difference"]
    low, high = difference["low"], difference["high"]
    interval = "-" if low is None else f"{100 * low:+.1f} to {100 * high:+.1f}"
    p = part.get("p_permutation")
    return (
        f"{100 * part['accuracy_a']:.1f}",
        f"{100 * part['accuracy_b']:.1f}",
        f"{100 * difference['estimate']:+.1f}",
        interval,
        "-" if p is None else f"{p:.4f}",
        str(part["items"]),
        str(part["patients"]),
    )


def _counts(row: dict[str, Any]) -> tuple[str, str]:
    return str(row["outcomes"]["a_better"]), str(row["outcomes"]["b_better"])


def _item_lines(found: dict[str, Any], show: int) -> Iterator[str]:
    items = found["items"]
    yield ""
    yield f"{len(items)} questions differ" + (f"; the first {show}:" if len(items) > show else "")
    rows = [
        (
            item["better"].upper(),
            item["question_id"],
            "; ".join(item["truth"]),
            " | ".join(item["a"]["named"]),
            " | ".join(item["b"]["named"]),
        )
        for item in items[:show]
    ]
    if rows:
        yield from table_lines(("better", "question", "truth", "A named", "B named"), rows)
    for side in ("a", "b"):
        if missing := found[f"only_in_{side}"]:
            yield f"{len(missing)} questions counted in {side.upper()} only: not compared"
