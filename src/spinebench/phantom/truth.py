"""What is true of every phantom image: `phantom_truth.parquet`, beside the written layout.

One row for each image and level (`statement` = `position`), and for each image and finding of the
patient (`statement` = `finding`), whether the image can show it or not: `visible` says that.
The columns are described in docs/sources.md.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from spinebench.phantom.pathology import PhantomFinding
from spinebench.phantom.rendered import PointMm, RenderedImage
from spinebench.phantom.spine import Spine
from spinebench.tables import write_frame

TRUTH_SCHEMA = "phantom_truth/1"
TRUTH_FILE = "phantom_truth.parquet"

LUMBAR_LEVELS = (
    "T12",
    "L1",
    "L1/L2",
    "L2",
    "L2/L3",
    "L3",
    "L3/L4",
    "L4",
    "L4/L5",
    "L5",
    "L5/S1",
    "S1",
)
# What a slice of each plane can show of a finding that it passes through.
SHOWN_ON_PLANE: dict[str, frozenset[str]] = {
    "SAG": frozenset(
        {
            "Spinal Canal Stenosis",
            "Foraminal stenosis",
            "Disc space narrowing",
            "Vertebral collapse",
            "Spondylolisthesis",
            "Osteophytes",
        }
    ),
    "AX": frozenset({"Spinal Canal Stenosis", "Subarticular Stenosis"}),
}


class TruthRow(NamedTuple):
    """One statement about one image. Pixels and millimetres as in `records`."""

    image_id: str  # as the source's reader names it
    patient_id: str
    study_id: str
    series_id: str
    view: str
    sequence: str | None
    statement: str  # "position" or "finding"
    level: str
    side: str | None
    x_px: float  # foot of the point on the image
    y_px: float
    x_mm: float  # LPS
    y_mm: float
    z_mm: float
    distance_mm: float | None  # from the plane of the slice; None on a film
    disease: str | None  # of a finding
    grade: str | None
    measure: float | None
    measure_kind: str | None
    expected: float | None  # the patient's own unaffected size
    fraction_lost: float | None
    subtype: str | None
    box_px: tuple[float, float, float, float] | None  # on a film that shows the finding
    visible: bool  # the point lies on the image, and the view can show it


class ImageKey(NamedTuple):
    """The image that rows speak of: the first six columns."""

    image_id: str
    patient_id: str
    study_id: str
    series_id: str
    view: str
    sequence: str | None


def build_slice_truth(
    key: ImageKey, spine: Spine, image: RenderedImage, reach_mm: float
) -> list[TruthRow]:
    """Rows of one MR slice; a point farther than `reach_mm` from its plane is not visible on it."""
    rows = []
    for level in LUMBAR_LEVELS:
        point = spine.level_point_mm(level)
        distance = image.distance_mm(point)
        visible = distance <= reach_mm and image.contains(point)
        rows.append(_position(key, level, point, image, distance, visible))
    for finding in spine.findings:
        if finding.level not in LUMBAR_LEVELS:
            continue
        distance = image.distance_mm(finding.point_mm)
        visible = (
            finding.disease in SHOWN_ON_PLANE[key.view]
            and distance <= reach_mm
            and image.contains(finding.point_mm)
        )
        rows.append(_finding(key, finding, image, distance, None, visible))
    return rows


def build_film_truth(
    key: ImageKey,
    spine: Spine,
    image: RenderedImage,
    levels: Iterable[str],
    boxes: Sequence[tuple[PhantomFinding, tuple[float, float, float, float]]],
) -> list[TruthRow]:
    """Rows of one film: every level named, and every finding, those with a box being visible."""
    rows = []
    for level in levels:
        point = spine.level_point_mm(level)
        rows.append(_position(key, level, point, image, None, image.contains(point)))
    shown = dict(boxes)
    for finding in spine.findings:
        box = shown.get(finding)
        rows.append(_finding(key, finding, image, None, box, finding in shown))
    return rows


def _position(
    key: ImageKey,
    level: str,
    point_mm: PointMm,
    image: RenderedImage,
    distance_mm: float | None,
    visible: bool,
) -> TruthRow:
    return TruthRow(
        *key,
        "position",
        level,
        None,
        *image.project(point_mm),
        *point_mm,
        distance_mm,
        *(None,) * 8,
        visible,
    )


def _finding(
    key: ImageKey,
    finding: PhantomFinding,
    image: RenderedImage,
    distance_mm: float | None,
    box_px: tuple[float, float, float, float] | None,
    visible: bool,
) -> TruthRow:
    return TruthRow(
        *key,
        "finding",
        finding.level,
        finding.side,
        *image.project(finding.point_mm),
        *finding.point_mm,
        distance_mm,
        finding.disease,
        finding.grade,
        finding.measure,
        finding.measure_kind,
        finding.expected,
        finding.fraction_lost,
        finding.subtype,
        box_px,
        visible,
    )


_TEXT = frozenset(
    {
        *ImageKey._fields,
        "statement",
        "level",
        "side",
        "disease",
        "grade",
        "measure_kind",
        "subtype",
    }
)


def truth_schema() -> pl.Schema:
    """Columns of the table."""
    types: dict[str, pl.DataType | type[pl.DataType]] = {}
    for name in TruthRow._fields:
        types[name] = pl.String if name in _TEXT else pl.Float64
    types["box_px"] = pl.List(pl.Float64)
    types["visible"] = pl.Boolean
    return pl.Schema(types)


def write_truth(folder: Path, rows: Sequence[TruthRow]) -> None:
    """Write the table at the root of a phantom's folder."""
    frame = pl.DataFrame(rows, schema=truth_schema(), orient="row")
    write_frame(folder / TRUTH_FILE, frame, schema=TRUTH_SCHEMA)
