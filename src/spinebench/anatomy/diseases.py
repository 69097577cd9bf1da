"""The 11 diseases and Healthy: released spelling, abbreviation, MeSH descriptor, source words.

The spellings are those of the released labels, uneven capitals included, because predictions and
answer files are compared with them; look names up through `find_disease`, which ignores case. All
of it is data, in `data/anatomy/diseases.json` with its sources.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from spinebench.anatomy.sides import Side

DiseaseKind = Literal["stenosis", "degenerative", "fracture", "alignment", "curvature", "healthy"]
MeshMatch = Literal["exact", "nearest", "broader"]


@dataclass(frozen=True, slots=True)
class MeshDescriptor:
    """A MeSH 2025 heading and how well it fits the label."""

    name: str
    id: str  # D followed by six digits
    match: MeshMatch  # exact; broader: the same thing without its site; nearest: a related thing


@dataclass(frozen=True, slots=True)
class Disease:
    """One answer class of the benchmark."""

    name: str  # as released
    abbreviation: str | None  # as in the publication's Table 5; None for Healthy
    kind: DiseaseKind
    mesh: MeshDescriptor | None  # None: MeSH has no heading near it
    mesh_note: str  # why this heading, or why none


@dataclass(frozen=True, slots=True)
class DiseaseWords:
    """What a source's label means: the class, and the side if the label carries one."""

    words: str  # as the source writes them
    disease: str  # one of CLASSES
    side: Side | None
    source: str  # the data set or publication that uses the words; "released" for the name itself


def _load_data() -> dict[str, Any]:
    text = files("spinebench").joinpath("data/anatomy/diseases.json").read_text("utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def _build_disease(entry: dict[str, Any]) -> Disease:
    mesh = None if entry["mesh"] is None else MeshDescriptor(**entry["mesh"])
    return Disease(entry["name"], entry["abbreviation"], entry["kind"], mesh, entry["mesh_note"])


_DATA = _load_data()
_ENTRIES = (*_DATA["diseases"], _DATA["healthy"])

# The order is that of the publication's table: label indices and confusion matrices follow it.
DISEASES: tuple[str, ...] = tuple(entry["name"] for entry in _DATA["diseases"])
HEALTHY: str = _DATA["healthy"]["name"]
CLASSES: tuple[str, ...] = (*DISEASES, HEALTHY)
DISEASE_BY_NAME: dict[str, Disease] = {entry["name"]: _build_disease(entry) for entry in _ENTRIES}


def find_disease(text: str) -> DiseaseWords | None:
    """The class and side that a whole label names, or None for words that name none of them.

    Case, outer blanks and `_` for a blank do not matter: `Left Neural Foraminal Narrowing`,
    `left_neural_foraminal_narrowing` and `Spondylolysthesis` are all known. For labels and table
    columns, not for running text.
    """
    return _words_by_key().get(_build_key(text))


def list_disease_words() -> tuple[DiseaseWords, ...]:
    """Every wording that `find_disease` knows, class by class, the released name first."""
    return tuple(
        words
        for entry in _ENTRIES
        for words in (
            DiseaseWords(entry["name"], entry["name"], None, "released"),
            *(_build_words(entry["name"], synonym) for synonym in entry["synonyms"]),
        )
    )


def _build_words(name: str, synonym: dict[str, Any]) -> DiseaseWords:
    side = None if synonym["side"] is None else Side(synonym["side"])
    return DiseaseWords(synonym["words"], name, side, synonym["source"])


def _build_key(text: str) -> str:
    return re.sub(r"[\s_]+", " ", text).strip().casefold()


@cache
def _words_by_key() -> dict[str, DiseaseWords]:
    # The first wording wins: a source's own label never hides a released name.
    found: dict[str, DiseaseWords] = {}
    for words in list_disease_words():
        found.setdefault(_build_key(words.words), words)
    return found
