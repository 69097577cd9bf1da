from dataclasses import replace
from pathlib import Path

import pytest

from spinebench.engine import LocalEngine
from spinebench.errors import UsageError
from spinebench.sources.base import FolderReport
from spinebench.sources.check import check_folder, detect_source
from spinebench.sources.registry import find_source
from tests.sources.folders import FILM, rsna_files, vindr_files, write_files

ENGINE = LocalEngine(1)


def test_report_of_an_rsna_folder(tmp_path: Path) -> None:
    root = write_files(tmp_path / "rsna", rsna_files())
    report = check_folder(tmp_path, ENGINE)
    sizes = [
        path.stat().st_size for path in root.rglob("*.dcm") if path.parent.name != "2000000004"
    ]
    assert len(sizes) == 5
    assert report.minutes > 0
    assert 0 < report.gigabytes_out < report.gigabytes_in
    assert report.first["series_without_label"].startswith("train_series_descriptions.csv:")
    assert sorted(report.first) == sorted(report.defects)
    assert replace(report, minutes=0.0, gigabytes_out=0.0, first={}) == FolderReport(
        source="rsna",
        root=str(root),
        counts={
            "patients": 2,
            "studies": 2,
            "series": 4,
            "images": 5,
            "findings": 7,
            "sample_submission.csv read": 1,
            "sample_submission.csv dropped": 1,
            "test_series_descriptions.csv read": 1,
            "test_series_descriptions.csv dropped": 1,
            "train.csv read": 50,
            "train.csv dropped": 44,
            "train_label_coordinates.csv read": 7,
            "train_label_coordinates.csv dropped": 0,
            "train_series_descriptions.csv read": 5,
            "train_series_descriptions.csv dropped": 1,
        },
        defects={
            "empty_cell": 43,
            "label_without_coordinate": 1,
            "levels_may_be_off_by_one": 1,
            "no_labels": 2,
            "series_without_label": 1,
        },
        first={},
        gigabytes_in=sum(sizes) / 1e9,
        gigabytes_out=0.0,
        minutes=0.0,
        sampled_images=5,
    )


def test_output_is_extrapolated_from_the_readable_part_of_the_sample(tmp_path: Path) -> None:
    files = vindr_files()
    whole = check_folder(write_files(tmp_path / "whole", files), ENGINE)
    damaged = bytearray(files[f"train_images/{FILM[0]}.dicom"])
    place = damaged.index(b"\x28\x00\x00\x01US\x02\x00")  # BitsAllocated
    damaged[place + 8] = 7
    files[f"train_images/{FILM[0]}.dicom"] = bytes(damaged)
    report = check_folder(write_files(tmp_path / "part", files), ENGINE)
    assert report.defects == {"unreadable_in_sample": 1}
    assert report.counts == whole.counts
    # four films of the same size and content but for the header
    assert report.gigabytes_out == pytest.approx(whole.gigabytes_out)


def test_wrong_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError) as caught:
        detect_source(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is no source that spinebench knows: looked for rsna (train.csv, "
        "train_label_coordinates.csv, train_series_descriptions.csv, train_images); vindr "
        "(annotations/train.csv, train_images); buu (AP|LA); csxa (datasets.xlsx); "
        "found notes.txt"
    )


def test_two_sources_below_one_folder_are_told(tmp_path: Path) -> None:
    write_files(tmp_path / "r", rsna_files())
    write_files(tmp_path / "v", vindr_files())
    message = "holds more than one source: rsna in .*/r, vindr in .*/v; name one of them"
    with pytest.raises(UsageError, match=message):
        check_folder(tmp_path, ENGINE)
    source, root = detect_source(tmp_path / "v")
    assert (source.name, root) == ("vindr", tmp_path / "v")


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"found an empty folder$"):
        check_folder(tmp_path, ENGINE)
    with pytest.raises(UsageError, match=r"no such folder$"):
        check_folder(tmp_path / "none", ENGINE)


def test_unknown_name_of_a_source() -> None:
    assert find_source("rsna").name == "rsna"
    known = "there are rsna, vindr, buu, csxa, table$"
    with pytest.raises(UsageError, match=f"no source 'kitti'; {known}"):
        find_source("kitti")
