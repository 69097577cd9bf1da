from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.sources.folders import vindr_files, write_files
from tests.sources.table_folder import table_files


def test_list_names_what_is_read_and_what_exists(cli: Cli) -> None:
    said = cli("sources", "list", "--json").json()
    assert set(said) == {"sources", "public_sets", "survey"}
    names = [source["name"] for source in said["sources"]]
    assert names == ["rsna", "vindr", "buu", "csxa", "table"]
    read = {entry["read_by"]: entry["name"] for entry in said["public_sets"] if entry["read_by"]}
    assert list(read) == names[:-1]  # every set that we say we read has a source
    assert said["survey"] == {"open": 17, "private": 32}
    lines = cli("sources", "list").out.splitlines()
    assert "A published survey counts 17 open and 32 private sets. Known to us:" in lines
    spider = next(line for line in lines if "SPIDER" in line)
    assert " ".join(spider.split()) == "- SPIDER MR lumbar patients 218, series 447 CC BY 4.0"


def test_check_of_a_table(cli: Cli, tmp_path: Path) -> None:
    root = write_files(tmp_path, table_files())
    said = cli("sources", "check", root / "labels.csv", "--workers", 1, "--json").json()
    assert (said["source"], said["root"]) == ("table", str(tmp_path))
    assert said["counts"] == {
        "patients": 4,
        "studies": 5,
        "series": 5,
        "images": 6,
        "findings": 7,
        "labels.csv read": 7,
        "labels.csv dropped": 0,
    }
    assert said["defects"] == {"modality_taken_from_the_view": 1}
    # the volume of two images is read once
    sizes = [path.stat().st_size for path in root.rglob("*.*") if path.name != "labels.csv"]
    assert said["gigabytes_in"] == pytest.approx(sum(sizes) / 1e9)
    assert said["sampled_images"] == 6
    assert said["terms"]["third_party_models"] is False
    assert (
        "terms: your own data: Nothing is known" in cli("sources", "check", root / "labels.csv").out
    )


def test_check_of_a_table_with_other_names(cli: Cli, tmp_path: Path) -> None:
    files = table_files(header=table_files()["labels.csv"].split("\n")[0].replace("disease", "dx"))  # type: ignore[union-attr] # the table is text
    labels = files.pop("labels.csv")
    write_files(tmp_path / "scans", files)
    table = write_files(tmp_path, {"t.csv": labels}) / "t.csv"
    wrong = cli("sources", "check", table, "--images", tmp_path / "scans")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "column disease: found image, patient, dx" in wrong.err
    right = cli(
        "sources",
        "check",
        table,
        "--columns",
        "disease=dx",
        "--images",
        tmp_path / "scans",
        "--json",
    )
    assert right.json()["counts"]["images"] == 6


def test_options_of_a_table_are_for_a_table(cli: Cli, tmp_path: Path) -> None:
    write_files(tmp_path, vindr_files())
    outcome = cli("sources", "check", tmp_path, "--columns", "disease=dx")
    assert outcome.code == 2
    assert outcome.err.endswith(
        f"{tmp_path} is VinDr-SpineXR: --columns and --images are for a table\n"
    )
