"""Whose images a table speaks of: the patient and the study of each, by column or by header."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from spinebench.sources.table_files import FileFacts
from spinebench.sources.table_rows import TableRow
from spinebench.sources.vindr_patients import find_patients
from spinebench.tables import Ledger

_IMAGE_STANDS = "neither patient nor study named; the image stands for them"


@dataclass(frozen=True, slots=True)
class Owner:
    """Patient and study of an image, and what had to be assumed."""

    patient: str
    study: str
    notes: tuple[str, ...] = ()


def find_owners(
    images: Mapping[str, TableRow], files: Mapping[str, FileFacts], file: str, ledger: Ledger
) -> dict[str, Owner]:
    """Owner of each image by key: the column, or the study's other images, or PatientID.

    A PatientID that is missing, or the same in too many studies, gives way to the study; without
    a study the image stands alone. What was assumed is noted in the ledger, without any value.
    """
    studies = {key: row.study or files[row.path].study for key, row in images.items()}
    named: dict[str, set[str]] = defaultdict(set)
    for key, row in images.items():
        if row.patient is not None:
            named[studies[key] or row.path].add(row.patient)
    headers = find_patients(
        (studies[key] or row.path, files[row.path].patient_id)
        for key, row in images.items()
        if row.patient is None and len(named.get(studies[key] or row.path, ())) != 1
    )
    owners: dict[str, Owner] = {}
    for key, row in images.items():
        study = studies[key] or row.path
        patients = named.get(study, set())
        if row.patient is not None:
            # the same study number in two patients is two studies
            owners[key] = Owner(
                row.patient, study if len(patients) == 1 else f"{row.patient}/{study}"
            )
        elif len(patients) == 1:
            owners[key] = Owner(next(iter(patients)), study)
        else:
            note = headers.notes.get(study)
            if studies[key] is None and files[row.path].patient_id is None:
                note = _IMAGE_STANDS
            owners[key] = Owner(headers.of_study[study], study, () if note is None else (note,))
    _note(owners, headers.missing, headers.constant, file, ledger)
    shared = sorted(study for study, patients in named.items() if len(patients) > 1)
    if shared:
        detail = f"{len(shared)} study names, taken as one study for each patient"
        ledger.drop(file, None, "study_in_two_patients", detail)
    return owners


def _note(
    owners: Mapping[str, Owner], missing: int, constant: int, file: str, ledger: Ledger
) -> None:
    alone = sum(_IMAGE_STANDS in owner.notes for owner in owners.values())
    for reason, count, what in (
        ("patient_id_missing", missing - alone, "studies"),
        ("patient_id_constant", constant, "studies"),
        ("patient_unknown", alone, "images"),
    ):
        if count > 0:
            ledger.drop(file, None, reason, f"{count} {what}")
