"""Lesions that a phantom can carry, the rule that grades them, and how they are drawn per patient.

Severity rule: "phantom severity, version 1". For canal, foramen and lateral recess the fraction
lost of that level's own unaffected size decides: more than 2/3 severe, more than 1/3 moderate, up
to 1/3 mild or none. Within the last, "none" needs at most 1/6 lost and at least the millimetres
that the literature calls normal. Millimetres are kept beside the grade and never replace it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from spinebench.errors import UsageError
from spinebench.phantom.sizes import (
    DISC_NAMES,
    VERTEBRA_NAMES,
    Side,
)

SEVERITY_RULE = "phantom severity, version 1"

PhantomDisease = Literal[
    "Spinal Canal Stenosis",
    "Foraminal stenosis",
    "Subarticular Stenosis",
    "Osteophytes",
    "Disc space narrowing",
    "Vertebral collapse",
    "Spondylolisthesis",
    "cervical Lordosis",
    "Straight cervical vertebrae",
    "sigmoid cervical vertebrae",
    "cervical Kyphosis",
]
Grade = Literal["none", "mild", "moderate", "severe", "ungraded"]
LesionKind = Literal[
    "canal", "foramen", "recess", "disc", "osteophyte", "collapse", "slip", "curvature"
]
CERVICAL_RANGE = "C2-C7"
CURVATURES: dict[str, PhantomDisease] = {
    "lordotic": "cervical Lordosis",
    "straight": "Straight cervical vertebrae",
    "sigmoid": "sigmoid cervical vertebrae",
    "reverse sigmoid": "sigmoid cervical vertebrae",
    "kyphotic": "cervical Kyphosis",
}
# Daffin 2017, JCVJS 8:231, 150 adults without symptoms; sigmoid and reverse sigmoid together.
CURVATURE_COUNTS: dict[str, int] = {"lordotic": 51, "straight": 37, "sigmoid": 32, "kyphotic": 30}
SUBTYPES: dict[str, tuple[str, ...]] = {
    "slip": ("anterolisthesis", "retrolisthesis", "laterolisthesis"),
    "collapse": ("wedge", "crush", "biconcave"),
    "curvature": tuple(CURVATURES),
}
# A slip of at least this much is disease, a disc keeping at least this ratio is not narrowed,
# an osteophyte shorter than this is not one, a body losing less than this is not collapsed.
SLIP_DISEASE_MM = 3.0
DISC_NORMAL_RATIO = 0.9
OSTEOPHYTE_MIN_MM = 2.0
COLLAPSE_MIN_FRACTION = 0.20


@dataclass(frozen=True)
class Lesion:
    """One thing wrong at one level. `fraction` or `mm` states how much, by kind.

    canal, foramen, recess, disc, collapse: `fraction` lost of the unaffected size, 0 to 0.95.
    osteophyte, slip: `mm`. An osteophyte without a side is anterior. A laterolisthesis needs the
    side to which the upper vertebra moves. collapse: level is a vertebra; all others a disc.
    curvature: level "C2-C7", subtype lordotic, straight, sigmoid (lordotic below, kyphotic above),
    reverse sigmoid (forced only: the draw has one direction) or kyphotic.
    """

    kind: LesionKind
    level: str
    side: Side | None = None
    fraction: float = 0.0
    mm: float = 0.0
    subtype: str | None = None

    def __post_init__(self) -> None:
        if self.kind == "curvature":
            known = self.level == CERVICAL_RANGE
        else:
            known = self.level in (VERTEBRA_NAMES if self.kind == "collapse" else DISC_NAMES)
        if not known:
            raise UsageError(f"lesion {self.kind}: unknown level {self.level!r}")
        if not 0.0 <= self.fraction <= 0.95 or not 0.0 <= self.mm <= 20.0:
            raise UsageError(f"lesion {self.kind} at {self.level}: amount out of range")
        if self.kind in ("foramen", "recess") and self.side is None:
            raise UsageError(f"lesion {self.kind} at {self.level}: needs a side")
        if self.kind in SUBTYPES and self.subtype not in SUBTYPES[self.kind]:
            raise UsageError(f"lesion {self.kind}: subtype must be in {SUBTYPES[self.kind]}")
        if self.subtype == "laterolisthesis" and self.side is None:
            raise UsageError(f"laterolisthesis at {self.level}: needs a side")

    @property
    def key(self) -> tuple[str, str, Side | None]:
        """Two lesions with the same key exclude one another."""
        side = None if self.kind == "slip" else self.side
        return self.kind, self.level, side


@dataclass(frozen=True)
class PhantomFinding:
    """One thing that is true of the phantom.

    disease: spelling as released. level: "L4/L5", "L3" or, for cervical shape, "C2-C7".
    side: None where sides have no meaning. grade: by SEVERITY_RULE; slips and shapes "ungraded".
    measure, measure_kind: the amount, for example 6.2 "canal_ap_mm"; one of canal_ap_mm,
        foramen_ap_mm, recess_height_mm, slip_mm, osteophyte_mm, height_loss_fraction,
        disc_height_mm, cobb_c2_c7_deg (positive lordotic).
    expected: that level's own unaffected size in mm (slip: AP depth of the endplate below;
        osteophyte: 0; cervical shape: 0).
    fraction_lost: 1 - measure / expected for sizes, the loss itself for a collapse, else None.
    point_mm: LPS millimetres.
    """

    disease: PhantomDisease
    level: str
    side: Side | None
    grade: Grade
    measure: float
    measure_kind: str
    expected: float
    fraction_lost: float | None
    subtype: str | None
    point_mm: tuple[float, float, float]

    @property
    def is_present(self) -> bool:
        """Whether this is disease; explicit normals (grade "none") are not."""
        return self.grade != "none"

    @property
    def meyerding(self) -> str | None:
        """Meyerding grade I to V of an AP slip (quarters of the endplate), else None."""
        if self.disease != "Spondylolisthesis" or self.subtype == "laterolisthesis":
            return None
        return ("I", "II", "III", "IV", "V")[
            min(4, max(0, int(np.ceil(4.0 * self.measure / self.expected)) - 1))
        ]


@dataclass(frozen=True)
class SpineOptions:
    """Knobs of the draw.

    profile: "mr" (stenoses as common as in RSNA 2024) or "film" (one disease in most abnormal
        patients, as radiograph reading sets have after their single-label rule).
    prevalence: multiplies every chance of disease. age_range: years, both ends included.
    region: where the lesions go: "lumbar", "cervical" or "both".
    forced: lesions that are present whatever was drawn. only_forced: nothing else is drawn.
    """

    profile: Literal["mr", "film"] = "mr"
    prevalence: float = 1.0
    age_range: tuple[int, int] = (22, 86)
    region: Literal["lumbar", "cervical", "both"] = "lumbar"
    sex: Literal["F", "M"] | None = None
    forced: tuple[Lesion, ...] = field(default=())
    only_forced: bool = False


def grade_stenosis(fraction_lost: float, measure_mm: float, normal_mm: float) -> Grade:
    """Grade of a canal, foramen or recess by SEVERITY_RULE."""
    if fraction_lost > 2.0 / 3.0:
        return "severe"
    if fraction_lost > 1.0 / 3.0:
        return "moderate"
    return "none" if fraction_lost <= 1.0 / 6.0 and measure_mm >= normal_mm else "mild"


def grade_disc(fraction_lost: float) -> Grade:
    """Grade of disc height: thirds lost of the patient's own expectation, none from 0.9 kept."""
    if 1.0 - fraction_lost >= DISC_NORMAL_RATIO - 1e-9:
        return "none"
    if fraction_lost < 1.0 / 3.0:
        return "mild"
    return "moderate" if fraction_lost <= 2.0 / 3.0 else "severe"


def grade_collapse(height_loss: float) -> Grade:
    """Genant's grades: from 20 %, 25 % and 40 % of body height lost."""
    if height_loss < COLLAPSE_MIN_FRACTION:
        return "none"
    if height_loss < 0.25:
        return "mild"
    return "moderate" if height_loss <= 0.40 else "severe"


def grade_osteophyte(length_mm: float) -> Grade:
    """Ours, in the order of Nathan's grades: from 2, 4 and 6 mm."""
    if length_mm < OSTEOPHYTE_MIN_MM:
        return "none"
    if length_mm < 4.0:
        return "mild"
    return "moderate" if length_mm <= 6.0 else "severe"
