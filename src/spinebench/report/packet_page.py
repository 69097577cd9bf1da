"""A packet of traces as one self-contained page on which a rater can work, offline.

The page holds no model's name: it is made from the packet's folder alone. Ratings stay in the
browser until the rater saves them as the CSV that `spinebench eval ratings` reads.
"""

import base64
import json
from pathlib import Path
from typing import Any

from spinebench.errors import UsageError
from spinebench.report.document import build_environment, render_document, write_document
from spinebench.tables import read_manifest, sha256_of_file

_MIME_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


def check_page_place(packet: Path) -> Path:
    """Where the page of a packet goes: beside its folder. Raises UsageError if it is taken."""
    place = packet.with_name(packet.name + ".html")
    if place.exists():
        raise UsageError(f"{place} already exists; choose another --out")
    return place


def write_packet_page(packet: Path, out: Path) -> int:
    """Write the page of a packet; returns its size in bytes."""
    manifest = read_manifest(packet, "traces")
    rubric = json.loads((packet / "rubric.json").read_text(encoding="utf-8"))
    lines = (packet / "packet.jsonl").read_text(encoding="utf-8").splitlines()
    html = render_document(
        build_environment(),
        "packet.html",
        ("theme.js", "packet.js"),
        items=[_item(packet, json.loads(line)) for line in lines],
        rubric=rubric,
        steps=list(range(rubric["lowest"], rubric["highest"] + 1)),
        restricted=manifest["may_not_be_given_on"],
        packet_id=sha256_of_file(packet / "packet.jsonl")[:16],
    )
    data = html.encode("utf-8")
    write_document(out, data)
    return len(data)


def _item(packet: Path, item: dict[str, Any]) -> dict[str, Any]:
    pictures = [
        f"data:{_MIME_TYPES[Path(name).suffix.lower()]};base64,"
        + base64.b64encode((packet / name).read_bytes()).decode("ascii")
        for name in item["images"]
    ]
    return {**item, "pictures": pictures}
