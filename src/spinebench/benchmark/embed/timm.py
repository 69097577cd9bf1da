"""Any network of `timm`, by name from the local hub cache or from a folder; pooled features.

A folder holds what timm's `save_for_hf` writes: `config.json` and `model.safetensors`. Images are
prepared by our own code with the size, filter and normalisation that the model's configuration
names, so torchvision's transforms play no part.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinebench.benchmark.embed.model import (
    ModelEmbedder,
    find_folder,
    hash_of_files,
    import_extra,
)
from spinebench.benchmark.embed.preprocessing import Preprocessing
from spinebench.errors import UsageError

_FITS = {"center": "crop", "squash": "stretch", "border": "pad"}


def load(kind: str, argument: str) -> ModelEmbedder:
    """Embedder `timm/1@HASH` (on a GPU `timm/1+gpu@HASH`), float32 everywhere."""
    if not argument:
        raise UsageError(f"{kind}: name a model or a folder: {kind}:resnet18.a1_in1k")
    torch = import_extra("torch", "vision")
    timm = import_extra("timm", "timm")
    broken = import_extra("safetensors", "timm").SafetensorError
    is_name = not Path(argument).expanduser().is_dir() and "/" not in argument
    told = f"timm/{argument}" if is_name else argument
    folder = find_folder(kind, told, size_words="its size stands on its page")
    files = [folder / "config.json", folder / "model.safetensors"]
    for file in files:
        if not file.is_file():
            raise UsageError(f"{kind}:{argument}: no {file.name} in it")
    try:
        network = timm.create_model(f"local-dir:{folder.resolve()}", pretrained=True, num_classes=0)
    except (RuntimeError, ValueError, KeyError, broken) as error:
        raise UsageError(f"{kind}:{argument}: {str(error).splitlines()[0]}") from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.to(device).eval()
    preprocessing = _read_preprocessing(timm.data.resolve_model_data_config(network))

    def run(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        pixels = torch.from_numpy(preprocessing.apply(images)).to(device)
        with torch.inference_mode():
            vectors: NDArray[np.float32] = network(pixels).float().cpu().numpy()
        return vectors

    version = "1+gpu" if device == "cuda" else "1"
    return ModelEmbedder(f"{kind}/{version}@{hash_of_files(files)}", preprocessing.batch, run)


def _read_preprocessing(config: dict[str, Any]) -> Preprocessing:
    channels, rows, cols = config["input_size"]
    if channels != 3:
        raise UsageError(f"timm: a network of {channels} channels, expected 3")
    return Preprocessing.model_validate(
        {
            "version": 1,
            "size": (rows, cols),
            "fit": _FITS[str(config.get("crop_mode", "center"))],
            "resample": config["interpolation"],
            "mean": tuple(config["mean"]),
            "std": tuple(config["std"]),
            "crop_fraction": config["crop_pct"],
        }
    )
