"""`spinebench eval run`, `resume` and `rescore`: ask, go on asking, score again."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from spinebench.cli.output import Json, print_result, table_lines

ModelArg = Annotated[
    list[str] | None,
    typer.Option("--model-arg", "-M", help="NAME=VALUE for the model; may be repeated."),
]
ModelBaseUrl = Annotated[
    str | None, typer.Option("--model-base-url", help="Address of the model's server.")
]
MaxConnections = Annotated[
    int | None, typer.Option("--max-connections", help="Calls on their way.", min=1)
]
Processes = Annotated[
    int | None,
    typer.Option("--processes", help="Processes that ask, each a part (default: 1).", min=1),
]
Prices = Annotated[
    Path | None,
    typer.Option("--prices", help="TOML or JSON with prices of tokens; 'example' ships with it."),
]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", help="US dollars after which the run stops.")
]
StopAfter = Annotated[
    int | None,
    typer.Option(
        "--stop-after",
        help="Questions that fail in a row before the run stops; 0: never (default: 10).",
        min=0,
    ),
]
Extractor = Annotated[
    str | None,
    typer.Option("--extractor", help="Model that reads answers in which the rules find nothing."),
]

RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        help="Recipe (`models list`) that gives model and settings; other options go first.",
    ),
]


def run(
    bench: Annotated[Path, typer.Argument(help="Benchmark folder.")],
    out: Annotated[
        Path,
        typer.Option("--out", help="Folder of the run: new, empty, or of a run to continue."),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model", help="Inspect model string, or spinebench/random|blind|metadata|nearest."
        ),
    ] = None,
    recipe: RecipeName = None,
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
    protocol: Annotated[
        str, typer.Option("--protocol", help="released, direct or cot.")
    ] = "released",
    prompt: Annotated[
        Path | None, typer.Option("--prompt", help="File whose text replaces the protocol's.")
    ] = None,
    circular: Annotated[
        bool, typer.Option("--circular", help="Ask once for each rotation of the options.")
    ] = False,
    shuffle: Annotated[
        int | None, typer.Option("--shuffle", help="Seed of a random order of options.", min=0)
    ] = None,
    no_image: Annotated[
        bool, typer.Option("--no-image", help="Send no image: what can be told without.")
    ] = False,
    epochs: Annotated[int, typer.Option("--epochs", help="Times each is asked.", min=1)] = 1,
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
    model_arg: ModelArg = None,
    model_base_url: ModelBaseUrl = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--setting",
            help="NAME=VALUE of Inspect's GenerateConfig (temperature, max_tokens, seed, "
            "max_retries, timeout, ...); may be repeated.",
        ),
    ] = None,
    max_connections: MaxConnections = None,
    processes: Processes = None,
    prices: Prices = None,
    max_cost: MaxCost = None,
    stop_after: StopAfter = None,
    extractor: Extractor = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Call nobody; say what would be sent, and cost.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Ask a model the questions of a split and score its answers; again into OUT: go on."""
    given = {
        "tasks": tuple(task) if task else None, "split": split, "subset": subset,
        "protocol": protocol, "prompt": prompt, "circular": circular, "shuffle": shuffle,
        "no_image": no_image, "epochs": epochs, "limit": limit,
        "accept_terms": tuple(accept_terms or ()),
        "model_args": parse_pairs(model_arg or [], "--model-arg"),
        "model_base_url": model_base_url, "settings": parse_pairs(setting or [], "--setting"),
        "max_connections": max_connections, "processes": processes, "prices": prices,
        "max_cost": max_cost, "stop_after": stop_after, "extractor": extractor, "recipe": recipe,
    }  # fmt: skip
    options = {name: value for name, value in given.items() if value is not None}
    if dry_run:
        from spinebench.evaluation.estimate import estimate_run

        found = estimate_run(bench, model, out, **options)
        print_result(found, _estimate_lines(found), as_json=as_json)
        return
    from spinebench.evaluation.run import run_evaluation

    _report(out, run_evaluation(bench, model, out, **options), as_json=as_json)


def resume(
    run: Annotated[Path, typer.Argument(help="Folder of the run.")],
    bench: Annotated[
        Path | None, typer.Option("--bench", help="Benchmark folder, if it was moved.")
    ] = None,
    model_arg: ModelArg = None,
    model_base_url: ModelBaseUrl = None,
    max_connections: MaxConnections = None,
    processes: Processes = None,
    prices: Prices = None,
    max_cost: MaxCost = None,
    stop_after: StopAfter = None,
    extractor: Extractor = None,
    recipe: RecipeName = None,
    as_json: Json = False,
) -> None:
    """Continue a run that was killed, stopped or interrupted: ask what its journal lacks."""
    from spinebench.evaluation.run import resume_run

    changes = {
        "bench": bench, "model_args": parse_pairs(model_arg or [], "--model-arg") or None,
        "model_base_url": model_base_url, "max_connections": max_connections,
        "processes": processes, "prices": prices, "max_cost": max_cost, "stop_after": stop_after,
        "extractor": extractor, "recipe": recipe,
    }  # fmt: skip
    _report(run, resume_run(run, **changes), as_json=as_json)


def rescore(
    run: Annotated[Path, typer.Argument(help="Folder of the run.")],
    bench: Annotated[
        Path | None, typer.Option("--bench", help="Benchmark folder, if it was moved.")
    ] = None,
    extract_again: Annotated[
        bool, typer.Option("--extract-again", help="Read the stored texts by the rules of today.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Score a run again from its stored predictions, without a call."""
    from spinebench.evaluation.run_folder import rescore_run

    summary = rescore_run(run, bench, extract_again=extract_again)
    print_result({"out": str(run), **summary}, _summary_lines(run, summary), as_json=as_json)


def _report(out: Path, summary: dict[str, Any], *, as_json: bool) -> None:
    _tell_failures(out)
    print_result({"out": str(out), **summary}, _summary_lines(out, summary), as_json=as_json)
    for words in summary["stopped"]:
        print(words, file=sys.stderr)
    unread = (summary["extractor"] or {}).get("unread", 0)
    if unread:
        print(
            f"{unread} answers wait for the extractor: `spinebench eval resume {out}`",
            file=sys.stderr,
        )
    if summary["state"] in ("failed", "cost"):
        print(f"`spinebench eval resume {out}` goes on where it stopped", file=sys.stderr)
    unheard = (counts["failed"] and not _heard(counts) for counts in summary["counts"].values())
    if summary["state"] == "failed" or all(unheard):
        raise typer.Exit(2)  # stopped early, or no question reached the model


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


def _estimate_lines(found: dict[str, Any]) -> list[str]:
    def number(value: float | None, unit: str = "") -> str:
        return "not known" if value is None else f"{value:,.0f}{unit}"

    cost = found["cost_usd"]
    price = found["price"]
    rows = [
        ("calls", number(found["calls"])),
        ("answered before", number(found["answered_before"])),
        ("image bytes", number(found["image_bytes"])),
        ("images over the provider's limit", number(found["images_too_large"])),
        ("input tokens, estimated", number(found["input_tokens"])),
        ("output tokens, assumed", number(found["output_tokens"])),
        ("cost, estimated", "not known" if cost is None else f"{cost:.2f} US dollars"),
    ]
    lines = [f"{found['model']}, protocol {found['protocol']}: nothing was called", ""]
    lines += table_lines(("what", "number"), rows)
    answer = f"{found['output_tokens_per_answer']} tokens an answer"
    lines += ["", f"text: 4 characters a token; {answer}: {found['output_tokens_from']}"]
    lines.append(f"images: {found['images']['handling']}")
    if price is not None:
        lines.append(f"prices of {price['date']}: {price['source']}")
    return lines


def _summary_lines(out: Path, summary: dict[str, Any]) -> list[str]:
    scores = summary["scores"]
    rows = []
    for task in ("diagnosis", "localization", "alignment", "side"):
        if scores.get(task) is not None:
            for name in ("accuracy", "precision_per_item", "recall_per_item"):
                if name in scores[task]:
                    rows.append((task, name, *_metric_cells(scores[task][name])))
            consistency = scores[task].get("consistency")
            if consistency is not None:
                cells = _metric_cells(consistency["all_right"])
                rows.append((task, f"right in all {consistency['times']:g}", *cells))
    for name in ("overall", "overall_pooled"):
        if scores[name] is not None:
            rows.append((name, "accuracy", *_metric_cells(scores[name])))
    header = ("task", "metric", "%", "95 % interval by patient", "questions", "patients")
    side_task = scores.get("side") is not None  # asked in the words of localization
    counts = [
        ("side" if side_task else task, *(str(number) for number in outcomes.values()))
        for task, outcomes in summary["counts"].items()
    ]
    outcomes = tuple(next(iter(summary["counts"].values())))
    split = summary["split"] + (" (evaluation subset)" if summary["subset"] else "")
    lines = [f"{out}: {summary['model']}, protocol {summary['protocol']}, {split}", ""]
    lines += [*table_lines(header, rows), "", *table_lines(("task", *outcomes), counts)]
    cost = summary["usage"]["cost_usd"] if "usage" in summary else None
    if cost is not None:
        lines += ["", f"cost: {cost:.4f} US dollars"]
    lines += _extractor_lines(summary)
    if not summary["complete"]:
        lines += ["", "INCOMPLETE: questions that failed or were not asked are in no figure above"]
    return lines


def _extractor_lines(summary: dict[str, Any]) -> list[str]:
    """The extractor's share, or what it would have been."""
    found = summary["scores"].get("extractor")
    if found is None:  # a run that was finished before there was such a count
        return []
    if summary["extractor"] is not None:
        share = f"{100 * (found['asked_share'] or 0):.1f} %"
        told = f"the extractor read {found['asked']} of {found['answers']} answers ({share})"
        return ["", f"{told} and found a choice in {found['answered']}"]
    if not found["would_ask"]:
        return []
    told = f"{found['would_ask']} of {found['answers']} answers"
    share = f"{100 * found['would_ask_share']:.1f} %"
    return ["", f"in {told} ({share}) the rules found nothing: --extractor MODEL would read them"]


def _metric_cells(metric: dict[str, Any]) -> tuple[str, str, str, str]:
    def percent(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.1f}"

    interval = f"{percent(metric['low'])} to {percent(metric['high'])}"
    return percent(metric["estimate"]), interval, str(metric["items"]), str(metric["patients"])
