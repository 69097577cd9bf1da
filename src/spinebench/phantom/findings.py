"""From a column with lesions to the list of findings that are true of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from spinebench.phantom.column import Disc, PointMm, Vertebra
from spinebench.phantom.pathology import (
    CERVICAL_RANGE,
    CURVATURES,
    SLIP_DISEASE_MM,
    Grade,
    PhantomDisease,
    PhantomFinding,
    grade_collapse,
    grade_disc,
    grade_osteophyte,
    grade_stenosis,
)
from spinebench.phantom.sizes import (
    LUMBAR_DISCS,
    NORMAL_CANAL_MM,
    NORMAL_FORAMEN_MM,
    NORMAL_RECESS_MM,
    SIDES,
    Side,
)


def canal_point_mm(disc: Disc) -> PointMm:
    """Middle of the free canal at a disc."""
    v = disc.wall_v_mm + disc.bulge_mm + 0.5 * disc.canal_ap_mm
    return disc.frame.to_mm(0.0, v, 0.0)


def foramen_point_mm(disc: Disc, side: Side) -> PointMm:
    """Middle of the free foramen at the height of the exiting root."""
    sign = 1.0 if side == "left" else -1.0
    v = disc.wall_v_mm + 0.5 * disc.foramen_expected_mm
    return disc.frame.to_mm(sign * disc.foramen_u_mm, v, disc.foramen_w_mm)


def recess_point_mm(disc: Disc, side: Side) -> PointMm:
    """Middle of the lateral recess at a disc."""
    sign = 1.0 if side == "left" else -1.0
    v = disc.wall_v_mm + 0.5 * disc.recess_expected_mm
    return disc.frame.to_mm(sign * disc.recess_u_mm, v, disc.recess_w_mm)


def list_findings(
    vertebrae: Mapping[str, Vertebra], discs: Mapping[str, Disc], shape: str
) -> tuple[PhantomFinding, ...]:
    """All findings, cranial to caudal; explicit normals for the 25 cells that RSNA grades."""
    found: list[PhantomFinding] = []
    for disc in discs.values():
        if disc.region != "S":
            found += _stenoses(disc)
            found += _disc_findings(disc, vertebrae)
    for vertebra in vertebrae.values():
        grade = grade_collapse(vertebra.collapse_fraction)
        if grade != "none":
            found.append(_collapse(vertebra, grade))
    found.append(_shape_finding(vertebrae, shape))
    return tuple(found)


def cobb_c2_c7_deg(vertebrae: Mapping[str, Vertebra]) -> float:
    """Angle between the lower endplates of C2 and C7, positive when lordotic."""
    return math.degrees(vertebrae["C2"].frame.tilt_rad - vertebrae["C7"].frame.tilt_rad)


def _stenoses(disc: Disc) -> list[PhantomFinding]:
    cells: list[tuple[PhantomDisease, Side | None, str, float, float, float, PointMm]] = [
        (
            "Spinal Canal Stenosis",
            None,
            "canal_ap_mm",
            disc.canal_expected_mm,
            disc.canal_lost,
            NORMAL_CANAL_MM,
            canal_point_mm(disc),
        )
    ]
    for side in SIDES:
        cells.append(
            (
                "Foraminal stenosis",
                side,
                "foramen_ap_mm",
                disc.foramen_expected_mm,
                disc.foramen_lost[side],
                NORMAL_FORAMEN_MM,
                foramen_point_mm(disc, side),
            )
        )
    for side in SIDES:
        cells.append(
            (
                "Subarticular Stenosis",
                side,
                "recess_height_mm",
                disc.recess_expected_mm,
                disc.recess_lost[side],
                NORMAL_RECESS_MM,
                recess_point_mm(disc, side),
            )
        )
    found: list[PhantomFinding] = []
    for disease, where, kind, expected, lost, normal_mm, point in cells:
        measure = expected * (1.0 - lost)
        grade = grade_stenosis(lost, measure, normal_mm)
        # Normals are stated only where a set grades them: at the lumbar motion segments.
        if grade != "none" or disc.name in LUMBAR_DISCS:
            found.append(
                PhantomFinding(
                    disease, disc.name, where, grade, measure, kind, expected, lost, None, point
                )
            )
    return found


def _disc_findings(disc: Disc, vertebrae: Mapping[str, Vertebra]) -> list[PhantomFinding]:
    found: list[PhantomFinding] = []
    lost = 1.0 - disc.height_mm / disc.expected_height_mm
    grade = grade_disc(lost)
    if grade != "none":
        found.append(
            PhantomFinding(
                "Disc space narrowing",
                disc.name,
                None,
                grade,
                disc.height_mm,
                "disc_height_mm",
                disc.expected_height_mm,
                lost,
                None,
                disc.frame.center_mm,
            )
        )
    for side, length in disc.osteophyte_mm.items():
        grade = grade_osteophyte(length)
        if grade != "none":
            point = osteophyte_point_mm(disc, side)
            found.append(
                PhantomFinding(
                    "Osteophytes",
                    disc.name,
                    side,
                    grade,
                    length,
                    "osteophyte_mm",
                    0.0,
                    None,
                    "anterior" if side is None else "lateral",
                    point,
                )
            )
    return found + _slip_findings(disc, vertebrae)


def osteophyte_point_mm(disc: Disc, side: Side | None) -> PointMm:
    """Middle of the pair of osteophytes at a disc margin: in front, or on a side."""
    length = disc.osteophyte_mm[side]
    if side is None:
        return disc.frame.to_mm(0.0, -disc.wall_v_mm - 0.5 * length, 0.0)
    sign = 1.0 if side == "left" else -1.0
    return disc.frame.to_mm(sign * 0.5 * (disc.width_mm + length), -0.1 * disc.depth_mm, 0.0)


def _slip_findings(disc: Disc, vertebrae: Mapping[str, Vertebra]) -> list[PhantomFinding]:
    slip_mm = max(abs(disc.slip_v_mm), abs(disc.slip_u_mm))
    if slip_mm < SLIP_DISEASE_MM:
        return []
    side: Side | None = None
    if disc.slip_u_mm != 0.0:
        subtype, side = "laterolisthesis", "left" if disc.slip_u_mm > 0.0 else "right"
    else:
        subtype = "anterolisthesis" if disc.slip_v_mm < 0.0 else "retrolisthesis"
    return [
        PhantomFinding(
            "Spondylolisthesis",
            disc.name,
            side,
            "ungraded",
            slip_mm,
            "slip_mm",
            vertebrae[disc.lower].depth_mm,
            None,
            subtype,
            disc.frame.to_mm(0.0, disc.wall_v_mm, 0.0),
        )
    ]


def _collapse(vertebra: Vertebra, grade: Grade) -> PhantomFinding:
    return PhantomFinding(
        "Vertebral collapse",
        vertebra.name,
        None,
        grade,
        vertebra.collapse_fraction,
        "height_loss_fraction",
        vertebra.height_mm,
        vertebra.collapse_fraction,
        vertebra.collapse_subtype,
        vertebra.frame.center_mm,
    )


def _shape_finding(vertebrae: Mapping[str, Vertebra], shape: str) -> PhantomFinding:
    return PhantomFinding(
        CURVATURES[shape],
        CERVICAL_RANGE,
        None,
        "ungraded",
        cobb_c2_c7_deg(vertebrae),
        "cobb_c2_c7_deg",
        0.0,
        None,
        shape,
        vertebrae["C5"].frame.center_mm,
    )
