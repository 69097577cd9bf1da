"""What the image files of a table say of themselves: found, told apart and placed, not decoded."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import cast

from spinebench.engine import Engine
from spinebench.errors import DataError
from spinebench.imaging.geometry import (
    Plane,
    build_affine,
    pixel_to_patient_mm,
    plane_of_orientation,
)
from spinebench.imaging.header import DicomHeader
from spinebench.imaging.read import Kind, Outline, read_outline
from spinebench.records import Modality, View
from spinebench.sources.csvfile import load_data_rows
from spinebench.sources.table_rows import find_word

_FILES_PER_ITEM = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """Header of one file, or the reason why there is none."""

    path: str  # relative to the image folder
    reason: str | None = None  # ledger word; None = readable
    detail: str = ""
    kind: Kind | None = None
    frames: dict[Plane | None, int] = field(default_factory=dict)  # as `imaging.read.Outline`
    shapes: dict[Plane | None, tuple[int, int]] = field(default_factory=dict)
    patient_id: str | None = field(default=None, repr=False)
    study: str | None = None
    series: str | None = None
    instance_number: int | None = None
    modality: Modality | None = None
    view: View | None = None
    # position 3, orientation 6, spacing (row, column) 2; only of a file with one frame
    placement: tuple[float, ...] | None = None

    def point_mm(self, x_px: float, y_px: float) -> tuple[float, float, float] | None:
        """LPS millimetres of a pixel position; None where the file does not place it."""
        if self.placement is None:
            return None
        spacing = (self.placement[9], self.placement[10])
        affine = build_affine(self.placement[:3], self.placement[3:9], spacing)
        return pixel_to_patient_mm(affine, x_px, y_px)


def read_files(folder: Path, paths: Sequence[str], engine: Engine) -> dict[str, FileFacts]:
    """Facts of every path (relative to the folder), in the order given."""
    shards = [
        tuple(paths[start : start + _FILES_PER_ITEM])
        for start in range(0, len(paths), _FILES_PER_ITEM)
    ]
    root = os.path.realpath(folder)
    results = engine.map(partial(_read_shard, root), shards, label="table: reading headers")
    return {facts.path: facts for shard in results for facts in shard}


def _read_shard(root: str, paths: tuple[str, ...]) -> list[FileFacts]:
    return [read_file_facts(root, path) for path in paths]


def read_file_facts(root: str, path: str) -> FileFacts:
    """Facts of one file below `root` (its real path). What cannot be read is a reason, no error.

    A link that leads out of the folder is not followed, and nothing but a plain file is opened:
    reading a named pipe would wait for ever.
    """
    place = Path(root, path)
    if not Path(os.path.realpath(place)).is_relative_to(root):
        return FileFacts(path=path, reason="path_outside_folder", detail="a link that leads out")
    try:
        mode = place.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "not a plain file"
            return FileFacts(path=path, reason="unreadable_file", detail=what)
        place.open("rb").close()  # as the decoders tell all failures alike
        outline = read_outline(place)
    except PermissionError:
        detail = "this user may not read the file"
        return FileFacts(path=path, reason="permission_denied", detail=detail)
    except OSError as error:  # no such file, a file in place of a folder, a name too long
        return FileFacts(path=path, reason="missing_file", detail=(error.strerror or "").lower())
    except DataError as error:
        what = "" if error.field is None else f"{error.field}: "
        detail = f"{what}found {error.found}, expected {error.expected}"
        return FileFacts(path=path, reason="unreadable_file", detail=detail)
    return _build_facts(path, outline)


def _build_facts(path: str, outline: Outline) -> FileFacts:
    header = outline.header
    if header is None:
        return FileFacts(path=path, kind=outline.kind, frames=outline.frames, shapes=outline.shapes)
    placement = _find_placement(header) if header.frames == 1 else None
    modality = find_word("modality", header.modality or "")
    return FileFacts(
        path=path,
        kind=outline.kind,
        frames=outline.frames,
        shapes=outline.shapes,
        patient_id=header.patient_id,
        study=header.study_instance_uid,
        series=header.series_instance_uid,
        instance_number=header.instance_number,
        modality=cast(Modality | None, modality),
        view=_find_view(header, modality),
        placement=placement,
    )


def _find_placement(header: DicomHeader) -> tuple[float, ...] | None:
    position, cosines, spacing = (
        header.image_position_mm,
        header.image_orientation,
        header.spacing_mm,
    )
    if position is None or cosines is None or spacing is None:
        return None
    try:
        build_affine(position, cosines, spacing)
    except ValueError:  # six numbers that span no plane
        return None
    return (*position, *cosines, *spacing)


def _find_view(header: DicomHeader, modality: str | None) -> View | None:
    """From ViewPosition for a film, else from the orientation of the slice."""
    if modality == "XR":
        return _film_views().get(header.view_position or "")
    if modality is None or header.image_orientation is None:
        return None
    try:
        return plane_of_orientation(header.image_orientation)
    except ValueError:
        return None


@cache
def _film_views() -> dict[str, View]:
    rows = load_data_rows("vindr_views.csv")
    return {row["view_position"]: cast(View, row["view"]) for row in rows}
