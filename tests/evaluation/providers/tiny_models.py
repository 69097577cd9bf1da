"""Tiny random models of real architectures with real tokenizers, as folders like any other's.

`python -m tests.evaluation.providers.tiny_models KIND FOLDER` writes one.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

TEXTS = [
    "My final option: [A]", "My final options: [A, C]", "Question: which disease does it show?",
    "Options: [A) Healthy, B) Spinal canal stenosis, C) Osteophytes]",
]  # fmt: skip
# what each part of a message becomes, and where the assistant's turn begins
CHAT = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>"
    "{% for p in m.content %}{% if p.type == 'image' %}IMAGE{% else %}{{ p.text }}{% endif %}"
    "{% endfor %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
TEXT = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "initializer_range": 0.3,
}  # fmt: skip
VISION = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "image_size": 28, "initializer_range": 0.3,
}  # fmt: skip
CONTEXT = 1024


def save_tokenizer(marks: list[str], bos: str, eos: str, **named: Any) -> Any:
    """A byte-level BPE of 400 tokens, trained on a few sentences."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, special_tokens=["<pad>", bos, eos, *marks]
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=bos, eos_token=eos, pad_token="<pad>", **named
    )


def ids_of(tokenizer: Any) -> dict[str, Any]:
    return {
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip


def build_llava(transformers: Any) -> tuple[Any, Any]:
    tokenizer = save_tokenizer(["<image>"], "<s>", "</s>")
    text = transformers.MistralConfig(
        vocab_size=len(tokenizer), max_position_embeddings=CONTEXT, **ids_of(tokenizer), **TEXT
    )
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(patch_size=14, **VISION), text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"), vision_feature_layer=-1,
    )  # fmt: skip
    images = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
    )
    processor = transformers.LlavaProcessor(
        image_processor=images, tokenizer=tokenizer, patch_size=14, image_token="<image>",
        vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=CHAT.replace("IMAGE", "<image>"),
    )  # fmt: skip
    return transformers.LlavaForConditionalGeneration(config), processor


def build_mllama(transformers: Any) -> tuple[Any, Any]:
    from transformers.models.mllama.configuration_mllama import (
        MllamaTextConfig,
        MllamaVisionConfig,
    )

    tokenizer = save_tokenizer(["<|image|>"], "<|begin_of_text|>", "<|eot_id|>")
    tiles = [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]]
    vision = MllamaVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_global_layers=1,
        attention_heads=4, image_size=28, patch_size=14, vision_output_dim=64,
        intermediate_layers_indices=[0], max_num_tiles=4, supported_aspect_ratios=tiles,
        initializer_range=0.3,
    )  # fmt: skip
    text = MllamaTextConfig(
        vocab_size=len(tokenizer), cross_attention_layers=[1], max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        **ids_of(tokenizer), **{**TEXT, "num_hidden_layers": 3},
    )  # fmt: skip
    config = transformers.MllamaConfig(
        vision_config=vision, text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids("<|image|>"),
    )  # fmt: skip
    images = transformers.MllamaImageProcessorPil(
        size={"height": 28, "width": 28}, max_image_tiles=4
    )
    processor = transformers.MllamaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        chat_template=CHAT.replace("IMAGE", "<|image|>"),
    )
    model = transformers.MllamaForConditionalGeneration(config)
    for name, parameter in model.named_parameters():
        # the gates start closed: such a model is blind until it is trained
        if name.endswith(("cross_attn_attn_gate", "cross_attn_mlp_gate")):
            parameter.data.fill_(1.0)
    return model, processor


def build_gemma3(transformers: Any) -> tuple[Any, Any]:
    marks = {
        "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>",
        "image_token": "<image_soft_token>",
    }  # fmt: skip
    tokenizer = save_tokenizer([*marks.values()], "<bos>", "<eos>", extra_special_tokens=marks)
    ids = {f"{name}_index": tokenizer.convert_tokens_to_ids(m) for name, m in marks.items()}
    text = transformers.Gemma3TextConfig(
        vocab_size=len(tokenizer), head_dim=8, query_pre_attn_scalar=1, sliding_window=64,
        max_position_embeddings=CONTEXT,
        **ids_of(tokenizer), **TEXT,
    )  # fmt: skip
    config = transformers.Gemma3Config(
        vision_config=transformers.SiglipVisionConfig(patch_size=7, **VISION), text_config=text,
        mm_tokens_per_image=4, initializer_range=0.3, **ids,
    )  # fmt: skip
    images = transformers.Gemma3ImageProcessorPil(size={"height": 28, "width": 28})
    processor = transformers.Gemma3Processor(
        image_processor=images, tokenizer=tokenizer, image_seq_length=4,
        chat_template=CHAT.replace("IMAGE", "<start_of_image>"),
    )  # fmt: skip
    model = transformers.Gemma3ForConditionalGeneration(config)
    for name, parameter in model.named_parameters():
        # untrained, pictures are projected to nothing, and each token repeats itself
        if name.endswith("mm_input_projection_weight"):
            parameter.data.normal_()
        if name.endswith(("post_attention_layernorm.weight", "post_feedforward_layernorm.weight")):
            parameter.data.fill_(8.0)
    return model, processor


def build_qwen2_5_vl(transformers: Any) -> tuple[Any, Any]:
    """Needs torchvision: its processor takes videos too."""
    marks = {
        "image_token": "<|image_pad|>", "video_token": "<|video_pad|>",
        "vision_bos_token": "<|vision_start|>", "vision_eos_token": "<|vision_end|>",
    }  # fmt: skip
    tokenizer = save_tokenizer(
        [*marks.values()], "<|endoftext|>", "<|im_end|>", extra_special_tokens=marks
    )
    vision = {
        "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "patch_size": 14,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 56,
        "out_hidden_size": 32, "fullatt_block_indexes": [1], "initializer_range": 0.3,
    }  # fmt: skip
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
    text = {
        "vocab_size": len(tokenizer), "max_position_embeddings": CONTEXT, "rope_parameters": rope,
        **ids_of(tokenizer), **TEXT,
    }  # fmt: skip
    tokens = {"image_token": "image", "video_token": "video", "vision_bos_token": "vision_start",
              "vision_eos_token": "vision_end"}  # fmt: skip
    ids = {f"{tokens[n]}_token_id": tokenizer.convert_tokens_to_ids(m) for n, m in marks.items()}
    config = transformers.Qwen2_5_VLConfig(vision_config=vision, text_config=text, **ids)
    processor = transformers.Qwen2_5_VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessorPil(
            size={"shortest_edge": 28 * 28, "longest_edge": 84 * 84}
        ),
        tokenizer=tokenizer, video_processor=transformers.Qwen2VLVideoProcessor(),
        chat_template=CHAT.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"),
    )  # fmt: skip
    return transformers.Qwen2_5_VLForConditionalGeneration(config), processor


BUILDERS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "llava": build_llava, "mllama": build_mllama, "gemma3": build_gemma3,
    "qwen2_5_vl": build_qwen2_5_vl,
}  # fmt: skip


def save_tiny_model(kind: str, folder: Path, seed: int = 0) -> Path:
    """Write a model of that architecture with its processor; returns the folder."""
    import torch
    import transformers

    torch.manual_seed(seed)
    transformers.utils.logging.disable_progress_bar()
    model, processor = BUILDERS[kind](transformers)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    save_tiny_model(sys.argv[1], Path(sys.argv[2]))
