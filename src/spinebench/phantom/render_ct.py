"""Computed tomography slices of a phantom, in Hounsfield units."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from spinebench.phantom.canvas import Float32, smooth_noise
from spinebench.phantom.render_mr import Plane, axial_planes, plane_positions, sagittal_planes
from spinebench.phantom.rendered import RenderedImage
from spinebench.phantom.rng import build_rng
from spinebench.phantom.spine import Spine
from spinebench.phantom.tissue import build_canvas, build_palette, paint_spine

__all__ = ["RenderedImage", "render_ct"]

SLICE_MM = 2.0


def render_ct(
    spine: Spine,
    orientation: Literal["SAG", "AX"] = "SAG",
    *,
    region: Literal["lumbar", "cervical"] = "lumbar",
    matrix: int = 512,
    seed: int = 0,
) -> list[RenderedImage]:
    """Slices in spatial order, int16 HU (matrix, matrix), 2 mm thick.

    SAG: patient's right to left as in MR. AX: the slices of `render_mr`, along the discs. Axes as
    in `render_mr`. Noise is correlated over two pixels, as from a soft to medium kernel.
    """
    rng = build_rng(spine.seed, spine.key, "planes", "CT", orientation, region)
    build = sagittal_planes if orientation == "SAG" else axial_planes
    planes: list[Plane] = build(spine, region, matrix, rng)
    x, y, z = plane_positions([plane[0] for plane in planes], matrix, matrix)
    canvas = build_canvas(x, y, z, planes[0][1], build_palette(spine, ("HU",)))
    paint_spine(canvas, spine)
    noise_rng = build_rng(seed, spine.key, "ct", orientation, region)
    images: list[RenderedImage] = []
    for index, (affine, spacing, label) in enumerate(planes):
        pixels = _scan(canvas.data[0, index], noise_rng)
        images.append(RenderedImage(pixels, affine, (spacing, spacing), SLICE_MM, label))
    return images


def _scan(values: Float32, rng: np.random.Generator) -> npt.NDArray[np.int16]:
    rows, cols = values.shape
    fine = rng.standard_normal((rows, cols), dtype=np.float32)
    fine[1:, 1:] += 0.6 * fine[:-1, :-1]
    # Trabeculae: marrow is a grain of struts, which shows as texture where HU is above muscle.
    grain = smooth_noise(rng, (1, rows, cols), (2.5, 2.5))[0]
    struts = 45.0 * grain * ((values > 130.0) & (values < 450.0))
    found = values + 17.0 * fine + struts
    return np.asarray(np.clip(np.round(found), -1024.0, 3071.0), dtype=np.int16)
