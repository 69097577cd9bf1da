"""A small network exported to ONNX, run and compared with itself. `make test-vision`"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spinebench.benchmark.embed import load_embedder
from spinebench.benchmark.embed.preprocessing import Preprocessing
from spinebench.errors import UsageError

pytestmark = pytest.mark.vision

JSON = {
    "version": 1, "size": [16, 24], "fit": "pad", "resample": "bicubic",
    "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.25], "batch": 4,
}  # fmt: skip
IMAGES = [
    np.random.default_rng(n).integers(0, 256, (30 + 9 * n, 60, 3), dtype=np.uint8) for n in range(6)
]
WEIGHT = np.random.default_rng(0).normal(size=(5, 3, 3, 3)).astype(np.float32)


def save_network(
    path: Path, *, batch: str | int = "batch", outputs: tuple[str, ...] = ("features",)
) -> None:
    """One convolution, a rectifier and a mean over the places; a second output is its square."""
    from onnx import TensorProto, checker, helper, numpy_helper, save_model

    nodes = [
        helper.make_node("Conv", ["pixels", "weight"], ["maps"]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Mul", ["features", "features"], ["squares"]),
    ]
    shapes = {"pooled": [None] * 4}
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [batch, 3, 16, 24])],
        [
            helper.make_tensor_value_info(o, TensorProto.FLOAT, shapes.get(o, [None] * 2))
            for o in outputs
        ],
        [numpy_helper.from_array(WEIGHT, "weight")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    save_model(model, path)


def expected(images: list[np.ndarray]) -> Any:
    """The network by hand."""
    pixels = Preprocessing.model_validate_json(json.dumps(JSON)).apply(images).astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), axis=(2, 3))
    maps = np.einsum("nchwij,ocij->nohw", windows, WEIGHT.astype(np.float64))
    features = np.maximum(maps, 0).mean(axis=(2, 3))
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def a_network(folder: Path, described: dict[str, Any] = JSON, **options: Any) -> Path:
    path = folder / "net.onnx"
    save_network(path, **options)
    (folder / "net.onnx.json").write_text(json.dumps(described))
    return path


@pytest.mark.parametrize("batch", ["batch", 2])
def test_vectors_are_the_networks(tmp_path: Path, batch: str | int) -> None:
    embedder = load_embedder(f"onnx:{a_network(tmp_path, batch=batch)}")
    assert embedder.batch == (4 if batch == "batch" else 2)
    found = embedder.embed(IMAGES)
    assert np.abs(found - expected(IMAGES)).max() < 1e-5
    assert np.array_equal(found, np.concatenate([embedder.embed([rgb]) for rgb in IMAGES]))


def test_an_output_is_chosen_by_name(tmp_path: Path) -> None:
    path = a_network(tmp_path, {**JSON, "output": "squares"}, outputs=("features", "squares"))
    squares = expected(IMAGES) ** 2
    found = load_embedder(f"onnx:{path}").embed(IMAGES)
    assert np.abs(found - squares / np.linalg.norm(squares, axis=1, keepdims=True)).max() < 1e-5


def test_the_name_follows_weights_and_preprocessing(tmp_path: Path) -> None:
    path = a_network(tmp_path)
    first = load_embedder(f"onnx:{path}").name
    assert first.startswith("onnx/1@")
    (tmp_path / "net.onnx.json").write_text(json.dumps({**JSON, "resample": "box"}))
    assert load_embedder(f"onnx:{path}").name != first


def test_unusable_networks_are_told(tmp_path: Path) -> None:
    path = a_network(tmp_path, outputs=("features", "squares"))
    with pytest.raises(UsageError, match=r"none is named in .*; its outputs: features, squares"):
        load_embedder(f"onnx:{path}")
    a_network(tmp_path, {**JSON, "output": "x"})
    with pytest.raises(UsageError, match=r"'x' is named in net\.onnx\.json; its outputs: features"):
        load_embedder(f"onnx:{path}")
    a_network(tmp_path, {**JSON, "size": [10, 10]})
    with pytest.raises(UsageError, match=r"net\.onnx: .*Got invalid dimensions"):
        load_embedder(f"onnx:{path}")
    a_network(tmp_path, outputs=("pooled",))
    with pytest.raises(UsageError, match=r"gives an array of \(4, 5, 1, 1\) for 4 images"):
        load_embedder(f"onnx:{path}")
    path.write_bytes(b"no network")
    with pytest.raises(UsageError, match=r"net\.onnx: ") as caught:
        load_embedder(f"onnx:{path}")
    assert "\n" not in str(caught.value)
