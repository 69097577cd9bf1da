import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

from spinebench.anatomy.diseases import DISEASES, HEALTHY
from spinebench.benchmark import compare_embedders as module
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.compare_embedders import (
    CompareOptions,
    compare_embedders,
    published_table,
)
from spinebench.benchmark.embed.gradient import GradientHistograms
from spinebench.benchmark.write import BenchmarkContent, write_benchmark
from spinebench.engine import LocalEngine
from spinebench.errors import UsageError
from spinebench.imaging.standard import pixel_sha256
from spinebench.records import Finding, Image, Question
from spinebench.tables import write_by_hash
from tests.examples import a_finding, a_question, an_image

ENGINE = LocalEngine(1)
SLIP = "Spondylolisthesis"
NAMES = [SLIP, "Osteophytes", "Vertebral collapse", HEALTHY]


def picture(number: int, patient: int) -> NDArray[np.uint8]:
    """A class is a bright bar of its own place; the patient is the noise."""
    rgb = np.random.default_rng(patient).integers(0, 60, (40, 40, 3)).astype(np.uint8)
    rgb[8 * number : 8 * number + 6, :, :] += 150
    return rgb


def write_bench(folder: Path, *, stored: bool = True) -> Benchmark:
    """Six patients with an image of each of four classes; the first two have osteophytes, too."""
    images: list[Image] = []
    findings: list[Finding] = []
    questions: list[Question] = []
    for patient in range(6):
        for number, name in enumerate(NAMES):
            rgb, stream = picture(number, 10 * patient + number), io.BytesIO()
            PillowImage.fromarray(rgb).save(stream, "PNG")
            path, _ = write_by_hash(folder / "images", stream.getvalue(), ".png")
            image_id = f"x:{patient}/{number}.png"
            fields = {"image_id": image_id, "patient_id": f"x:{patient}"}
            images.append(
                an_image(
                    **fields, path=f"images/{path}", file_rows=40, file_cols=40,
                    pixel_sha256=pixel_sha256(rgb),
                )
            )  # fmt: skip
            questions.append(
                a_question(
                    question_id=f"q{patient}{number}", image_ids=(image_id,), disease=name,
                    patient_id=f"x:{patient}",
                )
            )  # fmt: skip
            is_true = name == SLIP or (name == "Osteophytes" and patient < 2)
            findings.append(
                a_finding(
                    finding_id=f"f{patient}{number}", image_id=image_id,
                    disease=None if name == HEALTHY else name,
                    grade="severe" if is_true else "mild",
                )
            )  # fmt: skip
    vectors = None
    if stored:
        # on purpose not what the embedder gives: what is stored is used
        vectors = Tilted().embed([picture(n % 4, 10 * (n // 4) + n % 4) for n in range(24)])
    content = BenchmarkContent(
        images=images, findings=findings, questions=questions, rejects=[], vectors=vectors
    )
    about = {"seed": 0, "label_rule": "released/1", "sources": {}, "embedder": "tilted/1"}
    write_benchmark(folder, content, about)
    return Benchmark.load(folder)


class Tilted:
    """The bar's place as an angle: 10 degrees a class, at most three within one."""

    name = "tilted/1"
    batch = 8
    in_process = True

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        found = []
        for rgb in images:
            profile = rgb[:, :, 0].mean(axis=1)
            bar = int(np.argmax([profile[8 * n : 8 * n + 6].mean() for n in range(5)]))
            angle = np.deg2rad(10 * bar + float(rgb[39, 0, 0]) / 20)
            found.append([np.cos(angle), np.sin(angle)])
        return np.array(found, np.float32)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return write_bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def found(bench: Benchmark) -> dict[str, Any]:
    options = CompareOptions(embedders=("gradient-histograms/1", "tilted/1"), images=2)
    return compare_embedders(bench, options, engine=ENGINE)


def test_each_encoder_once_the_benchmarks_own_first(found: dict[str, Any]) -> None:
    assert [(e["name"], e["length"]) for e in found["embedders"]] == [
        ("tilted/1", 2), ("gradient-histograms/1", 2020),
    ]  # fmt: skip
    assert (found["images"], found["queries"], found["disease"]) == (24, 24, SLIP)


def test_the_table_is_the_maximum_without_the_image_itself(
    bench: Benchmark, found: dict[str, Any]
) -> None:
    ids, vectors = bench.embeddings()
    table = found["embedders"][0]["table"]
    assert len(table) == 2
    for row in table:
        own = ids.index(row["image_id"])
        assert row["image_id"].endswith("/0.png")  # the images of slips
        cosines = vectors.astype(float) @ vectors[own].astype(float)
        for number, name in enumerate(NAMES[:3]):
            pages = [n for n in range(24) if n % 4 == number and n != own]
            assert row["cosines"][name] == pytest.approx(max(cosines[pages]), abs=1e-6)
        absent = set(DISEASES) - set(NAMES)
        assert {row["cosines"][name] for name in absent} == {None}


def test_retrieval(found: dict[str, Any]) -> None:
    measured = found["embedders"][0]["retrieval"]
    assert measured["precision_at_1"]["estimate"] == 1
    assert measured["precision_at_5"]["estimate"] == 1
    # five other patients have one such image each: of ten neighbours five are right
    assert measured["precision_at_10"]["estimate"] == 0.5
    assert measured["precision_at_10"]["chance"] == 0.25
    assert measured["precision_at_10"]["by_disease"] == dict.fromkeys(
        [name for name in DISEASES if name in NAMES], 0.5
    )


def test_true_confusions_are_what_the_patient_has_as_well(found: dict[str, Any]) -> None:
    # 18 queries; a slip's nearest is osteophytes (true of 2 of 6 patients), a collapse's too (2);
    # that of osteophytes is the slip, true of all six, or the collapse, true of none
    measured = found["embedders"][0]["true_confusion"]
    slip_or_collapse = round(measured["estimate"] * 18) - 4
    assert 0 <= slip_or_collapse <= 6
    assert measured["estimate"] == pytest.approx((4 + slip_or_collapse) / 18)
    # of ten others: osteophytes has 6 slips; slip 2; collapse 6 slips and 2 osteophytes
    assert measured["chance"] == pytest.approx((6 + 2 + 8) / 10 / 18, abs=1e-6)


def test_the_margin_is_truth_less_hardest(bench: Benchmark, found: dict[str, Any]) -> None:
    vectors = bench.embeddings()[1].astype(float)
    cosines = vectors @ vectors.T
    margins = []
    for row in range(24):
        if row % 4 < 3:  # diseased; every image is of another patient than its class's others
            truth = max(cosines[row, n] for n in range(24) if n % 4 == row % 4 and n != row)
            margins.append(
                truth - max(cosines[row, n] for n in range(24) if n % 4 not in (row % 4, 3))
            )
    measured = found["embedders"][0]["margin"]
    assert measured["estimate"] == pytest.approx(np.mean(margins), abs=2e-6)
    assert measured["low"] <= measured["estimate"] <= measured["high"]


def test_every_encoder_judges_every_choice(found: dict[str, Any]) -> None:
    names = ["tilted/1", "gradient-histograms/1"]
    for encoder in found["embedders"]:
        assert list(encoder["judged_by"]) == names
    # ten degrees apart, and at most three within: everything is told apart
    by_tilted = found["embedders"][0]["judged_by"]["tilted/1"]
    assert (by_tilted["estimate"], by_tilted["n"]) == (1, 24)
    # all four classes are offered each time, other options have no images
    assert by_tilted["chance"] == 0.25
    assert list(found["random_distractors"]["judged_by"]) == names


def test_only_the_default_without_any_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPINEBENCH_CACHE", raising=False)
    bare = write_bench(tmp_path / "b", stored=False)
    result = compare_embedders(bare, CompareOptions(queries=5), engine=ENGINE)
    assert [e["name"] for e in result["embedders"]] == ["gradient-histograms/1"]
    assert result["queries"] == 5


def test_a_model_is_embedded_through_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPINEBENCH_CACHE", str(tmp_path / "cache"))
    asked: list[int] = []

    class Counted(GradientHistograms):
        name = "counted/1"

        def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
            asked.append(len(images))
            return super().embed(images)

    monkeypatch.setattr(module, "load_embedder", lambda spec: Counted())
    bare = write_bench(tmp_path / "b", stored=False)
    results = [
        compare_embedders(bare, CompareOptions(embedders=("counted",)), engine=ENGINE)
        for _ in range(2)
    ]
    assert sum(asked) == 24
    assert results[0] == results[1]


def test_the_published_table_is_whole() -> None:
    published = published_table()
    assert "Table 6" in published["source"]
    assert [(row["encoder"], row["image"]) for row in published["table"]] == [
        (encoder, n) for encoder in ("MedViT", "SigLIP", "SigLIP2") for n in range(4)
    ]
    assert list(published["table"][0]["cosines"]) == list(DISEASES)
    # the three hardest of SigLIP2 are the same for all four images, as the paper's example shows
    for row in published["table"][8:]:
        others = {name: c for name, c in row["cosines"].items() if name != SLIP}
        top = sorted(others, key=lambda name: -others[name])[:3]
        assert set(top) == {"Disc space narrowing", "Osteophytes", "Vertebral collapse"}


def test_what_cannot_be_compared_is_told(bench: Benchmark, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"no image of 'Scoliosis'; --disease may be: .*Osteophytes"
    ):
        compare_embedders(bench, CompareOptions(disease="Scoliosis"), engine=ENGINE)
    content = BenchmarkContent(
        images=[an_image()], findings=[], questions=[a_question()], rejects=[]
    )
    write_benchmark(tmp_path, content, {"seed": 0, "label_rule": "x", "sources": {}})
    with pytest.raises(UsageError, match="fewer than two classes: nothing to compare"):
        compare_embedders(Benchmark.load(tmp_path), CompareOptions(), engine=ENGINE)
