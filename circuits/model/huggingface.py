"""Loading a model in the Hugging Face format."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import nullcontext
from typing import Any

import torch

from circuits.model.adapters import adapter_kind, has_adapter, merged, require_mergeable
from circuits.model.bridge import Loaded, with_probes
from circuits.model.built_size import require_room_for_tables
from circuits.model.configuration import read_configuration
from circuits.model.fitting import GIVE, layers_left_out, times
from circuits.model.gguf_files import read_gguf
from circuits.model.processors import load_processor, load_tokenizer, make_vision
from circuits.model.reasons import refused_as
from circuits.model.sources import ModelSource, require_fitting, shapes_in
from circuits.model.weights_size import n_weights

# Codes and scales of quantized weights; adapters that were saved among the weights.
_CHANGES_OTHERS = re.compile(
    r"(qweight|qzeros|scales|g_idx|weight_scale(_inv)?|weight_zero_point|weight_packed|input_scale|SCB|absmax"
    r"|lora_[AB]|lora_magnitude)(\.|$)"
)


def load_gguf(source: ModelSource, device: str, dtype: torch.dtype) -> Loaded:
    """A model in a GGUF file, dequantized."""
    assert source.file is not None
    module, tokenizer = read_gguf(source.file, dtype)
    return with_probes(module.to(device), tokenizer, None)


def load_huggingface(source: ModelSource, device: str, dtype: torch.dtype) -> Loaded:
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    with refused_as(f"could not be loaded from {source.folder}"):
        _require_no_code(source)
        config = read_configuration(source)
        reads_images = type(config) in AutoModelForImageTextToText._model_mapping and hasattr(config, "vision_config")
        if not reads_images and type(config) not in AutoModelForCausalLM._model_mapping:
            kind = getattr(config, "model_type", type(config).__name__)
            if getattr(config, "is_encoder_decoder", False):
                raise ValueError(
                    f"it is of type {kind!r}, an encoder-decoder model; circuits are found in models of a decoder "
                    "alone, such as GPT-2 or Llama."
                )
            raise ValueError(
                f"it is of type {kind!r}, which is no language model, nor one that reads images and writes text."
            )
        method = _quantization(config)
        # Before the weights: gigabytes need not be read to learn that a package is missing.
        if has_adapter(source.folder):
            require_mergeable(source.folder)
        processor = load_processor(source) if reads_images else None
        tokenizer = load_tokenizer(source) if processor is None else processor.tokenizer
        kind: Any = AutoModelForImageTextToText if reads_images else AutoModelForCausalLM
        # What the file leaves out has the size of some large model, which would be built before it is seen not to fit.
        sizes = config.get_text_config().to_dict()
        require_fitting(source, {name: size for name, size in sizes.items() if not isinstance(size, dict)})
        require_room_for_tables(
            kind, config, dtype, source.folder / "config.json", n_numbers=None if method else n_weights(source)
        )
        with refused_as(f"its weights are quantized ({method})") if method else nullcontext():
            module, loading = kind.from_pretrained(
                source.folder,
                config=config,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                attn_implementation="eager",
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are told below, with both shapes
                # Where peft is installed, transformers would load an adapter, and tell what that lacks, not the model.
                adapter_kwargs={"subfolder": "none"},
            )
    # transformers fills missing weights with random numbers and goes on.
    if missing := sorted(loading["missing_keys"]):
        raise ValueError(f"the weights in {source.folder} lack {len(missing)} tensor(s), such as {missing[0]!r}.")
    _require_same_shapes(source, loading["mismatched_keys"])
    _require_all_read(source, loading["unexpected_keys"])
    if getattr(module, "hf_quantizer", None) is None:
        _require_plain(source)
    if has_adapter(source.folder):
        with refused_as(f"its {adapter_kind(source.folder)} could not be merged into its weights"):
            module = merged(module, source.folder)
    vision = None if processor is None else make_vision(config, processor, device, dtype)
    return with_probes(module.to(device).eval(), tokenizer, vision)


def _require_no_code(source: ModelSource) -> None:
    """Raise a ValueError where only code in the model's folder could make it: that is never run."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    code = source.config.get("auto_map")
    kind = source.config.get("model_type")
    if code and kind not in CONFIG_MAPPING:
        raise ValueError(
            f"it is of type {kind!r}, which transformers does not know: code that comes with the model would have to "
            f"run ({', '.join(sorted(map(str, code)))} in config.json), and none is ever run. Use a model of a type "
            "that transformers knows, or a newer transformers."
        )


def _quantization(config: Any) -> str | None:
    """How the weights were quantized, by the model's configuration."""
    given = getattr(config, "quantization_config", None)
    if given is None:
        return None
    known = given if isinstance(given, dict) else given.to_dict()
    return str(known.get("quant_method", "by a method that config.json does not name"))


def _require_plain(source: ModelSource) -> None:
    """Raise a ValueError where matrices are stored as integers: transformers would read the codes as numbers."""
    from safetensors import safe_open

    for file in source.weight_files:
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  it is no mapping
                stored = tensors.get_slice(name)
                is_code = stored.get_dtype().startswith(("I", "U", "BOOL"))  # and not BF16
                if name.endswith("weight") and len(stored.get_shape()) > 1 and is_code:
                    raise ValueError(
                        f"{file} holds {name!r} as {stored.get_dtype()}: codes of quantized weights, of a kind that "
                        "transformers does not know here. Save the model with plain weights (dequantized)."
                    )


def _require_same_shapes(source: ModelSource, differing: Iterable[tuple[str, Sequence[int], Sequence[int]]]) -> None:
    """Raise a ValueError where tensors are of another shape than the configuration says.

    differing  name, shape in the files, shape in the model; transformers fills the latter with random numbers
    """
    found = sorted(differing)
    if found:
        name, shape, expected = found[0]
        raise ValueError(
            f"{source.folder / 'config.json'} says sizes by which {name!r} is of {times(expected)} numbers; in the "
            f"weights files it is of {times(shape)}{f', and {len(found) - 1} more differ' if found[1:] else ''}. {GIVE}"
        )


def _require_all_read(source: ModelSource, unread: Collection[str]) -> None:
    """Raise a ValueError where tensors were left out that change what others mean, or whole layers.

    unread  names of tensors in the files that the model has no place for
    """
    names = [name for file in source.weight_files for name in shapes_in(file)]
    if layers := sorted(layers_left_out(names, sorted(unread))):
        raise ValueError(
            f"the weights in {source.folder} hold layers that config.json has no place for, such as {layers[0]!r}. "
            f"{GIVE}"
        )
    if changing := sorted(name for name in unread if _CHANGES_OTHERS.search(name)):
        raise ValueError(
            f"the weights in {source.folder} hold {len(changing)} tensor(s) that belong to quantized weights or to an "
            f"adapter, such as {changing[0]!r}, and config.json does not say how they are used. Save the model with "
            "plain weights (dequantized, or the adapter merged)."
        )
