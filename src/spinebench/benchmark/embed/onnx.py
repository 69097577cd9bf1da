"""Any vision network exported to ONNX, run by onnxruntime: MedViT and its like.

Beside `NET.onnx` lies `NET.onnx.json` (see `preprocessing`). The chosen output must be one vector
per image.
"""

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
from spinebench.benchmark.embed.preprocessing import read_preprocessing
from spinebench.errors import UsageError

_THEIRS = (  # onnxruntime's errors have no common base but Exception
    "Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented",
    "RuntimeException", "EPFail", "EngineError", "NoModel",
)  # fmt: skip


def load(kind: str, argument: str) -> ModelEmbedder:
    """Embedder `onnx/1@HASH` of an ONNX file with its weights and preprocessing."""
    path = Path(argument).expanduser()
    if not argument or not path.is_file():
        raise UsageError(f"{kind}:{argument}: no such file")
    runtime = import_extra("onnxruntime", "onnx")
    preprocessing = read_preprocessing(path)
    session = _open(runtime, path)
    wanted = _find_output(session, preprocessing.output, path)
    entry = session.get_inputs()[0]
    if len(session.get_inputs()) != 1 or entry.type != "tensor(float)":
        raise UsageError(f"{path}: expected one input of float32, found {_signature(session)}")
    fixed = entry.shape[0] if entry.shape else None
    batch = fixed if isinstance(fixed, int) and fixed > 0 else preprocessing.batch
    theirs = _errors_of(runtime)

    def run(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        try:
            (found,) = session.run([wanted], {entry.name: preprocessing.apply(images)})
        except theirs as error:
            raise UsageError(f"{path}: {str(error).splitlines()[0]}") from error
        return np.asarray(found, np.float32)

    files = path.parent.glob(path.name + "*")  # net.onnx, net.onnx.json, net.onnx.data
    gpu = session.get_providers()[0] != "CPUExecutionProvider"
    version = "1+gpu" if gpu else "1"
    embedder = ModelEmbedder(f"{kind}/{version}@{hash_of_files(files)}", batch, run)
    check_repeatable(embedder)
    return embedder


def _open(runtime: Any, path: Path) -> Any:
    options = runtime.SessionOptions()
    options.use_deterministic_compute = True
    offered = runtime.get_available_providers()
    providers = [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in offered]
    try:
        return runtime.InferenceSession(str(path), options, providers=providers)
    except _errors_of(runtime) as error:
        raise UsageError(f"{path}: {str(error).splitlines()[0]}") from error


def _errors_of(runtime: Any) -> tuple[type[Exception], ...]:
    state = runtime.capi.onnxruntime_pybind11_state
    return tuple(getattr(state, name) for name in _THEIRS if hasattr(state, name))


def _find_output(session: Any, name: str | None, path: Path) -> str:
    names: list[str] = [output.name for output in session.get_outputs()]
    if name is None and len(names) == 1:
        return names[0]
    if name is not None and name in names:
        return name
    asked = "none is named" if name is None else f"{name!r} is named"
    raise UsageError(f"{path}: {asked} in {path.name}.json; its outputs: {', '.join(names)}")


def _signature(session: Any) -> str:
    return ", ".join(f"{entry.name} {entry.type}" for entry in session.get_inputs())
