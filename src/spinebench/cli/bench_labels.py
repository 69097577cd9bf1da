"""`spinebench bench labels`: what the label rules make of source folders, before any build."""

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


def labels(
    rsna: Rsna = None,
    vindr: VinDr = None,
    buu: Buu = None,
    csxa: Csxa = None,
    table: Table = None,
    columns: Columns = None,
    images: Images = None,
    rule: Annotated[
        str | None, typer.Option("--labels", help="One rule (default: all of them).")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Say how many images change class between rules.")
    ] = False,
    multi_label: Annotated[
        str, typer.Option("--multi-label", help="Images with several diseases: drop or keep.")
    ] = "drop",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Count images by class under each label rule, and those that change class between rules."""
    from spinebench.benchmark.label_compare import compare_rules
    from spinebench.benchmark.labels import parse_multi_label, rule_names
    from spinebench.engine import LocalEngine
    from spinebench.errors import UsageError

    given = {"rsna": rsna, "vindr": vindr, "buu": buu, "csxa": csxa, "table": table}
    folders, sources = gather_sources(given, columns=columns, images=images)
    if not folders:
        raise UsageError(f"no source folder given; there are: {', '.join(sources)}")
    if compare and rule is not None:
        raise UsageError("--compare looks at all rules; leave --labels out")
    engine = LocalEngine(workers)
    readings = [sources[name].read(folders[name], engine) for name in sources if name in folders]
    names = [rule] if rule else rule_names()
    found = compare_rules(readings, names, multi_label=parse_multi_label(multi_label))
    print_result(found, _lines(found, compare=compare), as_json=as_json)


def _lines(found: dict[str, Any], *, compare: bool) -> list[str]:
    rules = found["rules"]
    classes = sorted({name for counts in found["by_rule"].values() for name in counts})
    rows = [(name, *(found["by_rule"][rule].get(name, 0) for rule in rules)) for name in classes]
    rows.append(("(levels asked)", *(found["localization"][rule] for rule in rules)))
    lines = [
        f"{found['images']} images with a finding",
        "",
        *table_lines(("class", *rules), rows),
    ]
    if compare:
        changed = [(pair, number) for pair, number in found["changed"].items()]
        lines += ["", *table_lines(("images that change class", "n"), changed)]
        changes = [(c["from"], c["to"], c["images"]) for c in found["changes"]]
        lines += ["", *table_lines((rules[0], rules[1], "n"), changes)]
    reasons = [
        (rule, reason, number)
        for rule in rules
        for reason, number in found["reasons"][rule].items()
    ]
    if reasons:
        lines += ["", *table_lines(("rule", "not asked because", "n"), reasons)]
    return lines
