"""Patients to train, test and reserve, by hash; and the proof that nothing crosses."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spinebench.errors import DataError, UsageError
from spinebench.records import Image, Split

SPLITS: tuple[Split, ...] = ("train", "test", "reserve")


@dataclass(frozen=True)
class SplitShares:
    """Shares of patients, in hash order: test first, then reserve, the rest is train."""

    test: float = 0.2
    reserve: float = 0.1

    def __post_init__(self) -> None:
        if min(self.test, self.reserve) < 0 or self.test + self.reserve > 1:
            raise UsageError(
                f"split shares test={self.test:g}, reserve={self.reserve:g}: each at least 0, "
                "together at most 1"
            )


def split_of_patient(patient_id: str, *, seed: int, shares: SplitShares) -> Split:
    """Split of a patient; `patient_id` carries the source. Adding patients moves nobody.

    A larger test share only takes patients from the others, never gives any back.
    """
    digest = hashlib.sha256(f"split\x1f{seed}\x1f{patient_id}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < shares.test:
        return "test"
    return "reserve" if place >= 1 - shares.reserve else "train"


def check_no_crossing(images: Iterable[Image], splits: Mapping[str, Split]) -> None:
    """Raise DataError if a patient or identical pixels lie in two splits.

    `splits` maps image ids to splits.
    """
    for kind, key_of in (
        ("patient", lambda image: image.patient_id),
        ("identical pixels", lambda image: image.pixel_sha256),
    ):
        members: dict[str, list[str]] = defaultdict(list)
        for image in images:
            members[key_of(image)].append(image.image_id)
        for ids in members.values():
            found = sorted({splits[image_id] for image_id in ids})
            if len(found) > 1:
                first = {splits[image_id]: image_id for image_id in sorted(ids, reverse=True)}
                raise DataError(
                    file=" and ".join(first[split] for split in found),
                    field=kind,
                    found=f"in both {' and '.join(found)}",
                    expected="one split each; `--duplicates drop` keeps only the first of identical images"
                    if kind == "identical pixels"
                    else "one split each",
                )
