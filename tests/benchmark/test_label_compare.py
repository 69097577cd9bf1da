from pathlib import Path

from spinebench.benchmark.label_compare import compare_rules
from spinebench.sources.base import Reading
from spinebench.tables import Ledger
from tests.examples import a_finding, an_image_ref

LEVELS = ("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1")


def reading() -> Reading:
    made = Reading(root=Path(), source="rsna", ledger=Ledger(source="rsna"))
    for number, grade in enumerate(["none", "none", "severe", "mild"]):
        ref = an_image_ref(image_id=f"rsna:{number}", study_id=str(number), view="SAG")
        made.images[ref.image_id] = ref
        for level in LEVELS if grade == "none" else ("L4/L5",):
            name = f"{number} {level}"
            row = {"finding_id": name, "row": len(made.findings) + 2, "level": level}
            made.findings.append(a_finding(**row, image_id=ref.image_id, grade=grade))
    return made


def test_how_many_images_change_class() -> None:
    name = "Subarticular Stenosis"
    assert compare_rules([reading()], ["released", "graded"]) == {
        "images": 4,
        "rules": ["released/1", "graded/1"],
        "by_rule": {"released/1": {name: 4}, "graded/1": {name: 1, "Healthy": 2, "not asked": 1}},
        "localization": {"released/1": 4, "graded/1": 1},
        "changed": {"released/1 to graded/1": 3},
        "changes": [
            {"from": name, "to": "Healthy", "images": 2},
            {"from": name, "to": "not asked", "images": 1},
        ],
        "reasons": {"released/1": {}, "graded/1": {"mild_not_asked": 1}},
    }


def test_one_rule_has_nothing_to_compare() -> None:
    found = compare_rules([reading()], ["graded"])
    assert (found["changed"], found["changes"]) == ({}, [])
