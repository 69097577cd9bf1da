"""A group's own data: one table of labels over any folder of DICOM, NIfTI, PNG or JPEG."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from spinebench.engine import Engine
from spinebench.errors import DataError, UsageError
from spinebench.records import Finding
from spinebench.sources.base import ImageRef, Reading, StudyCell, Terms
from spinebench.sources.csvfile import CsvTable, read_csv
from spinebench.sources.parquetfile import read_parquet
from spinebench.sources.spelling import note_blanks
from spinebench.sources.table_checks import (
    OF_THE_IMAGE,
    drop_contradictory,
    drop_repeated,
    image_key,
    note_disagreement,
    note_metadata,
    settle_row,
)
from spinebench.sources.table_files import FileFacts, read_files
from spinebench.sources.table_owners import find_owners
from spinebench.sources.table_rows import (
    COLUMNS,
    REQUIRED,
    Dropped,
    TableRow,
    parse_doubtful,
    parse_path,
    parse_row,
)
from spinebench.tables import Ledger

SUFFIXES = (".csv", ".parquet")


class TableSource:
    """A table of one's own, a row for each statement about an image.

    Population, counts, raters, licence: yours. Columns: `image` and `disease`, and as far as you
    have them `patient`, `level`, `side`, `grade`, `view`, `study`, `series`, `modality`,
    `sequence`, `frame`, `rater`, `age`, `sex`, `spacing`, `box`, `point`.
    Label rule here: one finding for each row. Words are matched as `anatomy` and
    `data/sources/table_words.csv` have them; a row with a word that neither knows is dropped.
    Without a grade a finding is `ungraded`, which is a positive mark; a grade none rules the
    disease out at its level; Healthy is an explicit normal of the whole image.
    Patient: the column, else PatientID where it can be believed, else the study, else the image.
    Terms: unknown, so nothing may be given on or sent to a model that somebody else runs.
    Citation: none. Columns and reasons: docs/sources.md.
    """

    name = "table"
    title = "your own data"
    terms = Terms(
        name="your own data",
        url="",
        summary="Nothing is known of their terms, which is taken for a no: the images are not "
        "given on, and not sent to a model that somebody else runs, unless you say so.",
        redistribution=False,
        third_party_models=False,
    )
    looked_for: tuple[str, ...] = ()  # a file, told by its ending

    def __init__(
        self, columns: Mapping[str, str] | None = None, image_root: Path | None = None
    ) -> None:
        self.columns = dict(columns or {})  # our name: the table's own
        self.image_root = image_root  # that image paths start from; None = the table's folder

    def read(self, root: Path, engine: Engine) -> Reading:
        """Read the table (`root` is the file) and the headers of its images.

        Raises UsageError for a file that is no table or a map that names no column of ours, and
        DataError for a table that cannot be read.
        """
        table, names = self._load(root)
        folder = root.parent if self.image_root is None else self.image_root
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder of images")
        ledger = Ledger(source=self.name)
        ledger.count_read(table.file, table.units)
        _note_columns(table, names, ledger)
        note_blanks(table, ledger)
        typed, doubtful = _parse_rows(table, names, ledger)
        files = read_files(folder, sorted({row.path for row in typed}), engine)
        rows = _settle_rows(typed, files, doubtful, table.file, ledger)
        rows = drop_repeated(rows, table.file, ledger)
        keys = {row.row: image_key(row, files[row.path]) for row in rows}
        rows = drop_contradictory(rows, keys, doubtful, table.file, ledger)
        note_disagreement(rows, table.file, ledger)
        note_metadata(rows, table.file, ledger)
        reading = Reading(root=folder, source=self.name, ledger=ledger, tables_root=root.parent)
        _add_images(reading, rows, keys, files, table.file)
        for row in rows:
            image_id, facts = f"table:{keys[row.row]}", files[row.path]
            reading.findings.append(_build_finding(row, image_id, facts, table.file))
        reading.cells += list(_unknown_cells(table, names, reading))
        reading.check_accounted()
        return reading

    def _load(self, path: Path) -> tuple[CsvTable, dict[str, str]]:
        """(the table, its own name of each of our columns that it has)."""
        unknown = [ours for ours in self.columns if ours not in COLUMNS]
        if unknown:
            raise UsageError(f"no column {unknown[0]!r} to map; there are {', '.join(COLUMNS)}")
        if path.suffix.lower() not in SUFFIXES:
            raise UsageError(f"{path} is no table: a file ending in {' or '.join(SUFFIXES)}")
        required = [self.columns.get(name, name) for name in REQUIRED]
        required += [theirs for theirs in self.columns.values() if theirs not in required]
        optional = [name for name in COLUMNS if name not in self.columns]
        if path.suffix.lower() == ".parquet":
            table = read_parquet(path.parent, path.name, required, optional)
        else:
            table = read_csv(path.parent, path.name, required)
        names = {ours: self.columns.get(ours, ours) for ours in COLUMNS}
        names = {ours: theirs for ours, theirs in names.items() if theirs in table.columns}
        for theirs in names.values():
            if table.columns.count(theirs) > 1:
                raise DataError(
                    file=table.file, field=f"column {theirs}", found="it twice", expected="it once"
                )
        return table, names


def parse_column_map(texts: Sequence[str]) -> dict[str, str]:
    """Map from `ours=theirs` words, as a command line has them; commas may join several.

    Raises UsageError.
    """
    columns: dict[str, str] = {}
    for text in (part for joined in texts for part in joined.split(",")):
        ours, sign, theirs = (part.strip() for part in text.partition("="))
        if not sign or not ours or not theirs:
            raise UsageError(f"column map {text!r}: write it ours=theirs, as image=file_name")
        if ours in columns:
            raise UsageError(f"column map: {ours} is given twice")
        columns[ours] = theirs
    return columns


def _note_columns(table: CsvTable, names: Mapping[str, str], ledger: Ledger) -> None:
    unused = [name for name in table.columns if name not in names.values()]
    if unused:
        shown = ", ".join(name[:40] or "(no name)" for name in unused[:6])
        more = f" and {len(unused) - 6} more" if len(unused) > 6 else ""
        ledger.drop(table.file, None, "columns_not_used", shown + more)


def _parse_rows(
    table: CsvTable, names: Mapping[str, str], ledger: Ledger
) -> tuple[list[TableRow], set[str]]:
    """(rows that can be typed, paths of the others: something unread is said of these)."""
    for number, found in table.malformed:
        ledger.drop(table.file, number, "malformed_row", found)
    rows: list[TableRow] = []
    doubtful: set[str] = set()
    for line in table.rows:
        try:
            rows.append(parse_row(line, names))
        except Dropped as drop:
            ledger.drop(table.file, line.row, drop.reason, drop.detail)
            if not drop.reason.startswith("normal_"):
                doubtful |= _named_path(line.cells[names["image"]])
    return rows, doubtful


def _unknown_cells(
    table: CsvTable, names: Mapping[str, str], reading: Reading
) -> Iterator[StudyCell]:
    """What dropped rows leave open: a disease that they name is not known to be absent."""
    harmless = {"duplicate_row", "normal_contradicts_disease"}
    lost = {
        reject.row
        for reject in reading.ledger.rejects
        if reject.file == table.file and reject.row is not None and reject.reason not in harmless
    }
    studies: dict[str, set[str]] = {}
    for image in reading.images.values():
        studies.setdefault(image.path, set()).add(image.study_id)
    for line in table.rows:
        if line.row not in lost:
            continue
        cells = {ours: line.cells[theirs] for ours, theirs in names.items()}
        disease, level = parse_doubtful(cells)
        if disease is None:  # a normal that could not be used says nothing of a disease
            continue
        for path in _named_path(cells["image"]):
            for study in sorted(studies.get(path, ())):
                yield StudyCell(
                    study_id=study, disease=disease, level=level, side=None, grade=None,
                    file=table.file, row=line.row, column=None,
                )  # fmt: skip


def _named_path(text: str) -> set[str]:
    try:
        return {parse_path(text)}
    except Dropped:
        return set()


def _settle_rows(
    typed: Sequence[TableRow],
    files: Mapping[str, FileFacts],
    doubtful: set[str],
    file: str,
    ledger: Ledger,
) -> list[TableRow]:
    """Rows that their file bears out; the paths of the others join `doubtful`."""
    rows = []
    for row in typed:
        try:
            rows.append(settle_row(row, files[row.path]))
        except Dropped as drop:
            ledger.drop(file, row.row, drop.reason, drop.detail)
            if row.disease is not None:
                doubtful.add(row.path)
    return rows


def _add_images(
    reading: Reading,
    rows: Sequence[TableRow],
    keys: Mapping[int, str],
    files: Mapping[str, FileFacts],
    file: str,
) -> None:
    """One image for each key, with what any of its rows says of it."""
    groups: dict[str, list[TableRow]] = {}
    for row in rows:
        groups.setdefault(keys[row.row], []).append(row)
    merged = {key: _merge(group) for key, group in groups.items()}
    owners = find_owners(merged, files, file, reading.ledger)
    for key, row in merged.items():
        facts = files[row.path]
        notes = [*owners[key].notes, *row.notes]
        if row.modality is None:
            notes.append("modality not known")
            reading.ledger.drop(file, None, "modality_not_known", key)
        for name, said, found in (
            ("view", row.view, facts.view),
            ("modality", row.modality, facts.modality),
        ):
            if found is not None and said != found:
                notes.append(f"{name} differs from the header's")
                reading.ledger.drop(file, None, f"{name}_differs_from_header", key)
        reading.images[f"table:{key}"] = ImageRef(
            image_id=f"table:{key}",
            source="table",
            path=row.path,
            patient_id=f"table:{owners[key].patient}",
            study_id=owners[key].study,
            series_id=row.series or facts.series or row.path,
            modality=row.modality or "OT",
            view=row.view,
            sequence=row.sequence if row.modality == "MR" else None,
            instance_number=facts.instance_number,
            official_split=None,
            notes=tuple(notes),
            age_years=row.age_years,
            sex=row.sex,
            spacing_mm=row.spacing_mm,
            frame=row.frame,
        )


def _merge(group: Sequence[TableRow]) -> TableRow:
    """The first row, with what it leaves open of the image filled from the others."""
    filled: dict[str, Any] = {
        name: next((value for row in group if (value := getattr(row, name)) is not None), None)
        for name in OF_THE_IMAGE
    }
    notes = tuple(dict.fromkeys(note for row in group for note in row.notes))
    return replace(group[0], **filled, notes=notes)


def _build_finding(row: TableRow, image_id: str, facts: FileFacts, file: str) -> Finding:
    return Finding(
        finding_id=f"table:{file}:{row.row}",
        image_id=image_id,
        disease=row.disease,
        grade=row.grade,
        measure=None,
        measure_kind=None,
        level=row.level,
        side=row.side,
        point_px=row.point_px,
        box_px=row.box_px,
        point_mm=None if row.point_px is None else facts.point_mm(*row.point_px),
        rater=row.rater,
        source_words=row.words,
        file=file,
        row=row.row,
        grade_file=None,
        grade_row=None,
        grade_column=None,
    )
