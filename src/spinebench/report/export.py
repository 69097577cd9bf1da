"""The board as CSV, LaTeX and plain data. Reported results stand apart and have no tier."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from spinebench.evaluation.published import Cell, PublishedTable
from spinebench.report.estimates import Estimate
from spinebench.report.plots import percent
from spinebench.report.power import DIFFERENCES
from spinebench.report.views import PageView, RunView
from spinebench.report.views_pairs import PowerRow, Standing

METRICS = (
    "diagnosis",
    "localization",
    "precision",
    "recall",
    "precision_pooled",
    "recall_pooled",
    "overall",
    "overall_pooled",
    "alignment",
)
COLUMNS = (
    "kind", "source", "model", "run_id", "protocol", "baseline", "no_image", "complete",
    "tier_overall", "tier_diagnosis", "tier_localization", "tier_alignment",
    *(f"{name}{end}" for name in METRICS for end in ("", "_low", "_high")),
    "questions", "patients", "coverage", "habits", "contradicted",
)  # fmt: skip
# what a spreadsheet would take for a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
}  # fmt: skip


def build_board(page: PageView) -> dict[str, Any]:
    """The board as plain data; shares are fractions, reported ones too.

    `measured`: a row for each run in the board's order; `tiers` by measure, with every pair;
    `power` by measure: how many patients a difference takes; `reported`: the published tables, each
    cell with `value`, and `expected` and `why` where its paper's formula contradicts it.
    """
    return {
        "title": page.title,
        "bench_sha256": page.bench_sha256,
        "split": page.split,
        "subset": page.subset,
        "patients": page.test_patients,
        "questions": {"diagnosis": page.test_diagnosis, "localization": page.test_localization},
        "chance": {"diagnosis": page.diagnosis_chance, "localization": page.localization_chance},
        "measured": [_measured(run, page) for run in page.runs],
        "tiers": {one.measure: _tiers(one) for one in page.standings},
        "power": {row.measure: _power(row) for row in page.power},
        "reported": [_reported(table) for table in page.reported],
        "warnings": list(page.warnings),
    }


def _power(row: PowerRow) -> dict[str, Any]:
    needed = zip(DIFFERENCES, row.needed, strict=True)
    return {
        "patients": row.patients,
        "pairs": row.pairs,
        "design_effect": row.design,
        "needed": {f"{d:.2f}": None if found is None else asdict(found) for d, found in needed},
        "visible": row.visible,
    }


def board_csv(page: PageView) -> str:
    """One row for each run, then the rows that arXiv 2510.12267 reports; empty = not known."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for run in page.runs:
        writer.writerow({name: _csv_value(v) for name, v in _flat(run, page).items()})
    for table in page.reported:
        if "diagnosis" in table.columns:
            writer.writerows(_reported_csv(table))
    return stream.getvalue()


def board_latex(page: PageView) -> str:
    """A booktabs table, measured runs above the line, reported ones below it."""
    lines = [
        "% needs \\usepackage{booktabs}; 95 % intervals by patient in brackets",
        f"% benchmark manifest SHA-256 {page.bench_sha256}",
        r"\begin{tabular}{lrrrrrr}",
        r"\toprule",
        r"Model & Tier & Diagnosis & Exact set & Precision & Recall & Overall \\",
        r"\midrule",
        r"\multicolumn{7}{l}{\emph{Measured here}} \\",
    ]
    tiers = page.standings[0] if page.standings else None
    for run in page.runs:
        place = run.localization
        estimates = (run.diagnosis, place.exact, place.precision, place.recall, run.overall)
        cells = [
            latex(run.label) + (r" (incomplete)" if not run.complete else ""),
            _tier(tiers, run.label),
        ]
        lines.append(" & ".join([*cells, *(_latex_cell(e) for e in estimates)]) + r" \\")
    notes: list[str] = []
    for table in page.reported:
        if "diagnosis" in table.columns:
            lines += [r"\midrule", r"\multicolumn{7}{l}{\emph{Reported by " + latex(table.title)
                      + r", on other questions}} \\"]  # fmt: skip
            lines += [_reported_latex(row.model, row.cells, notes) for row in table.latest]
    lines += [r"\bottomrule"]
    lines += [
        r"\multicolumn{7}{l}{\footnotesize $^{" + chr(ord("a") + n) + r"}$ " + latex(note) + r"} \\"
        for n, note in enumerate(notes)
    ]
    return "\n".join([*lines, r"\end{tabular}", ""])


def latex(text: str) -> str:
    """Text that LaTeX prints as it is; line breaks and other controls become spaces."""
    return "".join(
        _LATEX.get(character, character if character.isprintable() else " ") for character in text
    )


def _estimates(run: RunView, page: PageView) -> dict[str, Estimate | None]:
    place = run.localization
    alignment = None
    if page.alignment:
        alignment = next((e for label, _, e in page.alignment.rows if label == run.label), None)
    values = (
        run.diagnosis, place.exact, place.precision, place.recall, place.pooled_precision,
        place.pooled_recall, run.overall, run.overall_pooled, alignment,
    )  # fmt: skip
    return dict(zip(METRICS, values, strict=True))


def _measured(run: RunView, page: PageView) -> dict[str, Any]:
    return {
        "label": run.label,
        "model": run.model,
        "run_id": run.run_id,
        "protocol": run.protocol,
        "baseline": run.baseline,
        "no_image": run.control,
        "complete": run.complete,
        "tiers": {one.measure: _tier_number(one, run.label) for one in page.standings},
        "scores": {
            name: None
            if e is None or e.value is None
            else {"estimate": e.value, "low": e.low, "high": e.high, "items": e.items,
                  "patients": e.patients}
            for name, e in _estimates(run, page).items()
        },
        "outcomes": dict(run.outcomes),
        "coverage": run.habits.coverage if run.habits else None,
        "habits": list(run.habits.tags) if run.habits else [],
        "extractor": run.extractor,
        "extracted": None if run.extracted is None else asdict(run.extracted),
    }  # fmt: skip


def _flat(run: RunView, page: PageView) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": "measured", "source": page.bench_sha256, "model": run.label, "run_id": run.run_id,
        "protocol": run.protocol, "baseline": run.baseline, "no_image": run.control,
        "complete": run.complete, "questions": run.asked, "patients": page.test_patients,
        "coverage": run.habits.coverage if run.habits else None,
        "habits": "; ".join(run.habits.tags) if run.habits else "",
    }  # fmt: skip
    for standing in page.standings:
        row[f"tier_{standing.measure}"] = _tier_number(standing, run.label)
    for name, e in _estimates(run, page).items():
        if e is not None:
            row |= {name: e.value, f"{name}_low": e.low, f"{name}_high": e.high}
    return row


def _csv_value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _reported_csv(table: PublishedTable) -> Iterator[dict[str, str]]:
    for row in table.rows:
        yield {
            "kind": "reported",
            "source": f"{table.title}, version {row.version}",
            "model": row.model,
            **{
                column: "" if cell.value is None else f"{cell.value / 100:.6g}"
                for column, cell in row.cells.items()
            },
            "contradicted": "; ".join(
                f"{column}: {cell.why}" for column, cell in row.cells.items() if cell.why
            ),
        }


def _reported(table: PublishedTable) -> dict[str, Any]:
    def plain(cell: Cell) -> dict[str, Any]:
        found: dict[str, Any] = {"value": None if cell.value is None else cell.value / 100}
        if cell.why:
            expected = None if cell.expected is None else cell.expected / 100
            found |= {"expected": expected, "why": cell.why}
        return found

    return {
        "key": table.key,
        "title": table.title,
        "source": table.source,
        "notes": list(table.notes),
        "rows": [
            {
                "version": row.version,
                "model": row.model,
                "cells": {column: plain(cell) for column, cell in row.cells.items()},
            }
            for row in table.rows
        ],
    }


def _reported_latex(model: str, cells: Mapping[str, Cell], notes: list[str]) -> str:
    shown = [latex(model), "--"]
    for column in ("diagnosis", "localization", "precision", "recall", "overall"):
        cell = cells[column]
        text = "--" if cell.value is None else f"{cell.value:.2f}"
        if cell.why:
            notes.append(f"{model}, {column}: printed {cell.value:.2f}, but {cell.why}.")
            text += r"$^{" + chr(ord("a") + len(notes) - 1) + r"}$"
        shown.append(text)
    return " & ".join(shown) + r" \\"


def _latex_cell(e: Estimate) -> str:
    if e.value is None:
        return "--"
    if e.low is None:
        return percent(e.value)
    return f"{percent(e.value)} [{percent(e.low)}, {percent(e.high)}]"


def _tiers(standing: Standing) -> dict[str, Any]:
    return {
        "groups": [list(group) for group in standing.groups],
        "pairs": [
            {
                "first": pair.first, "second": pair.second, "difference": pair.difference.value,
                "low": pair.difference.low, "high": pair.difference.high, "p": pair.p,
                "p_holm": pair.p_holm, "told_apart": pair.apart,
                "items": pair.difference.items, "patients": pair.difference.patients,
            }
            for pair in standing.pairs
        ],
    }  # fmt: skip


def _tier_number(standing: Standing, label: str) -> int | None:
    return next((n for n, group in enumerate(standing.groups, 1) if label in group), None)


def _tier(standing: Standing | None, label: str) -> str:
    number = _tier_number(standing, label) if standing else None
    return "--" if number is None else str(number)
