"""Which pictures have a lesion on one side only."""

from pathlib import Path

import pytest

from spinebench.errors import UsageError
from spinebench.evaluation.side_cases import SideCase, list_side_cases, load_truth
from spinebench.phantom.truth import TRUTH_FILE, TRUTH_SCHEMA
from spinebench.tables import Ledger, write_frame
from tests.evaluation.truth_rows import truth_frame, truth_row

DISEASES = ["Subarticular Stenosis", "Osteophytes"]


def test_cases_and_reasons(tmp_path: Path) -> None:
    none = {"grade": "none", "measure": 7.0, "fraction_lost": 0.0}
    rows = [
        # one side, twice: one case
        truth_row("a", side="left", level="L3/L4"), truth_row("a", side="left"),
        truth_row("a", side="right", **none),
        truth_row("b", side="right", grade="moderate"), truth_row("b", side="left", **none),
        truth_row("both", side="left"), truth_row("both", side="right"),
        truth_row("mild", side="left", grade="mild"), truth_row("mild", side="right", **none),
        truth_row("trace", side="left"), truth_row("trace", side="right", grade="mild"),
        truth_row("turned", side="left", x_px=10.0), truth_row("turned", side="right", **none),
        # a kind without grades, on a frontal film
        truth_row("film", side="right", view="AP", disease="Osteophytes", grade="ungraded"),
        truth_row("film", side="left", view="AP", visible=False),
        # not asked at all: hidden, of the midline, another view, another disease
        truth_row("hidden", side="left", visible=False),
        truth_row("middle", side=None), truth_row("sag", side="left", view="SAG"),
        truth_row("slip", side="left", disease="Spondylolisthesis"),
        truth_row("place", side="left", statement="position"),
    ]  # fmt: skip
    write_frame(tmp_path / TRUTH_FILE, truth_frame(rows), schema=TRUTH_SCHEMA)
    truth = load_truth(tmp_path)
    assert truth["row"].to_list() == list(range(1, len(rows) + 1))
    ledger = Ledger("rsna")
    cases = list_side_cases(truth, DISEASES, ledger)
    assert cases == [
        SideCase("a", "Subarticular Stenosis", "left", ("L3/L4", "L4/L5"), 1),
        SideCase("b", "Subarticular Stenosis", "right", ("L4/L5",), 4),
        SideCase("film", "Osteophytes", "right", ("L4/L5",), 14),
    ]
    assert ledger.summary()[TRUTH_FILE] == {
        "read": 7, "used": 0, "dropped": 4, "notes": {},
        "reasons": {"both_sides": 1, "mild_on_the_other_side": 1, "mild_only": 1,
                    "not_radiological": 1},
    }  # fmt: skip


def test_a_folder_without_truth_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no phantom_truth.parquet; it lies beside phantoms"):
        load_truth(tmp_path)
