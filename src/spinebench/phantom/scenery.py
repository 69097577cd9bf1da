"""What else a radiograph shows: trunk, ribs, pelvis, lungs, bowel gas, jaw and shoulders.

Everything here is drawn in the plane of the film as path length times attenuation; only the spine
itself is projected from three dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

from spinebench.phantom.canvas import Float32, smooth_noise
from spinebench.phantom.film import Film
from spinebench.phantom.sizes import TISSUES
from spinebench.phantom.spine import Spine
from spinebench.phantom.surroundings import build_back_lines

Map = Float32
MU_SOFT, MU_CORTEX, MU_MARROW = (TISSUES[name][4] for name in ("muscle", "cortex", "marrow"))


@dataclass(frozen=True)
class FilmMap:
    """A coarse map in the plane of a film: pitch_mm per sample, across and z of every sample."""

    film: Film
    pitch_mm: float
    across: npt.NDArray[np.float64]
    z: npt.NDArray[np.float64]

    def to_index(self, across_mm: float, z_mm: float) -> tuple[float, float]:
        """(column, row) on the map."""
        return (
            (across_mm - float(self.across[0])) / self.pitch_mm,
            (float(self.z[0]) - z_mm) / self.pitch_mm,
        )


def build_film_map(film: Film, pitch_mm: float) -> FilmMap:
    """Samples that span the film from its first to its last pixel centre."""
    width, height = (film.cols - 1) * film.spacing_mm, (film.rows - 1) * film.spacing_mm
    across = film.origin_mm[0] + np.arange(int(width / pitch_mm) + 2) * pitch_mm
    z = film.origin_mm[1] - np.arange(int(height / pitch_mm) + 2) * pitch_mm
    return FilmMap(film, pitch_mm, np.asarray(across), np.asarray(z))


def draw_soft_tissue(grid: FilmMap, spine: Spine, rng: np.random.Generator) -> Map:
    """Path through trunk or neck times attenuation, with lungs, airway and bowel gas taken out."""
    lines = build_back_lines(spine)
    z = grid.z[:, None]
    wall = np.interp(grid.z, lines.z, lines.wall_y)[:, None]
    skin = np.interp(grid.z, lines.z, lines.skin_y)[:, None]
    neck_z = spine.vertebrae["C7"].frame.center_mm[2]
    neck = np.clip((z - neck_z + 18.0) / 55.0, 0.0, 1.0)
    neck = neck * neck * (3.0 - 2.0 * neck)
    half_w = spine.girth_mm[0] * (1.0 - neck) + 56.0 * neck
    deep = 2.0 * spine.girth_mm[1] * (1.0 - neck) + 125.0 * neck
    if grid.film.view == "AP":
        share = np.square(
            (grid.across[None, :] - spine.vertebrae["L3"].frame.center_mm[0]) / half_w
        )
        path_mm = deep * np.sqrt(np.clip(1.0 - share, 0.0, None))
    else:
        middle = skin - 0.5 * deep
        share = np.square((grid.across[None, :] - middle) / (0.5 * deep))
        path_mm = 2.0 * half_w * np.sqrt(np.clip(1.0 - share, 0.0, None))
    soft = (path_mm * 0.1 * 0.5 * (MU_SOFT + TISSUES["fat"][4])).astype(np.float32)
    soft -= _air(grid, spine, rng, wall, path_mm.astype(np.float32))
    return np.clip(soft, 0.02, None)


def _air(
    grid: FilmMap,
    spine: Spine,
    rng: np.random.Generator,
    wall: npt.NDArray[np.float64],
    path_mm: Map,
) -> Map:
    z, across = grid.z[:, None], grid.across[None, :]
    x0 = spine.vertebrae["T12"].frame.center_mm[0]
    dome = spine.vertebrae["T11"].frame.center_mm[2]
    if grid.film.view == "AP":
        off = np.abs(across - x0)
        edge = dome + 22.0 - np.square((off - 75.0) / 12.0)
        lung = np.clip((z - edge) / 6.0, 0.0, 1.0) * np.clip((off - 32.0) / 10.0, 0.0, 1.0)
        airway = np.clip(1.0 - np.abs(across - x0) / 9.0, 0.0, 1.0)
    else:
        ahead = wall - across
        # The dome rises forwards; behind, the recess reaches down before the chest wall ends it.
        rise = np.clip((ahead + 25.0) / 85.0, 0.0, 1.0)
        edge = dome - 12.0 + 62.0 * rise * (2.0 - rise)
        lung = np.clip((z - edge) / 16.0, 0.0, 1.0) * np.clip((ahead + 42.0) / 14.0, 0.0, 1.0)
        lung = lung * np.clip((dome + 170.0 - z) / 90.0, 0.0, 1.0)
        gap = np.abs(ahead - 34.0 - 0.0 * z)
        airway = np.clip((10.0 - gap) / 5.0, 0.0, 1.0)
    upper = spine.vertebrae["T1"].frame.center_mm[2]
    lung = lung * np.clip((upper - z) / 20.0, 0.0, 1.0)
    taken = lung * path_mm * 0.1 * 0.62 * MU_SOFT
    top = spine.vertebrae["C2"].frame.center_mm[2] + 10.0
    throat = np.clip((z - upper + 50.0) / 10.0, 0.0, 1.0) * np.clip((top - z) / 10.0, 0.0, 1.0)
    taken = taken + airway * throat * 1.5 * MU_SOFT
    rows, cols = len(grid.z), len(grid.across)
    noise = smooth_noise(rng, (1, rows, cols), (24.0 / grid.pitch_mm, 30.0 / grid.pitch_mm))[0]
    fine = smooth_noise(rng, (1, rows, cols), (9.0 / grid.pitch_mm, 11.0 / grid.pitch_mm))[0]
    blobs = np.clip((noise + 0.25 * fine - 0.9) * 0.9, 0.0, 1.0)
    abdomen = np.clip((dome - 25.0 - z) / 20.0, 0.0, 1.0)
    if grid.film.view == "LAT":
        abdomen = abdomen * np.clip((wall - across - 58.0) / 15.0, 0.0, 1.0)
    gas_cm = 2.4 if grid.film.view == "AP" else 3.2
    return np.asarray(taken + blobs * abdomen * gas_cm * MU_SOFT, dtype=np.float32)


def draw_other_bones(grid: FilmMap, spine: Spine) -> Map:
    """Ribs, pelvis, jaw and base of the skull as excess over soft tissue."""
    out = np.zeros((len(grid.z), len(grid.across)), dtype=np.float32)
    for name in [f"T{index}" for index in range(1, 13)]:
        for sign in (-1.0, 1.0):
            _draw_rib(out, grid, spine, name, sign)
    # From the side the ribs lie far from the detector and are blurred by breathing.
    out *= 0.65 if grid.film.view == "LAT" else 1.0
    out += _draw_pelvis(grid, spine)
    out += _draw_head(grid, spine)
    return out


def _draw_rib(out: Map, grid: FilmMap, spine: Spine, name: str, sign: float) -> None:
    """A rib as a hollow tube along a bent line."""
    body = spine.vertebrae[name]
    x, y, z = body.frame.to_mm(0.0, 0.4 * body.depth_mm, 0.2 * body.height_mm)
    number = int(name[1:])
    long = {12: 0.55, 11: 0.85}.get(number, 1.0)
    bend = [(0.0, 0.0), (0.35, 0.10), (0.7, 0.45), (1.0, 1.0)]
    if grid.film.view == "AP":
        start, reach, drop = x + sign * 0.5 * body.width_mm, 105.0 * long, 62.0 * long
        points = [(start + sign * reach * t, z - drop * f) for t, f in bend]
    else:
        # Parallel rays lay both ribs almost on one another; a small shift keeps them apart.
        shift = 2.5 * sign
        back = [(0.0, 0.0), (22.0, -8.0), (26.0, -22.0), (2.0, -42.0), (-55.0, -66.0 + shift)]
        back = [*back, (14.0 * number - 235.0, -84.0 + shift)] if number < 11 else back
        points = [(y + dy * min(1.0, long + 0.2), z + dz * long + shift) for dy, dz in back]
    columns = [grid.to_index(*point) for point in _rounded(points, closed=False)]
    radius = 4.6 / grid.pitch_mm
    low_c = int(max(0, min(c for c, _ in columns) - radius - 1))
    high_c = int(min(out.shape[1], max(c for c, _ in columns) + radius + 2))
    low_r = int(max(0, min(r for _, r in columns) - radius - 1))
    high_r = int(min(out.shape[0], max(r for _, r in columns) + radius + 2))
    if low_c >= high_c or low_r >= high_r:
        return
    rows = np.arange(low_r, high_r, dtype=np.float32)[:, None]
    cols = np.arange(low_c, high_c, dtype=np.float32)[None, :]
    gap = np.full((high_r - low_r, high_c - low_c), 1e6, dtype=np.float32)
    for (c0, r0), (c1, r1) in pairwise(columns):
        dc, dr = c1 - c0, r1 - r0
        along = np.clip(((cols - c0) * dc + (rows - r0) * dr) / (dc * dc + dr * dr), 0.0, 1.0)
        np.minimum(gap, np.hypot(cols - c0 - along * dc, rows - r0 - along * dr), out=gap)
    gap_mm = gap * grid.pitch_mm
    outer = np.sqrt(np.clip(4.6**2 - np.square(gap_mm), 0.0, None))
    inner = np.sqrt(np.clip(3.7**2 - np.square(gap_mm), 0.0, None))
    excess = 0.2 * ((outer - inner) * (MU_CORTEX - MU_SOFT) + inner * (MU_MARROW - MU_SOFT))
    np.maximum(out[low_r:high_r, low_c:high_c], excess, out=out[low_r:high_r, low_c:high_c])


def _rounded(points: list[tuple[float, float]], *, closed: bool) -> list[tuple[float, float]]:
    """The outline with its corners cut twice (Chaikin)."""
    for _ in range(2):
        ends = [*points, points[0]] if closed else points
        cut = [
            (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]))
            for a, b in pairwise(ends)
            for share in (0.25, 0.75)
        ]
        points = cut if closed else [points[0], *cut, points[-1]]
    return points


def _polygon(grid: FilmMap, points: list[tuple[float, float]], blur_mm: float) -> Map:
    picture = Image.new("F", (len(grid.across), len(grid.z)), 0.0)
    outline = _rounded(points, closed=True)
    ImageDraw.Draw(picture).polygon([grid.to_index(a, b) for a, b in outline], fill=1.0)
    filled: Map = np.asarray(picture, dtype=np.float32)
    return np.asarray(ndimage.gaussian_filter(filled, blur_mm / grid.pitch_mm), dtype=np.float32)


# Left iliac wing and hip on a frontal film: (mm from the midline, mm above S1's centre; the top row
# is lifted to the line of the crests).
_WING_AP = [
    (22, -8), (25, 8), (38, 27), (66, 36), (98, 26), (126, 0), (136, -30), (124, -54),
    (110, -95), (104, -130), (72, -132), (63, -97), (58, -76), (44, -58), (28, -40),
]  # fmt: skip
# Right half of the sacrum's outline and its foramina on a frontal film.
_SACRUM_AP = [(0, 14), (24, 12), (44, 4), (46, -14), (38, -42), (26, -68), (14, -92), (0, -100)]
_SACRAL_FORAMINA_AP = [(19, -22), (17, -42), (15, -60)]
# Iliac wing on a lateral film: (mm behind the centre of S1, mm above it).
_WING_LAT = [
    (-72, -52), (-74, -20), (-52, 14), (-20, 30), (14, 28), (36, 4), (34, -24), (18, -50),
    (-10, -78), (-44, -92),
]  # fmt: skip


def _draw_pelvis(grid: FilmMap, spine: Spine) -> Map:
    x, y, z = spine.vertebrae["S1"].frame.center_mm
    # The crests reach the L4/L5 disc.
    lift = spine.discs["L4/L5"].frame.center_mm[2] - z - 32.0
    out = np.zeros((len(grid.z), len(grid.across)), dtype=np.float32)
    if grid.film.view == "AP":
        for sign in (-1.0, 1.0):
            outline = [(x + sign * a, z + b + (lift if b > 20 else 0.0)) for a, b in _WING_AP]
            sheet = _polygon(grid, outline, 1.2)
            core = _polygon(
                grid, [(0.5 * (a + x + sign * 70), 0.5 * (b + z - 30)) for a, b in outline], 12.0
            )
            rim = np.clip(sheet - _polygon(grid, outline, 5.0), 0.0, None)
            out += sheet * (0.34 - 0.14 * core) + 0.55 * rim
        return out + _draw_sacrum(grid, x, z)
    for shift in (-5.0, 5.0):
        outline = [(y + a + shift, z + b + (lift if b > 10 else 0.0) + shift) for a, b in _WING_LAT]
        sheet = _polygon(grid, outline, 1.2)
        rim = np.clip(sheet - _polygon(grid, outline, 4.0), 0.0, None)
        out += 0.22 * sheet + 0.30 * rim
    return out


def _draw_sacrum(grid: FilmMap, x: float, z: float) -> Map:
    """Sacrum from the front: a shield that lies behind the projected bodies, with foramina."""
    half = [(x + a, z + b) for a, b in _SACRUM_AP]
    outline = [*half, *((2.0 * x - a, b) for a, b in reversed(half))]
    sheet = _polygon(grid, outline, 1.5)
    rim = np.clip(sheet - _polygon(grid, outline, 4.0), 0.0, None)
    across, height = grid.across[None, :], grid.z[:, None]
    for off, low in _SACRAL_FORAMINA_AP:
        for sign in (-1.0, 1.0):
            gap = np.square((across - x - sign * off) / 5.0) + np.square((height - z - low) / 4.0)
            sheet = sheet * (1.0 - 0.6 * np.clip(1.6 - gap, 0.0, 1.0).astype(np.float32))
    return np.asarray(0.15 * sheet + 0.20 * rim, dtype=np.float32)


def _draw_head(grid: FilmMap, spine: Spine) -> Map:
    x, y, z = spine.vertebrae["C2"].frame.center_mm
    if grid.film.view == "AP":
        jaw = [(-52, 8), (-40, -14), (-14, -26), (14, -26), (40, -14), (52, 8), (60, 60), (-60, 60)]
        head = _polygon(grid, [(x + a, z + b) for a, b in jaw], 2.0)
        return 0.9 * head
    jaw = [(-20, 24), (-24, -2), (-66, -16), (-84, -12), (-84, 4), (-40, 10), (-36, 28)]
    skull = [(-12, 34), (0, 30), (22, 34), (48, 24), (80, 40), (92, 80), (-40, 80), (-40, 40)]
    bone = _polygon(grid, [(y + a, z + b) for a, b in jaw], 1.2) * 0.45
    return bone + 0.9 * _polygon(grid, [(y + a, z + b) for a, b in skull], 1.5)
