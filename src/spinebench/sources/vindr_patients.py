"""Whose film it is: the patient of each VinDr study, from PatientID where it can be believed."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

# One person with more spine studies than this in one collection is a placeholder, not a person.
_MOST_STUDIES = 20
# From this many studies with a PatientID on, one and the same on all of them is a placeholder.
_FEWEST_FOR_CONSTANT = 3


@dataclass(frozen=True, slots=True)
class Patients:
    """Patient of each study; `notes` say why it is the study itself where it is."""

    of_study: dict[str, str]
    notes: dict[str, str]
    missing: int  # studies without any PatientID
    constant: int  # studies whose PatientID is a placeholder


def find_patients(studies: Iterable[tuple[str, str | None]]) -> Patients:
    """Patients from (study, PatientID) of every image.

    A study with two PatientIDs makes the two one patient, so that no person can end up on both
    sides of a split.
    """
    ids_of: dict[str, set[str]] = defaultdict(set)
    studies_of: dict[str, set[str]] = defaultdict(set)
    for study, patient_id in studies:
        ids_of[study].update({patient_id} if patient_id else ())
        if patient_id:
            studies_of[patient_id].add(study)
    named = sum(1 for ids in ids_of.values() if ids)
    placeholders = {
        patient_id
        for patient_id, held in studies_of.items()
        if len(held) > _MOST_STUDIES or (len(held) == named and named >= _FEWEST_FOR_CONSTANT)
    }
    believed = {study: sorted(ids - placeholders) for study, ids in ids_of.items()}
    merged = _merge(believed.values())
    of_study, notes, missing, constant = {}, {}, 0, 0
    for study in sorted(ids_of):
        if believed[study]:
            of_study[study] = merged[believed[study][0]]
            if len(believed[study]) > 1:
                notes[study] = "several PatientIDs in one study, taken as one patient"
            continue
        of_study[study] = study
        if ids_of[study]:
            constant += 1
            notes[study] = "PatientID is the same in too many studies; the study stands for it"
        else:
            missing += 1
            notes[study] = "PatientID missing; the study stands for it"
    return Patients(of_study, notes, missing, constant)


def _merge(groups: Iterable[list[str]]) -> dict[str, str]:
    """Smallest member of each connected family of the groups, by member."""
    first: dict[str, str] = {}

    def root(name: str) -> str:
        while first.setdefault(name, name) != name:
            name = first[name]
        return name

    for group in groups:
        for name in group:
            low, high = sorted((root(group[0]), root(name)))
            first[high] = low
    return {name: root(name) for name in sorted(first)}
