"""The known defects of RSNA 2024, found by rule or by list: points dropped, or kept with a note."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from spinebench.sources.csvfile import load_data_rows
from spinebench.sources.headers import HeaderFacts
from spinebench.sources.rsna_tables import (
    LEVELS,
    POINTS_FILE,
    SERIES_FILE,
    PointRow,
    SeriesRow,
)
from spinebench.tables import Ledger

# A study is noted when at least so many of its points lie nearest to another level's canal point.
_STRAY_POINTS = 3


@dataclass
class PointSheet:
    """The points that are still kept, and the reason of each that is not."""

    ledger: Ledger
    points: list[PointRow]
    reasons: dict[int, str] = field(default_factory=dict)  # by row

    def drop(self, point: PointRow, reason: str, detail: str) -> None:
        """Drop a point with its ledger line."""
        self.reasons.setdefault(point.row, reason)
        self.ledger.drop(POINTS_FILE, point.row, reason, detail)

    def kept(self) -> list[PointRow]:
        """Points without a reason against them, in the order of their rows."""
        return [point for point in self.points if point.row not in self.reasons]

    def iter_pairs(self) -> Iterator[tuple[PointRow, PointRow]]:
        """(left, right) kept points of one study, disease and level."""
        sides: dict[tuple[str, str, str], dict[str, PointRow]] = defaultdict(dict)
        for point in self.kept():
            if point.condition.side is not None:
                key = (point.study, point.condition.disease, point.level)
                sides[key][point.condition.side] = point
        for pair in sides.values():
            if len(pair) == 2:
                yield pair["left"], pair["right"]


def check_series(
    sheet: PointSheet,
    studies: set[str],
    series: dict[tuple[str, str], SeriesRow],
    refused: dict[tuple[str, str], str],
) -> None:
    """Drop points of a study without labels, or of a series unknown, listed or of another type."""
    listed = {row["series_id"]: row for row in load_defects("drop")}
    for point in sheet.kept():
        key = (point.study, point.series)
        place = f"study {point.study}, series {point.series}"
        if point.study not in studies:
            sheet.drop(point, "study_without_labels", f"study {point.study} is not in train.csv")
        elif key in refused:
            sheet.drop(point, refused[key], place)
        elif key not in series:
            sheet.drop(point, "series_not_described", f"{place} is not in {SERIES_FILE}")
        elif point.series in listed:
            entry = listed[point.series]
            sheet.drop(point, entry["reason"], f"series {point.series}: {entry['source']}")
        elif series[key].description != point.condition.series_description:
            found = f"{point.condition.name} on {series[key].description}"
            sheet.drop(point, "condition_series_mismatch", f"{place}: {found}")


def check_sides_in_pixels(sheet: PointSheet) -> None:
    """Drop both points of a level where the sides cannot be right.

    Sagittal: both foramina on one slice, though they lie on either side of the midline. Axial: the
    left point to the left in the picture, though the patient's left is at the picture's right.
    """
    for left, right in list(sheet.iter_pairs()):
        same_series = left.series == right.series
        place = f"study {left.study}, {left.level}"
        if left.condition.series_description != "Axial T2":
            if same_series and left.instance == right.instance:
                detail = f"{place}: both sides on instance {left.instance}"
                _drop_pair(sheet, left, right, "same_instance_both_sides", detail)
        elif same_series and left.x_px < right.x_px:
            detail = f"{place}: left x {left.x_px:g}, right x {right.x_px:g}"
            _drop_pair(sheet, left, right, "axial_sides_swapped", detail)


def check_sides_in_patient(sheet: PointSheet, headers: dict[str, HeaderFacts]) -> None:
    """Drop both points of a level whose left lies right of its right in patient coordinates."""
    for left, right in list(sheet.iter_pairs()):
        left_mm = headers[left.path].point_mm(left.x_px, left.y_px)
        right_mm = headers[right.path].point_mm(right.x_px, right.y_px)
        if left_mm is not None and right_mm is not None and left_mm[0] < right_mm[0]:
            detail = (
                f"study {left.study}, {left.level}: left at {left_mm[0]:.1f} mm, "
                f"right at {right_mm[0]:.1f} mm, +x being left"
            )
            _drop_pair(sheet, left, right, "side_contradicts_geometry", detail)


def _drop_pair(
    sheet: PointSheet, left: PointRow, right: PointRow, reason: str, detail: str
) -> None:
    sheet.drop(left, reason, detail)
    sheet.drop(right, reason, detail)


def check_files(sheet: PointSheet, headers: dict[str, HeaderFacts]) -> None:
    """Drop points whose image is not there, cannot be read, or ends before the point."""
    for point in sheet.kept():
        facts = headers[point.path]
        if facts.reason is not None:
            sheet.drop(point, facts.reason, f"{point.path}: {facts.detail}")
        elif not facts.holds(point.x_px, point.y_px):
            where = f"x {point.x_px:g}, y {point.y_px:g} of {facts.cols} x {facts.rows}"
            sheet.drop(point, "point_outside_image", f"{point.path}: {where}")


def note_doubtful_levels(sheet: PointSheet, headers: dict[str, HeaderFacts]) -> None:
    """Note studies whose levels contradict each other; their points are kept.

    `levels_not_monotone`: the canal points do not run down the picture from L1/L2 to L5/S1.
    `levels_disagree`: points lie nearest, in height, to the canal point of another level.
    """
    canal: dict[str, dict[str, PointRow]] = defaultdict(dict)
    others: dict[str, list[PointRow]] = defaultdict(list)
    for point in sheet.kept():
        if point.condition.side is None:
            canal[point.study][point.level] = point
        else:
            others[point.study].append(point)
    for study in sorted(canal):
        down = [canal[study][level].y_px for level in LEVELS if level in canal[study]]
        if any(below <= above for above, below in itertools.pairwise(down)):
            detail = f"study {study}: canal points at y {', '.join(f'{y:g}' for y in down)}"
            sheet.ledger.drop(POINTS_FILE, None, "levels_not_monotone", detail)
        stray = _count_stray(canal[study], others[study], headers)
        if stray >= _STRAY_POINTS:
            detail = f"study {study}: {stray} points lie nearest to another level's canal point"
            sheet.ledger.drop(POINTS_FILE, None, "levels_disagree", detail)


def _count_stray(
    canal: dict[str, PointRow], others: Iterable[PointRow], headers: dict[str, HeaderFacts]
) -> int:
    heights_mm = {level: _height_mm(point, headers) for level, point in canal.items()}
    known = {level: z_mm for level, z_mm in heights_mm.items() if z_mm is not None}
    stray = 0
    for point in others:
        z_mm = _height_mm(point, headers)
        if z_mm is None or point.level not in known:
            continue
        away_mm = {level: abs(z_mm - other_mm) for level, other_mm in known.items()}
        stray += min(away_mm, key=lambda level: away_mm[level]) != point.level
    return stray


def _height_mm(point: PointRow, headers: dict[str, HeaderFacts]) -> float | None:
    point_mm = headers[point.path].point_mm(point.x_px, point.y_px)
    return None if point_mm is None else point_mm[2]


def note_listed_studies(sheet: PointSheet, studies: set[str]) -> None:
    """Note the studies that others left out, and what holds of any study; their points are kept."""
    for entry in load_defects("note"):
        if entry["study_id"] in {*studies, "any"}:
            detail = f"study {entry['study_id']}: {entry['source']}"
            sheet.ledger.drop(POINTS_FILE, None, entry["reason"], detail)


def load_defects(action: str) -> list[dict[str, str]]:
    """Entries of the published exclusion lists with this action: `drop` or `note`."""
    return [row for row in load_data_rows("rsna_defects.csv") if row["action"] == action]
