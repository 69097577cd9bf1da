"""What can be wrong with a folder of weights is told in one line. make test-vision"""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from spinebench.errors import UsageError
from spinebench.evaluation.providers.transformers_load import find_weights, load_model
from tests.evaluation.providers.tiny_models import save_tiny_model

vision = pytest.mark.vision


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model("llava", tmp_path_factory.mktemp("llava"))


@pytest.fixture
def spoiled(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "model"))


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_without_the_extra_it_is_named(tmp_path: Path) -> None:
    if find_spec("torch"):
        pytest.skip("torch is here")
    with pytest.raises(
        UsageError, match=r"torch is not installed: pip install 'spinebench\[vision\]'"
    ):
        load_model(str(tmp_path))


@vision
def test_model_runs_in_float32_on_a_cpu_and_pads_on_the_left(folder: Path) -> None:
    import torch

    loaded = load_model(str(folder), device="cpu")
    assert loaded.model.dtype == torch.float32
    assert not loaded.model.training
    assert loaded.processor.tokenizer.padding_side == "left"
    assert type(loaded.processor.image_processor).__name__ == "CLIPImageProcessorPil"
    assert (loaded.device, loaded.context) == ("cpu", 1024)
    assert load_model(str(folder), device="cpu", dtype="bfloat16").model.dtype == torch.bfloat16


@vision
def test_a_hub_id_is_looked_up_here_and_never_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="nothing is downloaded here; once: hf download a/b "):
        find_weights("a/b")
    with pytest.raises(UsageError, match="spinebench-hf/no/such/folder: no such folder"):
        find_weights("no/such/folder")


@vision
@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("dtype", "int8", "dtype=int8: not a floating-point type"),
        ("dtype", "half-ish", "dtype=half-ish: not a floating-point type"),
        ("image_backend", "opencv", "image_backend=opencv: it is pil or torchvision"),
    ],
)
def test_options_that_mean_nothing(folder: Path, option: str, value: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_model(str(folder), **{option: value})  # type: ignore[arg-type]  # that is the point


@vision
def test_pickled_weights_are_refused(spoiled: Path) -> None:
    (spoiled / "model.safetensors").rename(spoiled / "pytorch_model.bin")
    with pytest.raises(UsageError, match=r"no \*.safetensors in it; other weights are not read"):
        load_model(str(spoiled))


@vision
def test_weights_that_lack_a_part_are_refused(spoiled: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(spoiled / "model.safetensors")
    lost = next(name for name in weights if "o_proj" in name)
    del weights[lost]
    save_file(weights, spoiled / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=r"its weights lack .*o_proj.* \(1 such in all\)"):
        load_model(str(spoiled))


@vision
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model_type": "llava_mistral"}, "llava_mistral"),
        ({"model_type": "siglip", "architectures": ["SiglipModel"]}, "."),
    ],
)
def test_other_kinds_of_models(spoiled: Path, changes: dict[str, object], told: str) -> None:
    edit(spoiled / "config.json", **changes)
    with pytest.raises(UsageError, match=rf"spinebench-hf/{spoiled}: .*{told}"):
        load_model(str(spoiled))


@vision
def test_broken_weights(spoiled: Path) -> None:
    (spoiled / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(UsageError, match=f"spinebench-hf/{spoiled}: "):
        load_model(str(spoiled))


@vision
def test_a_folder_without_a_processor(spoiled: Path) -> None:
    (spoiled / "processor_config.json").unlink()
    (spoiled / "tokenizer.json").unlink()
    with pytest.raises(UsageError, match=f"spinebench-hf/{spoiled}: "):
        load_model(str(spoiled))


@vision
def test_a_processor_that_needs_torchvision(spoiled: Path) -> None:
    if find_spec("torchvision"):
        pytest.skip("torchvision is here")
    edit(
        spoiled / "processor_config.json", processor_class="Qwen2_5_VLProcessor",
        video_processor={"video_processor_type": "Qwen2VLVideoProcessor"},
    )  # fmt: skip
    with pytest.raises(UsageError, match="needs torchvision, which is not installed"):
        load_model(str(spoiled))
