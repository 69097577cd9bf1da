"""What all model embedders share: files, their hash, batches of one fixed size, unit length."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from spinebench.errors import UsageError
from spinebench.tables import sha256_of_file

Run = Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.float32]]

_REPEATED = 1e-4  # far above rounding, far below what dropout does
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


class ModelEmbedder:
    """An embedder around `run`, which turns exactly `batch` images into (batch, length) numbers."""

    in_process = True

    def __init__(self, name: str, batch: int, run: Run) -> None:
        self.name, self.batch, self._run = name, batch, run

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """See `Embedder.embed`. A short batch is filled up: sums are then taken alike always."""
        if not len(images):
            return np.zeros((0, 0), np.float32)
        parts = []
        for start in range(0, len(images), self.batch):
            part = list(images[start : start + self.batch])
            filled = part + part[-1:] * (self.batch - len(part))
            found = self._run(filled)
            if found.ndim != 2 or len(found) != self.batch:
                raise UsageError(
                    f"{self.name} gives an array of {found.shape} for {self.batch} images, "
                    "expected one row of numbers each"
                )
            parts.append(found[: len(part)])
        return unit_rows(np.concatenate(parts), self.name)


def check_repeatable(embedder: ModelEmbedder) -> None:
    """Raise UsageError if an image's vector changes with the images beside it, or by chance.

    That is what a network exported in training mode does: dropout and batch norms stay awake.
    """
    ramp = np.repeat(np.arange(64 * 48, dtype=np.int64).reshape(64, 48, 1) % 251, 3, axis=2)
    one, other = ramp.astype(np.uint8), (255 - ramp).astype(np.uint8)
    alone = embedder.embed([one])[0]
    among = embedder.embed([one] + [other] * (embedder.batch - 1))[0]
    if np.abs(alone - among).max() > _REPEATED:
        raise UsageError(
            f"{embedder.name} gives one image different vectors: exported in training mode?"
        )


def unit_rows(vectors: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """The rows at length one, zero rows as they are; UsageError if a number is not finite."""
    if not np.isfinite(vectors).all():
        raise UsageError(f"{name} gives numbers that are not finite")
    exact = vectors.astype(np.float64)
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    units: NDArray[np.float32] = np.divide(exact, norms, where=norms > 0, out=exact).astype(
        np.float32
    )
    return units


def import_extra(module: str, extra: str) -> ModuleType:
    """The module; UsageError that names the extra of spinebench which brings it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise UsageError(
            f"{error.name} is not installed: pip install 'spinebench[{extra}]'"
        ) from error


def find_folder(kind: str, argument: str, *, size_words: str) -> Path:
    """Folder of a model: a local one, or that of a hub id in the local hub cache.

    Nothing is ever downloaded: `size_words` tells the user what a download would be.
    """
    return find_on_this_machine(
        argument,
        no_place=f"{kind}:{argument}: no such folder, nor an id as ORGANISATION/MODEL",
        no_weights=f"{kind}: no weights of {argument} on this machine, and nothing is downloaded "
        f"here; once: hf download {argument} ({size_words}), or name a folder: {kind}:FOLDER",
    )


def find_on_this_machine(name: str, *, no_place: str, no_weights: str) -> Path:
    """Folder of a model: a local one, or that of a hub id in the local hub cache.

    Raises UsageError with the caller's words: for a name that is neither, and for an id whose
    weights are not here. Nothing is ever downloaded.
    """
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return folder
    if not _HUB_ID.fullmatch(name):
        raise UsageError(no_place)
    hub = import_extra("huggingface_hub", "vision")
    try:
        return Path(hub.snapshot_download(name, local_files_only=True))
    except (hub.errors.LocalEntryNotFoundError, hub.errors.HFValidationError) as error:
        raise UsageError(no_weights) from error


def hash_of_files(files: Iterable[Path]) -> str:
    """12 hex digits of the files' names and bytes: the same model elsewhere has the same."""
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda path: path.name):
        digest.update(f"{file.name}\x1f{sha256_of_file(file)}\x1f".encode())
    return digest.hexdigest()[:12]
