"""A small random network of timm, saved as timm saves and compared with timm. `make test-timm`"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spinebench.benchmark.embed import load_embedder
from spinebench.errors import UsageError
from tests.benchmark.embed.test_onnx import IMAGES

pytestmark = pytest.mark.timm


def save_network(folder: Path, **config: Any) -> Any:
    import timm
    import torch
    from timm.models import save_for_hf

    torch.manual_seed(0)
    network = timm.create_model("test_resnet", pretrained=False, num_classes=3)
    network.pretrained_cfg = {**network.pretrained_cfg, **config}
    save_for_hf(network, folder, safe_serialization=True)
    return network.eval()


def expected(folder: Path) -> Any:
    import timm
    import torch
    from timm.data import create_transform, resolve_model_data_config

    network = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
    transform = create_transform(**resolve_model_data_config(network), is_training=False)
    pixels = torch.stack([transform(Image.fromarray(rgb)) for rgb in IMAGES])
    with torch.no_grad():
        return torch.nn.functional.normalize(network(pixels), dim=1).numpy()


@pytest.mark.parametrize(
    "config",
    [
        {"crop_pct": 1.0, "crop_mode": "squash"},
        {"crop_pct": 0.875, "crop_mode": "center", "interpolation": "bilinear"},
        {"crop_pct": 1.0, "crop_mode": "center", "interpolation": "bicubic"},
    ],
)
def test_vectors_are_those_of_timm(tmp_path: Path, config: dict[str, Any]) -> None:
    save_network(tmp_path, **config)
    embedder = load_embedder(f"timm:{tmp_path}")
    found = embedder.embed(IMAGES)
    assert embedder.name.startswith("timm/1@")
    # timm cuts and rounds a size to a pixel otherwise than we do
    tolerance = 1e-5 if config["crop_mode"] == "squash" else 5e-3
    assert np.abs(found - expected(tmp_path)).max() < tolerance
    assert np.array_equal(found, np.concatenate([embedder.embed([rgb]) for rgb in IMAGES]))


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    save_network(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "kept")
    with pytest.raises(UsageError, match=r"no model\.safetensors in it"):
        load_embedder(f"timm:{tmp_path}")
    (tmp_path / "model.safetensors").write_bytes((tmp_path / "kept").read_bytes()[:99])
    with pytest.raises(UsageError, match="timm:") as caught:
        load_embedder(f"timm:{tmp_path}")
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match=r"no weights of timm/resnet18\.a1_in1k on this machine"):
        load_embedder("timm:resnet18.a1_in1k")
