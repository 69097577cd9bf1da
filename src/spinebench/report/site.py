"""A static site of some runs: a board, a page for each run, and their data; links are relative.

index.html            the page without its model-by-model parts
runs/m1.html          one run: tables, confusion matrix, gallery
data/board.csv|json|tex
data/reported_*.csv   the published tables as shipped
data/runs/m1/         the run's predictions, scores and manifest
manifest.json         kind "site", every file by hash

A site is made to be given on, so it holds no picture unless asked for.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import spinebench
from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.folders import check_place, written_whole
from spinebench.report.board import PageOptions, build_page_view, gallery_of
from spinebench.report.export import board_csv, board_latex, build_board
from spinebench.report.gallery import all_cards, build_pictures
from spinebench.report.page import DEFAULT_TITLE, MAX_BYTES, PICTURE_SHARE, SECTIONS, render_page
from spinebench.report.runs import LoadedRun
from spinebench.report.views import PageView, RunView
from spinebench.tables import sha256_of_file, write_json

_OF_A_RUN = ("detail", "gallery", "method")
_OF_THE_INDEX = tuple(name for name in SECTIONS if name not in ("detail", "gallery"))
_RUN_FILES = ("predictions.parquet", "scores.json", "manifest.json")


def build_site(
    bench: Path, runs: Sequence[Path], out: Path, *, gallery_per_group: int = 0, **options: Any
) -> dict[str, Any]:
    """Write the site of some runs on one benchmark; returns its manifest. Keywords: `PageOptions`.

    The manifest's `restricted` names the sources whose pictures may not be given on, if any are
    shown.
    """
    if not runs:
        raise UsageError("a site needs at least one run folder")
    place = check_place(out)
    benchmark = Benchmark.load(Path(bench))
    page, loaded = build_page_view(
        benchmark, [Path(run) for run in runs], PageOptions(**{"title": DEFAULT_TITLE, **options})
    )
    # the board orders the runs; their pages are numbered in that order
    views = tuple(replace(view, key=f"m{n}") for n, view in enumerate(page.runs, 1))
    page = replace(page, runs=views)
    with written_whole(place) as folder:
        links = {view.key: f"runs/{view.key}.html" for view in views}
        index = render_page(page, (), sections=_OF_THE_INDEX, links=links)
        _write(folder / "index.html", index)
        shown: set[str] = set()
        for view, run in zip(views, loaded, strict=True):
            shown |= _write_run(folder, benchmark, page, view, run, gallery_per_group)
        _write_data(folder / "data", page)
        manifest = {
            "kind": "site",
            "spinebench": spinebench.__version__,
            "benchmark": {"manifest_sha256": page.bench_sha256},
            "runs": [{"key": v.key, "label": v.label, "run_id": v.run_id} for v in views],
            "restricted": sorted(
                source.title
                for source in page.origin.sources
                if source.name in shown and not source.redistribution
            ),
            "files": {
                path.relative_to(folder).as_posix(): sha256_of_file(path)
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            },
        }
        write_json(folder / "manifest.json", manifest)
    return {"out": str(out), **manifest}


def _write_run(
    folder: Path,
    bench: Benchmark,
    page: PageView,
    view: RunView,
    run: LoadedRun,
    per_group: int,
) -> set[str]:
    """Write one run's page and data; returns the sources whose pictures it shows."""
    filled = replace(view, **gallery_of(bench, run, seed=page.seed, per_group=per_group))
    cards = all_cards([filled.cards])
    budget = int(PICTURE_SHARE * MAX_BYTES)
    pictures = build_pictures(bench, cards, budget_bytes=budget).values() if per_group else ()
    own = replace(page, title=view.label, runs=(filled,))
    html = render_page(own, pictures, sections=_OF_A_RUN, back="../index.html")
    _write(folder / "runs" / f"{view.key}.html", html)
    for name in _RUN_FILES:
        if (run.folder / name).is_file():
            target = folder / "data" / "runs" / view.key / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(run.folder / name, target)
    by_id = {question.question_id: question.source for question in bench.questions}
    return {by_id[card.question_id] for card in cards}


def _write_data(folder: Path, page: PageView) -> None:
    _write(folder / "board.csv", board_csv(page))
    _write(folder / "board.tex", board_latex(page))
    board = json.dumps(build_board(page), indent=2, sort_keys=True, ensure_ascii=False)
    _write(folder / "board.json", board + "\n")
    published = resources.files("spinebench").joinpath("data", "published")
    for table in page.reported:
        text = published.joinpath(f"{table.key}.csv").read_text("utf-8")
        _write(folder / f"reported_{table.key.removeprefix('results_')}.csv", text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
