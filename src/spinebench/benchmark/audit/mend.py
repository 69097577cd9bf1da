"""A mended copy of a benchmark: what the findings' rules drop is left out, and told.

The copy is written beside the original, which stays as it is. Its ledger has a line for each
question and image that was dropped, and for each source row that nothing rests on any more; the
accounts of the sources follow, so that read = used + dropped holds in the copy too.
"""

import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spinebench.benchmark.audit.registry import CHECKS
from spinebench.benchmark.audit.run import Audit
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.write import BenchmarkContent, write_benchmark
from spinebench.errors import DataError, UsageError
from spinebench.folders import check_place, written_whole
from spinebench.records import Image, Question, Reject, sha256_of_json
from spinebench.tables import sha256_of_file

# Images that no question can be asked about go even where none is.
_BAD_FILES = ("missing_image", "unreadable_image", "image_hash_mismatch")
_UNIT = re.compile(r"(.+?):(\d+)(?::(.+))?", re.DOTALL)
_WRITTEN_ANEW = ("kind", "spinebench", "counts", "tables")  # of a manifest

Unit = tuple[str, str, int, str | None]  # source, file, row, column


@dataclass(frozen=True)
class Mended:
    """What mending dropped; each question counts for the gravest check that drops it."""

    folder: Path
    questions: Mapping[str, str]  # check by id of a dropped question
    images: Mapping[str, str]  # check by id of a dropped image
    kept_questions: int
    kept_images: int

    def count_by_check(self) -> dict[str, int]:
        """Dropped questions by check, in the order of the checks' table."""
        counts = Counter(self.questions.values())
        return {check: counts[check] for check in CHECKS if counts[check]}


def check_mend_place(bench: Benchmark, out: Path) -> Path:
    """Where a mended copy may be written. Raises UsageError unless it is free and apart."""
    place = check_place(out)
    if place.is_relative_to(bench.folder.resolve()):
        raise UsageError(f"{out} lies in {bench.folder}, which is never written to")
    return place


def mend_benchmark(bench: Benchmark, audit: Audit, out: Path) -> Mended:
    """Write a copy without what the audit's findings drop. Raises UsageError for a bad place."""
    place = check_mend_place(bench, out)
    questions: dict[str, str] = {}
    images: dict[str, str] = {}
    for finding in audit.findings:  # the gravest first
        for question_id in finding.drop:
            questions.setdefault(question_id, finding.check)
        if finding.check in _BAD_FILES:
            images.update({i: finding.check for i in finding.items if i not in images})
    kept = [q for q in bench.questions if q.question_id not in questions]
    asked = {image_id for q in kept for image_id in q.image_ids}
    for question in bench.questions:
        for image_id in set(question.image_ids) - asked:
            images.setdefault(image_id, questions[question.question_id])
    kept_images = [image for i, image in bench.images.items() if i not in images]
    mended = Mended(place, questions, images, len(kept), len(kept_images))
    with written_whole(place) as folder:
        for image in kept_images:
            _copy(bench.folder, folder, image.path)
        about = _about(bench, mended, kept_images)
        lines = [*bench.rejects, *_settle(bench, mended, kept, about["sources"])]
        write_benchmark(folder, _content(bench, kept, kept_images, lines), about)
    return mended


def _copy(source: Path, target: Path, relative: str) -> None:
    file = source / relative
    if not file.resolve().is_relative_to(source.resolve()):
        raise DataError(
            file=str(source / "images.parquet"), field="path", found=relative,
            expected="a path in this folder",
        )  # fmt: skip
    (target / relative).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target / relative)


def _content(
    bench: Benchmark,
    questions: Sequence[Question],
    images: Sequence[Image],
    rejects: Sequence[Reject],
) -> BenchmarkContent:
    vectors = None
    if "embeddings.parquet" in bench.manifest["tables"]:
        ids, every = bench.embeddings()
        row_of = {image_id: row for row, image_id in enumerate(ids)}
        vectors = every[[row_of[image.image_id] for image in images]]
    gone = bench.images.keys() - {image.image_id for image in images}
    return BenchmarkContent(
        images=images,
        findings=[f for f in bench.findings.values() if f.image_id not in gone],
        questions=questions,
        rejects=sorted(rejects, key=_ledger_order),
        vectors=vectors,
        quality=[q for i, q in bench.quality.items() if i not in gone],
    )


def _ledger_order(line: Reject) -> tuple[str, str, int, str, str, str]:
    return line.source, line.file, line.row or 0, line.column or "", line.reason, line.detail


def _about(bench: Benchmark, mended: Mended, images: Sequence[Image]) -> dict[str, Any]:
    about = deepcopy({k: v for k, v in bench.manifest.items() if k not in _WRITTEN_ANEW})
    for name, source in about.setdefault("sources", {}).items():
        own = [image for image in images if image.source == name]
        source["images"] = len(own)
        source["patients"] = len({image.patient_id for image in own})
        originals = {image.image_id: image.original_sha256 for image in own}
        source["images_sha256"] = sha256_of_json(originals)
    about["mended"] = {
        "from_manifest_sha256": sha256_of_file(bench.folder / "manifest.json"),
        "dropped_questions": mended.count_by_check(),
        "dropped_images": dict(sorted(Counter(mended.images.values()).items())),
        "earlier": bench.manifest.get("mended"),
    }
    return about


def _settle(
    bench: Benchmark, mended: Mended, kept: Sequence[Question], sources: Mapping[str, Any]
) -> list[Reject]:
    """Ledger lines of what was dropped; `sources` get the new accounts."""
    lines = []
    by_id = {question.question_id: question for question in bench.questions}
    for question_id, check in sorted(mended.questions.items()):
        source = by_id[question_id].source
        lines.append(_line(source, "questions.parquet", None, None, check, question_id))
    for image_id, check in sorted(mended.images.items()):
        source = bench.images[image_id].source
        lines.append(_line(source, "images.parquet", None, None, check, image_id))
    still_used = {row for question in kept for row in question.rests_on}
    lost: dict[str, str] = {}
    for question_id, check in mended.questions.items():
        for row in by_id[question_id].rests_on:
            if row not in still_used:
                lost.setdefault(row, check)
    moved: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row, check in sorted(lost.items()):
        source, file, number, column = parse_unit(row)
        if file not in sources.get(source, {}).get("accounting", {}):
            continue  # an import that keeps no account of its files
        lines.append(_line(source, file, number, column, check, "its questions were dropped"))
        moved[source, file][check] += 1
    for (source, file), reasons in moved.items():
        _move(sources[source]["accounting"][file], reasons, f"{source}:{file}")
    return lines


def _line(
    source: str, file: str, row: int | None, column: str | None, reason: str, detail: str
) -> Reject:
    return Reject(source=source, file=file, row=row, column=column, reason=reason, detail=detail)


def parse_unit(name: str) -> Unit:
    """Source, file, row and column of a row as `Question.rests_on` names it."""
    source, _, rest = name.partition(":")
    match = _UNIT.fullmatch(rest)
    if match is None:
        raise DataError(
            file="questions.parquet", field="rests_on", found=repr(name),
            expected="SOURCE:FILE:ROW or SOURCE:FILE:ROW:COLUMN",
        )  # fmt: skip
    file, row, column = match.groups()
    return source, file, int(row), column


def _move(account: dict[str, Any], reasons: Counter[str], file: str) -> None:
    number = reasons.total()
    if account["used"] < number:
        raise DataError(
            file=file, field="accounting", found=f"{account['used']} used",
            expected=f"at least the {number} that its questions rest on",
        )  # fmt: skip
    account["used"] -= number
    account["dropped"] += number
    counts = Counter(account["reasons"]) + reasons
    account["reasons"] = dict(sorted(counts.items()))
