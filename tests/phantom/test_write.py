import hashlib
from pathlib import Path

import pytest

from spinebench.engine import LocalEngine
from spinebench.errors import UsageError
from spinebench.phantom.truth import TRUTH_SCHEMA, TruthRow, truth_schema
from spinebench.phantom.write import write_phantom
from spinebench.phantom.write_options import PhantomOptions, format_px
from spinebench.sources.check import detect_source
from spinebench.tables import read_named_frame

SMALL = PhantomOptions(matrix=64, film_px=200, test_patients=1)


def digest(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("source", "defects"),
    [
        ("rsna", ["clutter"]),
        ("vindr", ["missing_file,jpeg2000_film,malformed_window"]),
    ],
)
def test_same_bytes_whatever_the_workers(tmp_path: Path, source: str, defects: list[str]) -> None:
    def write(name: str, seed: int, workers: int) -> dict[str, str]:
        write_phantom(
            source,
            tmp_path / name,
            patients=5,
            seed=seed,
            engine=LocalEngine(workers),
            options=SMALL,
            defects=defects,
        )
        return digest(tmp_path / name)

    one = write("one", 1, 1)
    assert write("two", 1, 2) == one
    other = write("other", 2, 1)
    images = {name for name in one if "_images/" in name}
    assert not images & {name for name in other if name.endswith(("dcm", "dicom"))}


def test_summary_and_truth(tmp_path: Path) -> None:
    out = tmp_path / "a" / "phantom"
    out.mkdir(parents=True)  # an empty folder may be there
    summary = write_phantom(
        "rsna", out, patients=2, seed=1, engine=LocalEngine(1), options=SMALL, defects=["clutter"]
    )
    files = [path for path in out.rglob("*") if path.is_file()]
    assert summary.images == sum(path.suffix == ".dcm" for path in files)
    assert summary.gigabytes == sum(path.stat().st_size for path in files) / 1e9
    assert (summary.source, summary.folder, summary.patients) == ("rsna", str(out), 2)
    assert [one.name for one in summary.planted] == ["clutter"]
    frame = read_named_frame(out / "phantom_truth.parquet", TRUTH_SCHEMA)
    assert frame.schema == truth_schema()
    assert frame.columns == list(TruthRow._fields)
    assert len(frame) == summary.truth_rows
    assert frame["image_id"].n_unique() == summary.images
    assert detect_source(out)[0].name == "rsna"
    assert [path.name for path in out.parent.iterdir()] == ["phantom"]


def test_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match="is not empty; name a new folder"):
        write_phantom("rsna", tmp_path, patients=1, seed=1, engine=LocalEngine(1))
    (tmp_path / "phantom_truth.parquet").touch()
    with pytest.raises(UsageError, match=r"holds phantom_truth.parquet; name a new folder"):
        write_phantom("rsna", tmp_path, patients=1, seed=1, engine=LocalEngine(1))


def test_a_place_that_cannot_be_written_is_one_line() -> None:
    with pytest.raises(UsageError, match="/proc/none/phantom cannot be written"):
        write_phantom("rsna", Path("/proc/none/phantom"), patients=1, seed=1, engine=LocalEngine(1))


def test_interrupted_run_leaves_no_folder_and_is_started_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("spinebench.phantom.write.plant_defects", stop)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        write_phantom("rsna", out, patients=1, seed=1, engine=LocalEngine(1), options=SMALL)
    assert not out.exists()
    monkeypatch.undo()
    (tmp_path / "out.partial" / "left over").touch()
    write_phantom("rsna", out, patients=1, seed=1, engine=LocalEngine(1), options=SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not (out / "left over").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "verse"}, "no phantom layout 'verse'; there are rsna, vindr"),
        ({"patients": 0}, "0 patients: at least 1 is needed"),
        ({"defects": ["nonsense"]}, "no defect 'nonsense' in rsna; there are all, axial_swapped"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path: Path, arguments: dict, message: str) -> None:
    right = {"source": "rsna", "patients": 1, "seed": 1, "engine": LocalEngine(1)}
    with pytest.raises(UsageError, match=message):
        write_phantom(folder=tmp_path / "out", **{**right, **arguments})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"matrix": 10}, "matrix 10: between 64 and 2048"),
        ({"film_px": 9000}, "film size 9000: between 200 and 4096"),
        ({"prevalence": -1.0}, "cannot be negative"),
    ],
)
def test_options_are_checked(arguments: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PhantomOptions(**arguments)


def test_coordinates_are_as_short_as_can_be() -> None:
    assert [format_px(v) for v in (10.0, 1 / 3, 1e-9, -1e-9, 123.4567891)] == [
        "10.0",
        "0.333333",
        "0.0",
        "0.0",
        "123.456789",
    ]
