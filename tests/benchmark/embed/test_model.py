import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from spinebench.benchmark.embed import load_embedder
from spinebench.benchmark.embed.model import ModelEmbedder, find_folder, hash_of_files, import_extra
from spinebench.errors import UsageError

IMAGES = [np.full((2, 2, 3), value, np.uint8) for value in (3, 4, 5, 0)]


def means(images: Sequence[np.ndarray]) -> np.ndarray:
    return np.float32([[rgb.mean(), 4 * (rgb.mean() > 0)] for rgb in images])


def test_batches_are_full_and_rows_have_length_one() -> None:
    sizes: list[int] = []

    def run(images: Sequence[np.ndarray]) -> np.ndarray:
        sizes.append(len(images))
        return means(images)

    found = ModelEmbedder("m/1", 3, run).embed(IMAGES)
    assert sizes == [3, 3]
    assert found.dtype == np.float32
    assert found[0].tolist() == pytest.approx([0.6, 0.8])
    assert found[3].tolist() == [0, 0]  # a picture of nothing
    assert ModelEmbedder("m/1", 3, run).embed([]).shape == (0, 0)


def test_other_than_one_finite_row_for_each_image_is_refused() -> None:
    flat = ModelEmbedder("m/1", 2, lambda images: np.zeros((2, 3, 4), np.float32))
    with pytest.raises(UsageError, match=r"m/1 gives an array of \(2, 3, 4\) for 2 images"):
        flat.embed(IMAGES)
    holes = ModelEmbedder("m/1", 4, lambda images: means(images) / np.float32(0.0))
    with np.errstate(all="ignore"), pytest.raises(UsageError, match="not finite"):
        holes.embed(IMAGES)


@pytest.mark.parametrize(
    ("spec", "package", "extra"),
    [
        ("siglip2", "torch", "vision"),
        ("siglip:folder", "transformers", "vision"),
        ("timm:resnet18", "timm", "timm"),
        ("onnx:FILE", "onnxruntime", "onnx"),
        ("torchscript:FILE", "torch", "vision"),
    ],
)
def test_a_missing_package_names_its_extra(
    spec: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "net").write_text("")
    (tmp_path / "net.json").write_text(
        '{"version": 1, "size": [2, 2], "fit": "pad", "resample": "box",'
        '"mean": [0, 0, 0], "std": [1, 1, 1]}'
    )
    for name in ("torch", "transformers", "timm", "onnxruntime"):
        # what is asked for before `package` is there, whatever this environment holds
        monkeypatch.setitem(sys.modules, name, None if name == package else sys)  # type: ignore[arg-type]  # None: not importable
    with pytest.raises(UsageError, match=rf"{package} is not installed: .*spinebench\[{extra}\]"):
        load_embedder(spec.replace("FILE", str(tmp_path / "net")))


def test_a_package_that_is_broken_is_no_missing_extra(tmp_path: Path) -> None:
    (tmp_path / "halfthere.py").write_text("import nowhere_at_all")
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(ModuleNotFoundError, match="nowhere_at_all"):
            import_extra("halfthere", "vision")
    finally:
        sys.path.remove(str(tmp_path))


def test_a_place_that_is_neither_folder_nor_id_is_told(tmp_path: Path) -> None:
    assert find_folder("siglip2", str(tmp_path), size_words="") == tmp_path
    for place in ("/no/such/folder", "word", "../x", ""):
        with pytest.raises(UsageError, match="no such folder, nor an id as ORGANISATION/MODEL"):
            find_folder("siglip2", place, size_words="")


def test_the_hash_tells_models_apart_but_not_places(tmp_path: Path) -> None:
    for folder, data in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "w").write_bytes(data)
        (tmp_path / folder / "v").write_bytes(b"x")
    hashes = [hash_of_files((tmp_path / f).iterdir()) for f in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]
    assert len(hashes[0]) == 12


@pytest.mark.parametrize("kind", ["onnx", "torchscript"])
def test_an_export_is_a_file(kind: str) -> None:
    for argument in ("", "/no/such/file"):
        with pytest.raises(UsageError, match=f"{kind}:{argument}: no such file"):
            load_embedder(f"{kind}:{argument}")


def test_timm_wants_a_name() -> None:
    with pytest.raises(UsageError, match="timm: name a model or a folder"):
        load_embedder("timm:")
