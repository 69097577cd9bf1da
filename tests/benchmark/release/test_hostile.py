"""Tables that were damaged or made to harm: one line, or a ledger row each."""

import base64
import csv
import io
import json
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.release import columns
from spinebench.benchmark.release.export import export_benchmark
from spinebench.benchmark.release.importing import import_benchmark
from spinebench.benchmark.release.options import ExportOptions
from spinebench.benchmark.release.registry import PIXEL_FORMATS
from spinebench.engine import LocalEngine
from spinebench.errors import DataError, UsageError
from tests.benchmark.release.public import entry, write_public

HERE = LocalEngine(1)
TABLE = "diagnosis/test-00000-of-00001.parquet"
TSV = "spinebench_diagnosis_test.tsv"


@pytest.fixture(scope="module")
def exports(sample: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder with a release of each format below it."""
    folder = tmp_path_factory.mktemp("exports")
    options = ExportOptions(splits=("test",), accepted=("rsna", "vindr"))
    for name in PIXEL_FORMATS:
        export_benchmark(sample, folder / name, format_name=name, options=options)
    return folder


@pytest.fixture
def spoiled(exports: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of one release that a test may spoil."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(exports / name, tmp_path / name))

    return copy


def imported(root: Path, name: str) -> Benchmark:
    out = root.with_name(root.name + "-bench")
    import_benchmark(root, out, format_name=name, engine=HERE)
    return Benchmark.load(out)


def reasons(bench: Benchmark) -> dict[tuple[str, int], str]:
    return {(r.file, r.row): r.reason for r in bench.rejects if r.row is not None}


def bomb() -> bytes:
    """A PNG of 30 kB that says 26,000 x 26,000 RGB pixels: 2 GB once decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 26_000, 26_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(30_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def test_a_picture_of_two_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    train = [entry("rsna/1/2/3.jpg", ["Healthy"]), entry("rsna/1/2/4.jpg", ["Healthy"])]
    root = write_public(tmp_path / "r", train)
    (root / "all/rsna/1/2/4.jpg").write_bytes(bomb())
    code = (
        "import sys; from pathlib import Path;"
        "from spinebench.benchmark.release.importing import import_benchmark;"
        "from spinebench.engine import LocalEngine;"
        "m = import_benchmark(Path(sys.argv[1]), Path(sys.argv[2]), format_name='released',"
        " engine=LocalEngine(1));"
        "print(m['imported']['accounting']['all/train.json']['reasons']);"
        # of this program alone: ru_maxrss would be that of the process it was forked from
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(root), str(tmp_path / "b")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    reasons_told, peak_kb = done.stdout.splitlines()
    assert reasons_told == "{'unreadable_pixels': 1}"
    assert int(peak_kb) < 500_000


def test_rows_of_a_table_that_cannot_be_used(spoiled: Callable[[str], Path]) -> None:
    root = spoiled("hf")
    frame = pl.read_parquet(root / TABLE)
    rows = [*frame.to_dicts(), *frame.to_dicts()]
    rows[0]["image"] = {"bytes": b"GIF89a", "path": "x.gif"}
    rows[1]["image"] = None
    rows[2] |= {"task": "captioning"}
    rows[3] |= {"answers": ["Scoliosis"]}
    pl.DataFrame(rows, schema=frame.schema).write_parquet(root / TABLE)
    bench = imported(root, "hf")
    assert reasons(bench) == {
        (TABLE, 1): "unreadable_pixels",
        (TABLE, 2): "missing_file",
        (TABLE, 3): "unknown_task",
        (TABLE, 4): "answer_not_among_options",
    }
    # the second copy of the last four is whole, and ids stay one to a question
    assert sum(q.task == "diagnosis" for q in bench.questions) == 4


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:500]), "a Parquet table"),
        (lambda p: p.write_bytes(b"PAR1" + bytes(400) + b"PAR1"), "a Parquet table"),
        (lambda p: p.write_bytes(b""), "a Parquet table"),
        (lambda p: pl.DataFrame({"question": ["x"]}).write_parquet(p), "column image"),
        (
            lambda p: pl.read_parquet(p).with_columns(levels=pl.lit(3)).write_parquet(p),
            "column levels: found Int32",
        ),
    ],
)
def test_a_table_that_is_none(
    spoiled: Callable[[str], Path], spoil: Callable[[Path], None], words: str
) -> None:
    root = spoiled("hf")
    spoil(root / TABLE)
    with pytest.raises(DataError, match=words):
        imported(root, "hf")


def test_a_table_that_unpacks_to_gigabytes(
    spoiled: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told from its page headers; nothing is unpacked for it."""
    root = spoiled("hf")
    frame = pl.read_parquet(root / TABLE).head(1)
    data = pl.lit(pl.Series([bytes(3_000_000)]))
    huge = frame.with_columns(image=pl.struct(bytes=data, path=pl.lit("x.png")))
    huge.write_parquet(root / TABLE)
    assert (root / TABLE).stat().st_size < 20_000
    monkeypatch.setattr(columns, "MAX_UNPACKED", 2_000_000)
    with pytest.raises(DataError, match=r"300\d+ bytes once unpacked, expected at most 2000000"):
        imported(root, "hf")


def test_a_table_that_is_a_link_out_of_the_folder(spoiled: Callable[[str], Path]) -> None:
    root = spoiled("hf")
    (root / TABLE).rename(root.parent / "elsewhere.parquet")
    (root / TABLE).symlink_to(root.parent / "elsewhere.parquet")
    with pytest.raises(DataError, match="a link out of the folder"):
        imported(root, "hf")


def test_tsv_rows_that_cannot_be_used(spoiled: Callable[[str], Path]) -> None:
    root = spoiled("vlmeval")
    header, rows = read_tsv(root / TSV)
    picture = header.index("image")
    copy = list(rows[3])
    copy[0], copy[picture] = "4", "3"  # the same picture as row 3
    lost = list(rows[3])
    lost[0], lost[picture] = "5", "77"
    rows[0][picture] = "!" * 100
    rows[1][picture] = base64.b64encode(b"no picture" * 20).decode()
    rows[2][header.index("answer")] = "Z"
    rows += [copy, lost, ["6", *rows[3][1:]]]
    rows[-1][header.index("similarities")] = "[NaN"
    write_tsv(root / TSV, header, rows)
    assert reasons(imported(root, "vlmeval")) == {
        (TSV, 2): "broken_base64",
        (TSV, 3): "unreadable_pixels",
        (TSV, 4): "answer_not_among_options",
        (TSV, 7): "missing_file",
        (TSV, 8): "malformed_row",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "column index: found an empty file"),
        (b"index\timage\tquestion\tB\tanswer\n", "column A"),
        (b"index\timage\tquestion\tA\tB\tanswer\n\xff\xfe\n", "no UTF-8"),
        (b'index\timage\tquestion\tA\tB\tanswer\n1\t"a"b\n', "tab-separated"),
        (b'index\timage\tquestion\tA\tB\tanswer\n1\t"open\n', "tab-separated"),
    ],
)
def test_a_tsv_that_is_none(spoiled: Callable[[str], Path], text: bytes, words: str) -> None:
    root = spoiled("vlmeval")
    (root / TSV).write_bytes(text)
    before = csv.field_size_limit()
    with pytest.raises(DataError, match=words):
        imported(root, "vlmeval")
    assert csv.field_size_limit() == before


def test_croissant_holds_each_file_to_its_hash(spoiled: Callable[[str], Path]) -> None:
    root = spoiled("croissant")
    metadata = json.loads((root / "croissant.json").read_text())
    metadata["distribution"][0]["sha256"] = "0" * 64
    (root / "croissant.json").write_text(json.dumps(metadata))
    with pytest.raises(DataError, match=rf"{TABLE}: SHA-256: found \w+, expected 0000"):
        imported(root, "croissant")


@pytest.mark.parametrize("url", ["../x.parquet", "/etc/passwd", "https://example.org/x.parquet"])
def test_croissant_opens_nothing_outside(spoiled: Callable[[str], Path], url: str) -> None:
    root = spoiled("croissant")
    metadata = json.loads((root / "croissant.json").read_text())
    metadata["distribution"][0]["contentUrl"] = url
    (root / "croissant.json").write_text(json.dumps(metadata))
    with pytest.raises(DataError, match="expected a file of ours in this folder"):
        imported(root, "croissant")


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"distribution": 3}', "{}"])
def test_croissant_that_is_none(spoiled: Callable[[str], Path], text: str) -> None:
    root = spoiled("croissant")
    (root / "croissant.json").write_text(text)
    with pytest.raises(DataError, match=r"^croissant\.json: found"):
        imported(root, "croissant")


@pytest.mark.parametrize("name", PIXEL_FORMATS)
def test_a_folder_of_another_kind_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "holiday.txt").write_text("x")
    with pytest.raises(UsageError, match=r"found holiday\.txt") as told:
        imported(tmp_path / "r", name)
    assert "\n" not in str(told.value)


def read_tsv(path: Path) -> tuple[list[str], list[list[str]]]:
    csv.field_size_limit(10_000_000)
    rows = list(csv.reader(io.StringIO(path.read_text()), delimiter="\t"))
    csv.field_size_limit(131_072)
    return rows[0], rows[1:]


def write_tsv(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream, delimiter="\t", lineterminator="\n").writerows([header, *rows])
