"""`spinebench eval`: measure a model on a benchmark."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from spinebench.cli.evaluation_compare import compare
from spinebench.cli.output import Json, print_result, table_lines

app = typer.Typer(help="Measure models.", no_args_is_help=True)


@app.callback()
def _eval() -> None:
    pass


app.command("compare")(compare)


@app.command()
def run(
    bench: Annotated[Path, typer.Argument(help="Benchmark folder.")],
    model: Annotated[
        str,
        typer.Option(
            "--model", help="Inspect model string, or spinebench/random|blind|metadata|nearest."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; must be new or empty.")],
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            help="diagnosis, localization or alignment; may be repeated (default: all there are).",
        ),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="train, test or reserve.")] = "test",
    subset: Annotated[
        bool, typer.Option("--subset", help="Only the questions of the evaluation subset.")
    ] = False,
    protocol: Annotated[str, typer.Option("--protocol", help="Named protocol.")] = "released",
    prompt: Annotated[
        Path | None, typer.Option("--prompt", help="File whose text replaces the protocol's.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", help="Only the first questions of each task.", min=1)
    ] = None,
    accept_terms: Annotated[
        list[str] | None,
        typer.Option(
            "--accept-terms",
            help="Source whose images may go to this model all the same; may be repeated.",
        ),
    ] = None,
    model_arg: Annotated[
        list[str] | None,
        typer.Option("--model-arg", "-M", help="NAME=VALUE for the model; may be repeated."),
    ] = None,
    model_base_url: Annotated[
        str | None, typer.Option("--model-base-url", help="Address of the model's server.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--setting",
            help="NAME=VALUE of Inspect's GenerateConfig (temperature, max_tokens, seed, "
            "max_retries, timeout, ...); may be repeated.",
        ),
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", help="Times each is asked.", min=1)] = 1,
    max_connections: Annotated[
        int | None, typer.Option("--max-connections", help="Requests in flight.", min=1)
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask a model the questions of a split and score its answers."""
    from spinebench.evaluation.run import run_evaluation

    summary = run_evaluation(
        bench,
        model,
        out,
        **({"tasks": tuple(task)} if task else {}),
        split=split,
        subset=subset,
        protocol=protocol,
        prompt=prompt,
        limit=limit,
        accept_terms=tuple(accept_terms or ()),
        model_args=parse_pairs(model_arg or [], "--model-arg"),
        model_base_url=model_base_url,
        settings=parse_pairs(setting or [], "--setting"),
        epochs=epochs,
        max_connections=max_connections,
    )
    _tell_failures(out)
    print_result({"out": str(out), **summary}, _summary_lines(out, summary), as_json=as_json)
    if all(counts["failed"] and not _heard(counts) for counts in summary["counts"].values()):
        raise typer.Exit(2)  # no question reached the model


def _heard(counts: dict[str, int]) -> int:
    """Questions that the model gave any answer to."""
    return sum(counts[state] for state in ("answered", "unparsed", "refused", "truncated"))


def _tell_failures(out: Path) -> None:
    """Say on stderr why calls failed, the three most frequent reasons with their numbers."""
    from collections import Counter

    from spinebench.records import Prediction
    from spinebench.tables import read_table

    failed = (p for p in read_table(out / "predictions.parquet", Prediction) if p.error)
    reasons = Counter(" ".join((p.error or "").split())[:300] for p in failed)
    for reason, number in reasons.most_common(3):
        print(f"failed, {number} times: {reason}", file=sys.stderr)


def parse_pairs(pairs: Iterable[str], option: str) -> dict[str, Any]:
    """NAME=VALUE pairs; a value that reads as JSON (number, true, list) is taken as such."""
    import json

    from spinebench.errors import UsageError

    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {pair}: it is NAME=VALUE")
        try:
            values[name] = json.loads(value)
        except json.JSONDecodeError:
            values[name] = value
    return values


def _summary_lines(out: Path, summary: dict[str, Any]) -> list[str]:
    scores = summary["scores"]
    rows = []
    for task in ("diagnosis", "localization", "alignment"):
        if scores[task] is not None:
            for name in ("accuracy", "precision_per_item", "recall_per_item"):
                if name in scores[task]:
                    rows.append((task, name, *_metric_cells(scores[task][name])))
    for name in ("overall", "overall_pooled"):
        if scores[name] is not None:
            rows.append((name, "accuracy", *_metric_cells(scores[name])))
    header = ("task", "metric", "%", "95 % interval by patient", "questions", "patients")
    counts = [
        (task, *(str(number) for number in outcomes.values()))
        for task, outcomes in summary["counts"].items()
    ]
    outcomes = tuple(next(iter(summary["counts"].values())))
    split = summary["split"] + (" (evaluation subset)" if summary["subset"] else "")
    lines = [f"{out}: {summary['model']}, protocol {summary['protocol']}, {split}", ""]
    lines += [*table_lines(header, rows), "", *table_lines(("task", *outcomes), counts)]
    if not summary["complete"]:
        lines += ["", "INCOMPLETE: questions that failed or were not asked are in no figure above"]
    return lines


def _metric_cells(metric: dict[str, Any]) -> tuple[str, str, str, str]:
    def percent(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.1f}"

    interval = f"{percent(metric['low'])} to {percent(metric['high'])}"
    return percent(metric["estimate"]), interval, str(metric["items"]), str(metric["patients"])
