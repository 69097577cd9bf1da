from pathlib import Path

import pytest

from spinebench.benchmark.bundle import Benchmark
from tests.benchmark.release.public import entry, write_public
from tests.benchmark.release.sample import write_sample
from tests.cli.conftest import Cli
from tests.sources.folders import rsna_files, write_files


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    return write_sample(tmp_path / "bench")


def test_export_asks_and_then_says_what_is_in_it(cli: Cli, bench: Path, tmp_path: Path) -> None:
    asked = cli("bench", "export", bench, "--format", "hf", "--out", tmp_path / "out")
    assert (asked.code, asked.out) == (2, "")
    assert len(asked.err.splitlines()) == 1
    assert asked.err.endswith("--accept-terms rsna --accept-terms vindr\n")
    done = cli(
        "bench", "export", bench, "--format", "hf", "--out", tmp_path / "out",
        "--accept-terms", "rsna", "--accept-terms", "vindr",
    )  # fmt: skip
    assert done.out == (
        f"{tmp_path / 'out'}: 12 questions on 9 images as hf\n"
        "note: it holds pictures of rsna, vindr, which may not be given on\n"
    )


def test_export_as_json(cli: Cli, bench: Path, tmp_path: Path) -> None:
    note = cli(
        "bench", "export", bench, "--format", "released", "--out", tmp_path / "out", "--split",
        "reserve", "--dialect", "letters", "--accept-terms", "rsna", "--accept-terms", "vindr",
        "--json",
    ).json()  # fmt: skip
    assert (note["dialect"], note["restricted"]) == ("letters", ["rsna", "vindr"])
    assert note["counts"]["questions_by_task_and_split"]["alignment"] == {"reserve": 1}
    assert list(note["tables"]) == ["reserve/reserve.json"]


def test_import_tells_its_account(cli: Cli, tmp_path: Path) -> None:
    train = [entry("rsna/1/2/3.jpg", ["Healthy"]), entry("rsna/1/2/3.jpg", ["Scoliosis"])]
    root = write_public(tmp_path / "r", train)
    done = cli(
        "bench", "import", root, "--format", "released", "--out", tmp_path / "b", "--workers", 1
    )
    assert done.code == 0, done.err
    lines = [line.split() for line in done.out.splitlines()]
    assert "1 questions on 1 images of 1 patients" in done.out
    assert ["all/train.json", "2", "1", "1"] in lines
    assert ["all/train.json", "answer_not_among_options", "1"] in lines


def test_an_import_evaluates_and_exports(cli: Cli, tmp_path: Path) -> None:
    """As a benchmark that was built: the same commands, and the page."""
    diseases = ["Healthy", "Osteophytes", "Foraminal stenosis"]
    test = [entry(f"rsna/{n}/2/3.jpg", [diseases[n % 3]]) for n in range(6)]
    test += [
        entry(f"rsna/{n}/2/3.jpg", ["L4/L5"], task="spine_lesion_localization") for n in range(1, 3)
    ]
    root = write_public(tmp_path / "r", test[:3], test)
    bench = tmp_path / "b"
    cli("bench", "import", root, "--format", "released", "--out", bench, "--workers", 1)
    run = cli(
        "eval", "run", bench, "--model", "spinebench/random", "--out", tmp_path / "run", "--json"
    )
    assert run.code == 0, run.err
    assert run.json()["scores"]["diagnosis"]["accuracy"]["items"] == 6
    assert run.json()["scores"]["localization"]["accuracy"]["items"] == 2
    page = cli("report", "html", tmp_path / "run", "--bench", bench, "--out", tmp_path / "p.html")
    assert page.code == 0, page.err
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "a release in the format released" in text
    assert "11 read, 11 used, 0 dropped" in text
    out = cli(
        "bench", "export", bench, "--format", "vlmeval", "--out", tmp_path / "tsv",
        "--accept-terms", "rsna",
    )  # fmt: skip
    assert "11 questions on 6 images" in out.out
    shown = cli("bench", "show", bench, "localization-rsna-1.2.3", "--json")
    assert shown.code == 0, shown.err
    assert shown.json()["gold"] == ["D"]


def test_a_recipe_there_and_back(cli: Cli, tmp_path: Path) -> None:
    rsna = write_files(tmp_path / "rsna", rsna_files())
    built = cli(
        "bench", "build", "--rsna", rsna, "--out", tmp_path / "b", "--seed", 1, "--test-share", 1,
        "--reserve-share", 0, "--workers", 1,
    )  # fmt: skip
    assert built.code == 0, built.err
    recipe = cli("bench", "export", tmp_path / "b", "--format", "recipe", "--out", tmp_path / "r")
    assert "no pixels in it; spinebench bench rebuild makes the benchmark again" in recipe.out
    told = cli(
        "bench", "rebuild", tmp_path / "r", "--rsna", rsna, "--out", tmp_path / "again",
        "--workers", 1,
    )  # fmt: skip
    assert told.code == 0, told.err
    assert "pixels: 5 images as the recipe says" in told.out
    assert "findings.parquet    same" in [line.rstrip() for line in told.out.splitlines()]
    before, after = Benchmark.load(tmp_path / "b"), Benchmark.load(tmp_path / "again")
    assert after.manifest == before.manifest


def test_a_recipe_without_its_folder_is_one_line(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("bench", "rebuild", tmp_path, "--out", tmp_path / "o")
    assert (outcome.code, outcome.err) == (
        2, f"spinebench: {tmp_path} is no recipe: looked for recipe.json\n",
    )  # fmt: skip
