from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.sources.folders import rsna_files, write_files


@pytest.fixture
def rsna(tmp_path: Path) -> Path:
    return write_files(tmp_path / "rsna", rsna_files())


def test_compare_counts_the_images_that_change(cli: Cli, rsna: Path) -> None:
    found = cli("bench", "labels", "--compare", "--rsna", rsna, "--workers", 1, "--json").json()
    assert found["rules"] == ["released/1", "graded/1"]
    # three slices are moderate or severe; of two, other cells of the study are ill or empty
    assert found["changed"] == {"released/1 to graded/1": 1}
    assert found["changes"] == [
        {"from": "Foraminal stenosis", "to": "not asked", "images": 1},
    ]
    lines = cli("bench", "labels", "--compare", "--rsna", rsna, "--workers", 1)
    assert "released/1 to graded/1    1" in lines.out
    assert "images that change class" not in cli("bench", "labels", "--rsna", rsna).out


def test_one_rule_alone(cli: Cli, rsna: Path) -> None:
    found = cli("bench", "labels", "--labels", "graded", "--rsna", rsna, "--json").json()
    assert found["rules"] == ["graded/1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--compare"], "no source folder given; there are: rsna, vindr, buu, csxa, table"),
        (["--compare", "--labels", "graded"], "leave --labels out"),
        (["--multi-label", "both"], "--multi-label both: it is drop or keep"),
        (["--labels", "strict"], "no label rule 'strict'; there are: released/1, graded/1"),
    ],
)
def test_wrong_choices_are_one_line(
    cli: Cli, rsna: Path, arguments: list[str], message: str
) -> None:
    folder = [] if arguments == ["--compare"] else ["--rsna", rsna]
    outcome = cli("bench", "labels", *folder, *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
