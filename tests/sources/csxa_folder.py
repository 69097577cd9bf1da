"""A CSXA folder by hand, from the published layout: on purpose not through `spinebench.phantom`."""

import json
import struct
import zlib
from io import BytesIO
from typing import Any

import xlsxwriter

from tests.sources.folders import Files

CURVATURE = "Curvature: 1.Lordotic, 2.Straight, 3.Sigmoid1, 4.Sigmoid2, 5.Kyphotic"
HEADER = (
    "Number",
    "Gender (1=male, 2=female)",
    "Age",
    "Pixel equivalent(mm/px)",
    CURVATURE,
    "Disease: 1.Cervical spondylosis, 2.Healthy",
    "C2-C7 Cobb",
)
CASES: list[tuple[Any, ...]] = [
    (1, 1, 35, 0.15, 1, 1, 20.5),
    (6, 2, 35, 0.2, 2, 2, 0.5),
    (661, 1, 49, 0.15, 3, 1, -3.0),
    (1752, 2, 53, 0.15, 4, 1, 2.0),
    (2904, 1, 34, 0.15, 5, 1, -9.0),
]
ROWS, COLS = 60, 50
STEMS = ("0001135", "0006035", "0661149", "1752053", "2904134")
# Corners of C2 and C7 of a patient who faces left: C7 falls forwards by 20 degrees, C2 is level.
POINTS: dict[str, tuple[float, float]] = {
    "C2 bottom left": (10.0, 12.0),
    "C2 bottom right": (20.0, 12.0),
    "C2 centroid": (15.0, 8.0),
    "C7 bottom left": (22.0, 53.639702),
    "C7 bottom right": (32.0, 50.0),
}


def workbook(
    rows: list[tuple[Any, ...]], *, header: tuple[str, ...] = HEADER, title: bool = True
) -> bytes:
    """datasets.xlsx: a title, the header in the second row, the cases below."""
    buffer = BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Sheet1")
        lines = [("Cervical spine",), header, *rows] if title else [header, *rows]
        for row, cells in enumerate(lines):
            for column, cell in enumerate(cells):
                if cell is not None:
                    sheet.write(row, column, cell)
    return buffer.getvalue()


def png_bytes(rows: int = ROWS, cols: int = COLS, grey: int = 7) -> bytes:
    """A PNG of one grey, chunk by chunk."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    head = struct.pack(">IIBBBBB", cols, rows, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\x00" + bytes([grey]) * cols) * rows)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def drawing(points: dict[str, tuple[float, float]] | None = None) -> dict[str, Any]:
    """A LabelMe drawing with all 23 landmarks; those not given lie in the middle."""
    names = ["C2 bottom left", "C2 bottom right", "C2 centroid"]
    names += [
        f"C{level} {end} {side}"
        for level in range(3, 8)
        for end, side in (
            ("top", "left"),
            ("top", "right"),
            ("bottom", "left"),
            ("bottom", "right"),
        )
    ]
    places = {**dict.fromkeys(names, (25.0, 30.0)), **(POINTS if points is None else points)}
    return {
        "version": "4.5.6",
        "flags": {},
        "shapes": [
            {
                "label": name,
                "points": [list(places[name])],
                "group_id": None,
                "shape_type": "polygon" if name == "C4 top left" else "point",
                "flags": {},
            }
            for name in names
        ],
        "imagePath": "film.png",
        "imageData": "iVBORw0KGgo=",
        "imageHeight": ROWS,
        "imageWidth": COLS,
    }


def csxa_files() -> Files:
    """A whole folder: five cases, a film and a landmark file each."""
    files: Files = {"datasets.xlsx": workbook(CASES)}
    for place, stem in enumerate(STEMS):
        files[f"datasets-PNG/{stem}.png"] = png_bytes(grey=place)
        files[f"datasets-JSON/{stem}.json"] = json.dumps(drawing())
    return files
