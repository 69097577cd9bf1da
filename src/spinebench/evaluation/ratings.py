"""Ratings of traces read back: means with intervals, and how far raters agree.

A file of ratings is CSV (`rater,item,criterion,score`) or JSON lines with the same keys. An empty
score is no rating: a rater who cannot judge a criterion leaves it out. A trace's score is the mean
over its raters; intervals are by patient; agreement is Krippendorff's alpha (ordinal, missing
ratings allowed) and the intra-class correlation over traces that all raters rated.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinebench.errors import DataError
from spinebench.evaluation import statistics
from spinebench.evaluation.reasoning import key_place
from spinebench.tables import read_manifest, sha256_of_file

FIELDS = ("rater", "item", "criterion", "score")


@dataclass(frozen=True, kw_only=True)
class Rating:
    """One rater's score of one trace on one criterion."""

    rater: str
    item: str
    criterion: str
    score: int


@dataclass(frozen=True, kw_only=True)
class _Packet:
    """What ratings are held against: the scale, and what stood behind each trace."""

    lowest: int
    highest: int
    criteria: Mapping[str, str]  # title by key
    items: Mapping[str, dict[str, Any]]  # the key's entry by item


def score_ratings(
    packet: Path, files: Sequence[Path], *, key: Path | None = None
) -> dict[str, Any]:
    """Means, intervals and agreement of the ratings of a packet.

    `raters`, `ratings`, `not_rated` (pairs of trace and criterion without any rating), `criteria`:
    by key `title`, `all` (`mean`, `low`, `high`, `traces`, `patients`), `agreement`, `by_model`,
    `by_task`, `by_model_and_task`, `by_right`. Raises DataError for a rating of a trace or
    criterion that is not in the packet, a score off the scale, and a second score for the same.
    """
    known = _load_packet(Path(packet), key)
    ratings = [rating for file in files for rating in _read_ratings(Path(file), known)]
    _check_repeats(ratings, files)
    raters = sorted({rating.rater for rating in ratings})
    by_pair: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for rating in ratings:
        by_pair[rating.criterion][rating.item][rating.rater] = rating.score
    return {
        "packet": str(packet),
        "scale": [known.lowest, known.highest],
        "raters": raters,
        "ratings": len(ratings),
        "not_rated": sum(len(known.items) - len(by_pair[one]) for one in known.criteria),
        "criteria": {
            one: {"title": title, **_score_criterion(by_pair[one], raters, known)}
            for one, title in known.criteria.items()
        },
    }


def _score_criterion(
    scores: Mapping[str, Mapping[str, int]], raters: Sequence[str], packet: _Packet
) -> dict[str, Any]:
    means = {item: float(np.mean(list(given.values()))) for item, given in scores.items()}
    groups: dict[str, dict[tuple[Any, ...], list[str]]] = {
        name: defaultdict(list) for name in ("model", "task", "model_and_task", "right")
    }
    for item in sorted(means):
        entry = packet.items[item]
        groups["model"][entry["model"],].append(item)
        groups["task"][entry["task"],].append(item)
        groups["model_and_task"][entry["model"], entry["task"]].append(item)
        groups["right"][entry["right"],].append(item)
    return {
        "all": _mean(sorted(means), means, packet),
        "agreement": _agreement(scores, raters),
        "by_model": _rows(groups["model"], ("model",), means, packet),
        "by_task": _rows(groups["task"], ("task",), means, packet),
        "by_model_and_task": _rows(groups["model_and_task"], ("model", "task"), means, packet),
        "by_right": _rows(groups["right"], ("right",), means, packet),
    }


def _rows(
    groups: Mapping[tuple[Any, ...], list[str]],
    names: tuple[str, ...],
    means: Mapping[str, float],
    packet: _Packet,
) -> list[dict[str, Any]]:
    return [
        {**dict(zip(names, values, strict=True)), **_mean(groups[values], means, packet)}
        for values in sorted(groups)
    ]


def _mean(items: Sequence[str], means: Mapping[str, float], packet: _Packet) -> dict[str, Any]:
    """Mean of traces with its 95 % interval by patient; None where nothing was rated."""
    # the interval is worked out from 0 up, so that it is cut where the scale ends
    values = [means[item] - packet.lowest for item in items]
    patients = [str(packet.items[item]["patient_id"]) for item in items]
    found = statistics.cluster_mean_interval(
        values, patients, highest=float(packet.highest - packet.lowest)
    )
    shifted = [None if v is None else v + packet.lowest for v in found]
    return {
        "mean": shifted[0],
        "low": shifted[1],
        "high": shifted[2],
        "traces": len(items),
        "patients": len(set(patients)),
    }


def _agreement(scores: Mapping[str, Mapping[str, int]], raters: Sequence[str]) -> dict[str, Any]:
    """Alpha over what there is; ICC over traces that every rater rated, or why there is none."""
    items = sorted(scores)
    table = np.array(
        [[scores[item].get(rater, np.nan) for item in items] for rater in raters], dtype=np.float64
    ).reshape(len(raters), len(items))
    several = int((np.isfinite(table).sum(axis=0) >= 2).sum()) if items else 0
    alpha = statistics.krippendorff_alpha(table, level="ordinal") if several else None
    return {
        "raters": len(raters),
        "traces_with_several": several,
        "krippendorff_alpha": alpha,
        **_icc(table),
    }


def _icc(table: NDArray[np.float64]) -> dict[str, Any]:
    whole = table[:, np.isfinite(table).all(axis=0)].T
    if table.shape[0] < 2 or whole.shape[0] < 2:
        few = "fewer than two raters, or fewer than two traces that all of them rated"
        return {"icc2": None, "icc2k": None, "icc_traces": whole.shape[0], "icc_note": few}
    single, mean = (statistics.icc(whole, kind=kind) for kind in ("ICC2", "ICC2k"))
    note = None if single is not None else "no score differs from another"
    return {"icc2": single, "icc2k": mean, "icc_traces": whole.shape[0], "icc_note": note}


def _load_packet(packet: Path, key: Path | None) -> _Packet:
    read_manifest(packet, "traces")
    place = key or key_place(packet)
    if not place.is_file():
        raise DataError(file=str(place), found="no such file", expected="the packet's key")
    entries = json.loads(place.read_text(encoding="utf-8"))
    digest = sha256_of_file(packet / "packet.jsonl")
    if entries.get("packet_sha256") != digest:
        raise DataError(
            file=str(place), field="packet_sha256", found=str(entries.get("packet_sha256")),
            expected=f"{digest}, that of the packet",
        )  # fmt: skip
    rubric = json.loads((packet / "rubric.json").read_text(encoding="utf-8"))
    return _Packet(
        lowest=rubric["lowest"],
        highest=rubric["highest"],
        criteria={one["key"]: one["title"] for one in rubric["criteria"]},
        items=entries["items"],
    )


def _read_ratings(file: Path, packet: _Packet) -> Iterator[Rating]:
    for place, row in _iter_rows(file):
        missing = [name for name in FIELDS if row.get(name) is None]
        if missing:
            raise DataError(
                file=str(file), place=place, field=missing[0], found="nothing", expected="a value"
            )
        score = str(row["score"]).strip()
        if not score:
            continue
        fields = {name: str(row[name]).strip() for name in FIELDS[:3]}
        for name, allowed in (("item", packet.items), ("criterion", packet.criteria)):
            if fields[name] not in allowed:
                raise DataError(
                    file=str(file), place=place, field=name, found=fields[name],
                    expected=f"one of the packet, such as {next(iter(allowed))}",
                )  # fmt: skip
        if not fields["rater"]:
            raise DataError(
                file=str(file), place=place, field="rater", found="nothing", expected="a name"
            )
        steps = [str(step) for step in range(packet.lowest, packet.highest + 1)]
        if score not in steps:
            raise DataError(
                file=str(file), place=place, field="score", found=score,
                expected=f"one of {', '.join(steps)}, or nothing",
            )  # fmt: skip
        yield Rating(score=int(score), **fields)


def _iter_rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows with their numbers, from 1; in CSV the header is row 1."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(file=str(file), found=reason, expected="ratings") from error
    except UnicodeDecodeError as error:
        raise DataError(file=str(file), found="not UTF-8 text", expected="ratings") from error
    if file.suffix in (".jsonl", ".ndjson"):
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield number, _read_line(file, number, line)
        return
    table = csv.DictReader(text.splitlines())
    header = table.fieldnames or ()
    if not set(FIELDS) <= set(header):
        raise DataError(
            file=str(file), place=1, field="header", found=" ".join(header) or "nothing",
            expected=",".join(FIELDS),
        )  # fmt: skip
    for number, row in enumerate(table, 2):
        yield number, row


def _read_line(file: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(
            file=str(file), place=number, found=error.msg, expected="a JSON object"
        ) from error
    if not isinstance(row, dict):
        raise DataError(
            file=str(file), place=number, found=type(row).__name__, expected="a JSON object"
        )
    return {"score": "", **{k: "" if v is None else v for k, v in row.items()}}


def _check_repeats(ratings: Sequence[Rating], files: Sequence[Path]) -> None:
    seen: set[tuple[str, str, str]] = set()
    for rating in ratings:
        same = (rating.rater, rating.item, rating.criterion)
        if same in seen:
            raise DataError(
                file=", ".join(str(file) for file in files), field="score",
                found=f"two of rater {rating.rater} for {rating.item}, {rating.criterion}",
                expected="one",
            )  # fmt: skip
        seen.add(same)
