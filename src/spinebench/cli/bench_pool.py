"""`spinebench bench pool`: question wordings, made by a model, checked, reviewed by a person."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spinebench.cli.output import Json, print_result, table_lines

if TYPE_CHECKING:
    from spinebench.records import Task

app = typer.Typer(help="Question wordings.", no_args_is_help=True)

_POOL = "A shipped pool by name, or a JSON file."


@app.command()
def generate(
    model: Annotated[str, typer.Option("--model", help="Inspect model string.")],
    task: Annotated[str, typer.Option("--task", help="diagnosis, localization or alignment.")],
    number: Annotated[int, typer.Option("--n", help="Paraphrases to keep, at most.", min=1)],
    out: Annotated[Path, typer.Option("--out", help="Pool file to write; must be new.")],
    pool: Annotated[
        str | None, typer.Option("--pool", help=f"Pool to extend. {_POOL} (default: shipped).")
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
        typer.Option("--setting", help="NAME=VALUE of Inspect's GenerateConfig."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask a model for paraphrases; keep those whose answer set cannot change, unreviewed."""
    from spinebench.benchmark.paraphrase import extend_pool, generate_paraphrases
    from spinebench.benchmark.pool import DEFAULT_POOL, load_pool_file, write_pool
    from spinebench.cli.evaluation_run import parse_pairs
    from spinebench.errors import UsageError
    from spinebench.evaluation.models import ModelOptions, asked_for_texts, open_model

    if out.exists() or out.suffix != ".json":
        raise UsageError(f"--out {out}: it must be a new file that ends in .json")
    base = load_pool_file(pool or DEFAULT_POOL)
    name = _find_task(task, base.tasks)
    options = ModelOptions(
        args=parse_pairs(model_arg or [], "--model-arg"),
        base_url=model_base_url,
        settings=parse_pairs(setting or [], "--setting"),
    )
    originals = [w for w in base.tasks[name] if w.state != "rejected" and w.paraphrases is None]
    with asked_for_texts(open_model(model, options)) as ask:
        found = generate_paraphrases(ask, name, originals, number=number, model=model)
    written = write_pool(out, extend_pool(base, out.stem, name, found))
    result = {
        "out": str(out),
        "sha256": written.sha256,
        "prompts": found.asked,
        "kept": [{"id": w.id, "text": w.text, "paraphrases": w.paraphrases} for w in found.kept],
        "refused": [{"text": text, "reasons": list(reasons)} for text, reasons in found.refused],
    }
    lines = [
        f"{out}: {len(found.kept)} of {number} wanted kept, {len(found.refused)} refused,"
        f" after {found.asked} prompts",
        "review them with `spinebench bench pool review`",
        "",
        *table_lines(("id", "kept"), [(w.id, w.text) for w in found.kept]),
        "",
        *table_lines(("refused for", "n"), _count_reasons(r for _, r in found.refused)),
    ]
    print_result(result, lines, as_json=as_json)


@app.command()
def check(
    pool: Annotated[str, typer.Argument(help=_POOL)],
    as_json: Json = False,
) -> None:
    """Hold every wording against the rules; exit 2 if a model's paraphrase breaks one."""
    from spinebench.benchmark.paraphrase import check_pool
    from spinebench.benchmark.pool import load_pool_file

    file = load_pool_file(pool)
    found = check_pool(file)
    rows = [
        (task, w.id, w.state or "by hand", "model" if w.model else "person", "; ".join(reasons))
        for task, w, reasons in found
    ]
    broken = [w.id for _, w, reasons in found if reasons and w.model and w.state != "rejected"]
    names = ("task", "id", "state", "written_by", "reasons")
    result = {
        "pool": file.name,
        "sha256": file.sha256,
        "wordings": [dict(zip(names, row, strict=True)) for row in rows],
        "broken": broken,
    }
    lines = [f"{file.name}: {len(rows)} wordings, {len(broken)} paraphrases that break a rule", ""]
    print_result(result, [*lines, *table_lines(names, rows)], as_json=as_json)
    if broken:
        raise typer.Exit(2)


@app.command()
def review(
    pool: Annotated[Path, typer.Argument(help="Pool file; the states are written into it.")],
    by: Annotated[
        str | None, typer.Option("--by", help="Who reviews; kept with each wording.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", help="Id of a wording to ask; may be repeated. all: the rest."),
    ] = None,
    reject: Annotated[
        list[str] | None,
        typer.Option("--reject", help="Id of a wording never to ask; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Accept or reject wordings; without either, show those that nobody has reviewed."""
    from spinebench.benchmark.paraphrase import check_pool
    from spinebench.benchmark.pool import load_pool_file, review_wordings, write_pool
    from spinebench.errors import UsageError

    file = load_pool_file(str(pool))
    reasons_of = {w.id: reasons for _, w, reasons in check_pool(file) if w.model}
    waiting = [w for part in file.tasks.values() for w in part if w.state == "unreviewed"]
    if accept or reject:
        if not by:
            raise UsageError("--by NAME: say who reviews")
        if pool.suffix != ".json":
            raise UsageError(f"{pool}: a shipped pool is not changed; extend it by `generate`")
        chosen = set(accept or ())
        if "all" in chosen:
            chosen = chosen - {"all"} | {w.id for w in waiting} - set(reject or ())
        for name in sorted(chosen):
            if reasons_of.get(name):
                raise UsageError(f"--accept {name}: {'; '.join(reasons_of[name])}")
        changed = review_wordings(file, by=by, accept=chosen, reject=set(reject or ()))
        file = write_pool(pool, changed)
        waiting = [w for part in file.tasks.values() for w in part if w.state == "unreviewed"]
    texts = {w.id: w.text for part in file.tasks.values() for w in part}
    result = {
        "pool": file.name,
        "sha256": file.sha256,
        "unreviewed": [
            {"id": w.id, "text": w.text, "original": texts.get(w.paraphrases or "")}
            for w in waiting
        ],
    }
    rows = [(w.id, w.text, texts.get(w.paraphrases or "", "-")) for w in waiting]
    lines = [f"{file.name}: {len(waiting)} wordings wait for a review"]
    if rows:
        lines += ["", *table_lines(("id", "wording", "instead of"), rows)]
    print_result(result, lines, as_json=as_json)


def _find_task(name: str, tasks: "Mapping[Task, object]") -> "Task":
    from spinebench.errors import UsageError

    for task in tasks:
        if task == name:
            return task
    raise UsageError(f"--task {name}: this pool has {', '.join(tasks)}")


def _count_reasons(refused: Iterable[tuple[str, ...]]) -> list[tuple[str, int]]:
    counts = Counter(reason.partition(":")[0] for reasons in refused for reason in reasons)
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
