"""One patient's spine: anatomy, lesions and the findings that follow from them.

Coordinates are LPS millimetres: +x to the patient's left, +y posterior, +z superior; the body of
L3 is the origin. `sample_spine` is the only way in; it needs nothing but a key and a seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spinebench.errors import UsageError
from spinebench.phantom import findings as truth_of
from spinebench.phantom.column import Disc, PointMm, Vertebra, build_column
from spinebench.phantom.pathology import (
    SEVERITY_RULE,
    Lesion,
    PhantomFinding,
    SpineOptions,
)
from spinebench.phantom.prevalence import draw_lesions
from spinebench.phantom.rng import build_rng
from spinebench.phantom.sizes import Side

__all__ = [
    "SEVERITY_RULE",
    "Disc",
    "Lesion",
    "PhantomFinding",
    "Spine",
    "SpineOptions",
    "Vertebra",
    "sample_spine",
]


@dataclass(frozen=True, eq=False)
class Spine:
    """A patient's spine.

    vertebrae: C2..S3 by name, cranial to caudal. discs: "C2/C3".."S2/S3". findings: see
    PhantomFinding; canal, foramina and recesses of L1/L2..L5/S1 have one each even when normal,
    everything else only when present; cervical shape always has exactly one.
    fat_mm: fat under the skin of the back. girth_mm: (half width, half depth) of the trunk.
    marrow_fat: 0 (red, young) to 1 (yellow, old). key, seed: what it was drawn from.
    """

    key: str
    seed: int
    age: int
    sex: Literal["F", "M"]
    vertebrae: Mapping[str, Vertebra]
    discs: Mapping[str, Disc]
    lesions: tuple[Lesion, ...]
    findings: tuple[PhantomFinding, ...]
    fat_mm: float
    girth_mm: tuple[float, float]
    marrow_fat: float
    conus_z_mm: float

    def _disc(self, level: str) -> Disc:
        if level not in self.discs:
            raise UsageError(f"no disc {level!r} in the phantom: {', '.join(self.discs)}")
        return self.discs[level]

    def level_point_mm(self, level: str) -> PointMm:
        """Centre of a vertebral body ("L3") or of a disc ("L4/L5")."""
        if level in self.vertebrae:
            return self.vertebrae[level].frame.center_mm
        return self._disc(level).frame.center_mm

    def canal_point_mm(self, level: str) -> PointMm:
        """Middle of the free canal at a disc."""
        return truth_of.canal_point_mm(self._disc(level))

    def foramen_point_mm(self, level: str, side: Side) -> PointMm:
        """Middle of a foramen at the height of the exiting root."""
        return truth_of.foramen_point_mm(self._disc(level), side)

    def recess_point_mm(self, level: str, side: Side) -> PointMm:
        """Middle of a lateral recess at a disc."""
        return truth_of.recess_point_mm(self._disc(level), side)


def sample_spine(patient_key: str, seed: int, *, options: SpineOptions | None = None) -> Spine:
    """Spine of one patient; the same key, seed and options give the same spine anywhere.

    Anatomy and lesions come from separate generators: forcing a lesion leaves the anatomy alone.
    """
    options = options or SpineOptions()
    who = build_rng(seed, patient_key, "person")
    low, high = options.age_range
    age = int(who.integers(low, high + 1))
    drawn_sex: Literal["F", "M"] = "F" if who.random() < 0.52 else "M"
    sex = options.sex or drawn_sex
    fat_mm = float(who.gamma(5.0, 2.2)) + 4.0
    girth_mm = (float(who.normal(165.0, 12.0)), float(who.normal(108.0, 10.0)) + 0.4 * fat_mm)
    marrow_fat = float(min(1.0, max(0.0, (age - 20) / 70.0 + who.normal(0.0, 0.12))))
    lesions = draw_lesions(build_rng(seed, patient_key, "lesions"), age, sex, options)
    by_key = {lesion.key: lesion for lesion in lesions}
    vertebrae, discs = build_column(build_rng(seed, patient_key, "column"), sex, age, by_key)
    body_of = {vertebra.name: vertebra for vertebra in vertebrae}
    disc_of = {disc.name: disc for disc in discs}
    top, bottom = (body_of[name].frame.center_mm[2] for name in ("T12", "L2"))
    shape = str(by_key[("curvature", "C2-C7", None)].subtype)
    return Spine(
        key=patient_key,
        seed=seed,
        age=age,
        sex=sex,
        vertebrae=body_of,
        discs=disc_of,
        lesions=lesions,
        findings=truth_of.list_findings(body_of, disc_of, shape),
        fat_mm=fat_mm,
        girth_mm=girth_mm,
        marrow_fat=marrow_fat,
        conus_z_mm=float(who.triangular(bottom, 0.5 * (top + bottom), top)),
    )
