"""What the sources say that bears on one image: its own findings, and its study's grades.

A statement is one graded claim about a study: a finding of any of its images, or a cell that no
finding carries. Rules read nothing else.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from spinebench.records import Finding, Grade, SideName
from spinebench.sources.base import ImageRef, Reading, StudyCell

Unit = tuple[str, int, str | None]  # file, row, column


@dataclass(frozen=True, slots=True)
class Statement:
    """One claim about a study, with the rows it stands in."""

    disease: str | None  # None = an explicit normal of one image
    level: str | None
    side: SideName | None
    grade: Grade | None  # None = not known: an empty cell
    image_id: str | None  # None = said of the study, not of an image
    units: tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One image with all that a rule may look at."""

    image: ImageRef
    findings: tuple[Finding, ...]  # of this image, not empty
    own: tuple[Statement, ...]  # one for each finding, in the same order
    study: tuple[Statement, ...]  # of the whole study, the image's own among them


def units_of(finding: Finding) -> tuple[Unit, ...]:
    """Rows and cells that a finding stands in."""
    units: list[Unit] = [(finding.file, finding.row, None)]
    if finding.grade_file is not None and finding.grade_row is not None:
        units.append((finding.grade_file, finding.grade_row, finding.grade_column))
    return tuple(units)


def is_on_sides(side: SideName | None, sides: Collection[SideName | None]) -> bool:
    """Whether a side is among those that marks name. `None` is any, and bilateral is both."""
    if side is None or None in sides:
        return True
    return bool(each_side(side) & {one for name in sides for one in each_side(name)})


def each_side(side: SideName | None) -> frozenset[SideName | None]:
    """The sides that a side is: left and right of bilateral, else itself."""
    both: frozenset[SideName | None] = frozenset({"left", "right"})
    return both if side == "bilateral" else frozenset({side})


def iter_evidence(reading: Reading) -> Iterator[Evidence]:
    """Evidence of each image that a finding speaks of, by image id."""
    empty_cells = {
        (cell.study_id, cell.disease, cell.level, cell.side)
        for cell in reading.cells
        if cell.grade is None
    }
    by_image: dict[str, list[tuple[Finding, Statement]]] = defaultdict(list)
    by_study: dict[str, list[Statement]] = defaultdict(list)
    for finding in reading.findings:
        study = reading.images[finding.image_id].study_id
        place = (study, finding.disease, finding.level, finding.side)
        # a point on an empty cell is marked and not graded: no positive mark, but not known
        statement = _statement_of(finding, known=place not in empty_cells)
        by_image[finding.image_id].append((finding, statement))
        by_study[study].append(statement)
    for cell in reading.cells:
        by_study[cell.study_id].append(_statement_of_cell(cell))
    for image_id in sorted(by_image):
        image, pairs = reading.images[image_id], by_image[image_id]
        yield Evidence(
            image,
            tuple(finding for finding, _ in pairs),
            tuple(statement for _, statement in pairs),
            tuple(by_study[image.study_id]),
        )


def evidence_of(image: ImageRef, findings: Sequence[Finding]) -> Evidence:
    """Evidence of an image whose study holds nothing else."""
    own = tuple(_statement_of(finding, known=True) for finding in findings)
    return Evidence(image, tuple(findings), own, own)


def _statement_of(finding: Finding, *, known: bool) -> Statement:
    grade = finding.grade if known or finding.grade != "ungraded" else None
    return Statement(
        finding.disease, finding.level, finding.side, grade, finding.image_id, units_of(finding)
    )


def _statement_of_cell(cell: StudyCell) -> Statement:
    unit = (cell.file, cell.row, cell.column)
    return Statement(cell.disease, cell.level, cell.side, cell.grade, None, (unit,))
