"""The canal as a course: a line along the posterior walls, with sizes as functions of its length.

Any point (y, z) gets a place s along the course (mm, from below) and a depth v behind the
posterior wall line; everything inside the canal is painted in these straightened coordinates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spinebench.phantom.canvas import Float32
from spinebench.phantom.column import Disc
from spinebench.phantom.sizes import SIDES, VERTEBRA_NAMES
from spinebench.phantom.spine import Spine

Float64 = npt.NDArray[np.float64]
STEP_MM = 0.5


@dataclass(frozen=True)
class Profiles:
    """Sizes along the course, each (len(s_mm),) in mm. Per side: left, right.

    x: middle. ap: canal without lesions. half_width. front: what stands in from the front, back:
    from behind, in the midline; recess, recess_front, recess_back: the same at the lateral recess.
    cord_ap, cord_width: 0 below the conus. roots_mm2: cross-section of the cauda equina.
    effaced: 0 to 1, how far the fluid is gone. fat: epidural fat behind the sac. sac: 1, falling
    to 0 where the dura ends at S2. lumbar: 1 in the lumbar canal and below.
    """

    s_mm: Float64
    x: Float64
    ap: Float64
    half_width: Float64
    front: Float64
    back: Float64
    recess: Float64
    recess_lost: tuple[Float64, Float64]
    cord_ap: Float64
    cord_width: Float64
    roots_mm2: Float64
    effaced: Float64
    fat: Float64
    sac: Float64
    lumbar: Float64


@dataclass(frozen=True)
class Course:
    """Stations from caudal to cranial: y, z (LPS mm), tilt (rad) and place s (mm)."""

    y: Float64
    z: Float64
    tilt: Float64
    s: Float64
    profiles: Profiles

    def straighten(self, y: Float32, z: Float32, reach_mm: float) -> tuple[Float32, Float32]:
        """(s, v) of points; s is -1 where the course does not pass within `reach_mm` behind it."""
        shape = np.broadcast_shapes(y.shape, z.shape)
        s = np.full(shape, -1.0, dtype=np.float32)
        v = np.zeros(shape, dtype=np.float32)
        for low in range(len(self.s) - 1):
            self._straighten_part(low, y, z, reach_mm, s, v)
        return s, v

    def _straighten_part(
        self, low: int, y: Float32, z: Float32, reach_mm: float, s: Float32, v: Float32
    ) -> None:
        high = low + 1
        spans = [slice(None)] * 3
        rows = np.flatnonzero(
            (
                (z > min(self.z[low], self.z[high]) - reach_mm)
                & (z < max(self.z[low], self.z[high]) + reach_mm)
                & np.ones_like(y, dtype=np.bool_)
            ).any(axis=(0, 2))
        )
        if rows.size == 0:
            return
        spans[1] = slice(int(rows[0]), int(rows[-1]) + 1)
        band_y = y[tuple(spans)] if y.shape[1] > 1 else y
        band_z = z[tuple(spans)] if z.shape[1] > 1 else z
        above_low, depth_low = self._local(low, band_y, band_z)
        above_high, depth_high = self._local(high, band_y, band_z)
        run = above_low - above_high
        inside = (above_low >= 0.0) & (above_high < 0.0)
        part = above_low / np.where(inside, run, 1.0)
        depth = depth_low + part * (depth_high - depth_low)
        inside &= (depth > -0.5 * reach_mm) & (depth < reach_mm)
        band = tuple(spans)
        length = float(self.s[high] - self.s[low])
        s[band] = np.where(inside, float(self.s[low]) + part * length, s[band])
        v[band] = np.where(inside, depth, v[band])

    def _local(self, index: int, y: Float32, z: Float32) -> tuple[Float32, Float32]:
        sin, cos = math.sin(self.tilt[index]), math.cos(self.tilt[index])
        dy, dz = y - float(self.y[index]), z - float(self.z[index])
        return dy * sin + dz * cos, dy * cos - dz * sin


def build_course(spine: Spine) -> Course:
    """Stations at both posterior corners of every body and at every disc margin."""
    stations: list[tuple[float, float, float, float, float, float, float]] = []
    at_disc: dict[str, int] = {}
    for name in reversed(VERTEBRA_NAMES):
        vertebra = spine.vertebrae[name]
        back, frame = 0.5 * vertebra.depth_mm, vertebra.frame
        half = vertebra.half_height(back)
        sizes = (vertebra.canal_ap_mm, 0.5 * vertebra.canal_width_mm)
        for height in (-half, half):
            x, y, z = frame.to_mm(0.0, back, height)
            tilt = _corner_tilt(spine, name, upper=height > 0.0)
            stations.append((x, y, z, tilt, *sizes, 0.0))
        above = [disc for disc in spine.discs.values() if disc.lower == name]
        if above:
            disc = above[0]
            x, y, z = disc.frame.to_mm(0.0, disc.wall_v_mm, 0.0)
            at_disc[disc.name] = len(stations)
            sizes = (disc.canal_expected_mm, disc.half_width_mm)
            stations.append((x, y, z, disc.frame.tilt_rad, *sizes, 1.0))
    # Two more above C2, so that the canal opens into the great foramen.
    axis = spine.vertebrae["C2"]
    for rise, ap in ((15.0, 20.0), (34.0, 26.0)):
        x, y, z = axis.frame.to_mm(0.0, 0.5 * axis.depth_mm, 0.5 * axis.height_mm + rise)
        stations.append((x, y, z, axis.frame.tilt_rad, ap, 14.0, 0.0))
    table = np.array(stations, dtype=np.float64)
    steps = np.hypot(np.diff(table[:, 1]), np.diff(table[:, 2]))
    s = np.concatenate([[0.0], np.cumsum(steps)])
    places = {name: float(s[index]) for name, index in at_disc.items()}
    profiles = _build_profiles(spine, table, s, places)
    return Course(table[:, 1], table[:, 2], table[:, 3], s, profiles)


def _corner_tilt(spine: Spine, name: str, *, upper: bool) -> float:
    """Tilt at a corner, most of the way to the disc's: the planes of a wedged disc such as L5/S1
    would otherwise cross inside the canal."""
    own = spine.vertebrae[name].frame.tilt_rad
    for disc in spine.discs.values():
        if name == (disc.lower if upper else disc.upper):
            return 0.25 * own + 0.75 * disc.frame.tilt_rad
    return own


def _bump(s: Float64, middle: float, flat: float, reach: float) -> Float64:
    """1 within `flat` mm of the middle, 0 beyond `reach`, a cubic between."""
    part = np.clip((reach - np.abs(s - middle)) / (reach - flat), 0.0, 1.0)
    return np.asarray(part * part * (3.0 - 2.0 * part), dtype=np.float64)


def _build_profiles(
    spine: Spine, table: Float64, stations: Float64, places: dict[str, float]
) -> Profiles:
    s = np.arange(0.0, float(stations[-1]) + STEP_MM, STEP_MM)
    x, z = np.interp(s, stations, table[:, 0]), np.interp(s, stations, table[:, 2])
    ap, half_width = np.interp(s, stations, table[:, 4]), np.interp(s, stations, table[:, 5])
    front, back, recess = np.zeros_like(s), np.zeros_like(s), 0.72 * ap
    lost_left, lost_right, effaced = np.zeros_like(s), np.zeros_like(s), np.zeros_like(s)
    # The fat behind the sac lies between the laminae, in one pad for each segment.
    between = np.zeros_like(s)
    for name, middle in places.items():
        disc = spine.discs[name]
        between = np.maximum(between, _bump(s, middle - 1.0, 4.0, 15.0))
        if disc.slip_u_mm != 0.0:  # the sideways step lies beside the recesses, not within them
            hold = _bump(s, middle + 0.5 * disc.recess_w_mm, 3.0, 6.5)
            x = x + hold * (disc.frame.center_mm[0] - x)
        _add_disc(disc, s, middle, (front, back, recess, lost_left, lost_right, effaced))
    cord_ap, cord_width = _cord(z, spine)
    tail = np.clip((z - spine.vertebrae["S2"].frame.center_mm[2]) / 170.0, 0.0, 1.0)
    lumbar = np.clip((spine.vertebrae["T12"].frame.center_mm[2] - z) / 30.0, 0.0, 1.0)
    return Profiles(
        s_mm=s,
        x=x,
        ap=ap,
        half_width=half_width,
        front=front,
        back=back,
        recess=recess,
        recess_lost=(lost_left, lost_right),
        cord_ap=cord_ap,
        cord_width=cord_width,
        roots_mm2=12.0 + 50.0 * tail * lumbar,
        effaced=effaced,
        fat=0.6 + 3.6 * lumbar * (0.35 + 0.65 * between),
        lumbar=lumbar,
        sac=np.sqrt(np.clip((z - spine.vertebrae["S2"].frame.center_mm[2]) / 20.0, 0.0, 1.0)),
    )


def _add_disc(disc: Disc, s: Float64, middle: float, out: tuple[Float64, ...]) -> None:
    front, back, recess, lost_left, lost_right, effaced = out
    tight = disc.region == "C"
    near = _bump(s, middle, 1.5, 5.0) if tight else _bump(s, middle, 2.4, 8.0)
    lost = disc.canal_expected_mm * disc.canal_lost
    front += near * 0.55 * lost
    back += near * 0.45 * lost
    # The fluid goes between about 40 and 75 % lost; the sac is then all roots.
    effaced += near * float(np.clip((disc.canal_lost - 0.40) / 0.35, 0.0, 1.0))
    wide = _bump(s, middle + disc.recess_w_mm, 4.5, 10.0)
    recess += wide * (disc.recess_expected_mm - recess)
    for side, target in zip(SIDES, (lost_left, lost_right), strict=True):
        target += wide * disc.recess_expected_mm * disc.recess_lost[side]


def _cord(z: Float64, spine: Spine) -> tuple[Float64, Float64]:
    """AP and transverse size of the cord by height; it ends in the conus."""
    marks = ("S2", "T11", "T8", "T2", "C6", "C3")
    places = [spine.vertebrae[name].frame.center_mm[2] for name in marks]
    ap = np.interp(z, places, (8.0, 8.0, 6.4, 6.8, 7.6, 8.0))
    width = np.interp(z, places, (9.0, 9.0, 8.2, 9.8, 13.2, 12.4))
    taper = np.clip((z - spine.conus_z_mm) / 28.0, 0.0, 1.0)
    taper = np.sqrt(taper)
    return ap * taper, width * taper
