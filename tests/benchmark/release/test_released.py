"""The public layout with its traps."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from spinebench.anatomy.diseases import CLASSES
from spinebench.benchmark.bundle import Benchmark
from spinebench.benchmark.release.export import export_benchmark
from spinebench.benchmark.release.importing import import_benchmark
from spinebench.benchmark.release.options import ExportOptions
from spinebench.engine import LocalEngine
from spinebench.errors import DataError, UsageError
from spinebench.records import Question
from tests.benchmark.release.public import entry, write_picture, write_public

HERE = LocalEngine(1)
LEVELS = "spine_lesion_localization"


def imported(root: Path) -> Benchmark:
    out = root.with_name(root.name + "-bench")
    import_benchmark(root, out, format_name="released", engine=HERE)
    return Benchmark.load(out)


def only(bench: Benchmark) -> Question:
    (question,) = bench.questions
    return question


def dropped(bench: Benchmark) -> dict[int | None, str]:
    return {reject.row: reject.reason for reject in bench.rejects}


def test_the_public_form(tmp_path: Path) -> None:
    """Answers as text, no options, base names that repeat, JPEG kept as it is."""
    train = [
        entry("rsna/1525303131/3825715372/44.jpg", ["Subarticular Stenosis"]),
        entry("rsna/1525303131/3825715372/44.jpg", ["L1/L2"], task=LEVELS),
        entry("rsna/99/3825715373/44.jpg", "Spinal Canal Stenosis"),
    ]
    test = [entry("csxa/0001.jpg", ["cervical lordosis"])]
    bench = imported(write_public(tmp_path / "r", train, test))
    by_image = {q.image_ids[0] + q.task: q for q in bench.questions}
    slice_ = by_image["rsna:1525303131/3825715372/44.jpgdiagnosis"]
    assert (slice_.split, slice_.disease, slice_.patient_id) == (
        "train", "Subarticular Stenosis", "rsna:1525303131",
    )  # fmt: skip
    assert slice_.options == CLASSES
    assert [slice_.lettered[letter] for letter in slice_.gold] == ["Subarticular Stenosis"]
    level = by_image["rsna:1525303131/3825715372/44.jpglocalization"]
    assert (level.options, level.gold) == (("L1/L2", "L2/L3", "L3/L4", "L4/L5", "L5/S1"), ("A",))
    assert (level.disease, level.levels, level.multiple) == (
        "Subarticular Stenosis", ("L1/L2",), True,
    )  # fmt: skip
    neck = by_image["csxa:0001.jpgdiagnosis"]
    assert (neck.split, neck.in_subset, neck.disease) == ("test", True, "cervical Lordosis")
    assert neck.rests_on == ("import:evaluation/test.json:1",)
    image = bench.images["rsna:1525303131/3825715372/44.jpg"]
    assert (image.modality, image.study_id, image.series_id, image.instance_number) == (
        "MR", "1525303131", "3825715372", 44,
    )  # fmt: skip
    source = tmp_path / "r/all/rsna/1525303131/3825715372/44.jpg"
    assert bench.image_file(image.image_id).read_bytes() == source.read_bytes()
    assert len(bench.images) == 3
    notes = Counter(r.reason for r in bench.rejects if r.row is None)
    assert notes["options_not_given"] == 2  # one line a file
    assert bench.manifest["sources"]["rsna"]["terms"]["redistribution"] is False


@pytest.mark.parametrize(
    ("answers", "gold"),
    [
        (["L1/L2", "L5/S1"], "AE"),
        ("L1/L2", "A"),
        ('["L1/L2", "L4/L5"]', "AD"),
        ("['L1/L2', 'L4/L5']", "AD"),
        ("L1/L2, L4/L5", "AD"),
        (["l1_l2", "L4-L5"], "AD"),
        (["A", "C"], "AC"),
        (["[A, C]"], "AC"),
        ("AC", "AC"),
        ("(B)", "B"),
    ],
)
def test_spellings_of_answers(tmp_path: Path, answers: Any, gold: str) -> None:
    bench = imported(write_public(tmp_path / "r", [entry("rsna/1/2/3.jpg", answers, task=LEVELS)]))
    assert "".join(only(bench).gold) == gold


@pytest.mark.parametrize(
    ("more", "answers", "gold"),
    [
        ({"optionA": "Healthy", "optionB": "OSTEOPHYTES"}, ["Osteophytes"], "B"),
        (
            {"optionA": "Healthy", "optionB": "Neural foraminal narrowing"},
            ["foraminal stenosis"], "B",
        ),
        ({"options": ["Healthy", "Osteophytes"]}, ["B"], "B"),
        ({"options": {"A": "Healthy", "B": "Osteophytes"}}, ["osteophytes"], "B"),
        ({"options": '["Healthy", "Osteophytes"]'}, "Healthy", "A"),
        ({"options": ["Osteophytes", "osteophytes"]}, ["Osteophytes"], "A"),
    ],
)  # fmt: skip
def test_dialects_of_options(tmp_path: Path, more: Any, answers: Any, gold: str) -> None:
    bench = imported(write_public(tmp_path / "r", [entry("vindr/x.jpg", answers, **more)]))
    assert "".join(only(bench).gold) == gold


def test_rows_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    good = entry("rsna/1/2/3.jpg", ["Osteophytes"])
    train: list[Any] = [
        good,
        entry("rsna/1/2/missing.jpg", ["Osteophytes"]),
        entry("rsna/1/2/3.jpg", ["Scoliosis"]),
        entry("rsna/1/2/3.jpg", []),
        entry("rsna/1/2/3.jpg", ["Healthy"], task="captioning"),
        "not an object",
        {"image": "rsna/1/2/3.jpg", "task": "spine_disease_classification", "answers": ["Healthy"]},
        good | {"question": 7},
        good | {"answers": [["nested"]]},
        good | {"levels": "L1/L2", "similarities": [0.5]},
        good | {"optionA": "Healthy"},
        good | {"answers": ["Z"]},
        good | {"question": "x" * 30_000},
        good | {"image_id": "rsna:../../etc/passwd\n"},
        good | {"modality": "US"},
        good | {"in_subset": "yes"},
    ]
    root = write_public(tmp_path / "r", train)
    (root / "all/rsna/1/2/missing.jpg").unlink()
    bench = imported(root)
    assert dropped(bench) | {None: ""} == {
        None: "",
        2: "missing_file",
        3: "answer_not_among_options",
        4: "no_answer",
        5: "unknown_task",
        6: "malformed_row",
        7: "malformed_row",
        8: "malformed_row",
        9: "malformed_row",
        10: "malformed_row",
        11: "malformed_row",
        12: "answer_not_among_options",
        13: "malformed_row",
        14: "malformed_row",
        15: "malformed_row",
        16: "malformed_row",
    }
    account = bench.manifest["imported"]["accounting"]["all/train.json"]
    assert (account["read"], account["used"], account["dropped"]) == (16, 1, 15)


def test_what_an_audit_must_see_stays(tmp_path: Path) -> None:
    """The same picture in train and test, a question twice, two answers to one question."""
    twice = entry("rsna/1/2/3.jpg", ["Osteophytes"])
    train = [twice, twice, entry("rsna/1/2/3.jpg", ["Healthy"])]
    bench = imported(write_public(tmp_path / "r", train, [twice]))
    assert len(bench.questions) == 4
    assert len({q.question_id for q in bench.questions}) == 4
    assert {q.image_ids for q in bench.questions} == {("rsna:1/2/3.jpg",)}
    assert {q.split for q in bench.questions} == {"train", "test"}
    assert {q.patient_id for q in bench.questions} == {"rsna:1"}


def test_one_path_with_other_bytes_is_another_image(tmp_path: Path) -> None:
    root = write_public(
        tmp_path / "r",
        [entry("rsna/1/2/3.jpg", ["Osteophytes"])],
        [entry("rsna/1/2/3.jpg", ["Osteophytes"])],
    )
    write_picture(root / "evaluation/other/2/9.jpg")
    (root / "evaluation/other/2/9.jpg").replace(root / "evaluation/rsna/1/2/3.jpg")
    bench = imported(root)
    assert sorted(bench.images) == ["rsna:1/2/3.jpg", "rsna:1/2/3.jpg~2"]


def test_patients_from_paths(tmp_path: Path) -> None:
    bucket = [entry(f"vindr/films/{n}.jpg", ["Healthy"]) for n in range(41)]
    train = [
        *bucket,
        entry("buu/AP/0012-F-037Y0.jpg", ["Spondylolisthesis"]),
        entry("buu/LA/0012-F-037Y1.jpg", ["Spondylolisthesis"]),
        entry("clinic/p7/a.jpg", ["Healthy"]),
        entry("clinic/p7/b.jpg", ["Healthy"]),
        entry("alone.jpg", ["Healthy"]),
    ]
    bench = imported(write_public(tmp_path / "r", train))
    patients = {image.image_id: image.patient_id for image in bench.images.values()}
    assert patients["vindr:films/0.jpg"] == "vindr:films/0.jpg"  # a box of films, not a patient
    assert patients["buu:AP/0012-F-037Y0.jpg"] == patients["buu:LA/0012-F-037Y1.jpg"] == "buu:0012"
    assert patients["clinic:p7/a.jpg"] == patients["clinic:p7/b.jpg"] == "clinic:p7"
    assert patients["imported:alone.jpg"] == "imported:alone.jpg"
    assert bench.images["clinic:p7/a.jpg"].modality == "OT"
    terms = bench.manifest["sources"]["clinic"]["terms"]
    assert (terms["name"], terms["redistribution"], terms["third_party_models"]) == (
        "unknown terms", False, False,
    )  # fmt: skip
    notes = {r.reason: r.detail for r in bench.rejects if r.row is None}
    assert notes["patient_from_name"] == "2 times"
    assert notes["modality_unknown"] == "3 times"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.jpg", "/etc/passwd", "rsna/../../secret.jpg", "..\\secret.jpg", "C:/secret.jpg",
        "a\0b", "~/secret.jpg",
    ],
)  # fmt: skip
def test_a_path_that_leaves_the_folder(tmp_path: Path, path: str) -> None:
    write_picture(tmp_path / "secret.jpg")
    train = [entry("rsna/1/2/3.jpg", ["Healthy"]), entry(path, ["Healthy"])]
    bench = imported(write_public(tmp_path / "r", train))
    assert dropped(bench)[2] == "path_leaves_folder"
    assert len(bench.images) == 1


def test_a_link_out_of_the_folder(tmp_path: Path) -> None:
    write_picture(tmp_path / "secret.jpg")
    train = [entry("rsna/1/2/3.jpg", ["Healthy"]), entry("rsna/1/2/4.jpg", ["Healthy"])]
    root = write_public(tmp_path / "r", train)
    (root / "all/rsna/1/2/4.jpg").unlink()
    (root / "all/rsna/1/2/4.jpg").symlink_to(tmp_path / "secret.jpg")
    assert dropped(imported(root))[2] == "path_leaves_folder"


def test_pictures_that_are_none(tmp_path: Path) -> None:
    names = ["text.jpg", "empty.jpg", "half.jpg"]
    train = [entry("rsna/1/2/3.jpg", ["Healthy"])]
    train += [entry(f"rsna/1/2/{name}", ["Healthy"]) for name in names]
    root = write_public(tmp_path / "r", train)
    folder = root / "all/rsna/1/2"
    (folder / "text.jpg").write_text("no picture")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "half.jpg").write_bytes((folder / "3.jpg").read_bytes()[:300])
    reasons = dropped(imported(root))
    assert {row: why for row, why in reasons.items() if row} == dict.fromkeys(
        (2, 3, 4), "unreadable_pixels"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "brackets nested deeper"),
        ('{"a": 1}', "a JSON dict"),
        ("[{", "JSON"),
        ("", "an empty file"),
    ],
)
def test_a_file_that_is_no_list_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    root = write_public(tmp_path / "r", text, [])
    with pytest.raises(DataError, match=words):
        imported(root)
    assert not (tmp_path / "r-bench").exists()


def test_a_folder_that_is_no_release(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    with pytest.raises(UsageError, match="is not a release in the public layout: looked for"):
        imported(tmp_path / "r")
    with pytest.raises(UsageError, match="no such folder"):
        imported(tmp_path / "nowhere")


def test_nothing_usable_says_why(tmp_path: Path) -> None:
    root = write_public(tmp_path / "r", [entry("x.jpg", ["Scoliosis"])])
    with pytest.raises(
        UsageError, match=r"none of 1 rows could be used \(answer_not_among_options\)"
    ):
        imported(root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    root = write_public(tmp_path / "r", [entry("x.jpg", ["Healthy"])])
    (root / "all/train.json").chmod(0)
    with pytest.raises(DataError, match="permission denied"):
        imported(root)


def test_letters_dialect_and_jpeg_look_like_the_public_files(
    sample: Benchmark, tmp_path: Path
) -> None:
    options = ExportOptions(accepted=("rsna", "vindr"), dialect="letters", jpeg=True)
    export_benchmark(sample, tmp_path / "out", format_name="released", options=options)
    entries = json.loads((tmp_path / "out/evaluation/test.json").read_text())
    first = next(e for e in entries if e["task"] == LEVELS)
    assert first["image"] == "rsna/71/9/11.jpg"
    assert [first[f"option{letter}"] for letter in "ABCDE"] == [
        "L4/L5", "L1/L2", "L5/S1", "L3/L4", "L2/L3",
    ]  # fmt: skip
    assert first["answers"] == ["A", "B"]
    data = (tmp_path / "out/evaluation" / first["image"]).read_bytes()
    assert data.startswith(b"\xff\xd8\xff")
    back = imported(tmp_path / "out")
    assert len(back.questions) == 12
    assert {i.path.rpartition(".")[2] for i in back.images.values()} == {"jpg"}
    # other pixels: another content hash, the same readable id
    names = {q.question_id.partition("@")[0] for q in back.questions}
    assert names == {
        q.question_id.partition("@")[0] for q in sample.questions if q.split != "reserve"
    }
