"""What the table of one BUU-LSPINE film states: its slips, or that there is none."""

import math
from dataclasses import dataclass, field

from spinebench.records import Finding
from spinebench.sources.buu_info import Entry, FilmInfo, exam_of
from spinebench.sources.buu_tables import (
    LEVEL_BELOW,
    PLATE_BELOW,
    ClassCode,
    FilmContent,
    PlateRow,
    load_class_codes,
)
from spinebench.tables import Ledger

NORMAL_WORDS = "0 normal"
# Where the upper vertebra stands: ahead of the lower one or behind it.
_DIRECTION = {"anterolisthesis": 1.0, "retrolisthesis": -1.0}
# End plates are drawn by hand: what is less says nothing about the direction.
_CLEAR_MM = 1.0


@dataclass
class Statements:
    """Findings of one film, and what has to be said beside them."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # for the image
    refusal: tuple[str, str] | None = None  # reason, detail: the film states nothing


@dataclass(frozen=True, slots=True)
class Slip:
    """One class code other than 0, and where it stands."""

    vertebra: str  # "L4": it slips on the one below
    code: ClassCode
    carrier: PlateRow  # row that states it, or the lower plate where another table does
    entry: Entry | None  # row of the other table


def state_film(content: FilmContent, image_id: str, info: FilmInfo, ledger: Ledger) -> Statements:
    """Findings of a film. Rows that cannot be used are dropped; notes go to the ledger too."""
    film, result = content.film, Statements()
    plates = _plates_on_film(content, ledger, result)
    has_codes = any(plate.code is not None for plate in content.table.rows)
    if has_codes:
        slips = _find_slips(content, plates, ledger, result)
        _compare(content, slips, info, ledger, result)
    elif info.diagnosis_file is None:
        result.refusal = ("no_class", "neither its own table nor csv_info has a class")
        return result
    else:
        slips = _slips_of_info(content, plates, info)
    for slip in slips:
        finding = _build_slip(content, image_id, slip, plates, info)
        result.findings.append(finding)
        _note_direction(slip, finding, ledger)
    if slips:
        _note_order(content, ledger, result)
        return result
    if len(plates) < content.table.units:
        result.refusal = ("rows_missing", "an explicit normal needs every row of the table")
    elif info.diagnoses_of(film.stem):
        result.refusal = ("diagnosis_contradicts_normal", "csv_info names a slip on this film")
    else:
        result.findings.append(_build_normal(content, image_id))
        _note_order(content, ledger, result)
    return result


def _plates_on_film(
    content: FilmContent, ledger: Ledger, result: Statements
) -> dict[str, PlateRow]:
    """Rows by plate whose middle lies on the film; one end beyond the edge is only noted."""
    kept: dict[str, PlateRow] = {}
    beyond: list[str] = []
    for plate in content.table.rows:
        if not _is_on_film(content, plate.middle_px):
            x, y = plate.middle_px
            detail = f"{plate.plate} at {x:.1f}, {y:.1f} of {content.cols} x {content.rows}"
            ledger.drop(content.film.table or "", plate.row, "point_outside_image", detail)
            continue
        kept[plate.plate] = plate
        if not (_is_on_film(content, plate.start_px) and _is_on_film(content, plate.end_px)):
            beyond.append(plate.plate)
    if beyond:
        ledger.drop(content.film.table or "", None, "end_point_outside_image", ", ".join(beyond))
        result.notes.append("an end plate reaches beyond the film")
    return kept


def _is_on_film(content: FilmContent, point_px: tuple[float, float]) -> bool:
    """Whether the position lies on the picture (pixel centres at whole numbers)."""
    x, y = point_px
    return -0.5 <= x <= content.cols - 0.5 and -0.5 <= y <= content.rows - 0.5


def _find_slips(
    content: FilmContent, plates: dict[str, PlateRow], ledger: Ledger, result: Statements
) -> list[Slip]:
    """Slips that the film's own table states. The lower plate's row stands before the upper's."""
    file, codes = content.film.table or "", load_class_codes()
    slips: list[Slip] = []
    for vertebra in LEVEL_BELOW:
        lower, upper = plates.get(f"{vertebra}b"), plates.get(f"{vertebra}a")
        low, high = (row.code or 0 if row else 0 for row in (lower, upper))
        if low and high and low != high and upper:
            detail = f"{upper.plate} has {high}, {vertebra}b {low}"
            ledger.drop(file, upper.row, "class_contradicts_lower_plate", detail)
            del plates[upper.plate]
        if low and lower:
            slips.append(Slip(vertebra, codes[low], lower, None))
        elif high and upper:
            slips.append(Slip(vertebra, codes[high], upper, None))
            ledger.drop(file, None, "code_on_upper_plate", f"{upper.plate}: {high}")
            result.notes.append("a class stands on an upper end plate")
    sacrum = plates.get("S1a")
    if sacrum and sacrum.code:
        ledger.drop(file, sacrum.row, "code_on_sacrum", f"S1a: {sacrum.code}")
        del plates["S1a"]
    return slips


def _slips_of_info(content: FilmContent, plates: dict[str, PlateRow], info: FilmInfo) -> list[Slip]:
    """Slips that csv_info states of a film whose own table has no classes."""
    codes, slips = load_class_codes(), []
    for vertebra, (entry, code) in info.diagnoses_of(content.film.stem).items():
        carrier = plates.get(f"{vertebra}b") or plates.get(f"{vertebra}a")
        if carrier is not None:
            slips.append(Slip(vertebra, codes[code], carrier, entry))
    return slips


def _compare(
    content: FilmContent, slips: list[Slip], info: FilmInfo, ledger: Ledger, result: Statements
) -> None:
    """Note where csv_info says another class than the film's own table; a level it lacks is 0."""
    if info.diagnosis_file is None:
        return
    own = {slip.vertebra: slip.code.code for slip in slips}
    theirs = {name: code for name, (_, code) in info.diagnoses_of(content.film.stem).items()}
    odd = [name for name in LEVEL_BELOW if own.get(name, 0) != theirs.get(name, 0)]
    for name in odd:
        detail = f"{content.film.stem} {name}: {own.get(name, 0)} in the film's own table, "
        detail += f"{theirs.get(name, 0)} here"
        ledger.drop(info.diagnosis_file, None, "diagnosis_disagrees", detail)
    if odd:
        result.notes.append("its own table and csv_info disagree on a class")


def _note_direction(slip: Slip, finding: Finding, ledger: Ledger) -> None:
    """Note a slip that its end plates show to go clearly the other way than its class says."""
    ahead_mm = finding.measure or 0.0
    if ahead_mm * _DIRECTION.get(slip.code.words, 0.0) < -_CLEAR_MM:
        detail = f"{finding.level}: {finding.source_words}, {ahead_mm:.1f} mm ahead by its plates"
        ledger.drop(finding.file, None, "slip_contradicts_class", detail)


def _note_order(content: FilmContent, ledger: Ledger, result: Statements) -> None:
    """Note plates that do not run down the film: levels are counted, so they may be off."""
    heights = [plate.middle_px[1] for plate in content.table.rows]
    if heights != sorted(heights):
        ledger.drop(content.film.table or "", None, "plates_not_in_order", "")
        result.notes.append("end plates do not run down the film; levels may be wrong")


def _build_slip(
    content: FilmContent, image_id: str, slip: Slip, plates: dict[str, PlateRow], info: FilmInfo
) -> Finding:
    lower = plates.get(f"{slip.vertebra}b")
    measure = None
    if content.film.view == "LAT":
        measure = _slip_mm(lower, plates.get(PLATE_BELOW[slip.vertebra]), info, content.film.stem)
    return _build_finding(
        content,
        image_id,
        slip.carrier,
        slip=slip,
        point_px=None if lower is None else lower.middle_px,
        measure=measure,
    )


def _build_normal(content: FilmContent, image_id: str) -> Finding:
    return _build_finding(content, image_id, content.table.rows[0])


def _build_finding(
    content: FilmContent,
    image_id: str,
    carrier: PlateRow,
    *,
    slip: Slip | None = None,
    point_px: tuple[float, float] | None = None,
    measure: float | None = None,
) -> Finding:
    """A slip, or without one the explicit normal of the whole film."""
    file, entry = content.film.table or "", None if slip is None else slip.entry
    return Finding(
        finding_id=f"buu:{file}:{carrier.row}",
        image_id=image_id,
        disease="Spondylolisthesis",
        grade="none" if slip is None else "ungraded",
        measure=measure,
        measure_kind=None if measure is None else "slip_mm",
        level=None if slip is None else LEVEL_BELOW[slip.vertebra],
        side=None if slip is None else slip.code.side,
        point_px=point_px,
        box_px=None,
        point_mm=None,
        rater=None,
        source_words=NORMAL_WORDS if slip is None else slip.code.source_words,
        file=file,
        row=carrier.row,
        grade_file=None if entry is None else entry.file,
        grade_row=None if entry is None else entry.row,
        grade_column=None,
    )


def _slip_mm(
    upper: PlateRow | None, lower: PlateRow | None, info: FilmInfo, stem: str
) -> float | None:
    """How far the upper vertebra stands ahead of the lower one, in mm; negative: behind it.

    `upper` is its lower plate, `lower` the plate below the disc. Patients face image-left, so the
    start of a plate is anterior and its end posterior. The slip is the way from the lower plate's
    posterior end to the upper one's, along the lower plate towards its anterior end.
    """
    spacing = info.spacing_mm.get(exam_of(stem))
    if upper is None or lower is None or spacing is None:
        return None
    along_x, along_y = (a - b for a, b in zip(lower.start_px, lower.end_px, strict=True))
    length = math.hypot(along_x, along_y)
    if length == 0.0:
        return None
    ahead_x, ahead_y = (a - b for a, b in zip(upper.end_px, lower.end_px, strict=True))
    return spacing[1] * (ahead_x * along_x + ahead_y * along_y) / length
