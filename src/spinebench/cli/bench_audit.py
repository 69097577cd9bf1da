"""`spinebench bench audit`: what is wrong with a benchmark, and a mended copy of it."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spinebench.cli.output import Json, Workers, print_result, table_lines

if TYPE_CHECKING:
    from spinebench.benchmark.audit.mend import Mended
    from spinebench.benchmark.audit.run import Audit

_WIDTH = 100
_ITEMS_TOLD = 3  # of a finding, in text; --json has 200


def audit(
    bench: Annotated[Path, typer.Argument(help="Benchmark folder.")],
    fix: Annotated[
        Path | None,
        typer.Option("--fix", help="Write a mended copy there and say what it dropped."),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="Write the findings as one HTML page there.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only this check; may be repeated.")
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Find what is wrong with a benchmark: leaks, shortcuts, copies, false or unseen answers."""
    from spinebench.benchmark.audit.mend import check_mend_place, mend_benchmark
    from spinebench.benchmark.audit.run import audit_benchmark, finding_as_json
    from spinebench.benchmark.bundle import Benchmark
    from spinebench.engine import LocalEngine
    from spinebench.errors import UsageError
    from spinebench.folders import check_writable

    loaded = Benchmark.load(bench, altered=True)
    # before the work: nobody waits for minutes to be told of a wrong folder
    if fix is not None:
        check_mend_place(loaded, fix)
    if page is not None:
        if page.is_dir():
            raise UsageError(f"{page} is a folder; name the page to write")
        check_writable(page)
    found = audit_benchmark(loaded, LocalEngine(workers), only=frozenset(only or ()))
    if page is not None:
        from spinebench.report.audit_page import write_audit_page

        write_audit_page(loaded, found, page)
    result: dict[str, Any] = {"findings": [finding_as_json(f) for f in found.findings]}
    lines = _finding_lines(bench, found)
    if fix is not None:
        mended = mend_benchmark(loaded, found, fix)
        result["mended"] = _mended_card(fix, mended)
        lines += _mended_lines(fix, mended)
    print_result(result, lines, as_json=as_json)


def _finding_lines(bench: Path, found: "Audit") -> list[str]:
    from spinebench.benchmark.audit.findings import counted
    from spinebench.benchmark.audit.registry import CHECKS

    counts = ", ".join(
        counted(number, severity) if severity == "note" else f"{number} {severity}"
        for severity, number in found.count_by_severity().items()
        if number
    )
    lines = [f"{bench}: {counts or 'nothing found'}"]
    for finding in found.findings:
        shown = ", ".join(finding.items[:_ITEMS_TOLD])
        more = len(finding.items) - _ITEMS_TOLD
        lines += ["", f"{finding.severity}: {finding.check} ({len(finding.items):,})"]
        lines += _indented(finding.summary)
        lines += _indented(f"items: {shown}{f' and {more:,} more' if more > 0 else ''}")
        lines += _indented(f"mend: {CHECKS[finding.check].mend}")
    return lines


def _indented(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip


def _mended_card(out: Path, mended: "Mended") -> dict[str, Any]:
    return {
        "out": str(out),
        "dropped_questions": len(mended.questions),
        "dropped_images": len(mended.images),
        "dropped_by_check": mended.count_by_check(),
        "kept_questions": mended.kept_questions,
        "kept_images": mended.kept_images,
    }


def _mended_lines(out: Path, mended: "Mended") -> list[str]:
    lines = [
        "",
        f"{out}: {mended.kept_questions:,} questions on {mended.kept_images:,} images kept, "
        f"{len(mended.questions):,} questions and {len(mended.images):,} images dropped",
    ]
    if mended.questions:
        rows = mended.count_by_check().items()
        lines += ["", *table_lines(("dropped for", "questions"), rows)]
    return lines
