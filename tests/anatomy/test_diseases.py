"""The answer classes: released spelling and order, MeSH, and the words of the sources."""

import re

import pytest

from spinebench.anatomy.diseases import (
    CLASSES,
    DISEASE_BY_NAME,
    DISEASES,
    HEALTHY,
    find_disease,
    list_disease_words,
)
from spinebench.anatomy.sides import Side

# Spelling and abbreviation as released (SpineBench, released labels and appendix Table 5).
RELEASED = [
    ("Subarticular Stenosis", "Sas.", "D013130"),
    ("Foraminal stenosis", "Fs.", "D013130"),
    ("Spinal Canal Stenosis", "Scs.", "D013130"),
    ("Osteophytes", "Ost.", "D054850"),
    ("Disc space narrowing", "Dsn.", "D055959"),
    ("Vertebral collapse", "Vc.", "D050815"),
    ("Spondylolisthesis", "Spondy.", "D013168"),
    ("cervical Lordosis", "Cl.", "D008141"),
    ("Straight cervical vertebrae", "Strcv.", None),
    ("sigmoid cervical vertebrae", "Sigcv.", None),
    ("cervical Kyphosis", "Ck.", "D007738"),
]


def test_released_spellings_abbreviations_and_descriptors() -> None:
    found = [DISEASE_BY_NAME[name] for name in DISEASES]
    table = [(d.name, d.abbreviation, d.mesh and d.mesh.id) for d in found]
    assert table == RELEASED
    assert (*DISEASES, "Healthy") == CLASSES
    assert DISEASE_BY_NAME[HEALTHY].mesh is None


def test_descriptors_say_how_well_they_fit() -> None:
    matches = {d.name: d.mesh.match for d in DISEASE_BY_NAME.values() if d.mesh is not None}
    exact = {name for name, match in matches.items() if match == "exact"}
    assert exact == {"Spinal Canal Stenosis", "Osteophytes", "Spondylolisthesis"}
    assert matches["Disc space narrowing"] == "nearest"
    assert matches["Foraminal stenosis"] == "broader"
    assert all(re.fullmatch(r"D\d{6}", d.mesh.id) for d in DISEASE_BY_NAME.values() if d.mesh)
    assert all(d.mesh_note for d in DISEASE_BY_NAME.values())


@pytest.mark.parametrize(
    ("text", "disease", "side", "source"),
    [
        ("Spondylolysthesis", "Spondylolisthesis", None, "vindr"),
        ("Left Neural Foraminal Narrowing", "Foraminal stenosis", Side.LEFT, "rsna"),
        ("right_neural_foraminal_narrowing", "Foraminal stenosis", Side.RIGHT, "rsna"),
        ("right_subarticular_stenosis", "Subarticular Stenosis", Side.RIGHT, "rsna"),
        ("spinal_canal_stenosis", "Spinal Canal Stenosis", None, "released"),
        ("FORAMINAL STENOSIS", "Foraminal stenosis", None, "released"),
        ("Neural foraminal narrowing", "Foraminal stenosis", None, "spinebench-2025, figure 12"),
        ("Cervical lordosis", "cervical Lordosis", None, "released"),
        ("Sigmoid2", "sigmoid cervical vertebrae", None, "csxa"),
        ("RLAT", "Spondylolisthesis", Side.RIGHT, "buu"),
        ("No finding", "Healthy", None, "vindr"),
        (" healthy ", "Healthy", None, "released"),
    ],
)
def test_source_words(text: str, disease: str, side: Side | None, source: str) -> None:
    found = find_disease(text)
    assert found is not None
    assert (found.disease, found.side, found.source) == (disease, side, source)


@pytest.mark.parametrize("text", ["Other lesions", "Surgical implant", "", "stenosis", "no"])
def test_words_outside_the_classes_are_none(text: str) -> None:
    assert find_disease(text) is None


def test_no_wording_means_two_classes() -> None:
    meanings: dict[str, set[tuple[str, Side | None]]] = {}
    for words in list_disease_words():
        meanings.setdefault(words.words.casefold(), set()).add((words.disease, words.side))
    assert all(len(meant) == 1 for meant in meanings.values())
