"""`spinebench bench`: build a benchmark, and look at its questions."""

from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import typer

from spinebench.cli import bench_audit, bench_embedders, bench_labels, bench_pool, bench_release
from spinebench.cli.output import Json, Seed, Workers, print_result, table_lines
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

_ROWS_TOLD = 6  # source rows of a question, in text; --json has all
_FILES_TOLD = 8  # of one folder and ending; more are told in one line

app = typer.Typer(help="Benchmarks.", no_args_is_help=True)
app.command("labels")(bench_labels.labels)
app.command("audit")(bench_audit.audit)
app.command("embedders")(bench_embedders.embedders)
app.command("export")(bench_release.export)
app.command("import")(bench_release.import_)
app.command("rebuild")(bench_release.rebuild)
app.add_typer(bench_pool.app, name="pool")


@app.command()
def build(
    out: Annotated[Path, typer.Option("--out", help="Folder to write; must be new or empty.")],
    rsna: Rsna = None,
    vindr: VinDr = None,
    buu: Buu = None,
    csxa: Csxa = None,
    table: Table = None,
    columns: Columns = None,
    images: Images = None,
    seed: Seed = 0,
    rule: Annotated[
        str,
        typer.Option("--labels", "--rule", help="released, as published; graded is recommended."),
    ] = "released",
    multi_label: Annotated[
        str, typer.Option("--multi-label", help="Images with several diseases: drop or keep.")
    ] = "drop",
    embedder: Annotated[
        str | None, typer.Option("--embedder", help="Chooses the distractors.")
    ] = None,
    aggregate: Annotated[
        str,
        typer.Option("--aggregate", help="A disease's score over its images: max, mean or top5."),
    ] = "max",
    pool: Annotated[
        str | None, typer.Option("--pool", help="Question wordings: a shipped name or a JSON file.")
    ] = None,
    allow_unreviewed: Annotated[
        bool,
        typer.Option("--allow-unreviewed", help="Ask a pool's wordings that nobody has reviewed."),
    ] = False,
    test_share: Annotated[
        float, typer.Option("--test-share", help="Share of patients for test.")
    ] = 0.3,
    reserve_share: Annotated[
        float, typer.Option("--reserve-share", help="Share of patients kept back.")
    ] = 0.1,
    library: Annotated[
        int, typer.Option("--library", help="Library images per disease, at most.", min=1)
    ] = 200,
    duplicates: Annotated[
        str, typer.Option("--duplicates", help="Identical pixels in two images: fail or drop.")
    ] = "fail",
    unclear: Annotated[
        str, typer.Option("--unclear", help="Images that cannot be read well: drop or keep.")
    ] = "drop",
    subset_per_class: Annotated[
        int, typer.Option("--subset-per-class", help="Of the evaluation subset, per class.", min=0)
    ] = 100,
    subset_localization: Annotated[
        int, typer.Option("--subset-localization", help="Of the evaluation subset.", min=0)
    ] = 1000,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder that keeps vectors between builds.")
    ] = None,
    engine: Annotated[str, typer.Option("--engine", help="local or ray.")] = "local",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Build a benchmark from folders of images."""
    from spinebench.benchmark.build import BuildOptions, build_benchmark
    from spinebench.benchmark.embed import DEFAULT_EMBEDDER
    from spinebench.benchmark.labels import parse_multi_label
    from spinebench.benchmark.pool import DEFAULT_POOL
    from spinebench.benchmark.similarity import check_aggregate
    from spinebench.benchmark.split import SplitShares
    from spinebench.benchmark.subset import SubsetSizes
    from spinebench.engine import load_engine
    from spinebench.errors import UsageError

    if duplicates not in ("fail", "drop"):
        raise UsageError(f"--duplicates {duplicates}: it is fail or drop")
    if unclear not in ("drop", "keep"):
        raise UsageError(f"--unclear {unclear}: it is drop or keep")
    options = BuildOptions(
        seed=seed,
        rule=rule,
        multi_label=parse_multi_label(multi_label),
        embedder=embedder or DEFAULT_EMBEDDER,
        aggregate=check_aggregate(aggregate),
        pool=pool or DEFAULT_POOL,
        allow_unreviewed=allow_unreviewed,
        shares=SplitShares(test=test_share, reserve=reserve_share),
        library_per_disease=library,
        duplicates="fail" if duplicates == "fail" else "drop",
        unclear="drop" if unclear == "drop" else "keep",
        subset=SubsetSizes(per_class=subset_per_class, localization=subset_localization),
    )
    given = {"rsna": rsna, "vindr": vindr, "buu": buu, "csxa": csxa, "table": table}
    folders, sources = gather_sources(given, columns=columns, images=images)
    manifest = build_benchmark(
        folders,
        out,
        options=options,
        engine=load_engine(engine, workers),
        sources=sources,
        cache=cache,
    )
    print_result({"out": str(out), **manifest}, _summary_lines(out, manifest), as_json=as_json)


def _summary_lines(out: Path, manifest: dict[str, Any]) -> list[str]:
    counts = manifest["counts"]
    lines = [
        f"{out}: {counts['questions']} questions on {counts['images']} images "
        f"of {counts['patients']} patients"
    ]
    if not counts["questions"]:
        lines.append("note: nothing was left to ask about; the reasons are below")
    else:
        lines += [
            f"note: no patient fell into {split}; a larger share or more patients would change that"
            for split in ("train", "test")
            if split not in counts["patients_by_split"]
        ]
    rows = [
        (task, split, number)
        for task, splits in sorted(counts["questions_by_task_and_split"].items())
        for split, number in sorted(splits.items())
    ]
    lines += ["", *table_lines(("task", "split", "questions"), rows)]
    accounts = [
        (f"{name}:{file}", account)
        for name, source in sorted(manifest["sources"].items())
        for file, account in merge_accounts(source["accounting"]).items()
    ]
    files = [(f, a["read"], a["used"], a["dropped"]) for f, a in accounts if a["read"]]
    lines += ["", *table_lines(("file", "read", "used", "dropped"), files)]
    reasons = [
        (file, reason, number)
        for file, account in accounts
        for reason, number in [
            *account["reasons"].items(),
            *((f"{note} (note, nothing dropped)", n) for note, n in account["notes"].items()),
        ]
    ]
    if reasons:
        lines += ["", *table_lines(("file", "reason", "n"), reasons)]
    return lines


def merge_accounts(accounting: dict[str, Any]) -> dict[str, Any]:
    """The account with one line for many files of one folder, as where each film has a table."""
    groups: dict[str, list[str]] = {}
    for file in accounting:
        groups.setdefault(
            str(PurePosixPath(file).with_name("*" + PurePosixPath(file).suffix)), []
        ).append(file)
    merged: dict[str, Any] = {}
    for pattern, files in groups.items():
        if len(files) <= _FILES_TOLD:
            merged.update({file: accounting[file] for file in files})
            continue
        total: dict[str, Any] = {"read": 0, "used": 0, "dropped": 0}
        told: dict[str, Counter[str]] = {"reasons": Counter(), "notes": Counter()}
        for file in files:
            for key in total:
                total[key] += accounting[file][key]
            for key, counts in told.items():
                counts.update(accounting[file][key])
        merged[f"{pattern} ({len(files)} files)"] = {
            **total,
            **{key: dict(sorted(counts.items())) for key, counts in told.items()},
        }
    return merged


@app.command()
def show(
    bench: Annotated[Path, typer.Argument(help="Benchmark folder.")],
    question_id: Annotated[
        str | None, typer.Argument(help="Question id or any part of one (default: a seeded pick).")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Show a question with its image, options, answer and the source rows it rests on."""
    from spinebench.benchmark.bundle import Benchmark
    from spinebench.benchmark.show import find_question, question_card

    loaded = Benchmark.load(bench)
    card = question_card(loaded, find_question(loaded, question_id, seed=seed))
    lines = [
        card["question_id"],
        f"{card['task']} · {card['split']} · {card['patient_id']} · rule {card['rule']}",
        "",
        card["text"],
        *(
            f"  {option['letter']}: {option['text']}{_option_note(option)}"
            for option in card["options"]
        ),
        "",
        *(
            f"image: {image['file']} ({image['cols']} x {image['rows']} px, {image['shows']})"
            for image in card["images"]
        ),
        *(
            f"rests on: {row['place']}: {row['source_words']}"
            + (f" [{row['grade']} in {row['grade_place']}]" if row["grade_place"] else "")
            for row in card["rests_on"]
        ),
        f"decided by {len(card['decided_by'])} source rows"
        + ("" if len(card["decided_by"]) > _ROWS_TOLD else f": {', '.join(card['decided_by'])}"),
        *(
            f"not offered, as it is or may be true too: {disease}"
            for disease in card["never_offered"]
        ),
    ]
    print_result(card, lines, as_json=as_json)


def _option_note(option: dict[str, Any]) -> str:
    if option["right"]:
        return "   <- right"
    if option["similarity"] is not None:
        return f"   (cosine {option['similarity']:.3f})"
    return ""
