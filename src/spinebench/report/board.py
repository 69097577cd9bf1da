"""From a benchmark and its runs to the values of the page. Every figure comes from `score`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.evaluation import score
from spinebench.evaluation.published import load_published
from spinebench.evaluation.side import check_no_side_task
from spinebench.records import Prediction, Question
from spinebench.report.estimates import estimate_of
from spinebench.report.flips import build_flips
from spinebench.report.gallery import count_groups, sample_cards
from spinebench.report.habits import build_habits, named_habits, with_habits
from spinebench.report.origin import read_origin
from spinebench.report.power import build_power
from spinebench.report.run_view import build_run_views
from spinebench.report.runs import LoadedRun, load_run
from spinebench.report.standing import build_duel, build_standings
from spinebench.report.stress import build_curve_views, build_stress
from spinebench.report.views import AlignmentView, PageView, RunView, SourceComparison
from spinebench.report.views_pairs import Duel
from spinebench.report.words import (
    METADATA,
    NEAREST,
    SUBSET_WORDS,
    alignment_words,
    blind_words,
    comparison_words,
    giveaway_words,
    habit_words,
    summary_words,
    warning_words,
)
from spinebench.tables import iter_records, sha256_of_file

# shown first where metadata and image are held against each other
_FIRST = (METADATA, NEAREST)


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """What a page says beside its runs."""

    title: str
    preface: Sequence[str] = ()  # paragraphs that only the caller can know
    seed: int = 0
    perturbed: Sequence[Path] = ()  # runs on changed pictures of this benchmark
    flips: Sequence[Path] = ()  # runs on a side task, mirrored and not
    truth: Sequence[Path] = ()  # truth tables of phantoms, for curves
    reported: bool = True  # the published tables, apart from what is measured


def build_page_view(
    bench: Benchmark, folders: Sequence[Path], options: PageOptions
) -> tuple[PageView, list[LoadedRun]]:
    """The page without its gallery, and the runs in the board's order."""
    check_no_side_task(bench.questions, str(bench.folder))
    if "perturbed" in bench.manifest:
        raise UsageError(
            f"{bench.folder} holds changed pictures: give its runs as --perturbed beside the runs "
            "on the benchmark it was made from"
        )
    bench_sha256 = sha256_of_file(bench.folder / "manifest.json")
    runs = [load_run(folder, bench, bench_sha256) for folder in folders]
    split, subset = _one_split(runs)
    seed = options.seed
    views = build_run_views(runs, seed=seed)
    order = sorted(range(len(runs)), key=lambda i: _rank(views[i]))
    runs = [runs[i] for i in order]
    views = with_habits([views[i] for i in order], build_habits(runs, seed=seed))
    ranked = {
        view.label: run.answers
        for view, run in zip(views, runs, strict=True)
        if view.complete and not view.control
    }
    standings = build_standings(ranked, seed=seed)
    shown = [view for view in views if not view.control]
    asked = [q for q in bench.questions if q.split == split and (q.in_subset or not subset)]
    diagnosis = [q for q in asked if q.task == "diagnosis"]
    localization = [q for q in asked if q.task == "localization"]
    origin = read_origin(bench)
    patients = len({q.patient_id for q in asked})
    chances = chance_of(diagnosis), chance_of(localization)
    alignment = _alignment(views, runs, [q for q in asked if q.task == "alignment"])
    comparisons = _comparisons(views, runs, diagnosis, {s.name: s.title for s in origin.sources})
    page = PageView(
        title=options.title,
        summary=(
            *options.preface,
            *summary_words(
                origin,
                shown,
                standings,
                split=split,
                patients=patients,
                diagnosis=len(diagnosis),
                localization=len(localization),
                diagnosis_chance=chances[0],
                localization_chance=chances[1],
            ),
            *(alignment_words(alignment) if alignment else ()),
            *((SUBSET_WORDS,) if subset else ()),
            *habit_words(named_habits(views)),
            *blind_words(views, chances[0]),
            *giveaway_words([(c.title, c.metadata, c.chance) for c in comparisons]),
        ),
        warnings=warning_words(
            views, patients=patients, rule=bench.manifest["label_rule"], split=split
        ),
        origin=origin,
        split=split,
        test_patients=patients,
        test_diagnosis=len(diagnosis),
        test_localization=len(localization),
        diagnosis_chance=chances[0],
        localization_chance=chances[1],
        runs=tuple(views),
        comparisons=comparisons,
        bench_sha256=bench_sha256,
        version=bench.manifest["spinebench"],
        seed=seed,
        subset=subset,
        alignment=alignment,
        standings=standings,
        duel=_first_two(shown, ranked, seed=seed),
        power=build_power(ranked, baselines=[view.label for view in views if view.baseline]),
        flips=build_flips(views, options.flips),
        stress=build_stress(views, runs, options.perturbed, bench=bench.folder, seed=seed),
        curves=build_curve_views(views, runs, options.truth, bench=bench.folder, seed=seed),
        reported=load_published() if options.reported else (),
    )
    return page, runs


def _first_two(
    views: Sequence[RunView], ranked: Mapping[str, pl.DataFrame], *, seed: int
) -> Duel | None:
    """The two models that stand first, baselines only where there are no two models."""
    labels = [view.label for view in views if view.label in ranked]
    models = [view.label for view in views if view.label in ranked and not view.baseline]
    first_two = (models if len(models) >= 2 else labels)[:2]
    if len(first_two) < 2:
        return None
    first, second = ((label, ranked[label]) for label in first_two)
    return build_duel(first, second, seed=seed)


def chance_of(questions: Sequence[Question]) -> float | None:
    """What guessing gives: one option of n, or one of all 2^n - 1 non-empty sets."""
    if not questions:
        return None
    shares = [
        1 / (2 ** len(q.options) - 1) if q.multiple else 1 / len(q.options) for q in questions
    ]
    return sum(shares) / len(shares)


def gallery_of(bench: Benchmark, run: LoadedRun, *, seed: int, per_group: int) -> dict[str, Any]:
    """The gallery fields of a `RunView`."""
    predictions = iter_records(run.frame, Prediction)
    counts, outside = count_groups(bench, predictions)
    cards = sample_cards(bench, predictions, seed=seed, per_group=per_group)
    return {"cards": cards, "group_counts": counts, "outside_groups": outside}


def _one_split(runs: Sequence[LoadedRun]) -> tuple[str, bool]:
    """The split of all runs, and whether only its evaluation subset was asked."""
    splits = sorted({run.manifest["split"] for run in runs})
    if len(splits) > 1:
        raise UsageError(f"the runs are on different splits: {', '.join(splits)}")
    subsets = {bool(run.manifest.get("subset")) for run in runs}  # runs before it have no such key
    if len(subsets) > 1:
        short = [run.folder.name for run in runs if run.manifest.get("subset")]
        raise UsageError(
            f"{', '.join(short)} asked the evaluation subset only, others the whole split; run"
            " these again with --subset, or the former without"
        )
    return str(splits[0]), subsets.pop()


def _rank(view: RunView) -> tuple[bool, float, float, float, str]:
    """Overall first; what is not known stands last, and controls without image after all."""
    values = (view.overall.value, view.diagnosis.value, view.localization.exact.value)
    first, second, third = (1.0 if v is None else -v for v in values)
    return view.control, first, second, third, view.label


def _comparisons(
    views: Sequence[RunView],
    runs: Sequence[LoadedRun],
    questions: Sequence[Question],
    titles: Mapping[str, str],
) -> tuple[SourceComparison, ...]:
    made = []
    for source in sorted({q.source for q in questions}):
        chance = chance_of([q for q in questions if q.source == source])
        rows = [
            (view, estimate_of(score.score_accuracy(run.answers.filter(
                (pl.col("task") == "diagnosis") & (pl.col("source") == source)))))
            for view, run in zip(views, runs, strict=True)
        ]  # fmt: skip
        rows.sort(key=lambda row: _FIRST.index(row[0].model) if row[0].model in _FIRST else 2)
        made.append(
            SourceComparison(
                source=source,
                title=titles.get(source, source),
                rows=tuple((view.label, view.baseline, e) for view, e in rows),
                chance=chance,
                words=comparison_words(
                    [(v.label, v.model, e) for v, e in rows if not v.control], chance
                ),
                metadata=next((e for v, e in rows if v.model == METADATA), None),
            )
        )
    return tuple(made)


def _alignment(
    views: Sequence[RunView], runs: Sequence[LoadedRun], questions: Sequence[Question]
) -> AlignmentView | None:
    if not questions:
        return None
    parts = [run.answers.filter(pl.col("task") == "alignment") for run in runs]
    return AlignmentView(
        questions=len(questions),
        patients=len({question.patient_id for question in questions}),
        chance=chance_of(questions),
        rows=tuple(
            (view.label, view.baseline, estimate_of(score.score_accuracy(part)))
            for view, part in zip(views, parts, strict=True)
        ),
    )
