"""The public sets of spine images that exist, as far as they are known to us, and a survey's count.

Data, in `data/sources/public_sets.csv` and `public_survey.csv`; nothing here is recounted.
"""

from dataclasses import dataclass
from functools import cache

from spinebench.sources.csvfile import load_data_rows


@dataclass(frozen=True, slots=True)
class PublicSet:
    """One set; an empty text is not known."""

    name: str
    modality: str
    region: str
    size: str  # patients and images, as its page states them
    labels: str
    terms: str
    where: str
    read_by: str  # name of the source of ours that reads it; empty = none yet


@cache
def load_public_sets() -> tuple[PublicSet, ...]:
    """All sets that we know, those that are read first."""
    return tuple(PublicSet(**row) for row in load_data_rows("public_sets.csv"))


@cache
def load_survey_counts() -> dict[str, int]:
    """Sets that a published survey counts, by access: open or private."""
    return {row["access"]: int(row["sets"]) for row in load_data_rows("public_survey.csv")}
