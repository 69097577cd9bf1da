"""A small network saved as TorchScript, run and compared with itself. `make test-vision`"""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spinebench.benchmark.embed import load_embedder
from spinebench.benchmark.embed.preprocessing import Preprocessing
from spinebench.errors import UsageError
from tests.benchmark.embed.test_onnx import IMAGES, JSON

pytestmark = pytest.mark.vision


def save_network(
    folder: Path, wrap: str = "", *, training: bool = False, **described: Any
) -> tuple[Path, Any]:
    """The file, and the network itself; `wrap` makes it return a dict or a tuple."""
    import torch

    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 3), torch.nn.Dropout(0.5), torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
    )  # fmt: skip

    class Wrapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, pixels: Any) -> Any:
            found = self.inner(pixels)
            return {"features": found} if wrap == "dict" else (found * 2 + 1, found)

    path = folder / "net.pt"
    outer = (Wrapped() if wrap else network).train(training)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(outer, torch.zeros(2, 3, 16, 24), strict=False, check_trace=False)
        traced.save(path)
    (folder / "net.pt.json").write_text(json.dumps({**JSON, **described}))
    return path, network.eval()


def expected(network: Any) -> Any:
    import torch

    pixels = Preprocessing.model_validate_json(json.dumps(JSON)).apply(IMAGES)
    with torch.no_grad():
        return torch.nn.functional.normalize(network(torch.from_numpy(pixels)), dim=1).numpy()


@pytest.mark.parametrize(("wrap", "output"), [("", None), ("dict", "features"), ("tuple", "1")])
def test_vectors_are_the_networks(tmp_path: Path, wrap: str, output: str | None) -> None:
    path, network = save_network(tmp_path, wrap, output=output)
    embedder = load_embedder(f"torchscript:{path}")
    found = embedder.embed(IMAGES)
    assert np.abs(found - expected(network)).max() < 1e-5
    assert np.array_equal(found, np.concatenate([embedder.embed([rgb]) for rgb in IMAGES]))
    assert embedder.name.startswith("torchscript/1@")


@pytest.mark.parametrize(
    ("wrap", "output", "message"),
    [
        ("dict", None, r"output None is named in its JSON; the network gives \['features'\]"),
        ("tuple", "2", "output '2' is named in its JSON; the network gives tuple"),
        ("", "features", "output 'features' is named in its JSON; the network gives Tensor"),
    ],
)
def test_an_output_that_is_not_there(
    tmp_path: Path, wrap: str, output: str | None, message: str
) -> None:
    path, _ = save_network(tmp_path, wrap, output=output)
    with pytest.raises(UsageError, match=message):
        load_embedder(f"torchscript:{path}")


def test_a_network_in_training_mode_is_refused(tmp_path: Path) -> None:
    path, _ = save_network(tmp_path, training=True)
    with pytest.raises(UsageError, match="one image different vectors: exported in training mode"):
        load_embedder(f"torchscript:{path}")


def test_no_torchscript(tmp_path: Path) -> None:
    path, _ = save_network(tmp_path)
    path.write_bytes(b"no network")
    with pytest.raises(UsageError, match=r"net\.pt: not TorchScript: ") as caught:
        load_embedder(f"torchscript:{path}")
    assert "\n" not in str(caught.value)
