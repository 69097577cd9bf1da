"""Tiny random models of the real architectures, saved and loaded through the real path.

make test-vision
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spinebench.benchmark.embed import load_embedder
from spinebench.benchmark.embed.stage import embed_images
from spinebench.engine import LocalEngine
from spinebench.errors import UsageError
from tests.benchmark.embed.test_stage import pixels, stored

pytestmark = pytest.mark.vision

TEXT = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4,
    "vocab_size": 64, "max_position_embeddings": 8, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
VISION = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "patch_size": 8,
}  # fmt: skip
IMAGES = [
    np.random.default_rng(n).integers(0, 256, (40 + 9 * n, 60, 3), dtype=np.uint8) for n in range(7)
]


def save_fixed(folder: Path) -> None:
    """SigLIP; SigLIP 2 of one resolution is the same architecture."""
    import torch
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    torch.manual_seed(0)
    config = SiglipConfig(text_config=TEXT, vision_config={**VISION, "image_size": 32})
    SiglipModel(config).save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}, resample=2).save_pretrained(folder)


def save_naflex(folder: Path) -> None:
    import torch
    from transformers import Siglip2Config, Siglip2ImageProcessorPil, Siglip2Model

    torch.manual_seed(0)
    config = Siglip2Config(text_config=TEXT, vision_config={**VISION, "num_patches": 16})
    Siglip2Model(config).save_pretrained(folder)
    Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16).save_pretrained(folder)


def expected_of(folder: Path) -> Any:
    """The whole model of transformers asked in its own way, all images at once."""
    import torch
    from transformers import AutoImageProcessor, AutoModel

    model = AutoModel.from_pretrained(folder).eval()
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    inputs = processor(images=[Image.fromarray(rgb) for rgb in IMAGES], return_tensors="pt")
    with torch.no_grad():
        features = model.get_image_features(**inputs).pooler_output
    return torch.nn.functional.normalize(features, dim=1).numpy()


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fixed")
    save_fixed(folder)
    return folder


@pytest.fixture(scope="module")
def naflex(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("naflex")
    save_naflex(folder)
    return folder


@pytest.mark.parametrize(("kind", "model"), [
    ("siglip", "fixed"), ("siglip2", "fixed"), ("siglip2", "naflex"),
])  # fmt: skip
def test_vectors_are_those_of_transformers(
    kind: str, model: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(model)
    embedder = load_embedder(f"{kind}:{folder}")
    found = embedder.embed(IMAGES)
    assert found.shape == (7, 32)
    assert np.abs(found - expected_of(folder)).max() < 1e-5
    # not all alike: the model sees the pictures
    assert (found @ found.T)[0, 1:].max() < 0.9999


@pytest.mark.parametrize("model", ["fixed", "naflex"])
def test_batches_do_not_show(model: str, request: pytest.FixtureRequest) -> None:
    embedder = load_embedder(f"siglip2:{request.getfixturevalue(model)}")
    many = IMAGES * 5
    together = embedder.embed(many)
    assert np.array_equal(together, np.concatenate([embedder.embed([rgb]) for rgb in many]))
    assert np.array_equal(together[:7], together[28:])


def test_the_name_follows_the_files_not_the_place(fixed: Path, tmp_path: Path) -> None:
    name = load_embedder(f"siglip2:{fixed}").name
    assert name.startswith("siglip2/1@")
    assert str(fixed) not in name
    copy = tmp_path / "copy"
    shutil.copytree(fixed, copy)
    assert load_embedder(f"siglip2:{copy}").name == name
    config = json.loads((copy / "preprocessor_config.json").read_text())
    (copy / "preprocessor_config.json").write_text(json.dumps({**config, "resample": 3}))
    assert load_embedder(f"siglip2:{copy}").name != name


def test_as_a_stage_with_a_cache(fixed: Path, tmp_path: Path) -> None:
    images = stored(tmp_path, [1, 2, 3, 2])
    embedder = load_embedder(f"siglip2:{fixed}")
    calls: list[int] = []
    run = embedder._run  # type: ignore[attr-defined]  # counted where the model is asked

    def counted(batch: list[np.ndarray]) -> np.ndarray:
        calls.append(len(batch))
        return np.asarray(run(batch))

    embedder._run = counted  # type: ignore[attr-defined]  # see above
    found = [
        embed_images(
            images, tmp_path, embedder, LocalEngine(2), cache=tmp_path / "c", out=tmp_path / "v"
        )
        for _ in range(2)
    ]
    assert calls == [16]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], embedder.embed([pixels(n) for n in (1, 2, 3, 2)]))


def break_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def drop_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def drop_processor(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()


def drop_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:200])


def thin_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    kept = load_file(folder / "model.safetensors")
    kept.pop("vision_model.embeddings.patch_embedding.weight")
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def other_weights(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    kept = load_file(folder / "model.safetensors")
    kept["vision_model.embeddings.patch_embedding.weight"] = torch.zeros(8, 3, 8, 8)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def other_model(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))


def pickled_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop_config, "no config.json in it"),
        (break_config, "config.json: "),
        (drop_processor, "no preprocessor_config.json: how it sees images is not told"),
        (drop_weights, "model.safetensors"),
        (pickled_weights, "model.safetensors"),
        (cut_weights, "siglip2:"),
        (thin_weights, "its weights lack .*patch_embedding.weight"),
        (other_weights, "patch_embedding.weight"),
        (other_model, "a model of type bert, expected siglip2"),
    ],
)
def test_an_unusable_folder_is_told_in_one_line(
    spoil: Any, message: str, fixed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "m"
    shutil.copytree(fixed, folder)
    spoil(folder)
    with pytest.raises(UsageError, match=message) as caught:
        load_embedder(f"siglip2:{folder}")
    assert "\n" not in str(caught.value)


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    told = r"no weights of google/siglip2-base-patch16-224 on .*\(about 1\.5 GB\), or name a folder"
    with pytest.raises(UsageError, match=told):
        load_embedder("siglip2")
    with pytest.raises(UsageError, match=r"no weights of someone/model .*siglip2:FOLDER"):
        load_embedder("siglip2:someone/model")


def test_a_naflex_model_is_no_siglip(naflex: Path) -> None:
    with pytest.raises(UsageError, match="a model of type siglip2, expected siglip"):
        load_embedder(f"siglip:{naflex}")
