"""Known defects of the imitated sets, planted into a written phantom folder on request.

Each defect is one function that spoils one study, series or film that no other defect has touched,
and says what the reader's ledger must then hold. A new one is one function with one decorator, in
`defects_<source>.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spinebench.errors import UsageError
from spinebench.phantom import defects_buu, defects_csxa, defects_rsna, defects_vindr
from spinebench.phantom.defect_bed import DEFECTS, Bed, Defect
from spinebench.phantom.truth import TruthRow

# Importing the two registers their functions.
DEFECT_MODULES = (defects_rsna, defects_vindr, defects_csxa, defects_buu)


@dataclass(frozen=True)
class Planted:
    """A defect with the place where it now is."""

    name: str
    place: str
    reasons: tuple[str, ...]


def parse_defects(source: str, names: Sequence[str]) -> frozenset[str]:
    """Names of defects; `all` stands for each one. Raises UsageError for a name that is none."""
    known = load_defects(source)
    wanted = frozenset(part.strip() for name in names for part in name.split(",") if part.strip())
    unknown = sorted(wanted - set(known) - {"all"})
    if unknown:
        raise UsageError(
            f"no defect {unknown[0]!r} in {source}; there are all, {', '.join(sorted(known))}"
        )
    return frozenset(known) if "all" in wanted else wanted


def load_defects(source: str) -> dict[str, Defect]:
    """All defects of a source by name, in the order in which they are planted."""
    if source not in DEFECTS:
        raise UsageError(f"no phantom layout {source!r}; there are {', '.join(DEFECTS)}")
    return DEFECTS[source]


def plant_defects(
    root: Path, source: str, names: frozenset[str], *, seed: int, truth: list[TruthRow]
) -> tuple[list[Planted], list[TruthRow]]:
    """Plant defects into a written folder; returns where they are, and the truth as it now stands.

    The truth loses the images that are gone, gains those that were added and follows those whose
    folder was renamed; it keeps what the anatomy is, whatever the tables now say.
    """
    bed = Bed(root, seed, truth)
    planted = [
        Planted(defect.name, defect.plant(bed), tuple(sorted(defect.reasons)))
        for defect in load_defects(source).values()
        if defect.name in names
    ]
    bed.save()
    rows = [*map(bed.follow, truth), *bed.added]
    return planted, [row for row in rows if _exists(root, row)]


def _exists(root: Path, row: TruthRow) -> bool:
    return (root / row.image_id.split(":", 1)[1]).is_file()
