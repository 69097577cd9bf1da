"""Traces for people to rate: a sample of what models said, without who said it.

As published (arXiv 2510.12267, appendix D): ten traces for each model and task, three criteria from
1 to 5. Here the sample is seeded and keeps the run's share of right answers, at least one right and
one wrong trace where there are both, and takes another patient for each trace where it can.

packet.jsonl        one trace a line: item, task, question, options, images, trace
images/ab/ab12….png what the model was sent
rubric.json         criteria and anchors
ratings.csv         rater, item, criterion, score; to be filled in
manifest.json       kind "traces": counts, hashes. It names no model

The key (which model said what, and whether it was right) is a file beside the folder, DIR.key.json:
raters get the folder only.
"""

import csv
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

import spinebench
from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.folders import check_free, check_place, written_whole
from spinebench.records import Prediction, Question, item_seed
from spinebench.tables import (
    read_manifest,
    read_table,
    sha256_of_file,
    write_by_hash,
    write_json,
)

PER_TASK = 10  # as published
MASK = "[model]"
_FEWEST_CHARACTERS = 40  # a closing line alone is no reasoning that anybody could rate


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One thing that raters judge, with words for the steps of its scale that have any."""

    key: str
    title: str
    about: str
    anchors: Mapping[int, str]


@dataclass(frozen=True, kw_only=True)
class Rubric:
    """What raters judge, and the names of models that traces must not show."""

    name: str  # with its version: "reasoning/1"
    lowest: int
    highest: int
    criteria: tuple[Criterion, ...]
    masked: tuple[str, ...]  # patterns


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One answer that was drawn."""

    prediction: Prediction
    question: Question
    right: bool


def load_rubric() -> Rubric:
    """The rubric that ships with the package."""
    place = resources.files("spinebench").joinpath("data", "reasoning", "rubric.json")
    found = json.loads(place.read_text("utf-8"))
    return Rubric(
        name=f"{found['name']}/{found['version']}",
        lowest=found["lowest"],
        highest=found["highest"],
        criteria=tuple(
            Criterion(
                key=one["key"],
                title=one["title"],
                about=one["about"],
                anchors={int(step): words for step, words in one["anchors"].items()},
            )
            for one in found["criteria"]
        ),
        masked=tuple(found["masked"]),
    )


def key_place(packet: Path) -> Path:
    """Where the key of a packet lies: beside it."""
    return packet.with_name(packet.name + ".key.json")


def write_packet(
    bench: Path, runs: Sequence[Path], out: Path, *, seed: int, per_task: int = PER_TASK
) -> dict[str, Any]:
    """Write a packet for raters to `out` and its key beside it; returns the manifest.

    Raises UsageError if `out` is taken, if a run is of another benchmark, or if two runs have the
    same id; runs and tasks with fewer traces than asked for stand in the manifest's `short`.
    """
    place = check_place(out)
    check_free(key_place(place))
    benchmark = Benchmark.load(Path(bench))
    rubric = load_rubric()
    traces, short = _draw_all(benchmark, [Path(run) for run in runs], seed, per_task)
    with written_whole(place) as folder:
        items = _write_items(folder, benchmark, traces, rubric, seed)
        write_json(folder / "rubric.json", _rubric_as_data(rubric))
        _write_form(folder / "ratings.csv", [item["item"] for item in items], rubric)
        key = {
            "kind": "traces-key",
            "seed": seed,
            "per_task": per_task,
            "short": short,
            "packet_sha256": sha256_of_file(folder / "packet.jsonl"),
            "items": {
                item["item"]: _key_entry(trace, masked)
                for (item, masked), trace in zip(
                    ((item, item.pop("masked")) for item in items), traces, strict=True
                )
            },
        }
        manifest = _build_manifest(folder, benchmark, items, rubric, seed)
        write_json(folder / "manifest.json", manifest)
        write_json(key_place(place), key)
    return {**manifest, "short": short, "key": str(key_place(out))}


def draw_traces(
    predictions: Sequence[Prediction], questions: Sequence[Question], *, seed: int, count: int
) -> list[Trace]:
    """At most `count` traces of one model and task, in the order drawn.

    Right and wrong ones in the proportion of the run, at least one of each where there are both.
    The order hangs on the question only, so models are judged on the same questions where their
    answers fall on the same side. A second trace of a patient is taken only if none else is left.
    """
    by_id = {question.question_id: question for question in questions}
    known: dict[str, Trace] = {}
    for prediction in sorted(predictions, key=lambda p: (p.epoch, p.letter_map)):
        question = by_id.get(prediction.question_id)
        if question is None or prediction.outcome != "answered":
            continue
        if len(prediction.raw_text.strip()) < _FEWEST_CHARACTERS:
            continue
        trace = Trace(
            prediction=prediction, question=question, right=prediction.letters == question.gold
        )
        known.setdefault(prediction.question_id, trace)  # one asking of each question
    ordered = sorted(known.values(), key=lambda t: item_seed(seed, "trace", t.question.question_id))
    sides = {side: [t for t in ordered if t.right is side] for side in (True, False)}
    wanted = _share_out(len(sides[True]), len(sides[False]), count)
    drawn: list[Trace] = []
    for side in (True, False):
        drawn += _other_patients_first(sides[side], wanted[side], drawn)
    return drawn


def mask_names(text: str, model: str, rubric: Rubric) -> tuple[str, int]:
    """Text with the names of models replaced, and how many there were."""
    # parts without a digit (together, vision) are words that a trace may well use
    own = [part for part in re.split(r"[/:]", model) if re.search(r"\d", part)]
    patterns = [*rubric.masked, *(re.escape(part) for part in own)]
    return re.subn(
        r"(?<![0-9A-Za-z])(?:" + "|".join(patterns) + r")(?![0-9A-Za-z])",
        MASK,
        text,
        flags=re.IGNORECASE,
    )


def _share_out(right: int, wrong: int, count: int) -> dict[bool, int]:
    total = right + wrong
    if total <= count:
        return {True: right, False: wrong}
    of_right = round(count * right / total)
    if count >= 2:
        of_right = max(min(right, 1), min(of_right, count - min(wrong, 1)))
    of_right = max(count - wrong, min(of_right, right))
    return {True: of_right, False: count - of_right}


def _other_patients_first(
    traces: Sequence[Trace], count: int, drawn: Sequence[Trace]
) -> list[Trace]:
    seen = {trace.question.patient_id for trace in drawn}
    first: list[Trace] = []
    rest: list[Trace] = []
    for trace in traces:
        known = trace.question.patient_id in seen
        (rest if known else first).append(trace)
        seen.add(trace.question.patient_id)
    return [*first, *rest][:count]


def _draw_all(
    benchmark: Benchmark, runs: Sequence[Path], seed: int, per_task: int
) -> tuple[list[Trace], list[dict[str, Any]]]:
    """Traces of all runs in a random order, and what fell short."""
    expected = sha256_of_file(benchmark.folder / "manifest.json")
    traces: list[Trace] = []
    short = []
    known: set[str] = set()
    for run in runs:
        manifest = read_manifest(run, "run")
        if manifest["benchmark"]["manifest_sha256"] != expected:
            raise UsageError(f"{run} is a run on another benchmark than {benchmark.folder}")
        if manifest["run_id"] in known:
            raise UsageError(f"{run}: another folder holds the same run {manifest['run_id']}")
        known.add(manifest["run_id"])
        predictions = read_table(run / "predictions.parquet", Prediction)
        for task in sorted(manifest["prompts"]):
            of_task = [q for q in benchmark.questions if q.task == task]
            drawn = draw_traces(predictions, of_task, seed=seed, count=per_task)
            traces += drawn
            if len(drawn) < per_task:
                short.append({"run_id": manifest["run_id"], "task": task, "drawn": len(drawn)})
    if not traces:
        raise UsageError("none of the runs holds an answer with reasoning to rate")
    order = np.random.default_rng(item_seed(seed, "order of the packet")).permutation(len(traces))
    return [traces[place] for place in order], short


def _write_items(
    folder: Path, benchmark: Benchmark, traces: Sequence[Trace], rubric: Rubric, seed: int
) -> list[dict[str, Any]]:
    """Items of the packet, written to packet.jsonl without `masked`, the number of names hidden."""
    items = []
    for number, trace in enumerate(traces, 1):
        question, prediction = trace.question, trace.prediction
        text, masked = mask_names(prediction.raw_text, prediction.model, rubric)
        shown = dict(zip(question.lettered, prediction.letter_map, strict=True))
        items.append(
            {
                "item": f"T{number:03d}",
                "task": question.task,
                "question": question.text,
                "multiple": question.multiple,
                # as the model saw them, so that the letters in its text mean the same here
                "options": {
                    letter: question.lettered[original] for letter, original in shown.items()
                },
                "images": [
                    _copy_image(folder, benchmark, image_id) for image_id in question.image_ids
                ],
                "trace": text,
                "masked": masked,
            }
        )
    lines = [
        json.dumps({k: v for k, v in item.items() if k != "masked"}, ensure_ascii=False) + "\n"
        for item in items
    ]
    (folder / "packet.jsonl").write_text("".join(lines), encoding="utf-8")
    return items


def _copy_image(folder: Path, benchmark: Benchmark, image_id: str) -> str:
    image = benchmark.images[image_id]
    data = (benchmark.folder / image.path).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != image.file_sha256:
        raise UsageError(f"{benchmark.folder}: the picture {image.path} was altered")
    relative, _ = write_by_hash(folder / "images", data, Path(image.path).suffix)
    return f"images/{relative}"


def _write_form(path: Path, items: Sequence[str], rubric: Rubric) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("rater", "item", "criterion", "score"))
        writer.writerows(
            ("", item, criterion.key, "") for item in items for criterion in rubric.criteria
        )


def _key_entry(trace: Trace, masked: int) -> dict[str, Any]:
    prediction, question = trace.prediction, trace.question
    return {
        "model": prediction.model,
        "run_id": prediction.run_id,
        "protocol": prediction.protocol,
        "question_id": prediction.question_id,
        "patient_id": question.patient_id,
        "epoch": prediction.epoch,
        "letter_map": prediction.letter_map,
        "task": question.task,
        "right": trace.right,
        "names_masked": masked,
    }


def _rubric_as_data(rubric: Rubric) -> dict[str, Any]:
    return {
        "name": rubric.name,
        "lowest": rubric.lowest,
        "highest": rubric.highest,
        "criteria": [
            {
                "key": one.key,
                "title": one.title,
                "about": one.about,
                "anchors": {str(step): words for step, words in one.anchors.items()},
            }
            for one in rubric.criteria
        ],
    }


def _build_manifest(
    folder: Path,
    benchmark: Benchmark,
    items: Sequence[Mapping[str, Any]],
    rubric: Rubric,
    seed: int,
) -> dict[str, Any]:
    names = ("packet.jsonl", "rubric.json", "ratings.csv")
    sources = benchmark.manifest["sources"]
    return {
        "kind": "traces",
        "spinebench": spinebench.__version__,
        "seed": seed,
        "rubric": rubric.name,
        "items": len(items),
        "by_task": {
            task: sum(item["task"] == task for item in items)
            for task in sorted({item["task"] for item in items})
        },
        "benchmark": {"manifest_sha256": sha256_of_file(benchmark.folder / "manifest.json")},
        "may_not_be_given_on": sorted(
            source["title"] for source in sources.values() if not source["terms"]["redistribution"]
        ),
        "files": {name: sha256_of_file(folder / name) for name in names},
    }
