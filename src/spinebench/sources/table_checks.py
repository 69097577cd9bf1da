"""Which rows of a table can stand beside each other and beside what the files say."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from spinebench.imaging.geometry import Plane
from spinebench.sources.table_files import FileFacts
from spinebench.sources.table_rows import Dropped, TableRow
from spinebench.tables import Ledger

_PLANES = ("SAG", "AX", "COR")
# What all rows of one image must agree on, as far as they say it.
OF_THE_IMAGE = (
    "patient",
    "study",
    "series",
    "modality",
    "view",
    "sequence",
    "age_years",
    "sex",
    "spacing_mm",
)


def settle_row(row: TableRow, facts: FileFacts) -> TableRow:
    """The row with the frame, view and modality that its file has. Raises Dropped."""
    if facts.reason is not None:
        raise Dropped(facts.reason, f"{row.path}: {facts.detail}")
    row = _settle_volume(row, facts) if facts.kind == "nifti" else _settle_picture(row, facts)
    key = row.view if facts.kind == "nifti" else None
    rows, cols = facts.shapes[cast(Plane | None, key)]
    places = [row.point_px] if row.point_px else []
    places += [row.box_px[:2], row.box_px[2:]] if row.box_px else []
    for x, y in places:  # edges lie at -0.5 and at the size - 0.5; boxes are written from 0 to size
        if not (-0.5 <= x <= cols and -0.5 <= y <= rows):
            what = "point" if row.point_px == (x, y) else "box"
            detail = f"{row.path}: ({x:g}, {y:g}) on {cols} x {rows}"
            raise Dropped(f"{what}_outside_image", detail)
    return row


def _settle_volume(row: TableRow, facts: FileFacts) -> TableRow:
    """A slice of a NIfTI volume: `view` says along which plane, `frame` which."""
    single = [plane for plane in _PLANES if facts.frames[cast(Plane, plane)] == 1]
    view = row.view or (cast(Plane, single[0]) if len(single) == 1 else None)
    if view not in _PLANES:
        raise Dropped("no_plane", f"{row.path}: a volume needs a view: SAG, AX or COR")
    count = facts.frames[cast(Plane, view)]
    if row.frame is None and count > 1:
        notes = (*row.notes, "middle slice taken")
        return replace(row, view=view, frame=count // 2, notes=notes)
    return replace(row, view=view, frame=_settle_frame(row, count) or 0)


def _settle_picture(row: TableRow, facts: FileFacts) -> TableRow:
    frame = _settle_frame(row, facts.frames[None])
    row = replace(row, view=row.view or facts.view, frame=frame)
    modality = row.modality or facts.modality
    if modality is None and row.view in ("AP", "LAT"):  # no cross-section is called so
        notes = (*row.notes, "modality taken from the view")
        return replace(row, modality="XR", notes=notes)
    return replace(row, modality=modality)


def _settle_frame(row: TableRow, count: int) -> int | None:
    """The frame to read; None where the file has only one."""
    if row.frame is not None and row.frame >= count:
        raise Dropped("no_such_frame", f"{row.path}: frame {row.frame} of {count}, from 0")
    if count > 1 and row.frame is None:
        raise Dropped("several_frames", f"{row.path}: {count}; name one in a column frame")
    return row.frame if count > 1 else None


def image_key(row: TableRow, facts: FileFacts) -> str:
    """Path and, for one of several frames, `#` and its number; of a volume with its plane."""
    if facts.kind == "nifti":
        return f"{row.path}#{row.view}{row.frame}"
    return row.path if row.frame is None else f"{row.path}#{row.frame}"


def drop_repeated(rows: Iterable[TableRow], file: str, ledger: Ledger) -> list[TableRow]:
    """Rows without those that say the same as an earlier one, in whatever words."""
    kept: dict[TableRow, int] = {}
    result = []
    for row in rows:
        first = kept.setdefault(replace(row, row=0, words=""), row.row)
        if first == row.row:
            result.append(row)
        else:
            ledger.drop(file, row.row, "duplicate_row", f"as row {first}")
    return result


def drop_contradictory(
    rows: list[TableRow], keys: Mapping[int, str], doubtful: set[str], file: str, ledger: Ledger
) -> list[TableRow]:
    """Rows without those of which nobody can say which is right.

    All rows of an image that do not agree on whose it is or what it shows; rows that differ in
    the grade only; a normal beside a disease, or beside a row that was dropped unread (`doubtful`
    holds the paths of those): there the disease stands.
    """
    lost: dict[int, tuple[str, str]] = {}
    for group in _groups(rows, lambda row: keys[row.row]):
        for name in OF_THE_IMAGE:
            said = {getattr(row, name) for row in group} - {None}
            if len(said) > 1:
                detail = f"{keys[group[0].row]}: rows do not agree on {name.partition('_')[0]}"
                lost |= {row.row: ("contradictory_image", detail) for row in group}
        ill = [row.row for row in group if row.disease and row.grade != "none"]
        for row in group:
            if row.disease is None and (ill or row.path in doubtful):
                beside = f"row {ill[0]}" if ill else "a row that could not be read"
                detail = f"{keys[row.row]}: {beside} names a disease"
                lost.setdefault(row.row, ("normal_contradicts_disease", detail))
    for group in _groups(rows, lambda row: row.statement):
        if len({row.grade for row in group}) > 1:
            numbers = ", ".join(str(row.row) for row in group)
            for row in group:
                lost.setdefault(row.row, ("contradictory_rows", f"rows {numbers}"))
    for number, drop in lost.items():
        ledger.drop(file, number, *drop)
    return [row for row in rows if row.row not in lost]


def note_disagreement(rows: list[TableRow], file: str, ledger: Ledger) -> None:
    """Note statements on which readers give different grades; all of them are kept."""
    split = [
        group
        for group in _groups(rows, lambda row: row.statement[:-1])
        if len({row.grade for row in group}) > 1
    ]
    if split:
        numbers = ", ".join(str(row.row) for row in split[0])
        ledger.drop(file, None, "raters_disagree", f"{len(split)} times, first in rows {numbers}")


def note_metadata(rows: list[TableRow], file: str, ledger: Ledger) -> None:
    """Note what had to be assumed or was not understood of images, and in how many rows."""
    for note, count in sorted(Counter(note for row in rows for note in row.notes).items()):
        ledger.drop(file, None, note.replace(" ", "_"), f"{count} rows")


def _groups(
    rows: Iterable[TableRow], key: Callable[[TableRow], object]
) -> Iterator[list[TableRow]]:
    groups: dict[object, list[TableRow]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return iter(groups.values())
