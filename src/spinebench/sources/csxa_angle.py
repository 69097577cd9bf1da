"""The C2-C7 angle of a neck from its landmarks, where nobody says which way the patient faces."""

import math
from collections.abc import Iterable, Mapping
from typing import Literal

PointPx = tuple[float, float]
Facing = Literal["left", "right"]
_LEVELS = ("C2", "C7")
_NEEDED = (
    "C2 centroid",
    *(f"{level} bottom {side}" for level in _LEVELS for side in ("left", "right")),
)
# A folder faces one way where at least so many films vote and so large a share of them agrees.
_FEWEST_VOTES = 10
_LEAST_SHARE = 0.8
# From here on both cues of a film speak against its folder: degrees, and depths of C7.
_CONTRARY = (10.0, 0.5)


def find_facing(films: Iterable[Mapping[str, PointPx]]) -> Facing | None:
    """The side of the picture that the patients of a folder face; None where films differ.

    Two cues for each film, both positive for a patient who faces left: the lower endplate of C7
    falls forwards, and C2 stands in front of C7. Either fails in a few necks in a hundred, so a
    film votes only where they agree, and the folder is believed before the single film.
    """
    votes = {"left": 0, "right": 0}
    for points_px in films:
        vote = _vote(_find_cues(points_px))
        if vote is not None:
            votes[vote] += 1
    total = sum(votes.values())
    if total < _FEWEST_VOTES:
        return None
    if votes["left"] >= _LEAST_SHARE * total:
        return "left"
    return "right" if votes["right"] >= _LEAST_SHARE * total else None


def measure_cobb_deg(points_px: Mapping[str, PointPx], facing: Facing | None) -> float | None:
    """C2-C7 Cobb angle in degrees, positive when lordotic; None where it cannot be told.

    Between the lower endplates of C2 and C7, each the line through its two bottom corners. With
    t = atan2(y_right - y_left, x_right - x_left), y downwards, the angle is t(C2) - t(C7) for a
    patient who faces the left of the picture, and the opposite for one who faces its right.
    `facing`: of the folder (see `find_facing`); without one the film's own two cues decide. None:
    a landmark is missing, the film's cues differ, or both speak clearly against the folder.
    """
    cues = _find_cues(points_px)
    if cues is None:
        return None
    if facing is None:
        facing = _vote(cues)
    elif _is_contrary(cues, facing):
        return None
    tilts = [_tilt_deg(points_px, level) for level in _LEVELS]
    if facing is None or tilts[0] is None or tilts[1] is None:
        return None
    angle = tilts[0] - tilts[1]
    return angle if facing == "left" else -angle


def _find_cues(points_px: Mapping[str, PointPx]) -> tuple[float, float] | None:
    """(degrees by which C7 falls to the left, how far left of C7 C2 stands in depths of C7)."""
    if any(name not in points_px for name in _NEEDED):
        return None
    tilt = _tilt_deg(points_px, "C7")
    if tilt is None:
        return None
    left, right = points_px["C7 bottom left"], points_px["C7 bottom right"]
    ahead = 0.5 * (left[0] + right[0]) - points_px["C2 centroid"][0]
    return -tilt, ahead / math.dist(left, right)


def _vote(cues: tuple[float, float] | None) -> Facing | None:
    if cues is None or cues[0] * cues[1] <= 0.0:
        return None
    return "left" if cues[0] > 0.0 else "right"


def _is_contrary(cues: tuple[float, float], facing: Facing) -> bool:
    sign = 1.0 if facing == "left" else -1.0
    return all(sign * cue < -least for cue, least in zip(cues, _CONTRARY, strict=True))


def _tilt_deg(points_px: Mapping[str, PointPx], level: str) -> float | None:
    """Angle of a lower endplate against the rows, -90 to 90, positive when its right end is lower.

    The corners are put in order: a film with left and right exchanged has the same line.
    """
    corners = sorted((points_px[f"{level} bottom left"], points_px[f"{level} bottom right"]))
    (left_x, left_y), (right_x, right_y) = corners
    if corners[0] == corners[1]:
        return None
    return math.degrees(math.atan2(right_y - left_y, right_x - left_x))
