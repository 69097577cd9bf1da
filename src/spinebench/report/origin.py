"""What a benchmark was built from, out of its manifest."""

from collections import Counter
from typing import Any

from spinebench.anatomy.diseases import HEALTHY
from spinebench.benchmark.bundle import Benchmark
from spinebench.report.views import FileAccount, Origin, SourceView

SPLITS = ("train", "test", "reserve")
MAX_NOTED_FILES = 12  # lines of a source's table for files that have a note but no counted unit


def read_origin(bench: Benchmark) -> Origin:
    """Sources, accounts, counts and settings of a benchmark."""
    manifest = bench.manifest
    counts = manifest["counts"]
    return Origin(
        sources=tuple(
            _source_view(name, source) for name, source in sorted(manifest["sources"].items())
        ),
        facts=_facts(manifest),
        splits=_splits(bench),
        classes=tuple(
            sorted(
                counts["diagnosis_by_class"].items(),
                key=lambda item: (item[0] == HEALTHY, item[0].casefold()),
            )
        ),
        hashes=tuple(sorted(manifest["tables"].items())),
        images=counts["images"],
        patients=counts["patients"],
        questions=counts["questions"],
    )


def _source_view(name: str, source: dict[str, Any]) -> SourceView:
    terms = source["terms"]
    # an imported benchmark may not know what its images and annotations were made from
    hashes = sorted(source.get("annotations_sha256", {}).items())
    if "images_sha256" in source:
        hashes.append(("all images used", source["images_sha256"]))
    return SourceView(
        name=name,
        title=source["title"],
        terms_name=terms["name"],
        terms_url=terms["url"],
        terms_summary=terms["summary"],
        redistribution=terms["redistribution"],
        third_party_models=terms["third_party_models"],
        images=source["images"],
        patients=source["patients"],
        files=_file_accounts(source["accounting"]),
        hashes=tuple(hashes),
    )


def _file_accounts(accounting: dict[str, Any]) -> tuple[FileAccount, ...]:
    """Files in which units are counted, then the files with notes only, as one line if many."""
    counted = [f for f, account in sorted(accounting.items()) if account["read"]]
    noted = [f for f, account in sorted(accounting.items()) if not account["read"]]
    if len(noted) <= MAX_NOTED_FILES:
        return tuple(_file_account(file, [accounting[file]]) for file in (*counted, *noted))
    together = _file_account(f"{len(noted):,} other files", [accounting[f] for f in noted])
    return (*(_file_account(file, [accounting[file]]) for file in counted), together)


def _file_account(name: str, accounts: list[dict[str, Any]]) -> FileAccount:
    reasons: Counter[str] = Counter()
    for account in accounts:
        reasons.update(account["reasons"])
    return FileAccount(
        file=name,
        read=sum(account["read"] for account in accounts),
        used=sum(account["used"] for account in accounts),
        dropped=sum(account["dropped"] for account in accounts),
        reasons=tuple(sorted(reasons.items())),
    )


def _splits(bench: Benchmark) -> tuple[tuple[str, int, int, int], ...]:
    counts = bench.manifest["counts"]
    tasks = counts["questions_by_task_and_split"]
    return tuple(
        (
            split,
            counts["patients_by_split"].get(split, 0),
            tasks.get("diagnosis", {}).get(split, 0),
            tasks.get("localization", {}).get(split, 0),
        )
        for split in SPLITS
    )


def _facts(manifest: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    if "imported" in manifest:
        return _import_facts(manifest)
    pool = manifest["question_pool"]
    outside = manifest["counts"]["negatives_outside_library"]
    return (
        ("Label rule", manifest["label_rule"]),
        ("Seed", str(manifest["seed"])),
        ("Images standardised as", manifest["policy"]),
        (
            "False options",
            f"the classes of the most similar images by {manifest['embedder']}, over at most "
            f"{manifest['library_per_disease']} images of each disease; "
            f"{outside} had no image of their class to compare with",
        ),
        ("Wordings", f"question pool {pool['name']}, SHA-256 {pool['sha256']}"),
        ("Identical pixels", f"{manifest['duplicates']} if two images have them"),
        ("Built by", f"spinebench {manifest['spinebench']}"),
    )


def _import_facts(manifest: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Of a release that others made: wordings, options and answers are theirs."""
    imported = manifest["imported"]
    accounts = imported["accounting"].values()
    read, used, dropped = (sum(a[key] for a in accounts) for key in ("read", "used", "dropped"))
    return (
        ("Label rule", manifest["label_rule"]),
        ("Imported from", f"a release in the format {imported['format']}"),
        ("Rows of it", f"{read:,} read, {used:,} used, {dropped:,} dropped"),
        *((f"SHA-256 of {file}", digest) for file, digest in imported["files"].items()),
        ("Imported by", f"spinebench {manifest['spinebench']}"),
    )
