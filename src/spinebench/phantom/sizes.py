"""Adult sizes of the vertebral column, level by level, and the tissue signals, as plain tables.

Sizes are means within the ranges usually taught (the ranges stand in docs/phantom.md with their
sources); `sample_spine` scatters them. All lengths in millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Region = Literal["C", "T", "L", "S"]
Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")


@dataclass(frozen=True)
class VertebraNumbers:
    """Mean adult size of one vertebra.

    width_mm, depth_mm, height_mm: body, left-right, antero-posterior (mid-sagittal), cranio-caudal.
    disc_mm: height of the disc below, at its centre.
    canal_ap_mm, canal_width_mm: bony canal, mid-sagittal AP and between the pedicles.
    spinous_mm, spinous_drop_deg: length of the spinous process and its angle below horizontal.
    transverse_mm: reach of the transverse process beyond the pedicle.
    """

    width_mm: float
    depth_mm: float
    height_mm: float
    disc_mm: float
    canal_ap_mm: float
    canal_width_mm: float
    spinous_mm: float
    spinous_drop_deg: float
    transverse_mm: float


def _row(*values: float) -> VertebraNumbers:
    return VertebraNumbers(*values)


# Cranial to caudal. Columns as in VertebraNumbers.
VERTEBRA_NUMBERS: dict[str, VertebraNumbers] = {
    "C2": _row(18.0, 15.5, 18.0, 5.0, 19.0, 24.0, 20.0, 12.0, 8.0),
    "C3": _row(17.5, 15.5, 12.5, 5.0, 16.5, 24.0, 14.0, 15.0, 9.0),
    "C4": _row(18.0, 15.5, 12.2, 5.2, 16.0, 24.5, 14.0, 18.0, 9.0),
    "C5": _row(18.5, 16.0, 12.0, 5.4, 16.0, 25.0, 15.0, 20.0, 9.5),
    "C6": _row(19.3, 16.5, 12.4, 5.7, 16.0, 25.5, 21.0, 22.0, 10.0),
    "C7": _row(20.0, 16.8, 13.8, 5.0, 16.0, 24.5, 30.0, 22.0, 13.0),
    "T1": _row(25.0, 17.5, 16.3, 4.2, 15.5, 21.0, 32.0, 28.0, 20.0),
    "T2": _row(25.5, 18.5, 17.2, 4.0, 15.0, 18.5, 31.0, 34.0, 20.0),
    "T3": _row(25.3, 19.8, 17.8, 4.0, 15.0, 17.5, 31.0, 40.0, 20.0),
    "T4": _row(25.5, 21.2, 18.3, 4.1, 15.0, 17.0, 31.0, 45.0, 20.0),
    "T5": _row(26.2, 22.8, 18.8, 4.2, 15.0, 17.0, 32.0, 50.0, 20.0),
    "T6": _row(27.2, 24.5, 19.4, 4.5, 15.0, 17.0, 32.0, 52.0, 20.0),
    "T7": _row(28.4, 26.0, 20.0, 4.9, 15.2, 17.0, 32.0, 52.0, 19.0),
    "T8": _row(29.6, 27.2, 20.5, 5.2, 15.5, 17.2, 31.0, 50.0, 18.0),
    "T9": _row(31.0, 28.2, 21.2, 5.5, 15.5, 17.5, 30.0, 44.0, 17.0),
    "T10": _row(33.0, 29.0, 22.2, 5.9, 15.8, 18.0, 28.0, 36.0, 15.0),
    "T11": _row(35.5, 29.6, 23.4, 6.4, 16.2, 19.0, 26.0, 24.0, 12.0),
    "T12": _row(38.3, 30.2, 24.6, 7.2, 16.8, 21.5, 27.0, 14.0, 12.0),
    "L1": _row(41.0, 31.0, 25.8, 8.4, 17.6, 22.8, 29.0, 9.0, 22.0),
    "L2": _row(43.0, 32.0, 26.8, 9.4, 17.2, 23.0, 30.0, 9.0, 26.0),
    "L3": _row(45.2, 33.0, 27.3, 10.3, 16.8, 23.6, 31.0, 9.0, 30.0),
    "L4": _row(48.0, 34.0, 27.2, 11.3, 16.9, 25.0, 29.0, 9.0, 27.0),
    "L5": _row(50.8, 34.6, 26.0, 10.2, 17.2, 28.0, 23.0, 10.0, 24.0),
    "S1": _row(50.0, 32.0, 29.0, 3.0, 15.0, 30.0, 14.0, 25.0, 0.0),
    "S2": _row(40.0, 26.0, 24.0, 2.0, 11.0, 27.0, 10.0, 25.0, 0.0),
    "S3": _row(33.0, 21.0, 20.0, 1.5, 8.0, 22.0, 7.0, 25.0, 0.0),
}

VERTEBRA_NAMES: tuple[str, ...] = tuple(VERTEBRA_NUMBERS)
DISC_NAMES: tuple[str, ...] = tuple(f"{upper}/{lower}" for upper, lower in pairwise(VERTEBRA_NAMES))
LUMBAR_DISCS: tuple[str, ...] = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")
CERVICAL_DISCS: tuple[str, ...] = ("C2/C3", "C3/C4", "C4/C5", "C5/C6", "C6/C7", "C7/T1")
# L5 is wedge shaped: 28 mm in front and 23 mm behind, that is (28 - 23) / 25.5 of its mean height.
L5_WEDGE_FRACTION = 0.196

# Unaffected antero-posterior size of the foramen at the root, and height of the lateral recess.
FORAMEN_AP_MM: dict[str, float] = {"C": 6.4, "T": 7.0, "L": 8.6, "S": 8.0}
RECESS_HEIGHT_MM: dict[str, float] = {"C": 6.0, "T": 6.0, "L": 7.0, "S": 6.5}

# Smallest size that counts as normal by millimetres (Verbiest 1977 and Talekar 2017 for the canal,
# Steurer 2011 for recess and foramen).
NORMAL_CANAL_MM = 13.0
NORMAL_RECESS_MM = 5.0
NORMAL_FORAMEN_MM = 5.0


def region_of(name: str) -> Region:
    """Region letter of a vertebra or disc ("L5/S1" is lumbar, "C7/T1" cervical)."""
    first = name[0]
    if first == "C":
        return "C"
    if first == "T":
        return "T"
    return "L" if first == "L" else "S"


# Relative MR signal (before noise and bias field), CT number in HU, X-ray attenuation per cm near
# 60 keV, per tissue: (T1, T2, STIR, HU, mu). Nucleus and marrow are scattered per patient and disc.
TISSUES: dict[str, tuple[float, float, float, float, float]] = {
    "air": (0.00, 0.00, 0.00, -1000.0, 0.0),
    "cortex": (0.05, 0.05, 0.05, 900.0, 0.57),
    "ligament": (0.07, 0.06, 0.05, 80.0, 0.21),
    "dura": (0.07, 0.06, 0.05, 60.0, 0.21),
    "marrow": (0.55, 0.45, 0.15, 190.0, 0.28),
    "vein": (0.40, 0.75, 0.55, 60.0, 0.21),
    "nucleus_healthy": (0.40, 0.80, 0.75, 85.0, 0.22),
    "nucleus_worn": (0.35, 0.20, 0.15, 85.0, 0.22),
    "flavum": (0.24, 0.15, 0.13, 80.0, 0.21),
    "joint": (0.34, 0.80, 0.80, 40.0, 0.21),
    "annulus": (0.25, 0.12, 0.10, 105.0, 0.22),
    "csf": (0.15, 1.00, 1.00, 10.0, 0.21),
    "cord": (0.42, 0.40, 0.40, 38.0, 0.21),
    "fat": (1.00, 0.68, 0.05, -100.0, 0.18),
    "muscle": (0.35, 0.20, 0.20, 55.0, 0.21),
    "vessel": (0.06, 0.05, 0.05, 45.0, 0.21),
    "organ": (0.40, 0.38, 0.38, 45.0, 0.21),
    "brain": (0.48, 0.45, 0.42, 36.0, 0.21),
}
