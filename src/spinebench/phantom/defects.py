"""Known defects of the imitated sets, planted into a written phantom folder on request.

Each defect is one function that spoils one study, series or film that no other defect has touched,
and says what the reader's ledger must then hold. A new one is one function with one decorator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spinebench.errors import UsageError
from spinebench.phantom.rng import build_rng
from spinebench.phantom.truth import TruthRow
from spinebench.phantom.write_options import write_rows
from spinebench.sources.csvfile import read_csv

Row = list[str]


@dataclass
class Bed:
    """A written folder while defects are planted: its tables in memory, its files on disk."""

    root: Path
    seed: int
    truth: list[TruthRow]
    tables: dict[str, tuple[tuple[str, ...], list[Row]]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)  # path below the root, old to new

    def load(self, file: str) -> list[Row]:
        """Rows of a table without its header; what is changed in them is written by `save`."""
        if file not in self.tables:
            table = read_csv(self.root, file, [])
            rows = [[line.cells[name] for name in table.columns] for line in table.rows]
            self.tables[file] = (table.columns, rows)
        return self.tables[file][1]

    def column(self, file: str, name: str) -> int:
        """Place of a column in the rows of a table."""
        self.load(file)
        return self.tables[file][0].index(name)

    def save(self) -> None:
        """Write the tables back."""
        for file, (columns, rows) in self.tables.items():
            write_rows(self.root / file, columns, rows)

    def choose(self, defect: str, candidates: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
        """One of the candidates (each a tuple of the units that it takes up) that is still whole.

        Depends on the seed, the defect and what was planted before, never on any order of files.
        Raises UsageError where none is left.
        """
        free = sorted(units for units in candidates if not self.taken & set(units))
        if not free:
            raise UsageError(f"no unspoilt place left for the defect {defect}: write more patients")
        units = free[int(build_rng(self.seed, "plant", defect).integers(len(free)))]
        self.taken.update(units)
        return units

    def rename(self, old: str, new: str) -> None:
        """Move a file or folder (paths relative to the root)."""
        (self.root / old).rename(self.root / new)
        self.renamed[old] = new

    def follow(self, row: TruthRow) -> TruthRow:
        """The truth row with the ids that its image has now."""
        source, path = row.image_id.split(":", 1)
        for old, new in self.renamed.items():
            if path != old and not path.startswith(old + "/"):
                continue
            path = new + path[len(old) :]
            gone, now = old.rsplit("/", 1)[1], new.rsplit("/", 1)[1]
            row = row._replace(
                image_id=f"{source}:{path}",
                patient_id=f"{source}:{now}" if row.study_id == gone else row.patient_id,
                study_id=now if row.study_id == gone else row.study_id,
                series_id=now if row.series_id == gone else row.series_id,
            )
        return row


@dataclass(frozen=True)
class Defect:
    """One plantable defect."""

    name: str
    source: str
    summary: str
    reasons: frozenset[str]  # that the reader's ledger gains; empty: it reads as if nothing were
    plant: Callable[[Bed], str]  # returns the place: study id or image path


@dataclass(frozen=True)
class Planted:
    """A defect with the place where it now is."""

    name: str
    place: str
    reasons: tuple[str, ...]


DEFECTS: dict[str, dict[str, Defect]] = {"rsna": {}, "vindr": {}}
Plant = Callable[[Bed], str]


def defect(source: str, *reasons: str) -> Callable[[Plant], Plant]:
    """Register a function as a defect of a source; its first docstring line is the summary."""

    def register(plant: Plant) -> Plant:
        name = plant.__name__.removeprefix("plant_")
        summary = (plant.__doc__ or "").strip().splitlines()[0]
        DEFECTS[source][name] = Defect(name, source, summary, frozenset(reasons), plant)
        return plant

    return register


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
    # imported here: the two modules register their functions in this one
    from spinebench.phantom import defects_rsna, defects_vindr

    del defects_rsna, defects_vindr
    return DEFECTS[source]


def plant_defects(
    root: Path, source: str, names: frozenset[str], *, seed: int, truth: list[TruthRow]
) -> tuple[list[Planted], list[TruthRow]]:
    """Plant defects into a written folder; returns where they are, and the truth as it now stands.

    The truth loses the images that are gone and follows those whose folder was renamed; it keeps
    what the anatomy is, whatever the tables now say.
    """
    bed = Bed(root, seed, truth)
    planted = [
        Planted(defect.name, defect.plant(bed), tuple(sorted(defect.reasons)))
        for defect in load_defects(source).values()
        if defect.name in names
    ]
    bed.save()
    return planted, [row for row in map(bed.follow, truth) if _exists(root, row)]


def _exists(root: Path, row: TruthRow) -> bool:
    return (root / row.image_id.split(":", 1)[1]).is_file()
