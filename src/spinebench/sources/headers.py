"""What a source needs of the headers of its DICOM files, read in parallel, one state per file."""

import functools
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from spinebench.engine import Engine
from spinebench.errors import DataError
from spinebench.imaging.dicom import read_dicom_header
from spinebench.imaging.geometry import build_affine, pixel_to_patient_mm
from spinebench.imaging.header import DicomHeader
from spinebench.sources.layout import CLUTTER

_FILES_PER_ITEM = 32
_UNCOMPRESSED = frozenset((ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian))


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """Header of one file, or the reason why there is none."""

    path: str  # relative to the source's root
    reason: str | None = None  # ledger word; None = readable
    detail: str = ""
    rows: int = 0
    cols: int = 0
    placement: tuple[float, ...] | None = None  # position 3, orientation 6, spacing (row, column) 2
    patient_id: str | None = field(default=None, repr=False)
    view_position: str | None = None
    instance_number: int | None = None

    def point_mm(self, x_px: float, y_px: float) -> tuple[float, float, float] | None:
        """LPS millimetres of a pixel position; None without position, orientation and spacing."""
        if self.placement is None:
            return None
        position, orientation, spacing = (
            self.placement[:3],
            self.placement[3:9],
            (self.placement[9], self.placement[10]),
        )
        return pixel_to_patient_mm(build_affine(position, orientation, spacing), x_px, y_px)

    def holds(self, x_px: float, y_px: float) -> bool:
        """Whether the position lies on the image (pixel centres at whole numbers)."""
        return -0.5 <= x_px <= self.cols - 0.5 and -0.5 <= y_px <= self.rows - 0.5


def read_headers(
    root: Path, paths: Sequence[str], engine: Engine, *, label: str
) -> dict[str, HeaderFacts]:
    """Facts of every path (relative to root), in the order given."""
    shards = [
        tuple(paths[start : start + _FILES_PER_ITEM])
        for start in range(0, len(paths), _FILES_PER_ITEM)
    ]
    results = engine.map(functools.partial(_read_shard, root), shards, label=label)
    return {facts.path: facts for shard in results for facts in shard}


def _read_shard(root: Path, paths: tuple[str, ...]) -> list[HeaderFacts]:
    return [read_header_facts(root, path) for path in paths]


def read_header_facts(root: Path, path: str) -> HeaderFacts:
    """Facts of one file. A file that is missing or cannot be read is a reason, never an error."""
    try:
        if stat.S_ISFIFO((root / path).stat().st_mode):  # to open it would wait for ever
            return HeaderFacts(path, "unreadable_file", "a named pipe")
        # opened here first, as the decoder tells all failures alike
        with (root / path).open("rb") as handle:
            size = handle.seek(0, os.SEEK_END)
        header = read_dicom_header(root / path)
    except FileNotFoundError:
        return HeaderFacts(path, *_why_missing(root / path))
    except NotADirectoryError:
        return HeaderFacts(path, "missing_file", "its folder is a file")
    except PermissionError:
        return HeaderFacts(path, "permission_denied", "this user may not read the file")
    except IsADirectoryError:
        return HeaderFacts(path, "unreadable_file", "a folder")
    except DataError as error:
        return HeaderFacts(path, "unreadable_file", f"found {error.found}")
    if not header.rows or not header.cols:
        return HeaderFacts(path, "unreadable_file", "no Rows or Columns in the header")
    promised = _pixel_bytes(header)
    if size < promised:
        found = f"{size} bytes, though its pixels alone take {promised}"
        return HeaderFacts(path, "unreadable_file", found)
    return HeaderFacts(
        path,
        rows=header.rows,
        cols=header.cols,
        placement=_checked_placement(
            header.image_position_mm, header.image_orientation, header.spacing_mm
        ),
        patient_id=header.patient_id,
        view_position=header.view_position,
        instance_number=header.instance_number,
    )


def _pixel_bytes(header: DicomHeader) -> int:
    """Least size of the pixel data in bytes; 0 where it is compressed or not known."""
    if header.transfer_syntax_uid not in _UNCOMPRESSED or not header.bits_stored:
        return 0
    bytes_each = (header.bits_stored + 7) // 8
    return (header.rows or 0) * (header.cols or 0) * header.frames * bytes_each


def _checked_placement(
    position: tuple[float, ...] | None,
    orientation: tuple[float, ...] | None,
    spacing: tuple[float, float] | None,
) -> tuple[float, ...] | None:
    if position is None or orientation is None or spacing is None:
        return None
    try:
        build_affine(position, orientation, spacing)
    except ValueError:  # six numbers that span no plane
        return None
    return (*position, *orientation, *spacing)


def _why_missing(path: Path) -> tuple[str, str]:
    try:
        folder = path.parent
        if folder.is_dir() and all(entry.name in CLUTTER for entry in folder.iterdir()):
            return "empty_folder", "its folder is empty"
    except PermissionError:
        return "permission_denied", "this user may not list its folder"
    return "missing_file", "no such file"
