"""The rendered picture: pixels with their place in the patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PointMm = tuple[float, float, float]


@dataclass(frozen=True)
class RenderedImage:
    """One slice or film.

    pixels: (rows, cols); uint16 for MR and radiographs (MONOCHROME2), int16 HU for CT.
    affine_lps: 4x4 float64; (column, row, 0, 1) of a pixel centre to LPS millimetres. Its third
        column is the unit vector normal to the picture: for a slice column x row direction; for a
        radiograph the direction of the (parallel) rays, so that the depth of a pixel is unknown.
    spacing_mm: (row spacing, column spacing), the order of DICOM PixelSpacing.
    slice_thickness_mm: 0.0 for a radiograph.
    label: what the stack holds, for example "sagittal" or the disc "L4/L5" an axial slice is for.
    """

    pixels: npt.NDArray[np.uint16] | npt.NDArray[np.int16]
    affine_lps: npt.NDArray[np.float64]
    spacing_mm: tuple[float, float]
    slice_thickness_mm: float
    label: str = ""

    def project(self, point_mm: PointMm) -> tuple[float, float]:
        """(x_px, y_px) = (column, row) of the point's foot on this picture; 0.0 is a centre."""
        offset = np.asarray(point_mm, dtype=np.float64) - self.affine_lps[:3, 3]
        column = self.affine_lps[:3, 0] / self.spacing_mm[1]
        row = self.affine_lps[:3, 1] / self.spacing_mm[0]
        return (
            float(offset @ column) / self.spacing_mm[1],
            float(offset @ row) / self.spacing_mm[0],
        )

    def distance_mm(self, point_mm: PointMm) -> float:
        """Distance of the point from the plane of a slice, never negative."""
        offset = np.asarray(point_mm, dtype=np.float64) - self.affine_lps[:3, 3]
        return abs(float(offset @ self.affine_lps[:3, 2]))

    def contains(self, point_mm: PointMm) -> bool:
        """Whether the point's foot lies on the picture."""
        x_px, y_px = self.project(point_mm)
        rows, cols = self.pixels.shape
        return bool(-0.5 <= x_px <= cols - 0.5 and -0.5 <= y_px <= rows - 0.5)
