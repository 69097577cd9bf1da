"""SigLIP and SigLIP 2 through `transformers`: the pooled image embedding of the vision tower.

What `get_image_features` of the whole model returns; the text tower, most of the parameters, is
never loaded. SigLIP 2 comes in two kinds: of one resolution (model type `siglip`) and NaFlex, which
keeps the aspect of a picture (model type `siglip2`). Images are prepared as the folder's
`preprocessor_config.json` says, with Pillow.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spinebench.benchmark.embed.model import (
    ModelEmbedder,
    find_folder,
    hash_of_files,
    import_extra,
)
from spinebench.errors import UsageError

_DEFAULTS = {  # kind: hub id, size of a download
    "siglip2": ("google/siglip2-base-patch16-224", "about 1.5 GB"),
    "siglip": ("google/siglip-base-patch16-224", "about 0.8 GB"),
}
_TOWERS = {"siglip": "SiglipVisionModel", "siglip2": "Siglip2VisionModel"}  # by model type
_TYPES = {"siglip": ("siglip",), "siglip2": ("siglip", "siglip2")}  # that a kind may be
_BATCH = 16


def load(kind: str, argument: str) -> ModelEmbedder:
    """Embedder `siglip2/1@HASH` (on a GPU `siglip2/1+bf16@HASH`) of a folder or hub id."""
    torch = import_extra("torch", "vision")
    transformers = import_extra("transformers", "vision")
    default, size_words = _DEFAULTS[kind]
    told = argument or default
    if argument and argument != default:
        size_words = "its size stands on its page"
    folder = find_folder(kind, told, size_words=size_words)
    device, dtype = (
        ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)
    )
    place = f"{kind}:{told}"
    tower = _load_tower(transformers, folder, kind, place, dtype).to(device).eval()
    processor = _load_processor(transformers, folder, place)
    files = [folder / "config.json", folder / "preprocessor_config.json"]
    digest = hash_of_files([*files, *folder.glob("*.safetensors")])
    version = "1+bf16" if device == "cuda" else "1"

    def run(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        pictures = [Image.fromarray(rgb) for rgb in images]
        inputs = processor(images=pictures, return_tensors="pt").to(device)
        if "pixel_values" in inputs:
            inputs["pixel_values"] = inputs["pixel_values"].to(dtype)
        with torch.inference_mode():
            pooled = tower(**inputs).pooler_output
        vectors: NDArray[np.float32] = pooled.float().cpu().numpy()
        return vectors

    return ModelEmbedder(f"{kind}/{version}@{digest}", _BATCH, run)


def _load_tower(transformers: Any, folder: Path, kind: str, place: str, dtype: Any) -> Any:
    if not (folder / "config.json").is_file():
        raise UsageError(f"{place}: no config.json in it, so no model of transformers")
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    except (ValueError, KeyError, OSError) as error:
        raise UsageError(f"{place}: config.json: {_first_line(error)}") from error
    found = str(config.model_type).removesuffix("_vision_model")
    if found not in _TYPES[kind]:
        raise UsageError(f"{place}: a model of type {config.model_type}, expected {kind}")
    build = getattr(transformers, _TOWERS[found])
    safetensors = import_extra("safetensors", "vision")
    logging = transformers.utils.logging
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # that the text tower is left out is meant, not worth a table
    logging.disable_progress_bar()
    try:
        tower, report = build.from_pretrained(
            folder, dtype=dtype, local_files_only=True, use_safetensors=True,
            output_loading_info=True, ignore_mismatched_sizes=True,
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        raise UsageError(f"{place}: {_first_line(error)}") from error
    finally:
        logging.set_verbosity(verbosity)
        logging.enable_progress_bar()
    # what a file lacks would be filled with random numbers
    lacking = sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
    if lacking:
        raise UsageError(f"{place}: its weights lack {lacking[0]} ({len(lacking)} such in all)")
    return tower


def _load_processor(transformers: Any, folder: Path, place: str) -> Any:
    if not (folder / "preprocessor_config.json").is_file():
        raise UsageError(f"{place}: no preprocessor_config.json: how it sees images is not told")
    try:
        return transformers.AutoImageProcessor.from_pretrained(
            folder, local_files_only=True, backend="pil"
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"{place}: preprocessor_config.json: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
