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

    test: float = 0.3
    reserve: float = 0.1

    def __post_init__(self) -> None:
        # written so that NaN fails too
        if not (self.test >= 0 and self.reserve >= 0 and self.test + self.reserve <= 1):
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
    by_patient: dict[str, dict[Split, str]] = defaultdict(dict)
    by_pixels: dict[str, dict[Split, str]] = defaultdict(dict)
    for image in images:
        split = splits[image.image_id]
        by_patient[image.patient_id].setdefault(split, image.image_id)
        by_pixels[image.pixel_sha256].setdefault(split, image.image_id)
    _check_one_split_each(by_patient, "patient", "one split each")
    remedy = "one split each; `--duplicates drop` keeps only the first of identical images"
    _check_one_split_each(by_pixels, "identical pixels", remedy)


def _check_one_split_each(
    groups: Mapping[str, Mapping[Split, str]], field: str, expected: str
) -> None:
    crossing = [members for members in groups.values() if len(members) > 1]
    if crossing:
        first = dict(sorted(crossing[0].items()))
        raise DataError(
            file=" and ".join(first.values()),
            field=field,
            found=f"in both {' and '.join(first)} ({len(crossing)} such in all)",
            expected=expected,
        )
