"""One self-contained HTML file from a benchmark and its runs.

The file asks for nothing from outside: style, script and images stand in it, and its content
security policy forbids the rest. Everything that came from a model or a data set is escaped.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation.psychometric import LEAST_ANSWERS
from spinebench.folders import check_writable
from spinebench.report.board import PageOptions, build_page_view, gallery_of
from spinebench.report.curve_plot import curve_svg, describe_curve
from spinebench.report.document import build_environment, render_document, write_document
from spinebench.report.gallery import GROUPS, Group, Picture, all_cards, build_pictures
from spinebench.report.habits import RULES
from spinebench.report.page_plots import build_plots
from spinebench.report.plots import (
    MISSING,
    interval_strip,
    interval_words,
    percent,
    signed_strip,
)
from spinebench.report.power import DIFFERENCES
from spinebench.report.runs import LoadedRun
from spinebench.report.verdicts import points, power_words, unseen_words
from spinebench.report.views import PageView, PromptView, RunView

MAX_BYTES = 15 * 1000 * 1000
PICTURE_SHARE = 0.6  # of the page's bytes, at most, for images
DEFAULT_TITLE = "Spine images read by models"

# id, title, template; what has no template stands in that of the section before
_SECTIONS: tuple[tuple[str, str, str | None], ...] = (
    ("summary", "In short", "section_summary.html"),
    ("origin", "What was built from what", "section_origin.html"),
    ("board", "The board", "section_board.html"),
    ("standing", "Who can be told apart", "section_standing.html"),
    ("habits", "What the scores hide", "section_habits.html"),
    ("alignment", "Alignment", "section_alignment.html"),
    ("giveaway", "Image or metadata", "section_giveaway.html"),
    ("stress", "Changed pictures, growing lesions", "section_stress.html"),
    ("reported", "Reported elsewhere", "section_reported.html"),
    ("detail", "Model by model", "section_models.html"),
    ("gallery", "Gallery", None),
    ("method", "How it was measured", "section_method.html"),
)
SECTIONS = tuple(name for name, _, _ in _SECTIONS)

OUTCOME_WORDS = (
    ("answered", "Answered"),
    ("unparsed", "Unparsed"),
    ("refused", "Refused"),
    ("truncated", "Cut off"),
    ("failed", "Failed"),
    ("not_run", "Not run"),
)
GROUP_WORDS: tuple[tuple[Group, str, str], ...] = (
    ("found", "Disease found", "The image has the disease and the model named it."),
    ("healthy_found", "Healthy found", "The image is healthy and the model said so."),
    (
        "missed",
        "Disease missed",
        "The image has a disease and the model named something else. Where it called such images "
        "healthy, up to half of the sample shows that.",
    ),
    ("called_ill", "Healthy called ill", "The image is healthy and the model named a disease."),
)
INTERVAL_METHOD = (
    "95 %, by patient, because questions on one patient are alike. Shares of right answers: "
    "Wilson’s interval on the effective sample size (the number of questions divided by the "
    "design effect of patients) with a t quantile; means of precision and recall: "
    "cluster-robust t interval, cut at 0 and 100; mean of the two accuracies: combined from "
    "their intervals with the patients’ correlation (MOVER). A group from one patient has no "
    "interval."
)


def build_report(
    bench: Path,
    runs: Sequence[Path],
    out: Path,
    *,
    gallery_per_group: int = 6,
    **options: Any,
) -> dict[str, Any]:
    """Write the page of some runs on one benchmark; returns a summary. Keywords: `PageOptions`.

    The summary: `out`, `bytes`, `bench_sha256`, `split`, `patients`, and `runs`, a list of
    `label`, `model`, `run_id`, `complete`, `diagnosis`, `localization`, `overall` (fractions or
    None).
    Raises UsageError if a run is not of this benchmark or the page cannot be kept under 15 MB.
    """
    if not runs:
        raise UsageError("a report needs at least one run folder")
    if out.is_dir():
        raise UsageError(f"{out} is a folder; name the page to write")
    check_writable(out)
    benchmark = Benchmark.load(Path(bench))
    page, loaded = build_page_view(
        benchmark, [Path(run) for run in runs], PageOptions(**{"title": DEFAULT_TITLE, **options})
    )
    per_group = gallery_per_group
    while True:
        page = _with_gallery(benchmark, page, loaded, per_group)
        cards = all_cards(run.cards for run in page.runs)
        pictures = build_pictures(benchmark, cards, budget_bytes=int(PICTURE_SHARE * MAX_BYTES))
        data = render_page(page, pictures.values()).encode("utf-8")
        if len(data) <= MAX_BYTES:
            break
        if per_group == 0:
            raise UsageError(
                f"{len(runs)} runs do not fit on one page of {MAX_BYTES // 1_000_000} MB: "
                "give fewer"
            )
        per_group //= 2
    write_document(Path(out), data)
    return _summary(page, Path(out), len(data))


def _with_gallery(
    bench: Benchmark, page: PageView, runs: Sequence[LoadedRun], per_group: int
) -> PageView:
    views = tuple(
        replace(view, **gallery_of(bench, run, seed=page.seed, per_group=per_group))
        for view, run in zip(page.runs, runs, strict=True)
    )
    return replace(page, runs=views)


def render_page(
    page: PageView,
    pictures: Iterable[Picture],
    *,
    sections: Sequence[str] = SECTIONS,
    links: Mapping[str, str] | None = None,
    back: str | None = None,
) -> str:
    """HTML of the page; the same values give the same text.

    `sections` leaves parts away; `links` leads from the board to other pages, by the run's key;
    `back` is a page that this one belongs to.
    """
    environment = build_environment()
    environment.globals.update(
        percent=percent,
        points=points,
        p_value=p_value,
        describe_curve=describe_curve,
        curve_svg=curve_svg,
        interval_words=interval_words,
        interval_strip=interval_strip,
        signed_strip=signed_strip,
        breakable=breakable,
        grouped=grouped,
    )
    held = sorted(pictures, key=lambda picture: picture.key)
    return render_document(
        environment,
        "page.html",
        ("theme.js", "page.js"),
        page=page,
        sections=_shown_sections(page, sections, alone=back is not None),
        links=links,
        back=back,
        tiers=_tiers(page),
        habit_rules=RULES,
        power_words=power_words(page.power),
        differences=DIFFERENCES,
        unseen=_unseen(page),
        fewest_answers=LEAST_ANSWERS,
        pictures=held,
        picture_keys={picture.key: f"pic{number}" for number, picture in enumerate(held, 1)},
        outcome_words=OUTCOME_WORDS,
        group_words=GROUP_WORDS,
        interval_method=INTERVAL_METHOD,
        prompts=_distinct_prompts(page.runs),
        **build_plots(page),
    )


def p_value(value: float | None) -> str:
    """A p value as it is printed; the dash where none was taken."""
    if value is None:
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _shown_sections(
    page: PageView, wanted: Sequence[str], *, alone: bool
) -> list[tuple[str, str, str | None]]:
    """Id, title and template of the sections that this page has; the gallery is in `models`."""
    empty = {
        "alignment": page.alignment is None,
        "stress": not (page.stress or page.flips or page.curves),
        "reported": not page.reported,
    }
    return [
        (name, "Results" if name == "detail" and alone else title, template)
        for name, title, template in _SECTIONS
        if name in wanted and not empty.get(name, False)
    ]


def _tiers(page: PageView) -> dict[str, int]:
    """Tier by label, by the measure that orders the board; empty where nothing was compared."""
    if not page.standings:
        return {}
    groups = page.standings[0].groups
    return {label: number for number, group in enumerate(groups, 1) for label in group}


def grouped(count: int) -> str:
    """A whole number with its thousands apart: `48,692`."""
    return f"{count:,}"


def breakable(name: str) -> Markup:
    """A name that may be broken after a slash or an underscore and before a plus."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[/_])|(?=\+)", name))


def _unseen(page: PageView) -> tuple[str, list[str]]:
    """What is said of runs whose gain by the image is not known, and the commands for it."""
    unseen = [
        (run.label, run.habits.control_command)
        for run in page.runs
        if run.habits and run.habits.control_command
    ]
    return unseen_words([label for label, _ in unseen]), [command for _, command in unseen]


def _distinct_prompts(
    runs: Sequence[RunView],
) -> list[tuple[PromptView, str, list[str]]]:
    """Each prompt once, with its protocol and the runs that used it, in the board's order."""
    users: dict[tuple[str, PromptView], list[str]] = {}
    for run in runs:
        for prompt in run.prompts:
            users.setdefault((run.protocol, prompt), []).append(run.label)
    return [(prompt, protocol, labels) for (protocol, prompt), labels in users.items()]


def _summary(page: PageView, out: Path, size: int) -> dict[str, Any]:
    return {
        "out": str(out),
        "bytes": size,
        "bench_sha256": page.bench_sha256,
        "split": page.split,
        "patients": page.test_patients,
        "runs": [
            {
                "label": run.label,
                "model": run.model,
                "run_id": run.run_id,
                "complete": run.complete,
                "diagnosis": run.diagnosis.value,
                "localization": run.localization.exact.value,
                "overall": run.overall.value,
            }
            for run in page.runs
        ],
        "gallery": {group: sum(len(run.cards[group]) for run in page.runs) for group in GROUPS},
    }
