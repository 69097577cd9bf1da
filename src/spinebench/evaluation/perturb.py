"""Changes of a picture that should not change the answer: named, in three strengths, seeded.

`perturb` is a pure function of pixels. Which way a change goes (brighter or darker, left or right)
is drawn once for each picture and kind, so that a picture's strengths go the same way and only the
amount grows. Coordinates that must stay visible are given as boxes; a crop never cuts them off.

brightness  shift of all greys, as a share of black to white
contrast    factor on the distance from the picture's mean grey
rotation    degrees, on a canvas that grows: no corner is lost; bicubic, filled with border grey
crop        share of each side's length that is cut off in all, parted at random over its two ends
jpeg        quality of one encoding and decoding, without chroma subsampling
resolution  share of the pixels along each side that is kept, then enlarged to the old size: detail
            goes, and what a model's own scaling does to the size stays the same
marker      the side marker of a film filled in (`imaging.marks`); one strength
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from spinebench.errors import UsageError
from spinebench.imaging.marks import MARKS_VERSION, remove_marks
from spinebench.records import item_seed

PERTURB_VERSION = "perturb/1"

Kind = Literal["brightness", "contrast", "rotation", "crop", "jpeg", "resolution", "marker"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# By kind, weak to strong. A radiologist would give the same answer at each of them.
STRENGTHS: dict[Kind, tuple[float, ...]] = {
    "brightness": (0.08, 0.16, 0.24),
    "contrast": (0.15, 0.3, 0.45),
    "rotation": (3.0, 6.0, 10.0),
    "crop": (0.04, 0.08, 0.12),
    "jpeg": (75.0, 45.0, 20.0),
    "resolution": (0.75, 0.5, 0.33),
    "marker": (1.0,),
}
GEOMETRIC: frozenset[Kind] = frozenset({"rotation", "crop"})  # points of the original move

_KEEP_SHARE = 0.06  # of the long side, left around a box that must stay
_LEAST_PX = 32  # short side below which nothing is cropped
_LEAST_KEPT_PX = 64  # short side of a reduced copy: of fewer pixels nobody reads a spine

Rgb = NDArray[np.uint8]  # (rows, cols, 3)
Box = tuple[float, float, float, float]  # x_min, y_min, x_max, y_max in pixels of the picture
Value = float | int | str


@dataclass(frozen=True, slots=True)
class Change:
    """One kind at one strength, as a question's id and a table name it."""

    kind: Kind
    step: int  # from 1, the weakest

    @property
    def name(self) -> str:
        """`crop-2`."""
        return f"{self.kind}-{self.step}"

    @property
    def amount(self) -> float:
        """Of `STRENGTHS`, in the unit that the head of this file gives."""
        return STRENGTHS[self.kind][self.step - 1]


@dataclass(frozen=True, slots=True)
class Perturbed:
    """A changed picture, and what was done in numbers."""

    rgb: Rgb
    parameters: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotPerturbed:
    """Why a picture was left out: a short fixed word."""

    reason: Literal["no_marker", "nothing_to_crop", "few_pixels", "same_pixels"]


@dataclass(frozen=True, slots=True)
class _Job:
    rgb: Rgb
    amount: float
    keep: Sequence[Box]
    generator: np.random.Generator


def list_changes(kinds: Sequence[str] | None = None) -> list[Change]:
    """All strengths of the kinds, in their fixed order; of every kind where None is named.

    Raises UsageError for an unknown kind.
    """
    unknown = sorted(set(kinds or ()) - set(KINDS))
    if unknown:
        raise UsageError(f"no perturbation {unknown[0]!r}; there are {', '.join(KINDS)}")
    return [
        Change(kind, step)
        for kind in KINDS
        if kinds is None or kind in kinds
        for step in range(1, len(STRENGTHS[kind]) + 1)
    ]


def perturb(
    rgb: Rgb, change: Change, *, key: str, seed: int, keep: Sequence[Box] = ()
) -> Perturbed | NotPerturbed:
    """The picture after one change, or why it was left as it is.

    `key` is the picture's own (its image id): with the seed it decides every draw. `keep` are
    boxes that a crop must leave whole. JPEG depends on the build of the codec, all else does not.
    """
    # the strength is no part of the key: all of them go the same way
    generator = np.random.default_rng(item_seed(seed, PERTURB_VERSION, change.kind, key))
    done = _CHANGES[change.kind](_Job(rgb, change.amount, keep, generator))
    if isinstance(done, Perturbed) and np.array_equal(done.rgb, rgb):
        return NotPerturbed("same_pixels")
    return done


def _brightness(job: _Job) -> Perturbed:
    shift = job.amount * _sign(job.generator)
    return Perturbed(_to_bytes(job.rgb.astype(np.float64) + 255.0 * shift), {"shift": shift})


def _contrast(job: _Job) -> Perturbed:
    factor = 1.0 + job.amount
    if _sign(job.generator) < 0:
        factor = 1.0 / factor
    mean = float(job.rgb.mean())
    changed = mean + factor * (job.rgb.astype(np.float64) - mean)
    return Perturbed(_to_bytes(changed), {"factor": round(factor, 6)})


def _rotation(job: _Job) -> Perturbed:
    degrees = job.amount * _sign(job.generator)
    turned = PillowImage.fromarray(job.rgb).rotate(
        degrees,
        resample=PillowImage.Resampling.BICUBIC,
        expand=True,
        fillcolor=_border_colour(job.rgb),
    )
    return Perturbed(np.asarray(turned), {"degrees": degrees})


def _crop(job: _Job) -> Perturbed | NotPerturbed:
    rows, cols = job.rgb.shape[:2]
    if min(rows, cols) < _LEAST_PX:
        return NotPerturbed("nothing_to_crop")
    margin = _KEEP_SHARE * max(rows, cols)
    cuts: dict[str, Value] = {}
    for size, axis, ends in ((cols, 0, ("left", "right")), (rows, 1, ("top", "bottom"))):
        first = float(job.generator.uniform())
        low = min((box[axis] for box in job.keep), default=float(size)) - margin
        high = max((box[axis + 2] for box in job.keep), default=-1.0) + margin
        # without a box any part may go; with one only what lies outside it
        free = (size, size) if not job.keep else (max(0, int(low)), max(0, int(size - 1 - high)))
        wanted = round(job.amount * size)
        start = min(round(first * wanted), free[0])
        cuts[ends[0]], cuts[ends[1]] = start, min(wanted - start, free[1])
    left, right, top, bottom = (int(cuts[end]) for end in ("left", "right", "top", "bottom"))
    if not left + right + top + bottom:
        return NotPerturbed("nothing_to_crop")
    part = job.rgb[top : rows - bottom, left : cols - right]
    return Perturbed(np.ascontiguousarray(part), cuts)


def _jpeg(job: _Job) -> Perturbed:
    stream = io.BytesIO()
    picture = PillowImage.fromarray(job.rgb)
    picture.save(stream, "JPEG", quality=int(job.amount), subsampling=0)
    with PillowImage.open(io.BytesIO(stream.getvalue())) as decoded:
        parameters: dict[str, Value] = {"quality": int(job.amount), "bytes": stream.tell()}
        return Perturbed(np.asarray(decoded.convert("RGB")), parameters)


def _resolution(job: _Job) -> Perturbed | NotPerturbed:
    rows, cols = job.rgb.shape[:2]
    size = (max(1, round(cols * job.amount)), max(1, round(rows * job.amount)))
    if min(size) < _LEAST_KEPT_PX:
        return NotPerturbed("few_pixels")
    small = PillowImage.fromarray(job.rgb).resize(size, PillowImage.Resampling.BOX)
    again = small.resize((cols, rows), PillowImage.Resampling.BICUBIC)
    return Perturbed(np.asarray(again), {"rows": size[1], "cols": size[0]})


def _marker(job: _Job) -> Perturbed | NotPerturbed:
    without, marks = remove_marks(job.rgb, job.generator)
    if not marks:
        return NotPerturbed("no_marker")
    return Perturbed(without, {"marks": len(marks), "detector": MARKS_VERSION})


_CHANGES: dict[Kind, Callable[[_Job], Perturbed | NotPerturbed]] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "rotation": _rotation,
    "crop": _crop,
    "jpeg": _jpeg,
    "resolution": _resolution,
    "marker": _marker,
}


def _sign(generator: np.random.Generator) -> float:
    return 1.0 if generator.integers(2) else -1.0


def _to_bytes(values: NDArray[np.float64]) -> Rgb:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _border_colour(rgb: Rgb) -> tuple[int, int, int]:
    """Median of the outermost pixels: a corner that turns in looks like what was there."""
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    red, green, blue = (int(value) for value in np.median(border, axis=0))
    return red, green, blue
