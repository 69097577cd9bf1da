"""Image embedders by name: one file each, one line here.

A new embedder is one file in this folder whose `load(kind, argument)` returns an `Embedder`, and
one line in `_PLUGS`. Heavy packages are imported inside `load`.
"""

import re
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from spinebench.errors import UsageError

_PLUGS = {  # kind: module of this package, what stands after the colon
    "gradient-histograms": ("gradient", ""),
    "siglip2": ("siglip", "[:FOLDER|HUB_ID]"),
    "siglip": ("siglip", "[:FOLDER|HUB_ID]"),
    "onnx": ("onnx", ":FILE"),
    "torchscript": ("torchscript", ":FILE"),
    "timm": ("timm", ":NAME"),
}
DEFAULT_EMBEDDER = "gradient-histograms/1"

_NAME = re.compile(
    r"(?P<kind>[a-z0-9-]+)(?P<version>/\d+(?:\+[a-z0-9]+)?)?(?P<rest>[:@].*)?", re.DOTALL
)


class Embedder(Protocol):
    """Turns standard images into vectors of one length; their dot product is the cosine."""

    name: str  # kind/version, for a model "@" and a hash of its files: other vectors, other name
    batch: int  # images handled at once; the vectors do not depend on it
    in_process: bool  # it brings its own threads or a GPU: not to be copied into workers

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Vectors (n, length) of RGB images (rows, cols, 3), each of length one.

        A picture of nothing may give the zero vector.
        """
        ...


def load_embedder(spec: str) -> Embedder:
    """Embedder by spec: `gradient-histograms/1`, `siglip2`, `siglip2:FOLDER`, `onnx:FILE`, ...

    Raises UsageError in one line: unknown kind, missing package or weights, unusable folder. A
    name as a manifest holds it (`siglip2/1@0123456789ab`) is taken too, where the files that it
    names can be found from it.
    """
    found = _NAME.fullmatch(spec)
    if found is None or found["kind"] not in _PLUGS:
        known = [DEFAULT_EMBEDDER]
        known += [kind + tail for kind, (_, tail) in _PLUGS.items() if tail]
        raise UsageError(f"no embedder {spec!r}; there are: {', '.join(known)}")
    rest = found["rest"] or ""
    module = import_module(f"{__name__}.{_PLUGS[found['kind']][0]}")
    argument, named = (rest[1:], "") if rest.startswith(":") else ("", rest)
    embedder = cast(Embedder, module.load(found["kind"], argument))
    version = found["version"] or ""
    expected = f"{found['kind']}{version}{named}"
    if (version and not embedder.name.startswith(found["kind"] + version)) or (
        named and embedder.name != expected
    ):
        raise UsageError(f"{spec} is not what is here: {embedder.name}")
    return embedder
