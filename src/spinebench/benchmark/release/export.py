"""A benchmark to a release folder: the questions asked for, consent for restricted pictures."""

from pathlib import Path
from typing import Any

from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.release.card import write_card_text
from spinebench.benchmark.release.consent import check_redistribution
from spinebench.benchmark.release.options import ExportOptions
from spinebench.benchmark.release.recipe import write_recipe
from spinebench.benchmark.release.registry import RECIPE, load_format
from spinebench.benchmark.release.rows import select_rows
from spinebench.errors import UsageError
from spinebench.folders import check_place, written_whole


def export_benchmark(
    bench: Benchmark, out: Path, *, format_name: str, options: ExportOptions
) -> dict[str, Any]:
    """The note of the release written to `out`; nothing stands there until all is written.

    The same benchmark and options give the same bytes. Raises UsageError for restricted pictures
    that were not accepted, an unknown format, an empty selection or a place that is taken.
    """
    place = check_place(out)
    if format_name == RECIPE:
        if options.subset or options.splits != ExportOptions().splits:
            raise UsageError("a recipe is of the whole benchmark; leave out --split and --subset")
        with written_whole(place) as folder:
            return write_recipe(bench, folder)
    chosen = load_format(format_name)
    selection = select_rows(bench, options.splits, subset=options.subset)
    restricted = check_redistribution(bench.manifest, selection.sources, options.accepted)
    with written_whole(place) as folder:
        note = chosen.write(selection, folder, options)
        page = folder / "README.md"
        if not page.exists():
            text = write_card_text(
                selection, configs={}, restricted=restricted, how_to_load=chosen.LOADING
            )
            page.write_text(text, encoding="utf-8")
    return {**note, "restricted": restricted}
