"""The page that goes with a release: what it holds, from whom, under which terms."""

from collections.abc import Mapping, Sequence
from typing import Any

from spinebench.benchmark.release.rows import Selection

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_card_text(
    selection: Selection,
    *,
    configs: Mapping[str, Mapping[str, str]],
    restricted: Sequence[str],
    how_to_load: str,
) -> str:
    """Text of README.md: with `configs` a YAML head that the Hugging Face hub reads, then words.

    `configs` maps a configuration to its splits and their file patterns.
    """
    manifest = selection.bench.manifest
    lines = [*_head(selection, configs, restricted), ""] if configs else []
    lines += ["# Spine questions", ""]
    lines += [
        f"{len(selection.rows)} multiple-choice questions on {len(selection.images)} images of "
        f"{len({i.patient_id for i in selection.images.values()})} patients, made by `spinebench` "
        f"under the label rule `{manifest['label_rule']}` with seed {manifest['seed']}.",
        "",
        "Not a medical device. Answers rest on the labels of the image sets named below.",
        "",
        "## Questions",
        "",
        "| task | split | questions |",
        "|---|---|---|",
    ]
    for task in sorted({row.task for row in selection.rows}):
        for split in ("train", "test", "reserve"):
            number = len(selection.rows_of(split, task))
            if number:
                lines.append(f"| {task} | {split} | {number} |")
    lines += ["", "A patient lies in one split only, unless this was imported from a set where",
              "that is not so. `patient` is a hash: equal where the patient is.", ""]  # fmt: skip
    lines += _terms(selection, restricted)
    lines += ["", "## Loading", "", how_to_load, ""]
    return "\n".join(lines)


def _terms(selection: Selection, restricted: Sequence[str]) -> list[str]:
    described = selection.bench.manifest["sources"]
    lines = [
        "## Images and their terms",
        "",
        "| source | images | redistribution | terms |",
        "|---|---|---|---|",
    ]
    for name in selection.sources:
        source = described[name]
        terms = source["terms"]
        number = sum(image.source == name for image in selection.images.values())
        allowed = "allowed" if terms["redistribution"] else "**not allowed**"
        lines.append(
            f"| {name}: {_cell(source['title'])} | {number} | {allowed} "
            f"| {_cell(terms['name'])} ({_cell(terms['url'])}). {_cell(terms['summary'])} |"
        )
    if restricted:
        lines += [
            "",
            f"This folder holds pictures of {', '.join(restricted)}, which may not be given on. "
            "Whoever made it said that this copy stays where it may be.",
        ]
    return lines


def _head(
    selection: Selection, configs: Mapping[str, Mapping[str, str]], restricted: Sequence[str]
) -> list[str]:
    number = len(selection.rows)
    size = next((name for limit, name in _SIZES if number < limit), "n>1M")
    lines = [
        "---",
        "pretty_name: Spine questions (spinebench)",
        "license: other",
        f"license_name: {'restricted-images' if restricted else 'terms-of-the-image-sets'}",
        "language: [en]",
        "task_categories: [visual-question-answering, multiple-choice]",
        "tags: [medical, spine, radiology, benchmark]",
        f"size_categories: ['{size}']",
        "configs:",
    ]
    for config, splits in configs.items():
        lines += [f"- config_name: {config}", "  data_files:"]
        for split, pattern in splits.items():
            lines += [f"  - split: {split}", f"    path: {pattern}"]
    return [*lines, "---"]


def _cell(text: Any) -> str:
    # titles and terms are data: nothing of them may break the table or become markup
    plain = " ".join(str(text).split())
    return plain.replace("|", "\\|").replace("<", "&lt;")
