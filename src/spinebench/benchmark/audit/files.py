"""Whether every picture is there, is the one that the benchmark names, and can be read."""

from collections.abc import Iterator

from spinebench.benchmark.audit.findings import AuditFinding, Severity, build_finding, counted
from spinebench.benchmark.audit.material import Material


def check_files(material: Material) -> Iterator[AuditFinding]:
    """Findings on the files of all images, asked about or not."""
    pictures = material.pictures
    missing: list[str] = []
    unreadable: list[str] = []
    other: list[str] = []
    for row, image_id in enumerate(pictures.ids):
        if pictures.state[row] == "missing":
            missing.append(image_id)
        elif pictures.file_sha256[row] not in (None, material.images[image_id].file_sha256):
            # damage shows as another hash: one fault, told by the graver word
            (other if pictures.state[row] == "ok" else unreadable).append(image_id)
        elif pictures.state[row] == "unreadable":
            unreadable.append(image_id)
    quality = material.bench.quality
    unclear = sorted(i for i in quality if i in material.asked and not quality[i].clear)
    found: tuple[tuple[str, Severity, list[str], str], ...] = (
        ("missing_image", "critical", missing, "not there"),
        ("unreadable_image", "critical", unreadable, "not to be read as a picture"),
        ("image_hash_mismatch", "critical", other, "other than the file the benchmark names"),
        ("unclear_image", "minor", unclear, "unclear by the quality table"),
    )
    for check, severity, items, words in found:
        verb = "is" if len(items) == 1 else "are"
        summary = f"{counted(len(items), 'picture')} {verb} {words}"
        if check == "unclear_image":
            reasons = sorted({str(quality[i].reason) for i in items})
            summary += f" ({', '.join(reasons)})"
        yield from build_finding(check, severity, summary, sorted(items),
                                 drop=material.question_ids(items))  # fmt: skip
    lost = sorted(question.question_id for question in material.lost)
    summary = f"{counted(len(lost), 'question')} about an image that no table has"
    yield from build_finding("image_unknown", "critical", summary, lost, drop=lost)
    altered = material.bench.altered_tables()
    summary = f"{counted(len(altered), 'table')} with other bytes than the manifest names"
    yield from build_finding("table_altered", "critical", summary, altered)
    yield from _restricted(material)


def _restricted(material: Material) -> list[AuditFinding]:
    sources = material.bench.manifest.get("sources", {})
    closed = {
        name
        for name, source in sources.items()
        if not source.get("terms", {}).get("redistribution", False)
    }
    items = sorted(i for i, image in material.images.items() if image.source in closed)
    named = ", ".join(sorted({material.images[i].source for i in items}))
    summary = f"{counted(len(items), 'picture')} of {named} may not be given on"
    return build_finding("restricted_source_pixels", "note", summary, items)
