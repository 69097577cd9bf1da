"""Any vision network saved as TorchScript, run by torch.

Beside `NET.pt` lies `NET.pt.json` (see `preprocessing`). The network returns one tensor, or a dict
or tuple of which `output` names one (a tuple's by its number).
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinebench.benchmark.embed.model import (
    ModelEmbedder,
    check_repeatable,
    hash_of_files,
    import_extra,
)
from spinebench.benchmark.embed.preprocessing import beside, read_preprocessing
from spinebench.errors import UsageError


def load(kind: str, argument: str) -> ModelEmbedder:
    """Embedder `torchscript/1@HASH` (on a GPU `torchscript/1+gpu@HASH`), float32 everywhere."""
    path = Path(argument).expanduser()
    if not argument or not path.is_file():
        raise UsageError(f"{kind}:{argument}: no such file")
    torch = import_extra("torch", "vision")
    preprocessing = read_preprocessing(path)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        with warnings.catch_warnings():
            # torch deprecates the format in favour of torch.export; files of it stay around
            warnings.simplefilter("ignore", DeprecationWarning)
            network = torch.jit.load(str(path), map_location=device).eval()
    except RuntimeError as error:
        raise UsageError(f"{path}: not TorchScript: {str(error).splitlines()[0]}") from error

    def run(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        pixels = torch.from_numpy(preprocessing.apply(images)).to(device)
        try:
            with torch.inference_mode():
                found = _choose(network(pixels), preprocessing.output, path)
        except RuntimeError as error:
            raise UsageError(f"{path}: {str(error).strip().splitlines()[-1]}") from error
        vectors: NDArray[np.float32] = found.float().cpu().numpy()
        return vectors

    version = "1+gpu" if device == "cuda" else "1"
    name = f"{kind}/{version}@{hash_of_files([path, beside(path)])}"
    embedder = ModelEmbedder(name, preprocessing.batch, run)
    check_repeatable(embedder)
    return embedder


def _choose(found: Any, output: str | None, path: Path) -> Any:
    if isinstance(found, dict) and output in found:
        return found[output]
    if isinstance(found, (tuple, list)) and output is not None and output.isdecimal():
        if int(output) < len(found):
            return found[int(output)]
    elif output is None and not isinstance(found, (dict, tuple, list)):
        return found
    kinds = sorted(found) if isinstance(found, dict) else type(found).__name__
    raise UsageError(f"{path}: output {output!r} is named in its JSON; the network gives {kinds}")
