"""An image-text-to-text model of `transformers` from a folder or the local hub cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from spinebench.benchmark.embed.model import find_on_this_machine, import_extra
from spinebench.errors import UsageError

PROVIDER = "spinebench-hf"
ImageBackend = Literal["pil", "torchvision"]


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model, its processor, and where they run."""

    name: str
    model: Any  # PreTrainedModel, in evaluation mode
    processor: Any  # ProcessorMixin; pads on the left
    device: str
    context: int | None  # tokens that prompt and answer may have together, where it is told


def load_model(
    name: str, *, device: str = "auto", dtype: str = "auto", image_backend: ImageBackend = "pil"
) -> Loaded:
    """The model of that folder or hub id. Raises UsageError in one line; downloads nothing.

    `device` is `auto` (a GPU if there is one), `cpu`, `cuda`, `cuda:1`, `mps`, or `spread` (over
    all GPUs; needs accelerate). `dtype` is `auto` (float32 on a CPU, elsewhere what the weights
    have), or a name that torch knows.
    """
    torch = import_extra("torch", "vision")
    transformers = import_extra("transformers", "vision")
    folder = find_weights(name)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "spread":
        import_extra("accelerate", "vision")
    with _quiet(transformers):
        processor = _load_processor(transformers, folder, name, image_backend)
        model = _load_weights(transformers, folder, name, _find_dtype(torch, dtype, device), device)
    config = model.config.get_text_config()
    return Loaded(
        name=name,
        model=model.eval(),
        processor=processor,
        device=str(model.device),
        context=getattr(config, "max_position_embeddings", None),
    )


def find_weights(name: str) -> Path:
    """Folder of a model: a local one, or that of a hub id in the local hub cache."""
    return find_on_this_machine(
        name,
        no_place=f"{PROVIDER}/{name}: no such folder, nor a hub id as ORGANISATION/MODEL",
        no_weights=f"{PROVIDER}/{name}: no weights on this machine, and nothing is downloaded "
        f"here; once: hf download {name} (its size stands on its page), or name a folder",
    )


def _find_dtype(torch: Any, name: str, device: str) -> Any:
    if name == "auto":
        # half precision is slower than float32 on most CPUs, and less exact
        return torch.float32 if device == "cpu" else "auto"
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise UsageError(f"-M dtype={name}: not a floating-point type of torch")
    return found


def _load_weights(transformers: Any, folder: Path, name: str, dtype: Any, device: str) -> Any:
    safetensors = import_extra("safetensors", "vision")
    if not list(folder.glob("*.safetensors")):
        # pickled weights are programs
        raise UsageError(f"{PROVIDER}/{name}: no *.safetensors in it; other weights are not read")
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        model, report = transformers.AutoModelForImageTextToText.from_pretrained(
            folder, config=config, dtype=dtype, local_files_only=True, use_safetensors=True,
            output_loading_info=True, ignore_mismatched_sizes=True,
            **({"device_map": "auto"} if device == "spread" else {}),
        )  # fmt: skip
        model = model if device == "spread" else model.to(device)
    except (OSError, ValueError, KeyError, RuntimeError, safetensors.SafetensorError) as error:
        raise UsageError(f"{PROVIDER}/{name}: {first_line(error)}") from error
    # what a file lacks would be filled with random numbers
    lacking = sorted(report["missing_keys"]) + sorted(str(key) for key in report["mismatched_keys"])
    if lacking:
        raise UsageError(
            f"{PROVIDER}/{name}: its weights lack {lacking[0]} ({len(lacking)} such in all)"
        )
    return model


def _load_processor(transformers: Any, folder: Path, name: str, image_backend: ImageBackend) -> Any:
    if image_backend not in ("pil", "torchvision"):
        raise UsageError(f"-M image_backend={image_backend}: it is pil or torchvision")
    if image_backend == "torchvision":
        import_extra("torchvision", "vision")
    try:
        processor = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True)
        if getattr(processor, "image_processor", None) is None:
            raise UsageError(f"{PROVIDER}/{name}: its processor takes no images")
        # torchvision scales pictures a little otherwise than Pillow, and transformers takes it
        # wherever it is installed: without this an answer would hang on what else is installed
        processor.image_processor = transformers.AutoImageProcessor.from_pretrained(
            folder, local_files_only=True, backend=image_backend
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        told = " ".join(str(error).split())
        if "orchvision" in told and find_spec("torchvision") is None:
            told = "its processor needs torchvision, which is not installed"
        raise UsageError(f"{PROVIDER}/{name}: {told[:300]}") from error
    processor.tokenizer.padding_side = "left"
    if processor.tokenizer.pad_token is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    return processor


def first_line(error: Exception) -> str:
    """First line of an error's words, or its class where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """No progress bars and tables: what is amiss is said by the errors of this module."""
    logging = transformers.utils.logging
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        logging.enable_progress_bar()
