"""What every source gives: its terms, whether a folder is one, and its images and findings.

A new source is one file with one class that fits `Source`, and one line in `registry.py`.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from spinebench.engine import Engine
from spinebench.errors import DataError
from spinebench.records import Finding, Grade, Modality, SideName, View
from spinebench.tables import Ledger


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Terms of use of a source, as far as they are known, with the page that states them."""

    name: str  # of the licence or agreement
    url: str
    summary: str  # one sentence
    redistribution: bool  # may its images be given on?
    third_party_models: bool  # may its images be sent to a model that somebody else runs?


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """One image that a finding speaks of, with what its header says; not yet decoded."""

    image_id: str  # source + ":" + path relative to the root
    source: str
    path: str  # relative to the source's root
    patient_id: str  # source + ":" + PatientID (see `records.Image`)
    study_id: str
    series_id: str
    modality: Modality
    view: View | None
    sequence: str | None
    instance_number: int | None
    official_split: str | None
    notes: tuple[str, ...] = ()
    age_years: float | None = None  # where a table or a file name says it, not the header
    sex: str | None = None  # F, M, O; as age_years
    spacing_mm: tuple[float, float] | None = None  # (row, column), as age_years
    frame: int | None = None  # of a file with several frames or slices, from 0


UNKNOWN_DISEASE = "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCell:
    """A grade of a whole study that no finding carries: nobody said on which image it is seen.

    It labels no image, but it forbids: an image of this study is not Healthy, and its disease is
    no wrong option, where such a cell says otherwise or says nothing. A row that was dropped, but
    whose class is known, is such a cell too: what it said of the place is lost, the class is not.
    """

    study_id: str
    disease: str  # or UNKNOWN_DISEASE, where not even the class can be read
    level: str | None
    side: SideName | None
    grade: Grade | None  # None = an empty cell: not known
    file: str  # relative to the source's root
    row: int
    column: str | None  # None = the whole row


@dataclass(kw_only=True)
class Reading:
    """All that a source's folder says, and the account of what was read and dropped.

    Every unit counted by `ledger.read` is by now either dropped or named by a finding:
    `finding.file`/`finding.row`, its `grade_*` cell, or `extra_units` of its image.
    """

    root: Path
    source: str
    images: dict[str, ImageRef] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    cells: list[StudyCell] = field(default_factory=list)
    ledger: Ledger
    # rows that are used as soon as one image of the key is: (file, row) by image id
    extra_units: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    tables_root: Path | None = None  # folder of the counted files; None = the root

    def carried_units(self) -> set[tuple[str, int, str | None]]:
        """Units (file, row, column) that a finding or an image carries: not dropped so far."""
        units: set[tuple[str, int, str | None]] = set()
        for finding in self.findings:
            units.add((finding.file, finding.row, None))
            if finding.grade_file is not None and finding.grade_row is not None:
                units.add((finding.grade_file, finding.grade_row, finding.grade_column))
        units.update((file, row, None) for file, row in self.extra_units)
        return units

    def check_accounted(self) -> None:
        """Raise DataError unless every unit that was read is either dropped or carried, once."""
        carried = self.carried_units()
        for file, row, column in sorted(carried, key=str):
            if self.ledger.is_dropped(file, row, column):
                raise DataError(
                    file=f"{self.source}:{file}",
                    place=row,
                    field=column,
                    found="a unit both carried and dropped",
                    expected="one of both",
                )
        dropped = self.ledger.dropped()
        carried_in = Counter(file for file, _, _ in carried)
        for file in sorted({*self.ledger.read, *dropped, *carried_in}):
            if self.ledger.read[file] != dropped[file] + carried_in[file]:
                raise DataError(
                    file=f"{self.source}:{file}",
                    field="accounting",
                    found=f"{self.ledger.read[file]} read, {dropped[file]} dropped, "
                    f"{carried_in[file]} carried",
                    expected="read = dropped + carried",
                )


@dataclass(frozen=True, kw_only=True)
class FolderReport:
    """What `spinebench sources check` says of a folder before anything is built."""

    source: str
    root: str
    counts: dict[str, int]  # studies, series, images, rows of each file, ...
    defects: dict[str, int]  # reject reasons and notes, with how often
    first: dict[str, str]  # file, row and words of the first of each
    gigabytes_in: float
    gigabytes_out: float  # estimated from a seeded sample of images
    minutes: float  # estimated from the same sample, on this machine
    sampled_images: int


class Source(Protocol):
    """One public image set in its original layout."""

    name: str
    title: str
    terms: Terms
    looked_for: tuple[str, ...]  # paths below the root without which it is not this source

    def read(self, root: Path, engine: Engine) -> Reading:
        """Read annotations and headers. Raises UsageError if the folder is not this source."""
        ...
