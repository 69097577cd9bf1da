"""A written phantom folder while defects are planted into it, and the register of defects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
    added: list[TruthRow] = field(default_factory=list)  # of images that a defect adds

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


DEFECTS: dict[str, dict[str, Defect]] = {"rsna": {}, "vindr": {}, "buu": {}, "csxa": {}}
Plant = Callable[[Bed], str]


def defect(source: str, *reasons: str) -> Callable[[Plant], Plant]:
    """Register a function as a defect of a source; its first docstring line is the summary."""

    def register(plant: Plant) -> Plant:
        name = plant.__name__.removeprefix("plant_")
        summary = (plant.__doc__ or "").strip().splitlines()[0]
        DEFECTS[source][name] = Defect(name, source, summary, frozenset(reasons), plant)
        return plant

    return register
