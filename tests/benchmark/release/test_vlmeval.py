"""The documented contract of VLMEvalKit's tables, read as it reads them: with pandas."""

import base64
import io
import string
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image as PillowImage

from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.release.export import export_benchmark
from spinebench.benchmark.release.options import ExportOptions
from spinebench.benchmark.release.rows import Selection, select_rows
from spinebench.benchmark.release.vlmeval import _cells
from spinebench.errors import DataError


@pytest.fixture(scope="module")
def tables(sample: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    out = tmp_path_factory.mktemp("vlmeval") / "out"
    options = ExportOptions(splits=("test",), accepted=("rsna", "vindr"))
    export_benchmark(sample, out, format_name="vlmeval", options=options)
    return {p.stem: pd.read_csv(p, sep="\t") for p in sorted(out.glob("*.tsv"))}


def test_columns_and_types(tables: dict[str, pd.DataFrame]) -> None:
    assert sorted(tables) == [
        "spinebench_alignment_test", "spinebench_diagnosis_test", "spinebench_localization_test",
    ]  # fmt: skip
    table = tables["spinebench_diagnosis_test"]
    expected = [
        "index",
        "image",
        "question",
        *"ABCDE",
        "answer",
        "category",
        "l2-category",
        "split",
    ]
    assert list(table.columns)[: len(expected)] == expected
    assert table["index"].tolist() == [0, 1, 2, 3]
    # any further column of one capital letter would become an option
    assert [c for c in table.columns if c in string.ascii_uppercase] == list("ABCDE")
    assert table["category"].tolist() == [
        "Subarticular Stenosis", "Spinal Canal Stenosis", "Healthy", "Healthy",
    ]  # fmt: skip
    assert table["answer"].tolist() == ["D", "E", "B", "B"]
    assert set(table["split"]) == {"test"}


def test_several_right_letters_are_joined(tables: dict[str, pd.DataFrame]) -> None:
    assert tables["spinebench_localization_test"]["answer"].tolist() == ["AB", "ABC"]


def test_pictures_decode_to_the_pixels(tables: dict[str, pd.DataFrame], sample: Benchmark) -> None:
    table = tables["spinebench_diagnosis_test"]
    image = sample.images["rsna:train_images/71/9/11.dcm"]
    data = base64.b64decode(table["image"][0])
    assert data == sample.image_file(image.image_id).read_bytes()
    assert PillowImage.open(io.BytesIO(data)).size == (20, 24)


def test_a_picture_asked_about_twice_is_there_once(sample: Benchmark, tmp_path: Path) -> None:
    """A short `image` is the index of the row that has it, as VLMEvalKit's loader takes it."""
    double = Benchmark(sample.folder, sample.manifest)
    questions = [q for q in sample.questions if q.task == "diagnosis" and q.split == "test"]
    double.__dict__["questions"] = [questions[0], questions[1], questions[0]]
    options = ExportOptions(splits=("test",), accepted=("rsna", "vindr"))
    export_benchmark(double, tmp_path / "out", format_name="vlmeval", options=options)
    table = pd.read_csv(tmp_path / "out/spinebench_diagnosis_test.tsv", sep="\t", dtype=str)
    assert [len(cell) > 64 for cell in table["image"]] == [True, True, False]
    assert table["image"][2] == "0"


def test_a_text_that_pandas_takes_for_nothing_is_refused(sample: Benchmark) -> None:
    selection: Selection = select_rows(sample, ("test",), subset=False)
    broken = replace(selection.rows[0], options=("None", "B"))
    with pytest.raises(DataError, match="'None', expected a text that VLMEvalKit does not read"):
        _cells(broken, 0, "", "AB")
