"""Builds from folders written by hand; sources and pictures are real."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from pydicom import dcmread

from spinebench.benchmark.build import BuildOptions, build_benchmark
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.split import SplitShares
from spinebench.benchmark.subset import SubsetSizes
from spinebench.engine import LocalEngine
from spinebench.errors import DataError, UsageError
from tests.sources.folders import FILM, A, B, rsna_files, vindr_files, write_files

ONE_SPLIT = SplitShares(test=1.0, reserve=0.0)
OPTIONS = BuildOptions(seed=1, shares=ONE_SPLIT)
HERE = LocalEngine(1)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Both sources by hand, each image with pixels of its own."""
    made = {
        "rsna": write_files(tmp_path / "in" / "rsna", rsna_files()),
        "vindr": write_files(tmp_path / "in" / "vindr", vindr_files()),
    }
    files = [p for p in sorted((tmp_path / "in").rglob("*")) if p.suffix in (".dcm", ".dicom")]
    for number, path in enumerate(files):
        dataset = dcmread(path)
        rng = np.random.default_rng(number)
        pixels = rng.integers(0, 4096, (dataset.Rows, dataset.Columns), dtype=np.uint16)
        dataset.PixelData = pixels.tobytes()
        dataset.save_as(path)
    return made


def build(folders: dict[str, Path], out: Path, options: BuildOptions = OPTIONS) -> Benchmark:
    build_benchmark(folders, out, options=options, engine=HERE)
    return Benchmark.load(out)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_what_is_asked_of_two_small_folders(folders: dict[str, Path], tmp_path: Path) -> None:
    bench = build(folders, tmp_path / "bench")
    asked = {(q.task, q.image_ids[0], q.disease, q.levels) for q in bench.questions}
    canal, left = f"train_images/{A}/2000000001/5", f"train_images/{A}/702807833/3"
    right, axial = f"train_images/{A}/702807833/12", f"train_images/{A}/2000000003/8"
    other = f"train_images/{B}/2000000009/5031"
    rsna = {
        (f"rsna:{canal}.dcm", "Spinal Canal Stenosis", ("L1/L2", "L2/L3")),
        (f"rsna:{left}.dcm", "Foraminal stenosis", ("L4/L5",)),
        (f"rsna:{right}.dcm", "Foraminal stenosis", ("L4/L5",)),
        (f"rsna:{axial}.dcm", "Subarticular Stenosis", ("L4/L5",)),
        (f"rsna:{other}.dcm", "Spinal Canal Stenosis", ("L5/S1",)),
    }
    # film 1 has two diseases, film 2 only "Other lesions", film 4 only an implant
    healthy = (f"vindr:train_images/{FILM[2]}.dicom", "Healthy", ())
    assert asked == {
        *(("diagnosis", *item) for item in rsna | {healthy}),
        *(("localization", *item) for item in rsna),
    }


def test_read_is_used_plus_dropped(folders: dict[str, Path], tmp_path: Path) -> None:
    bench = build(folders, tmp_path / "bench")
    films = bench.manifest["sources"]["vindr"]["accounting"]
    assert films["annotations/train.csv"] == {
        "read": 4,
        "used": 1,
        "dropped": 3,
        "reasons": {"dropped_class": 1, "several_diseases": 2},
        "notes": {},
    }
    assert films["annotations/test.csv"]["reasons"] == {"dropped_class": 1}
    slices = bench.manifest["sources"]["rsna"]["accounting"]
    assert slices["train_label_coordinates.csv"] == {
        "read": 7,
        "used": 7,
        "dropped": 0,
        "reasons": {},
        "notes": {"levels_may_be_off_by_one": 1},
    }
    cells = slices["train.csv"]
    assert (cells["read"], cells["read"]) == (50, cells["used"] + cells["dropped"])
    assert cells["reasons"]["empty_cell"] == 50 - 7
    assert len(bench.rejects) == sum(
        account["dropped"]
        for source in bench.manifest["sources"].values()
        for account in source["accounting"].values()
    ) + sum(reject.row is None for reject in bench.rejects)


def test_images_are_what_the_records_say(folders: dict[str, Path], tmp_path: Path) -> None:
    bench = build(folders, tmp_path / "bench")
    for image_id, image in bench.images.items():
        with PillowImage.open(bench.image_file(image_id)) as picture:
            assert picture.size == (image.file_cols, image.file_rows)
            assert picture.mode == "RGB"
    axial = bench.images[f"rsna:train_images/{A}/2000000003/8.dcm"]
    assert (axial.rows, axial.cols) == (48, 64)
    assert (axial.spacing_row_mm, axial.spacing_col_mm) == (0.6, 0.5)
    assert axial.slice_position_mm == -15.0
    assert axial.affine is not None
    assert np.reshape(axial.affine, (4, 4)).tolist() == [
        [0.5, 0, 0, -30],
        [0, 0.6, 0, -20],
        [0, 0, 1, -15],
        [0, 0, 0, 1],
    ]
    ids, vectors = bench.embeddings()
    assert ids == sorted(bench.images)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(ids)), abs=1e-5)


def test_bytes_do_not_depend_on_workers_or_place(folders: dict[str, Path], tmp_path: Path) -> None:
    build(folders, tmp_path / "one")
    moved = {
        name: shutil.copytree(folder, tmp_path / "elsewhere" / name)
        for name, folder in folders.items()
    }
    build_benchmark(moved, tmp_path / "two", options=OPTIONS, engine=_PoolOfTwo())
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert str(tmp_path) not in (tmp_path / "one" / "manifest.json").read_text()


class _PoolOfTwo(LocalEngine):
    """Two spawned workers even for a handful of images."""

    def __init__(self) -> None:
        super().__init__(2)

    def map(self, function, items, *, shard=8, **more):  # type: ignore[no-untyped-def]
        return super().map(function, items, shard=2, **more)


def test_another_seed_asks_otherwise(folders: dict[str, Path], tmp_path: Path) -> None:
    first = build(folders, tmp_path / "one")
    second = build(folders, tmp_path / "two", BuildOptions(seed=2, shares=ONE_SPLIT))
    assert {q.question_id for q in first.questions} != {q.question_id for q in second.questions}


def test_a_moved_benchmark_still_opens(folders: dict[str, Path], tmp_path: Path) -> None:
    build(folders, tmp_path / "bench")
    moved = Benchmark.load(shutil.move(tmp_path / "bench", tmp_path / "moved"))
    assert all(moved.image_file(image_id).is_file() for image_id in moved.images)


def test_an_altered_table_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    bench = build(folders, tmp_path / "bench")
    shutil.copy(bench.folder / "images.parquet", bench.folder / "questions.parquet")
    with pytest.raises(DataError, match=r"questions\.parquet: SHA-256: found .* \(manifest\)"):
        Benchmark.load(bench.folder)


def test_truncated_and_empty_files_cost_only_themselves(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    cut = folders["rsna"] / f"train_images/{A}/702807833/12.dcm"
    cut.write_bytes(cut.read_bytes()[:-100])
    (folders["rsna"] / f"train_images/{B}/2000000009/5031.dcm").write_bytes(b"")
    bench = build(folders, tmp_path / "bench")
    assert len([q for q in bench.questions if q.task == "diagnosis"]) == 4
    file = "train_label_coordinates.csv"
    rows = {r.row: r.reason for r in bench.rejects if r.file == file and r.row}
    assert rows == {5: "unreadable_pixels", 8: "unreadable_file"}
    assert not any(str(tmp_path) in reject.detail for reject in bench.rejects)


def test_identical_pixels_across_splits_fail_the_build(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    one = folders["rsna"] / f"train_images/{A}/2000000001/5.dcm"
    two = folders["rsna"] / f"train_images/{B}/2000000009/5031.dcm"
    dataset = dcmread(two)
    dataset.PixelData = dcmread(one).PixelData
    dataset.save_as(two)
    seed = next(seed for seed in range(100) if _are_apart(seed))
    options = BuildOptions(seed=seed, shares=SplitShares(test=0.5, reserve=0.0))
    with pytest.raises(DataError, match="identical pixels: found in both test and train"):
        build(folders, tmp_path / "bench", options)
    assert not (tmp_path / "bench").exists()
    kept = build(folders, tmp_path / "bench", _dropping(options))
    # of the two the later by id goes, with both of its rows, their grades and its series
    dropped = [(r.file, r.row, r.detail) for r in kept.rejects if r.reason == "identical_pixels"]
    first = f"as rsna:train_images/{B}/2000000009/5031.dcm"
    assert dropped == [
        *(("train.csv", 2, first), ("train.csv", 2, first)),
        *(("train_label_coordinates.csv", row, first) for row in (2, 3)),
        ("train_series_descriptions.csv", 2, first),
    ]
    assert kept.manifest["duplicates"] == "drop"


def _are_apart(seed: int) -> bool:
    from spinebench.benchmark.split import split_of_patient

    shares = SplitShares(test=0.5, reserve=0.0)
    found = {split_of_patient(f"rsna:{p}", seed=seed, shares=shares) for p in (A, B)}
    return len(found) == 2


def _dropping(options: BuildOptions) -> BuildOptions:
    return replace(options, duplicates="drop")


def test_a_finished_folder_is_never_written_over(folders: dict[str, Path], tmp_path: Path) -> None:
    build(folders, tmp_path / "bench")
    with pytest.raises(UsageError, match="already exists and is not empty"):
        build(folders, tmp_path / "bench")


def test_the_folder_one_stands_in_and_an_unwritable_one_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UsageError, match=r"\. is the folder you stand in"):
        build({}, Path())
    with pytest.raises(UsageError, match="cannot be written"):
        build({}, tmp_path / "file" / "bench")


def test_a_link_to_an_empty_folder_is_filled(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    bench = build({"rsna": folders["rsna"]}, tmp_path / "link")
    assert (tmp_path / "target" / "manifest.json").exists()
    assert (tmp_path / "link").is_symlink()
    assert len(bench.questions) == 10


def test_what_an_interrupted_build_left_is_replaced(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    left = tmp_path / "bench.partial" / "images" / "ab"
    left.mkdir(parents=True)
    (left / "ab.png").write_bytes(b"half")
    bench = build(folders, tmp_path / "bench")
    assert not (bench.folder / "images" / "ab" / "ab.png").exists()
    assert not (tmp_path / "bench.partial").exists()


def test_a_build_that_was_stopped_goes_on_where_it_stood(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("spinebench.benchmark.build.embed_stage", stop)
        with pytest.raises(KeyboardInterrupt):
            build(folders, tmp_path / "one")
    with monkeypatch.context() as patch:  # no picture is read a second time
        patch.setattr("spinebench.benchmark.pictures.read_image", stop)
        build(folders, tmp_path / "one")
    build(folders, tmp_path / "two")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_unclear_images_go_to_the_ledger_with_their_figures(tmp_path: Path) -> None:
    # smooth shapes with edges: noise alone passes for no detail
    blocks = np.random.default_rng(0).integers(20, 236, (10, 10), dtype=np.uint8)
    sharp = np.kron(blocks, np.ones((30, 30), np.uint8))
    PillowImage.fromarray(sharp).save(tmp_path / "sharp.png")
    PillowImage.fromarray(sharp // 16 + 100).save(tmp_path / "flat.png")
    PillowImage.fromarray(sharp[:64, :64] // 16 + 100).save(tmp_path / "small.png")
    rows = "".join(f"{name}.png,Osteophytes\n" for name in ("sharp", "flat", "small"))
    (tmp_path / "t.csv").write_text("image,disease\n" + rows)
    bench = build({"table": tmp_path / "t.csv"}, tmp_path / "bench")
    assert sorted(bench.images) == ["table:sharp.png", "table:small.png"]
    assert bench.quality["table:small.png"].reason == "few_pixels"
    ((row, reason, detail),) = [(r.row, r.reason, r.detail) for r in bench.rejects if r.row]
    assert (row, reason) == (3, "unclear")
    assert re.fullmatch(
        r"low_contrast: sharpness \d\.\d\d, contrast 0\.0\d, black 0\.00, white 0\.00, "
        r"border 0\.00, 300 x 300 px",
        detail,
    )
    kept = build({"table": tmp_path / "t.csv"}, tmp_path / "kept", replace(OPTIONS, unclear="keep"))
    assert len(kept.images) == 3


def test_the_subset_lies_in_test(folders: dict[str, Path], tmp_path: Path) -> None:
    sizes = SubsetSizes(per_class=1, localization=2)
    bench = build(folders, tmp_path / "bench", replace(OPTIONS, subset=sizes))
    chosen = [q for q in bench.questions if q.in_subset]
    assert {q.split for q in chosen} == {"test"}
    assert bench.manifest["counts"]["subset_by_task"] == {"diagnosis": 4, "localization": 2}


def test_an_annotation_file_that_may_not_be_read_has_no_hash(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(path: Path) -> str:
        raise PermissionError(13, "denied", str(path))

    monkeypatch.setattr("spinebench.benchmark.build.sha256_of_file", deny)
    bench = build({"rsna": folders["rsna"]}, tmp_path / "bench")
    assert set(bench.manifest["sources"]["rsna"]["annotations_sha256"].values()) == {None}


def test_no_source_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="no source folder given; there are: rsna, vindr, buu, csxa, table"
    ):
        build({}, tmp_path / "bench")


def test_a_folder_that_is_no_benchmark_says_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(UsageError, match=r"looked for manifest\.json, found x\.txt"):
        Benchmark.load(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        Benchmark.load(tmp_path / "none")


def test_the_manifest_counts(folders: dict[str, Path], tmp_path: Path) -> None:
    bench = build(folders, tmp_path / "bench")
    counts = json.loads((bench.folder / "manifest.json").read_text())["counts"]
    assert counts["questions_by_task_and_split"] == {
        "diagnosis": {"test": 6},
        "localization": {"test": 5},
    }
    assert counts["diagnosis_by_class"]["Spinal Canal Stenosis"] == 2
    assert counts["diagnosis_by_class"]["Vertebral collapse"] == 0
    assert counts["patients"] == 3
    # three diseases in the library: one distractor of each diseased image comes from outside
    assert counts["negatives_outside_library"] == 6
