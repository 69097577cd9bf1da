"""One self-contained HTML file from an audit: what was found, examples of it, what was measured."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape
from PIL import Image as PillowImage

from spinebench.benchmark.audit.findings import (
    ITEMS_SHOWN,
    MEANING,
    SEVERITIES,
    AuditFinding,
    counted,
)
from spinebench.benchmark.audit.predict import LEVEL
from spinebench.benchmark.audit.registry import CHECKS, FAMILY_TITLES
from spinebench.benchmark.audit.run import Audit
from spinebench.benchmark.bundle import Benchmark
from spinebench.errors import UsageError
from spinebench.folders import check_writable
from spinebench.records import Image, Question
from spinebench.report.document import build_environment, render_document, write_document
from spinebench.report.gallery import encode_thumbnail
from spinebench.report.page import breakable, grouped
from spinebench.report.plots import interval_strip, interval_words, percent

EXAMPLES = 3  # of a finding
_GROUPS = 2  # of a finding on copies: two members of each
_LONG_SIDE_PX = 260
_NO_EXAMPLES = ("shortcuts_measured", "not_checked", "restricted_source_pixels", "small_test",
                "empty_split")  # fmt: skip
_MEASURE_WORDS = {
    "text_only": "Words, options and positions",
    "option_set": "The set of options",
    "longest_option": "The longest option",
    "shortest_option": "The shortest option",
    "spelling": "How options are written",
    "odd_spelling": "The option written unlike the others",
    "source": "Source",
    "modality": "Modality",
    "view": "View",
    "sequence": "Pulse sequence",
    "size": "Rows and columns",
    "aspect": "Aspect",
    "file_size": "Size of the file",
    "metadata": "All metadata",
    "corner_pixels": "The four corners",
    "corner_pixels_and_metadata": "The four corners and all metadata",
    "burnt_in_marks": "Marks near the borders",
    "burnt_in_marks_and_metadata": "Marks near the borders and all metadata",
}


@dataclass(frozen=True, slots=True)
class Example:
    """A picture of a finding, with the question asked about it."""

    data_uri: str | None  # None: it cannot be shown
    words: str  # modality, view, sequence
    image_id: str
    patient_id: str
    splits: str
    question: Question | None


def write_audit_page(bench: Benchmark, audit: Audit, out: Path) -> int:
    """Bytes of the page written; the same audit gives the same bytes.

    Raises UsageError if `out` is a folder or cannot be written.
    """
    if out.is_dir():
        raise UsageError(f"{out} is a folder; name the page to write")
    check_writable(out)
    data = render_audit_page(bench, audit).encode("utf-8")
    write_document(out, data)
    return len(data)


def render_audit_page(bench: Benchmark, audit: Audit) -> str:
    """HTML of the page."""
    environment = build_environment()
    environment.globals.update(
        percent=percent,
        interval_words=interval_words,
        interval_strip=interval_strip,
        breakable=breakable,
        grouped=grouped,
        coded=coded,
    )
    by_check = {finding.check: finding for finding in audit.findings}
    unchecked = set(by_check["not_checked"].items) if "not_checked" in by_check else set()
    questions = {question.question_id: question for question in bench.questions}
    return render_document(
        environment,
        "audit.html",
        ("theme.js",),
        head=head_words(bench),
        counts=audit.count_by_severity(),
        findings=audit.findings,
        examples={
            finding.check: list(_iter_examples(bench, questions, finding))
            for finding in audit.findings
        },
        checks=CHECKS,
        by_check=by_check,
        unchecked=unchecked,
        family_titles=FAMILY_TITLES,
        severities=tuple(reversed(SEVERITIES)),
        meaning=MEANING,
        measures=_measures_by_task(audit),
        measure_words=_MEASURE_WORDS,
        level=f"{100 * LEVEL:g}",
        items_shown=ITEMS_SHOWN,
        lead=lead_words(audit),
    )


def coded(text: str) -> Markup:
    """Text whose words between backticks are code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def head_words(bench: Benchmark) -> str:
    """What was audited, in one line."""
    patients = {image.patient_id for image in bench.images.values()}
    sources = ", ".join(sorted({image.source for image in bench.images.values()}))
    numbers = (
        f"{counted(len(bench.questions), 'question')} on {counted(len(bench.images), 'image')} of "
        f"{counted(len(patients), 'patient')}"
    )
    rule = bench.manifest.get("label_rule") or "not told"
    return f"{numbers}; sources {sources or 'none'}; rule {rule}"


def lead_words(audit: Audit) -> str:
    """The first sentence: how many faults there are above a note."""
    counts = [(s, n) for s, n in audit.count_by_severity().items() if n and s != "note"]
    if not counts:
        return "Nothing was found that needs mending."
    told = ", ".join(f"{number} {severity}" for severity, number in counts)
    total = sum(number for _, number in counts)
    return f"{total} {'fault was' if total == 1 else 'faults were'} found: {told}."


def _measures_by_task(audit: Audit) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in audit.measures:
        found.setdefault(one.task, []).append(one)
    return {task: sorted(some, key=lambda m: -m.gain) for task, some in sorted(found.items())}


def _iter_examples(
    bench: Benchmark, questions: dict[str, Question], finding: AuditFinding
) -> Iterator[Example]:
    """The first few items, or the first two members of the first groups."""
    if finding.check in _NO_EXAMPLES:
        return
    pairs = [image_id for group in finding.groups[:_GROUPS] for image_id in group[:2]]
    for name in pairs or finding.items[:EXAMPLES]:
        if name in questions:
            question = questions[name]
            yield _example(bench, bench.images[question.image_ids[0]], [question])
        elif name in bench.images:
            asked = [q for q in bench.questions if name in q.image_ids]
            yield _example(bench, bench.images[name], asked)


def _example(bench: Benchmark, image: Image, asked: Sequence[Question]) -> Example:
    words = " ".join(part for part in (image.modality, image.view, image.sequence) if part)
    splits = ", ".join(sorted({question.split for question in asked}))
    return Example(
        _data_uri(bench, image), words, image.image_id, image.patient_id, splits,
        asked[0] if asked else None,
    )  # fmt: skip


def _data_uri(bench: Benchmark, image: Image) -> str | None:
    path = bench.folder / image.path
    if not path.resolve().is_relative_to(bench.folder.resolve()):
        return None
    try:
        with PillowImage.open(path) as picture:
            data = encode_thumbnail(picture, _LONG_SIDE_PX)
    except (OSError, ValueError, SyntaxError, PillowImage.DecompressionBombError):
        return None  # the finding itself may be that it cannot be read
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
