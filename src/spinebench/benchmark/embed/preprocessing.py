"""How an exported network wants its pictures: told by a JSON file beside it, never guessed.

    {"version": 1, "size": [224, 224], "fit": "pad", "resample": "bicubic",
     "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "output": "features"}

The network gets float32 (batch, 3, rows, cols): RGB from 0 to 1, less the mean, over the deviation.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spinebench.errors import DataError, UsageError

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}


class Preprocessing(BaseModel):
    """Size, fit, filter and normalisation of a network's input; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: Literal[1]
    size: tuple[int, int]
    """Rows and columns of the input."""
    fit: Literal["stretch", "pad", "crop"]
    """stretch: the aspect is lost; pad: kept, black borders; crop: kept, the centre is cut out."""
    resample: Literal["nearest", "bilinear", "bicubic", "lanczos", "box"]
    """Pillow's filter, antialiased."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    output: str | None = None
    """Name of the output to use; None: there is only one."""
    crop_fraction: float = Field(default=1.0, gt=0, le=1)
    """With crop: the part of the scaled picture's shorter side that is cut out."""
    batch: int = Field(default=16, ge=1, le=1024)
    """Images at once."""

    def apply(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Input of the network (n, 3, rows, cols) from RGB images (rows, cols, 3)."""
        rows, cols = self.size
        stacked = np.empty((len(images), rows, cols, 3), np.uint8)
        for row, rgb in enumerate(images):
            stacked[row] = np.asarray(self._fit(Image.fromarray(rgb)))
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        scaled = (stacked.astype(np.float32) / 255 - mean) / std
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), np.float32)

    def _fit(self, picture: Image.Image) -> Image.Image:
        rows, cols = self.size
        method = _FILTERS[self.resample]
        if self.fit == "stretch":
            return picture.resize((cols, rows), method)
        if self.fit == "pad":
            scale = min(cols / picture.width, rows / picture.height)
        else:
            scale = max(cols / picture.width, rows / picture.height) / self.crop_fraction
        width, height = (max(1, round(side * scale)) for side in picture.size)
        scaled = picture.resize((width, height), method)
        fitted = Image.new("RGB", (cols, rows))
        fitted.paste(scaled, ((cols - width) // 2, (rows - height) // 2))
        return fitted


def read_preprocessing(model: Path) -> Preprocessing:
    """Preprocessing of the file `MODEL.json` beside `MODEL`; UsageError if there is none."""
    path = beside(model)
    if not path.is_file():
        raise UsageError(
            f"{model}: no {path.name} beside it, which says how it wants its images "
            "(docs/embedders.md)"
        )
    try:
        found = Preprocessing.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DataError(
            file=str(path), field=".".join(str(part) for part in first["loc"]) or None,
            found=json.dumps(first["input"], default=str)[:80], expected=first["msg"],
        ) from error  # fmt: skip
    if not all(1 <= side <= 4096 for side in found.size) or min(found.std) <= 0:
        raise DataError(
            file=str(path), field="size, std", found=f"{found.size}, {found.std}",
            expected="sides from 1 to 4096, deviations above 0",
        )  # fmt: skip
    return found


def beside(model: Path) -> Path:
    """The place of the preprocessing file: `net.onnx` has `net.onnx.json`."""
    return model.with_name(model.name + ".json")
